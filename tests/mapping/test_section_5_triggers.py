"""Section 5: triggerReason, all 21 of OCPP 2.0.1 and the 8 of 2.1: start reason and effect."""

from typing import Any

import pytest

from bridge.domain.calls import CallResult, GetCompositeSchedule
from bridge.domain.commands import SetLimit
from bridge.domain.enums import TriggerReason
from bridge.domain.knowledge import Learnt
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit
from tests.mapping.charger import VERSIONS_2, Charger2, Row
from tests.records import replace
from tests.unit.domain.builders import command

CHARGING: Row = ("Charging", "charging", "C", "C2")
SUSPENDED: Row = ("SuspendedEVSE", "suspended_evse", "B", "B1")
LINGERING: Row = ("Finishing", "lingering", "A", "A1")
STOPPED: Row = ("Finishing", "stopped", "B", "B1")
COMPLETED: Row = ("Idle", "completed", "A", "A1")

ROWS: list[tuple[str, bool, Row, Row]] = [
    # triggerReason, plausible in Started, after an Updated while charging, after an Ended
    ("Authorized", True, CHARGING, STOPPED),
    ("RemoteStart", True, CHARGING, STOPPED),
    ("CablePluggedIn", True, CHARGING, STOPPED),
    ("EVDetected", True, CHARGING, STOPPED),
    ("ChargingStateChanged", True, CHARGING, STOPPED),
    ("SignedDataReceived", True, CHARGING, STOPPED),
    ("ChargingRateChanged", False, CHARGING, STOPPED),
    ("LimitSet", False, CHARGING, STOPPED),
    ("OperationModeChanged", False, CHARGING, STOPPED),
    ("MeterValueClock", False, CHARGING, STOPPED),
    ("MeterValuePeriodic", False, CHARGING, STOPPED),
    ("Trigger", False, CHARGING, STOPPED),
    ("Deauthorized", False, SUSPENDED, STOPPED),
    ("StopAuthorized", False, SUSPENDED, STOPPED),
    ("RemoteStop", False, SUSPENDED, STOPPED),
    ("UnlockCommand", False, SUSPENDED, STOPPED),
    ("ResetCommand", False, SUSPENDED, STOPPED),
    ("EVDeparted", False, LINGERING, COMPLETED),
    ("EVCommunicationLost", False, LINGERING, COMPLETED),
    ("EVConnectTimeout", False, SUSPENDED, STOPPED),
    ("EnergyLimitReached", False, SUSPENDED, STOPPED),
    ("TimeLimitReached", False, SUSPENDED, STOPPED),
    ("CostLimitReached", False, SUSPENDED, STOPPED),
    ("SoCLimitReached", False, SUSPENDED, STOPPED),
    ("TariffNotAccepted", False, SUSPENDED, STOPPED),
    ("AbnormalCondition", False, CHARGING, STOPPED),
    ("RunningCost", False, CHARGING, STOPPED),
    ("TariffChanged", False, CHARGING, STOPPED),
    ("TxResumed", False, CHARGING, STOPPED),
]
ONLY_2_1 = {
    "CostLimitReached",
    "LimitSet",
    "OperationModeChanged",
    "RunningCost",
    "SoCLimitReached",
    "TariffChanged",
    "TariffNotAccepted",
    "TxResumed",
}
CASES = [
    pytest.param(version, *row, id=f"{row[0]}-{version}")
    for row in ROWS
    for version in VERSIONS_2
    if version == "2.1" or row[0] not in ONLY_2_1
]
ARGUMENTS = ("version", "trigger", "plausible", "updated", "ended")


def test_all_triggers_are_there() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(trigger.value for trigger in TriggerReason)
    assert (len(ROWS), len(ROWS) - len(ONLY_2_1)) == (29, 21)


@pytest.mark.parametrize(ARGUMENTS, CASES)
def test_the_trigger_of_started_is_the_start_reason(
    version: str, trigger: str, plausible: bool, updated: Row, ended: Row
) -> None:
    del updated, ended
    told = Charger2(version)
    told.play(("status", "Available"), ("event", "Started", trigger))
    assert told.secc["startReason"] == trigger
    assert told.transaction["startReason"] == trigger
    (event,) = told.published("transaction")
    assert event["triggerReason"] == trigger
    assert event["warnings"] == ([] if plausible else ["odd_start"])


@pytest.mark.parametrize(ARGUMENTS, CASES)
def test_the_effect_on_a_transaction_that_charges(
    version: str, trigger: str, plausible: bool, updated: Row, ended: Row
) -> None:
    del plausible, ended
    told = Charger2(version)
    told.charge()
    told.event("Updated", trigger)
    assert told.row == updated
    assert told.plugged is (updated != LINGERING)
    assert told.transaction["active"] is True
    assert told.secc["startReason"] == "Authorized"
    assert told.published("transaction")[-1]["warnings"] == []


@pytest.mark.parametrize(ARGUMENTS, CASES)
def test_the_effect_of_an_ended(
    version: str, trigger: str, plausible: bool, updated: Row, ended: Row
) -> None:
    del plausible, updated
    told = Charger2(version)
    told.charge()
    told.event("Ended", trigger)
    assert told.row == ended
    assert told.plugged is (ended != COMPLETED)


@pytest.mark.parametrize(ARGUMENTS, CASES)
def test_the_effect_before_the_energy_flows(
    version: str, trigger: str, plausible: bool, updated: Row, ended: Row
) -> None:
    del plausible, ended
    told = Charger2(version)
    state = {"chargingState": "EVConnected"}
    told.play(("status", "Occupied"), ("event", "Started", "CablePluggedIn", state))
    told.event("Updated", trigger)
    waiting: Row = ("SuspendedEVSE", "awaiting_authorization", "B", "B1")
    assert told.row == {CHARGING: waiting}.get(updated, updated)


# --- What single rows say beyond that ---------------------------------------------------------


@pytest.mark.parametrize("trigger", ["Authorized", "RemoteStart"])
def test_a_token_is_stored_and_moves_on_from_awaiting(trigger: str) -> None:
    told = Charger2()
    told.play(("status", "Occupied"), ("event", "Started", "CablePluggedIn"))
    assert told.state["phase"] == "awaiting_authorization"
    told.event("Updated", trigger, token="TAG1")
    assert told.state["phase"] == "starting"
    assert told.transaction["idToken"] == {"type": "ISO14443", "value": "TAG1"}


@pytest.mark.parametrize("trigger", ["Authorized", "RemoteStart", "SignedDataReceived"])
def test_a_start_before_the_plug_waits_for_it(trigger: str) -> None:
    told = Charger2()
    told.play(("status", "Available"), ("event", "Started", trigger, None, "TAG1"))
    assert told.row == ("Idle", "awaiting_start", "A", "A1")


@pytest.mark.parametrize(("trigger", "plugged"), [("CablePluggedIn", True), ("EVDetected", False)])
def test_a_cable_is_plugged_in_and_a_vehicle_only_parked(trigger: str, plugged: bool) -> None:
    told = Charger2()
    told.play(("status", "Available"), ("event", "Started", trigger))
    assert told.plugged is plugged
    told = Charger2()
    told.play(("status", "Available"), ("event", "Started", "Authorized", None, "TAG1"))
    told.event("Updated", trigger)
    assert told.plugged is plugged


def test_a_signed_value_is_the_meter_start() -> None:
    sample = {
        "value": 302999.973,
        "context": "Transaction.Begin",
        "signedMeterValue": {
            "signedMeterData": "T0NNRg==",
            "signingMethod": "ECDSA",
            "encodingMethod": "OCMF",
            "publicKey": "",
        },
    }
    told = Charger2()
    moment = {"timestamp": told.time, "sampledValue": [sample]}
    told.play(("status", "Occupied"))
    told.event("Started", "SignedDataReceived", meterValue=[moment])
    assert told.transaction["meterStartWh"] == 302999.973
    assert told.transaction["meterStartApproximate"] is False
    (event,) = told.published("transaction")
    signed = event["meterValue"][0]["sampledValue"][0]["signed"]
    assert signed == sample["signedMeterValue"]


def asked(told: Charger2) -> int:
    return sum(isinstance(call.request, GetCompositeSchedule) for call in told.calls)


@pytest.mark.parametrize("trigger", ["ChargingRateChanged", "LimitSet", "OperationModeChanged"])
def test_a_changed_rate_is_looked_at_in_the_composite_schedule(trigger: str) -> None:
    told = Charger2("2.1")
    told.charge()
    told.settings = replace(told.settings, automatic_calls=True)
    told.station = replace(told.station, learnt=Learnt(asked=True, reads_profiles=False))
    told.tell(command(SetLimit(limit_a=10.0), "c1", at=told.now))
    told.answer()
    assert asked(told) == 1
    schedule = Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=10.0),))
    told.answer(CallResult(accepted=True, status="Accepted", schedule=schedule))
    told.wait(10)
    told.event("Updated", "MeterValuePeriodic")
    assert asked(told) == 1
    told.event("Updated", trigger)
    assert asked(told) == 2
    lower = replace(schedule, periods=(Period(start_seconds=0, limit=8.0),))
    told.answer(CallResult(accepted=True, status="Accepted", schedule=lower))
    assert told.state["allocationSourceName"] == "OCPP Profile"
    assert told.state["offeredA"] == 8.0
    # a rate that changes all the time is not asked about all the time
    for _ in range(8):
        told.event("Updated", trigger)
    assert asked(told) == 2
    told.wait(2)
    assert asked(told) == 3


@pytest.mark.parametrize("trigger", ["MeterValueClock", "MeterValuePeriodic", "Trigger"])
def test_readings_move_the_meter_only(trigger: str) -> None:
    told = Charger2()
    told.charge()
    before = told.state
    reading = {"value": 7.4, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}}
    moment = {"timestamp": told.time, "sampledValue": [reading]}
    told.event("Updated", trigger, meterValue=[moment])
    after = told.state
    moving = ("ts", "receivedAt")
    assert {k: v for k, v in after.items() if k not in moving} == {
        k: v for k, v in before.items() if k not in moving
    }
    assert told.document("meter")["powerW"] == 7400.0


def test_an_abnormal_condition_is_a_fault_event_and_changes_nothing_else() -> None:
    told = Charger2()
    told.charge()
    told.event("Updated", "AbnormalCondition")
    assert told.row == CHARGING
    (fault,) = told.published("fault")
    assert (fault["code"], fault["evse"]) == ("abnormal_condition", 1)
    assert fault["details"] == {"transactionId": "T1"}


def test_an_abnormal_condition_of_a_faulted_connector_is_told_once_and_failed_at_the_end() -> None:
    told = Charger2()
    told.play(("charge",), ("status", "Faulted"), ("event", "Updated", "AbnormalCondition"))
    assert told.row == ("Faulted", "faulted", "F", "F1")
    told.event("Ended", "AbnormalCondition", {"stoppedReason": "GroundFault"})
    assert told.row == ("Faulted", "failed", "F", "F1")
    assert [fault["code"] for fault in told.published("fault")] == ["connector_faulted"]


@pytest.mark.parametrize("trigger", ["RunningCost", "TariffChanged"])
def test_costs_are_taken_and_touch_nothing(trigger: str) -> None:
    told = Charger2("2.1")
    told.charge()
    before = told.evse.view
    told.event("Updated", trigger, {"tariffId": "T7"})
    assert told.evse.view is before


def test_a_resumed_transaction_keeps_uuid_and_meter_start() -> None:
    told = Charger2("2.1")

    def register(value: float, context: str) -> list[dict[str, Any]]:
        return [{"timestamp": told.time, "sampledValue": [{"value": value, "context": context}]}]

    told.status("Occupied")
    told.event("Started", "Authorized", meterValue=register(1000.0, "Transaction.Begin"))
    before = told.transaction
    assert before["resumed"] is False
    station = {"model": "M", "vendorName": "V"}
    told.send("BootNotification", {"reason": "PowerUp", "chargingStation": station})
    told.event("Updated", "TxResumed", meterValue=register(1500.0, "Sample.Periodic"))
    after = told.transaction
    assert after["resumed"] is True
    assert (after["transactionUuid"], after["meterStartWh"], after["energyWh"]) == (
        before["transactionUuid"],
        1000.0,
        500.0,
    )
    told.event("Updated", "MeterValuePeriodic")
    assert told.transaction["resumed"] is True
