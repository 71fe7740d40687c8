"""What is built runs: the wheel in an environment of its own, the image's and the add-on's start.

The wheel is built out of what the Dockerfile copies, and nothing else.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from bridge.demo.broker import free_port
from tests.brokers import LOOPBACK, MosquittoProcess
from tests.mqtt_probe import MqttProbe

pytestmark = pytest.mark.timeout(400)  # a busy machine takes its time to install

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
ADDON: Final = ROOT / "addon/ocpp_mqtt_bridge"
INSTALL_SECONDS: Final = 350
PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An environment that has our wheel and what it asks for, and nothing else."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin/python")

    @property
    def program(self) -> str:
        return str(self.folder / "bin/ocpp-mqtt-bridge")

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment that a program of it is started in: without our settings."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BRIDGE_", "PYTHON"))
        }
        return {**kept, "PATH": f"{self.folder / 'bin'}:{kept.get('PATH', '')}", **more}


def run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=INSTALL_SECONDS)


def copied_by_the_dockerfile() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    source.mkdir()
    for name in copied_by_the_dockerfile():
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(base), ".", cwd=source)
    (wheel,) = base.glob("*.whl")
    environment = Installed(folder=base / "venv")
    run(sys.executable, "-m", "venv", "--without-pip", str(environment.folder), cwd=base)
    pip = (sys.executable, "-m", "pip", "--python", environment.python)
    run(*pip, "install", "--quiet", "--no-compile", str(wheel), cwd=base)
    return environment


@asynccontextmanager
async def running(
    *command: str, environment: Mapping[str, str], cwd: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while in the context."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.communicate()


async def line_with(process: asyncio.subprocess.Process, words: str) -> str:
    """Return the next line of a program that has these words."""
    assert process.stdout is not None
    seen = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in process.stdout:
            seen.append(line.decode())
            if words in seen[-1]:
                return seen[-1]
    raise AssertionError(f"it ended without {words!r}:\n{''.join(seen)}")


# --- the wheel


@pytest.mark.mosquitto
async def test_the_wheel_by_itself_runs_the_demo_with_its_page(
    installed: Installed, tmp_path: Path
) -> None:
    http = free_port()
    ports = ("--mqtt-port", free_port(), "--ocpp-port", free_port(), "--http-port", http)
    async with running(
        *(installed.program, "demo", "--plain", "--seconds", "3", *map(str, ports)),
        environment=installed.environment(PYTHONUNBUFFERED="1"),
        cwd=tmp_path,
    ) as demo:
        assert f"http://{LOOPBACK}:{http}/" in await line_with(demo, "HTTP")
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{http}") as client:
            for path in ("/", "/static/main.js", "/static/page.css", "/openapi.json"):
                assert (await client.get(path)).status_code == 200, path
        await line_with(demo, "SIM001/1 state Idle")
        await demo.communicate()
        assert demo.returncode == 0


# --- the image


def image(instruction: str) -> str:
    """Return the arguments of the last instruction of a kind in the Dockerfile."""
    found: str = re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)[-1]
    return found


async def healthy(installed: Installed, port: int, cwd: Path) -> bool:
    """Run the image's health check, on another port than the image's."""
    command = json.loads(image("HEALTHCHECK").partition(" CMD ")[2])
    command = [each.replace(":8080/", f":{port}/") for each in command]
    async with running(*command, environment=installed.environment(), cwd=cwd) as check:
        await check.communicate()
        return check.returncode == 0


async def test_the_image_starts_is_healthy_and_wants_a_token(
    installed: Installed, tmp_path: Path
) -> None:
    port = free_port()
    settings = dict(each.split("=", 1) for each in shlex.split(image("ENV")))
    assert settings.pop("PATH").startswith("/opt/ocpp-mqtt-bridge/bin:")
    assert settings == {"BRIDGE_BRIDGE__DATA_DIR": "/data", "BRIDGE_HTTP__LISTEN": "0.0.0.0:8080"}
    environment = installed.environment(
        BRIDGE_BRIDGE__DATA_DIR=str(tmp_path / "data"),
        BRIDGE_HTTP__LISTEN=f"0.0.0.0:{port}",
        BRIDGE_OCPP__LISTEN=f"{LOOPBACK}:{free_port()}",
        BRIDGE_MQTT__URL=f"mqtt://{LOOPBACK}:1",
    )
    command = json.loads(image("ENTRYPOINT")) + json.loads(image("CMD"))
    assert command == ["ocpp-mqtt-bridge", "run"]
    assert not await healthy(installed, port, tmp_path)

    async with running(installed.program, "run", environment=environment, cwd=tmp_path) as bridge:
        await line_with(bridge, "listening for HTTP")
        assert await healthy(installed, port, tmp_path)
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as client:
            assert (await client.get("/")).status_code == 200
            assert (await client.get("/api/v1/stations")).status_code == 401
        bridge.terminate()
        await bridge.communicate()
        assert bridge.returncode == 0


# --- the add-on


class Supervisor:
    """Answers as Home Assistant's does: which broker there is, for who shows the token."""

    TOKEN: Final = "of-the-supervisor"

    def __init__(self, service: Mapping[str, Any]) -> None:
        self._answer = json.dumps({"result": "ok", "data": service}).encode()
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.splitlines()[0])
        known = f"Authorization: Bearer {self.TOKEN}" in head
        status = "200 OK" if known else "403 Forbidden"
        size = len(self._answer)
        writer.write(f"HTTP/1.0 {status}\r\nContent-Length: {size}\r\n\r\n".encode())
        writer.write(self._answer)
        await writer.drain()
        writer.close()


@pytest.mark.mosquitto
@pytest.mark.mqtt5
async def test_the_add_on_takes_home_assistants_broker_and_tells_a_token(
    installed: Installed, tmp_path: Path
) -> None:
    data, http = tmp_path / "data", free_port()
    data.mkdir()
    config = ADDON / "config.yaml"
    options = {"unknown_stations": "accept", "installation_max_a": 20, "log_level": "info"}
    assert config.is_file()
    (data / "options.json").write_text(json.dumps(options), encoding="utf-8")
    directory = tmp_path / "mosquitto"
    directory.mkdir()
    async with MosquittoProcess(directory, users={"addons": "p:w @1"}) as broker:
        supervisor = Supervisor(
            {
                "host": LOOPBACK,
                "port": broker.port,
                "ssl": False,
                "protocol": "3.1.1",
                "username": "addons",
                "password": "p:w @1",
            }
        )
        server = await asyncio.start_server(supervisor, LOOPBACK, 0)
        address = server.sockets[0].getsockname()
        environment = installed.environment(
            SUPERVISOR=f"http://{address[0]}:{address[1]}",
            SUPERVISOR_TOKEN=Supervisor.TOKEN,
            ADDON_DATA=str(data),
            ADDON_CONFIG=str(tmp_path / "none"),
            BRIDGE_HTTP__LISTEN=f"0.0.0.0:{http}",
            BRIDGE_OCPP__LISTEN=f"{LOOPBACK}:{free_port()}",
        )
        command = (installed.python, str(ADDON / "start.py"))
        async with (
            server,
            running(*command, environment=environment, cwd=tmp_path) as addon,
            MqttProbe(broker.url_of("addons"), "ocpp/v1/bridge/+/state") as probe,
        ):
            token = (await line_with(addon, "token for the status page")).split()[-1]
            state = await probe.wait_for("ocpp/v1/bridge/main/state", timeout=PATIENCE_SECONDS)
            assert state.text == "online"
            headers = {"x-api-key": token}
            url = f"http://{LOOPBACK}:{http}/api/v1/stations"
            async with httpx.AsyncClient(headers=headers) as client:
                assert (await client.get(url)).json() == {"stations": [], "next": None}
        assert supervisor.asked == ["GET /services/mqtt HTTP/1.1"]

        # The token is made once.
        server = await asyncio.start_server(supervisor, *address)
        async with server, running(*command, environment=environment, cwd=tmp_path) as again:
            first = await line_with(again, "")
            assert "token" not in first


async def test_the_add_on_says_so_where_there_is_no_broker(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "options.json").write_text("{}", encoding="utf-8")
    environment = installed.environment(
        SUPERVISOR=f"http://{LOOPBACK}:{free_port()}", ADDON_DATA=str(tmp_path)
    )
    command = (installed.python, str(ADDON / "start.py"))
    async with running(*command, environment=environment, cwd=tmp_path) as addon:
        output, _ = await addon.communicate()
        assert addon.returncode == 1
        assert output.decode().startswith("no broker: start the Mosquitto add-on, or set mqtt_url")
