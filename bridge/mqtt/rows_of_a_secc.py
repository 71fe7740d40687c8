"""The topics of a charge controller (SECC), which an EVSE has where `secc_topics` says so."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from bridge.api import secc_topics
from bridge.api.commands.base import MAX_LIMIT_A, MAX_LIMIT_W
from bridge.api.secc_limits import LONGEST_TIMEOUT_MS
from bridge.mqtt.rows import Direction, TopicRow

SECC_ADDRESS: Final = "{secc}/{client}/"
"""What they begin with."""

_WHERE: Final = "As a charge controller (`secc_topics`)."
_GIVES_UP = Literal["NaN"]
Amperes = Annotated[float, Field(ge=0, le=MAX_LIMIT_A)] | _GIVES_UP
Watts = Annotated[float, Field(ge=0, le=MAX_LIMIT_W)] | _GIVES_UP
Milliseconds = Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_MS)]


def _told(name: str, topic: str, payload: Any, description: str) -> TopicRow:
    return TopicRow(
        name=name,
        address=SECC_ADDRESS + topic,
        payload=payload,
        qos=0,
        retain=False,
        description=f"{_WHERE} {description} On change, and every 5 s.",
    )


def _taken(name: str, topic: str, payload: Any, description: str) -> TopicRow:
    return TopicRow(
        name=name,
        address=SECC_ADDRESS + topic,
        payload=payload,
        qos=1,
        retain=False,
        json=False,
        direction=Direction.TO_BRIDGE,
        description=f"{_WHERE} {description}",
    )


SECC_ROWS: Final[Mapping[str, TopicRow]] = {
    row.address.removeprefix(SECC_ADDRESS): row
    for row in (
        _told(
            "seccPointStatus",
            "chargingPoint/status",
            secc_topics.SeccPointStatus,
            "Its connector.",
        ),
        _told(
            "seccChargingStatus",
            "charging/status",
            secc_topics.SeccChargingStatus,
            "Codes of IEC 61851, and what may flow.",
        ),
        _told(
            "seccTxStatus",
            "tx/status",
            secc_topics.SeccTxStatus,
            "The running or the last transaction.",
        ),
        _told(
            "seccMeterFiscal",
            "meter/fiscal",
            secc_topics.SeccMeter,
            "The latest readings.",
        ),
        _told(
            "seccMeterGrid",
            "meter/grid",
            secc_topics.SeccMeter,
            "The grid connection, of which nothing is known.",
        ),
        _taken(
            "seccAmperageLimit",
            "charging/amperageLimit",
            Amperes,
            "A limit, A per phase; `NaN` gives it up.",
        ),
        _taken(
            "seccPowerLimit",
            "charging/powerLimit",
            Watts,
            "A limit, W over all phases; `NaN` gives it up.",
        ),
        _taken(
            "seccLimitTimeout",
            "charging/limitTimeout",
            Milliseconds,
            "How long limits count after each write, ms (300,000).",
        ),
    )
}
"""By topic below prefix and client id."""
