"""Every command of the CSMS: its answer, and what follows at the car."""

from typing import Any

import pytest

from bridge.simulator.v2.commands import HANDLERS, NOT_SUPPORTED
from bridge.simulator.wire import CallError, JsonObject
from tests.unit.simulator.rig import Rig, boot_answer, profile, token_answer

TOKEN = {"idToken": "ME", "type": "Central"}


def charging() -> Rig:
    rig = Rig()
    rig.charge()
    return rig


def connected(**options: Any) -> Rig:
    rig = Rig(**options)
    rig.connect()
    return rig


def install(rig: Rig, evse_id: int = 1, **members: Any) -> JsonObject:
    payload = {"evseId": evse_id, "chargingProfile": profile(**members)}
    return rig.ask("SetChargingProfile", payload)


def tx_profile(rig: Rig, **members: Any) -> JsonObject:
    members = {"chargingProfilePurpose": "TxProfile", "stackLevel": 5, **members}
    return install(rig, transactionId=rig.transaction_id, **members)


def current_a(rig: Rig) -> float:
    return round(rig.evse.circuit.current_a, 2)


# Smart charging


def test_a_transaction_profile_changes_the_current_and_is_told() -> None:
    rig = charging()
    assert tx_profile(rig)["status"] == "Accepted"
    rig.pass_time(3)
    assert current_a(rig) == 10.0
    assert rig.story()[-1] == ("Updated", "ChargingRateChanged")


def test_a_limit_of_nothing_suspends_and_a_new_one_resumes() -> None:
    rig = charging()
    tx_profile(rig, limit=0.0)
    rig.pass_time(4)
    assert current_a(rig) == 0.0
    assert rig.events()[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    tx_profile(rig, limit=8.0)
    rig.pass_time(4)
    assert current_a(rig) == 8.0
    assert rig.story()[-2:] == [("Updated", "ChargingStateChanged")] * 2


def test_a_limit_below_six_amps_offers_nothing() -> None:
    rig = charging()
    tx_profile(rig, limit=5.9)
    rig.pass_time(4)
    assert (current_a(rig), rig.evse.offer.amps) == (0.0, 0.0)


def test_a_limit_in_watts_is_obeyed() -> None:
    rig = charging()
    tx_profile(rig, chargingRateUnit="W", limit=5_520.0)
    rig.pass_time(4)
    assert current_a(rig) == 8.0


def test_a_schedule_steps_by_itself() -> None:
    rig = charging()
    periods = [
        {"startPeriod": 0, "limit": 12.0},
        {"startPeriod": 30, "limit": 7.0},
        {"startPeriod": 60, "limit": 0.0},
    ]
    tx_profile(rig, periods=periods)
    seen = []
    for _ in range(3):
        rig.pass_time(15)
        seen.append(current_a(rig))
        rig.pass_time(15)
    assert seen == [12.0, 7.0, 0.0]


def test_a_profile_ends_by_its_validity() -> None:
    rig = charging()
    tx_profile(rig, validTo="2026-01-10T10:00:20Z")
    rig.pass_time(5)
    assert current_a(rig) == 10.0
    rig.pass_time(20)
    assert current_a(rig) == 16.0


def test_clearing_the_profile_gives_the_current_back() -> None:
    rig = charging()
    tx_profile(rig, id=77)
    rig.pass_time(5)
    assert rig.ask("ClearChargingProfile", {"chargingProfileId": 77}) == {"status": "Accepted"}
    rig.pass_time(5)
    assert current_a(rig) == 16.0
    assert rig.ask("ClearChargingProfile", {"chargingProfileId": 77}) == {"status": "Unknown"}


def test_the_profile_of_a_transaction_does_not_outlive_it() -> None:
    rig = charging()
    tx_profile(rig)
    rig.present_token()
    rig.present_token()
    rig.pass_time(5)
    assert current_a(rig) == 16.0


def test_a_station_profile_is_shared_by_those_who_charge() -> None:
    rig = connected(evses=2)
    station_max = {"chargingProfilePurpose": "ChargingStationMaxProfile", "limit": 20.0}
    assert install(rig, 0, **station_max)["status"] == "Accepted"
    currents = []
    for evse in rig.station.evses.values():
        rig.station.plug_in(evse, rig.now)
        rig.station.present_token(evse, rig.now)
        rig.pass_time(9)
        currents.append([round(each.circuit.current_a, 1) for each in rig.station.evses.values()])
    assert currents == [[16.0, 0.0], [10.0, 10.0]]


@pytest.mark.parametrize(
    ("evse_id", "members", "reason_code"),
    [
        (1, {"chargingProfilePurpose": "TxProfile", "transactionId": "t"}, "TxNotFound"),
        (9, {}, "UnknownEvse"),
        (1, {"stackLevel": 99}, "InvalidStackLevel"),
        (1, {"startSchedule": None}, "InvalidSchedule"),
    ],
)
def test_a_profile_is_rejected_with_its_reason(
    evse_id: int, members: dict[str, Any], reason_code: str
) -> None:
    answer = install(connected(), evse_id, **members)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason_code)


def three_profiles() -> Rig:
    rig = connected(evses=2)
    install(rig, 1, id=1, stackLevel=1)
    install(rig, 2, id=2, stackLevel=2)
    install(rig, 0, id=3, chargingProfilePurpose="ChargingStationMaxProfile")
    return rig


CRITERIA: list[tuple[JsonObject, list[int]]] = [
    ({}, [1, 2, 3]),
    ({"evseId": 2}, [2]),
    ({"stackLevel": 1}, [1]),
    ({"chargingProfilePurpose": "ChargingStationMaxProfile"}, [3]),
    ({"evseId": 1, "stackLevel": 2}, []),
]


@pytest.mark.parametrize(("criteria", "ids"), CRITERIA)
def test_profiles_are_reported_by_criteria(criteria: JsonObject, ids: list[int]) -> None:
    rig = three_profiles()
    request: JsonObject = {"requestId": 5, "chargingProfile": dict(criteria)}
    if (evse_id := request["chargingProfile"].pop("evseId", None)) is not None:
        request["evseId"] = evse_id
    answer = rig.ask("GetChargingProfiles", request)
    assert answer["status"] == ("Accepted" if ids else "NoProfiles")
    reports = rig.calls("ReportChargingProfiles")
    assert [report["chargingProfile"][0]["id"] for report in reports] == ids
    assert [report["tbc"] for report in reports] == [True] * (len(ids) - 1) + [False] * bool(ids)
    assert all(report["requestId"] == 5 for report in reports)


def test_profiles_are_reported_by_id_and_source() -> None:
    rig = three_profiles()
    by_id = {"requestId": 5, "chargingProfile": {"chargingProfileId": [2, 3, 99]}}
    rig.ask("GetChargingProfiles", by_id)
    assert len(rig.calls("ReportChargingProfiles")) == 2
    by_source = {"requestId": 6, "chargingProfile": {"chargingLimitSource": ["EMS"]}}
    assert rig.ask("GetChargingProfiles", by_source) == {"status": "NoProfiles"}


@pytest.mark.parametrize(("criteria", "ids"), CRITERIA)
def test_profiles_are_cleared_by_criteria(criteria: JsonObject, ids: list[int]) -> None:
    rig = three_profiles()
    answer = rig.ask("ClearChargingProfile", {"chargingProfileCriteria": criteria})
    assert answer["status"] == ("Accepted" if ids else "Unknown")
    left = [item.profile.profile_id for item in rig.station.profiles.select(lambda _: True)]
    assert left == [number for number in (1, 2, 3) if number not in ids]


def schedule(rig: Rig, duration_s: int, **members: Any) -> list[tuple[int, float]]:
    request = {"evseId": 1, "duration": duration_s, **members}
    answer = rig.ask("GetCompositeSchedule", request)
    assert answer["status"] == "Accepted"
    return [
        (period["startPeriod"], period["limit"])
        for period in answer["schedule"]["chargingSchedulePeriod"]
    ]


def test_the_composite_schedule_is_what_all_profiles_make_together() -> None:
    rig = connected()
    assert schedule(rig, 100) == [(0, 32.0)]
    periods = [{"startPeriod": 0, "limit": 20.0}, {"startPeriod": 60, "limit": 10.0}]
    install(rig, 1, id=1, periods=periods, duration=120)
    install(
        rig,
        0,
        id=2,
        chargingProfilePurpose="ChargingStationMaxProfile",
        limit=16.0,
        startSchedule="2026-01-10T10:00:30Z",
    )
    assert schedule(rig, 300) == [(0, 20.0), (30, 16.0), (60, 10.0), (120, 16.0)]
    assert schedule(rig, 60) == [(0, 20.0), (30, 16.0)]
    assert schedule(rig, 20, chargingRateUnit="W") == [(0, 13_800.0)]


def test_the_composite_schedule_is_what_then_happens() -> None:
    rig = connected(car_max_a=32.0)
    periods = [{"startPeriod": second, "limit": 30.0 - second / 10} for second in (0, 50, 110)]
    install(rig, 1, id=1, periods=periods, duration=170)
    install(rig, 1, id=2, stackLevel=4, limit=9.0, validFrom="2026-01-10T10:01:20Z", duration=100)
    rig.plug_in()
    rig.present_token()
    promised = schedule(rig, 240)
    offered: list[tuple[int, float]] = []
    for second in range(240):
        if not offered or offered[-1][1] != rig.evse.offer.amps:
            offered.append((second, rig.evse.offer.amps))
        rig.pass_time(1)
    assert promised == [(0, 30.0), (50, 25.0), (80, 9.0), (100, 25.0), (110, 19.0), (170, 32.0)]
    assert offered == promised


def test_a_daily_schedule_is_in_the_composite_of_two_days() -> None:
    rig = connected()
    install(
        rig,
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        duration=3_600,
        periods=[{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 600, "limit": 8.0}],
    )
    day = [(0, 16.0), (600, 8.0), (3_600, 32.0)]
    next_day = [(second + 86_400, limit) for second, limit in day]
    assert schedule(rig, 2 * 86_400) == day + next_day


def test_edges_that_change_nothing_make_no_period() -> None:
    rig = connected()
    install(rig, periods=[{"startPeriod": second, "limit": 40.0} for second in (0, 10)])
    assert schedule(rig, 60) == [(0, 32.0)]


def test_the_schedule_of_the_whole_station_knows_its_profile_only() -> None:
    rig = connected()
    install(rig, 1, limit=6.0)
    answer = rig.ask("GetCompositeSchedule", {"evseId": 0, "duration": 10})
    assert answer["schedule"]["chargingSchedulePeriod"][0]["limit"] == 32.0
    assert rig.ask("GetCompositeSchedule", {"evseId": 7, "duration": 10})["status"] == "Rejected"


# Remote start and stop


def test_a_remote_start_of_a_plugged_car_updates_its_transaction() -> None:
    rig = connected()
    rig.plug_in()
    request = {"remoteStartId": 42, "idToken": TOKEN, "evseId": 1}
    answer = rig.ask("RequestStartTransaction", request)
    assert answer == {"status": "Accepted", "transactionId": rig.transaction_id}
    rig.pass_time(3)
    assert rig.story() == [
        ("Started", "CablePluggedIn"),
        ("Updated", "RemoteStart"),
        ("Updated", "ChargingStateChanged"),
    ]
    event = rig.events()[1]
    assert event["transactionInfo"]["remoteStartId"] == 42
    assert event["idToken"] == TOKEN


def test_a_remote_start_waits_for_the_car() -> None:
    rig = connected()
    answer = rig.ask("RequestStartTransaction", {"remoteStartId": 42, "idToken": TOKEN})
    assert answer == {"status": "Accepted"}
    assert rig.events()[0]["transactionInfo"]["remoteStartId"] == 42
    rig.pass_time(30)
    rig.plug_in()
    rig.pass_time(5)
    assert current_a(rig) > 0.0


def test_stop_and_start_again_from_afar_with_the_car_left_where_it_is() -> None:
    rig = charging()
    first = rig.transaction_id
    assert rig.ask("RequestStopTransaction", {"transactionId": first}) == {"status": "Accepted"}
    ended = rig.events()[-1]
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "RemoteStop")
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"
    assert rig.statuses()[-1] == "Occupied"
    rig.ask("RequestStartTransaction", {"remoteStartId": 1, "idToken": TOKEN})
    rig.pass_time(5)
    assert rig.story()[-2:] == [("Started", "RemoteStart"), ("Updated", "ChargingStateChanged")]
    assert rig.transaction_id != first
    assert rig.events()[-2]["seqNo"] == 0


def test_a_remote_start_takes_the_evse_that_has_a_car() -> None:
    rig = connected(evses=3)
    rig.station.plug_in(rig.station.evses[2], rig.now)
    rig.ask("RequestStartTransaction", {"remoteStartId": 1, "idToken": TOKEN})
    assert rig.station.evses[2].authorization is not None


def test_a_remote_start_with_a_profile_begins_limited() -> None:
    rig = connected()
    request = {
        "remoteStartId": 1,
        "idToken": TOKEN,
        "chargingProfile": profile(chargingProfilePurpose="TxProfile", limit=7.0),
    }
    rig.ask("RequestStartTransaction", request)
    rig.plug_in()
    rig.pass_time(5)
    assert current_a(rig) == 7.0


@pytest.mark.parametrize(
    "chargingProfile",
    [
        profile(),
        profile(chargingProfilePurpose="TxProfile", transactionId="t"),
        profile(chargingProfilePurpose="TxProfile", startSchedule=None),
    ],
)
def test_a_remote_start_with_a_wrong_profile_is_rejected(chargingProfile: JsonObject) -> None:  # noqa: N803
    rig = connected()
    request = {"remoteStartId": 1, "idToken": TOKEN, "chargingProfile": chargingProfile}
    assert rig.ask("RequestStartTransaction", request)["status"] == "Rejected"
    assert rig.evse.authorization is None


def test_a_profile_that_conflicts_by_then_only_loses_its_limit() -> None:
    rig = connected()
    wanted = profile(chargingProfilePurpose="TxProfile", limit=7.0, id=9)
    request = {"remoteStartId": 1, "idToken": TOKEN, "chargingProfile": wanted}
    rig.plug_in()
    tx_profile(rig, stackLevel=0, limit=12.0)
    rig.ask("RequestStartTransaction", request)
    rig.pass_time(5)
    assert current_a(rig) == 12.0


@pytest.mark.parametrize("evse_id", [0, 1, 7])
def test_an_evse_that_is_not_free_rejects_a_remote_start(evse_id: int) -> None:
    request = {"remoteStartId": 1, "idToken": TOKEN, "evseId": evse_id}
    assert charging().ask("RequestStartTransaction", request)["status"] == "Rejected"


@pytest.mark.parametrize(("verdict", "starts"), [("Accepted", True), ("Invalid", False)])
def test_with_authorize_remote_start_the_csms_is_asked_first(verdict: str, starts: bool) -> None:
    rig = connected()
    rig.station.variables.write("AuthCtrlr", "AuthorizeRemoteStart", "true")
    rig.answers["Authorize"] = lambda _: token_answer(verdict)
    rig.plug_in()
    rig.ask("RequestStartTransaction", {"remoteStartId": 1, "idToken": TOKEN})
    assert rig.calls("Authorize") == [{"idToken": TOKEN}]
    assert (("Updated", "RemoteStart") in rig.story()) is starts


def test_an_unknown_transaction_cannot_be_stopped() -> None:
    answer = charging().ask("RequestStopTransaction", {"transactionId": "other"})
    assert answer["status"] == "Rejected"


def test_the_status_of_transactions() -> None:
    rig = charging()
    ask = "GetTransactionStatus"
    running = {"ongoingIndicator": True, "messagesInQueue": False}
    assert rig.ask(ask, {"transactionId": rig.transaction_id}) == running
    unknown = {"ongoingIndicator": False, "messagesInQueue": False}
    assert rig.ask(ask, {"transactionId": "other"}) == unknown
    rig.answers["TransactionEvent"] = lambda _: None
    rig.pass_time(2)
    assert rig.ask(ask, {}) == {"messagesInQueue": True}


# Triggers


@pytest.mark.parametrize(
    ("requested", "action"),
    [
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
        ("TransactionEvent", "TransactionEvent"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("LogStatusNotification", "LogStatusNotification"),
    ],
)
def test_a_message_can_be_triggered(requested: str, action: str) -> None:
    rig = charging()
    before = len(rig.calls(action))
    assert rig.ask("TriggerMessage", {"requestedMessage": requested}) == {"status": "Accepted"}
    assert len(rig.calls(action)) == before + 1


def test_a_triggered_event_says_so_and_carries_values() -> None:
    rig = charging()
    rig.ask("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}})
    event = rig.events()[-1]
    assert (event["eventType"], event["triggerReason"]) == ("Updated", "Trigger")
    assert event["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"requestedMessage": "BootNotification"}, "Rejected"),
        ({"requestedMessage": "TransactionEvent"}, "Rejected"),
        ({"requestedMessage": "StatusNotification", "evse": {"id": 9}}, "Rejected"),
        (
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 2}},
            "Rejected",
        ),
        ({"requestedMessage": "SignV2GCertificate"}, "NotImplemented"),
    ],
)
def test_what_cannot_be_triggered_now(request_: JsonObject, status: str) -> None:
    assert connected().ask("TriggerMessage", request_)["status"] == status


def test_meter_values_that_nobody_wants_cannot_be_triggered() -> None:
    rig = connected()
    none = item("SampledDataCtrlr", "TxUpdatedMeasurands", attributeValue="")
    rig.ask("SetVariables", {"setVariableData": [none]})
    answer = rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"})
    assert answer["status"] == "Rejected"
    assert rig.calls("MeterValues") == []


# Availability, reset, unlock


def test_availability_of_an_idle_evse_changes_at_once() -> None:
    rig = connected()
    off = {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 1}}
    assert rig.ask("ChangeAvailability", off) == {"status": "Accepted"}
    rig.plug_in()
    rig.present_token()
    assert not rig.events()
    rig.unplug()
    assert (
        rig.ask("ChangeAvailability", {"operationalStatus": "Operative"})["status"] == "Accepted"
    )
    assert rig.statuses() == ["Available", "Unavailable", "Available"]


def test_availability_waits_for_the_transaction() -> None:
    rig = charging()
    request = {"operationalStatus": "Inoperative"}
    assert rig.ask("ChangeAvailability", request) == {"status": "Scheduled"}
    assert rig.statuses()[-1] == "Occupied"
    rig.present_token()
    assert rig.statuses()[-1] == "Unavailable"


def test_the_availability_of_nothing_is_rejected() -> None:
    request = {"operationalStatus": "Inoperative", "evse": {"id": 5}}
    assert connected().ask("ChangeAvailability", request)["status"] == "Rejected"


def test_an_immediate_reset_ends_transactions_and_boots_anew() -> None:
    rig = charging()
    assert rig.ask("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    ended = rig.events()[-1]
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "ResetCommand")
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert rig.station.ready_to_restart(rig.now)
    request = {"remoteStartId": 1, "idToken": TOKEN}
    assert rig.ask("RequestStartTransaction", request)["status"] == "Rejected"
    rig.disconnect()
    rig.station.reboot(rig.now)
    rig.connect()
    assert rig.calls("BootNotification")[-1]["reason"] == "RemoteReset"
    assert rig.statuses()[-1] == "Occupied"


def test_a_reset_waits_for_the_last_answer_but_not_for_ever() -> None:
    rig = charging()
    rig.answers["TransactionEvent"] = lambda _: None
    rig.ask("Reset", {"type": "Immediate"})
    assert not rig.station.ready_to_restart(rig.now)
    rig.pass_time(5)
    assert rig.station.ready_to_restart(rig.now)


def test_a_reset_on_idle_waits_for_the_transaction() -> None:
    rig = charging()
    assert rig.ask("Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
    rig.pass_time(60)
    assert not rig.station.ready_to_restart(rig.now)
    rig.present_token()
    assert rig.station.ready_to_restart(rig.now)
    rig.disconnect()
    rig.station.reboot(rig.now)
    rig.connect()
    assert rig.calls("BootNotification")[-1]["reason"] == "ScheduledReset"


def test_a_reset_of_one_evse_leaves_the_station_alone() -> None:
    rig = charging()
    assert rig.ask("Reset", {"type": "Immediate", "evseId": 1}) == {"status": "Accepted"}
    assert rig.events()[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert not rig.station.ready_to_restart(rig.now)
    assert rig.ask("Reset", {"type": "Immediate", "evseId": 5})["status"] == "Rejected"


@pytest.mark.parametrize(
    ("evse_id", "connector_id", "status"),
    [
        (1, 1, "OngoingAuthorizedTransaction"),
        (1, 2, "UnknownConnector"),
        (2, 1, "UnknownConnector"),
    ],
)
def test_unlocking(evse_id: int, connector_id: int, status: str) -> None:
    request = {"evseId": evse_id, "connectorId": connector_id}
    assert charging().ask("UnlockConnector", request) == {"status": status}


def test_a_cable_without_an_authorized_transaction_is_unlocked() -> None:
    request = {"evseId": 1, "connectorId": 1}
    assert connected().ask("UnlockConnector", request) == {"status": "Unlocked"}


# Device model


def item(component: str, variable: str, **members: Any) -> JsonObject:
    return {"component": {"name": component}, "variable": {"name": variable}, **members}


@pytest.mark.parametrize(
    ("wanted", "status", "value"),
    [
        (item("SmartChargingCtrlr", "RateUnit"), "Accepted", "A,W"),
        (item("smartchargingctrlr", "PROFILESTACKLEVEL"), "Accepted", "10"),
        (item("OCPPCommCtrlr", "HeartbeatInterval"), "Accepted", "300"),
        (item("OCPPCommCtrlr", "Nothing"), "UnknownVariable", None),
        (item("Nothing", "Nothing"), "UnknownComponent", None),
        (item("SecurityCtrlr", "BasicAuthPassword"), "Rejected", None),
        (
            item("SmartChargingCtrlr", "RateUnit", attributeType="MaxSet"),
            "NotSupportedAttributeType",
            None,
        ),
    ],
)
def test_variables_are_read(wanted: JsonObject, status: str, value: str | None) -> None:
    answer = connected().ask("GetVariables", {"getVariableData": [wanted]})
    (result,) = answer["getVariableResult"]
    assert (result["attributeStatus"], result.get("attributeValue")) == (status, value)


def test_variables_of_an_instance_and_of_an_evse_are_found() -> None:
    instance = item("OCPPCommCtrlr", "MessageTimeout")
    instance["variable"]["instance"] = "Default"
    evse = item("EVSE", "SupplyPhases")
    evse["component"]["evse"] = {"id": 1}
    answer = connected().ask("GetVariables", {"getVariableData": [instance, evse]})
    values = [result["attributeValue"] for result in answer["getVariableResult"]]
    assert values == ["30", "3"]


@pytest.mark.parametrize(
    ("written", "status"),
    [
        (item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="20"), "Accepted"),
        (item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="x"), "Rejected"),
        (item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="9" * 9), "Rejected"),
        (item("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="0"), "Rejected"),
        (item("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="inf"), "Rejected"),
        (item("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="soon"), "Rejected"),
        (item("SampledDataCtrlr", "TxUpdatedMeasurands", attributeValue="SoC"), "Accepted"),
        (item("SampledDataCtrlr", "TxUpdatedMeasurands", attributeValue="Love"), "Rejected"),
        (item("TxCtrlr", "TxStopPoint", attributeValue="ParkingBayOccupancy"), "Rejected"),
        (item("TxCtrlr", "StopTxOnInvalidId", attributeValue="yes"), "Rejected"),
        (item("SecurityCtrlr", "BasicAuthPassword", attributeValue="short"), "Rejected"),
        (item("SecurityCtrlr", "BasicAuthPassword", attributeValue="p" * 16), "Accepted"),
        (item("SmartChargingCtrlr", "RateUnit", attributeValue="A"), "Rejected"),
        (item("Nothing", "Nothing", attributeValue="A"), "UnknownComponent"),
    ],
)
def test_variables_are_written(written: JsonObject, status: str) -> None:
    answer = connected().ask("SetVariables", {"setVariableData": [written]})
    assert answer["setVariableResult"][0]["attributeStatus"] == status


def test_written_variables_take_effect_at_once() -> None:
    rig = charging()
    data = [
        item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="20"),
        item("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="5"),
        item("SampledDataCtrlr", "TxUpdatedMeasurands", attributeValue="SoC, Voltage"),
    ]
    rig.ask("SetVariables", {"setVariableData": data})
    rig.pass_time(41)
    assert len(rig.calls("Heartbeat")) == 2
    periodic = [e for e in rig.events() if e["triggerReason"] == "MeterValuePeriodic"]
    assert len(periodic) == 9
    kinds = {sample["measurand"] for sample in periodic[-1]["meterValue"][0]["sampledValue"]}
    assert kinds == {"SoC", "Voltage"}


def test_without_measurands_there_are_no_meter_values() -> None:
    rig = charging()
    data = [
        item("SampledDataCtrlr", f"Tx{occasion}Measurands", attributeValue="")
        for occasion in ("Started", "Updated", "Ended")
    ]
    rig.ask("SetVariables", {"setVariableData": data})
    before = len(rig.events())
    rig.pass_time(30)
    rig.present_token()
    assert [event["eventType"] for event in rig.events()[before:]] == ["Ended"]
    assert "meterValue" not in rig.events()[-1]


def test_the_inventory_is_reported_in_parts() -> None:
    rig = connected(evses=2)
    request = {"requestId": 3, "reportBase": "FullInventory"}
    assert rig.ask("GetBaseReport", request) == {"status": "Accepted"}
    reports = rig.calls("NotifyReport")
    assert [report["seqNo"] for report in reports] == list(range(len(reports)))
    assert [report["tbc"] for report in reports] == [True] * (len(reports) - 1) + [False]
    rows = [row for report in reports for row in report["reportData"]]
    assert {row["component"]["name"] for row in rows} >= {"SmartChargingCtrlr", "TxCtrlr", "EVSE"}
    assert len(rows) > 25


def test_the_configuration_is_what_can_be_written() -> None:
    rig = connected()
    rig.ask("GetBaseReport", {"requestId": 3, "reportBase": "ConfigurationInventory"})
    rows = [row for report in rig.calls("NotifyReport") for row in report["reportData"]]
    kinds = {row["variableAttribute"][0]["mutability"] for row in rows}
    assert kinds == {"ReadWrite", "WriteOnly"}
    summary = {"requestId": 3, "reportBase": "SummaryInventory"}
    assert rig.ask("GetBaseReport", summary) == {"status": "NotSupported"}


def test_the_cache_can_be_cleared() -> None:
    rig = charging()
    rig.station.variables.write("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
    rig.present_token()
    assert rig.ask("ClearCache", {}) == {"status": "Accepted"}
    rig.disconnect()
    rig.present_token()
    assert rig.evse.authorization is None


def test_no_vendor_is_known() -> None:
    answer = connected().ask("DataTransfer", {"vendorId": "x"})
    assert answer == {"status": "UnknownVendorId"}


# Refusals


@pytest.mark.parametrize(
    ("action", "code"),
    [
        *((action, "NotSupported") for action in sorted(NOT_SUPPORTED)),
        ("MakeCoffee", "NotImplemented"),
        ("BootNotification", "NotImplemented"),
    ],
)
def test_what_it_does_not_carry_out_gets_a_call_error(action: str, code: str) -> None:
    answer = connected().ask_raw(action, {})
    assert isinstance(answer, CallError)
    assert answer.code == code


@pytest.mark.parametrize("action", sorted(HANDLERS))
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"evseId": []},
        {"requestId": "x", "chargingProfile": 1, "evseId": 1, "type": 1, "idToken": 3},
        {"requestId": 10**40, "evseId": 10**40, "duration": 10**40},
        {"evse": 3, "operationalStatus": None, "transactionId": {}, "chargingProfileId": {}},
        {"setVariableData": [1], "getVariableData": [{}], "vendorId": 1, "evse": {}},
        {
            "evseId": 1,
            "chargingProfile": {
                **profile(duration=10**30),
                "chargingSchedule": [{"chargingRateUnit": "A", "chargingSchedulePeriod": []}],
            },
        },
        {"evseId": 1, "chargingProfile": profile(duration=10**30)},
        {"evseId": 1, "chargingProfile": profile(startSchedule="soon")},
    ],
)
def test_no_payload_however_wrong_goes_unanswered(action: str, payload: JsonObject) -> None:
    rig = connected()
    rig.ask_raw(action, payload)
    rig.pass_time(5)
    assert rig.ask("ClearCache", {}) == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"chargingProfile": profile()}, "OccurrenceConstraintViolation"),
        ({"evseId": None, "chargingProfile": profile()}, "TypeConstraintViolation"),
        ({"evseId": True, "chargingProfile": profile()}, "TypeConstraintViolation"),
        ({"evseId": 2**31, "chargingProfile": profile()}, "PropertyConstraintViolation"),
        (
            {"evseId": 1, "chargingProfile": profile(startSchedule="soon")},
            "PropertyConstraintViolation",
        ),
    ],
)
def test_a_wrong_payload_is_told_by_its_error_code(payload: JsonObject, code: str) -> None:
    answer = connected().ask_raw("SetChargingProfile", payload)
    assert isinstance(answer, CallError)
    assert answer.code == code


def test_before_acceptance_only_provisioning_is_open() -> None:
    rig = Rig()
    rig.answers["BootNotification"] = lambda _: boot_answer("Pending", 60)
    rig.connect()
    refused = rig.ask_raw("ClearCache", {})
    assert isinstance(refused, CallError)
    assert refused.code == "SecurityError"
    request = {"remoteStartId": 1, "idToken": TOKEN}
    assert rig.ask("RequestStartTransaction", request)["status"] == "Rejected"
    rig.ask("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert rig.calls("NotifyReport")
    assert rig.ask("TriggerMessage", {"requestedMessage": "BootNotification"}) == {
        "status": "Accepted"
    }
    assert len(rig.calls("BootNotification")) == 2
