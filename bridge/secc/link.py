"""The port to one charge controller: three APIs, one way to read it and to limit it."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from bridge.secc.payloads import Fields, Reading, Table, understand

_log = logging.getLogger(__name__)


class LinkError(Exception):
    """The controller could not be reached, or what it said was of no use."""


class RefusedError(LinkError):
    """The controller answered that it does not take this."""


class SeccLink(Protocol):
    """A way to one controller. One task reads; another may write meanwhile."""

    own_name: str
    """allocationSourceName by which the controller calls what is written this way."""
    switches_phases: bool
    """Whether it can be held to one phase this way."""
    reads_limits: bool
    """Whether what was written can be read back."""
    poll_seconds: float
    """Pause between two readings; 0 where `reading` itself waits for news."""

    async def open(self) -> None:
        """Connect, where there is something to connect. Raises LinkError."""

    async def close(self) -> None:
        """Hang up; never raises."""

    async def reading(self) -> Reading:
        """Return the next whole reading. Raises LinkError.

        It tells the state and, if the controller has them, the id of the session, of one moment.
        """

    async def set_limit(self, limit_a: float, timeout_ms: int) -> None:
        """Write a limit, A per phase, as a lease. Raises LinkError, RefusedError."""

    async def release(self) -> None:
        """Give the limit up (NaN). Raises LinkError, RefusedError."""

    async def disable(self) -> None:
        """Give it up where NaN is not understood (`enabled` false). Raises LinkError."""

    async def hold_to_one_phase(self, *, active: bool) -> None:
        """Charge on one phase or on all. Raises LinkError."""


def fields_of(topic: str, document: Mapping[str, Any], table: Table) -> Fields:
    """Return what a document says; what of it cannot be understood is for those who debug."""
    understood = understand(document, table)
    if understood.unread:
        _log.debug("%s: not understood: %s", topic, ", ".join(understood.unread))
    return understood.fields
