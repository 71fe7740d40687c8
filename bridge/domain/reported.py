"""What a charge controller (SECC) without OCPP says of itself, as far as it is kept.

A frozen part of the station's record (`model`), durable with it.
"""

from datetime import datetime

from msgspec import Struct

from bridge.domain.enums import AllocationSource, ControllerStatus, Phase, SeccState, VehicleStatus


class Reported(Struct, frozen=True, kw_only=True):
    """The controller's own word on state, codes of IEC 61851 and control."""

    state: SeccState | None = None
    phase: Phase | None = None
    vehicle_status: VehicleStatus | None = None
    controller_status: ControllerStatus | None = None
    session_id: str | None = None
    source_name: str | None = None
    """allocationSourceName in the words of seed 000; as it was told where it is none of them."""
    by_us: bool = False
    """That is how the controller names what this bridge has written."""
    available_a: float | None = None
    """What all limits together leave, A per phase, before it is adjusted to IEC 61851."""
    one_phase: bool | None = None
    phase_source_name: str | None = None
    phase_rotation: bool | None = None
    rotation_source_name: str | None = None
    at: datetime | None = None
    """When it was read first like this."""
    lost: bool = False
    """It has been away, and was not read since."""


_BY_LETTERS = {
    "".join(char for char in source.value.casefold() if char.isalnum()): source.value
    for source in AllocationSource
}


def source_name(text: str) -> str:
    """Return who is in control in the words of seed 000, an unknown word as it is.

    Case, spaces, `_` and `-` do not count (allocation.md, The seven sources).
    """
    return _BY_LETTERS.get("".join(char for char in text.casefold() if char.isalnum()), text)
