"""Sampled values to readings: totals, phases, contexts, places of measurement."""

from datetime import timedelta

import pytest

from bridge.domain import metering
from bridge.domain.events import SampledValue
from bridge.domain.model import Meter
from tests.unit.domain.builders import ENERGY, T0, readings, sample, wh

LATER = T0 + timedelta(seconds=10)


def meter_of(*samples: SampledValue) -> Meter:
    found = metering.read((readings(*samples),)).meter
    assert found is not None
    return found


def test_each_quantity_finds_its_place() -> None:
    assert meter_of(
        sample(ENERGY, 1234.5),
        sample("Power.Active.Import", 6900.0),
        sample("Current.Import", 10.0, "L1"),
        sample("Current.Import", 9.9, "L2"),
        sample("Current.Import", 9.8, "L3"),
        sample("Voltage", 230.0, "L1-N"),
        sample("Voltage", 231.0, "L2-N"),
        sample("Voltage", 232.0, "L3-N"),
        sample("Frequency", 50.0),
        sample("SoC", 55.0, location="EV"),
        sample("Current.Offered", 16.0),
        sample("Power.Offered", 11000.0),
    ) == Meter(
        at=T0,
        energy_wh=1234.5,
        power_w=6900.0,
        current_a=(10.0, 9.9, 9.8),
        voltage_v=(230.0, 231.0, 232.0),
        frequency_hz=50.0,
        soc_percent=55.0,
        offered_a=16.0,
        power_offered_w=11000.0,
        current_at=T0,
    )


@pytest.mark.parametrize(
    ("measurand", "field", "total"),
    [
        (ENERGY, "energy_wh", 60.3),
        ("Power.Active.Import", "power_w", 60.3),
        ("Power.Offered", "power_offered_w", 60.3),
        ("Current.Offered", "offered_a", 30.2),
        ("Frequency", "frequency_hz", 30.2),
    ],
)
def test_phases_without_a_total_are_added_where_that_makes_sense(
    measurand: str, field: str, total: float
) -> None:
    found = meter_of(
        sample(measurand, 10.0, "L1"), sample(measurand, 20.1, "L2"), sample(measurand, 30.2, "L3")
    )
    assert getattr(found, field) == total


def test_a_reported_total_beats_the_sum_of_phases() -> None:
    found = meter_of(sample(ENERGY, 10.0, "L1"), sample(ENERGY, 99.0), sample(ENERGY, 10.0, "L2"))
    assert found.energy_wh == 99.0


def test_a_current_without_phase_is_that_of_l1_unless_phases_are_given() -> None:
    assert meter_of(sample("Current.Import", 7.0)).current_a == (7.0, None, None)
    found = meter_of(sample("Current.Import", 7.0, "L1"), sample("Current.Import", 21.0))
    assert found.current_a == (7.0, None, None)


@pytest.mark.parametrize(
    "ignored",
    [
        sample("Current.Import", 5.0, "N"),
        sample("Voltage", 400.0, "L1-L2"),
        sample("Temperature", 40.0),
        sample("Current.Import", 5.0, "L1", location="Inlet"),
        sample("Current.Import", 5.0, "L1", location="Body"),
        sample("Power.Active.Import", 5.0, location="Upstream"),
        sample(ENERGY, 5.0, location="EV"),
    ],
)
def test_what_is_not_measured_at_the_outlet_or_not_of_a_phase_is_left_out(
    ignored: SampledValue,
) -> None:
    found = metering.read((readings(ignored),))
    assert found.meter == Meter(at=T0)
    assert found.registers == ()


def test_what_is_measured_in_the_cable_counts() -> None:
    assert meter_of(sample(ENERGY, 5.0, location="Cable")).energy_wh == 5.0


def test_registers_are_told_apart_by_moment_and_context() -> None:
    found = metering.read(
        (
            readings(
                sample(ENERGY, 1.0, "L1", context="Transaction.Begin"),
                sample(ENERGY, 2.0, "L2", context="Transaction.Begin"),
                sample(ENERGY, 9.0, context="Sample.Clock"),
            ),
            wh(12.0, LATER, "Transaction.End"),
        )
    )
    assert [(r.at, r.energy_wh, r.context) for r in found.registers] == [
        (T0, 9.0, "Sample.Clock"),
        (T0, 3.0, "Transaction.Begin"),
        (LATER, 12.0, "Transaction.End"),
    ]


def test_several_moments_are_one_meter_of_the_newest() -> None:
    found = metering.read(
        (
            readings(sample("Voltage", 230.0, "L1"), sample("SoC", 10.0)),
            readings(sample("SoC", 11.0), at=LATER),
            readings(sample("SoC", 9.0)),
        )
    )
    assert found.meter == Meter(at=LATER, voltage_v=(230.0, None, None), soc_percent=11.0)
    assert len(found.meters) == 3


def test_no_values_are_no_reading() -> None:
    assert metering.read(()).meter is None


def test_a_reading_keeps_what_it_does_not_mention() -> None:
    held = meter_of(sample("Current.Import", 5.0, "L2"), sample(ENERGY, 100.0))
    new = metering.read((readings(sample("Current.Import", 6.0, "L1"), at=LATER),)).meters
    assert metering.latest(held, new) == Meter(
        at=LATER, energy_wh=100.0, current_a=(6.0, 5.0, None), current_at=LATER
    )
    voltage = metering.read((readings(sample("Voltage", 230.0, "L1"), at=LATER),)).meters
    assert getattr(metering.latest(held, voltage), "current_at", None) == T0


def test_an_older_reading_changes_nothing() -> None:
    held = metering.read((wh(100.0, LATER),)).meter
    assert metering.latest(held, metering.read((wh(50.0),)).meters) is held


def test_phases_in_use_carry_an_ampere() -> None:
    assert metering.phases_in_use((1.0, 0.99, None)) == (True, False, False)
    assert metering.phases_in_use((None, None, None)) is None


def test_at_rest_nothing_flows_and_the_register_stays() -> None:
    measured = meter_of(
        sample(ENERGY, 11_000.0),
        sample("Power.Active.Import", 6900.0),
        sample("Current.Import", 10.0, "L1"),
        sample("Voltage", 230.0, "L1-N"),
    )
    end = T0 + timedelta(seconds=5)
    rested = metering.at_rest(measured, end)
    assert rested is not None
    assert (rested.at, rested.energy_wh, rested.power_w) == (end, 11_000.0, 0.0)
    assert rested.current_a == (0.0, None, None)
    assert rested.voltage_v == (230.0, None, None)


def test_at_rest_what_was_never_measured_stays_unknown() -> None:
    assert metering.at_rest(None, T0) is None
    rested = metering.at_rest(Meter(at=T0), T0)
    assert rested is not None
    assert (rested.power_w, rested.current_a) == (None, (None, None, None))
