"""Sessions of a station that speaks OCPP 1.6J: what it says, in which order, with which ids."""

from typing import Any

import pytest

from bridge.simulator.external import parse_planned_limit
from bridge.simulator.script import BreakDown, Script, Wait
from bridge.simulator.wire import CallError, JsonObject
from tests.unit.simulator.rig import Rig, boot_answer, start_answer


def rig16(**options: Any) -> Rig:
    return Rig(version="1.6", **options)


def story(rig: Rig) -> list[str]:
    """All but meter values and heartbeats; a StatusNotification by what it says."""
    return [
        f"{call.payload['connectorId']} {call.payload['status']}"
        if call.action == "StatusNotification"
        else call.action
        for call in rig.said
        if call.action not in {"MeterValues", "Heartbeat"}
    ]


def samples(payload: JsonObject) -> dict[tuple[str, str | None], str]:
    return {
        (sample["measurand"], sample.get("phase")): sample["value"]
        for sample in payload["meterValue"][0]["sampledValue"]
    }


def test_it_boots_and_reports_the_station_before_its_connectors() -> None:
    rig = rig16(evses=2)
    rig.answers["BootNotification"] = lambda _: boot_answer(interval=60)
    rig.connect()
    assert story(rig) == ["BootNotification", "0 Available", "1 Available", "2 Available"]
    assert rig.calls("BootNotification") == [
        {
            "chargePointVendor": "ocpp-mqtt-bridge",
            "chargePointModel": "Simulator",
            "chargePointSerialNumber": "SIM001",
            "firmwareVersion": "1",
        }
    ]
    rig.pass_time(61)
    assert len(rig.calls("Heartbeat")) == 1


def test_a_session_in_all_its_messages() -> None:
    rig = rig16()
    rig.charge()
    rig.present_token()
    rig.pass_time(1)
    rig.unplug()
    assert story(rig) == [
        "BootNotification",
        "0 Available",
        "1 Available",
        "1 Preparing",
        "Authorize",
        "StartTransaction",
        "1 Charging",
        "StopTransaction",
        "1 Finishing",
        "1 Available",
    ]
    (start,), (stop,) = rig.calls("StartTransaction"), rig.calls("StopTransaction")
    assert start == {
        "connectorId": 1,
        "idTag": "SIMULATOR",
        "meterStart": 11_000,
        "timestamp": "2026-01-10T10:00:00.000Z",
    }
    assert stop["transactionId"] == 101
    assert (stop["reason"], stop["idTag"]) == ("Local", "SIMULATOR")
    assert stop["meterStop"] > start["meterStart"]
    assert "transactionData" not in stop


def test_a_card_before_the_cable_prepares_and_expires() -> None:
    rig = rig16(connection_timeout_s=30)
    rig.connect()
    rig.present_token()
    rig.pass_time(31)
    assert story(rig)[-3:] == ["Authorize", "1 Preparing", "1 Available"]


def test_meter_values_are_texts_with_the_id_that_the_central_system_gave() -> None:
    rig = rig16(meter_interval_s=5)
    rig.charge()
    (payload,) = rig.calls("MeterValues")
    assert (payload["connectorId"], payload["transactionId"]) == (1, 101)
    found = samples(payload)
    assert found["Current.Import", "L1"] == "16"
    assert found["SoC", None] == "40"
    assert float(found["Energy.Active.Import.Register", None]) > 11_000
    sample = payload["meterValue"][0]["sampledValue"][0]
    assert (sample["context"], sample["unit"]) == ("Sample.Periodic", "Wh")


def test_a_pause_and_a_full_battery_are_told_by_the_status() -> None:
    rig = rig16(battery_kwh=0.2)
    rig.charge()
    paused = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}],
        },
    }
    request = {"connectorId": 1, "csChargingProfiles": paused}
    assert rig.ask("SetChargingProfile", request) == {"status": "Accepted"}
    rig.pass_time(5)
    assert rig.ask("ClearChargingProfile", {"id": 1}) == {"status": "Accepted"}
    rig.pass_time(120)
    assert story(rig)[-4:] == ["1 Charging", "1 SuspendedEVSE", "1 Charging", "1 SuspendedEV"]
    assert not rig.calls("StopTransaction")


def test_an_unplugged_cable_ends_the_transaction_and_frees_the_connector() -> None:
    rig = rig16()
    rig.charge()
    rig.unplug()
    assert story(rig)[-2:] == ["StopTransaction", "1 Available"]
    assert rig.calls("StopTransaction")[0]["reason"] == "EVDisconnected"


def test_what_happened_offline_comes_later_with_its_own_times_and_the_new_id() -> None:
    rig = rig16(meter_interval_s=5)
    rig.connect()
    rig.disconnect()
    rig.plug_in()
    rig.present_token()
    rig.pass_time(12)
    rig.present_token()
    rig.pass_time(60)
    rig.connect()
    late = [call for call in rig.said if call.action.endswith(("Transaction", "Values"))]
    assert [call.action for call in late] == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ]
    assert late[0].payload["timestamp"] == "2026-01-10T10:00:00.000Z"
    assert late[3].payload["timestamp"] == "2026-01-10T10:00:12.000Z"
    assert {call.payload["transactionId"] for call in late[1:]} == {101}
    assert story(rig)[-3:] == ["StopTransaction", "0 Available", "1 Finishing"]


def test_a_start_without_an_answer_is_sent_again_and_then_given_up() -> None:
    rig = rig16(meter_interval_s=60)
    rig.answers["StartTransaction"] = lambda _: CallError(message_id="", code="InternalError")
    rig.charge()
    rig.pass_time(40)
    starts = rig.calls("StartTransaction")
    assert len(starts) == 3
    assert starts[0] == starts[1] == starts[2]
    rig.present_token()
    assert rig.calls("StopTransaction")[0]["transactionId"] == -1


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "ConcurrentTx"])
def test_a_tag_that_is_not_accepted_at_the_start_ends_the_transaction(status: str) -> None:
    rig = rig16()
    rig.answers["StartTransaction"] = lambda _: start_answer(7, status)
    rig.charge()
    (stop,) = rig.calls("StopTransaction")
    assert (stop["transactionId"], stop["reason"]) == (7, "DeAuthorized")
    assert story(rig)[-1] == "1 Finishing"


def test_where_it_is_not_to_stop_a_tag_that_is_not_accepted_gets_no_energy() -> None:
    rig = rig16()
    rig.connect()
    setting = {"key": "StopTransactionOnInvalidId", "value": "false"}
    assert rig.ask("ChangeConfiguration", setting) == {"status": "Accepted"}
    rig.answers["StartTransaction"] = lambda _: start_answer(7, "Invalid")
    rig.plug_in()
    rig.present_token()
    rig.pass_time(9)
    assert not rig.calls("StopTransaction")
    assert story(rig)[-1] == "1 SuspendedEVSE"
    assert rig.evse.circuit.current_a == 0.0


@pytest.mark.parametrize("status", ["Blocked", "Invalid"])
def test_a_tag_that_is_not_authorized_starts_nothing(status: str) -> None:
    rig = rig16()
    rig.answers["Authorize"] = lambda _: rig.token_answer(status)
    rig.charge()
    assert not rig.calls("StartTransaction")
    assert story(rig)[-2:] == ["1 Preparing", "Authorize"]


def test_transaction_data_where_it_is_asked_for() -> None:
    rig = rig16()
    rig.connect()
    setting = {"key": "StopTxnSampledData", "value": "Energy.Active.Import.Register"}
    assert rig.ask("ChangeConfiguration", setting) == {"status": "Accepted"}
    rig.charge()
    rig.present_token()
    (data,) = rig.calls("StopTransaction")[0]["transactionData"]
    (sample,) = data["sampledValue"]
    assert sample["context"] == "Transaction.End"
    assert float(sample["value"]) == pytest.approx(
        rig.calls("StopTransaction")[0]["meterStop"], abs=1
    )


def test_a_long_token_is_cut_to_what_a_tag_can_hold() -> None:
    rig = rig16()
    rig.connect()
    rig.present_token("0123456789" * 3)
    assert rig.calls("Authorize") == [{"idTag": "0123456789" * 2}]


def test_a_fault_is_told_with_its_code_and_stops_the_current() -> None:
    rig = rig16()
    rig.charge()
    rig.evse.break_down("GroundFailure")
    rig.pass_time(1)
    status = rig.calls("StatusNotification")[-1]
    assert (status["status"], status["errorCode"]) == ("Faulted", "GroundFailure")
    assert rig.evse.circuit.current_a == 0.0
    rig.evse.break_down(None)
    rig.pass_time(5)
    assert rig.calls("StatusNotification")[-1]["status"] == "Charging"
    assert not rig.calls("StopTransaction")


def test_limits_of_others_hold_and_are_not_told() -> None:
    rig = rig16(external_limits=(parse_planned_limit("10"),))
    rig.charge()
    assert rig.evse.circuit.current_a == 10.0
    assert not rig.calls("NotifyChargingLimit")


def test_a_frame_that_is_no_message_is_ignored() -> None:
    rig = rig16()
    rig.connect()
    for text in ("{", '[9,"1",{}]', '[2,"1","Reset"]'):
        rig.endpoint.receive(text, rig.now)
    assert list(rig.endpoint.frames(rig.now)) == []


def test_a_script_can_have_it_fail_and_be_mended() -> None:
    steps = (BreakDown(error_code="WeakSignal"), Wait(seconds=5), BreakDown())
    rig = rig16(script=Script(steps=steps, repeat=False), start_delay_s=0)
    rig.connect()
    rig.pass_time(7)
    told = [call["status"] for call in rig.calls("StatusNotification") if call["connectorId"]]
    assert told == ["Available", "Faulted", "Available"]


def test_nothing_starts_at_a_broken_connector() -> None:
    rig = rig16()
    rig.connect()
    rig.evse.break_down("OtherError")
    rig.plug_in()
    rig.present_token()
    assert rig.ask("RemoteStartTransaction", {"idTag": "ME"}) == {"status": "Rejected"}
    assert not rig.calls("Authorize")
