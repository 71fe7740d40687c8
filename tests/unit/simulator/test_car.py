from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.car import Car, Circuit, Grid
from tests.unit.simulator.rig import BEGIN


def car(*, stored_wh: float = 20_000.0) -> Car:
    return Car(max_a=16.0, phases=3, battery_wh=60_000.0, stored_wh=stored_wh)


def test_the_current_ramps_at_four_amps_a_second_to_what_the_car_takes() -> None:
    circuit, vehicle = Circuit(register_wh=0.0), car()
    seen = []
    for _ in range(6):
        circuit.advance(seconds=1.0, car=vehicle, offered_a=32.0, grid_v=690.0)
        seen.append(circuit.current_a)
    assert seen == [4.0, 8.0, 12.0, 16.0, 16.0, 16.0]


def test_the_energy_of_a_ramp_is_that_of_its_mean_current() -> None:
    circuit = Circuit(register_wh=100.0)
    circuit.advance(seconds=4.0, car=car(), offered_a=16.0, grid_v=690.0)
    assert circuit.register_wh == pytest.approx(100.0 + 8.0 * 690.0 * 4.0 / 3600.0)


def test_one_long_step_counts_what_many_short_ones_count() -> None:
    long, short = Circuit(register_wh=0.0), Circuit(register_wh=0.0)
    long.advance(seconds=60.0, car=car(), offered_a=10.0, grid_v=690.0)
    vehicle = car()
    for _ in range(600):
        short.advance(seconds=0.1, car=vehicle, offered_a=10.0, grid_v=690.0)
    assert long.register_wh == pytest.approx(short.register_wh)


@pytest.mark.parametrize(
    ("offered_a", "drawn_a"), [(0.0, 0.0), (5.9, 0.0), (6.0, 6.0), (10.0, 10.0), (32.0, 16.0)]
)
def test_a_car_draws_what_is_offered_from_six_amps_on(offered_a: float, drawn_a: float) -> None:
    circuit = Circuit(register_wh=0.0)
    circuit.advance(seconds=30.0, car=car(), offered_a=offered_a, grid_v=690.0)
    assert circuit.current_a == pytest.approx(drawn_a)


def test_a_full_battery_takes_exactly_what_fits_and_then_nothing() -> None:
    circuit, vehicle = Circuit(register_wh=0.0), car(stored_wh=59_999.0)
    circuit.advance(seconds=600.0, car=vehicle, offered_a=16.0, grid_v=690.0)
    assert (circuit.register_wh, circuit.current_a, vehicle.full) == (1.0, 0.0, True)
    assert vehicle.soc_percent == 100.0


@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 80), st.floats(200, 720)), max_size=30))
def test_the_register_never_falls_and_the_battery_holds_what_it_counted(
    steps: list[tuple[float, float, float]],
) -> None:
    circuit, vehicle = Circuit(register_wh=5.0), car()
    before = circuit.register_wh
    for seconds, offered_a, grid_v in steps:
        circuit.advance(seconds=seconds, car=vehicle, offered_a=offered_a, grid_v=grid_v)
        assert circuit.register_wh >= before
        assert 0.0 <= circuit.current_a <= vehicle.max_a
        before = circuit.register_wh
    assert circuit.register_wh - 5.0 == pytest.approx(vehicle.stored_wh - 20_000.0, abs=1e-6)
    assert vehicle.soc_percent <= 100.0 + 1e-9


def test_power_is_current_times_voltage_of_the_phases_in_use() -> None:
    circuit = Circuit(register_wh=0.0, current_a=10.0, phases=1)
    assert circuit.power_w((230.0, 231.0, 232.0)) == 2300.0


def test_the_same_seed_gives_the_same_voltages_near_230_volts() -> None:
    moments = [BEGIN + timedelta(seconds=7 * step) for step in range(40)]
    one = [Grid.from_seed(7).voltages_v(moment, 0.0) for moment in moments]
    assert one == [Grid.from_seed(7).voltages_v(moment, 0.0) for moment in moments]
    assert one != [Grid.from_seed(8).voltages_v(moment, 0.0) for moment in moments]
    assert all(228.0 < volts < 232.0 for phases in one for volts in phases)
    assert len({round(phases[0], 2) for phases in one}) > 10


def test_voltage_sags_under_load() -> None:
    grid = Grid.from_seed(1)
    assert grid.voltages_v(BEGIN, 16.0)[0] < grid.voltages_v(BEGIN, 0.0)[0]
