"""Payloads of OCPP 1.6 charge points in the words of the domain."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain import events
from bridge.domain.enums import ChargePointStatus, ConnectorStatus
from bridge.domain.events import IdToken, SampledValue
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, Unreadable
from bridge.ocpp.v16.version import V16

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TIME = "2026-11-21T08:00:00Z"
TRANSLATOR = Translator(V16)
TAG = IdToken(value="TAG1", type="Central")
START = {"connectorId": 2, "idTag": "TAG1", "meterStart": 1200, "timestamp": TIME}
STOP = {"transactionId": 7, "meterStop": 3400, "timestamp": TIME}


def read(action: str, payload: dict[str, Any]) -> Any:
    reading = TRANSLATOR.read(Call("a", action, payload))
    assert isinstance(reading, Reading), reading
    return reading.message


def samples(*sampled_values: dict[str, Any]) -> tuple[SampledValue, ...]:
    message = read(
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [{"timestamp": TIME, "sampledValue": list(sampled_values)}],
        },
    )
    return tuple(message.meter_values[0].sampled_values)


def test_boot_notification() -> None:
    payload = {
        "chargePointVendor": "V",
        "chargePointModel": "M",
        "chargeBoxSerialNumber": "S",
        "firmwareVersion": "",
    }
    assert read("BootNotification", payload) == events.BootNotification(
        vendor_name="V",
        model="M",
        reason="Unknown",
        serial_number="S",
        warnings=("empty_text:firmwareVersion",),
    )


def test_start_transaction() -> None:
    assert read("StartTransaction", START) == events.StartTransaction(
        evse_id=2, id_token=TAG, meter_start_wh=1200.0, timestamp=AT
    )


@pytest.mark.parametrize(
    ("status", "connector"),
    [
        (ChargePointStatus.AVAILABLE, ConnectorStatus.AVAILABLE),
        (ChargePointStatus.PREPARING, ConnectorStatus.OCCUPIED),
        (ChargePointStatus.CHARGING, ConnectorStatus.OCCUPIED),
        (ChargePointStatus.SUSPENDED_EVSE, ConnectorStatus.OCCUPIED),
        (ChargePointStatus.SUSPENDED_EV, ConnectorStatus.OCCUPIED),
        (ChargePointStatus.FINISHING, ConnectorStatus.OCCUPIED),
        (ChargePointStatus.RESERVED, ConnectorStatus.RESERVED),
        (ChargePointStatus.UNAVAILABLE, ConnectorStatus.UNAVAILABLE),
        (ChargePointStatus.FAULTED, ConnectorStatus.FAULTED),
    ],
)
def test_each_status_is_one_of_2x_and_keeps_its_own_word(
    status: ChargePointStatus, connector: ConnectorStatus
) -> None:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": status.value}
    message = read("StatusNotification", payload)
    assert (message.status, message.point_status) == (connector, status)
    assert (message.timestamp, message.error_code) == (None, None)


def test_an_error_code_is_kept() -> None:
    payload = {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"}
    assert read("StatusNotification", payload).error_code == "GroundFailure"


def test_a_status_that_nobody_knows_is_refused() -> None:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Dreaming"}
    refused = TRANSLATOR.read(Call("a", "StatusNotification", payload))
    assert isinstance(refused, Unreadable)
    assert refused.description == "/status: unknown value"


def test_what_a_sample_leaves_out_has_the_defaults_of_the_text() -> None:
    assert samples({"value": " 12.5 "}) == (
        SampledValue("Energy.Active.Import.Register", 12.5, "Wh"),
    )


@pytest.mark.parametrize(
    ("sent", "value", "unit", "phase"),
    [
        ({"value": "0.15008", "unit": "kWh"}, 150.08, "Wh", None),
        ({"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}, 7200, "W", None),
        ({"value": "7200", "measurand": "Power.Active.Import", "unit": "Wh"}, 7200, "W", None),
        ({"value": "16", "measurand": "Current.Import.L2"}, 16, "A", "L2"),
        ({"value": "231,5", "measurand": "Voltage", "phase": "L1-N"}, 231.5, "V", "L1-N"),
        ({"value": "21", "measurand": "Temperature", "unit": "Celcius"}, 21, "Celsius", None),
        ({"value": "55", "measurand": "SoC", "unit": "Percent"}, 55, "%", None),
        ({"value": "50", "measurand": "Frequency", "unit": "Hz"}, 50, "Hz", None),
    ],
)
def test_readings_are_normalised(
    sent: dict[str, Any], value: float, unit: str, phase: str | None
) -> None:
    (sample,) = samples(sent)
    assert (sample.value, sample.unit, sample.phase) == (value, unit, phase)


def test_what_is_no_number_is_no_reading_and_the_others_still_are() -> None:
    read_ = samples(
        {"value": ""},
        {"value": '{"signedMeterData":"T0NNRg=="}', "format": "SignedData"},
        {"value": "nan"},
        {"value": "5"},
    )
    assert [sample.value for sample in read_] == [5.0]


@pytest.mark.parametrize("number", [-1, 0, 2**63 - 1, -(2**63)])
def test_item_24_any_number_is_the_id_of_a_transaction(number: int) -> None:
    stop = read("StopTransaction", STOP | {"transactionId": number})
    values = read("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": []})

    assert stop.transaction_id == values.transaction_id == str(number)


def test_readings_of_a_transaction_name_it() -> None:
    payload = {"connectorId": 1, "transactionId": -1, "meterValue": []}
    assert read("MeterValues", payload).transaction_id == "-1"


def test_a_security_event_of_the_station() -> None:
    payload = {"type": "TamperDetectionActivated", "timestamp": TIME}
    assert read("SecurityEventNotification", payload) == events.SecurityEventNotification(
        type="TamperDetectionActivated", timestamp=AT
    )
    told = read("SecurityEventNotification", payload | {"techInfo": "door"})
    assert told.tech_info == "door"
