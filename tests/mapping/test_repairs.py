"""Frames that break OCPP and can be understood: what is published of them, and the warnings.

Each row is named after the item of charger-quirks that it obeys.
"""

from typing import Any

import orjson
import pytest

from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, Unreadable, parse
from tests.mapping.charger import VERSIONS_2, Charger, Charger2, Charger16

Json = dict[str, Any]


def in_use(charger: Charger) -> Charger:
    """Return a charger that charges, and of which the bridge takes missing times for its own."""
    charger.translator = Translator(charger.translator.version, now=lambda: charger.now)
    return charger


def charging_16() -> Charger16:
    charger = Charger16()
    charger.charge()
    in_use(charger)
    return charger


def charging_2(version: str) -> Charger2:
    charger = Charger2(version)
    charger.charge()
    in_use(charger)
    return charger


def last_event(charger: Charger) -> Json:
    return charger.published("transaction")[-1]


def refusal(charger: Charger, action: str, payload: Json) -> Unreadable:
    reading = charger.translator.read(Call("m", action, payload))
    assert isinstance(reading, Unreadable), reading
    return reading


# --- Samples of OCPP 1.6 --------------------------------------------------------------------

AMPS_16: Json = {
    "value": "16",
    "measurand": "Current.Import",
    "context": "Sample.Periodic",
    "phase": "L1",
    "unit": "A",
}
WATTS_16: Json = AMPS_16 | {"measurand": "Power.Active.Import", "unit": "W", "value": "11000"}
del WATTS_16["phase"]
WATT_HOURS_16 = WATTS_16 | {"measurand": "Energy.Active.Import.Register", "unit": "Wh"}


def less(sample: Json, *names: str) -> Json:
    return {name: value for name, value in sample.items() if name not in names}


@pytest.mark.parametrize(
    ("sent", "published", "warnings"),
    [
        pytest.param(AMPS_16, {"value": 16.0, "unit": "A", "phase": "L1"}, [], id="valid"),
        pytest.param(
            less(WATT_HOURS_16, "measurand"),
            {"measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            ["measurand_missing:sampledValue.measurand"],
            id="21-no-measurand",
        ),
        pytest.param(
            WATT_HOURS_16 | {"measurand": ""},
            {"measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            [
                "empty_dropped:sampledValue.measurand",
                "measurand_missing:sampledValue.measurand",
            ],
            id="21-empty-measurand",
        ),
        pytest.param(
            AMPS_16 | {"measurand": "'Current.Import' "},
            {"measurand": "Current.Import"},
            ["value_spelling:sampledValue.measurand"],
            id="21-quoted-measurand",
        ),
        pytest.param(
            less(AMPS_16, "phase") | {"measurand": "Current.Import.L2"},
            {"measurand": "Current.Import", "phase": "L2"},
            ["phase_in_measurand:sampledValue.measurand"],
            id="21-suffix-notation",
        ),
        pytest.param(
            AMPS_16 | {"measurand": "Voltage.L1-N", "unit": "V", "phase": "L3"},
            {"measurand": "Voltage", "phase": "L3"},
            ["phase_in_measurand:sampledValue.measurand"],
            id="21-suffix-notation-and-a-phase",
        ),
        pytest.param(
            AMPS_16 | {"measurand": "Request.Energy"},
            {"measurand": "Request.Energy", "value": 16.0},
            ["value_unknown:sampledValue.measurand"],
            id="21-illegal-measurand",
        ),
        pytest.param(
            less(AMPS_16, "context"),
            {"context": "Sample.Periodic"},
            ["context_missing:sampledValue.context"],
            id="21-no-context",
        ),
        pytest.param(
            AMPS_16 | {"context": "Sample.Now"},
            {"context": "Sample.Now"},
            ["value_unknown:sampledValue.context"],
            id="21-bad-context",
        ),
        pytest.param(
            less(WATTS_16, "unit"),
            {"unit": "W", "value": 11000.0},
            ["unit_missing:sampledValue.unit"],
            id="21-no-unit",
        ),
        pytest.param(
            WATTS_16 | {"unit": "kW", "value": "11"},
            {"unit": "W", "value": 11000.0},
            ["unit_scaled:sampledValue.unit"],
            id="21-kW",
        ),
        pytest.param(
            WATT_HOURS_16 | {"unit": "KWH", "value": "1.5"},
            {"unit": "Wh", "value": 1500.0},
            ["value_spelling:sampledValue.unit", "unit_scaled:sampledValue.unit"],
            id="21-KWH",
        ),
        pytest.param(
            WATTS_16 | {"unit": "Wh"},
            {"unit": "W", "value": 11000.0},
            ["unit_of_energy:sampledValue.unit"],
            id="21-power-in-Wh",
        ),
        pytest.param(
            less(AMPS_16, "phase") | {"measurand": "Frequency", "unit": "Hz", "value": "50"},
            {"unit": "Hz", "value": 50.0},
            ["value_unknown:sampledValue.unit"],
            id="21-Hz-that-the-schema-does-not-know",
        ),
        pytest.param(
            less(AMPS_16, "phase"),
            {"phase": None},
            ["phase_missing:sampledValue.phase"],
            id="21-current-without-phase",
        ),
        pytest.param(
            AMPS_16 | {"phase": "L2-N"},
            {"phase": "L2"},
            ["phase_to_neutral:sampledValue.phase"],
            id="21-phase-to-neutral-of-a-current",
        ),
        pytest.param(
            AMPS_16 | {"phase": "l1"},
            {"phase": "L1"},
            ["value_spelling:sampledValue.phase"],
            id="21-phase-in-lower-case",
        ),
        pytest.param(
            AMPS_16 | {"phase": None, "location": None},
            {"phase": None, "location": "Outlet"},
            [
                "null_dropped:sampledValue.phase",
                "null_dropped:sampledValue.location",
                "phase_missing:sampledValue.phase",
            ],
            id="21-null-for-nothing",
        ),
        pytest.param(
            AMPS_16 | {"value": 12.5},
            {"value": 12.5},
            ["text_as_number:sampledValue.value"],
            id="21-number-where-1.6-has-text",
        ),
        pytest.param(
            AMPS_16 | {"value": " 12,5 "},
            {"value": 12.5},
            ["number_spelling:sampledValue.value"],
            id="21-spaces-and-comma",
        ),
        pytest.param(
            AMPS_16 | {"value": ""},
            None,
            ["sample_dropped:sampledValue.value"],
            id="21-empty-value",
        ),
        pytest.param(
            less(AMPS_16, "value"), None, ["sample_dropped:sampledValue.value"], id="21-no-value"
        ),
        pytest.param(
            AMPS_16 | {"Value": "1"},
            {"value": 16.0},
            ["property_unknown:meterValue.sampledValue"],
            id="21-unknown-property",
        ),
    ],
)
def test_a_sample_of_1_6(sent: Json, published: Json | None, warnings: list[str]) -> None:
    charger = charging_16()
    charger.measure(WATTS_16, sent)
    event = last_event(charger)
    samples = event["meterValue"][0]["sampledValue"]
    assert event["warnings"] == warnings
    assert charger.document("meter")["warnings"] == warnings
    assert samples[0]["value"] == 11000.0
    if published is None:
        assert len(samples) == 1
    else:
        assert samples[1] | published == samples[1]


# --- Samples of OCPP 2.x --------------------------------------------------------------------

AMPS_2: Json = {
    "value": 16,
    "measurand": "Current.Import",
    "context": "Sample.Periodic",
    "phase": "L1",
    "unitOfMeasure": {"unit": "A"},
}
WATTS_2 = less(AMPS_2, "phase") | {
    "measurand": "Power.Active.Import",
    "unitOfMeasure": {"unit": "W"},
    "value": 11000,
}
WATT_HOURS_2 = WATTS_2 | {
    "measurand": "Energy.Active.Import.Register",
    "unitOfMeasure": {"unit": "Wh"},
}


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(
    ("sent", "published", "warnings"),
    [
        pytest.param(AMPS_2, {"value": 16.0, "unit": "A", "phase": "L1"}, [], id="valid"),
        pytest.param(
            AMPS_2 | {"value": " 16 "},
            {"value": 16.0},
            ["number_as_text:sampledValue.value"],
            id="21-number-as-text",
        ),
        pytest.param(
            AMPS_2 | {"value": "12,3"},
            {"value": 12.3},
            ["number_as_text:sampledValue.value"],
            id="21-number-as-text-with-a-comma",
        ),
        pytest.param(
            AMPS_2 | {"value": ""},
            None,
            ["sample_dropped:sampledValue.value"],
            id="21-empty-value",
        ),
        pytest.param(
            AMPS_2 | {"value": "16 A"},
            None,
            ["sample_dropped:sampledValue.value"],
            id="21-no-number",
        ),
        pytest.param(
            AMPS_2 | {"value": None},
            None,
            ["sample_dropped:sampledValue.value"],
            id="21-null-value",
        ),
        pytest.param(
            WATT_HOURS_2 | {"measurand": ""},
            {"measurand": "Energy.Active.Import.Register"},
            [
                "empty_dropped:sampledValue.measurand",
                "measurand_missing:sampledValue.measurand",
            ],
            id="21-empty-measurand",
        ),
        pytest.param(
            AMPS_2 | {"measurand": '"current.import"'},
            {"measurand": "Current.Import"},
            ["value_spelling:sampledValue.measurand"],
            id="21-quoted-measurand-in-lower-case",
        ),
        pytest.param(
            less(AMPS_2, "phase") | {"measurand": "Current.Import.L3"},
            {"measurand": "Current.Import", "phase": "L3"},
            ["phase_in_measurand:sampledValue.measurand"],
            id="21-suffix-notation",
        ),
        pytest.param(
            AMPS_2 | {"measurand": "Request.Energy"},
            {"measurand": "Request.Energy"},
            ["value_unknown:sampledValue.measurand"],
            id="21-illegal-measurand",
        ),
        pytest.param(
            less(AMPS_2, "context"),
            {"context": "Sample.Periodic"},
            ["context_missing:sampledValue.context"],
            id="21-no-context",
        ),
        pytest.param(
            AMPS_2 | {"context": "Sample.Now"},
            {"context": "Sample.Now"},
            ["value_unknown:sampledValue.context"],
            id="21-bad-context",
        ),
        pytest.param(
            less(WATTS_2, "unitOfMeasure"),
            {"unit": "W", "value": 11000.0},
            ["unit_missing:sampledValue.unitOfMeasure"],
            id="21-no-unit",
        ),
        pytest.param(
            WATTS_2 | {"unitOfMeasure": {"unit": ""}},
            {"unit": "W", "value": 11000.0},
            ["unit_missing:sampledValue.unitOfMeasure"],
            id="21-empty-unit",
        ),
        pytest.param(
            WATTS_2 | {"unitOfMeasure": {"unit": "kW"}, "value": 11},
            {"unit": "W", "value": 11000.0},
            ["unit_scaled:unitOfMeasure.unit"],
            id="21-kW",
        ),
        pytest.param(
            WATTS_2 | {"unitOfMeasure": {"unit": "W", "multiplier": 3}, "value": 11},
            {"unit": "W", "value": 11000.0},
            [],
            id="valid-multiplier",
        ),
        pytest.param(
            WATT_HOURS_2 | {"unitOfMeasure": {"unit": " KWh"}, "value": 1.5},
            {"unit": "Wh", "value": 1500.0},
            ["unit_spelling:unitOfMeasure.unit", "unit_scaled:unitOfMeasure.unit"],
            id="21-KWh",
        ),
        pytest.param(
            WATTS_2 | {"unitOfMeasure": {"unit": "kWh"}, "value": 11},
            {"unit": "W", "value": 11000.0},
            ["unit_scaled:unitOfMeasure.unit", "unit_of_energy:unitOfMeasure.unit"],
            id="21-power-in-kWh",
        ),
        pytest.param(
            less(AMPS_2, "phase") | {"measurand": "Frequency", "unitOfMeasure": {"unit": "MHz"}},
            {"unit": "MHz", "value": 16.0},
            [],
            id="a-unit-that-is-another-one-is-kept",
        ),
        pytest.param(
            less(AMPS_2, "phase"),
            {"phase": None},
            ["phase_missing:sampledValue.phase"],
            id="21-current-without-phase",
        ),
        pytest.param(
            AMPS_2 | {"phase": "L1-N"},
            {"phase": "L1"},
            ["phase_to_neutral:sampledValue.phase"],
            id="21-phase-to-neutral-of-a-current",
        ),
        pytest.param(
            AMPS_2 | {"phase": "N"}, {"phase": "N"}, [], id="21-current-in-N-is-no-phase"
        ),
        pytest.param(
            AMPS_2 | {"phase": "", "location": None},
            {"phase": None, "location": "Outlet"},
            [
                "null_dropped:sampledValue.location",
                "empty_dropped:sampledValue.phase",
                "phase_missing:sampledValue.phase",
            ],
            id="21-empty-and-null-for-nothing",
        ),
    ],
)
def test_a_sample_of_2(
    version: str, sent: Json, published: Json | None, warnings: list[str]
) -> None:
    charger = charging_2(version)
    value = {"timestamp": charger.time, "sampledValue": [WATTS_2, sent]}
    charger.event("Updated", "MeterValuePeriodic", meterValue=[value])
    event = last_event(charger)
    samples = event["meterValue"][0]["sampledValue"]
    assert sorted(event["warnings"]) == sorted(warnings)
    assert charger.document("meter")["warnings"] == event["warnings"]
    assert samples[0]["value"] == 11000.0
    if published is None:
        assert len(samples) == 1
    else:
        assert samples[1] | published == samples[1]


@pytest.mark.parametrize("version", VERSIONS_2)
def test_37_readings_outside_of_a_transaction_event_are_remarked_in_the_meter_document(
    version: str,
) -> None:
    charger = charging_2(version)
    values = [{"timestamp": charger.time, "sampledValue": [AMPS_2 | {"value": "9"}]}]
    charger.send("MeterValues", {"evseId": "1", "meterValue": values})
    meter = charger.document("meter")
    assert meter["currentA"] == [9.0, None, None]
    assert sorted(meter["warnings"]) == [
        "number_as_text:evseId",
        "number_as_text:sampledValue.value",
    ]
    values[0]["sampledValue"] = [AMPS_2]
    charger.send("MeterValues", {"evseId": 1, "meterValue": values})
    assert charger.document("meter")["warnings"] == []


# --- Other properties of a TransactionEvent ---------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(
    ("changes", "published", "warnings"),
    [
        pytest.param(
            {"seqNo": "7"}, {"seqNo": 7}, ["number_as_text:seqNo"], id="21-seqNo-as-text"
        ),
        pytest.param(
            {"eventType": "updated", "triggerReason": "METER_VALUE_PERIODIC"},
            {"eventType": "Updated", "triggerReason": "MeterValuePeriodic"},
            ["value_spelling:eventType", "value_spelling:triggerReason"],
            id="mapping-5-casing",
        ),
        pytest.param(
            {"triggerReason": "DeAuthorized"},
            {"triggerReason": "Deauthorized"},
            ["value_spelling:triggerReason"],
            id="mapping-5-casing-trap",
        ),
        pytest.param(
            {"offline": "true"},
            {"offline": True},
            ["boolean_as_text:offline"],
            id="boolean-as-text",
        ),
        pytest.param(
            {"offline": None, "evse": None, "idToken": None, "reservationId": None},
            {"offline": False, "evse": 1, "idToken": None},
            [
                "null_dropped:evse",
                "null_dropped:idToken",
                "null_dropped:offline",
                "null_dropped:reservationId",
            ],
            id="32-null-for-nothing",
        ),
        pytest.param(
            {"meterValue": {"timestamp": "2026-11-21T08:00:00Z", "sampledValue": [AMPS_2]}},
            {"seqNo": 1},
            ["single_for_list:meterValue"],
            id="one-meter-value-and-no-list",
        ),
        pytest.param(
            {"cableMaxCurrent": 31.6},
            {},
            ["number_rounded:cableMaxCurrent"],
            id="a-measured-number",
        ),
        pytest.param(
            {"timestamp": "2026-11-21T09:00:00"},
            {"ts": "2026-11-21T09:00:00.000Z"},
            ["time_zone_missing:timestamp"],
            id="29-local-time",
        ),
        pytest.param(
            {"timestamp": "2026-11-21 12:00:00+03"},
            {"ts": "2026-11-21T09:00:00.000Z"},
            ["time_format:timestamp"],
            id="29-short-offset",
        ),
        pytest.param(
            {"timestamp": "2026-11-21T09:00:00.123456789Z"},
            {"ts": "2026-11-21T09:00:00.123Z"},
            [],
            id="29-nanoseconds-are-valid",
        ),
        pytest.param(
            {"unheardOf": 1}, {"seqNo": 1}, ["property_unknown"], id="an-unknown-property"
        ),
        pytest.param(
            {"meterValue": []}, {"meterValue": []}, ["list_size:meterValue"], id="an-empty-list"
        ),
    ],
)
def test_a_transaction_event(
    version: str, changes: Json, published: Json, warnings: list[str]
) -> None:
    charger = charging_2(version)
    charger.event("Updated", "ChargingStateChanged", **changes)
    event = last_event(charger)
    assert sorted(event["warnings"]) == sorted(warnings)
    assert event | published == event


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(
    ("sent", "published", "warnings"),
    [
        pytest.param(
            {"timeSpentCharging": "60"},
            {"timeSpentChargingSeconds": 60},
            ["number_as_text:transactionInfo.timeSpentCharging"],
            id="number-as-text",
        ),
        pytest.param(
            {"chargingState": "suspended_ev"},
            {"chargingState": "SuspendedEV"},
            ["value_spelling:transactionInfo.chargingState"],
            id="casing",
        ),
        pytest.param(
            {"stoppedReason": "socLimitReached"},
            {"stoppedReason": "SOCLimitReached"},
            ["value_spelling:transactionInfo.stoppedReason"],
            id="mapping-5-casing-trap",
        ),
        pytest.param(
            {"stoppedReason": ""},
            {"stoppedReason": None},
            ["empty_dropped:transactionInfo.stoppedReason"],
            id="empty",
        ),
        pytest.param(
            {"chargingState": "Paused"},
            {"chargingState": "Charging"},
            ["value_unknown:transactionInfo.chargingState"],
            id="an-unknown-state-changes-nothing",
        ),
    ],
)
def test_the_transaction_of_an_event(
    version: str, sent: Json, published: Json, warnings: list[str]
) -> None:
    charger = charging_2(version)
    charger.event("Updated", "ChargingStateChanged", sent)
    event = last_event(charger)
    assert event["warnings"] == warnings
    assert event["transaction"] | published == event["transaction"]


@pytest.mark.parametrize("version", VERSIONS_2)
def test_24_an_id_that_is_a_number_is_the_same_id_as_text(version: str) -> None:
    charger = charging_2(version)
    charger.event("Ended", "StopAuthorized", {"transactionId": 7})
    event = last_event(charger)
    assert event["transaction"]["transactionId"] == "7"
    assert "text_as_number:transactionInfo.transactionId" in event["warnings"]


# --- Times that are missing -------------------------------------------------------------------


def without(payload: Json, name: str) -> Json:
    return {key: value for key, value in payload.items() if key != name}


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize("at", ["missing", None, ""])
def test_29_an_event_without_time_happened_when_it_came(version: str, at: str | None) -> None:
    charger = charging_2(version)
    event = {
        "eventType": "Updated",
        "triggerReason": "Trigger",
        "seqNo": 1,
        "timestamp": at,
        "transactionInfo": {"transactionId": "T1"},
    }
    arrival = charger.time
    charger.send("TransactionEvent", without(event, "timestamp") if at == "missing" else event)
    assert last_event(charger)["ts"] == arrival
    assert last_event(charger)["warnings"] == ["timestamp_missing:timestamp"]


@pytest.mark.parametrize("version", VERSIONS_2)
def test_21_readings_without_time_have_that_of_their_event(version: str) -> None:
    charger = charging_2(version)
    charger.event(
        "Updated",
        "MeterValuePeriodic",
        timestamp="2026-11-21T10:00:00+02",
        meterValue=[{"sampledValue": [AMPS_2]}],
    )
    event = last_event(charger)
    assert event["ts"] == event["meterValue"][0]["timestamp"] == "2026-11-21T08:00:00.000Z"
    assert sorted(event["warnings"]) == [
        "time_format:timestamp",
        "timestamp_missing:meterValue.timestamp",
    ]


def test_21_readings_of_1_6_without_time_were_taken_when_they_came() -> None:
    charger = charging_16()
    arrival = charger.time
    value = {"sampledValue": [AMPS_16]}
    payload = {"connectorId": 1, "transactionId": charger.transaction_id, "meterValue": [value]}
    charger.send("MeterValues", payload)
    event = last_event(charger)
    assert event["ts"] == event["meterValue"][0]["timestamp"] == arrival
    assert event["warnings"] == ["timestamp_missing:meterValue.timestamp"]


def test_a_time_that_cannot_be_read_is_refused_by_its_name() -> None:
    refused = refusal(
        charging_16(),
        "StartTransaction",
        {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "yesterday"},
    )
    assert refused.description == "/timestamp: not a date and a time"


# --- The other requests of OCPP 1.6 -----------------------------------------------------------


def test_26_29_a_start_of_1_6_with_numbers_as_text_and_local_time() -> None:
    charger = Charger16()
    in_use(charger)
    charger.start(
        connectorId="1", idTag=1234, meterStart="1200.6", timestamp="2026-11-21T08:00:00"
    )
    event = last_event(charger)
    assert event["ts"] == "2026-11-21T08:00:00.000Z"
    assert event["idToken"]["value"] == "1234"
    assert event["meter"]["energyWh"] == 1200.0
    assert sorted(event["warnings"]) == [
        "number_as_text:connectorId",
        "number_as_text:meterStart",
        "text_as_number:idTag",
        "time_zone_missing:timestamp",
    ]


def test_21_a_register_with_a_fraction_is_rounded() -> None:
    charger = charging_16()
    charger.stop(meter_wh=3500.7)  # type: ignore[arg-type]
    event = last_event(charger)
    assert event["meter"]["energyWh"] == 3501.0
    assert event["warnings"] == ["number_rounded:meterStop"]


def test_24_a_stop_of_1_6_with_its_id_as_text_ends_that_transaction() -> None:
    charger = charging_16()
    charger.stop(transactionId=str(charger.transaction_id), reason="EVDISCONNECTED", idTag="")
    event = last_event(charger)
    assert event["eventType"] == "Ended"
    assert event["transaction"]["stoppedReason"] == "EVDisconnected"
    assert sorted(event["warnings"]) == ["number_as_text:transactionId", "value_spelling:reason"]
    assert charger.transaction["active"] is False


@pytest.mark.parametrize(
    ("sent", "status", "warnings"),
    [
        pytest.param({"status": "faulted"}, "Faulted", ["value_spelling:status"], id="30-casing"),
        pytest.param(
            {"status": "Suspended EV"}, "Occupied", ["value_spelling:status"], id="30-spelling"
        ),
        pytest.param({"errorCode": ""}, "Reserved", ["default_assumed:errorCode"], id="44-empty"),
        pytest.param({"errorCode": "X1"}, "Reserved", ["value_unknown:errorCode"], id="27-vendor"),
        pytest.param({"info": "i" * 60}, "Reserved", ["too_long:info"], id="27-long-info"),
        pytest.param(
            {"timestamp": ""}, "Reserved", ["empty_dropped:timestamp"], id="29-empty-time"
        ),
        pytest.param(
            {"timestamp": "today"},
            "Reserved",
            ["time_unreadable:timestamp"],
            id="29-no-time-at-all",
        ),
        pytest.param(
            {"timestamp": "2026-11-21T08:00:00", "connectorId": "1"},
            "Reserved",
            ["number_as_text:connectorId", "time_zone_missing:timestamp"],
            id="29-local-time",
        ),
    ],
)
def test_a_status_of_1_6(sent: Json, status: str, warnings: list[str]) -> None:
    charger = Charger16()
    charger.status("Available")
    payload = {"connectorId": 1, "status": "Reserved", "errorCode": "NoError"}
    charger.send("StatusNotification", payload | sent)
    event = charger.published("status")[-1]
    assert event["connectorStatus"] == status
    assert sorted(event["warnings"]) == warnings


def test_44_a_status_without_error_code_has_no_error() -> None:
    charger = Charger16()
    charger.send("StatusNotification", {"connectorId": 1, "status": "Available"})
    event = charger.published("status")[-1]
    assert event["errorCode"] is None
    assert event["warnings"] == ["default_assumed:errorCode"]


def test_a_status_that_nobody_knows_is_refused_by_its_name() -> None:
    payload = {"connectorId": 1, "status": "Sleeping", "errorCode": "NoError"}
    assert refusal(Charger16(), "StatusNotification", payload).description == (
        "/status: unknown value"
    )


@pytest.mark.parametrize(
    ("sent", "boot"),
    [
        pytest.param(
            {
                "chargePointVendor": "V" * 30,
                "chargePointModel": "M",
                "chargePointSerialNumber": "S" * 33,
                "iccid": "",
            },
            {
                "vendorName": "V" * 30,
                "model": "M",
                "serialNumber": "S" * 33,
                "warnings": ["too_long:chargePointVendor", "too_long:chargePointSerialNumber"],
            },
            id="27-over-long",
        ),
        pytest.param(
            {"chargePointVendor": "", "chargePointModel": "M"},
            {"vendorName": "", "model": "M", "warnings": ["empty_text:chargePointVendor"]},
            id="27-empty-vendor",
        ),
        pytest.param(
            {"chargePointModel": "M", "firmwareVersion": None, "meterType": 7},
            {
                "vendorName": "",
                "firmwareVersion": None,
                "warnings": [
                    "default_assumed:chargePointVendor",
                    "empty_text:chargePointVendor",
                    "null_dropped:firmwareVersion",
                    "text_as_number:meterType",
                ],
            },
            id="27-no-vendor",
        ),
    ],
)
def test_a_boot_of_1_6(sent: Json, boot: Json) -> None:
    charger = Charger16()
    charger.send("BootNotification", sent)
    told = charger.documents.station_info(charger.station, charger.now)["boot"]
    assert told is not None
    found = dict(told) | {"warnings": sorted(told["warnings"])}
    assert found | boot | {"warnings": sorted(boot["warnings"])} == found


@pytest.mark.parametrize("version", VERSIONS_2)
def test_27_44_a_boot_of_2(version: str) -> None:
    charger = Charger2(version)
    station = {"model": "M", "vendorName": "", "serialNumber": "S" * 40, "firmwareVersion": ""}
    charger.send("BootNotification", {"chargingStation": station, "reason": "power up"})
    told = charger.documents.station_info(charger.station, charger.now)["boot"]
    assert told == {
        "vendorName": "",
        "model": "M",
        "serialNumber": "S" * 40,
        "firmwareVersion": None,
        "reason": "PowerUp",
        "warnings": [
            "value_spelling:reason",
            "too_long:chargingStation.serialNumber",
            "empty_text:chargingStation.vendorName",
            "empty_text:chargingStation.firmwareVersion",
        ],
    }


@pytest.mark.parametrize("version", VERSIONS_2)
def test_21_an_item_that_is_nothing_is_no_reading(version: str) -> None:
    charger = charging_2(version)
    samples = [None, AMPS_2, {"value": None, "context": "Nonsense"}]
    value = {"timestamp": charger.time, "sampledValue": samples}
    charger.event("Updated", "MeterValuePeriodic", meterValue=[value, None])
    event = last_event(charger)
    ((sample,),) = [each["sampledValue"] for each in event["meterValue"]]
    assert sample["value"] == 16.0
    assert sorted(event["warnings"]) == [
        "null_dropped:meterValue",
        "null_dropped:meterValue.sampledValue",
        "sample_dropped:sampledValue.value",
    ]


@pytest.mark.parametrize("said", [None, ""])
def test_a_limit_of_somebody_else_that_says_nothing_is_not_taken_for_none(said: Any) -> None:
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": said}],
    }
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, "chargingSchedule": [schedule]}
    for version in VERSIONS_2:
        refused = refusal(charging_2(version), "NotifyChargingLimit", limit)
        assert refused.description == ("/chargingSchedule/0/chargingSchedulePeriod/0/limit: type")


# --- Invalid JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS_2)
def test_28_a_leading_comma_is_passed_over(version: str) -> None:
    charger = charging_2(version)
    payload = {
        "eventType": "Updated",
        "timestamp": charger.time,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "T1"},
        "meterValue": [{"timestamp": charger.time, "sampledValue": [AMPS_2]}],
    }
    text = orjson.dumps([2, "m", "TransactionEvent", payload])
    call = parse(text.replace(b'"sampledValue":[{', b'"sampledValue":[ ,{'))
    assert isinstance(call, Call)
    reading = charger.translator.read(call)
    assert isinstance(reading, Reading)
    charger.tell(reading.message)
    event = last_event(charger)
    assert event["meterValue"][0]["sampledValue"][0]["value"] == 16.0
    assert event["warnings"] == ["stray_comma"]


# --- What is not mended -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"connectorId": "one"}, "/connectorId: type"),
        ({"connectorId": None}, "/connectorId: type"),
        ({"connectorId": 1.5}, "/connectorId: type"),
        ({"meterValue": None}, "/meterValue: type"),
        ({"meterValue": "12"}, "/meterValue: type"),
        (
            {"meterValue": [{"sampledValue": [AMPS_16]}]},
            '/meterValue/0: "timestamp" is a required',
        ),
        ({"meterValue": [{"timestamp": "x", "sampledValue": []}]}, "/meterValue/0/timestamp: "),
    ],
)
def test_what_may_mean_anything_is_refused_by_its_name(sent: Json, reason: str) -> None:
    value = {"timestamp": "2026-11-21T08:00:00Z", "sampledValue": [AMPS_16]}
    refused = refusal(Charger16(), "MeterValues", {"connectorId": 1, "meterValue": [value]} | sent)
    assert refused.description.startswith(reason)


@pytest.mark.parametrize("version", VERSIONS_2)
def test_a_missing_transaction_id_is_not_guessed(version: str) -> None:
    charger = charging_2(version)
    event = {
        "eventType": "Updated",
        "timestamp": charger.time,
        "triggerReason": "Trigger",
        "seqNo": 1,
        "transactionInfo": {},
    }
    assert refusal(charger, "TransactionEvent", event).description == (
        '/transactionInfo: "transactionId" is a required property'
    )


def test_where_the_bridge_is_strict_nothing_is_mended() -> None:
    charger = charging_16()
    charger.translator = Translator(charger.translator.version, strict=True)
    payload = {"connectorId": "1", "status": "Available", "errorCode": "NoError"}
    assert refusal(charger, "StatusNotification", payload).description == "/connectorId: type"
