"""Two controllers, a cable, a grid operator, a lease, a failsafe and a kill -9: one day, exactly.

`pytest tests/acceptance/test_allocation_scenario.py --update-golden` writes the transcript anew.
Then read the difference against allocation.md before it is committed: it must be right.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.bridges import ASKING, BridgeProgram, Options
from tests.acceptance.stations import Memory, RawStation, Session, played
from tests.acceptance.witness import Document, Witness

GOLDEN: Final = Path(__file__).parent / "golden/allocation.jsonl"
PLACE: Final = "CS1/1"
CABLE: Final = 20
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_VOLATILE: Final = frozenset({"id"})
"""Made of the station's revision and times."""


@pytest.fixture
def options() -> Options:
    return ASKING


class Transcript:
    """What was done, and the document and the events that came of it."""

    def __init__(self, witness: Witness) -> None:
        self.lines: list[Document] = []
        self._witness = witness
        self._told: set[str] = set()
        """Ids of events: around a kill one may be delivered again."""

    async def step(self, what: str, **expected: Any) -> Document:
        """Wait until the allocation says this and nothing is pending; note it down."""
        document = await self._witness.until(f"{PLACE}/allocation", pending=None, **expected)
        await self._witness.settle()
        self.lines.append({"step": what})
        for event in self._witness.documents(f"{PLACE}/event/allocation"):
            if event["id"] not in self._told:
                self._told.add(event["id"])
                self.lines.append({"event": _steady(event)})
        self._witness.forget()
        self.lines.append({"allocation": _steady(document)})
        return dict(document)


async def test_a_day_of_an_evse_is_told_exactly(
    program: BridgeProgram, witness: Witness, request: pytest.FixtureRequest
) -> None:
    told = Transcript(witness)
    session, memory = Session(), Memory()
    await program.start()
    async with _station(program, memory) as station:
        await station.boot()
        await told.step("nobody wants anything", allocationSourceName="Unmanaged", offeredA=32)
        plugged = session.event(
            "Started",
            "CablePluggedIn",
            info={"chargingState": "Charging"},
            cableMaxCurrent=CABLE,
        )
        await station.call("TransactionEvent", plugged)
        await told.step("a cable of 20 A", allocationSourceName="ProximityPilot", offeredA=CABLE)

        await _command(witness, "pv", limitA=10, priority=50)
        await told.step("pv asks 10 A", allocationSourceName="MQTT", offeredA=10)
        await _command(witness, "me", limitA=16, priority=100)
        await told.step("me outbids it with 16 A", allocationSourceName="MQTT", offeredA=16)

        await station.limited_by_others(13)
        await told.step("the grid allows 13 A", allocationSourceName="OCPP Profile", offeredA=13)
        await station.freed_by_others()
        await told.step("the grid is free", allocationSourceName="MQTT", offeredA=16)

        await _command(witness, "me", limitA=12, ttlSeconds=2)
        await told.step("me leases 12 A for two seconds", offeredA=12)
        await told.step("the lease is over: pv's 10 A", offeredA=10)

        await _command(witness, "pv", limitA=9, ttlSeconds=8, priority=50, onExpire="failsafe")
        before = await told.step("pv leases 9 A, and a failsafe after it", offeredA=9)
        written = len(station.calls_of("SetChargingProfile"))
        assert written == 7
        await program.kill()
    witness.forget()
    await program.start()
    await told.step("the bridge was killed, and is there again", offeredA=9, state="suspended")
    async with _station(program, memory) as station:
        await station.event(session, "Updated")
        after = await told.step("the station has seen it too", offeredA=9, state="active")
        assert after["limits"][0] == before["limits"][0]
        assert not station.calls_of("SetChargingProfile")
        await told.step("pv is silent: failsafe", offeredA=6, mode="failsafe")
        await _command(witness, "me", limitA=11)
        await told.step("me is there again with 11 A", offeredA=11, mode="normal")
        await _release(witness, "me")
        await told.step("me lets go: the cable", allocationSourceName="ProximityPilot")
        assert [profile for _, profile in memory.profiles.values()] == []
        await station.event(
            session, "Ended", "EVDeparted", info={"stoppedReason": "EVDisconnected"}
        )
        await station.status("Available")
        await told.step("unplugged", allocationSourceName="Unmanaged", offeredA=32)

    if request.config.getoption("--update-golden", default=False):
        GOLDEN.parent.mkdir(exist_ok=True)
        text = "".join(f"{json.dumps(line)}\n" for line in told.lines)
        GOLDEN.write_text(text, encoding="utf-8")
    expected = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    for number, (line, wanted) in enumerate(zip(told.lines, expected, strict=False), start=1):
        assert line == wanted, f"line {number}"
    assert len(told.lines) == len(expected)


@asynccontextmanager
async def _station(program: BridgeProgram, memory: Memory) -> AsyncIterator[RawStation]:
    async with played(program.url, memory=memory) as station:
        yield station


async def _command(witness: Witness, controller: str, **body: Any) -> None:
    """Publish a limit; its effect is what the next step waits for."""
    topic = witness.address(f"{PLACE}/cmd/{controller}/limit")
    amps = body["limitA"]
    await witness.publish(topic, {"id": f"{controller}-{amps}", **body})


async def _release(witness: Witness, controller: str) -> None:
    topic = witness.address(f"{PLACE}/cmd/{controller}/release")
    await witness.publish(topic, {"id": f"{controller}-release"})


def _steady(value: Any) -> Any:
    """Return a document with `*` for every moment and id of this run."""
    if isinstance(value, dict):
        return {key: "*" if key in _VOLATILE else _steady(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_steady(part) for part in value]
    return "*" if isinstance(value, str) and _MOMENT.fullmatch(value) else value
