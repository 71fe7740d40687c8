"""Which settings an actor goes by: those of the device that the station has told it is."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.domain.calls import CallOutcome, RequestStartTransaction, StationRequest
from bridge.domain.commands import Command, CommandRef, ReplyTo, Start
from bridge.domain.effects import BootReply
from bridge.domain.enums import AllocationSource, EventType, TriggerReason
from bridge.domain.events import BootNotification, IdToken, TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings
from bridge.ports import StoreError
from tests.unit.engine.ports import CS, START, World

OLD_WALLBOX = BootNotification(
    vendor_name="Wall Box Chargers", model="PLP1", reason="PowerUp", firmware_version="5.17.87"
)
PLAIN = BootNotification(vendor_name="ACME", model="M", reason="PowerUp")
WAIT_SECONDS = 10
DELAY_SECONDS = 0.05


async def connected(world: World, stations: dict[StationId, Station] | None = None) -> None:
    await world.engine.start(stations or {}, world)
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    await world.engine.idle()


async def boot(world: World, message: BootNotification) -> None:
    world.engine.receive(CS, message, world.respond)
    await world.engine.idle()


async def test_a_boot_tells_which_quirks_hold_and_another_one_others() -> None:
    world = World()
    await connected(world)
    assert world.engine.settings(CS).stack_level is None

    await boot(world, OLD_WALLBOX)
    assert world.engine.settings(CS).stack_level == 0
    await boot(world, PLAIN)
    assert world.engine.settings(CS) is world.settings

    await world.engine.stop()


async def test_a_boot_that_could_not_be_stored_changes_nothing() -> None:
    world = World()
    await connected(world)
    world.journal.failing = StoreError("disk full")
    await boot(world, OLD_WALLBOX)

    assert world.engine.settings(CS) is world.settings
    await world.engine.stop()


async def test_after_a_restart_the_stored_boot_tells() -> None:
    world = World()
    await connected(world, {CS: Station(id=CS, boot=OLD_WALLBOX)})

    assert world.engine.settings(CS).stack_level == 0
    await world.engine.stop()


async def test_a_boot_is_answered_by_the_settings_of_what_has_booted() -> None:
    settings = StationSettings(known=True, automatic_calls=False, heartbeat_interval_seconds=77)
    world = World(settings)
    await connected(world)
    await boot(world, OLD_WALLBOX)

    [reply] = world.took("answered")
    assert isinstance(reply, BootReply)
    assert reply.interval_seconds == 77
    await world.engine.stop()


async def test_a_station_not_seen_so_far_has_what_is_configured() -> None:
    world = World()
    await connected(world)

    assert world.engine.settings(StationId("other")) is world.settings
    await world.engine.stop()


class Waiting(World):
    """A world that can be waited for until a request was sent."""

    def __init__(self, settings: StationSettings) -> None:
        super().__init__(settings)
        self.sent = asyncio.Event()

    def call(
        self,
        station_id: StationId,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        super().call(station_id, request, on_answer, expires_at)
        self.sent.set()


async def test_item_30_a_start_that_waits_goes_out_when_its_time_has_come() -> None:
    world = Waiting(
        StationSettings(known=True, automatic_calls=False, start_delay_seconds=DELAY_SECONDS)
    )
    await connected(world)
    event = TransactionEvent(
        event_type=EventType.ENDED,
        timestamp=START,
        trigger_reason=TriggerReason.EV_COMMUNICATION_LOST,
        seq_no=1,
        transaction_id="T1",
        evse_id=1,
    )
    world.engine.receive(CS, event, world.respond)
    await world.engine.idle()
    ref = CommandRef(
        id="c1",
        name="start",
        controller="me",
        source=AllocationSource.MQTT,
        evse_id=1,
        reply_to=ReplyTo(name="start"),
    )
    start = Command(
        ref=ref,
        arguments=Start(id_token=IdToken(value="04AB", type="ISO14443")),
        received_at=START + timedelta(seconds=1),
    )

    loop = asyncio.get_running_loop()
    began = loop.time()
    world.engine.command(CS, start, "hash", world.durable)
    await asyncio.wait_for(world.sent.wait(), WAIT_SECONDS)
    assert loop.time() - began > DELAY_SECONDS / 2
    [request] = world.took("called")
    assert isinstance(request, RequestStartTransaction)
    await world.engine.idle()
    await world.engine.stop()
