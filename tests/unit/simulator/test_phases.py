"""One phase or three: what is drawn, what is metered, and how the change goes about."""

from typing import Any

from tests.unit.simulator.rig import Rig, profile


def charging(**options: Any) -> Rig:
    rig = Rig(**options)
    rig.charge()
    return rig


def limit(rig: Rig, **period: Any) -> None:
    unit = period.pop("unit", "A")
    payload = profile(
        chargingProfilePurpose="TxProfile",
        transactionId=rig.transaction_id,
        chargingRateUnit=unit,
        periods=[{"startPeriod": 0, **period}],
    )
    answer = rig.ask("SetChargingProfile", {"evseId": 1, "chargingProfile": payload})
    assert answer == {"status": "Accepted"}
    rig.pass_time(8)


def metered(rig: Rig) -> tuple[list[float], float]:
    """Currents of L1 to L3 and the power, as a CSMS reads them."""
    rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"})
    samples = rig.calls("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    currents = [each["value"] for each in samples if each["measurand"] == "Current.Import"]
    (power,) = (each["value"] for each in samples if each["measurand"] == "Power.Active.Import")
    return currents, power


def test_on_one_phase_the_others_are_without_current_and_power_is_a_third() -> None:
    rig = charging()
    limit(rig, limit=10.0)
    currents, power = metered(rig)
    assert currents == [10.0, 10.0, 10.0]
    assert 6_700 < power < 7_100
    limit(rig, limit=10.0, numberPhases=1)
    currents, power = metered(rig)
    assert currents == [10.0, 0.0, 0.0]
    assert 2_230 < power < 2_370


def test_the_energy_is_that_of_one_phase() -> None:
    rig = charging()
    limit(rig, limit=10.0, numberPhases=1)
    before = rig.evse.circuit.register_wh
    rig.pass_time(360)
    assert 223 < rig.evse.circuit.register_wh - before < 237


def test_no_contactor_moves_under_load_and_the_break_is_told() -> None:
    rig = charging()
    before = len(rig.events())
    payload = profile(
        chargingProfilePurpose="TxProfile",
        transactionId=rig.transaction_id,
        periods=[{"startPeriod": 0, "limit": 16.0, "numberPhases": 1}],
    )
    rig.ask("SetChargingProfile", {"evseId": 1, "chargingProfile": payload})
    currents: dict[int, list[float]] = {}
    for _ in range(80):
        rig.pass_time(0.1, step=0.1)
        circuit = rig.evse.circuit
        currents.setdefault(circuit.phases, []).append(round(circuit.current_a, 1))
    assert currents[3][-1] == 1.0, "10 A less in each second, until the next tick finds nothing"
    assert currents[1][0] == 0.0
    assert currents[1][-1] == 16.0
    told = [
        (event["transactionInfo"]["chargingState"], event.get("numberOfPhasesUsed"))
        for event in rig.events()[before:]
        if event["triggerReason"] == "ChargingStateChanged"
    ]
    assert told == [("SuspendedEVSE", None), ("Charging", 1)]


def test_a_profile_that_says_nothing_about_phases_means_three() -> None:
    rig = charging()
    limit(rig, limit=10.0, numberPhases=1)
    limit(rig, limit=10.0)
    assert metered(rig)[0] == [10.0, 10.0, 10.0]


def test_the_phase_can_be_chosen() -> None:
    rig = charging()
    limit(rig, limit=10.0, numberPhases=1, phaseToUse=2)
    assert metered(rig)[0] == [0.0, 10.0, 0.0]
    answer = rig.ask("GetCompositeSchedule", {"evseId": 1, "duration": 60})
    assert answer["schedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 10.0, "numberPhases": 1, "phaseToUse": 2}
    ]


def test_watts_are_shared_by_the_phases_that_the_car_uses() -> None:
    rig = charging(car_phases=1, car_max_a=32.0)
    limit(rig, limit=4_600.0, unit="W")
    assert metered(rig)[0] == [20.0, 0.0, 0.0]


def test_the_car_of_two_phases_draws_on_two() -> None:
    rig = charging(car_phases=2)
    assert metered(rig)[0] == [16.0, 16.0, 0.0]
    charged = [event for event in rig.events() if "numberOfPhasesUsed" in event]
    assert charged[-1]["numberOfPhasesUsed"] == 2


def test_a_station_of_one_phase_meters_one() -> None:
    rig = charging(phases=1)
    limit(rig, limit=10.0, numberPhases=3)
    assert metered(rig)[0] == [10.0]
    limit(rig, limit=8.0, numberPhases=1, phaseToUse=3)
    assert metered(rig)[0] == [8.0]


def test_the_next_car_charges_on_all_phases_again() -> None:
    rig = charging()
    limit(rig, limit=10.0, numberPhases=1)
    rig.unplug()
    rig.plug_in()
    rig.present_token()
    rig.pass_time(9)
    assert metered(rig)[0] == [16.0, 16.0, 16.0]
