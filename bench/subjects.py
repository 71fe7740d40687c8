"""What is measured: the bridge, the naive reference in two flavours, and the bare limit.

Each is a subprocess that listens on a loopback port and publishes the same topics.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.broker import Broker
from bench.process import LOOPBACK, start_logged, stop_process, wait_for_port
from bridge.demo.broker import free_port

BRIDGE_CONFIGURATION: Final = """\
[bridge]
id = "bench"
data_dir = "{data_dir}"

[mqtt]
url = "{broker}"
root = "{root}"
protocol = "{protocol}"

[ocpp]
listen = "{host}:{port}"
{tls}
[http]
listen = "{http}"

[stations]
unknown = "accept"
defaults.increase_hold_seconds = 0
defaults.min_decrease_interval_seconds = 0

[commands]
min_increase_interval_seconds = 0
allow_call = true

[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one run of a subject lives."""

    port: int
    broker: Broker
    root: str
    directory: Path
    tls_files: tuple[Path, Path] | None = None
    """Certificate and key for stations; None for plain WebSockets."""
    http_port: int | None = None
    """None where the bridge has no HTTP service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A subject that listens."""

    pid: int
    url: str
    process: asyncio.subprocess.Process


def bridge_command(place: Place) -> list[str]:
    """Write the bridge's configuration and return its command line."""
    tls = ""
    if place.tls_files is not None:
        certificate, key = place.tls_files
        tls = f'tls_cert_file = "{certificate}"\ntls_key_file = "{key}"\n'
    configuration = place.directory / "bridge.toml"
    configuration.write_text(
        BRIDGE_CONFIGURATION.format(
            data_dir=place.directory / "data",
            broker=place.broker.url,
            root=place.root,
            protocol=place.broker.protocol,
            host=LOOPBACK,
            port=place.port,
            tls=tls,
            http="" if place.http_port is None else f"{LOOPBACK}:{place.http_port}",
        )
    )
    return [sys.executable, "-m", "bridge", "run", "--config", str(configuration)]


def _module_command(module: str, *options: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        where = ["--port", str(place.port), "--broker", place.broker.url, "--root", place.root]
        return [sys.executable, "-m", module, *where, *options]

    return command


COMMANDS: Final[dict[str, Callable[[Place], Sequence[str]]]] = {
    "naive": _module_command("bench.naive"),
    "naive+nodelay": _module_command("bench.naive", "--nodelay"),
    "bare": _module_command("bench.bare"),
    "bridge": bridge_command,
}


@asynccontextmanager
async def run_subject(
    name: str,
    broker: Broker,
    root: str,
    directory: Path,
    tls_files: tuple[Path, Path] | None = None,
) -> AsyncIterator[Running]:
    """Run a subject in its own, existing and empty directory while in the context.

    Its output goes to `output.log` in that directory.

    Raises:
        ChildProcessError: it ended before it listened; the message ends with its last lines.
        TimeoutError: it does not listen within 30 s.
    """
    place = Place(
        port=free_port(), broker=broker, root=root, directory=directory, tls_files=tls_files
    )
    process = await start_logged(COMMANDS[name](place), directory / "output.log")
    scheme = "ws" if tls_files is None else "wss"
    try:
        await wait_for_port(place.port, process, directory / "output.log")
        yield Running(pid=process.pid, url=f"{scheme}://{LOOPBACK}:{place.port}", process=process)
    finally:
        await stop_process(process)
