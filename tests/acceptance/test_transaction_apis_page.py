"""docs/how-to/use-the-transaction-apis.md, command by command against a live bridge."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from bridge.cli import main
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.simulation import simulated
from tests.acceptance.witness import Witness
from tests.brokers import LOOPBACK

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/use-the-transaction-apis.md"
PATIENCE_SECONDS: Final = 20
_BLOCK: Final = re.compile(r"```sh\n(.*?)```\s+```jsonc\n(.*?)```", re.DOTALL)
_REMEMBERED: Final = {
    "port_uuid": "PORT_UUID",
    "transaction_uuid": "TRANSACTION_UUID",
    "id": "QUEUE_UUID",
    "access_token": "ACCESS_TOKEN",
    "TransactionID": "TRANSACTION_ID",
}
"""What later commands of the page need of an answer."""


@pytest.fixture
def options() -> Options:
    return {"http": {"listen": f"{LOOPBACK}:0", "auth": "token"}}


def alike(told: Any, shown: Any) -> bool:
    """Say whether an answer is what the page shows, as far as the page means it."""
    if isinstance(shown, dict):
        return (
            isinstance(told, dict)
            and told.keys() == shown.keys()
            and all(alike(told[key], value) for key, value in shown.items())
        )
    if isinstance(shown, list):
        return isinstance(told, list) and len(told) == len(shown) and all(map(alike, told, shown))
    if isinstance(shown, str) and isinstance(told, str):
        pattern = ".*".join(map(re.escape, shown.split("...")))
        return re.fullmatch(pattern, told, re.DOTALL) is not None
    if isinstance(shown, bool) or shown is None:
        return told is shown
    return isinstance(told, int | float) and not isinstance(told, bool)


async def answer_of(command: str, environment: dict[str, str]) -> Any:
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", command),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (command, err)
    return orjson.loads(out)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_every_command_of_the_page_answers_as_it_says(
    bridge: Bridge, witness: Witness, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bridge.app.http is not None
    scopes = ("--scope", "read", "--scope", "control")
    arguments = ("token", "create", "--data-dir", str(tmp_path / "data"), "--name", "app", *scopes)
    assert main(arguments) == 0
    environment = {
        "BRIDGE": f"http://{LOOPBACK}:{bridge.app.http.port}",
        "TOKEN": capsys.readouterr().out.split()[-1],
    }
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == PAGE.read_text(encoding="utf-8").count("```sh\n")

    async with simulated(bridge.url, version="2.0.1") as car:
        await car.until_current(16)
        await witness.until("SIM001/1/meter", currentA=[16] * 3)
        for command, shown in blocks:
            expected = orjson.loads(shown)
            told = await answer_of(command, environment)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not alike(told, expected):
                    # only what is in the queue becomes what the page shows
                    assert "/queue/" in command, f"{command}{told}"
                    await asyncio.sleep(0.05)
                    told = await answer_of(command, environment)
            first = told[0] if isinstance(told, list) else told
            environment |= {name: first[key] for key, name in _REMEMBERED.items() if key in first}


@pytest.mark.parametrize(
    ("told", "shown", "same"),
    [
        ({"a": "x"}, {"a": "..."}, True),
        ({"a": "x", "b": 1}, {"a": "..."}, False),
        ({"a": None}, {"a": "..."}, False),
        ({"a": 5}, {"a": 7}, True),
        ({"a": True}, {"a": 7}, False),
        ({"a": "until now."}, {"a": "until ..."}, True),
        ([1, 2], [1], False),
        (None, None, True),
    ],
)
def test_what_counts_as_the_same(*, told: Any, shown: Any, same: bool) -> None:
    assert alike(told, shown) is same
