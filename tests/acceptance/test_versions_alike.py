"""One scenario at stations of OCPP 1.6, 2.0.1 and 2.1: the same topics and documents.

What OCPP 1.6 cannot tell is the table `alike.GAPS`; nothing else may differ but the version.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.alike import (
    GAPS,
    MISSING_EVENTS,
    VERSIONS,
    differences,
    members_of,
    without_gaps,
)
from tests.acceptance.bridges import Bridge
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker

DONE: Final = ("done", "ok")
STATION: Final = {version: f"SIM-{version.replace('.', '')}" for version in VERSIONS}
OF_EVSE: Final = ("state", "secc", "transaction", "allocation", "meter")
PAGE: Final = Path(__file__).parents[2] / "docs/explanation/versions.md"


class Scenario:
    """Does the same at the station of each version, and compares what the broker has."""

    def __init__(
        self, bridge: Bridge, witness: Witness, broker: Broker, cars: dict[str, Watch]
    ) -> None:
        """Play with cars that charge, by version."""
        self._bridge = bridge
        self._witness = witness
        self._broker = broker
        self._cars = cars

    async def ask(self, name: str, body: Document | None = None) -> None:
        """Give a command to each station; each must be done."""
        for station in STATION.values():
            results = await self._witness.ask(name, body, place=f"{station}/1")
            assert outcome(results)[-1] == DONE, (station, results)

    async def until(self, amps: float, **state: object) -> None:
        """Wait until each car draws this and the newest documents show it."""
        for version, station in STATION.items():
            await self._cars[version].until(
                lambda snapshot: snapshot.evses[0].current_a == amps, station
            )
            shown = await self._witness.until_newest(f"{station}/1/state", **state)
            if shown["transactionId"]:  # an idle station may read no meter
                about = {"transactionId": shown["transactionId"]}
                await self._witness.until_newest(
                    f"{station}/1/meter", currentA=[amps] * 3, **about
                )

    async def retained(self, version: str) -> dict[str, Document]:
        """Return what the broker keeps of a version's station, by document."""
        station = STATION[version]
        found = {"info": await self._witness.retained(self._broker, f"{station}/info")}
        for name in OF_EVSE:
            found[name] = await self._witness.retained(self._broker, f"{station}/1/{name}")
        return found

    async def differ(self, *, meter: bool = True) -> dict[str, set[str]]:
        """Compare the retained documents; return what of `GAPS` was seen, by document."""
        await self._bridge.at_rest()
        await self._witness.settle()
        found = {version: await self.retained(version) for version in VERSIONS}
        seen: dict[str, set[str]] = {}
        for name, document in found["2.0.1"].items():
            if name == "meter" and not meter:
                continue
            assert differences(found["2.1"][name], document) == {}, name
            differs = differences(found["1.6"][name], without_gaps(name, document))
            assert differs.items() <= members_of(name).items(), name
            seen[name] = set(differs)
        return seen

    def events(self, version: str, kind: str) -> list[Document]:
        """Return the events of a version's station, less those that only come with time."""
        events = self._witness.documents(f"{STATION[version]}/1/event/{kind}")
        return [each for each in events if each.get("triggerReason") != "MeterValuePeriodic"]

    def periodic(self, version: str) -> Document:
        """Return the first event by which readings came."""
        events = self._witness.documents(f"{STATION[version]}/1/event/transaction")
        found: Document
        found = next(each for each in events if each["triggerReason"] == "MeterValuePeriodic")
        return found


@pytest.fixture
async def scenario(bridge: Bridge, witness: Witness, broker: Broker) -> AsyncIterator[Scenario]:
    """A station of each version with a car that charges with 16 A."""
    async with AsyncExitStack() as stack:
        cars = {
            version: await stack.enter_async_context(
                simulated(bridge.url, version=version, station_ids=(station,))
            )
            for version, station in STATION.items()
        }
        playing = Scenario(bridge, witness, broker, cars)
        await playing.until(16, state="Charging", offeredA=32)
        yield playing


async def test_documents_and_events_are_the_same_but_for_the_gaps_of_1_6(
    scenario: Scenario,
) -> None:
    charging = await scenario.differ()
    await scenario.ask("limit", {"limitA": 10})
    await scenario.until(10, state="Charging", offeredA=10, allocationSourceName="MQTT")
    assert await scenario.differ() == charging
    await scenario.ask("pause")
    await scenario.until(0, state="SuspendedEVSE", offeredA=0)
    assert await scenario.differ() == charging
    await scenario.ask("resume")
    await scenario.ask("release")
    await scenario.until(16, state="Charging", offeredA=32, allocationSourceName="Unmanaged")
    await scenario.ask("stop")
    await scenario.until(0, state="Finishing", transactionId=None)
    ended = await scenario.differ(meter=False)  # the last reading may be of before the end
    token = {"value": "ME", "type": "Central"}
    await scenario.ask("start", {"idToken": token, "invoiceId": "bill-7"})
    await scenario.until(16, state="Charging", phase="charging")
    again = await scenario.differ()

    assert charging == {
        "info": {"boot.reason"},
        "state": set(),
        "secc": {"startReason"},
        "transaction": {"idToken.type", "startReason"},
        "allocation": set(),
        "meter": set(),
    }
    at_the_end = {"transaction": {*charging["transaction"], "chargingState"}}
    assert ended | {"meter": set()} == charging | at_the_end
    # a remote start begins a transaction in the same way, and its token is of a known type
    assert again == charging | {"secc": set(), "transaction": set()}
    for kind in ("status", "allocation", "fault", "transaction"):
        _compare_events(scenario, kind)
    assert differences(scenario.periodic("1.6"), scenario.periodic("2.0.1")) == {}


def _compare_events(scenario: Scenario, kind: str) -> None:
    """Compare event by event, those that OCPP 1.6 does not have left out."""
    old, known, new = (scenario.events(version, kind) for version in VERSIONS)
    assert len(new) == len(known)
    for event, other in zip(new, known, strict=True):
        assert differences(event, other) == {}, kind
    assert not any(_key(event) in MISSING_EVENTS for event in old)
    left_out = [_key(event) for event in known if _key(event) in MISSING_EVENTS]
    if kind == "transaction":
        assert set(left_out) == MISSING_EVENTS
    kept = [event for event in known if _key(event) not in MISSING_EVENTS]
    assert len(old) == len(kept)
    for mine, theirs in zip(old, kept, strict=True):
        name = f"event/{kind}"
        if mine.get("eventType") in {"Started", "Ended"}:
            name += f" {mine['eventType']}"
        if mine.get("triggerReason") == "RemoteStart":
            name += " RemoteStart"
        assert differences(mine, without_gaps(name, theirs)) == members_of(name), name


def _key(event: Document) -> tuple[object, object]:
    return event.get("eventType"), event.get("triggerReason")


def test_the_page_on_versions_tells_of_each_gap() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(GAPS) <= set(rows)
