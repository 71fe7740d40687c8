"""`/api/ws` of a charge controller, for a station of OCPP: pushes and commands of two lines."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from bridge.app import Application
from bridge.domain.commands import ResultCode
from bridge.engine.clock import SystemClock
from bridge.http.problems import RequestError
from bridge.ports import Scope
from bridge.store.tokens import create_token, revoke_token
from tests.acceptance.bridges import Options
from tests.acceptance.stations import RawStation, Session, amperes, currents, played
from tests.integration.http.test_secc_api import NOTHING_SET, TOPICS, profiles

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 30


def url(bridge: Application, path: str = "/api/ws", login: str = "") -> str:
    assert bridge.http is not None
    return f"ws://{login}{LOOPBACK}:{bridge.http.port}{path}"


async def pushed(socket: ClientConnection) -> tuple[str, Any]:
    """Return topic and message of what comes next."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        document = orjson.loads(await socket.recv())
    assert list(document) == ["topic", "message"]
    return document["topic"], document["message"]


async def until(socket: ClientConnection, topic: str, **expected: Any) -> Any:
    """Wait until a document of a topic has these values, and return it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found, message = await pushed(socket)
            if found == topic and all(message[key] == value for key, value in expected.items()):
                return message


async def test_everything_at_first_then_each_change(
    bridge: Application, station: RawStation
) -> None:
    for path in ("/api/ws", "/api/ws?station=CS1&evse=1", "/secc/CS1/1/api/ws"):
        async with connect(url(bridge, path)) as socket:
            assert [(await pushed(socket))[0] for _ in TOPICS] == list(TOPICS)
    session = Session()
    async with connect(url(bridge)) as socket:
        await until(socket, "limits", **NOTHING_SET)
        await station.call("TransactionEvent", session.started())
        assert (await pushed(socket))[0] == "configuration"  # another session
        topic, transaction = await pushed(socket)
        assert (topic, transaction["state"]) == ("transaction", "Charging")
        await station.event(session, "Updated", meterValue=currents(16, 16, 16))
        charging = await until(socket, "charging", amperage=[16.0, 16.0, 16.0])
        assert charging["lastActivePower"] == 11_040.0


async def test_everything_again_from_time_to_time(
    bridge: Application, station: RawStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.http.secc_api.PUSH_SECONDS", 0.05)
    async with connect(url(bridge)) as socket:
        told = [(await pushed(socket))[0] for _ in range(12)]
    assert told == [*TOPICS] * 3


async def test_commands_of_two_lines(bridge: Application, station: RawStation) -> None:
    async with connect(url(bridge)) as socket:
        await socket.send("setCurrentLimit\n8.5")
        await until(socket, "limits", amperageLimit=8.5, enabled=False)
        await socket.send("setEnabled\ntrue")
        assert amperes((await station.asked("SetChargingProfile"))["chargingProfile"]) == 8.5
        await until(socket, "transaction", allocationSourceName="API")
        for nonsense in ("hello", "setEnabled\nperhaps", "setCurrentLimit\n-1", "", "x" * 4000):
            await socket.send(nonsense)
        await socket.send(b"setEnabled\nfalse")  # not a text
        await socket.send("setPowerLimit\n4830")
        await until(socket, "charging", availableAmperage=7.0, commandedAmperage=7.0)
        await socket.send("setTimeout\n60000")
        await until(socket, "limits", timeout=60_000, powerLimit=4830)
        await socket.send("setEnabled\nfalse")
        await until(socket, "transaction", allocationSourceName="Unmanaged")
    assert profiles(station) == [8.5, 7.0, None]


async def test_without_a_heartbeat_the_lease_lapses(
    bridge: Application, station: RawStation
) -> None:
    async with connect(url(bridge)) as socket:
        for command in ("setTimeout\n1000", "setCurrentLimit\n10", "setEnabled\ntrue"):
            await socket.send(command)
        await until(socket, "transaction", allocationSourceName="API")
        await until(socket, "limits", **NOTHING_SET)
        await until(socket, "transaction", allocationSourceName="Unmanaged")
    assert profiles(station) == [10.0, None]


async def test_of_a_flood_of_commands_the_last_one_holds(
    bridge: Application, station: RawStation
) -> None:
    async with connect(url(bridge)) as socket:
        await socket.send("setEnabled\ntrue")
        for tenths in range(60, 260):
            await socket.send(f"setCurrentLimit\n{tenths / 10}")
        await until(socket, "limits", amperageLimit=25.9, enabled=True)
        await until(socket, "charging", availableAmperage=25.9)
    assert profiles(station)[-1] == 25.9


async def test_a_command_that_comes_too_soon_is_tried_again(
    bridge: Application, station: RawStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = 2

    def refuse_at_first(_service: object, _controller: str) -> None:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise RequestError(ResultCode.RATE_LIMITED, "too many commands of this controller")

    monkeypatch.setattr("bridge.http.secc_control.check_rate", refuse_at_first)
    monkeypatch.setattr("bridge.http.secc_api.RETRY_SECONDS", 0.05)
    async with connect(url(bridge)) as socket:
        for command in ("setCurrentLimit\n8", "setEnabled\ntrue", "setCurrentLimit\n9"):
            await socket.send(command)
        await until(socket, "limits", amperageLimit=9.0, enabled=True)
    assert refusals < 0


async def test_who_hangs_up_leaves_the_lease(bridge: Application, station: RawStation) -> None:
    async with connect(url(bridge)) as socket:
        await socket.send("setCurrentLimit\n10")
        await socket.send("setEnabled\ntrue")
        await station.asked("SetChargingProfile")
        socket.transport.abort()
    async with connect(url(bridge)) as socket:
        await until(socket, "limits", amperageLimit=10.0, enabled=True)
        await socket.send("setCurrentLimit\nNaN")
        await until(socket, "limits", amperageLimit=None)
    assert profiles(station) == [10.0, None]


async def test_while_the_station_is_offline_nothing_is_pushed(
    bridge: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.http.secc_api.PUSH_SECONDS", 0.05)
    host = f"ws://{LOOPBACK}:{bridge.server.port}"
    async with played(host) as station:
        await station.boot()
        before = await connect(url(bridge)).__aenter__()
        await until(before, "limits")
    async with before, asyncio.timeout(PATIENCE_SECONDS):
        while True:  # what was on its way when it went
            try:
                async with asyncio.timeout(1):
                    await before.recv()
            except TimeoutError:
                break
        async with connect(url(bridge)) as later:
            await later.send("setEnabled\nfalse")  # as evcc does; it leads to nothing
            async with played(host) as station:
                await station.status("Unavailable")
                for socket in (before, later):
                    await until(socket, "transaction", state="Unavailable")


async def test_who_is_not_let_in(bridge: Application, station: RawStation) -> None:
    foreign = Origin("http://evil.test")
    for path, origin, status in (
        ("/api/ws", foreign, 403),
        ("/secc/CS1/1/api/ws", foreign, 403),
        ("/secc/CS1/2/api/ws", None, 404),
        ("/api/ws?station=CS2", None, 404),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(bridge, path), origin=origin).__aenter__()
        assert refused.value.response.status_code == status


class TestTokens:
    @pytest.fixture
    def options(self) -> Options:
        return {"http": {"auth": "token"}}

    async def test_who_may_only_read_cannot_write_and_who_is_revoked_goes(
        self, bridge: Application, data_dir: Path, station: RawStation
    ) -> None:
        def token(name: str, scope: Scope) -> str:
            return create_token(data_dir, name, [scope], expires_at=None, clock=SystemClock())

        viewer, evcc = token("viewer", Scope.READ), token("evcc", Scope.CONTROL)
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(bridge)).__aenter__()
        assert refused.value.response.status_code == 401
        # both show it in the URL, the only thing that some clients can be told
        async with (
            connect(url(bridge, login=f"any:{viewer}@")) as looking,
            connect(url(bridge, "/secc/CS1/1/api/ws", f"evcc:{evcc}@")) as controlling,
        ):
            for command in ("setCurrentLimit\n6", "setEnabled\ntrue"):
                await looking.send(command)
            for command in ("setCurrentLimit\n10", "setEnabled\ntrue"):
                await controlling.send(command)
            await until(looking, "limits", amperageLimit=10.0, enabled=True)
            assert revoke_token(data_dir, "viewer")
            with pytest.raises(ConnectionClosed):
                await until(looking, "limits", amperageLimit="never")
            assert looking.close_code == 1008
        assert profiles(station) == [10.0]
