"""A PostgreSQL server of the tests' own, from the distribution's package."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import asyncpg
import psutil

from bridge.demo.broker import free_port
from tests.brokers import LOOPBACK

START_SECONDS: Final = 30.0
USER: Final = "bridge"
DATABASE: Final = "bridge"
_END_CONNECTIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    f" WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()"
)
PASSWORD: Final = "p@ss/word"
_DEBIAN: Final = Path("/usr/lib/postgresql")

T = TypeVar("T")


@cache
def find_programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, None where there is no server to start.

    BRIDGE_TESTS_POSTGRES names it where it is to be another than the newest that is installed.
    """
    chosen = os.environ.get("BRIDGE_TESTS_POSTGRES")
    if chosen:
        return Path(chosen) if _has_a_server(Path(chosen)) else None
    candidates = [Path(found).parent for found in [shutil.which("postgres")] if found]
    if shutil.which("pg_config"):
        told = subprocess.run(
            ["pg_config", "--bindir"], capture_output=True, text=True, check=True
        )
        candidates.append(Path(told.stdout.strip()))
    candidates += sorted(
        _DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    return next((each for each in candidates if _has_a_server(each)), None)


def _has_a_server(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("initdb", "postgres"))


class PostgresServer:
    """A private cluster on the loopback; its files outlive a kill, not `remove`.

    It does not wait for the disk (fsync off): what a kill of the server leaves is in the kernel.
    PostgreSQL refuses to run as root, so that root lends the folder to another user.
    """

    def __init__(self) -> None:
        """Make the cluster; `start` runs it."""
        programs = find_programs()
        assert programs is not None, "mark the test with pytest.mark.postgres"
        self._programs = programs
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_database = False
        self._folder = Path(tempfile.mkdtemp(prefix="bridge-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        self._run(
            "initdb",
            *("--pgdata", str(self._folder / "data"), "--no-sync", "--no-instructions"),
            *("--username", USER, "--pwfile", str(secret), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C"),
        )

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:p%40ss%2Fword@{LOOPBACK}:{self.port}/{database}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Run the server; returns once it lets clients in."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": 60,
            "log_checkpoints": "off",
        }
        arguments = [part for item in options.items() for part in ("-c", f"{item[0]}={item[1]}")]
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                # after a kill the last of its processes may still be on their way out
                assert time.monotonic() < deadline, self.log
                self._process = self._spawn(arguments)
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server as `kill -9` does: all its processes, at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it without leave of its clients; it recovers at the next start (immediate)."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Stop every process of the server from doing anything (SIGSTOP)."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal_all(signal.SIGCONT)

    def remove(self) -> None:
        """End it and delete its files."""
        if self._process is not None:
            self.stop()
        shutil.rmtree(self._folder)

    def empty_database(self) -> str:
        """Return the URL of a database that is empty, always the same: new ones cost 7 MB each."""
        if not self._has_database:
            self.query(f"CREATE DATABASE {DATABASE}")
            self._has_database = True
        self.query(f"ALTER DATABASE {DATABASE} RESET ALL")
        url = self.url(DATABASE)
        self.query(f"{_END_CONNECTIONS};\nDROP SCHEMA IF EXISTS ocpp_mqtt_bridge CASCADE", url)
        return url

    def end_connections(self) -> None:
        """End all connections to that database, as its administrator would."""
        self.query(_END_CONNECTIONS)

    def query(self, statement: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of the last of some statements; may be called while a loop runs."""

        async def fetched() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(url or self.url())
            try:
                await connection.execute("SET search_path TO ocpp_mqtt_bridge, public")
                *others, last = statement.split(";\n")
                for each in others:
                    await connection.execute(each)
                return [tuple(row) for row in await connection.fetch(last)]
            finally:
                await connection.close()

        return in_a_thread(lambda: asyncio.run(fetched()))

    # --- Its processes --------------------------------------------------------------------

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._folder,
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
            **self._as_user,
        )

    def _spawn(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._folder / "data"), *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_user,
            )

    @property
    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": self._user, "extra_groups": []}

    def _answers(self) -> bool:
        try:
            return self.query("SELECT 1") == [(1,)]
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None, "the server does not run"
        if number == signal.SIGKILL:
            self._signal_all(number, process)
        else:
            process.send_signal(number)
        process.wait(START_SECONDS)

    def _signal_all(
        self, number: signal.Signals, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        running = process or self._process
        assert running is not None, "the server does not run"
        first = psutil.Process(running.pid)
        for each in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server while in the context."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def in_a_thread(work: Callable[[], T]) -> T:
    """Do what needs a loop of its own, while the caller's runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


class PostgresProxy:
    """A way to the server that fails where a test wants it to."""

    COMMIT: Final = b"COMMIT\x00"
    """As the simple query protocol has it."""

    def __init__(self, url: str) -> None:
        """Lead to the database of a URL."""
        self._url = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut_before_commit = False
        """Once: break the connection instead of passing a COMMIT on."""
        self.cut_after_commit = False
        """Once: break it when the server has carried a COMMIT out, instead of telling."""
        self.silent = False
        """Pass nothing on any more, in no direction, and leave all connections open."""

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user = self._url.netloc.rpartition("@")[0]
        return self._url._replace(netloc=f"{user}@{LOOPBACK}:{port}").geturl()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break all connections."""
        for stream in self._streams:
            stream.transport.abort()
        self._streams.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._url.port is not None
        answers, server = await asyncio.open_connection(LOOPBACK, self._url.port)
        self._streams |= {writer, server}
        lost = asyncio.Event()
        for work in (self._ask(reader, server, lost), self._answer(answers, writer, lost)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                if self.COMMIT in piece and self.cut_before_commit:
                    self.cut_before_commit = False
                    self.cut()
                    return
                if self.COMMIT in piece and self.cut_after_commit:
                    self.cut_after_commit = False
                    lost.set()
                if not self.silent:
                    sink.write(piece)
        sink.close()

    async def _answer(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                if lost.is_set():
                    self.cut()
                    return
                if not self.silent:
                    sink.write(piece)
        sink.close()
