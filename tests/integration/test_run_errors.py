"""`ocpp-mqtt-bridge run` where something is in its way: one line, and a helpful one."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
QUIET = ("--mqtt-url", "mqtt://127.0.0.1:1", "--http-listen", "")


@pytest.fixture
def occupied() -> Iterator[str]:
    """Return an address on which somebody listens already."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def run(data_dir: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {name: value for name, value in os.environ.items() if name[:7] != "BRIDGE_"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "run", "--data-dir", str(data_dir), *QUIET, *arguments),
        cwd=REPOSITORY,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def error_of(data_dir: Path, *arguments: str) -> str:
    """Run until it ends by itself, which must be with exit code 1, and return its last line."""
    async with run(data_dir, *arguments) as process:
        _, stderr = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"Traceback" not in stderr
    return stderr.decode().splitlines()[-1]


async def test_the_port_is_taken(tmp_path: Path, occupied: str) -> None:
    line = await error_of(tmp_path, "--ocpp-listen", occupied)

    assert line == f"error: cannot listen on {occupied} (ocpp.listen): Address already in use"


async def test_the_host_is_not_ours(tmp_path: Path) -> None:
    line = await error_of(tmp_path, "--ocpp-listen", "192.0.2.1:0")

    assert line.startswith("error: cannot listen on 192.0.2.1:0 (ocpp.listen): ")


async def test_the_port_for_http_is_taken(tmp_path: Path, occupied: str) -> None:
    line = await error_of(tmp_path, "--ocpp-listen", "127.0.0.1:0", "--http-listen", occupied)

    assert line == f"error: cannot listen on {occupied} (http.listen): Address already in use"


async def test_http_for_everybody_needs_to_be_wanted(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('[http]\nlisten = "0.0.0.0:0"\nauth = "none"\n', encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name[:7] != "BRIDGE_"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "run", "--config", str(file), "--data-dir", str(tmp_path)),
        cwd=REPOSITORY,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b'http: auth = "none" lets everybody command who reaches 0.0.0.0:0' in stderr


async def test_the_data_dir_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    line = await error_of(tmp_path / "file" / "data", "--ocpp-listen", "127.0.0.1:0")

    assert line.startswith(f"error: cannot make data_dir {tmp_path}/file/data: ")


async def test_no_broker_is_said_and_not_fatal_and_a_second_bridge_is_refused(
    tmp_path: Path,
) -> None:
    async with run(tmp_path, "--ocpp-listen", "127.0.0.1:0") as first:
        assert first.stderr is not None
        async with asyncio.timeout(20):
            while b"still no broker: check mqtt.url" not in await first.stderr.readline():
                pass

        line = await error_of(tmp_path, "--ocpp-listen", "127.0.0.1:0")
        assert f"is in use by another bridge (process {first.pid})" in line

        first.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(first.wait(), 10) == 0
