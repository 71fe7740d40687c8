"""What a row of the topic table is (`bridge.mqtt.topics`)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

EVSE_ADDRESS: Final = "{root}/v1/cs/{cs}/{e}"
"""What the topics of an EVSE begin with; EVSE 0 is the whole station."""


class Direction(StrEnum):
    """Who writes a topic."""

    FROM_BRIDGE = "from_bridge"
    TO_BRIDGE = "to_bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRow:
    """One kind of topic. `address` has the parameters {root} {b} {cs} {e} {controller} ..."""

    name: str
    address: str
    payload: Any
    """A TypedDict, a pydantic model or an annotated scalar: whatever a TypeAdapter takes."""
    qos: int
    retain: bool
    description: str
    direction: Direction = Direction.FROM_BRIDGE
    reply: str | None = None
    """Name of the row by which it is answered."""
    json: bool = True
    """Whether the payload is JSON, not plain text."""
    expiry_seconds: int | None = None
    """MQTT 5 message expiry."""
    spacing_seconds: float = 1.0
    """Least time between two messages of a retained topic for changes that may wait."""

    @property
    def document(self) -> str:
        """The last segment of the address, e.g. `state`."""
        return self.address.rpartition("/")[2]
