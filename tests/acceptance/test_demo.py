"""`ocpp-mqtt-bridge demo` as a user runs it, and what README names.

What README says is to be typed is typed in test_typed_pages.py.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from bridge.cli import COMMANDS
from bridge.demo.broker import free_port
from tests.acceptance.bridges import REPOSITORY
from tests.brokers import MosquittoProcess
from tests.mqtt_probe import MqttProbe

DEMO_SECONDS: Final = 30.0
END_SECONDS: Final = 3.0
README: Final = (REPOSITORY / "README.md").read_text(encoding="utf-8")
_PYTHON: Final = (sys.executable, "-m", "bridge")
# There is no other way to hide a Mosquitto that is installed.
_HIDE: Final = """
import sys
from bridge.cli import main
from bridge.demo import broker
broker.find_mosquitto = lambda: None
sys.argv[0] = ""
sys.exit(main())
"""
_WITHOUT_MOSQUITTO: Final = (sys.executable, "-c", _HIDE)


class Demo:
    """A demo that runs, what it has printed, and what it has started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self._process = process

    async def until(self, pattern: str) -> str:
        """Read on until a line matches, and return it."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEMO_SECONDS):
            async for raw in self._process.stdout:
                line = raw.decode().rstrip()
                self.lines.append(line)
                if re.search(pattern, line):
                    return line
        raise AssertionError("\n".join(self.lines))

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children(recursive=True)

    async def end(self, number: signal.Signals) -> float:
        """Send a signal; return how many seconds it took to end with exit code 0."""
        begin = time.monotonic()
        self._process.send_signal(number)
        async with asyncio.timeout(DEMO_SECONDS):
            rest, _ = await self._process.communicate()
        assert self._process.returncode == 0, rest.decode()
        assert b"Traceback" not in rest
        return time.monotonic() - begin


@asynccontextmanager
async def demo(temporary: Path, program: tuple[str, ...], *arguments: str) -> AsyncIterator[Demo]:
    """Run a demo whose temporary files are in an own, empty folder."""
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if name[:7] != "BRIDGE_"}
    process = await asyncio.create_subprocess_exec(
        *program,
        *("demo", "--plain", "--ocpp-port", str(free_port()), *arguments),
        cwd=REPOSITORY,
        env=environment | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def typed(command: str) -> str:
    """Type a command into a second terminal; return what it prints. It must succeed."""
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEMO_SECONDS):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


@pytest.mark.mosquitto
async def test_the_demo_shows_what_it_promises_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    port = free_port()
    async with demo(temporary, _PYTHON, "--mqtt-port", str(port)) as running:
        await running.until(r"event Updated ChargingStateChanged Charging")
        hints = {match[1]: line for line in running.lines if (match := _HINT.search(line))}
        names = "limit phases pause resume release stop start availability"
        assert list(hints) == names.split()
        said = await typed(hints["limit"])
        assert '"accepted"' in said
        assert '"done"' in said
        await running.until(r"in control: MQTT, 10 A offered")
        await typed(hints["release"])
        await running.until(r"in control: Unmanaged, 32 A offered")
        (sub,) = [line for line in running.lines if " sub --url " in line]
        assert "allocationSourceName" in await typed(f"{sub} --count 5")
        await typed(hints["stop"])
        await running.until(r"event Ended RemoteStop .*Remote")
        children = running.children
        assert [child.name() for child in children] == ["mosquitto"]
        assert await running.end(signal.SIGINT) < END_SECONDS
    assert not any(child.is_running() for child in children)
    assert not list(temporary.iterdir())


async def test_the_demo_runs_without_any_broker_installed(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    port = str(free_port())
    async with demo(temporary, _WITHOUT_MOSQUITTO, "--mqtt-port", port) as running:
        await running.until(r"event Updated ChargingStateChanged Charging")
        assert any("amqtt" in line and "3.1.1" in line for line in running.lines)
        url = f"mqtt://127.0.0.1:{port}"
        limit = "ocpp/v1/cs/SIM001/1/cmd/me/limit"
        said = await typed(
            f"{sys.executable} -m bridge pub --url {url} {limit} '{{\"limitA\":10}}'"
        )
        assert '"done"' in said
        await running.until(r"in control: MQTT, 10 A offered")
        place = "ocpp/v1/cs/SIM001/1"
        secc = await typed(f"{sys.executable} -m bridge sub --url {url} {place}/secc --count 1")
        assert '"allocationSourceName":"MQTT"' in secc
        assert not running.children
        assert await running.end(signal.SIGINT) < END_SECONDS
    assert not list(temporary.iterdir())


@pytest.mark.mosquitto
async def test_a_given_broker_is_left_as_it_was(
    tmp_path: Path, mosquitto: MosquittoProcess
) -> None:
    async with demo(tmp_path / "tmp", _PYTHON, "--broker", mosquitto.url) as running:
        await running.until(r"event Updated ChargingStateChanged Charging")
        assert await running.end(signal.SIGTERM) < END_SECONDS
    async with MqttProbe(mosquitto.url, "#") as late:
        await late.settle()
        assert not late.messages


async def test_the_demo_ends_by_itself(tmp_path: Path) -> None:
    arguments = ("--mqtt-port", str(free_port()), "--seconds", "1.5")
    async with demo(tmp_path / "tmp", _PYTHON, *arguments) as running:
        await running.until(r"SIM001/1 state")
        process = running._process
        async with asyncio.timeout(DEMO_SECONDS):
            await process.communicate()
        assert process.returncode == 0
    assert not list((tmp_path / "tmp").iterdir())


_HINT: Final = re.compile(r" pub --url \S+ ocpp/v1/cs/SIM001/1/cmd/me/(\w+) ")


# --- README ---------------------------------------------------------------------------------


def test_every_script_that_readme_names_is_there() -> None:
    for script in re.findall(r"`(script/\w+)", README):
        assert os.access(REPOSITORY / script, os.X_OK), script
    for command in re.findall(r"`ocpp-mqtt-bridge ([\w-]+)", README):
        assert command in {each.name for each in COMMANDS}
    for page in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / page).exists(), page
