"""Limits of somebody else: when they hold, what the CSMS hears, and when it cannot hear."""

from typing import Any

import pytest

from bridge.simulator.external import ExternalLimit, PlannedLimit, parse_planned_limit
from bridge.simulator.script import Authorize, Charge, ImposeLimit, PlugIn, Script, Wait
from bridge.simulator.wire import CallError, JsonObject
from tests.unit.simulator.rig import Rig, profile


def rig_with(*planned: str, **options: Any) -> Rig:
    limits = tuple(parse_planned_limit(text) for text in planned)
    return Rig(external_limits=limits, **options)


def told(rig: Rig) -> list[tuple[str, str, int | None, float | None]]:
    """What was said about limits: action, source, EVSE, limit."""
    story = []
    for call in rig.said:
        if call.action in {"NotifyChargingLimit", "ClearedChargingLimit"}:
            source = call.payload.get("chargingLimit", call.payload)["chargingLimitSource"]
            limit = None
            for schedule in call.payload.get("chargingSchedule", ()):
                limit = schedule["chargingSchedulePeriod"][0]["limit"]
            story.append((call.action, source, call.payload.get("evseId"), limit))
    return story


def current_a(rig: Rig) -> float:
    return round(rig.evse.circuit.current_a, 2)


def set_variable(rig: Rig, name: str, value: str) -> None:
    data: JsonObject = {
        "component": {"name": "SmartChargingCtrlr"},
        "variable": {"name": name},
        "attributeValue": value,
    }
    answer = rig.ask("SetVariables", {"setVariableData": [data]})
    assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("16", PlannedLimit(limit=ExternalLimit(limit=16.0))),
        ("16A@30..90", PlannedLimit(limit=ExternalLimit(limit=16.0), begin_s=30, end_s=90)),
        (
            "SO:7000W@60..",
            PlannedLimit(limit=ExternalLimit(limit=7000.0, unit="W", source="SO"), begin_s=60),
        ),
        (
            "Other:10.5@0.5..2,evse=2",
            PlannedLimit(
                limit=ExternalLimit(limit=10.5, source="Other", evse_id=2), begin_s=0.5, end_s=2
            ),
        ),
    ],
)
def test_a_limit_is_written_in_one_word(text: str, planned: PlannedLimit) -> None:
    assert parse_planned_limit(text) == planned


@pytest.mark.parametrize(
    "text", ["", "A", "-1", "16@30", "16@90..30", "CSO:16", "16,evse=", "16@1..1"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no limit|ends before"):
        parse_planned_limit(text)


def test_k11_fr_01_a_limit_comes_and_goes_in_a_transaction() -> None:
    rig = rig_with("10@30..60")
    rig.charge()
    seen = []
    for _ in range(3):
        rig.pass_time(15)
        seen.append(current_a(rig))
        rig.pass_time(15)
    assert seen == [16.0, 10.0, 16.0]
    assert told(rig) == [
        ("NotifyChargingLimit", "EMS", None, 10.0),
        ("ClearedChargingLimit", "EMS", None, None),
    ]
    rates = [event for event in rig.events() if event["triggerReason"] == "ChargingRateChanged"]
    assert len(rates) == 2, "of which K13.FR.03 speaks"


def test_k12_fr_02_a_limit_is_told_without_a_transaction_too() -> None:
    rig = rig_with("SO:7000W")
    rig.connect()
    rig.pass_time(1)
    assert told(rig) == [("NotifyChargingLimit", "SO", None, 7000.0)]


def test_k12_fr_03_the_schedule_is_told_only_where_it_is_wanted() -> None:
    rig = rig_with("10@5..")
    rig.connect()
    set_variable(rig, "NotifyChargingLimitWithSchedules", "false")
    rig.pass_time(6)
    assert told(rig) == [("NotifyChargingLimit", "EMS", None, None)]


def test_a_station_that_does_not_listen_to_others_is_not_limited() -> None:
    rig = rig_with("10")
    rig.charge()
    assert current_a(rig) == 10.0
    set_variable(rig, "ExternalControlSignalsEnabled", "false")
    rig.pass_time(5)
    assert current_a(rig) == 16.0
    assert told(rig)[-1] == ("ClearedChargingLimit", "EMS", None, None)


def test_of_two_limits_the_lower_one_holds() -> None:
    rig = rig_with("12", "SO:9@30..60")
    rig.charge()
    assert current_a(rig) == 12.0
    rig.pass_time(30)
    assert current_a(rig) == 9.0
    rig.pass_time(30)
    assert current_a(rig) == 12.0


def test_a_limit_of_one_evse_leaves_the_others_alone() -> None:
    rig = rig_with("10,evse=2", evses=2)
    rig.connect()
    for evse in rig.station.evses.values():
        rig.station.plug_in(evse, rig.now)
        rig.station.present_token(evse, rig.now)
    rig.pass_time(9)
    currents = [evse.circuit.current_a for evse in rig.station.evses.values()]
    assert currents == [16.0, 10.0]
    assert told(rig) == [("NotifyChargingLimit", "EMS", 2, 10.0)]


def test_k12_fr_01_a_limit_of_the_station_is_shared_by_all_who_charge() -> None:
    rig = rig_with("20", evses=2)
    rig.connect()
    for evse in rig.station.evses.values():
        rig.station.plug_in(evse, rig.now)
        rig.station.present_token(evse, rig.now)
    rig.pass_time(9)
    assert [evse.circuit.current_a for evse in rig.station.evses.values()] == [10.0, 10.0]


def test_a_new_limit_of_the_same_source_replaces_the_old_one() -> None:
    rig = rig_with("12", "10@10..")
    rig.connect()
    rig.pass_time(11)
    assert [limit for *_, limit in told(rig)] == [12.0, 10.0]
    assert len(rig.station.profiles) == 1


def test_the_end_of_a_limit_that_was_replaced_does_not_end_the_new_one() -> None:
    rig = rig_with("12@0..20", "10@10..30")
    rig.connect()
    holding = []
    for _ in range(3):
        rig.pass_time(10)
        holding.append([limit.limit for limit in rig.station.external.holding])
    assert holding == [[10.0], [10.0], []]


def test_a_limit_holds_offline_and_is_told_after_the_outage() -> None:
    rig = rig_with("10@20..40")
    rig.charge()
    rig.disconnect()
    rig.pass_time(20)
    assert current_a(rig) == 10.0
    assert told(rig) == []
    rig.connect()
    rig.pass_time(1)
    assert told(rig) == [("NotifyChargingLimit", "EMS", None, 10.0)]


def test_what_came_and_went_in_an_outage_is_not_told() -> None:
    rig = rig_with("10@20..40")
    rig.charge()
    rig.disconnect()
    rig.pass_time(60)
    rig.connect()
    rig.pass_time(5)
    assert told(rig) == []


def test_a_notice_that_was_lost_with_the_connection_is_repeated() -> None:
    rig = rig_with("10@5..")
    rig.connect()
    rig.answers["NotifyChargingLimit"] = lambda _: None
    rig.pass_time(6)
    rig.disconnect()
    rig.answers["NotifyChargingLimit"] = lambda _: {}
    rig.connect()
    rig.pass_time(1)
    assert [action for action, *_ in told(rig)] == ["NotifyChargingLimit"] * 2


def test_a_lost_notice_of_the_end_is_repeated_too() -> None:
    rig = rig_with("10@0..5")
    rig.connect()
    rig.answers["ClearedChargingLimit"] = lambda _: None
    rig.pass_time(6)
    rig.disconnect()
    rig.answers["ClearedChargingLimit"] = lambda _: {}
    rig.connect()
    rig.pass_time(1)
    assert [action for action, *_ in told(rig)] == [
        "NotifyChargingLimit",
        "ClearedChargingLimit",
        "ClearedChargingLimit",
    ]


def test_a_limit_that_still_holds_is_told_again_after_a_reboot() -> None:
    rig = rig_with("10")
    rig.connect()
    rig.pass_time(1)
    rig.ask("Reset", {"type": "Immediate"})
    rig.disconnect()
    rig.station.reboot(rig.now)
    rig.connect()
    rig.pass_time(1)
    assert told(rig) == [("NotifyChargingLimit", "EMS", None, 10.0)] * 2


def test_external_limits_are_in_reports_and_the_composite_schedule() -> None:
    rig = rig_with("SO:10")
    rig.connect()
    rig.pass_time(1)
    asked = {"requestId": 1, "chargingProfile": {"chargingLimitSource": ["SO"]}}
    assert rig.ask("GetChargingProfiles", asked) == {"status": "Accepted"}
    (report,) = rig.calls("ReportChargingProfiles")
    assert (report["chargingLimitSource"], report["evseId"]) == ("SO", 0)
    purpose = report["chargingProfile"][0]["chargingProfilePurpose"]
    assert purpose == "ChargingStationExternalConstraints"
    for evse_id in (0, 1):
        answer = rig.ask("GetCompositeSchedule", {"evseId": evse_id, "duration": 10})
        assert answer["schedule"]["chargingSchedulePeriod"][0]["limit"] == 10.0


def test_k10_fr_06_a_csms_cannot_clear_them() -> None:
    rig = rig_with("10")
    rig.connect()
    rig.pass_time(1)
    (item,) = rig.station.profiles.select(lambda _: True)
    by_id = {"chargingProfileId": item.profile.profile_id}
    assert rig.ask("ClearChargingProfile", by_id) == {"status": "Unknown"}
    everything: JsonObject = {"chargingProfileCriteria": {"evseId": 0}}
    assert rig.ask("ClearChargingProfile", everything) == {"status": "Unknown"}


def test_k01_fr_05_a_csms_cannot_replace_them() -> None:
    rig = rig_with("10")
    rig.connect()
    rig.pass_time(1)
    (item,) = rig.station.profiles.select(lambda _: True)
    request = {"evseId": 1, "chargingProfile": profile(id=item.profile.profile_id)}
    answer = rig.ask("SetChargingProfile", request)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == (
        "Rejected",
        "DuplicateProfile",
    )


def test_a_csms_that_does_not_know_the_notice_changes_nothing() -> None:
    rig = rig_with("10")
    rig.answers["NotifyChargingLimit"] = lambda _: CallError(message_id="", code="NotImplemented")
    rig.charge()
    assert current_a(rig) == 10.0


def test_a_script_has_an_energy_manager_take_part() -> None:
    steps = (
        PlugIn(),
        Authorize(),
        Charge(seconds=10),
        ImposeLimit(limit_a=8),
        Charge(seconds=10),
        ImposeLimit(),
        Wait(seconds=99),
    )
    rig = Rig(script=Script(steps=steps), start_delay_s=0)
    rig.connect()
    rig.pass_time(15)
    assert current_a(rig) == 8.0
    rig.pass_time(15)
    assert current_a(rig) == 16.0
    assert [action for action, *_ in told(rig)] == ["NotifyChargingLimit", "ClearedChargingLimit"]


def test_speed_makes_the_plan_faster() -> None:
    rig = rig_with("10@60..120", speed=60.0)
    rig.connect()
    rig.pass_time(2.5)
    assert [action for action, *_ in told(rig)] == ["NotifyChargingLimit", "ClearedChargingLimit"]
