"""Sessions of one station: which events it sends, why, with which numbers and states."""

from typing import Any

import pytest

from bridge.simulator.wire import CallError, JsonObject
from tests.unit.simulator.rig import Rig, boot_answer, profile, token_answer


def samples(event: JsonObject) -> dict[tuple[str, str | None], float]:
    return {
        (sample["measurand"], sample.get("phase")): sample["value"]
        for sample in event["meterValue"][0]["sampledValue"]
    }


def contexts(event: JsonObject) -> set[str]:
    return {sample["context"] for sample in event["meterValue"][0]["sampledValue"]}


# Boot, status, heartbeat


def test_it_boots_reports_its_connectors_and_beats_as_told() -> None:
    rig = Rig(evses=2)
    rig.answers["BootNotification"] = lambda _: boot_answer(interval=60)
    rig.connect()
    assert [call.action for call in rig.said] == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
    ]
    assert rig.calls("BootNotification")[0]["reason"] == "PowerUp"
    rig.pass_time(181)
    assert len(rig.calls("Heartbeat")) == 3


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_it_boots_again_after_the_interval_until_it_is_accepted(status: str) -> None:
    rig = Rig()
    rig.answers["BootNotification"] = lambda _: boot_answer(status, interval=30)
    rig.connect()
    rig.pass_time(29)
    assert len(rig.said) == 1
    rig.answers["BootNotification"] = lambda _: boot_answer()
    rig.pass_time(1)
    assert len(rig.calls("BootNotification")) == 2
    assert rig.statuses() == ["Available"]


@pytest.mark.parametrize("answer", [None, CallError(message_id="", code="InternalError")])
def test_it_boots_again_where_no_verdict_came(answer: CallError | None) -> None:
    rig = Rig()
    rig.answers["BootNotification"] = lambda _: answer
    rig.connect()
    rig.pass_time(45)
    assert len(rig.calls("BootNotification")) >= 2


def test_a_boot_answer_that_breaks_the_schema_is_no_acceptance() -> None:
    rig = Rig()
    rig.answers["BootNotification"] = lambda _: None
    rig.connect()
    rig.endpoint.receive('[3,"id-1",{"status":"Perhaps","interval":1}]', rig.now)
    rig.pump()
    assert not rig.statuses()
    rig.answers["BootNotification"] = lambda _: boot_answer()
    rig.pass_time(10)
    assert rig.statuses() == ["Available"]


def test_a_reconnected_station_does_not_boot_again() -> None:
    rig = Rig()
    rig.connect()
    rig.disconnect()
    rig.pass_time(30)
    rig.connect()
    assert len(rig.calls("BootNotification")) == 1
    assert rig.statuses() == ["Available"]


def test_after_a_long_outage_all_connectors_are_reported() -> None:
    rig = Rig(evses=2)
    rig.connect()
    rig.disconnect()
    rig.pass_time(61)
    rig.connect()
    assert rig.statuses() == ["Available"] * 4


def test_a_status_that_changed_or_got_lost_in_an_outage_is_reported() -> None:
    rig = Rig()
    rig.connect()
    rig.answers["StatusNotification"] = lambda _: None
    rig.plug_in()
    rig.disconnect()
    rig.answers["StatusNotification"] = lambda _: {}
    rig.connect()
    assert rig.statuses() == ["Available", "Occupied", "Occupied"]


def test_a_security_error_makes_it_boot_again_and_loses_no_event() -> None:
    rig = Rig()
    rig.charge()
    rig.answers["TransactionEvent"] = lambda _: CallError(message_id="", code="SecurityError")
    rig.pass_time(1)
    assert rig.events()[-1]["seqNo"] == 3
    rig.answers.pop("TransactionEvent")
    rig.pass_time(20)
    assert len(rig.calls("BootNotification")) == 2
    assert [event["seqNo"] for event in rig.events()][3:6] == [3, 3, 4]


# A whole session


def test_a_session_in_all_its_events() -> None:
    rig = Rig()
    rig.charge()
    rig.pass_time(12)
    rig.present_token()
    rig.unplug()
    events = rig.events()
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert {event["transactionInfo"]["transactionId"] for event in events} == {
        events[0]["transactionInfo"]["transactionId"]
    }
    assert [
        (
            event["eventType"],
            event["triggerReason"],
            event["transactionInfo"]["chargingState"],
        )
        for event in events
    ] == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Updated", "Authorized", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
        ("Updated", "MeterValuePeriodic", "Charging"),
        ("Updated", "MeterValuePeriodic", "Charging"),
        ("Ended", "StopAuthorized", "EVConnected"),
    ]
    assert not any("offline" in event for event in events)


def test_the_first_event_names_evse_cable_and_meter() -> None:
    rig = Rig(cable_max_a=20.0)
    rig.connect()
    rig.plug_in()
    (started,) = rig.events()
    assert started["evse"] == {"id": 1, "connectorId": 1}
    assert started["cableMaxCurrent"] == 20
    assert contexts(started) == {"Transaction.Begin"}
    assert samples(started) == {
        ("Energy.Active.Import.Register", None): 11_000.0,
        ("SoC", None): 40.0,
    }


def test_the_token_is_sent_once_with_the_authorization_and_once_with_the_stop() -> None:
    rig = Rig()
    rig.charge()
    rig.present_token()
    tokens = {event["seqNo"]: event.get("idToken") for event in rig.events()}
    token = {"idToken": "SIMULATOR", "type": "ISO14443"}
    assert tokens == {0: None, 1: token, 2: None, 3: token}


def test_the_last_event_says_why_and_how_much() -> None:
    rig = Rig()
    rig.charge()
    rig.unplug()
    ended = rig.events()[-1]
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "EVCommunicationLost")
    assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    assert ended["transactionInfo"]["chargingState"] == "Idle"
    assert contexts(ended) == {"Transaction.End"}
    assert samples(ended)["Energy.Active.Import.Register", None] > 11_000.0
    assert rig.statuses() == ["Available", "Occupied", "Available"]


def test_a_stop_by_token_leaves_the_car_connected() -> None:
    rig = Rig()
    rig.charge()
    rig.present_token()
    assert rig.events()[-1]["transactionInfo"]["stoppedReason"] == "Local"
    assert rig.statuses()[-1] == "Occupied"
    assert rig.evse.circuit.current_a == 0.0


def test_another_token_does_not_stop() -> None:
    rig = Rig()
    rig.charge()
    rig.present_token("OTHER")
    assert rig.evse.transaction is not None


def test_periodic_values_hold_every_measurand_per_phase() -> None:
    rig = Rig()
    rig.charge()
    rig.pass_time(10)
    (event,) = [e for e in rig.events() if e["triggerReason"] == "MeterValuePeriodic"]
    values = samples(event)
    assert contexts(event) == {"Sample.Periodic"}
    assert [values["Current.Import", f"L{phase}"] for phase in (1, 2, 3)] == [16.0] * 3
    volts = sum(values["Voltage", f"L{phase}-N"] for phase in (1, 2, 3))
    assert values["Power.Active.Import", None] == pytest.approx(16 * volts, rel=1e-3)
    assert values["Current.Offered", None] == 32.0
    assert 40.0 <= values["SoC", None] < 41.0


def test_a_station_with_one_phase_reports_one() -> None:
    rig = Rig(phases=1)
    rig.charge()
    rig.pass_time(10)
    values = samples(rig.events()[-1])
    assert {phase for _, phase in values if phase} == {"L1", "L1-N"}
    assert rig.events()[2]["numberOfPhasesUsed"] == 1


def test_a_profile_can_take_phases_away() -> None:
    rig = Rig()
    rig.charge()
    period = {"startPeriod": 0, "limit": 10.0, "numberPhases": 1}
    rig.ask("SetChargingProfile", {"evseId": 1, "chargingProfile": profile(periods=[period])})
    rig.pass_time(11)
    values = samples(rig.events()[-1])
    assert [values["Current.Import", f"L{phase}"] for phase in (1, 2, 3)] == [10.0, 0.0, 0.0]


@pytest.mark.parametrize("interval_s", [0.2, 5.0])
def test_the_meter_interval_is_kept(interval_s: float) -> None:
    rig = Rig(meter_interval_s=interval_s)
    rig.connect()
    rig.plug_in()
    rig.pass_time(10 * interval_s, step=interval_s / 4)
    periodic = [e for e in rig.events() if e["triggerReason"] == "MeterValuePeriodic"]
    assert len(periodic) == 10


@pytest.mark.parametrize(
    ("options", "current_a"),
    [
        ({}, 16.0),
        ({"car_max_a": 32.0}, 32.0),
        ({"car_max_a": 32.0, "cable_max_a": 20.0}, 20.0),
        ({"car_max_a": 32.0, "station_max_a": 13.0}, 13.0),
    ],
)
def test_the_lowest_of_station_cable_and_car_flows(
    options: dict[str, Any], current_a: float
) -> None:
    rig = Rig(**options)
    rig.charge()
    assert rig.evse.circuit.current_a == pytest.approx(current_a)


def test_a_full_battery_suspends_by_the_ev() -> None:
    rig = Rig(soc_percent=99.99)
    rig.charge()
    assert [event["transactionInfo"]["chargingState"] for event in rig.events()] == [
        "EVConnected",
        "EVConnected",
        "Charging",
        "SuspendedEV",
    ]


def test_a_second_plug_and_a_second_unplug_are_nothing() -> None:
    rig = Rig()
    rig.connect()
    rig.unplug()
    rig.plug_in()
    rig.plug_in(soc_percent=90)
    assert rig.story() == [("Started", "CablePluggedIn")]
    rig.unplug()
    rig.unplug()
    assert rig.statuses() == ["Available", "Occupied", "Available"]


# Verdicts


def test_a_refused_token_does_not_charge() -> None:
    rig = Rig()
    rig.answers["Authorize"] = lambda _: token_answer("Blocked")
    rig.charge()
    assert rig.story() == [("Started", "CablePluggedIn")]
    assert rig.evse.circuit.current_a == 0.0


@pytest.mark.parametrize("answer", [None, CallError(message_id="", code="InternalError")])
def test_without_a_verdict_the_station_decides(answer: CallError | None) -> None:
    rig = Rig()
    rig.answers["Authorize"] = lambda _: answer
    rig.charge()
    rig.pass_time(31)
    assert rig.evse.authorization is not None


def test_a_token_that_the_event_answer_refuses_ends_the_transaction() -> None:
    rig = Rig()
    rig.answers["TransactionEvent"] = lambda event: (
        token_answer("Expired") if "idToken" in event else {}
    )
    rig.charge()
    ended = rig.events()[-1]
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "Deauthorized")
    assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"


def test_a_verdict_that_comes_after_the_car_left_is_void() -> None:
    rig = Rig()
    rig.connect()
    rig.answers["Authorize"] = lambda _: None
    rig.plug_in()
    rig.present_token()
    rig.unplug()
    (asked,) = [call for call in rig.said if call.action == "Authorize"]
    answer = f'[3,"{asked.message_id}",{{"idTokenInfo":{{"status":"Accepted"}}}}]'
    rig.endpoint.receive(answer, rig.now)
    assert rig.evse.authorization is None


def test_an_interval_of_nothing_leaves_the_heartbeat_to_the_station() -> None:
    rig = Rig()
    rig.answers["BootNotification"] = lambda _: boot_answer(interval=0)
    rig.connect()
    rig.pass_time(301)
    assert len(rig.calls("Heartbeat")) == 1


def test_a_car_that_does_not_come_times_out() -> None:
    rig = Rig(connection_timeout_s=20)
    rig.connect()
    rig.present_token()
    assert rig.events()[0]["transactionInfo"]["chargingState"] == "Idle"
    rig.pass_time(20)
    assert rig.story() == [("Started", "Authorized"), ("Ended", "EVConnectTimeout")]
    assert rig.events()[-1]["transactionInfo"]["stoppedReason"] == "Timeout"


def test_a_car_that_comes_in_time_is_named_in_an_update() -> None:
    rig = Rig(connection_timeout_s=20)
    rig.connect()
    rig.present_token()
    rig.pass_time(19)
    rig.plug_in()
    rig.pass_time(30)
    assert rig.story() == [
        ("Started", "Authorized"),
        ("Updated", "CablePluggedIn"),
        ("Updated", "ChargingStateChanged"),
    ]
    plugged = next(e for e in rig.events() if e["triggerReason"] == "CablePluggedIn")
    assert (plugged["cableMaxCurrent"], plugged["evse"]["id"]) == (32, 1)


# Start and stop points


def set_points(rig: Rig, start: str, stop: str) -> None:
    data = [
        {
            "component": {"name": "TxCtrlr"},
            "variable": {"name": name},
            "attributeValue": value,
        }
        for name, value in (("TxStartPoint", start), ("TxStopPoint", stop))
    ]
    results = rig.ask("SetVariables", {"setVariableData": data})["setVariableResult"]
    assert [result["attributeStatus"] for result in results] == ["Accepted"] * 2


@pytest.mark.parametrize("token_first", [True, False])
def test_power_path_closed_starts_when_both_are_there(token_first: bool) -> None:
    rig = Rig()
    rig.connect()
    set_points(rig, "PowerPathClosed", "PowerPathClosed")
    if token_first:
        rig.present_token()
    rig.plug_in()
    if not token_first:
        rig.present_token()
    trigger = "CablePluggedIn" if token_first else "Authorized"
    assert rig.story()[0] == ("Started", trigger)
    assert rig.events()[0]["idToken"]["idToken"] == "SIMULATOR"


def test_with_stop_point_ev_connected_the_transaction_lives_until_unplugged() -> None:
    rig = Rig()
    rig.connect()
    set_points(rig, "EVConnected", "EVConnected")
    rig.plug_in()
    rig.present_token()
    rig.pass_time(5)
    rig.present_token()
    rig.pass_time(5)
    rig.unplug()
    assert rig.story()[-2:] == [("Updated", "StopAuthorized"), ("Ended", "EVCommunicationLost")]
    assert rig.events()[-1]["transactionInfo"]["stoppedReason"] == "Local"


# Offline


def test_events_of_an_outage_are_marked_and_come_in_order_before_live_ones() -> None:
    rig = Rig()
    rig.charge()
    before = len(rig.events())
    rig.disconnect()
    rig.pass_time(25)
    rig.present_token()
    rig.unplug()
    assert len(rig.events()) == before
    rig.connect()
    queued = rig.events()[before:]
    assert [event["seqNo"] for event in queued] == list(range(before, before + 4))
    assert all(event["offline"] is True for event in queued)
    assert [event["timestamp"][17:19] for event in queued] == ["10", "20", "30", "34"]
    assert queued[-1]["triggerReason"] == "StopAuthorized"
    later = [call.action for call in rig.said][-5:]
    assert later == ["TransactionEvent"] * 4 + ["StatusNotification"]


def test_an_unanswered_event_is_sent_again_unchanged_after_a_reconnect() -> None:
    rig = Rig()
    rig.connect()
    rig.answers["TransactionEvent"] = lambda _: None
    rig.plug_in()
    rig.disconnect()
    rig.answers.pop("TransactionEvent")
    rig.connect()
    first, second = rig.events()
    assert first == second
    ids = [call.message_id for call in rig.said if call.action == "TransactionEvent"]
    assert len(set(ids)) == 2


def test_an_event_without_an_answer_is_sent_again_after_the_time_out() -> None:
    rig = Rig()
    rig.connect()
    rig.answers["TransactionEvent"] = lambda _: None
    rig.plug_in()
    rig.answers.pop("TransactionEvent")
    rig.pass_time(39)
    assert len([e for e in rig.events() if e["seqNo"] == 0]) == 1
    rig.pass_time(2)
    sent = rig.events()
    assert [event["seqNo"] for event in sent][:3] == [0, 0, 1]
    assert sent[0] == sent[1]


def test_a_session_can_begin_offline_with_a_token_that_nobody_knows() -> None:
    rig = Rig()
    rig.connect()
    rig.disconnect()
    rig.plug_in()
    rig.present_token()
    rig.pass_time(5)
    rig.connect()
    assert rig.story() == [
        ("Started", "CablePluggedIn"),
        ("Updated", "Authorized"),
        ("Updated", "ChargingStateChanged"),
    ]
    assert not rig.calls("Authorize")


def test_offline_only_known_tokens_where_unknown_ones_are_not_allowed() -> None:
    rig = Rig()
    rig.charge()
    rig.present_token()
    rig.station.variables.write("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
    rig.disconnect()
    rig.present_token("STRANGER")
    assert rig.evse.authorization is None
    rig.present_token()
    assert rig.evse.authorization is not None


def test_a_token_in_question_when_the_line_drops_is_decided_by_the_station() -> None:
    rig = Rig()
    rig.connect()
    rig.answers["Authorize"] = lambda _: None
    rig.plug_in()
    rig.present_token()
    rig.disconnect()
    assert rig.evse.authorization is not None


# The wire


def test_an_answer_that_nobody_waits_for_is_ignored() -> None:
    rig = Rig()
    rig.charge()
    said = len(rig.said)
    rig.endpoint.receive('[3,"nobody",{}]', rig.now)
    rig.endpoint.receive('[4,"nobody","InternalError","",{}]', rig.now)
    rig.pump()
    assert len(rig.said) == said


def test_calls_may_cross() -> None:
    rig = Rig()
    rig.connect()
    rig.answers["TransactionEvent"] = lambda _: None
    rig.plug_in()
    assert rig.ask("ClearCache", {}) == {"status": "Accepted"}
    assert rig.story() == [("Started", "CablePluggedIn")]


@pytest.mark.parametrize(
    ("text", "code"),
    [("nonsense", "RpcFrameworkError"), ('[6,"9","x",{}]', "MessageTypeNotSupported")],
)
def test_a_frame_that_is_no_message_gets_a_call_error(text: str, code: str) -> None:
    rig = Rig()
    rig.connect()
    rig.endpoint.receive(text, rig.now)
    (frame,) = rig.endpoint.frames(rig.now)
    assert f'"{code}"' in frame


def test_where_it_is_not_to_stop_a_token_that_is_not_accepted_gets_no_energy() -> None:
    rig = Rig()
    rig.connect()
    rig.station.variables.write("TxCtrlr", "StopTxOnInvalidId", "false")
    rig.answers["TransactionEvent"] = lambda event: (
        token_answer("Invalid") if "idToken" in event else {}
    )
    rig.plug_in()
    rig.present_token()
    rig.pass_time(9)
    assert rig.story()[-1] == ("Updated", "Deauthorized")
    assert rig.events()[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    assert rig.evse.circuit.current_a == 0.0
    rig.answers.pop("TransactionEvent")
    rig.present_token()
    rig.pass_time(9)
    assert rig.evse.circuit.current_a == 16.0
