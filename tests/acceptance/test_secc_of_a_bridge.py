"""A second bridge uses the first one's charge controller's APIs as if that were a SECC.

A car charges at a station of OCPP, which the inner bridge serves as a charge controller; the outer
bridge knows no OCPP of it. Control passes through both, and each says who is in control there.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.engine.clock import SystemClock
from bridge.ports import Scope
from bridge.store.tokens import create_token
from tests.acceptance.bridges import running_bridge
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness, outcome
from tests.brokers import LOOPBACK, Broker

NAME: Final = "garage"
OUTER: Final = f"{NAME}/1"
INNER: Final = "SIM001/1"
DONE: Final = [("accepted", "ok"), ("done", "ok")]
SWITCHABLE: Final[dict[str, Any]] = {"stations": {"defaults": {"phase_switching": True}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two bridges, one behind the other, and what is seen of both."""

    outer_sees: Witness
    inner_sees: Witness
    car: Watch
    station: AsyncExitStack
    """Closed, the station is gone."""

    async def both(self, outer: str, inner: str, amps: float) -> tuple[Any, Any]:
        """Wait until both say who is in control there, and the car draws this, A per phase."""
        found = (
            await self.outer_sees.until_newest(
                f"{OUTER}/allocation", allocationSourceName=outer, offeredA=amps, pending=None
            ),
            await self.inner_sees.until_newest(
                f"{INNER}/allocation", allocationSourceName=inner, offeredA=amps, pending=None
            ),
        )
        await self.car.until_current(min(amps, 16))
        return found


OWN_SOURCE: Final = {"rest": "API", "websocket": "API", "mqtt": "MQTT"}
"""What the inner bridge calls what the outer one writes."""


@pytest.fixture(params=["rest", "websocket", "mqtt"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of its APIs the outer bridge uses."""
    return str(request.param)


@pytest.fixture
async def pair(kind: str, broker: Broker, tmp_path: Path) -> AsyncIterator[Pair]:
    """A car that charges with 16 A, as both bridges know."""
    token = create_token(
        tmp_path / "inner", "outer", [Scope.CONTROL], expires_at=None, clock=SystemClock()
    )
    served = {"station": "SIM001", "topic_prefix": f"secc/{broker.root}", "controller": "outer"}
    serving = {
        "http": {"listen": f"{LOOPBACK}:0", "auth": "token"},
        "secc_topics": {"S1": served},
        **SWITCHABLE,
    }
    behind = broker.with_root(f"{broker.root}-inner")
    async with (
        Witness(broker) as outer_sees,
        Witness(behind) as inner_sees,
        running_bridge(behind, tmp_path / "inner", serving) as inner,
        AsyncExitStack() as station,
    ):
        car = await station.enter_async_context(simulated(inner.url, meter_interval_s=0.2))
        assert inner.app.http is not None
        await car.until_current(16)
        await inner_sees.until(f"{INNER}/meter", currentA=[16.0] * 3)
        address = f"any:{token}@{LOOPBACK}:{inner.app.http.port}/secc/SIM001/1"
        table: dict[str, Any] = {
            "type": kind,
            "poll_seconds": 1,
            "meter_interval_seconds": 1,
            "offline_after_seconds": 6 if kind == "mqtt" else 5,
        }
        if kind == "mqtt":
            table |= {"client_id": "S1", "topic_prefix": f"secc/{broker.root}", "url": broker.url}
        else:
            table["url"] = f"http://{address}"
        options = {"secc": {NAME: table}, **SWITCHABLE}
        async with running_bridge(broker, tmp_path / "outer", options):
            await outer_sees.until(f"{OUTER}/state", state="Charging")
            await outer_sees.until(f"{OUTER}/meter", currentA=[16.0] * 3)
            yield Pair(outer_sees=outer_sees, inner_sees=inner_sees, car=car, station=station)


async def test_control_passes_through_both(pair: Pair, kind: str) -> None:
    outer, inner = pair.outer_sees, pair.inner_sees
    source = OWN_SOURCE[kind]
    assert outer.newest(f"{OUTER}/state")["iecSource"] == "secc"
    await pair.both("Unmanaged", "Unmanaged", 32)

    # a limit of MQTT there is one of the API here, unless it came by MQTT
    assert outcome(await outer.ask("limit", {"limitA": 10}, place=OUTER)) == DONE
    _, below = await pair.both("MQTT", source, 10)
    assert (below["limits"][0]["controller"], below["limits"][0]["limitA"]) == ("outer", 10)
    assert below["limits"][0]["expiresAt"] is not None

    # a lower one here binds, and is told there by its own name
    assert outcome(await inner.ask("limit", {"limitA": 7}, place=INNER)) == DONE
    await inner.until_newest(f"{INNER}/allocation", allocationSourceName="MQTT", offeredA=7)
    await pair.car.until_current(7)
    above = await outer.until_newest(
        f"{OUTER}/allocation", allocationSourceName="MQTT", offeredA=7, pending=None
    )
    assert above["reported"] == {
        "allocationSourceName": "MQTT",
        "byUs": False,
        "offeredA": 7.0,
    }
    assert outcome(await inner.ask("release", {}, place=INNER)) == DONE
    await pair.both("MQTT", source, 10)

    # a pause, and its end
    assert outcome(await outer.ask("pause", {}, place=OUTER)) == DONE
    await pair.both("MQTT", source, 0)
    assert outcome(await outer.ask("resume", {}, place=OUTER)) == DONE
    await pair.both("MQTT", source, 10)

    assert outcome(await outer.ask("release", {}, place=OUTER)) == DONE
    await pair.both("Unmanaged", "Unmanaged", 32)
    if kind == "websocket":  # REST cannot say so
        await _one_phase(pair)
    await _end(pair)
    if kind == "rest":
        await _offline(pair)


async def _one_phase(pair: Pair) -> None:
    asked = await pair.outer_sees.ask("phases", {"phases": 1}, place=OUTER)
    assert outcome(asked)[-1][0] == "done"
    below = await pair.inner_sees.until_newest(
        f"{INNER}/allocation", onePhaseLimitActive=True, pending=None
    )
    assert below["phaseLimitSourceName"] == "API"
    above = await pair.outer_sees.until_newest(
        f"{OUTER}/allocation", onePhaseLimitActive=True, pending=None
    )
    assert above["phaseLimitSourceName"] == "MQTT"
    await pair.outer_sees.until_newest(f"{OUTER}/meter", currentA=[16.0, 0.0, 0.0])


async def _end(pair: Pair) -> None:
    outer, inner = pair.outer_sees, pair.inner_sees
    assert outcome(await inner.ask("stop", {"id": "stop"}, place=INNER))[0] == ("accepted", "ok")
    ended = await outer.until(f"{OUTER}/event/transaction", eventType="Ended")
    told = [event["eventType"] for event in outer.documents(f"{OUTER}/event/transaction")]
    assert [each for each in told if each != "Updated"] == ["Started", "Ended"]
    below = await inner.until(f"{INNER}/event/transaction", eventType="Ended")
    assert ended["transaction"]["stoppedReason"] == below["transaction"]["stoppedReason"]
    seccs = [
        (await seen.until_newest(f"{place}/secc", state="Finishing"))
        for seen, place in ((outer, OUTER), (inner, INNER))
    ]
    assert [seccs[0][key] for key in ("startedTime", "stopReason", "usedPhasesSession")] == [
        seccs[1][key] for key in ("startedTime", "stopReason", "usedPhasesSession")
    ]
    assert abs(seccs[0]["meterStop"] - seccs[1]["meterStop"]) < 0.01


async def _offline(pair: Pair) -> None:
    await pair.station.aclose()
    await pair.outer_sees.until_text(f"{NAME}/availability", "offline")
    await pair.outer_sees.until_newest(f"{OUTER}/state", stale=True)
