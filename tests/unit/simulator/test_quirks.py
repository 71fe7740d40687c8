"""Each quirk: what it spoils, and that everything beside it stays sound."""

from typing import Any

import pytest

from bridge.simulator.quirks import QUIRKS, Quirk
from bridge.simulator.wire import Call, CallError, CallResult, JsonObject, decode
from tests.unit.simulator.rig import Rig, boot_answer, profile

TX: dict[str, Any] = {"chargingProfilePurpose": "TxProfile", "stackLevel": 5, "id": 2}


def rig_with(*quirks: Quirk, **options: Any) -> Rig:
    rig = Rig(quirks=frozenset(quirks), **options)
    rig.charge()
    return rig


def install(rig: Rig, evse_id: int = 1, **members: Any) -> JsonObject:
    if members.get("chargingProfilePurpose") == "TxProfile":
        members = {"transactionId": rig.transaction_id, **members}
    return rig.ask(
        "SetChargingProfile", {"evseId": evse_id, "chargingProfile": profile(**members)}
    )


def current_a(rig: Rig) -> float:
    rig.pass_time(6)
    return round(rig.evse.circuit.current_a, 2)


def composite(rig: Rig) -> JsonObject:
    answer = rig.ask("GetCompositeSchedule", {"evseId": 1, "duration": 60})
    period: JsonObject = answer["schedule"]["chargingSchedulePeriod"][0]
    return period


def read_variable(rig: Rig, name: str) -> str:
    wanted = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": name}}
    answer = rig.ask("GetVariables", {"getVariableData": [wanted]})
    return str(answer["getVariableResult"][0]["attributeValue"])


def test_every_quirk_has_a_meaning() -> None:
    assert list(QUIRKS) == list(Quirk)
    assert all(QUIRKS.values())


@pytest.mark.parametrize(
    ("quirk", "refused", "reason_code", "taken"),
    [
        (Quirk.REFUSE_PROFILES, {}, "NotEnabled", None),
        (Quirk.REFUSE_TX_PROFILE, TX, "InvalidProfile", {}),
        (Quirk.REFUSE_VALID_TO, {"validTo": "2026-01-10T11:00:00Z"}, "UnsupportedParam", {}),
        (Quirk.STACK_LEVEL_0_ONLY, {"stackLevel": 1}, "InvalidStackLevel", {}),
        (Quirk.WATTS_ONLY, {}, "UnsupportedRateUnit", {"chargingRateUnit": "W"}),
        (Quirk.AMPS_ONLY, {"chargingRateUnit": "W"}, "UnsupportedRateUnit", {}),
        (
            Quirk.NO_PHASE_SWITCHING,
            {"periods": [{"startPeriod": 0, "limit": 9, "numberPhases": 1, "phaseToUse": 2}]},
            "InvalidSchedule",
            {},
        ),
    ],
)
def test_a_station_refuses_what_it_does_not_take_and_takes_the_rest(
    quirk: Quirk, refused: dict[str, Any], reason_code: str, taken: dict[str, Any] | None
) -> None:
    rig = rig_with(quirk)
    answer = install(rig, **refused)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason_code)
    assert current_a(rig) == 16.0
    if taken is not None:
        assert install(rig, **taken)["status"] == "Accepted"


@pytest.mark.parametrize(
    ("quirk", "variable", "value"),
    [
        (Quirk.STACK_LEVEL_0_ONLY, "ProfileStackLevel", "0"),
        (Quirk.WATTS_ONLY, "RateUnit", "W"),
        (Quirk.AMPS_ONLY, "RateUnit", "A"),
        (Quirk.NO_PHASE_SWITCHING, "Phases3to1", "false"),
        (Quirk.NO_PHASE_SWITCHING, "ACPhaseSwitchingSupported", "false"),
        (Quirk.NO_SMART_CHARGING, "Available", "false"),
    ],
)
def test_the_device_model_tells_of_a_lack(quirk: Quirk, variable: str, value: str) -> None:
    assert read_variable(rig_with(quirk), variable) == value


@pytest.mark.parametrize(
    ("quirk", "actions"),
    [
        (Quirk.NO_GET_PROFILES, {"GetChargingProfiles"}),
        (Quirk.NO_COMPOSITE, {"GetCompositeSchedule"}),
        (
            Quirk.NO_SMART_CHARGING,
            {
                "GetChargingProfiles",
                "GetCompositeSchedule",
                "SetChargingProfile",
                "ClearChargingProfile",
            },
        ),
    ],
)
def test_actions_that_are_missing_get_a_call_error(quirk: Quirk, actions: set[str]) -> None:
    rig = rig_with(quirk)
    for action in actions:
        answer = rig.ask_raw(action, {})
        assert isinstance(answer, CallError)
        assert answer.code == "NotSupported"
    assert rig.ask("ClearCache", {}) == {"status": "Accepted"}


@pytest.mark.parametrize(
    "quirk",
    [
        Quirk.NO_SMART_CHARGING,
        Quirk.REFUSE_PROFILES,
        Quirk.REFUSE_TX_PROFILE,
        Quirk.IGNORE_START_PROFILE,
    ],
)
def test_f01_fr_12_a_remote_start_goes_on_without_the_profile_that_is_not_taken(
    quirk: Quirk,
) -> None:
    rig = Rig(quirks=frozenset({quirk}))
    rig.connect()
    rig.plug_in()
    request = {
        "remoteStartId": 1,
        "idToken": {"idToken": "ME", "type": "Central"},
        "chargingProfile": profile(chargingProfilePurpose="TxProfile", limit=7.0),
    }
    assert rig.ask("RequestStartTransaction", request)["status"] == "Accepted"
    assert current_a(rig) == 16.0


def test_a_remote_start_that_is_refused_for_its_profile_is_taken_without() -> None:
    rig = Rig(quirks=frozenset({Quirk.REFUSE_START_PROFILE}))
    rig.connect()
    rig.plug_in()
    request = {"remoteStartId": 1, "idToken": {"idToken": "ME", "type": "Central"}}
    brought = {"chargingProfile": profile(chargingProfilePurpose="TxProfile", limit=7.0)}
    answer = rig.ask("RequestStartTransaction", request | brought)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == (
        "Rejected",
        "UnsupportedParam",
    )
    assert rig.ask("RequestStartTransaction", request)["status"] == "Accepted"
    assert current_a(rig) == 16.0


def test_an_ignored_profile_is_reported_and_changes_nothing() -> None:
    rig = rig_with(Quirk.IGNORE_PROFILES)
    assert install(rig)["status"] == "Accepted"
    assert install(rig, **TX)["status"] == "Accepted"
    rig.ask("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
    assert len(rig.calls("ReportChargingProfiles")) == 2
    assert composite(rig)["limit"] == 32.0
    assert current_a(rig) == 16.0


def test_a_default_profile_that_comes_too_late_holds_from_the_next_transaction_on() -> None:
    rig = rig_with(Quirk.IGNORE_TX_DEFAULT_IN_TRANSACTION)
    assert install(rig, limit=8.0)["status"] == "Accepted"
    assert current_a(rig) == 16.0
    install(rig, **TX, limit=12.0)
    assert current_a(rig) == 12.0
    rig.present_token()
    rig.present_token()
    assert current_a(rig) == 8.0


def test_a_car_that_keeps_drawing_is_offered_less_and_told_so() -> None:
    rig = rig_with(Quirk.KEEPS_DRAWING)
    install(rig, limit=8.0)
    assert current_a(rig) == 16.0
    assert rig.evse.offer.amps == 8.0
    assert composite(rig)["limit"] == 8.0
    install(rig, limit=0.0)
    assert current_a(rig) == 0.0


def test_a_station_that_cannot_pause_goes_on_with_six_amps() -> None:
    rig = rig_with(Quirk.ZERO_NOT_HONOURED)
    install(rig, limit=0.0)
    assert current_a(rig) == 6.0
    assert rig.evse.charging_state() == "Charging"
    rig.present_token()
    assert current_a(rig) == 0.0, "a stop is a stop"


def test_without_phase_switching_the_number_of_phases_is_ignored() -> None:
    rig = rig_with(Quirk.NO_PHASE_SWITCHING)
    periods = [{"startPeriod": 0, "limit": 10.0, "numberPhases": 1}]
    assert install(rig, periods=periods)["status"] == "Accepted"
    assert current_a(rig) == 10.0
    assert rig.evse.circuit.phases == 3


@pytest.mark.parametrize("forgets", [True, False])
def test_k01_fr_27_profiles_outlive_a_reset_unless_they_are_forgotten(forgets: bool) -> None:
    rig = rig_with(*[Quirk.FORGETS_PROFILES_ON_BOOT] * forgets)
    install(rig, limit=8.0)
    rig.ask("Reset", {"type": "Immediate"})
    rig.disconnect()
    rig.station.reboot(rig.now)
    rig.connect()
    rig.present_token()
    assert current_a(rig) == (16.0 if forgets else 8.0)


def test_a_composite_schedule_of_minus_one() -> None:
    rig = rig_with(Quirk.COMPOSITE_MINUS_ONE)
    install(rig, limit=8.0)
    assert composite(rig) == {"startPeriod": 0, "limit": -1.0}
    assert current_a(rig) == 8.0


def test_events_without_a_charging_state() -> None:
    rig = rig_with(Quirk.NO_CHARGING_STATE)
    assert len(rig.events()) >= 3
    assert all("chargingState" not in event["transactionInfo"] for event in rig.events())


def told_evses(*quirks: Quirk) -> list[tuple[str, bool]]:
    rig = Rig(quirks=frozenset(quirks))
    rig.connect()
    rig.present_token()
    rig.plug_in()
    return [(event["triggerReason"], "evse" in event) for event in rig.events()[:2]]


def test_the_evse_is_told_when_it_is_news_unless_updates_never_tell_it() -> None:
    assert told_evses() == [("Authorized", True), ("CablePluggedIn", True)]
    assert told_evses(Quirk.NO_EVSE_IN_UPDATES) == [
        ("Authorized", True),
        ("CablePluggedIn", False),
    ]


def test_events_that_are_all_number_zero() -> None:
    rig = rig_with(Quirk.SEQ_NO_ZERO)
    assert {event["seqNo"] for event in rig.events()} == {0}


def test_a_trigger_that_is_accepted_and_forgotten() -> None:
    rig = rig_with(Quirk.TRIGGERS_NOTHING)
    said = len(rig.said)
    assert rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"}) == {"status": "Accepted"}
    assert len(rig.said) == said


def test_a_cable_that_does_not_let_go() -> None:
    rig = rig_with(Quirk.UNLOCK_FAILS)
    rig.present_token()
    request = {"evseId": 1, "connectorId": 1}
    assert rig.ask("UnlockConnector", request) == {"status": "UnlockFailed"}


def sent(rig: Rig) -> list[Call | CallResult | CallError]:
    rig.endpoint.tick(rig.now)
    return [decode(frame) for frame in rig.endpoint.frames(rig.now)]


def test_a_slow_station_carries_out_and_answers_late_one_after_the_other() -> None:
    rig = rig_with(Quirk.SLOW_ANSWERS, answer_delay_s=5.0)
    asked = '[2,"first","ClearCache",{}]', '[2,"second","ClearCache",{}]'
    rig.endpoint.receive(asked[0], rig.now)
    rig.pass_time(1)
    rig.endpoint.receive(asked[1], rig.now)
    answered = []
    for second in range(1, 8):
        rig.endpoint.tick(rig.now)
        answers = [each for each in sent(rig) if isinstance(each, CallResult)]
        answered += [(second, each.message_id) for each in answers]
        rig.now = rig.now.replace(second=rig.now.second + 1)
    assert answered == [(5, "first"), (6, "second")]


def test_what_a_slow_station_was_asked_dies_with_the_connection() -> None:
    rig = rig_with(Quirk.SLOW_ANSWERS)
    rig.endpoint.receive('[2,"lost","ClearCache",{}]', rig.now)
    rig.disconnect()
    rig.connect()
    rig.pass_time(10)
    assert rig._replies == []


def test_a_mute_station_goes_on_telling_and_does_nothing_it_is_asked() -> None:
    rig = rig_with(Quirk.NO_ANSWER)
    text = '[2,"x","ChangeAvailability",{"operationalStatus":"Inoperative"}]'
    rig.endpoint.receive(text, rig.now)
    events = len(rig.events())
    rig.pass_time(60)
    assert rig._replies == []
    assert len(rig.events()) > events
    rig.unplug()
    assert rig.statuses()[-1] == "Available"


def test_a_mute_station_still_boots() -> None:
    rig = Rig(quirks=frozenset({Quirk.NO_ANSWER}))
    rig.answers["BootNotification"] = lambda _: boot_answer()
    rig.connect()
    assert rig.statuses() == ["Available"]
