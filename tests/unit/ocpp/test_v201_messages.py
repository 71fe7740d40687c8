"""Payloads of OCPP 2.0.1 stations in the words of the domain."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain import events
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    EventType,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import IdToken, MeterValue, SampledValue
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, Unreadable
from bridge.ocpp.v201.version import V201

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TIME = "2026-11-21T08:00:00Z"
TRANSLATOR = Translator(V201)
BARE = (
    "measurand_missing:sampledValue.measurand",
    "context_missing:sampledValue.context",
    "unit_missing:sampledValue.unitOfMeasure",
)
"""Of a sample that is nothing but a number."""
EVENT: dict[str, Any] = {
    "eventType": "Started",
    "timestamp": TIME,
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T1"},
}


def read(action: str, payload: dict[str, Any]) -> Any:
    reading = TRANSLATOR.read(Call("a", action, payload))
    assert isinstance(reading, Reading), reading
    return reading.message


def event(info: dict[str, Any] | None = None, **changes: Any) -> Any:
    transaction = {"transactionId": "T1", **(info or {})}
    return read("TransactionEvent", EVENT | {"transactionInfo": transaction} | changes)


def sample(**sampled_value: Any) -> SampledValue:
    message = event(meterValue=[{"timestamp": TIME, "sampledValue": [sampled_value]}])
    (meter_value,) = message.meter_values
    (value,) = meter_value.sampled_values
    assert isinstance(value, SampledValue)
    return value


def test_boot_notification() -> None:
    station = {"model": "M", "vendorName": "V", "serialNumber": "S", "firmwareVersion": "F"}
    assert read(
        "BootNotification", {"reason": "PowerUp", "chargingStation": station}
    ) == events.BootNotification(
        vendor_name="V", model="M", reason="PowerUp", serial_number="S", firmware_version="F"
    )


def test_over_long_and_empty_boot_fields_are_kept() -> None:
    station = {"model": "M", "vendorName": "", "serialNumber": "S" * 40}
    boot = read("BootNotification", {"reason": "Unheard", "chargingStation": station})
    assert (boot.vendor_name, boot.serial_number, boot.reason) == ("", "S" * 40, "Unheard")


def test_status_notification() -> None:
    payload = {"timestamp": TIME, "connectorStatus": "available", "evseId": 0, "connectorId": 0}
    assert read("StatusNotification", payload) == events.StatusNotification(
        timestamp=AT,
        evse_id=0,
        connector_id=0,
        status=ConnectorStatus.AVAILABLE,
        warnings=("value_spelling:connectorStatus",),
    )


def test_heartbeat_and_authorize() -> None:
    assert read("Heartbeat", {}) == events.Heartbeat()
    token = {"idToken": "TAG1", "type": "ISO14443", "additionalInfo": []}
    assert read("Authorize", {"idToken": token}) == events.Authorize(
        id_token=IdToken(value="TAG1", type="ISO14443")
    )


def test_meter_values() -> None:
    payload = {
        "evseId": 1,
        "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": 1}]}] * 2,
    }
    value = SampledValue(measurand="Energy.Active.Import.Register", value=1.0, unit="Wh")
    reading = MeterValue(timestamp=AT, sampled_values=(value,))
    assert read("MeterValues", payload) == events.MeterValues(
        evse_id=1, meter_values=(reading, reading), warnings=BARE
    )


def test_the_state_of_connectors_also_comes_as_a_notify_event() -> None:
    def changed(variable: str, value: str) -> dict[str, Any]:
        return {
            "eventId": 1,
            "timestamp": TIME,
            "trigger": "Delta",
            "actualValue": value,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
            "variable": {"name": variable},
        }

    items = [changed("Temperature", "21"), changed("AvailabilityState", "Occupied")]
    payload = {"generatedAt": TIME, "seqNo": 0, "eventData": items}
    status = events.StatusNotification(
        timestamp=AT, evse_id=1, connector_id=1, status=ConnectorStatus.OCCUPIED
    )
    assert read("NotifyEvent", payload) == events.NotifyEvent(statuses=(status,))
    payload["eventData"] = items[:1]
    assert read("NotifyEvent", payload) == events.Notice(action="NotifyEvent")


class TestTransactionEvent:
    def test_the_least(self) -> None:
        assert event() == events.TransactionEvent(
            event_type=EventType.STARTED,
            timestamp=AT,
            trigger_reason=TriggerReason.CABLE_PLUGGED_IN,
            seq_no=0,
            transaction_id="T1",
        )

    def test_the_most(self) -> None:
        message = event(
            {
                "chargingState": "SuspendedEV",
                "timeSpentCharging": 60,
                "stoppedReason": "EVDisconnected",
                "remoteStartId": 5,
            },
            eventType="Ended",
            triggerReason="EVDeparted",
            seqNo=9,
            offline=True,
            idToken={"idToken": "TAG1", "type": "ISO14443"},
            evse={"id": 1, "connectorId": 2},
            numberOfPhasesUsed=3,
            cableMaxCurrent=20,
            reservationId=4,
            meterValue=[{"timestamp": TIME, "sampledValue": [{"value": 1}]}],
        )
        value = SampledValue(measurand="Energy.Active.Import.Register", value=1.0, unit="Wh")
        assert message == events.TransactionEvent(
            event_type=EventType.ENDED,
            timestamp=AT,
            trigger_reason=TriggerReason.EV_DEPARTED,
            seq_no=9,
            transaction_id="T1",
            offline=True,
            charging_state=ChargingState.SUSPENDED_EV,
            time_spent_charging_seconds=60,
            stopped_reason=StoppedReason.EV_DISCONNECTED,
            remote_start_id=5,
            id_token=IdToken(value="TAG1", type="ISO14443"),
            evse_id=1,
            connector_id=2,
            number_of_phases_used=3,
            cable_max_current_a=20,
            reservation_id=4,
            meter_values=(MeterValue(timestamp=AT, sampled_values=(value,)),),
            warnings=BARE,
        )

    def test_an_evse_without_a_connector(self) -> None:
        message = event(evse={"id": 1})
        assert (message.evse_id, message.connector_id) == (1, None)

    @pytest.mark.parametrize("trigger", list(TriggerReason))
    def test_all_triggers_also_of_2_1(self, trigger: TriggerReason) -> None:
        assert event(triggerReason=trigger.value).trigger_reason is trigger

    @pytest.mark.parametrize(
        ("sent", "read_as"),
        [
            *[(reason.value, reason) for reason in StoppedReason],
            ("deauthorized", StoppedReason.DE_AUTHORIZED),
            ("ReqEnergyTransferRejected", StoppedReason.OTHER),
        ],
    )
    def test_stop_reasons(self, sent: str, read_as: StoppedReason) -> None:
        assert event({"stoppedReason": sent}).stopped_reason is read_as

    def test_casing_is_no_reason_to_lose_an_event(self) -> None:
        message = event({"chargingState": "suspendedevse"}, eventType="UPDATED")
        assert message.event_type is EventType.UPDATED
        assert message.charging_state is ChargingState.SUSPENDED_EVSE

    def test_an_unknown_charging_state_is_as_good_as_none(self) -> None:
        assert event({"chargingState": "Dreaming"}).charging_state is None

    def test_whole_numbers_may_come_as_floats(self) -> None:
        assert event(seqNo=3.0).seq_no == 3
        assert type(event(seqNo=3.0).seq_no) is int


class TestSampledValue:
    def test_defaults(self) -> None:
        assert sample(value=7) == SampledValue(
            measurand="Energy.Active.Import.Register",
            value=7.0,
            unit="Wh",
            phase=None,
            context="Sample.Periodic",
            location="Outlet",
        )

    def test_everything_given(self) -> None:
        signed = {
            "signedMeterData": "T0NNRg==",
            "signingMethod": "",
            "encodingMethod": "OCMF",
            "publicKey": "",
        }
        assert sample(
            value=16.1,
            measurand="Current.Import",
            phase="L1",
            context="Transaction.Begin",
            location="Inlet",
            unitOfMeasure={"unit": "A"},
            signedMeterValue=signed,
        ) == SampledValue(
            measurand="Current.Import",
            value=16.1,
            unit="A",
            phase="L1",
            context="Transaction.Begin",
            location="Inlet",
            signed=signed,
        )

    @pytest.mark.parametrize(
        ("measurand", "value", "unit_of_measure", "expected"),
        [
            ("Energy.Active.Import.Register", 1.5, {"unit": "kWh"}, (1500.0, "Wh")),
            ("Energy.Active.Import.Register", 150.07, {"unit": "kWh"}, (150_070.0, "Wh")),
            ("Energy.Active.Import.Register", 15, {"multiplier": 2}, (1500.0, "Wh")),
            ("Energy.Active.Import.Register", 15, {}, (15.0, "Wh")),
            ("Power.Active.Import", 11, {"unit": "kW"}, (11_000.0, "W")),
            ("Power.Active.Import", 11, None, (11.0, "W")),
            ("Power.Active.Import", 11, {"unit": "W", "multiplier": 3}, (11_000.0, "W")),
            ("Power.Active.Import", 11_000, {"unit": "Wh"}, (11_000.0, "W")),
            ("Power.Reactive.Import", 1, {"unit": "kvarh"}, (1000.0, "var")),
            ("Current.Import", 161, {"unit": "A", "multiplier": -1}, (16.1, "A")),
            ("Voltage", 230, None, (230.0, "V")),
            ("Frequency", 50, {"unit": "Hz"}, (50.0, "Hz")),
            ("SoC", 80, {"unit": "Percent"}, (80.0, "%")),
            ("SoC", 80, None, (80.0, "%")),
            ("Power.Factor", 0.97, None, (0.97, None)),
            ("Temperature", 21, {"unit": "Celsius"}, (21.0, "Celsius")),
            ("Request.Energy", 1, {"unit": "kWh"}, (1000.0, "Wh")),
            ("Request.Energy", 1, None, (1.0, None)),
        ],
    )
    def test_units(
        self,
        measurand: str,
        value: float,
        unit_of_measure: Any,
        expected: tuple[float, str | None],
    ) -> None:
        unit = {} if unit_of_measure is None else {"unitOfMeasure": unit_of_measure}
        read_value = sample(value=value, measurand=measurand, **unit)
        assert (read_value.value, read_value.unit) == expected
        assert read_value.measurand == measurand


@pytest.mark.parametrize(
    ("payload", "description"),
    [
        ({"timestamp": "later"}, "/timestamp: not a date and a time"),
        ({"eventType": "Exploded"}, "/eventType: unknown value"),
        ({"triggerReason": "Because"}, "/triggerReason: unknown value"),
        ({"seqNo": -(2**60)}, "/seqNo: out of range"),
        ({"evse": {"id": 2**60}}, "/evse/id: out of range"),
        (
            {
                "meterValue": [
                    {"timestamp": TIME, "sampledValue": []},
                    {"timestamp": "x", "sampledValue": []},
                ]
            },
            "/meterValue/1/timestamp: not a date and a time",
        ),
        (
            {
                "meterValue": [
                    {
                        "timestamp": TIME,
                        "sampledValue": [{"value": 1, "unitOfMeasure": {"multiplier": 25}}],
                    }
                ]
            },
            "/meterValue/0/sampledValue: multiplier out of range",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(payload: Any, description: str) -> None:
    refused = TRANSLATOR.read(Call("a", "TransactionEvent", EVENT | payload))
    assert isinstance(refused, Unreadable)
    assert (refused.code, refused.description) == ("PropertyConstraintViolation", description)


def test_a_security_event_of_the_station() -> None:
    payload = {"type": "TamperDetectionActivated", "timestamp": TIME}
    assert read("SecurityEventNotification", payload) == events.SecurityEventNotification(
        type="TamperDetectionActivated", timestamp=AT
    )
    told = read("SecurityEventNotification", payload | {"techInfo": "door"})
    assert told.tech_info == "door"
