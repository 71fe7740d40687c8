"""What the station says, in the words of OCPP 2.0.1."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from bridge.simulator.evse import CONNECTOR_ID, Evse
from bridge.simulator.metering import MeterValue, Sample
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.outbox import Outgoing
from bridge.simulator.quirks import Quirk
from bridge.simulator.speech.terms import ConnectorReport, Saying, Verdict
from bridge.simulator.transaction import EventType, TransactionEvent, Trigger
from bridge.simulator.wire import JsonObject, format_time


class Speech2:
    """OCPP 2.0.1."""

    defaults: Mapping[tuple[str, str], str] = MappingProxyType({})
    replaces_profiles: bool = False
    takes_dynamic_profiles: bool = False
    abilities: tuple[tuple[str, str, str], ...] = ()
    tells_limits: bool = True

    def boot(self, station_id: str, reason: str, options: SimulatorOptions) -> Saying:
        """Return a BootNotification (B01)."""
        station = {
            "model": options.model,
            "vendorName": options.vendor,
            "serialNumber": station_id[:25],
            "firmwareVersion": options.firmware,
        }
        return Saying("BootNotification", {"reason": reason, "chargingStation": station})

    def authorize(self, id_token: JsonObject) -> Saying:
        """Return an Authorize (C01)."""
        return Saying("Authorize", {"idToken": id_token})

    def statuses(self, evses: Iterable[Evse], options: SimulatorOptions) -> dict[int, str]:
        """Return ConnectorStatusEnumType by EVSE (G01)."""
        return {evse.evse_id: connector_status(evse, options) for evse in evses}

    def status(self, report: ConnectorReport, options: SimulatorOptions) -> Saying:
        """Return a StatusNotification (G01)."""
        del options
        payload = {
            "timestamp": format_time(report.at),
            "connectorStatus": report.status,
            "evseId": report.number,
            "connectorId": CONNECTOR_ID,
        }
        return Saying("StatusNotification", payload)

    def transaction(self, event: TransactionEvent, options: SimulatorOptions) -> list[Saying]:
        """Return a TransactionEvent (block E), spoiled as the quirks want it."""
        apart = Quirk.METER_VALUES_APART in options.quirks
        if apart and event.trigger is Trigger.METER_VALUE_PERIODIC:
            values = {"evseId": event.evse_id, "meterValue": meter_value(event.meter_values)}
            return [Saying("MeterValues", values)]
        payload = transaction_event(event)
        for quirk, spoil in _SPOILERS.items():
            if quirk in options.quirks:
                payload = spoil(payload)
        return [Saying("TransactionEvent", payload)]

    def meter_values(self, evse: Evse, values: tuple[MeterValue, ...]) -> Saying:
        """Return a MeterValues (J01)."""
        payload = {"evseId": evse.evse_id, "meterValue": meter_value(values)}
        return Saying("MeterValues", payload)

    def finished(self, outgoing: Outgoing, options: SimulatorOptions) -> JsonObject:
        """Return the payload: all of it was known from the beginning."""
        del options
        return outgoing.payload

    def token_status(self, answer: JsonObject) -> str:
        """Return AuthorizationStatusEnumType."""
        return str(answer["idTokenInfo"]["status"])

    def verdict(self, answer: JsonObject) -> Verdict:
        """Read idTokenInfo."""
        return Verdict(token=str(answer.get("idTokenInfo", {}).get("status", "Accepted")))


def connector_status(evse: Evse, options: SimulatorOptions) -> str:
    """Return ConnectorStatusEnumType."""
    del options
    return evse.connector_status


def transaction_event(event: TransactionEvent) -> JsonObject:
    """Return a TransactionEventRequest; members that are None or empty are left out."""
    info = {
        "transactionId": event.transaction.transaction_id,
        "chargingState": event.charging_state,
        "remoteStartId": event.remote_start_id,
        "stoppedReason": event.stopped_reason,
        "transactionLimit": _limits(event.limits),
    }
    place = {"id": event.evse_id, "connectorId": CONNECTOR_ID}
    optional = {
        "offline": event.offline,
        "idToken": event.id_token,
        "evse": place if event.place_is_news else None,
        "cableMaxCurrent": None if event.cable_max_a is None else int(event.cable_max_a),
        "numberOfPhasesUsed": event.phases_used,
        "meterValue": meter_value(event.meter_values),
    }
    return {
        "eventType": event.event_type,
        "timestamp": format_time(event.at),
        "triggerReason": event.trigger,
        "seqNo": event.seq_no,
        "transactionInfo": {name: value for name, value in info.items() if value is not None},
        **{name: value for name, value in optional.items() if value},
    }


def _limits(limits: Mapping[str, float]) -> JsonObject | None:
    """Return a TransactionLimitType, whose maxEnergy alone is no whole number."""
    if not limits:
        return None
    return {name: v if name == "maxEnergy" else int(v) for name, v in limits.items()}


def meter_value(values: tuple[MeterValue, ...]) -> list[JsonObject]:
    """Return the `meterValue` member of a request."""
    return [
        {
            "timestamp": format_time(value.at),
            "sampledValue": [_sampled_value(sample, value.context) for sample in value.samples],
        }
        for value in values
    ]


def _sampled_value(sample: Sample, context: str | None) -> JsonObject:
    sampled = {
        "value": sample.value,
        "measurand": sample.measurand,
        "unitOfMeasure": None if sample.unit is None else {"unit": sample.unit},
        "context": context,
        "phase": sample.phase,
        "location": sample.location,
    }
    return {name: value for name, value in sampled.items() if value is not None}


def _without_charging_state(event: JsonObject) -> JsonObject:
    info = event["transactionInfo"]
    kept = {name: value for name, value in info.items() if name != "chargingState"}
    return {**event, "transactionInfo": kept}


def _without_evse(event: JsonObject) -> JsonObject:
    if event["eventType"] == EventType.STARTED:
        return event
    return {name: value for name, value in event.items() if name != "evse"}


def _without_order(event: JsonObject) -> JsonObject:
    return {**event, "seqNo": 0}


_SPOILERS: Final[dict[Quirk, Callable[[JsonObject], JsonObject]]] = {
    Quirk.NO_CHARGING_STATE: _without_charging_state,
    Quirk.NO_EVSE_IN_UPDATES: _without_evse,
    Quirk.SEQ_NO_ZERO: _without_order,
}
