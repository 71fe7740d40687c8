"""What the station says, in the words of OCPP 1.6J.

There is no event of a transaction in 1.6. Its begin and end are StartTransaction and
StopTransaction, what was measured in between are MeterValues, and all the rest shows in the
status of the connector only. The central system gives a transaction its id with the answer to
StartTransaction; what is queued behind it gets the id when it leaves.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from bridge.simulator.evse import Evse
from bridge.simulator.metering import MeterValue, Sample
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.outbox import Outgoing
from bridge.simulator.quirks import Quirk
from bridge.simulator.speech.terms import (
    ConnectorReport,
    Saying,
    Verdict,
)
from bridge.simulator.transaction import (
    ChargingState,
    EventType,
    StoppedReason,
    TransactionEvent,
)
from bridge.simulator.wire import JsonObject, format_time, integer

THE_STATION: Final = 0
"""connectorId 0."""

UNKNOWN_TRANSACTION: Final = -1
"""transactionId where StartTransaction was never answered (errata 3.18)."""

MAXIMUM_TAG: Final = 20
"""Characters of an IdToken."""


class Speech16:
    """OCPP 1.6J."""

    defaults: Mapping[tuple[str, str], str] = MappingProxyType(
        {
            ("TxCtrlr", "TxStartPoint"): "PowerPathClosed",  # a cable and a token (4.8)
            ("TxCtrlr", "TxStopPoint"): "PowerPathClosed",
            ("SampledDataCtrlr", "TxEndedMeasurands"): "",  # no transactionData unless asked for
        }
    )
    replaces_profiles: bool = True
    takes_dynamic_profiles: bool = False
    abilities: tuple[tuple[str, str, str], ...] = ()
    tells_limits: bool = False

    def boot(self, station_id: str, reason: str, options: SimulatorOptions) -> Saying:
        """Return a BootNotification (4.2); 1.6 knows no reason."""
        del reason
        payload = {
            "chargePointVendor": options.vendor,
            "chargePointModel": options.model,
            "chargePointSerialNumber": station_id[:25],
            "firmwareVersion": options.firmware,
        }
        return Saying("BootNotification", payload)

    def authorize(self, id_token: JsonObject) -> Saying:
        """Return an Authorize (4.1)."""
        return Saying("Authorize", {"idTag": id_tag(id_token)})

    def statuses(self, evses: Iterable[Evse], options: SimulatorOptions) -> dict[int, str]:
        """Return ChargePointStatus by connector, the station first (4.9)."""
        known = list(evses)
        in_service = any(evse.operative for evse in known)
        return {
            THE_STATION: "Available" if in_service else "Unavailable",
            **{evse.evse_id: connector_status(evse, options) for evse in known},
        }

    def status(self, report: ConnectorReport, options: SimulatorOptions) -> Saying:
        """Return a StatusNotification (4.9)."""
        del options
        payload = {
            "connectorId": report.number,
            "errorCode": report.fault or "NoError",
            "status": report.status,
            "timestamp": format_time(report.at),
        }
        return Saying("StatusNotification", payload)

    def transaction(self, event: TransactionEvent, options: SimulatorOptions) -> list[Saying]:
        """Return StartTransaction, MeterValues or StopTransaction, or nothing."""
        del options
        return _SAYINGS[event.event_type](event)

    def meter_values(self, evse: Evse, values: tuple[MeterValue, ...]) -> Saying:
        """Return a MeterValues (4.7)."""
        payload = {"connectorId": evse.evse_id, "meterValue": meter_value(values)}
        if evse.transaction is not None and evse.transaction.number is not None:
            payload["transactionId"] = evse.transaction.number
        return Saying("MeterValues", payload)

    def finished(self, outgoing: Outgoing, options: SimulatorOptions) -> JsonObject:
        """Add the transactionId, which was not known before StartTransaction was answered."""
        transaction = outgoing.transaction
        if transaction is None or outgoing.action == "StartTransaction":
            return outgoing.payload
        number = UNKNOWN_TRANSACTION if transaction.number is None else transaction.number
        if transaction.began_offline and Quirk.MINUS_ONE_AFTER_OFFLINE_START in options.quirks:
            number = UNKNOWN_TRANSACTION
        return {**outgoing.payload, "transactionId": number}

    def token_status(self, answer: JsonObject) -> str:
        """Return AuthorizationStatus."""
        return str(answer["idTagInfo"]["status"])

    def verdict(self, answer: JsonObject) -> Verdict:
        """Read idTagInfo and the transactionId of a StartTransaction."""
        number = answer.get("transactionId")
        return Verdict(
            token=str(answer.get("idTagInfo", {}).get("status", "Accepted")),
            number=None if number is None else integer(number),
        )


def connector_status(evse: Evse, options: SimulatorOptions) -> str:
    """Return ChargePointStatus of one connector."""
    if evse.fault is not None:
        return "Faulted"
    if evse.transaction is not None:
        silent = Quirk.NO_CHARGING_STATE in options.quirks
        return "Charging" if silent else _IN_TRANSACTION[evse.charging_state()]
    if not evse.operative:
        return "Unavailable"
    if not evse.shows_car:
        return _without_car(evse)
    return "Finishing" if evse.charged and evse.authorization is None else "Preparing"


def _without_car(evse: Evse) -> str:
    if evse.authorization is not None:
        return "Preparing"
    return "Available" if evse.reservation is None else "Reserved"


_IN_TRANSACTION: Final = {
    ChargingState.IDLE: "Preparing",
    ChargingState.EV_CONNECTED: "Preparing",
    ChargingState.CHARGING: "Charging",
    ChargingState.SUSPENDED_EV: "SuspendedEV",
    ChargingState.SUSPENDED_EVSE: "SuspendedEVSE",
}


def id_tag(id_token: JsonObject) -> str:
    """Return a token as 1.6 takes it."""
    return str(id_token["idToken"])[:MAXIMUM_TAG]


def meter_value(values: tuple[MeterValue, ...]) -> list[JsonObject]:
    """Return the `meterValue` or `transactionData` member of a request."""
    return [
        {
            "timestamp": format_time(value.at),
            "sampledValue": [_sampled_value(sample, value.context) for sample in value.samples],
        }
        for value in values
    ]


def _sampled_value(sample: Sample, context: str | None) -> JsonObject:
    sampled = {
        "value": f"{sample.value:.12g}",
        "context": context,
        "measurand": sample.measurand,
        "phase": sample.phase,
        "location": sample.location,
        "unit": sample.unit,
    }
    return {name: value for name, value in sampled.items() if value is not None}


def _start(event: TransactionEvent) -> list[Saying]:
    payload: JsonObject = {
        "connectorId": event.evse_id,
        "idTag": "" if event.id_token is None else id_tag(event.id_token),
        "meterStart": round(event.register_wh),
        "timestamp": format_time(event.at),
    }
    if event.transaction.reservation_id is not None:
        payload["reservationId"] = event.transaction.reservation_id
    return [Saying("StartTransaction", payload)]


def _meter(event: TransactionEvent) -> list[Saying]:
    if not event.meter_values:
        return []
    payload = {"connectorId": event.evse_id, "meterValue": meter_value(event.meter_values)}
    return [Saying("MeterValues", payload)]


def _stop(event: TransactionEvent) -> list[Saying]:
    payload: JsonObject = {
        "meterStop": round(event.register_wh),
        "timestamp": format_time(event.at),
        "reason": _REASONS[event.stopped_reason],
    }
    if event.id_token is not None:
        payload["idTag"] = id_tag(event.id_token)
    if event.meter_values:
        payload["transactionData"] = meter_value(event.meter_values)
    return [Saying("StopTransaction", payload)]


_SAYINGS: Final[dict[EventType, Callable[[TransactionEvent], list[Saying]]]] = {
    EventType.STARTED: _start,
    EventType.UPDATED: _meter,
    EventType.ENDED: _stop,
}

_REASONS: Final[dict[StoppedReason | None, str]] = {
    None: "Local",
    StoppedReason.DE_AUTHORIZED: "DeAuthorized",
    StoppedReason.EV_DISCONNECTED: "EVDisconnected",
    StoppedReason.IMMEDIATE_RESET: "HardReset",
    StoppedReason.HARD_RESET: "HardReset",
    StoppedReason.SOFT_RESET: "SoftReset",
    StoppedReason.LOCAL: "Local",
    StoppedReason.REMOTE: "Remote",
    StoppedReason.TIMEOUT: "Other",
    StoppedReason.UNLOCK: "UnlockCommand",
}
"""Reason of 1.6 for each of the model's."""
