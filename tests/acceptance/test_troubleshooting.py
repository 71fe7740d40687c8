"""docs/how-to/troubleshoot-a-connection.md: what it quotes from the log is what is logged."""

import asyncio
import re
import socket
import ssl
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from bridge.demo.broker import free_port
from tests.acceptance.bridges import BridgeProgram, Options
from tests.acceptance.simulation import simulated
from tests.brokers import LOOPBACK, Broker
from tests.certificates import Authority
from tests.typed_pages import ROOT, Step, pattern_of, steps

PAGE: Final = ROOT / "docs/how-to/troubleshoot-a-connection.md"
PATIENCE_SECONDS: Final = 20
VERSION: Final = "ocpp2.0.1"
PASSWORD: Final = "correct-horse-battery"


@dataclass(slots=True, kw_only=True)
class Stage:
    """A bridge that asks much of stations, and one that knows none and has no broker."""

    guarded: BridgeProgram
    strict: BridgeProgram
    tls: str
    owner: Authority
    stranger: Authority
    open: AsyncExitStack
    """Connections that stay until the end of a section."""
    said: str = ""
    """By programs that have ended."""

    @property
    def log(self) -> list[str]:
        logs = (each.log.read_text(encoding="utf-8") for each in (self.guarded, self.strict))
        return [line for text in (*logs, self.said) for line in text.splitlines()]

    async def typed(self, *arguments: str) -> str:
        """Run a command of the program with the guarded bridge's configuration."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", *arguments, "--config", str(self.guarded.file)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        return told.decode()

    async def come(
        self,
        path: str,
        *,
        url: str | None = None,
        version: str = VERSION,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect as a station, and stay."""
        sent = b64encode(f"{path}:{password}".encode()).decode()
        connection = connect(
            f"{url or self.guarded.url}/{path}",
            subprotocols=[Subprotocol(version)],
            additional_headers={"Authorization": f"Basic {sent}"} if password else None,
            ssl=tls,
        )
        await self.open.enter_async_context(connection)

    async def fail(self, path: str, **options: Any) -> None:
        """Try to connect as a station, in vain."""
        with pytest.raises((InvalidHandshake, OSError)):
            await self.come(path, **options)


@pytest.fixture
async def stage(broker: Broker, tmp_path: Path) -> AsyncIterator[Stage]:
    folders = [tmp_path / name for name in ("guarded", "strict", "owner", "stranger")]
    for folder in folders:
        folder.mkdir()
    owner = Authority(folders[2])
    certificate, key = owner.server()
    port = free_port()
    guarded: Options = {
        "ocpp": {
            "ping_interval_seconds": 1,
            "listen_tls": f"{LOOPBACK}:{port}",
            "tls_cert_file": str(certificate),
            "tls_key_file": str(key),
            "tls_client_ca_file": str(owner.file),
        },
        "stations": {
            "unknown": "pending",
            "known": {
                "BASIC": {"auth": "basic", "password": PASSWORD},
                "FORGOTTEN": {"auth": "basic"},
                "SECURE": {"auth": "basic", "password": PASSWORD, "require_tls": True},
                "MUTUAL": {"auth": "mtls"},
                "TWICE": {},
                "SILENT": {},
            },
        },
    }
    strict: Options = {
        "mqtt": {"url": f"mqtt://{LOOPBACK}:{free_port()}"},
        "stations": {"unknown": "refuse"},
    }
    async with AsyncExitStack() as stack:
        made = Stage(
            guarded=BridgeProgram(broker, folders[0], guarded),
            strict=BridgeProgram(broker, folders[1], strict),
            tls=f"wss://{LOOPBACK}:{port}",
            owner=owner,
            stranger=Authority(folders[3]),
            open=stack,
        )
        for program in (made.guarded, made.strict):
            stack.push_async_callback(program.close)
            await program.start()
        yield made


# --- what goes wrong, by the heading of the page


async def port_taken(stage: Stage) -> None:
    stage.said = await stage.typed("run", "--data-dir", str(stage.guarded.file.with_name("other")))


async def wrong_url(stage: Stage) -> None:
    await stage.fail("")
    await stage.fail("ocpp/MY%20CHARGER")


async def unknown_id(stage: Stage) -> None:
    await stage.fail("MY-CHARGER-1D", url=stage.strict.url)


async def wrong_version(stage: Stage) -> None:
    await stage.fail("TWICE", version="ocpp1.5")


async def wrong_password(stage: Stage) -> None:
    await stage.fail("BASIC")
    await stage.fail("FORGOTTEN", password=PASSWORD)


async def tls_on_one_side(stage: Stage) -> None:
    await stage.fail(
        "TWICE", url=stage.guarded.url.replace("ws:", "wss:"), tls=stage.owner.station()
    )
    await stage.fail("TWICE", url=stage.tls.replace("wss:", "ws:"))
    await stage.fail("SECURE", password=PASSWORD)


async def certificates(stage: Stage) -> None:
    # a blocking client, since asyncio hangs up before the alert has gone
    await asyncio.to_thread(shake_hands, stage.tls, stage.stranger.station())
    await stage.fail("MUTUAL", url=stage.tls, tls=stage.owner.station())
    stranger = stage.stranger.station("MUTUAL", trusted=stage.owner)
    await asyncio.to_thread(shake_hands, stage.tls, stranger)


async def waits(stage: Stage) -> None:
    newcomer = simulated(stage.guarded.url, station_ids=("NEWCOMER",))
    await stage.open.enter_async_context(newcomer)


async def comes_twice(stage: Stage) -> None:
    await stage.come("TWICE")
    await stage.come("TWICE")
    await stage.open.enter_async_context(mute_station(stage.guarded.port))


async def no_broker(stage: Stage) -> None:
    """The strict bridge has none anyway."""


def shake_hands(url: str, context: ssl.SSLContext) -> None:
    """Try to begin TLS, as far as it goes."""
    address = (LOOPBACK, int(url.rpartition(":")[2]))
    with (
        socket.create_connection(address, timeout=PATIENCE_SECONDS) as plain,
        suppress(OSError),
        context.wrap_socket(plain, server_hostname=LOOPBACK) as connection,
    ):
        connection.recv(1)


@asynccontextmanager
async def mute_station(port: int) -> AsyncIterator[None]:
    """A station that has connected and never says anything again, not even to a ping."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(
        f"GET /SILENT HTTP/1.1\r\nHost: {LOOPBACK}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: {VERSION}\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readline()
    yield
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


PROVOKED: Final[dict[str, Callable[[Stage], Awaitable[None]]]] = {
    "The bridge does not start": port_taken,
    "The URL has no id, or something else at its end": wrong_url,
    "An unknown id": unknown_id,
    "No common OCPP version": wrong_version,
    "A wrong password": wrong_password,
    "TLS on one side only": tls_on_one_side,
    "Certificates": certificates,
    "It connects, and waits": waits,
    "It connects again and again": comes_twice,
    "It connects, and nothing is on MQTT": no_broker,
}


def sections() -> Iterator[tuple[str, list[Step]]]:
    """Yield what the page quotes, by heading."""
    quoted = (each for each in steps(PAGE) if each.language == "text")
    for heading, blocks in groupby(quoted, attrgetter("heading")):
        yield heading, list(blocks)


def test_each_section_that_quotes_the_log_is_provoked() -> None:
    assert [heading for heading, _ in sections()] == list(PROVOKED)


@pytest.mark.timeout(240)  # two bridges start, four more programs run
async def test_each_line_of_the_page_is_logged_where_it_goes_wrong(stage: Stage) -> None:
    for heading, blocks in sections():
        async with AsyncExitStack() as stage.open:
            await PROVOKED[heading](stage)
            for step in blocks:
                for line in step.text.replace("9000", str(stage.guarded.port)).splitlines():
                    if heading == "It connects, and waits" and " Pending " in line:
                        await listed(stage, line)
                    else:
                        await logged(stage, heading, line)


async def logged(stage: Stage, heading: str, line: str) -> None:
    """Wait until one of the bridges has logged this."""
    fits = pattern_of(line).fullmatch
    await until(lambda: any(map(fits, stage.log)), lambda: [heading, line, *stage.log])


async def listed(stage: Stage, line: str) -> None:
    """Look at who waits, and approve it, as the page says."""
    told: list[str] = []

    async def lists(wanted: Callable[[str], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(map(wanted, told)):
                told[:] = (await stage.typed("stations", "list")).splitlines()

    await lists(pattern_of(line).fullmatch)
    await stage.typed("stations", "approve", "NEWCOMER")
    await lists(re.compile(r"NEWCOMER +Accepted.*").fullmatch)


async def until(condition: Callable[[], bool], story: Callable[[], list[str]]) -> None:
    """Wait for what another process writes into a file."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - nobody tells that a file has grown
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError("\n".join(story())) from None
