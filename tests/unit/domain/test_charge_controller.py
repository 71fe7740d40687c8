"""A charge controller without OCPP told in TransactionEvents: sessions, states, limits of others."""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from bridge.domain.calls import CallFailed, CallFailure, ClearChargingProfile, SetChargingProfile
from bridge.domain.commands import ResultCode, Start
from bridge.domain.effects import FaultRecorded, StatusRecorded, TransactionRecorded
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    EventType,
    Phase,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)
from bridge.domain.events import (
    CONTROLLER,
    BootNotification,
    Connected,
    ControllerReport,
    IdToken,
    MeterValue,
)
from bridge.domain.reported import source_name
from bridge.domain.station import Restarted
from bridge.store.codec import decode_station, encode
from tests.records import replace
from tests.unit.domain.builders import ENERGY, KNOWN, T0, Told, sample

BOOT: Final = BootNotification(vendor_name="pulsatrix", model="SECC", reason="Unknown")
SECC: Final = replace(KNOWN, secc=True, composite_schedule=False, trigger_boot=False)

CODES: Final = {
    SeccState.IDLE: (VehicleStatus.DISCONNECTED, ControllerStatus.STANDBY),
    SeccState.SUSPENDED_EVSE: (VehicleStatus.CONNECTED, ControllerStatus.VEHICLE_DETECTED),
    SeccState.SUSPENDED_EV: (VehicleStatus.CONNECTED, ControllerStatus.CHARGING_OFFERED),
    SeccState.CHARGING: (VehicleStatus.CHARGE_REQUEST, ControllerStatus.CHARGING),
    SeccState.FINISHING: (VehicleStatus.CONNECTED, ControllerStatus.VEHICLE_DETECTED),
    SeccState.FAULTED: (VehicleStatus.ERROR, ControllerStatus.ERROR),
}


class ToldSecc(Told):
    """A charge controller that is read."""

    def __init__(self) -> None:
        super().__init__(SECC, online=False)
        self.facts: dict[str, Any] = {}
        self.appears()

    def appears(self) -> None:
        self.tell(Connected(version=CONTROLLER, connection_id="c", remote="http://secc"))

    def says(self, state: SeccState | None = None, after: float = 1.0, **facts: Any) -> None:
        """Hand in a report; what is not given is as in the last one."""
        if state is not None:
            vehicle, controller = CODES.get(state, (None, None))
            facts.setdefault("vehicle_status", vehicle)
            facts.setdefault("controller_status", controller)
            facts["state"] = state
        once = {key: facts.pop(key) for key in ("meter_values", "first") if key in facts}
        self.facts |= facts
        at = self.now + timedelta(seconds=after)
        self.tell(ControllerReport(timestamp=at, boot=BOOT, **self.facts, **once), after)

    def charges(self, session: str = "S1", register_wh: float = 1000.0) -> None:
        self.says(SeccState.IDLE, session_id="S0")
        self.says(
            SeccState.SUSPENDED_EVSE,
            session_id=session,
            start_reason=TriggerReason.AUTHORIZED,
            meter_start_wh=register_wh,
            started_at=None,
            ended_at=None,
        )
        self.says(SeccState.CHARGING, started_at=self.now, phases_used=3)

    def restarted(self) -> None:
        """The bridge ends and starts again with what was stored."""
        self.station = decode_station(encode(self.station))
        self.tell(Restarted())
        self.appears()

    def told(self) -> list[tuple[EventType, TriggerReason, str, ChargingState | None]]:
        """Return the events of transactions so far, and forget them."""
        events = [each for each in self.events if isinstance(each, TransactionRecorded)]
        self.events.clear()
        return [
            (
                e.event.event_type,
                e.event.trigger_reason,
                e.event.transaction_id,
                e.event.charging_state,
            )
            for e in events
        ]


def wh(value: float, at: datetime) -> tuple[MeterValue, ...]:
    currents = [sample("Current.Import", 16.0, f"L{n}") for n in (1, 2, 3)]
    return (MeterValue(timestamp=at, sampled_values=(sample(ENERGY, value), *currents)),)


@pytest.fixture
def secc() -> ToldSecc:
    return ToldSecc()


def test_a_session_from_plugging_in_to_unplugging(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(after=10, meter_values=wh(1500, secc.now))
    secc.says(SeccState.SUSPENDED_EV)
    secc.says(
        SeccState.FINISHING,
        stop_reason=StoppedReason.LOCAL,
        ended_at=secc.now,
        meter_stop_wh=1500.0,
    )
    assert secc.view.state == "Finishing"
    secc.says(SeccState.IDLE)

    assert secc.told() == [
        ("Started", "Authorized", "S1", "EVConnected"),
        ("Updated", "ChargingStateChanged", "S1", "Charging"),
        ("Updated", "MeterValuePeriodic", "S1", "Charging"),
        ("Updated", "ChargingStateChanged", "S1", "SuspendedEV"),
        ("Ended", "StopAuthorized", "S1", "EVConnected"),
    ]
    transaction = secc.transaction
    assert (transaction.meter_start_wh, transaction.energy_wh) == (1000, 500)
    assert not transaction.meter_start_approximate
    assert transaction.stopped_reason is StoppedReason.LOCAL
    assert transaction.phases_seen == (True, True, True)
    assert (transaction.first_seq_no, transaction.last_seq_no) == (0, 4)
    assert (transaction.started_seen, transaction.complete) == (True, True)
    assert secc.view.state == "Idle"
    assert secc.view.plugged is False
    secc.says(SeccState.IDLE)
    assert secc.told() == []


def test_the_connectors_status_is_told_once_each(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(SeccState.FINISHING, stop_reason=StoppedReason.LOCAL)
    secc.says(SeccState.IDLE)
    statuses = [each for each in secc.events if isinstance(each, StatusRecorded)]
    assert [each.status for each in statuses] == ["Available", "Occupied", "Available"]


def test_nothing_is_told_twice_after_a_restart_of_the_bridge(secc: ToldSecc) -> None:
    secc.charges()
    secc.told()
    before = secc.transaction
    secc.restarted()
    secc.says(first=True)
    assert secc.told() == []
    assert secc.transaction == before


def test_what_ended_while_the_bridge_was_away_is_told_once(secc: ToldSecc) -> None:
    secc.charges()
    secc.told()
    ended_at = secc.now + timedelta(seconds=30)
    secc.now += timedelta(seconds=100)
    secc.restarted()
    secc.says(
        SeccState.IDLE,
        first=True,
        ended_at=ended_at,
        meter_stop_wh=4000.0,
        stop_reason=StoppedReason.EV_DISCONNECTED,
    )
    assert secc.told() == [("Ended", "EVCommunicationLost", "S1", "Idle")]
    assert (secc.transaction.ended_at, secc.transaction.energy_wh) == (ended_at, 3000)
    assert secc.transaction.offline is True


def test_another_session_ends_the_one_that_is_known(secc: ToldSecc) -> None:
    secc.charges()
    secc.told()
    secc.says(after=60, session_id="S2", meter_start_wh=3000.0, started_at=secc.now, first=True)
    assert secc.told() == [
        ("Ended", "AbnormalCondition", "S1", "EVConnected"),
        ("Started", "Authorized", "S2", "Charging"),
    ]
    assert (secc.transaction.id, secc.transaction.open) == ("S2", True)
    assert secc.transaction.charging_started_at is not None
    closed = secc.station.closed[-1]
    assert closed.id == "S1"


def test_another_session_within_the_same_second_begins_once(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(after=0.7, meter_values=wh(1500, secc.now))
    secc.told()
    whole_second = secc.now.replace(microsecond=0)  # as controllers tell times
    secc.says(after=0.1, session_id="S2", started_at=whole_second, first=True)
    secc.says(after=1)
    assert secc.told() == [
        ("Ended", "AbnormalCondition", "S1", "EVConnected"),
        ("Started", "Authorized", "S2", "Charging"),
    ]
    assert (secc.transaction.id, secc.transaction.open) == ("S2", True)


def test_a_session_that_came_and_went_unseen_is_told_as_offline(secc: ToldSecc) -> None:
    secc.says(SeccState.IDLE, session_id="S0")
    began = secc.now + timedelta(seconds=10)
    secc.says(
        SeccState.IDLE,
        after=600,
        first=True,
        session_id="S1",
        started_at=began,
        ended_at=began + timedelta(seconds=300),
        meter_start_wh=1000.0,
        meter_stop_wh=2500.0,
        start_reason=TriggerReason.AUTHORIZED,
        stop_reason=StoppedReason.LOCAL,
    )
    assert secc.told() == [
        ("Started", "Authorized", "S1", "Charging"),
        ("Ended", "StopAuthorized", "S1", "EVConnected"),
    ]
    assert (secc.transaction.energy_wh, secc.transaction.offline) == (1500, True)
    secc.says(SeccState.IDLE)
    assert secc.told() == []


def test_the_last_session_of_an_idle_controller_is_no_news_at_first_sight(secc: ToldSecc) -> None:
    long_ago = T0 - timedelta(days=1)
    secc.says(
        SeccState.IDLE,
        first=True,
        session_id="S0",
        started_at=long_ago,
        ended_at=long_ago + timedelta(hours=1),
    )
    assert secc.told() == []


def test_a_controller_that_restarts_idle_ends_and_begins_nothing(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(SeccState.IDLE, ended_at=secc.now, stop_reason=StoppedReason.LOCAL)
    secc.told()
    secc.says(SeccState.IDLE, session_id="S9", first=True)
    assert secc.told() == []


def test_a_session_found_running_begins_when_it_says(secc: ToldSecc) -> None:
    began = T0 - timedelta(hours=1)
    secc.says(
        SeccState.CHARGING,
        first=True,
        session_id="S1",
        started_at=began,
        meter_start_wh=1000.0,
        meter_values=wh(9000, T0),
    )
    assert [each[:2] for each in secc.told()] == [("Started", "CablePluggedIn")]
    transaction = secc.transaction
    assert (transaction.started_at, transaction.charging_started_at) == (began, began)
    assert (transaction.energy_wh, transaction.offline) == (8000, True)


@pytest.mark.parametrize(
    "nonsense", [T0 + timedelta(days=1), datetime(1970, 1, 2, tzinfo=T0.tzinfo)]
)
def test_a_clock_that_is_not_set_is_not_believed(secc: ToldSecc, nonsense: datetime) -> None:
    secc.says(SeccState.CHARGING, first=True, session_id="S1", started_at=nonsense)
    assert secc.transaction.started_at == secc.now
    secc.says(SeccState.FINISHING, ended_at=nonsense)
    assert secc.transaction.ended_at == secc.now


def test_a_controller_without_session_ids_gets_some(secc: ToldSecc) -> None:
    secc.says(SeccState.IDLE)
    secc.says(SeccState.SUSPENDED_EVSE)
    first = secc.transaction.id
    secc.says(SeccState.CHARGING, session_id="S1")  # it tells one after all
    assert (secc.transaction.id, secc.transaction.open) == (first, True)
    secc.says(SeccState.IDLE, session_id=None)
    secc.says(SeccState.SUSPENDED_EVSE)
    assert secc.transaction.id != first
    assert first.startswith("session-")


def test_an_id_that_changes_late_is_no_other_session(secc: ToldSecc) -> None:
    secc.says(SeccState.IDLE, session_id="S0")
    secc.says(SeccState.SUSPENDED_EVSE)  # the id is still that of the session before
    secc.says(session_id="S1")
    secc.says(SeccState.CHARGING, started_at=secc.now)
    assert [each[0] for each in secc.told()] == ["Started", "Updated"]
    secc.says(SeccState.CHARGING, session_id="S2")  # energy has flowed: this one is another
    assert [each[0] for each in secc.told()] == ["Ended", "Started"]
    assert secc.transaction.id == "S2"


def test_a_fault_keeps_the_transaction_open(secc: ToldSecc) -> None:
    secc.charges()
    secc.told()
    secc.says(SeccState.FAULTED, error_cause="CpShortCircuit")
    faults = [each for each in secc.events if isinstance(each, FaultRecorded)]
    assert [(each.code, each.details["errorCode"]) for each in faults] == [
        ("connector_faulted", "CpShortCircuit")
    ]
    assert secc.told() == [("Updated", "ChargingStateChanged", "S1", "SuspendedEVSE")]
    assert (secc.view.state, secc.view.vehicle_status) == ("Faulted", "F")
    secc.says(SeccState.CHARGING)
    assert secc.told() == [("Updated", "ChargingStateChanged", "S1", "Charging")]


@pytest.mark.parametrize("state", [SeccState.UNAVAILABLE, SeccState.RESERVED, None])
def test_what_says_nothing_of_the_transaction_ends_none(
    secc: ToldSecc, state: SeccState | None
) -> None:
    secc.charges()
    secc.told()
    secc.says(state) if state else secc.says(state=None)
    assert secc.told() == []
    assert secc.transaction.open


def test_its_own_word_beats_what_is_derived(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(
        SeccState.SUSPENDED_EVSE,
        vehicle_status=VehicleStatus.CHARGE_REQUEST,
        controller_status=ControllerStatus.CHARGE_REQUEST,
    )
    view = secc.view
    assert (view.state, view.vehicle_status, view.controller_status) == (
        "SuspendedEVSE",
        "C",
        "C1",
    )
    assert view.phase is Phase.SUSPENDED_EVSE
    secc.says(SeccState.SUSPENDED_EVSE, phase=Phase.STARTING)
    assert secc.view.phase is Phase.STARTING


@pytest.mark.parametrize("phase", list(Phase))
def test_the_finer_state_of_mqtt_is_shown_as_it_is(secc: ToldSecc, phase: Phase) -> None:
    secc.says(SeccState.SUSPENDED_EVSE, phase=phase)
    assert secc.view.phase is phase


def test_another_rate_is_told(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(available_a=16.0)
    secc.told()
    secc.says(available_a=10.0)
    assert secc.told() == [("Updated", "ChargingRateChanged", "S1", "Charging")]
    secc.says(available_a=10.04)
    assert secc.told() == []


def test_readings_outside_a_session_are_the_meters(secc: ToldSecc) -> None:
    secc.says(SeccState.IDLE, meter_values=wh(1234, secc.now))
    meter = secc.evse().meter
    assert meter is not None
    assert meter.energy_wh == 1234
    assert secc.told() == []


# --- Control ----------------------------------------------------------------------------------


def test_a_limit_is_one_for_whatever_runs_and_is_cleared_on_release(secc: ToldSecc) -> None:
    secc.charges()
    secc.applied(10)
    first = secc.calls[-1].request
    assert isinstance(first, SetChargingProfile)
    assert (first.purpose, first.transaction_id) == ("TxDefaultProfile", None)
    assert secc.in_control == ("MQTT", 10, "active")
    secc.says(SeccState.FINISHING)
    secc.says(SeccState.IDLE)
    secc.release()
    assert isinstance(secc.calls[-1].request, ClearChargingProfile)


def test_a_lost_limit_is_written_again(secc: ToldSecc) -> None:
    secc.charges()
    secc.applied(10)
    calls = len(secc.calls)
    secc.says(limits_kept=True)
    assert len(secc.calls) == calls
    secc.says(limits_kept=False)
    assert len(secc.calls) == calls + 1
    again = secc.calls[-1].request
    assert isinstance(again, SetChargingProfile)
    assert again.limit_a == 10
    secc.says(limits_kept=False)
    assert len(secc.calls) == calls + 1  # it is on its way


def test_a_limit_that_nobody_wants_any_more_is_not_left_behind(secc: ToldSecc) -> None:
    secc.charges()
    secc.limit(10, ttl_seconds=60)
    secc.answer()
    secc.station = decode_station(encode(secc.station))
    secc.now += timedelta(seconds=90)  # the lease has run out while the bridge was away
    secc.tell(Restarted())
    secc.appears()
    secc.says(first=True, limits_kept=False)
    requests = [call.request for call in secc.calls[1:]]
    assert [type(each) for each in requests] == [ClearChargingProfile]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("OCPP Profile", "OCPP Profile"),
        ("Team", "Team"),
        ("Transaction", "Transaction"),
        ("API", "API"),
        ("MQTT", "MQTT"),
        ("Marketing", "OCPP Profile"),
    ],
)
def test_a_limit_of_somebody_else_binds_and_is_not_written_back(
    secc: ToldSecc, name: str, source: str
) -> None:
    secc.charges()
    secc.says(source_name=name, available_a=8.0)
    assert (secc.allocation.source, secc.allocation.offered_a) == (source, 8)
    assert (secc.allocation.requested_a, secc.allocation.state) == (None, "released")
    assert secc.calls == []
    limit = secc.applied(12)
    request = secc.calls[-1].request
    assert isinstance(request, SetChargingProfile)
    assert request.limit_a == 12
    assert secc.finals(limit) == [("done", "standby")]
    assert secc.in_control == (source, 8, "standby")
    assert secc.allocation.requested_a == 12
    secc.says(source_name="API", available_a=12.0, own_source=True)
    assert secc.in_control == ("MQTT", 12, "active")
    assert len(secc.calls) == 1


def test_a_lower_limit_by_the_api_that_the_bridge_uses_is_somebody_elses(secc: ToldSecc) -> None:
    secc.charges()
    secc.applied(12)
    secc.says(source_name="MQTT", available_a=12.0, own_source=True)
    assert secc.in_control == ("MQTT", 12, "active")
    secc.says(source_name="MQTT", available_a=7.0, own_source=True)
    reported = secc.evse().reported
    assert reported is not None
    assert reported.by_us is False
    assert secc.in_control == ("MQTT", 7, "standby")
    assert secc.allocation.requested_a == 12
    secc.says(source_name="MQTT", available_a=12.0, own_source=True)
    assert secc.in_control == ("MQTT", 12, "active")
    assert len(secc.calls) == 1


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ({"source_name": "API", "own_source": True, "available_a": 12.0}, "MQTT"),
        ({"source_name": "Unmanaged", "available_a": 32.0}, "Unmanaged"),
        ({"source_name": None, "available_a": 32.0}, "Unmanaged"),  # by MQTT it does not say
        ({"source_name": "Team", "available_a": 8.0}, "Team"),
    ],
)
def test_events_name_who_is_in_control_as_the_controller_says(
    secc: ToldSecc, said: dict[str, Any], source: str
) -> None:
    secc.charges()
    secc.applied(12)
    secc.says(meter_values=wh(1500, secc.now), **said)
    recorded = [each for each in secc.events if isinstance(each, TransactionRecorded)]
    assert recorded[-1].allocation_source == source


@pytest.mark.parametrize(("limit_a", "available_a"), [(4.0, 0.0), (20.0, 16.0)])
def test_what_a_controller_makes_of_a_limit_is_ours(limit_a: float, available_a: float) -> None:
    secc = ToldSecc()
    secc.settings = replace(SECC, minimum_a=0.0, installation_max_a=32.0)
    secc.charges()
    secc.applied(limit_a)
    secc.says(source_name="API", available_a=available_a, own_source=True, effective_a=16.0)
    assert secc.in_control == ("MQTT", limit_a, "active")


def test_a_limit_that_has_not_risen_yet_is_still_ours(secc: ToldSecc) -> None:
    secc.charges()
    secc.applied(8)
    secc.limit(12)
    secc.says(source_name="MQTT", available_a=8.0, own_source=True)
    assert secc.in_control == ("MQTT", 8, "pending")


def test_a_cable_that_binds_is_one(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(source_name="ProximityPilot", available_a=20.0)
    assert (secc.allocation.source, secc.allocation.offered_a) == ("ProximityPilot", 20)
    secc.says(SeccState.IDLE, source_name="Unmanaged", available_a=32.0)
    assert (secc.allocation.source, secc.allocation.offered_a) == ("Unmanaged", 32)


def test_the_sources_are_read_whatever_their_spelling() -> None:
    for text in ("OCPP Profile", "ocpp_profile", "OCPP-PROFILE", "OcppProfile"):
        assert source_name(text) == "OCPP Profile"
    assert source_name("PROXIMITY_PILOT") == "ProximityPilot"
    assert source_name("Marketing") == "Marketing"


def test_what_the_api_cannot_do_is_unsupported(secc: ToldSecc) -> None:
    secc.charges()
    secc.says(SeccState.FINISHING)
    secc.command(Start(id_token=IdToken(value="TAG", type="Central")))
    why = "the charge controller's API can neither start nor stop"
    secc.answer(CallFailed(failure=CallFailure.UNSUPPORTED, description=why))
    result = secc.results[-1]
    assert (result.status, result.code) == ("rejected", ResultCode.UNSUPPORTED)
    assert result.refusal is not None
    assert result.refusal.message == why


def test_who_it_is_and_what_it_can_do(secc: ToldSecc) -> None:
    secc.says(SeccState.IDLE, phase_switching=True)
    assert secc.station.boot == BOOT
    learnt = secc.station.learnt
    assert (learnt.tx_profile, learnt.phase_switching) == (False, True)
    boot = secc.station.boot
    secc.says(SeccState.IDLE)
    assert secc.station.boot is boot


def test_a_connector_status_of_its_own_counts(secc: ToldSecc) -> None:
    secc.says(SeccState.IDLE, connector_status=ConnectorStatus.RESERVED)
    assert secc.view.connector_status is ConnectorStatus.RESERVED
