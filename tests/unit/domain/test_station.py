"""The station as a whole: connection, registration, status, readings, restart."""

from typing import Any

import pytest

from bridge.domain import station as rules
from bridge.domain import status
from bridge.domain.calls import SetChargingProfile
from bridge.domain.commands import ResultCode, ResultStatus, Start, Stop
from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    StatusRecorded,
)
from bridge.domain.enums import ConnectorStatus, Registration
from bridge.domain.events import (
    Authorize,
    BootNotification,
    Heartbeat,
    IdToken,
    MeterValues,
    Notice,
)
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings, UnknownStations
from bridge.domain.tokens import ACCEPTED
from tests.records import replace
from tests.unit.domain.builders import (
    CUT,
    KNOWN,
    Told,
    charging,
    ready,
    sample,
    started,
    wh,
)
from tests.unit.domain.builders import readings as moment

BOOT = BootNotification(vendor_name="ACME", model="Box", reason="PowerUp")
TOKEN = IdToken(value="AABB", type="ISO14443")
UNKNOWN = StationSettings(unknown_stations=UnknownStations.PENDING)


# --- Connection


def test_a_connection_makes_the_station_online() -> None:
    told = Told()
    assert told.station.online
    assert told.station.version == "2.0.1"
    told.disconnect("c1")
    assert not told.station.online
    assert told.station.connection_id is None


@pytest.mark.parametrize(
    ("settings", "registration"),
    [
        (KNOWN, Registration.ACCEPTED),
        (StationSettings(unknown_stations=UnknownStations.ACCEPT), Registration.ACCEPTED),
        (UNKNOWN, Registration.PENDING),
    ],
)
def test_who_needs_no_boot_is_accepted_once_connected(
    settings: StationSettings, registration: Registration
) -> None:
    assert Told(settings).station.registration is registration


def test_the_end_of_a_superseded_connection_has_no_effect() -> None:
    told = charging()
    told.connect("c2")
    before = told.station
    assert told.disconnect("c1").station is before
    assert told.station.online


# --- Registration


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (KNOWN, Registration.ACCEPTED),
        (StationSettings(unknown_stations=UnknownStations.ACCEPT), Registration.ACCEPTED),
        (UNKNOWN, Registration.PENDING),
    ],
)
def test_a_boot_is_answered_by_what_the_owner_laid_down(
    settings: StationSettings, status: Registration
) -> None:
    told = Told(replace(settings, heartbeat_interval_seconds=60))
    assert told.tell(BOOT).reply == BootReply(status=status, interval_seconds=60)
    assert told.station.registration is status
    assert (told.station.boot, told.station.booted_at) == (BOOT, told.now)


@pytest.mark.parametrize(
    "message",
    [
        Heartbeat(),
        Authorize(id_token=TOKEN),
        Notice(action="NotifyReport"),
        MeterValues(evse_id=1, meter_values=()),
        started(),
    ],
)
def test_a_pending_station_may_only_boot(message: Any) -> None:
    told = Told(UNKNOWN)
    told.tell(BOOT)
    before = told.station
    outcome = told.tell(message)
    assert outcome.reply == NotAccepted()
    assert outcome.station is before
    assert not outcome.events


def test_an_approved_station_is_accepted_for_good() -> None:
    told = Told(UNKNOWN)
    told.tell(BOOT)
    told.tell(rules.Approved())
    assert told.tell(Heartbeat()).reply == Acknowledged()
    assert told.tell(BOOT).reply == BootReply(status=Registration.ACCEPTED, interval_seconds=300)
    assert rules.registered(told.station, UNKNOWN)


def test_a_known_station_needs_no_boot() -> None:
    assert Told().tell(Heartbeat()).reply == Acknowledged()


def test_nothing_is_asked_of_a_station_that_is_no_longer_accepted() -> None:
    told = ready()
    told.settings = UNKNOWN
    told.station = replace(told.station, registration=Registration.PENDING)
    command_id = told.command(Start(id_token=TOKEN))
    assert told.finals(command_id) == [("rejected", "station_offline")]
    assert "not accepted" in told.result(command_id).refusal.message  # type: ignore[union-attr]
    assert told.calls == []


# --- Plain answers


@pytest.mark.parametrize("message", [Heartbeat(), Notice(action="SecurityEventNotification")])
def test_what_changes_nothing_keeps_the_record(message: Any) -> None:
    told = charging()
    before = told.station
    outcome = told.tell(message)
    assert outcome.station is before
    assert outcome.reply == Acknowledged()


def test_every_token_is_accepted() -> None:
    assert ready().tell(Authorize(id_token=TOKEN)).reply == AuthorizeReply(verdict=ACCEPTED)


def test_each_change_counts_one_revision_and_leaves_the_rest_as_it_was() -> None:
    told = ready(evses=2)
    before = told.station
    told.status(ConnectorStatus.OCCUPIED, evse_id=2)
    assert told.station.revision == before.revision + 1
    assert told.station.evses[1] is before.evses[1]


def test_the_input_record_is_not_touched() -> None:
    told = charging()
    before, copy = told.station, replace(told.station, evses=dict(told.station.evses))
    told.limit(10.0)
    told.end()
    assert before == copy


# --- Status


def test_a_change_of_status_is_recorded_once() -> None:
    told = ready()
    told.status(ConnectorStatus.OCCUPIED)
    recorded = told.events[-1]
    assert isinstance(recorded, StatusRecorded)
    assert (recorded.evse_id, recorded.connector_id) == (1, 1)
    assert recorded.previous is ConnectorStatus.AVAILABLE
    assert recorded.status is ConnectorStatus.OCCUPIED
    assert told.status(ConnectorStatus.OCCUPIED).events == ()
    assert told.events[0].previous is None


def test_the_same_change_later_is_another_event() -> None:
    told = ready()
    for _ in range(2):
        told.status(ConnectorStatus.OCCUPIED)
        told.status(ConnectorStatus.AVAILABLE)
    assert len({event.event_id for event in told.events}) == len(told.events) == 5


def test_a_status_of_the_whole_station_makes_no_evse() -> None:
    told = ready()
    before = told.station
    assert told.status(ConnectorStatus.AVAILABLE, evse_id=0).station is before


# --- Readings outside events


def test_readings_of_an_idle_evse_are_its_meter() -> None:
    told = ready()
    told.tell(MeterValues(evse_id=1, meter_values=(wh(700, told.now),)))
    meter = told.evse().meter
    assert meter is not None
    assert meter.energy_wh == 700


def test_readings_outside_events_count_for_the_running_transaction() -> None:
    told = ready()
    told.start(meter_values=(wh(700, told.now),))
    values = (wh(900, told.now), moment(sample("SoC", 44.0), at=told.now))
    told.tell(MeterValues(evse_id=1, meter_values=values))
    assert told.transaction.energy_wh == 200
    assert told.transaction.soc_last_percent == 44.0


def test_readings_do_not_count_for_a_transaction_that_has_ended() -> None:
    told = ready()
    told.start(meter_values=(wh(700, told.now),))
    told.end()
    told.tell(MeterValues(evse_id=1, meter_values=(wh(900, told.now),)))
    assert told.transaction.energy_wh == 0


@pytest.mark.parametrize("evse_id", [0, 9])
def test_readings_of_no_known_evse_are_only_acknowledged(evse_id: int) -> None:
    told = ready()
    before = told.station
    message = MeterValues(evse_id=evse_id, meter_values=(wh(1.0),))
    assert told.tell(message).station is before


# --- Restart


def restarted(told: Told) -> Told:
    told.tell(rules.Restarted())
    return told


def test_after_a_restart_nothing_is_connected_and_nothing_is_sent() -> None:
    told = restarted(charging())
    assert not told.station.online
    assert told.view.stale
    assert told.calls == []


def test_a_limit_on_its_way_is_sent_again_after_a_restart_and_answered_once() -> None:
    told = charging()
    command_id = told.limit(10.0)
    restarted(told)
    assert told.evse().write is None
    assert told.finals(command_id) == []
    told.connect()
    assert told.limits_sent() == [10.0, 10.0]
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_write_on_its_way_before_a_restart_may_have_been_carried_out() -> None:
    told = charging()
    told.applied(10.0)
    told.release()
    restarted(told)
    told.connect()
    told.answer()
    assert [profile.limit_a for profile in told.evse().installed] == []
    assert told.in_control == ("Unmanaged", 32.0, "released")


@pytest.mark.parametrize("arguments", [Start(id_token=TOKEN), Stop()])
def test_a_start_or_stop_on_its_way_is_unknown_and_never_sent_again(arguments: Any) -> None:
    told = charging() if isinstance(arguments, Stop) else ready()
    command_id = told.command(arguments)
    restarted(told)
    assert told.finals(command_id) == [("unknown", "unknown")]
    result = told.result(command_id)
    assert result.refusal is not None
    assert result.refusal.details == {"evses": {"1": told.view.state.value}}
    told.connect()
    assert len(told.calls) == 1
    assert told.answer(CUT).results == ()


def test_a_lease_that_ran_out_meanwhile_is_released_at_the_restart() -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=60)
    told.now = told.now.replace(hour=12)
    restarted(told)
    assert told.evse().slots == ()
    # the profile has ended at the station by itself (validTo): there is nothing to clear
    assert told.in_control == ("Unmanaged", 32.0, "released")
    calls = len(told.calls)
    told.connect()
    assert len(told.calls) == calls


def test_a_live_limit_is_restored_without_a_write() -> None:
    told = charging()
    told.applied(10.0)
    restarted(told)
    assert told.in_control == ("MQTT", 10.0, "suspended")
    told.connect()
    assert told.in_control == ("MQTT", 10.0, "active")
    assert told.limits_sent() == [10.0]


# --- Boot


def test_after_a_boot_our_profiles_are_written_again() -> None:
    told = charging()
    told.applied(10.0)
    told.tell(BOOT)
    assert told.limits_sent() == [10.0, 10.0]
    assert isinstance(told.request, SetChargingProfile)
    assert told.in_control == ("MQTT", 10.0, "pending")
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_boot_without_profiles_of_ours_writes_nothing() -> None:
    told = charging()
    told.tell(BOOT)
    assert told.calls == []


def test_an_answer_to_no_call_of_ours_changes_nothing() -> None:
    told = charging()
    before = told.station
    assert told.answer(call_id=99).station is before


def test_a_new_station_is_offline_and_pending() -> None:
    blank = Station(id=Told().station.id)
    assert (blank.online, blank.registration) == (False, Registration.PENDING)
    assert ResultCode.UNKNOWN.value == ResultStatus.UNKNOWN.value


def test_a_status_of_what_cannot_be_is_answered_and_forgotten() -> None:
    told = ready()
    told.status(ConnectorStatus.OCCUPIED, evse_id=-1)
    assert list(told.station.evses) == [1]
    for connector_id in range(1, 100):
        told.status(ConnectorStatus.OCCUPIED, connector_id=connector_id)
    assert len(told.evse().connectors) == status.MAX_CONNECTORS
