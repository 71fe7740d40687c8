"""A station of OCPP and a charge controller without it, side by side: the same topics and documents.

What a controller cannot tell, or tells that OCPP cannot, is the table `GAPS`; nothing else differs.
"""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.alike import Values, differences
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.home import PlayedHome
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker
from tests.seccs import STAY, SimulatedSecc, simulated_secc

OCPP: Final = "SIM001"
SECC: Final = "carport"
PLACES: Final = (f"{OCPP}/1", f"{SECC}/1")
DONE: Final = [("accepted", "ok"), ("done", "ok")]
OF_EVSE: Final = ("state", "secc", "transaction", "allocation", "meter")
AT_HOME: Final = ("sim001", SECC)
PAGE: Final = Path(__file__).parents[2] / "docs/how-to/connect-a-secc.md"


@pytest.fixture
async def secc(broker: Broker) -> AsyncIterator[SimulatedSecc]:
    async with simulated_secc(script=STAY) as running:
        yield running


@pytest.fixture
def options(secc: SimulatedSecc) -> Options:
    table = {"type": "rest", "url": secc.url, "poll_seconds": 0.2, "meter_interval_seconds": 0.5}
    return {"secc": {SECC: table}}


@pytest.fixture
async def cars(
    bridge: Bridge, secc: SimulatedSecc, witness: Witness
) -> AsyncIterator[tuple[Watch, SimulatedSecc]]:
    """Two cars that charge with 16 A, one at each."""
    async with simulated(bridge.url) as watch:
        await watch.until_current(16)
        await secc.until_current(16)
        yield watch, secc


class Both:
    """Does the same at both, and compares."""

    def __init__(
        self, witness: Witness, broker: Broker, cars: tuple[Watch, SimulatedSecc]
    ) -> None:
        self._witness = witness
        self._broker = broker
        self._cars = cars

    async def ask(self, name: str, body: Document | None = None) -> list[Document]:
        """Give a command to both; return the data of both final results, which are alike."""
        results = [await self._witness.ask(name, body, place=place) for place in PLACES]
        assert [outcome(each) for each in results] == [DONE, DONE], results
        return [each[-1]["data"] for each in results]

    async def until(self, amps: float, **state: Any) -> None:
        """Wait until both cars draw this, and the newest documents show it."""
        watch, secc = self._cars
        await watch.until_current(amps)
        await secc.until_current(amps)
        for place in PLACES:
            await self._witness.until_newest(f"{place}/state", **state)
            await self._witness.until_newest(f"{place}/meter", currentA=[amps] * 3)

    async def differ(self) -> dict[str, dict[str, Values]]:
        """Return in what the retained documents differ: OCPP, then SECC."""
        await self._witness.settle()
        found: dict[str, dict[str, Values]] = {}
        for name in OF_EVSE:
            one, other = [
                await self._witness.retained(self._broker, f"{place}/{name}") for place in PLACES
            ]
            found[name] = differences(one, other)
        one, other = [
            await self._witness.retained(self._broker, f"{station}/info")
            for station in (OCPP, SECC)
        ]
        found["info"] = differences(one, other)
        return found

    def topics(self, place: str) -> set[str]:
        """Return the topics of an EVSE, below it."""
        root = self._witness.address(place)
        topics = {each.topic for each in self._witness.messages if each.topic.startswith(root)}
        return {topic.removeprefix(root) for topic in topics}


_OF_A_LIMIT: Final = (
    *("binding", "controller", "detail", "expiresAt", "limitA", "priority", "source"),
)

GAPS: Final[Mapping[str, set[tuple[str, str]]]] = {
    "its own word on control": {
        ("allocation", "reported"),
        ("allocation", "reported.allocationSourceName"),
        ("allocation", "reported.byUs"),
        ("allocation", "reported.offeredA"),
    },
    "measured codes": {("state", "iecSource")},
    "cable": {
        ("allocation", f"limits.{number}.{member}") for number in (1, 2) for member in _OF_A_LIMIT
    },
    "one limit": {("allocation", "accepted.profileId"), ("allocation", "accepted.via")},
    "token": {
        ("transaction", "idToken"),
        ("transaction", "idToken.hash"),
        ("transaction", "idToken.type"),
    },
    "state of charge": {
        ("meter", "socPercent"),
        ("transaction", "socLastPercent"),
        ("transaction", "socStartPercent"),
    },
    "mains frequency": {("meter", "frequencyHz")},
    "reason of the start": {("secc", "startReason"), ("transaction", "startReason")},
    "a session found running": {("transaction", "offline")},
    "boot": {
        ("info", "bootedAt"),
        ("info", "ts"),
        ("info", "boot.firmwareVersion"),
        ("info", "boot.model"),
        ("info", "boot.reason"),
        ("info", "boot.serialNumber"),
        ("info", "boot.vendorName"),
    },
    "capabilities": {
        ("info", "capabilities.defaultGovernsRunning"),
        ("info", "capabilities.phaseSwitching"),
        ("info", "capabilities.txProfile"),
    },
}
"""By a name that stands in the table of docs/how-to/connect-a-secc.md."""
_PASSING: Final = {("allocation", "observed")}
"""What is told some seconds later than the rest."""


def unexplained(found: Mapping[str, Mapping[str, Values]]) -> set[tuple[str, str]]:
    """Return in what documents differ that no gap explains."""
    known = {place for places in GAPS.values() for place in places} | _PASSING
    return {(name, path) for name, values in found.items() for path in values} - known


async def test_both_have_the_same_topics_documents_commands_and_results(
    cars: tuple[Watch, SimulatedSecc], bridge: Bridge, witness: Witness, broker: Broker
) -> None:
    both = Both(witness, broker, cars)
    await both.until(16, state="Charging")
    charging = await both.differ()
    one, other = await both.ask("limit", {"limitA": 10})
    assert one == other
    await both.until(10, state="Charging", offeredA=10, allocationSourceName="MQTT")
    limited = await both.differ()
    assert await both.ask("pause") == [{**one, "requestedA": 0.0, "appliedA": 0.0}] * 2
    await both.until(0, state="SuspendedEVSE", offeredA=0)
    paused = await both.differ()
    await both.ask("resume")
    await both.ask("release")
    await both.until(16, state="Charging", offeredA=32, allocationSourceName="Unmanaged")

    assert both.topics(PLACES[0]) == both.topics(PLACES[1])
    for found in (charging, limited, paused):
        assert unexplained(found) == set()
    assert charging["state"] == {"iecSource": ("derived", "secc")}
    seen = {
        (name, path) for found in (charging, limited) for name in found for path in found[name]
    }
    for name, places in GAPS.items():
        assert places & seen, name


def test_the_page_tells_of_each_gap() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(GAPS) <= set(rows)


class TestAtHome:
    """Home Assistant is told of both, and shows and controls both alike."""

    @pytest.fixture
    def prefix(self, broker: Broker) -> str:
        return f"ha-{broker.root}"

    @pytest.fixture
    def options(self, secc: SimulatedSecc, prefix: str) -> Options:
        table = {"type": "rest", "url": secc.url, "poll_seconds": 0.2}
        return {
            "secc": {SECC: table},
            "mqtt": {"discovery": "on", "discovery_prefix": prefix},
        }

    async def test_both_are_announced_but_for_what_a_controller_cannot_do(
        self, witness: Witness, prefix: str, bridge: Bridge, secc: SimulatedSecc
    ) -> None:
        home = PlayedHome(witness, prefix)
        await home.begin()
        async with simulated(bridge.url) as watch:
            await watch.until_current(16)
            await secc.until_current(16)
            shown = ("sensor.{}_1_state", "number.{}_1_limit", "sensor.{}_1_allocation_source")
            for name in AT_HOME:
                await home.until_known(*(entity.format(name) for entity in shown))
                await home.until_shown(f"sensor.{name}_1_state", "Charging")
            await home.press(f"number.{SECC}_1_limit", 10)
            await secc.until_current(10)
            await home.until_shown(f"sensor.{SECC}_1_allocation_source", "MQTT")
            station, controller = (
                {entity.replace(name, "x") for entity in home.entities if name in entity}
                for name in AT_HOME
            )
            assert controller < station
            assert station - controller == {
                *("button.x_1_start", "button.x_1_stop", "button.x_1_unlock", "button.x_reset"),
                "update.x_firmware",  # of which it tells nothing
            }
