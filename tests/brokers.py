"""The brokers that tests run against.

`broker_of_the_session` is what the `broker` fixture gives: Docker through testcontainers where an
engine answers, else Mosquitto where it is installed, else amqtt; BRIDGE_TESTS_BROKER=docker |
mosquitto | amqtt forces one. It is one broker for the whole session, and every test has a topic
root of its own on it, so retained messages of one test are no concern of another. Only amqtt is
started anew for every test: it sends what matches any earlier client's filter to every new client.

`MosquittoProcess` is a Mosquitto that a test has for itself: it may be killed, frozen, started
again on the same port, and configured.
"""

import asyncio
import gc
import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import pytest

from bridge.demo import broker as demo
from bridge.mqtt.tools import ToolError, protocol_of
from tests.records import replace

LOOPBACK: Final = "127.0.0.1"
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
DOCKER_IMAGE: Final = "eclipse-mosquitto:2.0"

T = TypeVar("T")


class BrokerKind(StrEnum):
    DOCKER = "docker"
    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker that is running, and this test's place on it."""

    host: str
    port: int
    kind: BrokerKind
    root: str = "ocpp"
    """First topic segment, unlike that of any other test of the session."""

    @property
    def mqtt5(self) -> bool:
        """Speaks MQTT 5; else 3.1.1 only."""
        return self.kind is not BrokerKind.AMQTT

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def with_root(self, root: str) -> "Broker":
        return replace(self, root=root)


@cache
def broker_kind() -> BrokerKind:
    """Return which broker this session uses.

    Raises:
        pytest.UsageError: BRIDGE_TESTS_BROKER names none, or one that is not here.
    """
    wanted = os.environ.get("BRIDGE_TESTS_BROKER")
    if wanted and wanted not in set(BrokerKind):
        raise pytest.UsageError(f"BRIDGE_TESTS_BROKER is {', '.join(BrokerKind)}, not {wanted!r}")
    candidates = [BrokerKind(wanted)] if wanted else list(BrokerKind)
    for kind in candidates:
        if _is_here(kind):
            return kind
    raise pytest.UsageError(f"BRIDGE_TESTS_BROKER={wanted}, but it is not to be had here")


def _is_here(kind: BrokerKind) -> bool:
    match kind:
        case BrokerKind.DOCKER:
            return _docker_answers()
        case BrokerKind.MOSQUITTO:
            return demo.find_mosquitto() is not None
        case BrokerKind.AMQTT:
            return True


def _docker_answers() -> bool:
    """Return whether an engine is here and has, or can fetch, the image."""
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415  only if asked for
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

    with warnings.catch_warnings():
        # Where no engine answers, the client leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            images = DockerClient().client.images
            try:
                images.get(DOCKER_IMAGE)
            except ImageNotFound:
                images.pull(DOCKER_IMAGE)
        except (DockerException, OSError):
            return False
        else:
            return True
        finally:
            gc.collect()


@contextmanager
def broker_of_the_session(directory: Path) -> Iterator[Broker | None]:
    """Run the broker of `broker_kind` while in the context; None where that is amqtt."""
    match broker_kind():
        case BrokerKind.DOCKER:
            with _docker_broker() as broker:
                yield broker
        case BrokerKind.MOSQUITTO:
            with _in_background(MosquittoProcess(directory)) as process:
                yield Broker(host=LOOPBACK, port=process.port, kind=BrokerKind.MOSQUITTO)
        case BrokerKind.AMQTT:
            yield None


@contextmanager
def amqtt_broker() -> Iterator[Broker]:
    """Run amqtt as the demo does, in a thread, so that no test's own loop has to serve it."""
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            _in_background(_demo_without_mosquitto(patch)) as handle,
        ):
            port = int(handle.url.rpartition(":")[2])
            yield Broker(host=LOOPBACK, port=port, kind=BrokerKind.AMQTT)
    finally:
        with warnings.catch_warnings():
            # It leaves connections that clients have just closed to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def _demo_without_mosquitto(
    patch: pytest.MonkeyPatch,
) -> AbstractAsyncContextManager[demo.BrokerHandle]:
    patch.setattr(demo, "find_mosquitto", lambda: None)
    return demo.demo_broker(port=demo.free_port())


@contextmanager
def _docker_broker() -> Iterator[Broker]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    # The configuration is part of the image: port 1883, anonymous.
    container = DockerContainer(DOCKER_IMAGE, command="mosquitto -c /mosquitto-no-auth.conf")
    with container.with_exposed_ports(1883) as running:
        host = running.get_container_host_ip()
        port = int(running.get_exposed_port(1883))
        asyncio.run(_wait_until_it_answers(f"mqtt://{host}:{port}"))
        yield Broker(host=host, port=port, kind=BrokerKind.DOCKER)


async def _wait_until_it_answers(url: str) -> None:
    """Wait for a CONNACK: Docker's proxy accepts connections before the broker does."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                await protocol_of(url)
            except ToolError:
                await asyncio.sleep(0.05)
            else:
                return


@contextmanager
def _in_background(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Hold an async context in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="broker", daemon=True)
    thread.start()
    try:
        entered = asyncio.run_coroutine_threadsafe(_enter(manager), loop).result()
        try:
            yield entered
        finally:
            asyncio.run_coroutine_threadsafe(_leave(manager), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _enter(manager: AbstractAsyncContextManager[T]) -> T:
    return await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[object]) -> None:
    await manager.__aexit__(None, None, None)


class MosquittoProcess:
    """A Mosquitto of one's own on the loopback; async context manager, or start and stop."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        persistent: bool = False,
        users: Mapping[str, str] | None = None,
        acl: Path | None = None,
        configuration: str | None = None,
    ) -> None:
        """Prepare a broker whose files are in `directory`.

        Args:
            directory: An own folder of this broker.
            port: TCP port; a free one without it. It stays the same over restarts.
            persistent: Sessions and retained messages outlive a restart; a kill may lose the
                newest, because Mosquitto saves a moment after it has acknowledged.
            users: Passwords by user name; without it everybody is let in.
            acl: An access control list, in Mosquitto's format.
            configuration: A whole mosquitto.conf instead of one made from the above.
        """
        self.directory = directory
        self.port = port or demo.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._users = users
        if users is not None:
            write_password_file(self._password_file, users)
        text = configuration or self._default_configuration(persistent=persistent, acl=acl)
        self._configuration = directory / "mosquitto.conf"
        self._configuration.write_text(text, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"mqtt://{LOOPBACK}:{self.port}"

    def url_of(self, user: str) -> str:
        """Return the URL with the name and password of one of the users."""
        password = (self._users or {})[user]
        return f"mqtt://{quote(user, safe='')}:{quote(password, safe='')}@{LOOPBACK}:{self.port}"

    @property
    def log(self) -> str:
        """What the broker has written since it was made, over all its lives."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start the broker and return when it answers."""
        self._process = self._spawn()
        await self._wait_until_it_listens()

    async def stop(self) -> None:
        """End the broker politely (it saves its data); does nothing where it does not run."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End the broker as a power cut would."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stop and start on the same port with the same files."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """Stop it from doing anything while its connections stay open (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen broker go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.running:
            self.thaw()
        await self.stop()

    @property
    def _log_file(self) -> Path:
        return self.directory / "mosquitto.log"

    @property
    def _password_file(self) -> Path:
        return self.directory / "users"

    def _default_configuration(self, *, persistent: bool, acl: Path | None) -> str:
        lines = [
            f"listener {self.port} {LOOPBACK}",
            f"allow_anonymous {str(self._users is None).lower()}",
            "set_tcp_nodelay true",
            "max_inflight_messages 1000",
            "max_queued_messages 100000",
            f"persistence {str(persistent).lower()}",
            *runs_as(),
        ]
        if persistent:
            lines += [
                f"persistence_location {self.directory}/",
                "autosave_on_changes true",
                "autosave_interval 1",
            ]
        if self._users is not None:
            lines.append(f"password_file {self._password_file}")
        if acl is not None:
            lines.append(f"acl_file {acl}")
        return "\n".join([*lines, ""])

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = demo.find_mosquitto()
        assert program is not None, "mark the test with pytest.mark.mosquitto"
        with self._log_file.open("ab") as log:
            # Not asyncio's subprocess: one started in a fixture's loop may end in a test's.
            return subprocess.Popen(
                [program, "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _wait_until_it_listens(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while not await self._listens():
                assert self.running, f"mosquitto ended at once:\n{self.log}"
                await asyncio.sleep(0.01)

    async def _listens(self) -> bool:
        try:
            _reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._signal(number)
        await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the broker does not run"
        self._process.send_signal(number)


def runs_as() -> list[str]:
    """Return the line that lets Mosquitto read a temporary folder where the tests run as root."""
    return ["user root"] if os.geteuid() == 0 else []


def write_password_file(path: Path, users: Mapping[str, str]) -> None:
    """Write a password file with Mosquitto's own program, which salts and hashes."""
    path.touch(mode=0o600)
    for user, password in users.items():
        command = ["mosquitto_passwd", "-b", str(path), user, password]
        subprocess.run(command, check=True, capture_output=True, timeout=START_SECONDS)


def unique_root() -> str:
    """Return a topic root that no other test has, one segment."""
    return f"t{time.monotonic_ns():x}"
