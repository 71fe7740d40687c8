"""Transactions of the record in the shapes in which they are asked for: ours and the seeds'.

Mapping.md, 7 and 8, decides what each field of seed 002 (DepotFinity) and seed 001 (Swyched) is.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

from pydantic import Field
from typing_extensions import TypedDict

from bridge.api import payloads
from bridge.domain.enums import StoppedReason
from bridge.domain.events import IdToken
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.domain.units import rfc3339

Mask = Callable[[IdToken], payloads.PublishedToken]

INCOMPLETE: Final = "Incomplete"
"""EndResult of a transaction that was closed without an Ended."""
_VEHICLE_TOKENS: Final = frozenset({"eMAID", "MacAddress"})
"""Types of tokens that a vehicle shows by itself (ISO 15118: contract, EVCCID)."""
_PORTS: Final = UUID("6f1d2b52-6f0f-5d5c-9d52-4d5154540002")


class KeptTransaction(TypedDict):
    """A transaction of the record."""

    cs: Annotated[str, Field(description="Raw id of the station.")]
    evse: Annotated[int, Field(description="OCPP EVSE id; 0 = the station has not told.")]
    connector: Annotated[int | None, Field(description="OCPP connector id; null = not told.")]
    transactionId: Annotated[str, Field(description="As the station names it.")]
    transactionUuid: Annotated[str, Field(description="Unique over all stations.")]
    active: Annotated[bool, Field(description="It still runs.")]
    startReason: Annotated[str | None, Field(description="triggerReason of its first event.")]
    stoppedReason: Annotated[StoppedReason | None, Field(description="null while it runs.")]
    endedBy: Annotated[
        str | None,
        Field(description="Which limit of its own has ended it: until, energyWh."),
    ]
    pluggedAt: Annotated[
        payloads.Moment, Field(description="When its EV was plugged in; null = not seen.")
    ]
    startedAt: payloads.Time
    chargingStartedAt: payloads.Moment
    endedAt: payloads.Moment
    unpluggedAt: Annotated[
        payloads.Moment, Field(description="When its EV was unplugged; null = not seen.")
    ]
    insertedAt: Annotated[
        payloads.Time,
        Field(description="When the bridge learnt that it had begun, or ended. Rises always."),
    ]
    complete: Annotated[bool, Field(description="False: closed without an Ended event.")]
    offline: Annotated[bool, Field(description="A part happened while the station was offline.")]
    invoiceId: Annotated[str | None, Field(description="As given with the `start`.")]
    idToken: Annotated[payloads.PublishedToken | None, Field(description="Who charged.")]
    vehicleId: Annotated[str | None, Field(description="Which vehicle it is taken for.")]
    meterStartWh: payloads.WattHours
    meterLastWh: payloads.WattHours
    energyWh: Annotated[float, Field(description="Wh in this transaction.")]
    socStartPercent: Annotated[float | None, Field(description="%, at the start.")]
    socLastPercent: Annotated[float | None, Field(description="%, the latest reading.")]
    usedPhasesSession: payloads.UsedPhases
    until: Annotated[payloads.Moment, Field(description="When it is ended.")]


def kept_transaction(record: TransactionRecord, mask: Mask) -> KeptTransaction:
    """Return a transaction as the bridge's own API tells it."""
    held = record.transaction
    return {
        "cs": record.station_id,
        "evse": record.evse_id,
        "connector": held.connector_id,
        "transactionId": held.id,
        "transactionUuid": held.uuid,
        "active": held.open,
        "startReason": held.start_reason,
        "stoppedReason": held.stopped_reason,
        "endedBy": None if held.open else held.stop_cause,
        "pluggedAt": _moment(held.plugged_at),
        "startedAt": rfc3339(held.started_at),
        "chargingStartedAt": _moment(held.charging_started_at),
        "endedAt": _moment(held.ended_at),
        "unpluggedAt": _moment(held.unplugged_at),
        "insertedAt": rfc3339(record.inserted_at),
        "complete": held.complete,
        "offline": held.offline,
        "invoiceId": held.invoice_id,
        "idToken": None if held.id_token is None else mask(held.id_token),
        "vehicleId": record.vehicle_id,
        "meterStartWh": held.meter_start_wh,
        "meterLastWh": held.meter_last_wh,
        "energyWh": held.energy_wh,
        "socStartPercent": held.soc_start_percent,
        "socLastPercent": held.soc_last_percent,
        "usedPhasesSession": used_phases(held),
        "until": _moment(held.until),
    }


def used_phases(transaction: Transaction) -> str | None:
    """Return which phases carried current, e.g. "111"; None where nothing is known."""
    if transaction.phases_seen is None:
        return None
    return "".join("1" if used else "0" for used in transaction.phases_seen)


# --- Seed 002 -------------------------------------------------------------------------------


class DepotTransaction(TypedDict):
    """A transaction as seed 002 tells it."""

    TransactionID: Annotated[str, Field(description="As the station names it.")]
    ChargerID: Annotated[str, Field(description="Raw id of the station.")]
    ConnectorID: Annotated[int, Field(description="1 where the station does not tell.")]
    EvseID: Annotated[int, Field(description="OCPP EVSE id (an addition).")]
    StartAt: payloads.Time
    EndAt: payloads.Moment
    InitialSoC: Annotated[int | None, Field(description="%; null = not told.")]
    VehicleID: Annotated[str | None, Field(description="Else who began it.")]
    Initiator: Annotated[str | None, Field(description="The token that began it.")]
    EndSoC: Annotated[int | None, Field(description="%; null = not told.")]
    EnergyDelivered: Annotated[int, Field(description="Wh; of a running one: so far.")]
    EndResult: Annotated[str | None, Field(description="stopReason, or Incomplete.")]
    ExtraInfo: Annotated[dict[str, Any], Field(description="Initiator, and what else is known.")]
    SessionStartTime: payloads.Moment
    SessionEndTime: payloads.Moment
    InsertedAt: payloads.Time


def depot_transaction(record: TransactionRecord, mask: Mask) -> DepotTransaction:
    """Return a transaction as seed 002 tells it (mapping.md, 7)."""
    held = record.transaction
    initiator = shown_token(held.id_token, mask)
    return {
        "TransactionID": held.id,
        "ChargerID": record.station_id,
        "ConnectorID": held.connector_id or 1,
        "EvseID": record.evse_id,
        "StartAt": rfc3339(held.started_at),
        "EndAt": _moment(held.ended_at),
        "InitialSoC": _percent(held.soc_start_percent),
        "VehicleID": record.vehicle_id,
        "Initiator": initiator,
        "EndSoC": _percent(held.soc_last_percent),
        "EnergyDelivered": round(held.energy_wh),
        "EndResult": _end_result(held),
        "ExtraInfo": {
            "Initiator": initiator,
            "TransactionUuid": held.uuid,
            "StartReason": held.start_reason,
            "Offline": held.offline,
            "InvoiceId": held.invoice_id,
        },
        "SessionStartTime": _moment(held.plugged_at),
        "SessionEndTime": _moment(held.unplugged_at),
        "InsertedAt": rfc3339(record.inserted_at),
    }


def _end_result(held: Transaction) -> str | None:
    if held.open:
        return None
    if not held.complete:
        return INCOMPLETE
    return (held.stopped_reason or StoppedReason.LOCAL).value


def _percent(value: float | None) -> int | None:
    return None if value is None else round(value)


def shown_token(token: IdToken | None, mask: Mask) -> str | None:
    """Return the text by which a token is known outside: its hash, or its value in clear."""
    if token is None:
        return None
    shown = {**mask(token)}
    return str(shown.get("hash") or shown.get("value"))


def vehicle_of(transaction: Transaction, mask: Mask, vehicles: Mapping[str, str]) -> str | None:
    """Return which vehicle a transaction is taken for (mapping.md, 7).

    What the owner says of the token, else the token, which is often the vehicle's own (eMAID,
    MacAddress) and elsewhere stands for it. `vehicles` is by value, in lower case, or by hash.
    """
    token = transaction.id_token
    if token is None:
        return None
    shown = shown_token(token, mask)
    return vehicles.get(token.value.casefold()) or vehicles.get(shown or "") or shown


# --- Seed 001 -------------------------------------------------------------------------------


class PortTransaction(TypedDict):
    """A transaction as seed 001 tells it."""

    transaction_uuid: str
    port_uuid: Annotated[str, Field(description="Of the EVSE.")]
    state: Annotated[str, Field(description="Open or Closed.")]
    started: payloads.Time
    ended: payloads.Moment
    expires: payloads.Moment


def port_uuid(station_id: str, evse_id: int) -> str:
    """Return the uuid of an EVSE (mapping.md, 8)."""
    return str(uuid5(_PORTS, f"{station_id}/{evse_id}"))


def port_transaction(record: TransactionRecord) -> PortTransaction:
    """Return a transaction as seed 001 tells it (mapping.md, 8)."""
    held = record.transaction
    return {
        "transaction_uuid": held.start_uuid or held.uuid,
        "port_uuid": port_uuid(record.station_id, record.evse_id),
        "state": "Open" if held.open else "Closed",
        "started": _second(held.started_at),
        "ended": None if held.ended_at is None else _second(held.ended_at),
        "expires": None if held.until is None else _second(held.until),
    }


def _second(moment: datetime) -> str:
    """Return a moment as seed 001 writes it, with the zone that it leaves out."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
