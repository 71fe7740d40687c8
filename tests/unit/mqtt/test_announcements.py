"""Configuration topics of Home Assistant: when they are written, moved, written again and cleared."""

import asyncio
from typing import Any, Final

import orjson
import pytest

from bridge.domain.enums import Registration
from bridge.domain.events import BootNotification
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Meter, Station
from bridge.mqtt import announcements
from bridge.mqtt.settings import DiscoveryMode, DiscoverySettings, DiscoveryStyle
from tests.discovery_rules import problems_together
from tests.mqtt_link import turns
from tests.records import replace
from tests.unit.mqtt.test_publisher import START, World, changed, station

STATION: Final = "homeassistant/device/ocpp__CS1/config"
EVSE: Final = "homeassistant/device/ocpp__CS1__1/config"
LIMIT: Final = "homeassistant/number/ocpp__CS1__1/limit/config"
STATUS: Final = "homeassistant/status"
FILTERS: Final = ["homeassistant/device/+/config", "homeassistant/+/+/+/config"]
MIGRATE: Final = b'{"migrate_discovery":true}'


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search end, and a birth be answered, in the next turn."""
    monkeypatch.setattr(announcements, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(announcements, "JITTER_SECONDS", 0.0)
    monkeypatch.setattr(announcements, "MOVE_SECONDS", 0.0)


class Home(World):
    """A publisher that announces what it is told of."""

    def __init__(self, mode: str = "auto", style: str = "device", **settings: Any) -> None:
        super().__init__(
            discovery=DiscoverySettings(
                mode=DiscoveryMode(mode), style=DiscoveryStyle(style), **settings
            )
        )

    async def began(self, *stations: Station, found: dict[str, bytes] | None = None) -> None:
        """Connect with a new session; the broker has these retained messages."""
        for each in stations:
            self.publisher.station_changed(None, each)
        self.link.connect(session_present=False)
        for topic, payload in (found or {}).items():
            self.link.deliver(topic, payload, retain=True)
        await self.rest()

    async def rest(self) -> None:
        """Let a search end, and everything be sent that has to be."""
        for _ in range(2):  # a move has a pause
            await searched()
            if self.link.automatic:
                assert await self.publisher._wait_for(self.publisher._is_idle, 10)
                await turns()

    def said(self) -> list[str]:
        """Return the discovery messages so far, in order: `topic` or what else was said there."""
        return [
            message.topic + _mark(message.payload)
            for message in self.link.sent
            if message.topic.startswith("homeassistant/")
        ]

    def retained(self) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}
        for message in self.link.delivered:
            if message.topic.startswith("homeassistant/") and message.retain:
                kept[message.topic] = message.payload
        return {topic: payload for topic, payload in kept.items() if payload}


def _mark(payload: bytes) -> str:
    return " cleared" if not payload else " migrate" if payload == MIGRATE else ""


async def searched() -> None:
    """Let the search end and what follows be sent."""
    await asyncio.sleep(0.01)
    await turns(40)


async def test_a_station_is_announced_when_the_search_is_over_itself_before_its_evses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announcements, "SEARCH_SECONDS", 0.2)
    home = Home()
    home.publisher.station_changed(None, station())
    home.link.connect(session_present=False)
    await turns()
    assert home.said() == []
    assert [each for each in home.link.filters if each in FILTERS] == FILTERS
    async with asyncio.timeout(10):
        while len(home.said()) < 2:  # noqa: ASYNC110  # the timer is not the test's to signal
            await asyncio.sleep(0.01)
    await home.rest()
    assert home.said() == [STATION, EVSE]
    assert home.link.unsubscribed[:2] == FILTERS
    assert problems_together(home.retained()) == []
    assert all(message.retain and message.qos == 1 for message in home.link.sent)


async def test_a_station_that_comes_later_is_announced_at_once() -> None:
    home = Home()
    await home.began()
    home.publisher.station_changed(None, station())
    await turns()
    assert home.said() == [STATION, EVSE]


async def test_what_a_station_does_is_not_looked_at_and_what_it_is_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = Home()
    now = station()
    await home.began(now)
    looked: list[StationId] = []
    real = home.publisher._announcements
    assert real is not None
    monkeypatch.setattr(type(real), "changed", lambda self, station_id: looked.append(station_id))
    measured = changed(now, meter=Meter(at=START, power_w=7.0))
    home.publisher.station_changed(now, measured)
    assert looked == []
    monkeypatch.undo()

    boot = BootNotification(vendor_name="V", model="M", reason="PowerUp", firmware_version="1")
    booted = replace(measured, boot=boot, booted_at=START)
    home.publisher.station_changed(measured, booted)
    await turns()
    assert home.said() == [STATION, EVSE, STATION, EVSE]
    again = replace(booted, booted_at=START.replace(hour=11))
    home.publisher.station_changed(booted, again)
    await turns()
    assert len(home.said()) == 4


async def test_an_evse_that_shows_up_later_is_announced() -> None:
    home = Home()
    now = station()
    await home.began(now)
    home.publisher.station_changed(now, replace(now, evses={**now.evses, 2: Evse(id=2)}))
    await turns()
    second = "homeassistant/device/ocpp__CS1__2/config"
    assert home.retained().keys() == {STATION, EVSE, second}
    names = [orjson.loads(home.retained()[each])["dev"]["name"] for each in (EVSE, second)]
    assert names == ["CS1 1", "CS1 2"]


async def test_a_station_that_is_removed_is_taken_back() -> None:
    home = Home()
    now = station()
    await home.began(now)
    home.publisher.station_removed(now)
    await turns()
    assert home.retained() == {}
    home.publisher.station_changed(None, now)
    await turns()
    assert home.retained().keys() == {STATION, EVSE}


async def test_one_that_waits_for_approval_is_announced_when_it_has_it() -> None:
    home = Home()
    pending = replace(station(), registration=Registration.PENDING)
    await home.began(pending)
    assert home.said() == []
    home.publisher.station_changed(pending, replace(pending, registration=Registration.ACCEPTED))
    await turns()
    assert home.said() == [STATION, EVSE]


async def test_what_another_run_has_left_of_ours_is_cleared_and_nothing_else() -> None:
    ours, theirs = Home(), World()
    await ours.began(station("GONE"))
    left = ours.retained()
    stranger = "homeassistant/device/ocpp__OTHER/config"
    foreign = {
        "homeassistant/sensor/zigbee/x/config": b'{"name":"x"}',
        "homeassistant/light/lamp/config": b"{}",
        stranger: orjson.dumps({"avty": [{"t": "ocpp/v1/bridge/other/state"}]}),
        "homeassistant/device/ocpp__BROKEN/config": b"{",
    }
    home = Home()
    await home.began(station(), found={**left, **foreign})
    assert [each for each in home.said() if "GONE" in each] == [f"{each} cleared" for each in left]
    assert home.retained().keys() == {STATION, EVSE}
    assert not any(each.removesuffix(" cleared") in foreign for each in home.said())
    assert theirs.publisher._announcements is None


async def test_switched_off_it_says_nothing_and_takes_back_what_it_has_said() -> None:
    before = Home()
    await before.began(station())
    left = before.retained()
    home = Home("off")
    await home.began(station(), found=left)
    assert home.said() == [f"{STATION} cleared", f"{EVSE} cleared"]
    assert STATUS not in home.link.filters


async def test_without_settings_it_does_not_even_look() -> None:
    world = World()
    world.publisher.station_changed(None, station())
    world.link.connect(session_present=False)
    await searched()
    assert not [each for each in world.link.filters if each.startswith("homeassistant")]


# --- From one style to the other ------------------------------------------------------------


async def test_from_entities_to_devices_home_assistant_is_asked_to_keep_the_entities() -> None:
    old = Home(style="entity")
    await old.began(station())
    left = old.retained()
    assert LIMIT in left
    assert len(left) == 28
    home = Home()
    await home.began(station(), found=left)
    said = home.said()
    assert said[: len(left)] == [f"{each} migrate" for each in left]
    assert said[len(left) : -2] == [f"{each} cleared" for each in left]
    assert said[-2:] == [STATION, EVSE]
    assert home.retained().keys() == {STATION, EVSE}


async def test_and_back_again() -> None:
    old = Home()
    await old.began(station())
    home = Home(style="entity")
    await home.began(station(), found=old.retained())
    said = home.said()
    assert said[:4] == [
        *(f"{STATION} migrate", f"{EVSE} migrate"),
        *(f"{STATION} cleared", f"{EVSE} cleared"),
    ]
    assert len(said) == 2 + 28 + 2
    assert problems_together(home.retained()) == []


async def test_nothing_is_announced_in_the_new_style_before_the_broker_has_cleared_the_old() -> (
    None
):
    old = Home(style="entity")
    await old.began(station())
    home = Home()
    home.link.automatic = False
    await home.began(station(), found=old.retained())
    for _ in range(2):
        entries = [entry for entry in home.link.in_flight if "/config" in entry[0].topic]
        for entry in entries[1:]:
            home.link.finish(entry)
        await home.rest()
        assert EVSE not in home.said()
        home.link.finish(entries[0])
        await home.rest()
    assert EVSE in home.said()


async def test_a_move_that_was_cut_short_is_finished_by_the_next_run() -> None:
    home = Home()
    await home.began(station(), found={LIMIT: MIGRATE, STATION: MIGRATE})
    assert home.said() == [f"{LIMIT} migrate", f"{LIMIT} cleared", STATION, EVSE]


async def test_an_entity_that_a_station_has_no_more_is_cleared_and_not_moved() -> None:
    old = Home(style="entity")
    await old.began(station())
    gone = LIMIT.replace("number", "select").replace("limit", "phases")
    home = Home(style="entity")
    await home.began(station(), found={**old.retained(), gone: old.retained()[LIMIT]})
    assert [each for each in home.said() if "phases" in each] == [f"{gone} cleared"]
    assert not [each for each in home.said() if each.endswith("migrate")]


# --- How many -------------------------------------------------------------------------------


def many(count: int) -> list[Station]:
    return [station(f"CS{number}") for number in range(1, count + 1)]


async def test_fifty_stations_are_announced_by_themselves() -> None:
    home = Home()
    await home.began(*many(50))
    assert len(home.retained()) == 100


async def test_more_are_announced_only_where_somebody_wants_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = Home()
    await home.began(*many(51))
    assert home.retained() == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    wanted = Home("on")
    await wanted.began(*many(51))
    assert len(wanted.retained()) == 102


async def test_what_is_announced_stays_so_when_there_are_more_also_after_a_restart() -> None:
    home = Home()
    await home.began(*many(50))
    home.publisher.station_changed(None, station("CS51"))
    await turns()
    assert len(home.retained()) == 100
    again = Home()
    await again.began(*many(51), found=home.retained())
    assert again.retained().keys() == home.retained().keys()
    assert not [each for each in again.said() if each.endswith("cleared")]


# --- Births, connections --------------------------------------------------------------------


async def test_when_home_assistant_is_born_everything_is_published_again() -> None:
    home = Home()
    await home.began(station())
    home.link.sent.clear()
    home.link.deliver(STATUS, b"online")
    await searched()
    assert home.said() == [STATION, EVSE]
    documents = [topic for topic in home.link.topics() if topic.startswith("ocpp/v1/cs/CS1/")]
    assert sorted(documents) == [
        "ocpp/v1/cs/CS1/1/secc",
        "ocpp/v1/cs/CS1/1/state",
        "ocpp/v1/cs/CS1/availability",
        "ocpp/v1/cs/CS1/info",
    ]
    assert home.link.topics().index(EVSE) < home.link.topics().index("ocpp/v1/cs/CS1/1/state")


@pytest.mark.parametrize(
    ("payload", "retain"), [(b"offline", False), (b"online", True), (b"", False)]
)
async def test_nothing_else_is_taken_for_a_birth(payload: bytes, retain: bool) -> None:
    home = Home()
    await home.began(station())
    home.link.sent.clear()
    message = home.link.deliver(STATUS, payload, retain=retain)
    await searched()
    assert home.link.sent == []
    assert message in home.link.acknowledged


async def test_a_birth_is_answered_after_a_while_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home()
    await home.began(station())
    home.link.sent.clear()
    monkeypatch.setattr(announcements, "JITTER_SECONDS", 0.1)
    for _ in range(3):
        home.link.deliver(STATUS, b"online")
    await turns()
    assert home.said() == []
    async with asyncio.timeout(10):
        while len(home.said()) < 2:  # noqa: ASYNC110  # the timer is not the test's to signal
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert home.said() == [STATION, EVSE]


async def test_a_connection_that_goes_on_announces_nothing_again() -> None:
    home = Home()
    await home.began(station())
    home.link.disconnect()
    home.link.connect(session_present=True)
    await searched()
    assert home.said() == [STATION, EVSE]
    assert home.link.filters.count(STATUS) == 2


async def test_a_broker_that_has_forgotten_is_told_everything_again() -> None:
    home = Home()
    await home.began(station())
    home.link.disconnect()
    await home.began()
    assert home.said() == [STATION, EVSE, STATION, EVSE]


async def test_a_search_that_was_cut_short_begins_anew() -> None:
    home = Home()
    home.publisher.station_changed(None, station())
    home.link.connect(session_present=False)
    home.link.disconnect()
    await searched()
    assert home.said() == []
    home.link.connect(session_present=True)
    await searched()
    assert home.said() == [STATION, EVSE]


async def test_a_station_that_is_removed_during_the_search_is_cleared_after_it() -> None:
    before = Home()
    await before.began(station())
    home = Home()
    home.publisher.station_changed(None, station())
    home.link.connect(session_present=False)
    for topic, payload in before.retained().items():
        home.link.deliver(topic, payload, retain=True)
    home.publisher.station_removed(station())
    await searched()
    assert home.said() == [f"{STATION} cleared", f"{EVSE} cleared"]


async def test_a_message_that_somebody_writes_live_is_not_taken_for_a_retained_one() -> None:
    before = Home()
    await before.began(station("GONE"))
    home = Home()
    home.link.connect(session_present=False)
    for topic, payload in before.retained().items():
        home.link.deliver(topic, payload)
    await searched()
    assert home.said() == []
