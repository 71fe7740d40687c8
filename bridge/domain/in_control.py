"""Who controls an EVSE: as a charge controller says, else as the arbiter decided (allocation.md)."""

from typing import Final

from bridge.domain.allocation import STATIC
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse
from bridge.domain.reported import Reported

APPLIED_WITHIN_A: Final = 0.1
"""A limit that a controller reports within this is applied (allocation.md)."""


def in_control(evse: Evse) -> str:
    """Return who controls an EVSE, in the words of seed 000 or an unknown one of its controller.

    What this bridge has written the controller calls by the protocol that it came by: that is
    translated back. What is not read any more counts no longer (secc.md). Nobody is in control by
    a limit above which the controller says it may charge: it has lost it, or ignores it.
    """
    said = fresh_word(evse)
    if said is None:
        return computed(evse)
    if not said.by_us and said.source_name is not None:
        return said.source_name
    if _is_exceeded(evse, said):
        return said.source_name or AllocationSource.UNMANAGED.value
    return computed(evse)


def computed(evse: Evse) -> str:
    """Return who controls an EVSE as the arbiter decided."""
    return (evse.allocation.source if evse.allocation else AllocationSource.UNMANAGED).value


def fresh_word(evse: Evse) -> Reported | None:
    """Return what a charge controller says of itself, while it is read."""
    return None if evse.view.stale else evse.reported


def _is_exceeded(evse: Evse, said: Reported) -> bool:
    """Say whether more is available than what the bridge has written, or is about to write."""
    held = evse.allocation
    if held is None or said.available_a is None or held.source in STATIC:
        return False
    return said.available_a > max(held.offered_a, held.pending_a or 0.0) + APPLIED_WITHIN_A
