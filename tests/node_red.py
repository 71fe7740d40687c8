"""Node-RED from npm, as a process of its own. Mark a test that uses it with `pytest.mark.npm`."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from bridge.demo.broker import free_port

VERSION: Final = "4.1.15"
"""The last major version for Node.js 18 and 20, which distributions have."""
LOOPBACK: Final = "127.0.0.1"
INSTALL_SECONDS: Final = 240
START_SECONDS: Final = 30
STOP_SECONDS: Final = 10
_SETTINGS: Final = """\
module.exports = {
    uiHost: "%s", uiPort: %d, userDir: "%s", flowFile: "flows.json",
    credentialSecret: false, telemetry: { enabled: false },
    editorTheme: { tours: false }, logging: { console: { level: "info" } },
};
"""


def find_npm() -> str | None:
    """Return npm where it and Node.js are installed."""
    return shutil.which("npm") if shutil.which("node") else None


def installed() -> Path:
    """Return the folder that Node-RED is installed in; the first time it takes half a minute."""
    cache = Path(tempfile.gettempdir()) / f"ocpp-mqtt-bridge-tests-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    assert cache.stat().st_uid == os.getuid(), f"{cache} is somebody else's"
    folder = cache / f"node-red-{VERSION}"
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        npm = find_npm()
        assert npm is not None
        quiet = ("--no-audit", "--no-fund", "--omit=optional", "--loglevel=error")
        command = [npm, "install", *quiet, f"node-red@{VERSION}"]
        subprocess.run(
            command, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=INSTALL_SECONDS
        )
        done.touch()
    return folder


class NodeRed:
    """A running Node-RED; `deploy` gives it flows by its admin API."""

    def __init__(self, port: int, log: Path) -> None:
        self._url = f"http://{LOOPBACK}:{port}"
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    async def deploy(self, flows: list[dict[str, Any]]) -> None:
        """Take these flows instead of those there were."""
        headers = {"Node-RED-API-Version": "v2", "Node-RED-Deployment-Type": "full"}
        async with httpx.AsyncClient(base_url=self._url, timeout=START_SECONDS) as client:
            answer = await client.post("/flows", json={"flows": flows}, headers=headers)
            assert answer.status_code == 200, answer.text

    async def answers(self) -> bool:
        async with httpx.AsyncClient(base_url=self._url) as client:
            try:
                return (await client.get("/settings")).status_code == 200
            except httpx.HTTPError:
                return False


@asynccontextmanager
async def node_red(directory: Path) -> AsyncIterator[NodeRed]:
    """Run Node-RED while in the context, with its files in a folder."""
    program = await asyncio.to_thread(installed)
    port, log = free_port(), directory / "node-red.log"
    settings = directory / "settings.js"
    settings.write_text(_SETTINGS % (LOOPBACK, port, directory), encoding="utf-8")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(program / "node_modules/node-red/red.js"),
            *("--settings", str(settings)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    running = NodeRed(port, log)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await running.answers():
                assert process.returncode is None, running.log
                await asyncio.sleep(0.1)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
