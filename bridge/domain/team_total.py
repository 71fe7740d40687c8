"""The live total of a group: controllers' claims on it, by the rules of an EVSE's slots.

A claim can lower the configured total, never raise it. Among the claims the highest priority
wins, then the lower, then the newer one (allocation.md, Two kinds of input).
"""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from bridge.domain.allocation import Supply, claims_of, is_live
from bridge.domain.commands import (
    Command,
    CommandRef,
    CommandResult,
    OnExpire,
    Refusal,
    Release,
    ResultCode,
    ResultStatus,
    SetLimit,
)
from bridge.domain.control import Slot
from bridge.domain.records import replace
from bridge.domain.team import TeamSettings, Totals
from bridge.domain.units import rfc3339

FAILSAFE_CONTROLLER: Final = "_failsafe"
HIGHEST_PRIORITY: Final = 1000
_COMPARED_BY: Final = Supply(voltage_v=230.0, phases=3)
"""Only to say which of two claims is lower where one is in A and the other in W."""


class TeamRecord(Struct, frozen=True, kw_only=True):
    """What must be remembered of a group over restarts; the shares are with the stations."""

    name: str
    slots: tuple[Slot, ...] = ()


class TeamOutcome(Struct, frozen=True, kw_only=True):
    """What follows from a command."""

    record: TeamRecord
    results: tuple[CommandResult, ...]


def winner(record: TeamRecord, now: datetime) -> Slot | None:
    """Return the claim that counts, None where there is none."""
    live = [slot for slot in record.slots if is_live(slot, now)]
    claims = claims_of(live, _COMPARED_BY)
    return claims[0][1] if claims else None


def totals(record: TeamRecord, settings: TeamSettings, now: datetime) -> Totals:
    """Return what the group may draw now."""
    claim = winner(record, now)
    if claim is None:
        return settings.totals
    return Totals(
        limit_a=_lower(settings.totals.limit_a, claim.limit_a),
        limit_w=_lower(settings.totals.limit_w, claim.limit_w),
    )


def _lower(configured: float | None, claimed: float | None) -> float | None:
    known = [limit for limit in (configured, claimed) if limit is not None]
    return min(known, default=None)


def lapse(record: TeamRecord, settings: TeamSettings, now: datetime) -> TeamRecord:
    """Return the record without claims that ran out; the last may leave its limit behind."""
    live = tuple(slot for slot in record.slots if is_live(slot, now))
    if len(live) == len(record.slots):
        return record
    held = [
        (slot, slot.expires_at)
        for slot in record.slots
        if slot.expires_at and slot not in live and slot.on_expire is OnExpire.FAILSAFE
    ]
    if live or not held:
        return replace(record, slots=live)
    last, ended = held[-1]
    failsafe = replace(
        last,
        controller=FAILSAFE_CONTROLLER,
        priority=HIGHEST_PRIORITY,
        since=now,
        expires_at=ended + timedelta(seconds=settings.failsafe_seconds),
        on_expire=OnExpire.RELEASE,
    )
    return lapse(replace(record, slots=(failsafe,)), settings, now)


def next_deadline(record: TeamRecord) -> datetime | None:
    """Return when the next claim runs out."""
    return min((slot.expires_at for slot in record.slots if slot.expires_at), default=None)


def handle(
    record: TeamRecord, command: Command, settings: TeamSettings, now: datetime
) -> TeamOutcome:
    """Carry out `limit` or `release`: accepted and done at once, or refused with a reason."""
    record = lapse(record, settings, now)
    ref = command.ref
    if command.expires_at is not None and command.expires_at <= now:
        refusal = Refusal(code=ResultCode.EXPIRED, message="expiresAt has passed")
        return _refused(record, ref, refusal, ResultStatus.EXPIRED, now)
    kept = tuple(slot for slot in record.slots if slot.controller != ref.controller)
    arguments = command.arguments
    if isinstance(arguments, Release):
        record = replace(record, slots=kept)
        return _done(record, command, settings, now, ResultCode.OK)
    if not isinstance(arguments, SetLimit):
        refusal = Refusal(code=ResultCode.UNSUPPORTED, message=f"{ref.name} is not for a team")
        return _refused(record, ref, refusal, ResultStatus.REJECTED, now)
    slot = _slot(ref, arguments, settings, now)
    others = tuple(other for other in kept if other.controller != FAILSAFE_CONTROLLER)
    record = replace(record, slots=(*others, slot))
    return _done(record, command, settings, now, _code(record, slot, settings, now))


def _slot(ref: CommandRef, limit: SetLimit, settings: TeamSettings, now: datetime) -> Slot:
    seconds = limit.ttl_seconds or settings.default_ttl_seconds
    return Slot(
        controller=ref.controller,
        source=ref.source,
        priority=limit.priority,
        since=now,
        limit_a=limit.limit_a,
        limit_w=limit.limit_w,
        expires_at=now + timedelta(seconds=seconds) if seconds else None,
        on_expire=limit.on_expire,
        command_id=ref.id,
    )


def _code(record: TeamRecord, slot: Slot, settings: TeamSettings, now: datetime) -> ResultCode:
    if winner(record, now) != slot:
        return ResultCode.STANDBY
    configured = settings.totals
    pairs = ((slot.limit_a, configured.limit_a), (slot.limit_w, configured.limit_w))
    above = any(asked is not None and most is not None and asked > most for asked, most in pairs)
    return ResultCode.CLIPPED if above else ResultCode.OK


def _done(
    record: TeamRecord, command: Command, settings: TeamSettings, now: datetime, code: ResultCode
) -> TeamOutcome:
    ref, asked = command.ref, command.arguments
    live, claim = totals(record, settings, now), winner(record, now)
    facts: dict[str, Any] = {"totalA": live.limit_a, "totalW": live.limit_w}
    facts["controller"] = claim.controller if claim else None
    if isinstance(asked, SetLimit):
        mine = next(slot for slot in record.slots if slot.controller == ref.controller)
        facts |= {"requestedA": asked.limit_a, "requestedW": asked.limit_w}
        facts["expiresAt"] = rfc3339(mine.expires_at) if mine.expires_at else None
    accepted = CommandResult(ref=ref, status=ResultStatus.ACCEPTED, code=ResultCode.OK, at=now)
    done = CommandResult(ref=ref, status=ResultStatus.DONE, code=code, at=now, data=facts)
    return TeamOutcome(record=record, results=(accepted, done))


def _refused(
    record: TeamRecord, ref: CommandRef, refusal: Refusal, status: ResultStatus, now: datetime
) -> TeamOutcome:
    result = CommandResult(ref=ref, status=status, code=refusal.code, at=now, refusal=refusal)
    return TeamOutcome(record=record, results=(result,))
