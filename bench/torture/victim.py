"""The bridge process that dies and is started again at the same place."""

import asyncio
import resource
import time
from asyncio.subprocess import Process
from collections.abc import Mapping
from typing import Final

import psutil

from bench.process import start_logged, stop_process, wait_for_port
from bench.subjects import COMMANDS, Place
from bench.wire import Wire

_NO_LIMIT: Final = resource.RLIM_INFINITY


class Victim:
    """One bridge at a time, always with the same configuration, data directory and port."""

    def __init__(self, subject: str, place: Place, wire: Wire) -> None:
        """Set up without a process."""
        self.wire = wire
        self.start_seconds: list[float] = []
        """From each start that was waited for until the bridge listened."""
        self.environment: dict[str, str] = {}
        """Added to that of each process."""
        self._subject = subject
        self._place = place
        self._log = place.directory / "bridge.log"
        self._process: Process | None = None

    async def start(
        self, *, wait: bool = True, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the bridge and wait until it listens.

        Raises:
            ChildProcessError: it ended instead.
            TimeoutError: it did not listen within 30 s.
        """
        command = COMMANDS[self._subject](self._place)
        began = time.monotonic()
        self._process = await start_logged(
            command, self._log, {**self.environment, **(environment or {})}
        )
        if wait:
            await self.listens()
            self.start_seconds.append(time.monotonic() - began)

    async def listens(self) -> None:
        """Wait until the bridge listens; raises as `start`."""
        await wait_for_port(self._place.port, self._running, self._log)

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing said."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self.wire.swallowing = False

    async def died(self, timeout_seconds: float) -> int | None:
        """Wait for it to end by itself; return the exit code, None where it did not."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._running.wait()
        except TimeoutError:
            return None

    async def stop(self) -> int | None:
        """SIGTERM; return the exit code."""
        if self._process is None:
            return None
        await stop_process(self._process)
        return self._process.returncode

    def limit_files(self, most_bytes: int | None) -> None:
        """Let no file of the bridge grow beyond a size (RLIMIT_FSIZE); None: any size."""
        limits = (_NO_LIMIT if most_bytes is None else most_bytes, _NO_LIMIT)
        psutil.Process(self._running.pid).rlimit(psutil.RLIMIT_FSIZE, limits)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the bridge was not started")
        return self._process
