"""The conversation between the benchmark and its worker processes: one JSON line each way.

A worker announces itself with one line when it is ready, then answers each request line with one
result line. Workers are separate processes so that their CPU time is not the bridge's.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

from bench.process import REPOSITORY, stop_process

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

_LINE_LIMIT_BYTES: Final = 64 * 1024 * 1024


class WorkerError(Exception):
    """A worker process ended or reported an error."""


class Worker:
    """The benchmark's end: starts `python -m module` and asks it to do things."""

    def __init__(self, process: Process, module: str) -> None:
        """Wrap a running process; use `start`."""
        self._process = process
        self._module = module

    @classmethod
    async def start(cls, module: str, *arguments: str, timeout_seconds: float = 60) -> "Worker":
        """Start a worker and wait until it is ready.

        Raises:
            WorkerError: it ended before it was ready.
            TimeoutError: it was not ready in time.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_LIMIT_BYTES,
            cwd=REPOSITORY,
        )
        worker = cls(process, module)
        try:
            await worker._line(timeout_seconds)
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def ask(self, do: str, *, timeout_seconds: float = 120, **arguments: Any) -> Any:
        """Send one request and wait for its result.

        Raises:
            WorkerError: the worker ended or answered with an error.
            TimeoutError: no result in time.
        """
        if self._process.stdin is None:
            raise WorkerError(f"{self._module} has no standard input")
        self._process.stdin.write(orjson.dumps({"do": do, **arguments}) + b"\n")
        return await self._line(timeout_seconds)

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    async def stop(self) -> None:
        """End the worker: its standard input closes, then signals."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await stop_process(self._process)

    async def _line(self, timeout_seconds: float) -> Any:
        if self._process.stdout is None:
            raise WorkerError(f"{self._module} has no standard output")
        async with asyncio.timeout(timeout_seconds):
            line = await self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self._module} ended with exit code {await self._process.wait()}")
        answer = orjson.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self._module}: {answer['error']}")
        return answer


async def serve(handlers: dict[str, Handler]) -> None:
    """Run a worker's end: announce, then answer requests until standard input closes."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say({"ready": True})
    while line := await reader.readline():
        request = orjson.loads(line)
        try:
            answer = await handlers[request.pop("do")](request)
        except Exception as error:  # noqa: BLE001 - the boundary of this process: the benchmark decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        _say(answer)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()
