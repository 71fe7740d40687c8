"""What stations of different versions of OCPP look like on MQTT, made comparable.

Times, ids and what a meter counts differ between any two stations: they are masked, but that they
are there is compared. What is left must be the same in every version, but for the `GAPS` of
OCPP 1.6. docs/explanation/versions.md tells them to users.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.acceptance.witness import Document

VERSIONS: Final = ("1.6", "2.0.1", "2.1")
ABSENT: Final = "absent"
Values = tuple[Any, Any]
"""A member of a document in OCPP 1.6, and in 2.0.1 and 2.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that OCPP 1.6 does not tell, and what that makes of topics and documents."""

    events: tuple[tuple[str, str], ...] = ()
    """Events of a transaction that do not come: eventType and triggerReason."""
    members: Mapping[tuple[str, str], Values] | None = None
    """Values by the document and the path of the member in it."""
    lists: Mapping[tuple[str, str], tuple[str, Any]] | None = None
    """Of a list in a document: the member and its value by which an entry is known that 1.6
    does not have."""


_BEGIN: Final = "event/transaction Started"
_END: Final = "event/transaction Ended"
_SOC: Final = ("measurand", "SoC")

GAPS: Final[Mapping[str, Gap]] = {
    "Authorized": Gap(events=(("Updated", "Authorized"),)),
    "start reason": Gap(
        members={
            ("secc", "startReason"): ("Authorized", "CablePluggedIn"),
            ("transaction", "startReason"): ("Authorized", "CablePluggedIn"),
            (_BEGIN, "triggerReason"): ("Authorized", "CablePluggedIn"),
            (_BEGIN, "idToken"): (ABSENT, None),  # it comes with the event that 1.6 does not have
            (_BEGIN, "idToken.type"): ("Central", ABSENT),
            (_BEGIN, "idToken.hash"): ("*", ABSENT),
        }
    ),
    "ChargingRateChanged": Gap(events=(("Updated", "ChargingRateChanged"),)),
    "token type": Gap(members={("transaction", "idToken.type"): ("Central", "ISO14443")}),
    "state at the end": Gap(
        members={
            ("transaction", "chargingState"): ("SuspendedEVSE", "EVConnected"),
            (_END, "transaction.chargingState"): ("SuspendedEVSE", "EVConnected"),
        }
    ),
    "cable": Gap(lists={("allocation", "limits"): ("source", "ProximityPilot")}),
    "readings of begin and end": Gap(
        lists={
            (document, "meterValue.0.sampledValue"): _SOC
            for document in (_BEGIN, _END, "event/transaction Started RemoteStart")
        }
    ),
    "boot reason": Gap(members={("info", "boot.reason"): ("Unknown", "PowerUp")}),
}
"""By a name that stands in the table of docs/explanation/versions.md."""

MISSING_EVENTS: Final = frozenset(event for gap in GAPS.values() for event in gap.events)


def members_of(document: str) -> dict[str, Values]:
    """Return the members of a document in which OCPP 1.6 may differ, and must where it begins."""
    return {
        path: values
        for gap in GAPS.values()
        for (name, path), values in (gap.members or {}).items()
        if name == document
    }


def without_gaps(name: str, document: Document) -> Document:
    """Return a document of OCPP 2.x without the entries of lists that 1.6 does not have."""
    for gap in GAPS.values():
        for (where, path), (member, value) in (gap.lists or {}).items():
            if where == name:
                document = _without(document, path.split("."), member, value)
    return document


def _without(part: Any, path: Sequence[str], member: str, value: Any) -> Any:
    if not path:
        return [each for each in part if each[member] != value]
    key: Any = int(path[0]) if isinstance(part, list) else path[0]
    copy = part.copy()
    copy[key] = _without(part[key], path[1:], member, value)
    return copy


# --- Comparing ------------------------------------------------------------------------------

_MASKED: Final = frozenset(
    {
        *("at", "bootedAt", "chargingStartedAt", "endedAt", "endedTime", "expiresAt"),
        *("insertedAt", "receivedAt", "since", "startedAt", "startedTime", "timestamp", "ts"),
        *("commandId", "cs", "hash", "id", "lastSeqNo", "seqNo", "serialNumber"),
        *("transactionId", "transactionUuid"),
        *("energyWh", "meterLastWh", "meterStart", "meterStartWh", "meterStop", "powerW"),
        *("socLastPercent", "socPercent", "socStartPercent", "transactionEnergyWh", "voltageV"),
        "observed",  # the current alone is told every 10 s at most
    }
)
"""Members that differ between any two stations: times, ids, and what a meter counts."""
_STILL: Final = frozenset({"Current.Offered"})
"""Measurands that are what the bridge has made of them; a car takes its time to follow."""
VERSION: Final = ("ocpp.version", "ocppVersion", "ocpp.status")
"""Where the version of OCPP is told, in `state` and in `info`, and 1.6 its own word for a status."""


def differences(one: Document, other: Document) -> dict[str, Values]:
    """Return the members in which two documents differ, by their path."""
    first, second = dict(_leaves(_masked(one))), dict(_leaves(_masked(other)))
    return {
        path: values
        for path in sorted(first.keys() | second.keys())
        if path not in VERSION
        and (values := (first.get(path, ABSENT), second.get(path, ABSENT)))[0] != values[1]
    }


def _masked(part: Any, key: str = "") -> Any:
    """Return a document in which what differs between any two stations is `*`, unless null."""
    if key in _MASKED and part is not None:
        return "*"
    if isinstance(part, dict):
        inside = {name: _masked(value, name) for name, value in part.items()}
        if part.get("measurand") not in {None, *_STILL}:
            inside["value"] = "*"
        return inside
    return [_masked(each) for each in part] if isinstance(part, list) else part


def _leaves(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give each value in a document by its path."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(part, dict):
        pairs = part.items()
    elif isinstance(part, list):
        pairs = enumerate(part)
    empty = True
    for key, value in pairs:
        empty = False
        yield from _leaves(value, f"{path}.{key}" if path else str(key))
    if empty:
        yield path, part
