"""Processes of the benchmark: loopback ports, start, stop, CPU time and memory of one process."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import Process
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

REPOSITORY: Final = Path(__file__).resolve().parent.parent
LOOPBACK: Final = "127.0.0.1"

_STOP_TIMEOUT_SECONDS: Final = 5.0
_LAST_OUTPUT_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used until now."""

    cpu_seconds: float
    rss_bytes: int
    threads: int


def usage(pid: int) -> Usage:
    """Return user plus system CPU time (all threads) and resident memory of a process.

    The kernel counts CPU time in ticks of 10 ms: measure windows of seconds.
    """
    process = psutil.Process(pid)
    with process.oneshot():
        cpu = process.cpu_times()
        return Usage(
            cpu_seconds=cpu.user + cpu.system,
            rss_bytes=process.memory_info().rss,
            threads=process.num_threads(),
        )


async def start_logged(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Start a process in the repository; what it prints is appended to `log`.

    `environment` adds to ours.
    """
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=REPOSITORY,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )


async def wait_for_port(
    port: int, process: Process, log: Path, timeout_seconds: float = 30
) -> None:
    """Wait until the process listens on a loopback port.

    Raises:
        ChildProcessError: the process ended first; the message ends with what it printed last.
        TimeoutError: it did not listen in time.
    """
    async with asyncio.timeout(timeout_seconds):
        while True:
            if process.returncode is not None:
                raise ChildProcessError(f"exit code {process.returncode}:\n{_last_of(log)}")
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                return
            await asyncio.sleep(0.02)


def _last_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_LAST_OUTPUT_CHARACTERS:]


async def stop_process(process: Process) -> None:
    """End a process: SIGTERM, and SIGKILL after 5 s."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def run_fast(main: Coroutine[Any, Any, None]) -> None:
    """Run a program on uvloop where it is installed, else on asyncio's own loop."""
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop  # noqa: PLC0415 - not on Windows

    uvloop.run(main)
