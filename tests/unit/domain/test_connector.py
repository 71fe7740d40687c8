"""How an EVSE is seen where the tables (`tests/mapping`) leave something open."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import connector
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    StoppedReason,
)
from tests.unit.domain.builders import Told, charging, ready, sample, started, updated, wh
from tests.unit.domain.builders import readings as moment

Seen = tuple[str, str, str, str | None]
AVAILABLE = ConnectorStatus.AVAILABLE
OCCUPIED = ConnectorStatus.OCCUPIED
FAULTED = ConnectorStatus.FAULTED

IDLE: Seen = ("Idle", "idle", "A", "A1")
AWAITING: Seen = ("SuspendedEVSE", "awaiting_authorization", "B", "B1")
CHARGING: Seen = ("Charging", "charging", "C", "C2")
SUSPENDED_EVSE: Seen = ("SuspendedEVSE", "suspended_evse", "B", "B1")
COMPLETED: Seen = ("Idle", "completed", "A", "A1")
IS_FAULTED: Seen = ("Faulted", "faulted", "F", "F1")


def seen(told: Told) -> Seen:
    view = told.view
    controller = view.controller_status.value if view.controller_status else None
    return view.state.value, view.phase.value, view.vehicle_status.value, controller


# --- In a transaction, and its end


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


def test_a_new_transaction_ends_the_finishing() -> None:
    told = charging()
    told.end()
    told.start("T2")
    assert seen(told) == CHARGING
    assert not told.evse().finishing


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


# --- Several connectors, offline


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


def test_an_evse_without_any_status_has_none() -> None:
    told = Told()
    told.start()
    assert connector.status_of(told.evse()) is None
    assert told.view.connector_status is None
