"""Which documents a real event touches: what a busy station sends most must touch least."""

from bridge.domain.enums import ChargingState
from bridge.mqtt import changes
from tests.unit.domain.builders import charging, readings, sample, updated


def test_a_periodic_reading_touches_only_what_may_wait_a_second() -> None:
    told = charging()
    for seq_no in (1, 2):
        before = told.station
        power = readings(
            sample("Energy.Active.Import.Register", 1000.0 + seq_no),
            sample("Power.Active.Import", 6900.0),
            sample("SoC", 40.0 + seq_no),
            at=told.now,
        )
        told.tell(updated(seq_no, told.now, meter_values=(power,), time_spent_charging_seconds=9))
    touched = {(evse, row.name) for evse, row in changes.documents_changed(before, told.station)}
    assert touched == {(1, "transaction"), (1, "meter")}
    assert changes.only_energy_moved(before.evses[1].transaction, told.evse().transaction)


def test_a_change_of_the_charging_state_touches_more() -> None:
    told = charging()
    before = told.station
    told.tell(updated(1, told.now, charging_state=ChargingState.SUSPENDED_EV))
    touched = {row.name for _, row in changes.documents_changed(before, told.station)}
    assert touched == {"state", "secc", "transaction", "allocation", "meter"}
    assert not changes.only_energy_moved(before.evses[1].transaction, told.evse().transaction)
