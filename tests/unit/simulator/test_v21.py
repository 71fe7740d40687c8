"""What a station that speaks OCPP 2.1 does beyond 2.0.1."""

from typing import Any

import orjson
import pytest

from bridge.simulator.v21.commands import NOT_SUPPORTED
from bridge.simulator.wire import CallError, JsonObject
from tests.unit.simulator.rig import Rig
from tests.unit.simulator.rig import profile as profile201


def profile(**members: Any) -> JsonObject:
    """Return a TxDefaultProfile of 10 A; Dynamic ones have no startSchedule."""
    if members.get("chargingProfileKind") == "Dynamic":
        members = {"startSchedule": None, **members}
    return profile201(**members)


def connected(**options: Any) -> Rig:
    rig = Rig(version="2.1", **options)
    rig.connect()
    return rig


def charging(**options: Any) -> Rig:
    rig = Rig(version="2.1", **options)
    rig.charge()
    return rig


def install(rig: Rig, **members: Any) -> JsonObject:
    request = {"evseId": 1, "chargingProfile": profile(**members)}
    return rig.ask("SetChargingProfile", request)


def current_a(rig: Rig, seconds: float = 6) -> float:
    rig.pass_time(seconds)
    return round(rig.evse.circuit.current_a, 2)


def last(rig: Rig, trigger: str) -> JsonObject:
    return [event for event in rig.events() if event["triggerReason"] == trigger][-1]


# Connectors' states


def test_states_are_told_by_status_notification_unless_events_are_wanted() -> None:
    rig = charging()
    assert rig.statuses() == ["Available", "Occupied"]
    assert not rig.calls("NotifyEvent")


def test_states_are_told_by_events_of_the_connector() -> None:
    rig = charging(availability_events=True)
    assert not rig.statuses()
    events = [call["eventData"][0] for call in rig.calls("NotifyEvent")]
    assert [event["actualValue"] for event in events] == ["Available", "Occupied"]
    assert len({event["eventId"] for event in events}) == 2
    assert events[0]["component"] == {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    assert events[0]["variable"] == {"name": "AvailabilityState"}
    rig.ask("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 1}})
    assert len(rig.calls("NotifyEvent")) == 3


# Dynamic profiles


def update(rig: Rig, number: int = 1, **values: float) -> JsonObject:
    return rig.ask(
        "UpdateDynamicSchedule", {"chargingProfileId": number, "scheduleUpdate": values}
    )


def test_k28_a_dynamic_profile_limits_and_is_updated() -> None:
    rig = charging()
    assert install(rig, chargingProfileKind="Dynamic")["status"] == "Accepted"
    assert current_a(rig) == 10.0
    assert update(rig, limit=7.0) == {"status": "Accepted"}
    assert current_a(rig) == 7.0
    rig.ask("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
    (reported,) = rig.calls("ReportChargingProfiles")[0]["chargingProfile"]
    assert reported["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 7.0
    assert reported["dynUpdateTime"] == "2026-01-10T10:00:15.000Z"


def test_k28_only_a_limit_of_a_dynamic_profile_can_be_updated() -> None:
    rig = charging()
    install(rig)
    assert update(rig, limit=7.0)["statusInfo"]["reasonCode"] == "UnknownProfile"
    assert update(rig, 9, limit=7.0)["status"] == "Rejected"
    install(rig, chargingProfileKind="Dynamic")
    assert update(rig, setpoint=7.0)["statusInfo"]["reasonCode"] == "UnsupportedParam"


def test_k28_a_dynamic_profile_has_one_period() -> None:
    periods = [{"startPeriod": 0, "limit": 8.0}, {"startPeriod": 9, "limit": 9.0}]
    answer = install(charging(), chargingProfileKind="Dynamic", periods=periods)
    assert answer["status"] == "Rejected"


def test_k28_the_station_asks_for_the_limit_as_often_as_the_profile_says() -> None:
    rig = charging()
    rig.answers["PullDynamicScheduleUpdate"] = lambda _: {
        "status": "Accepted",
        "scheduleUpdate": {"limit": 8.0},
    }
    install(rig, chargingProfileKind="Dynamic", dynUpdateInterval=10)
    assert current_a(rig, 9) == 10.0
    assert current_a(rig, 6) == 8.0
    rig.pass_time(10)
    assert rig.calls("PullDynamicScheduleUpdate") == [{"chargingProfileId": 1}] * 2
    rig.ask("ClearChargingProfile", {"chargingProfileId": 1})
    rig.pass_time(20)
    assert len(rig.calls("PullDynamicScheduleUpdate")) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "Rejected"},
        {"status": "Accepted"},
        {"status": "Accepted", "scheduleUpdate": {"setpoint": 5.0}},
    ],
)
def test_k28_without_a_new_limit_the_old_one_stays(answer: JsonObject) -> None:
    rig = charging()
    rig.answers["PullDynamicScheduleUpdate"] = lambda _: answer
    install(rig, chargingProfileKind="Dynamic", dynUpdateInterval=5)
    assert current_a(rig, 12) == 10.0


def test_before_2_1_no_profile_is_dynamic() -> None:
    rig = Rig(version="2.0.1")
    rig.charge()
    request = {"evseId": 1, "chargingProfile": profile(chargingProfileKind="Dynamic")}
    answer = rig.ask_raw("SetChargingProfile", request)
    assert not isinstance(answer, CallError)
    assert answer.payload["status"] == "Rejected"


@pytest.mark.parametrize(
    ("members", "reason_code"),
    [
        ({"chargingProfilePurpose": "PriorityCharging"}, "UnsupportedPurpose"),
        ({"chargingProfilePurpose": "LocalGeneration"}, "UnsupportedPurpose"),
        ({"periods": [{"startPeriod": 0, "setpoint": 9.0}]}, "UnsupportedParam"),
        (
            {"periods": [{"startPeriod": 0, "limit": 9.0, "operationMode": "CentralSetpoint"}]},
            "UnsupportedParam",
        ),
    ],
)
def test_what_only_a_bidirectional_station_can_do_is_rejected(
    members: JsonObject, reason_code: str
) -> None:
    answer = install(charging(), **members)
    assert answer["statusInfo"]["reasonCode"] == reason_code


# maxOfflineDuration


@pytest.mark.parametrize(("ends", "afterwards"), [(False, 10.0), (True, 16.0)])
def test_k01_a_profile_outlasts_an_outage_only_so_long(ends: bool, afterwards: float) -> None:
    rig = charging()
    answer = install(rig, maxOfflineDuration=30, invalidAfterOfflineDuration=ends)
    assert answer["status"] == "Accepted"
    assert current_a(rig) == 10.0
    rig.disconnect()
    assert current_a(rig, 29) == 10.0
    assert current_a(rig, 10) == 16.0
    rig.connect()
    assert current_a(rig) == afterwards


def test_a_short_outage_ends_no_profile() -> None:
    rig = charging()
    install(rig, maxOfflineDuration=30, invalidAfterOfflineDuration=True)
    rig.disconnect()
    rig.pass_time(20)
    rig.connect()
    assert current_a(rig) == 10.0


# transactionLimit


@pytest.mark.parametrize(
    ("limits", "trigger"),
    [
        ({"maxEnergy": 50.0}, "EnergyLimitReached"),
        ({"maxTime": 30}, "TimeLimitReached"),
        ({"maxSoC": 41}, "SoCLimitReached"),
    ],
)
def test_e16_a_transaction_pauses_at_its_limit_until_it_is_raised(
    limits: JsonObject, trigger: str
) -> None:
    rig = Rig(version="2.1", battery_kwh=5)
    rig.answers["TransactionEvent"] = lambda _: {"transactionLimit": limits}
    rig.charge()
    assert last(rig, "LimitSet")["transactionInfo"]["transactionLimit"] == limits
    assert current_a(rig, 60) == 0.0
    reached = last(rig, trigger)
    assert reached["eventType"] == "Updated"
    assert reached["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    raised = {name: value * 10 for name, value in limits.items()}
    raised = {
        name: min(value, 100) if name == "maxSoC" else value for name, value in raised.items()
    }
    rig.answers["TransactionEvent"] = lambda _: {"transactionLimit": raised}
    assert current_a(rig, 30) == 16.0


@pytest.mark.parametrize(
    ("limits", "trigger", "reason"),
    [
        ({"maxEnergy": 50.0}, "EnergyLimitReached", "EnergyLimitReached"),
        ({"maxTime": 30}, "TimeLimitReached", "TimeLimitReached"),
        ({"maxSoC": 41}, "SoCLimitReached", "SOCLimitReached"),
    ],
)
def test_e16_a_transaction_ends_at_its_limit_where_it_stops_with_the_energy(
    limits: JsonObject, trigger: str, reason: str
) -> None:
    rig = Rig(version="2.1", battery_kwh=5)
    rig.answers["TransactionEvent"] = lambda _: {"transactionLimit": limits}
    rig.charge()
    stop = {"component": {"name": "TxCtrlr"}, "variable": {"name": "TxStopPoint"}}
    point = stop | {"attributeValue": "EVConnected,EnergyTransfer"}
    rig.ask("SetVariables", {"setVariableData": [point]})
    assert current_a(rig, 60) == 0.0
    ended = rig.events()[-1]
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", trigger)
    assert ended["transactionInfo"]["stoppedReason"] == reason


def test_e16_costs_are_not_known() -> None:
    rig = Rig(version="2.1")
    rig.answers["TransactionEvent"] = lambda _: {"transactionLimit": {"maxCost": 0.01}}
    rig.charge()
    assert current_a(rig) == 16.0


# Reset


def test_b11_a_transaction_goes_on_after_a_reset_that_resumes() -> None:
    rig = charging()
    before = rig.transaction_id
    assert rig.ask("Reset", {"type": "ImmediateAndResume"}) == {"status": "Accepted"}
    assert rig.station.ready_to_restart(rig.now)
    rig.disconnect()
    rig.station.reboot(rig.now)
    rig.connect()
    assert rig.transaction_id == before
    assert rig.events()[-1]["triggerReason"] == "TxResumed"
    assert [event["eventType"] for event in rig.events()].count("Ended") == 0
    one = rig.ask("Reset", {"type": "ImmediateAndResume", "evseId": 1})
    assert one["status"] == "Rejected"


def test_b11_the_other_resets_end_it() -> None:
    rig = charging()
    rig.ask("Reset", {"type": "Immediate"})
    assert rig.events()[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"


# Frames and actions


@pytest.mark.parametrize(
    "text", ['[5,"id-1","FormatViolation","",{}]', '[6,"1","NotifyPeriodicEventStream",{}]']
)
def test_message_types_that_ask_for_nothing_are_ignored(text: str) -> None:
    rig = connected()
    rig.endpoint.receive(text, rig.now)
    assert list(rig.endpoint.frames(rig.now)) == []


def test_a_result_that_cannot_be_read_is_answered_with_an_error() -> None:
    rig = Rig(version="2.1")
    rig.answers["BootNotification"] = lambda _: None
    rig.connect()
    rig.endpoint.receive('[3,"id-1",{"status":"Perhaps","interval":1}]', rig.now)
    (frame,) = rig.endpoint.frames(rig.now)
    assert orjson.loads(frame)[:3] == [5, "id-1", "FormatViolation"]


@pytest.mark.parametrize("action", sorted(NOT_SUPPORTED))
def test_what_it_does_not_carry_out_gets_a_call_error(action: str) -> None:
    answer = connected().ask_raw(action, {})
    assert isinstance(answer, CallError)
    assert answer.code == "NotSupported"


@pytest.mark.parametrize(
    ("component", "variable", "value"),
    [
        ("SmartChargingCtrlr", "SupportsDynamicProfiles", "true"),
        ("TxCtrlr", "SupportedLimits", "maxEnergy,maxTime,maxSoC"),
    ],
)
def test_the_device_model_tells_what_it_can(component: str, variable: str, value: str) -> None:
    wanted = {"component": {"name": component}, "variable": {"name": variable}}
    answer = connected().ask("GetVariables", {"getVariableData": [wanted]})
    assert answer["getVariableResult"][0]["attributeValue"] == value
