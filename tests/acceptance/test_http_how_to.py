"""The commands of docs/how-to/use-the-http-api.md, typed at a live bridge: they answer as it says."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.domain.ids import StationId
from bridge.engine.clock import SystemClock
from bridge.http.problems import STATUSES
from bridge.ports import Scope
from bridge.store.tokens import create_token
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.simulation import simulated
from tests.brokers import LOOPBACK

PAGE: Final = (Path(__file__).parents[2] / "docs/how-to/use-the-http-api.md").read_text("utf-8")
BLOCK: Final = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ROW: Final = re.compile(r"^\| (\d{3}) \| (.*) \|$", re.MULTILINE)
ANY: Final = "..."
STATION: Final = StationId("SIM001")
PATIENCE_SECONDS: Final = 30


@pytest.fixture
def options() -> Options:
    return {"http": {"listen": f"{LOOPBACK}:0", "auth": "token"}}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_each_command_answers_what_the_page_says(bridge: Bridge, tmp_path: Path) -> None:
    assert bridge.app.http is not None
    token = create_token(
        tmp_path / "data", "app", [Scope.CONTROL], expires_at=None, clock=SystemClock()
    )
    environment = {
        **os.environ,
        "BRIDGE": f"http://{LOOPBACK}:{bridge.app.http.port}",
        "TOKEN": token,
    }
    answer = ""
    async with simulated(bridge.url):
        await charging(bridge)
        for language, text in BLOCK.findall(PAGE):
            if language == "python":
                assert (await run(environment, sys.executable, "-c", text)).strip() == "Charging"
            elif language == "sh" and "curl" in text:
                answer = await run(environment, "bash", "-ec", text)
            elif language == "jsonc":
                compare(json.loads(text), json.loads(answer))
            elif language == "text":
                assert answer == text.strip()


async def charging(bridge: Bridge) -> None:
    """Wait until the bridge knows that the car charges, and how."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            station = bridge.app.engine.station(STATION)
            evse = station.evses.get(1) if station else None
            meter = evse.meter if evse else None
            if meter and meter.current_a == (16.0, 16.0, 16.0):
                return
            await asyncio.sleep(0.05)


async def run(environment: Mapping[str, str], *command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, command
    return told.decode()


def compare(expected: Any, told: Any) -> None:
    """Hold an answer to the page, key by key and in the same order."""
    if isinstance(expected, dict):
        assert list(told) == list(expected)
        for name, each in expected.items():
            compare(each, told[name])
    elif isinstance(expected, list):
        assert len(told) == len(expected)
        for each, mine in zip(expected, told, strict=True):
            compare(each, mine)
    elif expected == ANY:
        assert isinstance(told, str)
    elif isinstance(expected, int | float) and not isinstance(expected, bool):
        assert isinstance(told, int | float), (expected, told)
    else:
        assert told == expected


def test_the_table_of_statuses_is_that_of_the_service() -> None:
    told = {
        code: int(status)
        for status, codes in ROW.findall(PAGE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert told == {str(code): int(status) for code, status in STATUSES.items() if status != 200}
