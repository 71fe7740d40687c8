"""What real stations do, and what is then still true, by the numbers of charger-quirks.md."""

from datetime import timedelta

from bridge.domain.calls import CallResult, SetChargingProfile
from bridge.domain.commands import AskTransactionStatus, Trigger
from bridge.domain.enums import ConnectorStatus
from bridge.domain.events import BootNotification
from tests.unit.domain.builders import Told, charging, ready, updated

BOOT = BootNotification(vendor_name="ACME", model="M", reason="RemoteReset")


def test_item_11_a_station_that_stays_away_is_shown_as_it_was_and_as_stale() -> None:
    told = charging()
    told.disconnect()
    told.tick(24 * 3600)

    assert told.view.stale
    assert told.view.charging
    assert told.transaction.open


def test_item_23_events_queued_while_offline_come_in_after_newer_ones() -> None:
    told = charging()
    told.tell(updated(5, told.now))
    told.disconnect()
    told.connect()
    queued = told.now - timedelta(minutes=30)
    told.tell(updated(1, queued, offline=True))

    assert told.recorded.late
    assert told.transaction.offline
    assert told.transaction.last_seq_no == 5


def test_item_30_a_connector_that_stays_finishing_is_left_by_unplugging() -> None:
    told = charging()
    told.end()
    assert told.evse().finishing

    told.status(ConnectorStatus.AVAILABLE)

    assert not told.evse().finishing
    assert told.view.plugged is False


def test_item_32_an_event_without_a_connector_makes_none_up() -> None:
    told = ready()
    told.start()

    assert told.transaction.connector_id is None
    assert told.recorded.connector_id is None


def test_item_41_a_boot_on_the_same_connection_leaves_the_transaction_running() -> None:
    told = charging()
    told.applied(10)
    told.tell(BOOT)

    assert told.transaction.open
    assert told.station.online
    assert isinstance(told.request, SetChargingProfile)
    assert told.request.transaction_id == "T1"


def test_item_41_a_transaction_that_was_forgotten_ends_with_the_next_one() -> None:
    told = charging()
    told.tell(BOOT)
    told.start("T2")

    assert told.transaction.id == "T2"
    (forgotten,) = told.station.closed
    assert forgotten.id == "T1"


def test_item_45_not_ongoing_ends_no_transaction() -> None:
    told = charging()
    command_id = told.command(AskTransactionStatus())
    told.answer(CallResult(accepted=True, status="", ongoing=False, messages_in_queue=False))

    data = told.result(command_id).data
    assert data is not None
    assert data["ongoingIndicator"] is False
    assert told.transaction.open


def triggered(told: Told) -> str:
    command_id = told.command(Trigger(message="StatusNotification"))
    told.answer()
    return command_id


def test_item_45_a_promised_message_that_does_not_come_is_not_waited_for() -> None:
    told = ready()
    before = told.view
    command_id = triggered(told)
    told.tick(3600)

    assert told.finals(command_id) == [("done", "ok")]
    assert told.view is before
