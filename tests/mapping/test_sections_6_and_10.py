"""Section 6: values of seed 000. Section 10: its inconsistencies, as they were decided."""

from typing import Any

import pytest

from bridge.api.documents import Documents, TokenMask
from bridge.domain.commands import SetLimit
from bridge.domain.enums import AllocationSource, SeccState, TriggerReason
from tests.mapping.charger import VERSIONS, VERSIONS_2, Charger2, Charger16, charger
from tests.unit.domain.builders import command


def reading(value: float | str, **more: Any) -> dict[str, Any]:
    return {"value": value, **more}


def moment(told: Charger2, *samples: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"timestamp": told.time, "sampledValue": list(samples)}]


def unix(told: Charger2 | Charger16) -> int:
    return int(told.now.timestamp())


def ends(told: Charger2 | Charger16) -> None:
    if isinstance(told, Charger16):
        told.stop()
    else:
        told.event("Ended", "StopAuthorized")


# --- startedTime, endedTime -------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_started_and_ended_time(version: str) -> None:
    told = charger(version)
    told.status("Available")
    assert (told.secc["startedTime"], told.secc["endedTime"]) == (0, 0)
    told.charge()
    # a TransactionEvent is told a second after its time, a status of 1.6 has no time of its own
    began = unix(told) if version == "1.6" else unix(told) - 1
    assert (told.secc["startedTime"], told.secc["endedTime"]) == (began, 0)
    assert told.transaction["endedAt"] is None
    ended_at = unix(told)
    ends(told)
    assert told.secc["endedTime"] == ended_at
    assert told.transaction["endedAt"] is not None


def test_while_it_does_not_charge_the_started_time_is_0() -> None:
    told = Charger16()
    told.play(("status", "Preparing"), ("start",))
    assert told.secc["startedTime"] == 0
    began = told.transaction["startedAt"]
    told.stop()
    assert told.secc["startedTime"] > 0
    assert told.transaction["startedAt"] == began
    assert told.transaction["chargingStartedAt"] is None


# --- meterStart, meterStop --------------------------------------------------------------------

BEGIN = {"context": "Transaction.Begin"}
METER_STARTS: list[tuple[str, tuple[dict[str, Any], ...], float, bool]] = [
    # label, sampled values of Started, meterStart in kWh, approximate
    ("Wh is the unit of the text", (reading(302999.973, **BEGIN),), 303.0, False),
    (
        "kWh",
        (reading(302.999973, **BEGIN, unitOfMeasure={"unit": "kWh"}),),
        303.0,
        False,
    ),
    (
        "a multiplier",
        (reading(303.0, **BEGIN, unitOfMeasure={"unit": "Wh", "multiplier": 3}),),
        303.0,
        False,
    ),
    (
        "the default measurand beside others",
        (
            reading(230.0, **BEGIN, measurand="Voltage"),
            reading(5000.0, **BEGIN, measurand="Energy.Active.Import.Register"),
        ),
        5.0,
        False,
    ),
    (
        "only L1 to L3: their sum",
        tuple(reading(1000.0 * n, **BEGIN, phase=f"L{n}") for n in (1, 2, 3)),
        6.0,
        False,
    ),
    (
        "a total beside L1 to L3",
        (
            reading(7000.0, **BEGIN),
            *(reading(1000.0 * n, **BEGIN, phase=f"L{n}") for n in (1, 2, 3)),
        ),
        7.0,
        False,
    ),
    (
        "at the inlet of the EV: not ours",
        (reading(1.0, **BEGIN, location="Inlet"), reading(5000.0, **BEGIN)),
        5.0,
        False,
    ),
    ("no Transaction.Begin: the first sample", (reading(5000.0),), 5.0, True),
]


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(
    ("samples", "meter_start", "approximate"),
    [row[1:] for row in METER_STARTS],
    ids=[row[0] for row in METER_STARTS],
)
def test_meter_start(
    version: str, samples: tuple[dict[str, Any], ...], meter_start: float, approximate: bool
) -> None:
    told = Charger2(version)
    told.event("Started", "Authorized", meterValue=moment(told, *samples))
    assert told.secc["meterStart"] == meter_start
    assert told.secc["meterStop"] == meter_start
    assert told.transaction["meterStartApproximate"] is approximate


@pytest.mark.parametrize("version", VERSIONS_2)
def test_meter_stop_is_the_start_while_it_runs_and_the_end_then(version: str) -> None:
    told = Charger2(version)
    told.event("Started", "Authorized", meterValue=moment(told, reading(1000.0, **BEGIN)))
    told.event("Updated", "MeterValuePeriodic", meterValue=moment(told, reading(2500.0)))
    assert (told.secc["meterStart"], told.secc["meterStop"]) == (1.0, 1.0)
    assert told.transaction["energyWh"] == 1500.0
    last = reading(3500.0, context="Transaction.End")
    told.event("Ended", "StopAuthorized", meterValue=moment(told, last))
    assert (told.secc["meterStart"], told.secc["meterStop"]) == (1.0, 3.5)
    assert told.transaction["energyWh"] == 2500.0


def test_meter_start_and_stop_of_1_6() -> None:
    told = Charger16()
    told.charge()
    told.measure(reading("2500"))
    assert (told.secc["meterStart"], told.secc["meterStop"]) == (1.0, 1.0)
    told.stop()
    assert (told.secc["meterStart"], told.secc["meterStop"]) == (1.0, 3.5)


def test_a_register_that_runs_backwards_was_reset_and_the_energy_goes_on() -> None:
    told = Charger2()
    told.event("Started", "Authorized", meterValue=moment(told, reading(1000.0, **BEGIN)))
    for value in (1500.0, 0.0, 200.0):
        told.event("Updated", "MeterValuePeriodic", meterValue=moment(told, reading(value)))
    assert told.transaction["meterReset"] is True
    assert told.transaction["energyWh"] == 700.0


def test_the_time_of_a_reading_is_that_of_the_measurement() -> None:
    told = Charger2()
    told.charge()
    measured = told.time
    values = moment(told, reading(1500.0))
    told.wait(30)
    told.event("Updated", "MeterValuePeriodic", meterValue=values)
    assert told.document("meter")["ts"] == measured
    event = told.published("transaction")[-1]
    assert event["meterValue"][0]["timestamp"] == measured
    assert event["ts"] > measured


# --- usedPhasesSession ------------------------------------------------------------------------


def currents(*amps: float) -> tuple[dict[str, Any], ...]:
    return tuple(
        reading(value, measurand="Current.Import", phase=f"L{number}")
        for number, value in enumerate(amps, 1)
    )


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(("count", "used"), [(1, "100"), (2, "110"), (3, "111")])
def test_used_phases_by_number(version: str, count: int, used: str) -> None:
    told = Charger2(version)
    info = {"chargingState": "Charging"}
    told.event("Started", "Authorized", info, numberOfPhasesUsed=count)
    assert told.secc["usedPhasesSession"] == used


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("amps", "used"),
    [
        ((16.0, 16.0, 16.0), "111"),
        ((16.0, 0.99, 0.0), "100"),
        ((0.0, 1.0, 0.0), "010"),
    ],
)
def test_used_phases_by_current(version: str, amps: tuple[float, ...], used: str) -> None:
    told = charger(version)
    told.charge()
    if isinstance(told, Charger16):
        told.measure(*({**sample, "value": str(sample["value"])} for sample in currents(*amps)))
    else:
        values = moment(told, *currents(*amps))
        told.event("Updated", "MeterValuePeriodic", meterValue=values)
    assert told.secc["usedPhasesSession"] == used


def test_used_phases_are_those_of_the_whole_session() -> None:
    told = Charger2()
    told.charge()
    for amps in ((16.0, 0.0, 0.0), (0.0, 0.0, 16.0), (0.0, 0.0, 0.0)):
        values = moment(told, *currents(*amps))
        told.event("Updated", "MeterValuePeriodic", meterValue=values)
    assert told.secc["usedPhasesSession"] == "101"


def test_no_phase_is_used_before_energy_flows_and_none_is_known_without_currents() -> None:
    told = Charger2()
    told.status("Occupied")
    assert told.secc["usedPhasesSession"] is None
    told.event("Started", "CablePluggedIn")
    assert told.secc["usedPhasesSession"] == "000"
    told.event("Updated", "ChargingStateChanged", {"chargingState": "Charging"})
    assert told.secc["usedPhasesSession"] is None


# --- allocationSourceName, onePhaseLimitActive, phaseRotationActive ---------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_who_is_in_control(version: str) -> None:
    told = charger(version)
    told.charge()
    assert told.secc["allocationSourceName"] == "Unmanaged"
    told.tell(command(SetLimit(limit_a=10.0), "c1", at=told.now))
    assert told.secc["allocationSourceName"] == "Unmanaged"
    told.answer()
    assert told.secc["allocationSourceName"] == "MQTT"
    assert told.state["allocationSourceName"] == "MQTT"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_only_a_secc_limits_is_off(version: str) -> None:
    told = charger(version)
    told.charge()
    assert (told.secc["onePhaseLimitActive"], told.secc["phaseRotationActive"]) == (False, False)


# --- Section 10 -------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(SeccState))
def test_a_state_is_read_as_the_seed_lists_it_and_as_its_example_writes_it(
    state: SeccState,
) -> None:
    assert SeccState.read(state.value) is state
    assert SeccState.read(state.value.lower()) is state
    assert SeccState.read(state.name) is state


def test_the_states_are_written_as_the_seed_lists_them() -> None:
    assert [state.value for state in SeccState] == [
        "Idle",
        "Charging",
        "SuspendedEVSE",
        "SuspendedEV",
        "Finishing",
        "Reserved",
        "Unavailable",
        "Faulted",
    ]


@pytest.mark.parametrize(
    ("status", "capitals"), [("Available", "IDLE"), ("SuspendedEVSE", "SUSPENDED_EVSE")]
)
def test_capitals_as_in_the_example_are_an_option(status: str, capitals: str) -> None:
    told = Charger16()
    told.status(status)
    capital = Documents(
        "main", TokenMask(None), lambda _: told.settings, uppercase_secc_state=True
    )
    document = capital.of_evse("secc", told.station, told.evse, told.now)
    assert document == {**told.secc, "state": capitals}
    assert (
        told.document("state")["state"]
        == capital.state(told.station, told.evse, told.now)["state"]
    )


def test_the_seven_sources_are_spelt_as_in_the_seed() -> None:
    assert sorted(source.value for source in AllocationSource) == [
        "API",
        "MQTT",
        "OCPP Profile",
        "ProximityPilot",
        "Team",
        "Transaction",
        "Unmanaged",
    ]


def test_every_trigger_of_the_seed_can_be_a_start_reason() -> None:
    # also those that start nothing: the list of the seed is the whole enumeration
    assert [trigger.value for trigger in TriggerReason][:21][-1] == "ResetCommand"


def test_meter_values_are_kwh_with_three_decimals() -> None:
    told = Charger2()
    values = moment(told, reading(302.999973, **BEGIN))
    told.event("Started", "Authorized", meterValue=values)
    assert told.secc["meterStart"] == 0.303
    assert told.transaction["meterStartWh"] == 302.999973


def test_the_last_transaction_stays_visible_while_idle() -> None:
    told = Charger2()
    told.charge()
    told.event("Ended", "EVCommunicationLost", {"stoppedReason": "EVDisconnected"})
    told.status("Available")
    seen = told.secc
    assert (seen["state"], seen["startReason"], seen["stopReason"]) == (
        "Idle",
        "Authorized",
        "EVDisconnected",
    )
    assert 0 < seen["startedTime"] < seen["endedTime"]


def test_the_source_of_a_phase_limit_that_is_not_active_is_api_and_null_in_canonical_documents() -> (
    None
):
    told = Charger2()
    told.charge()
    assert (told.secc["phaseLimitSourceName"], told.secc["phaseRotationSourceName"]) == (
        "API",
        "API",
    )
    assert told.document("allocation")["phaseLimitSourceName"] is None


def test_canonical_documents_say_of_what_they_speak() -> None:
    told = Charger2()
    told.charge()
    assert {"cs": "CS1", "evse": 1}.items() <= told.state.items()
    assert {"cs": "CS1", "evse": 1, "transactionId": "T1"}.items() <= told.transaction.items()
    assert not {"cs", "evse", "ts", "v"} & told.secc.keys()
