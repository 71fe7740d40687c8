"""The OCPP 2.0.1 frames of the measurements: one typical TransactionEvent, about 1.2 kB.

The Updated event is rendered from a prebuilt text in which only the message id, seqNo, timestamp
and energy register change, so that the load generator costs little beside the bridge.
"""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

MESSAGE_TYPE_CALL: Final = 2
MESSAGE_TYPE_RESULT: Final = 3
MESSAGE_TYPE_ERROR: Final = 4

_PHASES: Final = ("L1", "L2", "L3")


def timestamp() -> str:
    """Return the wall clock as OCPP writes it: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def call(message_id: str, action: str, payload: dict[str, Any]) -> bytes:
    """Encode an OCPP-J CALL."""
    return orjson.dumps([MESSAGE_TYPE_CALL, message_id, action, payload])


def boot_notification() -> dict[str, Any]:
    """Return a BootNotificationRequest."""
    return {
        "reason": "PowerUp",
        "chargingStation": {
            "model": "Bench 22",
            "vendorName": "Loopback",
            "serialNumber": "LB-0001",
            "firmwareVersion": "1.0.0",
        },
    }


def status_notification(status: str) -> dict[str, Any]:
    """Return a StatusNotificationRequest for EVSE 1, connector 1."""
    return {
        "timestamp": timestamp(),
        "connectorStatus": status,
        "evseId": 1,
        "connectorId": 1,
    }


def _sampled(measurand: str, value: float, unit: str, phase: str | None = None) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "value": value,
        "context": "Sample.Periodic",
        "measurand": measurand,
        "unitOfMeasure": {"unit": unit},
    }
    return sample if phase is None else sample | {"phase": phase}


def sampled_values(energy_wh: int) -> list[dict[str, Any]]:
    """Return the eight sampledValues of a three-phase charger that draws 10 A."""
    return [
        _sampled("Energy.Active.Import.Register", energy_wh, "Wh"),
        _sampled("Power.Active.Import", 6900.0, "W"),
        *(_sampled("Current.Import", 10.0, "A", phase) for phase in _PHASES),
        *(_sampled("Voltage", 230.1, "V", f"{phase}-N") for phase in _PHASES),
    ]


def transaction_event(
    event_type: str, transaction_id: str, seq_no: int, energy_wh: int
) -> dict[str, Any]:
    """Return a TransactionEventRequest on EVSE 1: Started, Updated or Ended.

    Args:
        event_type: TransactionEventEnumType.
        transaction_id: at most 36 characters.
        seq_no: counts from 0 in each transaction.
        energy_wh: reading of the energy register.
    """
    triggers = {
        "Started": "CablePluggedIn",
        "Updated": "MeterValuePeriodic",
        "Ended": "EVDeparted",
    }
    transaction: dict[str, Any] = {"transactionId": transaction_id, "chargingState": "Charging"}
    if event_type == "Ended":
        transaction = {
            "transactionId": transaction_id,
            "chargingState": "Idle",
            "stoppedReason": "EVDisconnected",
        }
    now = timestamp()
    return {
        "eventType": event_type,
        "timestamp": now,
        "triggerReason": triggers[event_type],
        "seqNo": seq_no,
        "offline": False,
        "numberOfPhasesUsed": 3,
        "transactionInfo": transaction,
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": now, "sampledValue": sampled_values(energy_wh)}],
    }


class UpdatedEvents:
    """Renders the Updated events of one transaction, each as a complete CALL."""

    def __init__(self, transaction_id: str) -> None:
        """Prebuild the text around the four changing values."""
        event = transaction_event("Updated", transaction_id, 0, 0)
        event["timestamp"] = event["meterValue"][0]["timestamp"] = "@TIME@"
        event["seqNo"] = "@SEQ@"
        event["meterValue"][0]["sampledValue"][0]["value"] = "@WH@"
        text = call("@ID@", "TransactionEvent", event).decode().replace("%", "%%")
        for name, slot in (("TIME", '"%(time)s"'), ("SEQ", "%(seq)d"), ("WH", "%(wh)d")):
            text = text.replace(f'"@{name}@"', slot)
        self._text = text.replace("@ID@", "%(id)s")

    def render(self, message_id: str, seq_no: int, energy_wh: int) -> bytes:
        """Return the frame, stamped with the present time."""
        values = {"id": message_id, "time": timestamp(), "seq": seq_no, "wh": energy_wh}
        return (self._text % values).encode()
