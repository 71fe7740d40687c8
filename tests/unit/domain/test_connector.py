"""Every row of mapping.md section 3 and the effects of section 5, told to a whole station."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import connector
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import IdToken, StatusNotification
from tests.unit.domain.builders import Told, charging, ready, sample, started, updated, wh
from tests.unit.domain.builders import readings as moment

Seen = tuple[str, str, str, str | None]
TOKEN = IdToken(value="AABB", type="ISO14443")
AVAILABLE = ConnectorStatus.AVAILABLE
OCCUPIED = ConnectorStatus.OCCUPIED
FAULTED = ConnectorStatus.FAULTED

IDLE: Seen = ("Idle", "idle", "A", "A1")
AWAITING: Seen = ("SuspendedEVSE", "awaiting_authorization", "B", "B1")
STARTING: Seen = ("SuspendedEVSE", "starting", "B", "B1")
CHARGING: Seen = ("Charging", "charging", "C", "C2")
SUSPENDED_EVSE: Seen = ("SuspendedEVSE", "suspended_evse", "B", "B1")
FINISHING: Seen = ("Finishing", "stopped", "B", "B1")
LINGERING: Seen = ("Finishing", "lingering", "A", "A1")
COMPLETED: Seen = ("Idle", "completed", "A", "A1")
BEFORE_PLUG: Seen = ("Idle", "awaiting_start", "A", "A1")
IS_FAULTED: Seen = ("Faulted", "faulted", "F", "F1")


def seen(told: Told) -> Seen:
    view = told.view
    controller = view.controller_status.value if view.controller_status else None
    return view.state.value, view.phase.value, view.vehicle_status.value, controller


# --- Section 3: without a transaction


@pytest.mark.parametrize(
    ("status", "row"),
    [
        (AVAILABLE, IDLE),
        (OCCUPIED, AWAITING),
        (ConnectorStatus.RESERVED, ("Reserved", "reserved", "A", "A1")),
        (ConnectorStatus.UNAVAILABLE, ("Unavailable", "unavailable", "S", None)),
        (FAULTED, IS_FAULTED),
    ],
)
def test_without_a_transaction_the_connector_speaks(status: ConnectorStatus, row: Seen) -> None:
    told = Told()
    told.status(status)
    assert seen(told) == row
    assert told.view.connector_status is status
    assert told.view.transaction_id is None


def test_unavailable_keeps_the_last_vehicle_status() -> None:
    told = ready()
    told.status(ConnectorStatus.UNAVAILABLE)
    assert seen(told) == ("Unavailable", "unavailable", "A", None)


# --- Section 3: in a transaction


@pytest.mark.parametrize(
    ("charging_state", "token", "row"),
    [
        (ChargingState.EV_CONNECTED, TOKEN, STARTING),
        (ChargingState.EV_CONNECTED, None, AWAITING),
        (ChargingState.IDLE, None, BEFORE_PLUG),
        (ChargingState.CHARGING, None, CHARGING),
        (ChargingState.SUSPENDED_EV, None, ("SuspendedEV", "suspended_ev", "B", "B2")),
        (ChargingState.SUSPENDED_EVSE, None, SUSPENDED_EVSE),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["Started", "Updated"])
def test_in_a_transaction_the_charging_state_speaks(
    charging_state: ChargingState, token: IdToken | None, row: Seen, first: bool
) -> None:
    told = ready()
    if not first:
        told.tell(started(trigger_reason=TriggerReason.AUTHORIZED))
    make = started if first else updated
    told.tell(
        make(
            0 if first else 1,
            told.now,
            charging_state=charging_state,
            id_token=token,
            trigger_reason=TriggerReason.CHARGING_STATE_CHANGED,
        )
    )
    assert seen(told) == row
    assert told.view.charging_state is charging_state
    assert told.view.transaction_id == "T1"
    assert told.view.charging is (row is CHARGING)


def test_idle_after_the_plug_was_seen_is_finishing() -> None:
    told = charging()
    told.tell(updated(1, told.now, charging_state=ChargingState.IDLE))
    assert seen(told) == LINGERING
    assert told.view.plugged is False


def test_an_occupied_bay_is_no_plug_while_the_station_says_idle() -> None:
    told = ready()
    told.tell(
        started(
            at=told.now,
            trigger_reason=TriggerReason.EV_DETECTED,
            charging_state=ChargingState.IDLE,
        )
    )
    told.status(OCCUPIED)
    assert seen(told) == BEFORE_PLUG
    assert told.view.plugged is False


def test_an_update_without_charging_state_changes_nothing() -> None:
    told = charging()
    before = told.evse()
    told.tell(updated(1, told.now))
    assert seen(told) == CHARGING
    assert told.view is before.view
    assert told.allocation is before.allocation


@pytest.mark.parametrize("state", [ChargingState.CHARGING, ChargingState.SUSPENDED_EVSE])
def test_a_fault_comes_before_the_transaction_and_keeps_it_open(state: ChargingState) -> None:
    told = ready()
    told.start(charging_state=state)
    told.status(FAULTED)
    assert seen(told) == IS_FAULTED
    assert told.transaction.open
    told.status(OCCUPIED)
    assert told.view.charging_state is state
    assert told.view.state.value == state.value


@pytest.mark.parametrize("status", [ConnectorStatus.UNAVAILABLE, ConnectorStatus.RESERVED])
def test_a_transaction_comes_before_unavailable_and_reserved(status: ConnectorStatus) -> None:
    told = charging()
    told.status(status)
    assert seen(told) == CHARGING


# --- Section 3: the end


def test_ended_with_the_ev_still_plugged_is_finishing_until_available() -> None:
    told = charging()
    told.end(stopped_reason=StoppedReason.REMOTE)
    assert seen(told) == FINISHING
    told.status(AVAILABLE)
    assert seen(told) == COMPLETED
    told.tick(1.0)
    assert seen(told) == IDLE


@pytest.mark.parametrize("available_first", [True, False])
def test_ended_with_the_ev_gone_is_completed_for_a_second_then_idle(available_first: bool) -> None:
    told = charging()
    steps: list[Callable[[], Any]] = [
        lambda: told.status(AVAILABLE),
        lambda: told.end(stopped_reason=StoppedReason.EV_DISCONNECTED),
    ]
    for step in steps if available_first else reversed(steps):
        step()
    assert seen(told)[0] == "Idle"
    told.tick(1.0)
    assert seen(told) == IDLE
    assert told.evse().completed_until is None


def test_completed_is_held_for_a_second() -> None:
    told = charging()
    told.end(stopped_reason=StoppedReason.EV_DISCONNECTED)
    assert seen(told) == COMPLETED
    told.tick(0.9)
    assert seen(told) == COMPLETED
    told.tick(0.1)
    assert seen(told) == IDLE


def test_ended_while_faulted_has_failed() -> None:
    told = charging()
    told.status(FAULTED)
    told.end(stopped_reason=StoppedReason.GROUND_FAULT)
    assert seen(told) == ("Faulted", "failed", "F", "F1")


def test_a_new_transaction_ends_the_finishing() -> None:
    told = charging()
    told.end()
    told.start("T2")
    assert seen(told) == CHARGING
    assert not told.evse().finishing


# --- Section 5: what triggers say


@pytest.mark.parametrize(
    ("trigger", "row"),
    [
        (TriggerReason.CABLE_PLUGGED_IN, AWAITING),
        (TriggerReason.EV_DETECTED, BEFORE_PLUG),
        (TriggerReason.AUTHORIZED, BEFORE_PLUG),
        (TriggerReason.REMOTE_START, BEFORE_PLUG),
        (TriggerReason.SIGNED_DATA_RECEIVED, BEFORE_PLUG),
    ],
)
def test_a_started_without_charging_state_is_read_by_its_trigger(
    trigger: TriggerReason, row: Seen
) -> None:
    told = ready()
    told.tell(started(at=told.now, trigger_reason=trigger))
    assert seen(told) == row


def test_authorization_moves_on_from_awaiting() -> None:
    told = ready()
    told.tell(started(at=told.now, trigger_reason=TriggerReason.CABLE_PLUGGED_IN))
    told.tell(updated(1, told.now, trigger_reason=TriggerReason.AUTHORIZED, id_token=TOKEN))
    assert seen(told) == STARTING


@pytest.mark.parametrize(
    "trigger", [TriggerReason.EV_DEPARTED, TriggerReason.EV_COMMUNICATION_LOST]
)
def test_a_departed_ev_lingers_until_ended(trigger: TriggerReason) -> None:
    told = charging()
    told.tell(updated(1, told.now, trigger_reason=trigger))
    assert seen(told) == LINGERING
    told.end(seq_no=2)
    assert seen(told)[0] == "Idle"


def test_a_trigger_that_stops_charging_suspends_or_ends() -> None:
    told = charging()
    told.tell(updated(1, told.now, trigger_reason=TriggerReason.DEAUTHORIZED))
    assert seen(told) == SUSPENDED_EVSE
    told.end(seq_no=2, trigger_reason=TriggerReason.DEAUTHORIZED)
    assert seen(told) == FINISHING


@pytest.mark.parametrize(
    "trigger",
    [
        TriggerReason.METER_VALUE_PERIODIC,
        TriggerReason.METER_VALUE_CLOCK,
        TriggerReason.TRIGGER,
        TriggerReason.CHARGING_RATE_CHANGED,
        TriggerReason.ABNORMAL_CONDITION,
        TriggerReason.RUNNING_COST,
    ],
)
def test_other_triggers_leave_the_state(trigger: TriggerReason) -> None:
    told = charging()
    told.tell(updated(1, told.now, trigger_reason=trigger))
    assert seen(told) == CHARGING


# --- Stations that say little (charger-quirks 30, 38)


@pytest.mark.parametrize(
    "reading", [sample("Power.Active.Import", 3000.0), sample("Current.Import", 6.0, "L1")]
)
def test_without_any_charging_state_power_or_current_is_charging(reading: Any) -> None:
    told = ready()
    told.status(OCCUPIED)
    values = (moment(reading, at=told.now),)
    told.tell(started(at=told.now, meter_values=values))
    assert seen(told) == CHARGING


def test_without_any_charging_state_and_power_rising_energy_is_charging() -> None:
    told = ready()
    told.status(OCCUPIED)
    told.tell(started(at=told.now, meter_values=(wh(100.0, told.now),)))
    assert seen(told) == AWAITING
    then = told.now + timedelta(seconds=10)
    told.tell(updated(1, then, meter_values=(wh(150.0, then),)))
    assert seen(told) == CHARGING
    assert told.view.used_phases is None
    assert told.transaction.charging_started_at == then


def test_without_any_charging_state_and_power_the_plug_speaks() -> None:
    told = ready()
    told.status(OCCUPIED)
    told.tell(started(at=told.now, meter_values=(moment(sample("SoC", 5.0), at=told.now),)))
    assert seen(told) == AWAITING


def test_available_with_the_cable_in_is_not_believed_while_charging() -> None:
    told = charging()
    told.status(AVAILABLE)
    assert seen(told) == CHARGING
    assert told.view.plugged is True


# --- Several connectors, error codes, offline


def test_the_connector_in_use_speaks_for_the_evse() -> None:
    told = ready()
    told.status(OCCUPIED, connector_id=2)
    told.status(ConnectorStatus.UNAVAILABLE, connector_id=3)
    assert told.view.connector_status is OCCUPIED
    told.status(AVAILABLE, connector_id=1)
    assert told.view.plugged is True
    told.status(AVAILABLE, connector_id=2)
    assert told.view.connector_status is AVAILABLE
    assert told.view.plugged is False


def test_an_error_code_is_shown() -> None:
    told = ready()
    told.tell(
        StatusNotification(
            timestamp=told.now,
            evse_id=1,
            connector_id=1,
            status=FAULTED,
            error_code="GroundFailure",
        )
    )
    assert told.view.error_code == "GroundFailure"


def test_offline_keeps_what_was_known_and_says_so() -> None:
    told = charging()
    told.disconnect()
    assert seen(told) == CHARGING
    assert told.view.stale
    view = told.view
    told.tick(1.0)
    assert told.view is view
    told.connect()
    assert seen(told) == CHARGING
    assert not told.view.stale


@pytest.mark.parametrize(
    ("amps", "used"), [((9.0, 9.0, 9.0), "111"), ((9.0, 0.2, 0.0), "100"), ((), None)]
)
def test_used_phases_are_those_that_carried_current(
    amps: tuple[float, ...], used: str | None
) -> None:
    told = charging()
    samples = [
        sample("Current.Import", a, p) for a, p in zip(amps, ("L1", "L2", "L3"), strict=False)
    ]
    told.tell(updated(1, told.now, meter_values=(moment(*samples, at=told.now),)))
    assert told.view.used_phases == used


def test_no_phase_is_used_before_energy_flows_and_none_known_without_transaction() -> None:
    told = ready()
    assert told.view.used_phases is None
    told.start(charging_state=ChargingState.EV_CONNECTED)
    assert told.view.used_phases == "000"


def test_an_evse_without_any_status_has_none() -> None:
    told = Told()
    told.start()
    assert connector.status_of(told.evse()) is None
    assert told.view.connector_status is None
