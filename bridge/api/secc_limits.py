"""The limits of a charge controller's API (secc.md, REST and WebSocket): what clients write. Pure.

A client has one lease: a current, a power, whether they count (`enabled`), and for how long
(`timeout`). What it leaves out stays as it is; each write begins the time-out anew; NaN or null
gives a value up. With us the lease is a claim like any other, of source API, or MQTT where it came by
the controller's own topics: what counts is a slot of the EVSE, what does not count (yet) is
remembered for as long as the time-out says.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from msgspec import Struct
from pydantic import Field
from typing_extensions import TypedDict

from bridge.api.commands.base import MAX_LIMIT_A, MAX_LIMIT_W, MAX_TTL_SECONDS
from bridge.domain import allocation
from bridge.domain.commands import Arguments, Pause, Release, Resume, SetLimit, SetPhases
from bridge.domain.control import PhaseClaim, Slot
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings

DEFAULT_TIMEOUT_MS: Final = 300_000
LONGEST_TIMEOUT_MS: Final = MAX_TTL_SECONDS * 1000
ONE_PHASE: Final = 1
ALL_PHASES: Final = 3


class SeccLimitsDocument(TypedDict):
    """What a client of the API has set; null is what a charge controller writes as NaN."""

    amperageLimit: Annotated[float | None, Field(ge=0, description="A per phase.")]
    powerLimit: Annotated[int | None, Field(ge=0, description="W over all phases.")]
    timeout: Annotated[int, Field(ge=1, description="How long it holds after each write, ms.")]
    enabled: Annotated[bool, Field(description="Whether the limits count.")]


class Write(TypedDict, total=False):
    """What a client writes; what it leaves out stays as it is."""

    amps: float | None
    """A per phase; None gives it up."""
    watts: float | None
    timeout_ms: int
    enabled: bool
    one_phase: bool
    rotated: bool


class SeccLimits(Struct, frozen=True, kw_only=True):
    """The lease of one client."""

    amps: float | None = None
    """A per phase."""
    watts: float | None = None
    """W over all phases; where both are set, the lower holds."""
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    enabled: bool = False

    @property
    def given(self) -> bool:
        """Whether there is a limit, counting or not."""
        return self.amps is not None or self.watts is not None

    @property
    def ttl_seconds(self) -> int:
        """The time-out in whole seconds, rounded up."""
        return math.ceil(self.timeout_ms / 1000)


NOTHING_SET: Final = SeccLimits()


class Remembered(Struct, frozen=True, kw_only=True):
    """What a client has set, until its time-out is over."""

    limits: SeccLimits
    until: datetime

    @classmethod
    def at(cls, now: datetime, limits: SeccLimits) -> "Remembered":
        """Return what is remembered of limits that are written now."""
        return cls(limits=limits, until=now + timedelta(milliseconds=limits.timeout_ms))


class WriteError(Exception):
    """What was written cannot be read; the message says why, `key` names the value."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


# --- Reading ----------------------------------------------------------------------------------


def read_body(body: bytes) -> Write:
    """Return what a `PUT /api/v1/limits` writes. Raises WriteError.

    Bare NaN is read as null. Keys are those of the documentation, in each of its spellings; others
    are passed over, unless there are no others.
    """
    try:
        given = json.loads(body, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise WriteError(f"the body is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise WriteError("the body must be a JSON object")
    write: Write = {}
    for key, value in given.items():
        write = merged(write, _read(key, value))
    if not write:
        raise WriteError(f"nothing to set (known: {', '.join(sorted(_KEYS))})")
    return write


def read_command(text: str) -> Write:
    r"""Return what a command of the WebSocket writes: `setCurrentLimit\n8.5`. Raises WriteError."""
    key, _, value = text.partition("\n")
    write = read_value(key.strip(), value.strip())
    if not write:
        raise WriteError(f"there is no command {key[:40]!r}", key[:40])
    return write


def read_value(key: str, text: str) -> Write:
    """Return what a value as text writes, nothing where there is no such key. Raises WriteError."""
    return _read(key, _WORDS.get(text.casefold(), text))


def merged(earlier: Write, later: Write) -> Write:
    """Return both writes as one."""
    return {**earlier, **later}


def _constant(name: str) -> float | None:
    return None if name == "NaN" else math.inf


def _read(key: str, value: Any) -> Write:
    row = _KEYS.get(key)
    if row is None:
        return {}
    name, read = row
    try:
        found: Write = {name: read(value)}  # type: ignore[misc]  # one of its keys, by the table
    except ValueError as error:
        raise WriteError(f"{key} {error}", key) from None
    return found


def _limit(highest: float) -> Callable[[Any], float | None]:
    def read(value: Any) -> float | None:
        if value is None or value == "NaN":
            return None
        number = _number(value)
        if not 0 <= number <= highest:
            raise ValueError(f"must be from 0 to {highest:g}, or null (NaN) to give it up")
        return number

    return read


def _timeout(value: Any) -> int:
    number = DEFAULT_TIMEOUT_MS if value is None else _number(value)
    if not 1 <= number <= LONGEST_TIMEOUT_MS:
        raise ValueError(f"must be from 1 to {LONGEST_TIMEOUT_MS} ms")
    return int(number)


def _number(value: Any) -> float:
    """Return a number, also of a text that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")  # noqa: TRY004  # as for one out of range
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError("must be a number") from None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004  # as for a number
    return value


def _one_phase(value: Any) -> bool:
    """Return whether one phase is meant: `true`, or as a number of phases, `1`."""
    if isinstance(value, bool):
        return value
    if _number(value) not in {ONE_PHASE, ALL_PHASES}:
        raise ValueError("must be true (one phase) or false")
    return _number(value) == ONE_PHASE


_KEYS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    key: row
    for keys, row in {
        ("amperageLimit", "setAmperageLimit", "setCurrentLimit"): ("amps", _limit(MAX_LIMIT_A)),
        # the documentation of the PUT has the second p missing
        ("powerLimit", "setPowerLimit", "sePowerLimit"): ("watts", _limit(MAX_LIMIT_W)),
        ("timeout", "setTimeout"): ("timeout_ms", _timeout),
        ("enabled", "setEnabled"): ("enabled", _boolean),
        ("set1p3p", "setOnePhaseLimit", "setOnePhaseLimitActive"): ("one_phase", _one_phase),
        ("setPhaseRotation", "setPhaseRotationActive"): ("rotated", _boolean),
    }.items()
    for key in keys
}
"""Every spelling of the documentation and of known clients: what it writes, and how it is read."""
_WORDS: Final[Mapping[str, bool | None]] = {
    "true": True,
    "false": False,
    "nan": None,
    "null": None,
    "": None,
}
"""Values of commands that are no numbers."""


# --- What is set --------------------------------------------------------------------------------


def limits_document(limits: SeccLimits) -> SeccLimitsDocument:
    """Return the document of `GET /api/v1/limits`."""
    return {
        "amperageLimit": limits.amps,
        "powerLimit": None if limits.watts is None else round(limits.watts),
        "timeout": limits.timeout_ms,
        "enabled": limits.enabled,
    }


def limits_of(
    evse: Evse,
    controller: str,
    remembered: Remembered | None,
    now: datetime,
    source: AllocationSource = AllocationSource.API,
) -> SeccLimits:
    """Return what a client has set: what counts is what the EVSE has of it."""
    known = NOTHING_SET if remembered is None or remembered.until <= now else remembered.limits
    mine = _slots(evse, (source, controller), now)
    paused = any(slot.pause for slot in mine)
    found = next((slot for slot in mine if not slot.pause), None)
    if found is not None and not (paused and known.given):
        return replace(_lease(found, known.timeout_ms), enabled=not paused)
    # limits that the EVSE does not have count no more, whoever has taken them back
    return replace(known, enabled=known.enabled and not known.given and not paused)


def limits_in_force(evse: Evse, now: datetime) -> SeccLimits:
    """Return the limits of the API that count, whichever client has set them."""
    slots = [
        slot
        for slot in evse.slots
        if slot.source is AllocationSource.API and allocation.is_live(slot, now)
    ]
    if not slots:
        return NOTHING_SET
    supply = allocation.Supply(
        voltage_v=evse.supply_voltage_v or _ANY_VOLTAGE, phases=evse.supply_phases or ALL_PHASES
    )
    winner = allocation.claims_of(slots, supply)[0][1]
    if winner.pause:
        return SeccLimits(amps=0.0, enabled=True)
    return replace(_lease(winner, DEFAULT_TIMEOUT_MS), enabled=True)


_ANY_VOLTAGE: Final = 230.0
"""Where none is known: only the order of several clients' limits depends on it."""


def _lease(slot: Slot, default_ms: int) -> SeccLimits:
    lasts = None if slot.expires_at is None else slot.expires_at - slot.since
    timeout_ms = default_ms
    if lasts is not None and math.ceil(default_ms / 1000) != round(lasts.total_seconds()):
        timeout_ms = round(lasts.total_seconds() * 1000)
    return SeccLimits(amps=slot.limit_a, watts=slot.limit_w, timeout_ms=timeout_ms)


Claimant = tuple[AllocationSource, str]


def _whose(claim: Slot | PhaseClaim) -> Claimant:
    return claim.source, claim.controller


def _slots(evse: Evse, whose: Claimant, now: datetime) -> list[Slot]:
    return [slot for slot in evse.slots if _whose(slot) == whose and allocation.is_live(slot, now)]


# --- What a write leads to ----------------------------------------------------------------------


def written(limits: SeccLimits, write: Write, settings: StationSettings) -> SeccLimits:
    """Return the limits after a write: below the minimum current 0 A, at most the installation's.

    A power is converted by the arbiter, which follows voltage and phases.
    """
    after = SeccLimits(
        amps=write.get("amps", limits.amps),
        watts=write.get("watts", limits.watts),
        timeout_ms=write.get("timeout_ms", limits.timeout_ms),
        enabled=write.get("enabled", limits.enabled),
    )
    if after.amps is None:
        return after
    amps = min(after.amps, settings.installation_max_a)
    return replace(after, amps=amps if amps >= settings.minimum_a else 0.0)


def commands_for(
    evse: Evse,
    controller: str,
    write: Write,
    after: SeccLimits,
    *,
    now: datetime,
    disabled_pauses: bool,
    source: AllocationSource = AllocationSource.API,
) -> Iterable[Arguments]:
    """Return the commands that make a write real, in an order that never frees the charging.

    Args:
        evse: As it is before.
        controller: The client.
        write: What it writes now.
        after: All that it has set then (`written`).
        now: The present moment.
        disabled_pauses: `enabled` = false is a pause, and not only the end of the limits; NaN
            still gives control back.
        source: By which way it writes.
    """
    mine = _slots(evse, (source, controller), now)
    limited, paused = any(not slot.pause for slot in mine), any(slot.pause for slot in mine)
    given_up = not after.given and (_gives_up(write, "amps") or _gives_up(write, "watts"))
    pauses = disabled_pauses and ("enabled" in write or paused)
    ttl_seconds = after.ttl_seconds
    if after.enabled and after.given:
        yield SetLimit(limit_a=after.amps, limit_w=after.watts, ttl_seconds=ttl_seconds)
        if paused:
            yield Resume()
    elif pauses and not after.enabled and not given_up:
        yield Pause(ttl_seconds=ttl_seconds)
    elif limited or paused:
        yield Release(keep_phases=True)
    if "one_phase" in write:
        phases = ONE_PHASE if write["one_phase"] else None
        yield SetPhases(phases=phases, ttl_seconds=ttl_seconds if phases else None)
    elif _phase_lease(evse, (source, controller)):
        yield SetPhases(phases=ONE_PHASE, ttl_seconds=ttl_seconds)


def _gives_up(write: Write, name: str) -> bool:
    return name in write and write.get(name) is None


def _phase_lease(evse: Evse, whose: Claimant) -> bool:
    """Say whether a client holds the charging to one phase for a time, which each write renews."""
    return any(
        _whose(claim) == whose and claim.expires_at is not None for claim in evse.phase_claims
    )
