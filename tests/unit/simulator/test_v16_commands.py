"""What a central system may ask a station that speaks OCPP 1.6J, and what it answers."""

from typing import Any

import pytest

from bridge.simulator.quirks import Quirk
from bridge.simulator.v16.commands import HANDLERS, NOT_SUPPORTED
from bridge.simulator.v16.configuration import KEYS
from bridge.simulator.wire import CallError, JsonObject
from tests.unit.simulator.rig import Rig, boot_answer

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


def connected(**options: Any) -> Rig:
    rig = Rig(version="1.6", **options)
    rig.connect()
    return rig


def charging(**options: Any) -> Rig:
    rig = Rig(version="1.6", **options)
    rig.charge()
    return rig


def profile(**members: Any) -> JsonObject:
    """Return a TxDefaultProfile of 10 A; members of the schedule are found by their name."""
    schedule: JsonObject = {
        "chargingRateUnit": members.pop("unit", "A"),
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": members.pop("limit", 10.0), **members.pop("period", {})}
        ],
    }
    for name in ("startSchedule", "duration"):
        if name in members:
            schedule[name] = members.pop(name)
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **members,
    }


def install(rig: Rig, connector: int = 1, **members: Any) -> str:
    request = {"connectorId": connector, "csChargingProfiles": profile(**members)}
    return str(rig.ask("SetChargingProfile", request)["status"])


def current_a(rig: Rig) -> float:
    rig.pass_time(6)
    return round(rig.evse.circuit.current_a, 2)


def statuses(rig: Rig, connector: int = 1) -> list[str]:
    return [
        payload["status"]
        for payload in rig.calls("StatusNotification")
        if payload["connectorId"] == connector
    ]


# Remote start and stop


def test_5_11_a_remote_start_with_a_car_there_begins_at_once() -> None:
    rig = connected()
    rig.plug_in()
    assert rig.ask("RemoteStartTransaction", {"idTag": "ME", "connectorId": 1}) == ACCEPTED
    assert current_a(rig) == 16.0
    assert rig.calls("StartTransaction")[0]["idTag"] == "ME"
    assert not rig.calls("Authorize")


def test_5_11_a_remote_start_is_authorized_first_where_the_key_says_so() -> None:
    rig = connected()
    rig.ask("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "true"})
    rig.plug_in()
    rig.ask("RemoteStartTransaction", {"idTag": "ME"})
    assert rig.calls("Authorize") == [{"idTag": "ME"}]
    assert len(rig.calls("StartTransaction")) == 1


def test_5_11_a_remote_start_brings_its_profile() -> None:
    rig = connected()
    rig.plug_in()
    wanted = profile(chargingProfilePurpose="TxProfile", chargingProfileKind="Relative", limit=7.0)
    request = {"idTag": "ME", "connectorId": 1, "chargingProfile": wanted}
    assert rig.ask("RemoteStartTransaction", request) == ACCEPTED
    assert current_a(rig) == 7.0


@pytest.mark.parametrize(
    "request_", [{"connectorId": 0}, {"connectorId": 2}, {"chargingProfile": profile()}]
)
def test_5_11_a_remote_start_that_cannot_be_is_rejected(request_: JsonObject) -> None:
    rig = connected()
    assert rig.ask("RemoteStartTransaction", {"idTag": "ME", **request_}) == REJECTED


def test_5_12_a_remote_stop_names_the_id_of_the_central_system() -> None:
    rig = charging()
    assert rig.ask("RemoteStopTransaction", {"transactionId": 102}) == REJECTED
    assert rig.ask("RemoteStopTransaction", {"transactionId": 101}) == ACCEPTED
    assert rig.calls("StopTransaction")[0]["reason"] == "Remote"
    assert statuses(rig)[-1] == "Finishing"


# Charging profiles


def test_5_16_a_default_profile_limits_and_goes() -> None:
    rig = charging()
    assert install(rig) == "Accepted"
    assert current_a(rig) == 10.0
    assert rig.ask("ClearChargingProfile", {"connectorId": 1}) == ACCEPTED
    assert current_a(rig) == 16.0
    assert rig.ask("ClearChargingProfile", {"connectorId": 1}) == {"status": "Unknown"}


@pytest.mark.parametrize("connector", [0, 1])
@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
def test_5_16_profiles_hold_for_a_connector_or_all(connector: int, kind: str) -> None:
    rig = charging()
    assert install(rig, connector, chargingProfileKind=kind, limit=8.0) == "Accepted"
    assert current_a(rig) == 8.0


def test_3_13_a_default_of_the_connector_is_before_that_of_all() -> None:
    rig = charging()
    assert install(rig, 0, limit=8.0) == "Accepted"
    assert install(rig, 1, limit=12.0, chargingProfileId=2) == "Accepted"
    assert current_a(rig) == 12.0


def test_3_13_the_limit_of_the_station_is_shared() -> None:
    rig = charging()
    assert install(rig, 0, chargingProfilePurpose="ChargePointMaxProfile", limit=9.0) == "Accepted"
    assert current_a(rig) == 9.0
    assert install(rig, 1, chargingProfilePurpose="ChargePointMaxProfile") == "Rejected"


def test_5_16_a_profile_takes_the_place_of_its_stack_level() -> None:
    rig = charging()
    assert install(rig, limit=8.0) == "Accepted"
    assert install(rig, limit=12.0, chargingProfileId=2) == "Accepted"
    assert len(rig.station.profiles) == 1
    assert current_a(rig) == 12.0


@pytest.mark.parametrize("transaction", [{}, {"transactionId": 101}])
def test_5_16_a_tx_profile_is_for_the_transaction_that_runs(transaction: JsonObject) -> None:
    rig = charging()
    assert install(rig, chargingProfilePurpose="TxProfile", **transaction) == "Accepted"
    assert current_a(rig) == 10.0
    rig.present_token()
    rig.present_token()
    assert current_a(rig) == 16.0, "it ends with its transaction"


def test_5_16_a_tx_profile_needs_its_transaction_and_a_connector() -> None:
    tx: dict[str, Any] = {"chargingProfilePurpose": "TxProfile"}
    rig = charging()
    assert install(rig, transactionId=7, **tx) == "Rejected"
    assert install(rig, 0, **tx) == "Rejected"
    assert install(rig, 5) == "Rejected"
    rig.present_token()
    assert install(rig, **tx) == "Rejected"


def test_watts_are_of_all_phases_and_one_phase_is_switched_to() -> None:
    rig = charging()
    assert install(rig, unit="W", limit=6900.0) == "Accepted"
    assert current_a(rig) == 10.0
    assert install(rig, period={"numberPhases": 1}) == "Accepted"
    rig.pass_time(6)
    assert (rig.evse.circuit.phases, current_a(rig)) == (1, 10.0)


def test_5_7_the_composite_schedule_tells_the_lowest_limit() -> None:
    rig = charging()
    install(rig, startSchedule="2026-01-10T10:00:00Z", duration=3600)
    answer = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 7200})
    assert answer["connectorId"] == 1
    assert answer["chargingSchedule"]["chargingRateUnit"] == "A"
    assert [
        (period["startPeriod"], period["limit"])
        for period in answer["chargingSchedule"]["chargingSchedulePeriod"]
    ] == [(0, 10.0), (3591, 32.0)]
    assert rig.ask("GetCompositeSchedule", {"connectorId": 9, "duration": 1}) == REJECTED


# Configuration


def test_5_8_all_keys_are_read_but_the_secret_one() -> None:
    rig = connected(evses=2, password="p" * 16)
    answer = rig.ask("GetConfiguration", {})
    values = {row["key"]: row["value"] for row in answer["configurationKey"]}
    assert set(KEYS) - set(values) == {"AuthorizationKey"}
    assert values["NumberOfConnectors"] == "2"
    assert values["ChargingScheduleAllowedChargingRateUnit"] == "Current,Power"
    assert values["ConnectorSwitch3to1PhaseSupported"] == "true"
    assert values["SupportedFeatureProfiles"].endswith("SmartCharging")
    assert "unknownKey" not in answer


def test_5_8_keys_are_found_in_any_case_and_what_is_unknown_is_named() -> None:
    answer = connected().ask("GetConfiguration", {"key": ["heartbeatinterval", "Coffee"]})
    assert answer == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Coffee"],
    }


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "30", "Accepted"),
        ("metervaluesampleinterval", "30", "Accepted"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("MeterValuesSampledData", "Voltage,SoC", "Accepted"),
        ("MeterValuesSampledData", "Love", "Rejected"),
        ("AuthorizationKey", "p" * 16, "Accepted"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("ChargeProfileMaxStackLevel", "9", "Rejected"),
        ("Coffee", "black", "NotSupported"),
    ],
)
def test_5_3_a_key_is_written_or_not(key: str, value: str, status: str) -> None:
    answer = connected().ask("ChangeConfiguration", {"key": key, "value": value})
    assert answer == {"status": status}


def test_5_3_a_heartbeat_interval_takes_effect_at_once() -> None:
    rig = connected()
    rig.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "10"})
    rig.pass_time(21)
    assert len(rig.calls("Heartbeat")) == 2


# Availability, cable, reset, triggers


def test_5_2_a_connector_leaves_and_comes_back() -> None:
    rig = connected(evses=2)
    assert rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}) == ACCEPTED
    assert statuses(rig)[-1] == "Unavailable"
    assert statuses(rig, 0)[-1] == "Available"
    assert rig.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}) == ACCEPTED
    assert statuses(rig, 0)[-1] == "Unavailable"
    assert rig.ask("ChangeAvailability", {"connectorId": 0, "type": "Operative"}) == ACCEPTED
    assert [statuses(rig, number)[-1] for number in range(3)] == ["Available"] * 3
    assert rig.ask("ChangeAvailability", {"connectorId": 3, "type": "Operative"}) == REJECTED


def test_5_2_a_running_transaction_comes_first() -> None:
    rig = charging()
    answer = rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert answer == {"status": "Scheduled"}
    rig.present_token()
    assert statuses(rig)[-1] == "Unavailable"


def test_5_18_unlocking_ends_a_transaction_first() -> None:
    rig = charging()
    assert rig.ask("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
    assert rig.calls("StopTransaction")[0]["reason"] == "UnlockCommand"
    assert rig.ask("UnlockConnector", {"connectorId": 2}) == {"status": "NotSupported"}


@pytest.mark.parametrize(("kind", "reason"), [("Hard", "HardReset"), ("Soft", "SoftReset")])
def test_5_14_a_reset_ends_the_transaction_and_boots(kind: str, reason: str) -> None:
    rig = charging()
    assert rig.ask("Reset", {"type": kind}) == ACCEPTED
    assert rig.calls("StopTransaction")[0]["reason"] == reason
    assert rig.station.ready_to_restart(rig.now)
    rig.disconnect()
    rig.station.reboot(rig.now)
    rig.connect()
    assert len(rig.calls("BootNotification")) == 2


@pytest.mark.parametrize(
    ("message", "connector", "action", "count"),
    [
        ("BootNotification", None, "BootNotification", 1),
        ("Heartbeat", None, "Heartbeat", 1),
        ("StatusNotification", None, "StatusNotification", 3),
        ("StatusNotification", 0, "StatusNotification", 1),
        ("StatusNotification", 2, "StatusNotification", 1),
        ("MeterValues", None, "MeterValues", 2),
        ("MeterValues", 1, "MeterValues", 1),
        ("FirmwareStatusNotification", None, "FirmwareStatusNotification", 1),
        ("DiagnosticsStatusNotification", None, "DiagnosticsStatusNotification", 1),
    ],
)
def test_5_17_what_is_triggered_follows(
    message: str, connector: int | None, action: str, count: int
) -> None:
    rig = connected(evses=2)
    said = len(rig.calls(action))
    wanted = {} if connector is None else {"connectorId": connector}
    assert rig.ask("TriggerMessage", {"requestedMessage": message, **wanted}) == ACCEPTED
    rig.pass_time(1)
    assert len(rig.calls(action)) - said == count
    assert rig.ask("TriggerMessage", {"requestedMessage": message, "connectorId": 9}) == REJECTED


def test_5_17_meter_values_on_demand_name_the_transaction() -> None:
    rig = charging()
    rig.ask("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    payload = rig.calls("MeterValues")[-1]
    assert payload["transactionId"] == 101
    assert payload["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_5_17_where_no_values_are_wanted_none_can_be_triggered() -> None:
    rig = connected()
    rig.ask("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": ""})
    assert rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"}) == REJECTED


# Local list and reservations


def entry(tag: str, status: str = "Accepted") -> JsonObject:
    return {"idTag": tag, "idTagInfo": {"status": status}}


def test_5_15_a_local_list_has_a_version_and_changes() -> None:
    rig = connected()
    assert rig.ask("GetLocalListVersion", {}) == {"listVersion": 0}
    full = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [entry("ME")]}
    assert rig.ask("SendLocalList", full) == ACCEPTED
    old = {"listVersion": 3, "updateType": "Differential"}
    assert rig.ask("SendLocalList", old) == {"status": "VersionMismatch"}
    changes = [entry("YOU", "Blocked"), {"idTag": "ME"}]
    newer = {"listVersion": 4, "updateType": "Differential", "localAuthorizationList": changes}
    assert rig.ask("SendLocalList", newer) == ACCEPTED
    assert rig.ask("GetLocalListVersion", {}) == {"listVersion": 4}
    assert rig.station.reader.local_list == {"YOU": "Blocked"}
    none = {"listVersion": 0, "updateType": "Full"}
    assert rig.ask("SendLocalList", none) == {"status": "Failed"}


@pytest.mark.parametrize(("tag", "starts"), [("LISTED", 1), ("BLOCKED", 0), ("UNKNOWN", 0)])
def test_offline_the_local_list_decides(tag: str, starts: int) -> None:
    rig = connected(id_token=tag)
    rig.ask("ChangeConfiguration", {"key": "AllowOfflineTxForUnknownId", "value": "false"})
    listed = [entry("LISTED"), entry("BLOCKED", "Blocked")]
    rig.ask(
        "SendLocalList",
        {"listVersion": 1, "updateType": "Full", "localAuthorizationList": listed},
    )
    rig.disconnect()
    rig.plug_in()
    rig.present_token()
    rig.connect()
    assert len(rig.calls("StartTransaction")) == starts


def reserve(rig: Rig, number: int = 5, connector: int = 1) -> str:
    request = {
        "connectorId": connector,
        "reservationId": number,
        "idTag": "ME",
        "expiryDate": "2026-01-10T10:05:00Z",
    }
    return str(rig.ask("ReserveNow", request)["status"])


def test_5_13_a_reserved_connector_is_for_its_token_only() -> None:
    rig = connected()
    assert reserve(rig) == "Accepted"
    assert statuses(rig)[-1] == "Reserved"
    assert reserve(rig, 6) == "Occupied"
    assert reserve(rig) == "Accepted", "the same reservation may change"
    assert rig.ask("RemoteStartTransaction", {"idTag": "YOU", "connectorId": 1}) == REJECTED
    rig.plug_in()
    rig.present_token("YOU")
    assert not rig.calls("Authorize")
    rig.present_token("ME")
    assert rig.calls("StartTransaction")[0]["reservationId"] == 5
    assert rig.evse.reservation is None


def test_5_1_a_reservation_is_cancelled_or_expires() -> None:
    rig = connected()
    reserve(rig)
    assert rig.ask("CancelReservation", {"reservationId": 4}) == REJECTED
    assert rig.ask("CancelReservation", {"reservationId": 5}) == ACCEPTED
    assert statuses(rig)[-1] == "Available"
    reserve(rig)
    rig.pass_time(301, step=10)
    assert statuses(rig)[-2:] == ["Reserved", "Available"]


def test_5_13_what_cannot_be_reserved_says_why() -> None:
    rig = connected()
    assert reserve(rig, connector=0) == "Rejected"
    rig.evse.set_operative(False, rig.now)
    assert reserve(rig) == "Unavailable"
    rig.evse.break_down("OtherError")
    assert reserve(rig) == "Faulted"
    assert reserve(charging()) == "Occupied"


# Refusals


@pytest.mark.parametrize(
    ("action", "code"),
    [
        *((action, "NotSupported") for action in sorted(NOT_SUPPORTED)),
        ("GetVariables", "NotImplemented"),
        ("MakeCoffee", "NotImplemented"),
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
        {"connectorId": []},
        {"connectorId": 10**40, "duration": 10**40, "transactionId": 10**40},
        {"connectorId": 1, "type": 1, "key": 3, "value": {}, "idTag": {}, "updateType": []},
        {"connectorId": 1, "csChargingProfiles": {"chargingSchedule": 3}, "listVersion": "x"},
        {"connectorId": 1, "csChargingProfiles": profile(startSchedule="soon")},
        {"idTag": "ME", "chargingProfile": [], "requestedMessage": {}},
    ],
)
def test_no_payload_however_wrong_goes_unanswered(action: str, payload: JsonObject) -> None:
    rig = connected()
    rig.ask_raw(action, payload)
    rig.pass_time(5)
    assert rig.ask("ClearCache", {}) == ACCEPTED


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"csChargingProfiles": profile()}, "OccurenceConstraintViolation"),
        ({"connectorId": None, "csChargingProfiles": profile()}, "TypeConstraintViolation"),
        ({"connectorId": 2**31, "csChargingProfiles": profile()}, "PropertyConstraintViolation"),
    ],
)
def test_errors_have_the_names_of_1_6(payload: JsonObject, code: str) -> None:
    answer = connected().ask_raw("SetChargingProfile", payload)
    assert isinstance(answer, CallError)
    assert answer.code == code


def test_4_2_while_the_boot_is_pending_configuration_is_open_and_starts_are_rejected() -> None:
    rig = Rig(version="1.6")
    rig.answers["BootNotification"] = lambda _: boot_answer("Pending", 60)
    rig.connect()
    assert rig.ask("RemoteStartTransaction", {"idTag": "ME"}) == REJECTED
    assert "configurationKey" in rig.ask("GetConfiguration", {})
    refused = rig.ask_raw("ClearCache", {})
    assert isinstance(refused, CallError)
    assert refused.code == "SecurityError"


def test_no_vendor_is_known() -> None:
    answer = connected().ask("DataTransfer", {"vendorId": "x"})
    assert answer == {"status": "UnknownVendorId"}


# Quirks that there are in every version


@pytest.mark.parametrize(
    ("quirk", "members"),
    [
        (Quirk.REFUSE_PROFILES, {}),
        (Quirk.REFUSE_TX_PROFILE, {"chargingProfilePurpose": "TxProfile"}),
        (Quirk.REFUSE_VALID_TO, {"validTo": "2026-01-10T11:00:00Z"}),
        (Quirk.STACK_LEVEL_0_ONLY, {"stackLevel": 1}),
        (Quirk.WATTS_ONLY, {}),
        (Quirk.AMPS_ONLY, {"unit": "W"}),
    ],
)
def test_a_profile_is_refused_by_a_quirk(quirk: Quirk, members: JsonObject) -> None:
    rig = charging(quirks=frozenset({quirk}))
    assert install(rig, **members) == "Rejected"
    assert current_a(rig) == 16.0


def test_a_station_without_smart_charging_says_so() -> None:
    rig = charging(quirks=frozenset({Quirk.NO_SMART_CHARGING}))
    refused = rig.ask_raw("SetChargingProfile", {})
    assert isinstance(refused, CallError)
    assert refused.code == "NotSupported"
    answer = rig.ask("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
    assert "SmartCharging" not in answer["configurationKey"][0]["value"]


def test_a_composite_schedule_of_minus_one() -> None:
    rig = charging(quirks=frozenset({Quirk.COMPOSITE_MINUS_ONE}))
    answer = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    assert answer["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": -1.0}
    ]


def test_a_trigger_that_is_accepted_and_forgotten() -> None:
    rig = connected(quirks=frozenset({Quirk.TRIGGERS_NOTHING}))
    said = len(rig.said)
    assert rig.ask("TriggerMessage", {"requestedMessage": "Heartbeat"}) == ACCEPTED
    assert len(rig.said) == said


def test_a_cable_that_does_not_let_go() -> None:
    rig = connected(quirks=frozenset({Quirk.UNLOCK_FAILS}))
    assert rig.ask("UnlockConnector", {"connectorId": 1}) == {"status": "UnlockFailed"}


def test_a_status_that_says_nothing_of_the_current() -> None:
    rig = charging(quirks=frozenset({Quirk.NO_CHARGING_STATE}))
    install(rig, limit=0.0)
    rig.pass_time(5)
    assert statuses(rig)[-1] == "Charging"
