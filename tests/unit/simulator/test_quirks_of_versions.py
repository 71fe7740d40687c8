"""Quirks in every version of OCPP that has something of them."""

from typing import Any

import pytest

from bridge.simulator.quirks import Quirk
from bridge.simulator.wire import CallError, JsonObject, UnreadableFrameError
from tests.unit.simulator.rig import Rig, boot_answer

every_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
MESSAGES = {"1.6": "MeterValues", "2.0.1": "TransactionEvent", "2.1": "TransactionEvent"}


def rig_with(version: str, *quirks: Quirk, **options: Any) -> Rig:
    return Rig(version=version, quirks=frozenset(quirks), **options)


def told(rig: Rig) -> list[str]:
    """Return the statuses of the only connector, not of the station."""
    name = "status" if rig.options.version == "1.6" else "connectorStatus"
    payloads = rig.calls("StatusNotification")
    return [payload[name] for payload in payloads if payload["connectorId"] == 1]


def samples(rig: Rig) -> list[JsonObject]:
    """Return the sampled values that came last while the car charged."""
    payloads = [each for each in rig.calls(MESSAGES[rig.options.version]) if "meterValue" in each]
    values: list[JsonObject] = payloads[-1]["meterValue"][0]["sampledValue"]
    return values


def starts(rig: Rig) -> int:
    begun = [event for event in rig.events() if event["eventType"] == "Started"]
    return len(begun) + len(rig.calls("StartTransaction"))


@every_version
def test_a_session_without_quirks_is_valid_in_every_version(version: str) -> None:
    rig = rig_with(version, meter_interval_s=5, evses=2)
    rig.charge()  # the rig checks every frame
    rig.present_token()
    rig.unplug()
    assert starts(rig) == 1


@every_version
def test_quirk_30_a_cable_that_the_status_hides(version: str) -> None:
    rig = rig_with(version, Quirk.AVAILABLE_WITH_CABLE)
    rig.connect()
    if version != "1.6":  # no transaction by the cable alone
        point = {
            "component": {"name": "TxCtrlr"},
            "variable": {"name": "TxStartPoint"},
            "attributeValue": "PowerPathClosed",
        }
        rig.ask("SetVariables", {"setVariableData": [point]})
    rig.plug_in()
    rig.pass_time(5)
    assert told(rig) == ["Available"]
    rig.present_token()
    rig.pass_time(1)
    assert told(rig)[-1] == ("Charging" if version == "1.6" else "Occupied")


@every_version
def test_quirk_30_a_connector_that_is_spent_until_it_is_unplugged(version: str) -> None:
    rig = rig_with(version, Quirk.REFUSES_SECOND_START)
    rig.charge()
    rig.present_token()
    begun = starts(rig)
    rig.present_token()
    request: JsonObject = {"remoteStartId": 1, "idToken": {"idToken": "ME", "type": "Central"}}
    action = "RequestStartTransaction"
    if version == "1.6":
        action, request = "RemoteStartTransaction", {"idTag": "ME"}
    assert rig.ask(action, request)["status"] == "Rejected"
    assert starts(rig) == begun
    rig.unplug()
    assert rig.ask(action, request)["status"] == "Accepted"


@every_version
def test_quirk_6_a_station_that_does_not_boot_works_and_boots_when_asked(version: str) -> None:
    rig = rig_with(version, Quirk.BOOTS_ONLY_WHEN_ASKED)
    rig.charge()
    assert starts(rig) == 1
    assert not rig.calls("BootNotification")
    trigger = {"requestedMessage": "BootNotification"}
    assert rig.ask("TriggerMessage", trigger) == {"status": "Accepted"}
    assert len(rig.calls("BootNotification")) == 1
    rig.pass_time(301, step=5)
    assert rig.calls("Heartbeat")


@every_version
def test_quirk_7_a_station_that_hangs_up_on_an_early_call(version: str) -> None:
    rig = rig_with(version, Quirk.HANGS_UP_ON_EARLY_CALLS)
    rig.answers["BootNotification"] = lambda _: boot_answer("Pending")
    rig.connect()
    rig.endpoint.receive('[2,"early","ClearCache",{}]', rig.now)
    assert rig.endpoint.hung_up
    rig.disconnect()
    rig.answers["BootNotification"] = lambda _: boot_answer()
    rig.connect()
    rig.pass_time(301, step=5)
    assert rig.ask("ClearCache", {}) == {"status": "Accepted"}
    assert not rig.endpoint.hung_up


@every_version
def test_quirk_44_every_status_comes_twice(version: str) -> None:
    rig = rig_with(version, Quirk.DOUBLE_STATUS)
    rig.connect()
    assert told(rig) == ["Available", "Available"]


@every_version
def test_quirk_35_an_end_that_comes_twice(version: str) -> None:
    rig = rig_with(version, Quirk.ENDS_TWICE)
    rig.charge()
    rig.present_token()
    if version == "1.6":
        first, second = rig.calls("StopTransaction")
        assert first == second
    else:
        first, second = (each for each in rig.events() if each["eventType"] == "Ended")
        assert second["seqNo"] == first["seqNo"] + 1


@every_version
def test_quirk_25_meter_values_after_the_end(version: str) -> None:
    rig = rig_with(version, Quirk.VALUES_AFTER_END)
    rig.charge()
    rig.present_token()
    last = rig.said[-2 if version == "1.6" else -1]  # 1.6: then the status
    assert last.action == MESSAGES[version]
    if version == "1.6":
        assert last.payload["transactionId"] == 101
    else:
        assert last.payload["eventType"] == "Updated"
    assert last.payload["meterValue"]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_quirk_37_meter_values_beside_the_transaction(version: str) -> None:
    rig = rig_with(version, Quirk.METER_VALUES_APART, meter_interval_s=3)
    rig.charge()
    assert "MeterValuePeriodic" not in {event["triggerReason"] for event in rig.events()}
    assert {payload["evseId"] for payload in rig.calls("MeterValues")} == {1}


def test_quirk_24_a_transaction_that_began_offline_is_minus_one() -> None:
    rig = rig_with("1.6", Quirk.MINUS_ONE_AFTER_OFFLINE_START, meter_interval_s=5)
    rig.connect()
    rig.disconnect()
    rig.plug_in()
    rig.present_token()
    rig.connect()
    rig.pass_time(6)
    rig.present_token()
    assert rig.calls("MeterValues")[-1]["transactionId"] == -1
    assert rig.calls("StopTransaction")[-1]["transactionId"] == -1
    rig.present_token()
    rig.pass_time(6)
    rig.present_token()
    assert rig.calls("StopTransaction")[-1]["transactionId"] == 102, "this one began online"


@every_version
def test_quirk_22_a_register_that_begins_anew(version: str) -> None:
    rig = rig_with(version, Quirk.SESSION_REGISTER, meter_interval_s=3)
    rig.charge()
    assert 0 < float(samples(rig)[0]["value"]) < 100
    if version == "1.6":
        rig.present_token()
        assert rig.calls("StartTransaction")[0]["meterStart"] == 0
        assert rig.calls("StopTransaction")[0]["meterStop"] < 100


@every_version
def test_quirk_21_meter_values_that_say_nothing_but_a_number(version: str) -> None:
    rig = rig_with(version, Quirk.BARE_METER_VALUES, meter_interval_s=3)
    rig.charge()
    (sample,) = samples(rig)
    assert set(sample) == {"value"}
    assert float(sample["value"]) > 11_000


@every_version
def test_quirk_21_meter_values_in_kilo(version: str) -> None:
    rig = rig_with(version, Quirk.KILO_UNITS, meter_interval_s=3)
    rig.charge()
    energy, power, *rest = samples(rig)
    units = [each.get("unit") or each["unitOfMeasure"]["unit"] for each in (energy, power)]
    assert units == ["kWh", "kW"]
    assert float(energy["value"]) == pytest.approx(11.0, abs=0.1)
    assert float(power["value"]) == pytest.approx(11.0, abs=0.2)
    assert len(rest) == 8, "amperes, volts, percent and the offer stay as they are"


@every_version
def test_quirk_29_times_without_a_zone(version: str) -> None:
    rig = rig_with(version, Quirk.LOCAL_TIMES, meter_interval_s=3)
    rig.charge()
    payload = rig.calls(MESSAGES[version])[-1]
    assert payload["meterValue"][0]["timestamp"] == "2026-01-10T12:00:09"


def spoiled(version: str, *quirks: Quirk) -> JsonObject:
    """Return the meter values of a car that charges, whole."""
    rig = rig_with(version, *quirks, meter_interval_s=3)
    rig.charge()
    return [each for each in rig.calls(MESSAGES[version]) if "meterValue" in each][-1]


@every_version
def test_quirk_21_readings_without_time(version: str) -> None:
    (value,) = spoiled(version, Quirk.NO_READING_TIMES)["meterValue"]
    assert set(value) == {"sampledValue"}


@every_version
def test_quirk_21_numbers_as_text(version: str) -> None:
    payload = spoiled(version, Quirk.NUMBERS_AS_TEXT)
    assert isinstance(payload["connectorId" if version == "1.6" else "seqNo"], str)
    values = [each["value"] for each in payload["meterValue"][0]["sampledValue"]]
    assert values
    assert all(isinstance(value, str) for value in values)


@every_version
def test_quirk_21_words_in_lower_case(version: str) -> None:
    rig = rig_with(version, Quirk.LOWER_CASE_WORDS, meter_interval_s=3)
    rig.charge()
    assert told(rig)[0] == "available"
    assert {each["context"] for each in samples(rig)} <= {"transaction.begin", "sample.periodic"}


@every_version
def test_quirk_21_empty_words(version: str) -> None:
    (value,) = spoiled(version, Quirk.EMPTY_WORDS)["meterValue"]
    energy = next(each for each in value["sampledValue"] if each["measurand"] == "")
    assert (energy["phase"], energy["location"]) == ("", "")
    assert {each["phase"] for each in value["sampledValue"]} >= {"", "L1", "L1-N"}


@every_version
def test_quirk_21_a_phase_in_the_measurand(version: str) -> None:
    (value,) = spoiled(version, Quirk.PHASE_IN_MEASURAND)["meterValue"]
    measurands = {each["measurand"] for each in value["sampledValue"]}
    assert measurands >= {"Current.Import.L1", "Voltage.L3-N", "Power.Active.Import"}
    assert not any("phase" in each for each in value["sampledValue"])


@every_version
def test_quirk_27_a_serial_number_that_is_too_long(version: str) -> None:
    rig = rig_with(version, Quirk.LONG_BOOT_FIELDS)
    rig.connect()
    (boot,) = rig.calls("BootNotification")
    station = boot.get("chargingStation", boot)
    serial = station.get("serialNumber") or station["chargePointSerialNumber"]
    assert serial == "SIM001".ljust(40, "0")


@every_version
def test_quirk_28_a_leading_comma(version: str) -> None:
    rig = rig_with(version, Quirk.LEADING_COMMA, meter_interval_s=3)
    with pytest.raises(UnreadableFrameError):  # the bench reads nothing but JSON
        rig.charge()


@every_version
def test_quirk_31_what_is_not_supported_is_not_answered(version: str) -> None:
    rig = rig_with(version, Quirk.UNSUPPORTED_UNANSWERED)
    rig.connect()
    for action in ("MakeCoffee", "GetLog"):
        rig.endpoint.receive(f'[2,"x","{action}",{{}}]', rig.now)
    rig.pump()
    assert not rig._replies
    refused = rig.ask_raw("ChangeAvailability", {})
    assert isinstance(refused, CallError), "a mistake in a CALL that it knows is told"
