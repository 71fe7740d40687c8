"""Topics for people at home: plain values for dashboards, and what Home Assistant is told.

A value is one fact out of one document, as plain text: a number without a unit (the unit is in
the name), `true` or `false`, a word, or a time. What is unknown has no message: the topic is
cleared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from bridge.api import payloads
from bridge.mqtt.rows import EVSE_ADDRESS, Direction, TopicRow

Document = Mapping[str, Any]

# --- Plain values ---------------------------------------------------------------------------

Word = Annotated[str, Field(min_length=1)]
TrueOrFalse = bool
Moment = payloads.Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One fact of a document, by itself."""

    name: str
    document: str
    """Of which of an EVSE's documents, by the name of its row."""
    read: Callable[[Document], Any]
    kind: Any
    description: str

    def text(self, document: Document | None) -> bytes | None:
        """Return the value as it is published; None where it is unknown."""
        found = None if document is None else self.read(document)
        if found is None or isinstance(found, str):
            return found.encode() if found else None
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        return orjson.dumps(found)


def _value(
    document: str,
    name: str,
    kind: Any,
    description: str,
    read: Callable[[Document], Any] | None = None,
) -> Value:
    return Value(
        name=name,
        document=document,
        read=read or (lambda found: found[name]),
        kind=kind,
        description=description,
    )


def _phase(document: str, name: str, key: str, index: int, unit: str) -> Value:
    return _value(
        document,
        name,
        float,
        f"{unit}, phase L{index + 1}.",
        lambda found: found[key][index],
    )


def _requested(key: str) -> Callable[[Document], Any]:
    return lambda found: found["requested"] and found["requested"][key]


def _highest(found: Document) -> float | None:
    return max((amps for amps in found["currentA"] if amps is not None), default=None)


def _binding_lease(found: Document) -> str | None:
    return next((limit["expiresAt"] for limit in found["limits"] if limit["binding"]), None)


_VALUES: Final = (
    _value("state", "state", Word, "What the EVSE does, e.g. `Charging`."),
    _value("state", "phase", Word, "The finer state, e.g. `awaiting_start`."),
    _value("state", "vehicleStatus", Word, "IEC 61851-1, the vehicle, `A` to `F`."),
    _value("state", "plugged", TrueOrFalse, "A vehicle is connected."),
    _value("state", "charging", TrueOrFalse, "Energy flows."),
    _value("state", "stale", TrueOrFalse, "The station is offline: the last that was known."),
    _value(
        "state",
        "errorCode",
        Word,
        "OCPP 1.6, of a fault; no message where there is none.",
        lambda found: found["ocpp"]["errorCode"],
    ),
    _value("state", "allocationSourceName", Word, "Who is in control, e.g. `MQTT`."),
    _value("state", "transactionId", Word, "Of the running transaction."),
    _value("allocation", "offeredA", float, "What the vehicle may draw, A per phase."),
    _value("allocation", "offeredW", float, "The same, W over all phases."),
    _value(
        "allocation",
        "chargingAllowed",
        TrueOrFalse,
        "More than 0 A are offered; what `set/{controller}/charging` changes.",
        lambda found: found["offeredA"] > 0,
    ),
    _value(
        "allocation",
        "limitA",
        float,
        "What MQTT controllers ask for, A per phase, whether it binds or not; no message where"
        " none does.",
        _requested("limitA"),
    ),
    _value(
        "allocation",
        "limitW",
        float,
        "The same where it was asked for in W over all phases.",
        _requested("limitW"),
    ),
    _value("allocation", "phases", int, "Phases that are in use, else that there are."),
    _value(
        "allocation",
        "requestedPhases",
        int,
        "Phases that MQTT controllers ask for, 1 or 3; no message where none does.",
        _requested("phases"),
    ),
    _value(
        "allocation",
        "limitState",
        Word,
        "Of the MQTT source, e.g. `active`, `standby`.",
        lambda found: found["state"],
    ),
    _value(
        "allocation",
        "expiresAt",
        Moment,
        "When the limit that counts ends by itself; no message where it does not.",
        _binding_lease,
    ),
    _value(
        "transaction",
        "sessionActive",
        TrueOrFalse,
        "A transaction runs.",
        lambda found: found["active"],
    ),
    _value(
        "transaction",
        "sessionEnergyWh",
        float,
        "Wh in the running or the last transaction.",
        lambda found: found["energyWh"],
    ),
    _value(
        "transaction",
        "sessionStartedAt",
        Moment,
        "When that transaction began.",
        lambda found: found["startedAt"],
    ),
    _value("meter", "powerW", float, "W over all phases."),
    _value("meter", "energyWh", float, "Wh, register of imported energy."),
    _value("meter", "currentA", float, "A, the highest of the phases.", _highest),
    *(_phase("meter", f"currentL{index + 1}A", "currentA", index, "A") for index in range(3)),
    *(_phase("meter", f"voltageL{index + 1}V", "voltageV", index, "V") for index in range(3)),
    _value("meter", "frequencyHz", float, "Hz."),
    _value("meter", "socPercent", float, "%, state of charge."),
)


def _value_row(value: Value) -> TopicRow:
    return TopicRow(
        name=f"val{value.name[0].upper()}{value.name[1:]}",
        address=f"{EVSE_ADDRESS}/val/{value.name}",
        payload=Annotated[value.kind, Field(description=value.description)],
        qos=0,
        retain=True,
        json=False,
        description=value.description,
    )


VALUE_OF: Final = {row.name: value for value in _VALUES for row in [_value_row(value)]}
"""The values, by the names of their rows."""
VALUES: Final = tuple(_value_row(value) for value in _VALUES)
"""Rows of the values, which are published where `mqtt.scalars` wants it."""
VALUES_OF_DOCUMENT: Final = {
    document: tuple(row for row in VALUES if VALUE_OF[row.name].document == document)
    for document in dict.fromkeys(value.document for value in _VALUES)
}
"""Which of them each document of an EVSE has, by the name of its row."""

# --- Home Assistant -------------------------------------------------------------------------

DISCOVERY_DEVICE: Final = TopicRow(
    name="discoveryDevice",
    address="{prefix}/device/{object}/config",
    payload=payloads.HomeAssistantDevice,
    qos=1,
    retain=True,
    description="A station or an EVSE for Home Assistant, with all its entities "
    '(`discovery_style = "device"`). On change of what the station is, not of what it does.',
)
DISCOVERY_ENTITY: Final = TopicRow(
    name="discoveryEntity",
    address="{prefix}/{platform}/{object}/{component}/config",
    payload=payloads.HomeAssistantEntity,
    qos=1,
    retain=True,
    description='One entity for Home Assistant (`discovery_style = "entity"`).',
)
HOME_ASSISTANT_STATUS: Final = TopicRow(
    name="homeAssistantStatus",
    address="{prefix}/status",
    payload=payloads.Presence,
    qos=0,
    retain=False,
    json=False,
    direction=Direction.TO_BRIDGE,
    description="Home Assistant's birth message: at `online` everything is published again.",
)
