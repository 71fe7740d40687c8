"""What each command does to a station (mqtt-api.md, Commands).

A command reaches this module once: well-formed, permitted, fresh and not a repetition. It is
answered `accepted` when it is taken on, and with exactly one final result when its outcome is
known: at once, when the station has accepted the profile that it led to (`profile`), or when
the station has answered the remote start or stop.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from bridge.domain import allocation, answers, profile
from bridge.domain.calls import (
    CallOutcome,
    CallResult,
    RequestStartTransaction,
    RequestStopTransaction,
)
from bridge.domain.commands import (
    DEFAULT_PRIORITY,
    Command,
    CommandRef,
    CommandResult,
    Get,
    Pause,
    Refusal,
    Release,
    ResultCode,
    ResultStatus,
    Resume,
    SetLimit,
    Start,
    Stop,
)
from bridge.domain.draft import Draft
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import PendingRemote, Slot, Waiting
from bridge.domain.records import replace
from bridge.domain.settings import BelowMinimum

REMEMBERED_STARTS: Final = 8


def handle(draft: Draft, command: Command) -> None:
    """Carry out a command, or refuse it with a reason."""
    refusal = _refusal(draft, command)
    if refusal is not None:
        status = (
            ResultStatus.EXPIRED if refusal.code is ResultCode.EXPIRED else ResultStatus.REJECTED
        )
        draft.refuse(command.ref, refusal, status)
        return
    _HANDLERS[type(command.arguments)](draft, command)


def _refusal(draft: Draft, command: Command) -> Refusal | None:
    """Return why this command cannot be taken on at all, None where it can."""
    if command.expires_at is not None and command.expires_at <= draft.now:
        return Refusal(code=ResultCode.EXPIRED, message="expiresAt has passed")
    evse_id = command.ref.evse_id
    if evse_id != STATION_EVSE and evse_id not in draft.evses:
        known = sorted(draft.evses)
        return Refusal(
            code=ResultCode.UNKNOWN_EVSE,
            message=f"this station has no EVSE {evse_id}; known: {known or 'none yet'}",
            details={"known": known},
        )
    if isinstance(command.arguments, Get) or draft.reachable:
        return None
    if command.defer and isinstance(command.arguments, (SetLimit, Release, Pause, Resume)):
        return None
    message = "the station is not accepted" if draft.station.online else "the station is offline"
    if not isinstance(command.arguments, (Start, Stop)):
        message += '; send "defer": true to have it applied when the station is back'
    return Refusal(code=ResultCode.STATION_OFFLINE, message=message)


# --- Slots: limit, release, pause, resume ---------------------------------------------------


def _limit(draft: Draft, command: Command) -> None:
    arguments = command.arguments
    assert isinstance(arguments, SetLimit)  # noqa: S101  # by the handler table
    limit_a, clipped = arguments.limit_a, False
    if limit_a is not None:
        clipped = limit_a > draft.settings.installation_max_a
        limit_a = allocation.round_down(min(limit_a, draft.settings.installation_max_a))
        if _too_low(draft, limit_a):
            draft.refuse(command.ref, _below_minimum(draft))
            return
    slot = Slot(
        controller=command.ref.controller,
        source=command.ref.source,
        priority=arguments.priority,
        since=draft.now,
        limit_a=limit_a,
        limit_w=arguments.limit_w,
        clipped=clipped,
        expires_at=_expiry(draft, arguments.ttl_seconds or draft.settings.default_ttl_seconds),
        on_expire=arguments.on_expire,
        until_disconnect=arguments.until_disconnect,
        command_id=command.ref.id,
    )
    _claim(draft, command, slot, requested_a=arguments.limit_a)


def _too_low(draft: Draft, limit_a: float) -> bool:
    rejects = draft.settings.below_minimum is BelowMinimum.REJECT
    return rejects and 0 < limit_a < draft.settings.minimum_a


def _below_minimum(draft: Draft) -> Refusal:
    minimum = draft.settings.minimum_a
    return Refusal(
        code=ResultCode.INVALID_ARGUMENT,
        message=f"limitA must be 0 or at least {minimum:g} here (below_minimum = reject)",
        details={"pointer": "/limitA", "minimumA": minimum},
    )


def _pause(draft: Draft, command: Command) -> None:
    arguments = command.arguments
    assert isinstance(arguments, Pause)  # noqa: S101  # by the handler table
    slot = Slot(
        controller=command.ref.controller,
        source=command.ref.source,
        priority=DEFAULT_PRIORITY,
        since=draft.now,
        pause=True,
        expires_at=_expiry(draft, arguments.ttl_seconds or draft.settings.default_ttl_seconds),
        command_id=command.ref.id,
    )
    _claim(draft, command, slot, requested_a=0.0)


def _release(draft: Draft, command: Command) -> None:
    _give_up(draft, command, lambda _slot: True)


def _resume(draft: Draft, command: Command) -> None:
    _give_up(draft, command, lambda slot: slot.pause)


def _expiry(draft: Draft, ttl_seconds: int | None) -> Any:
    return draft.now + timedelta(seconds=ttl_seconds) if ttl_seconds else None


def _claim(draft: Draft, command: Command, slot: Slot, requested_a: float | None) -> None:
    """Put a slot in the place of the same controller's earlier one, and make it real."""
    replaced = [
        s
        for s in _slots(draft, command.ref)
        if _same_claim(s, slot) or s.controller == profile.FAILSAFE_CONTROLLER
    ]
    others = [s for s in _slots(draft, command.ref) if s not in replaced]
    _set_slots(draft, command.ref, (*others, slot))
    draft.accept(command.ref)
    waiting = Waiting(
        ref=command.ref,
        slot=slot,
        previous=_last_confirmed(draft, replaced[0]) if replaced else None,
        requested_a=requested_a,
        expires_at=command.expires_at,
    )
    _wait(draft, waiting, lambda other: other.pause == slot.pause)


def _last_confirmed(draft: Draft, slot: Slot) -> Slot | None:
    """Return a slot, or where it was never sent to the station, what it took the place of."""
    unsent = [w for evse in draft.evses.values() for w in evse.waiting if w.slot == slot]
    return unsent[0].previous if unsent else slot


def _give_up(draft: Draft, command: Command, which: Callable[[Slot], bool]) -> None:
    """Remove this controller's slots and make it real."""
    ref = command.ref
    kept = tuple(
        slot
        for slot in _slots(draft, ref)
        if not (slot.controller == ref.controller and slot.source is ref.source and which(slot))
    )
    _set_slots(draft, ref, kept)
    draft.accept(ref)
    _wait(draft, Waiting(ref=ref, expires_at=command.expires_at), which)


def _same_claim(slot: Slot, other: Slot) -> bool:
    mine = (slot.controller, slot.source, slot.pause)
    return mine == (other.controller, other.source, other.pause)


def _slots(draft: Draft, ref: CommandRef) -> tuple[Slot, ...]:
    if ref.evse_id == STATION_EVSE:
        return draft.station.station_slots
    return draft.evses[ref.evse_id].slots


def _set_slots(draft: Draft, ref: CommandRef, slots: tuple[Slot, ...]) -> None:
    if ref.evse_id == STATION_EVSE:
        draft.change(station_slots=slots)
    else:
        draft.put(replace(draft.evses[ref.evse_id], slots=slots))


def _wait(draft: Draft, waiting: Waiting, replaces: Callable[[Slot], bool]) -> None:
    """Let a command wait for its outcome on every EVSE that it concerns."""
    ref = waiting.ref
    concerned = list(draft.evses) if ref.evse_id == STATION_EVSE else [ref.evse_id]
    if not concerned:
        draft.done(ref, ResultCode.STANDBY if waiting.slot else ResultCode.OK)
        return
    _supersede(draft, ref, replaces)
    for evse_id in concerned:
        evse = draft.evses[evse_id]
        draft.put(replace(evse, waiting=(*evse.waiting, waiting)))
    for evse_id in concerned:
        draft.put(profile.reconcile(draft, draft.evses[evse_id]))


def _supersede(draft: Draft, ref: CommandRef, replaces: Callable[[Slot], bool]) -> None:
    """Answer the same controller's earlier commands that were not sent yet."""
    owner = (ref.controller, ref.source, ref.evse_id)
    superseded: list[CommandRef] = []
    for evse in list(draft.evses.values()):
        old = [
            w
            for w in evse.waiting
            if (w.ref.controller, w.ref.source, w.ref.evse_id) == owner
            and (w.slot is None or replaces(w.slot))
        ]
        if old:
            draft.put(replace(evse, waiting=tuple(w for w in evse.waiting if w not in old)))
            superseded += [w.ref for w in old if w.ref not in superseded]
    for each in superseded:
        # on another EVSE it may be on its way already: then that answer counts
        if not answers.waits_anywhere(draft, each):
            draft.superseded(each)


# --- Remote start and stop -------------------------------------------------------------------


def _start(draft: Draft, command: Command) -> None:
    arguments = command.arguments
    assert isinstance(arguments, Start)  # noqa: S101  # by the handler table
    evse = draft.evses.get(command.ref.evse_id)
    running = evse.transaction if evse and evse.transaction and evse.transaction.open else None
    if running is not None:
        draft.accept(command.ref)
        facts = {"transactionId": running.id, "transactionUuid": running.uuid}
        draft.done(command.ref, ResultCode.ALREADY_STARTED, facts)
        return
    remote_start_id = draft.station.remote_start_count + 1
    draft.change(remote_start_count=remote_start_id)
    draft.accept(command.ref)
    call_id = draft.call(
        RequestStartTransaction(
            evse_id=evse.id if evse else None,
            remote_start_id=remote_start_id,
            id_token=arguments.id_token,
        )
    )
    _remember(
        draft,
        PendingRemote(
            ref=command.ref,
            call_id=call_id,
            remote_start_id=remote_start_id,
            invoice_id=arguments.invoice_id,
        ),
    )


def _stop(draft: Draft, command: Command) -> None:
    arguments = command.arguments
    assert isinstance(arguments, Stop)  # noqa: S101  # by the handler table
    wanted = {
        text for text in (arguments.transaction_id, arguments.transaction_uuid) if text is not None
    }
    ref = command.ref
    evses = draft.evses.values() if ref.evse_id == STATION_EVSE else [draft.evses[ref.evse_id]]
    last = [evse.transaction for evse in evses if evse.transaction is not None]
    if wanted:
        last = [t for t in last if wanted <= {t.id, t.uuid}]
        closed = any(wanted <= {c.id, c.uuid} for c in draft.station.closed)
        if not last and not closed:
            draft.refuse(ref, _not_found(wanted))
            return
    running = next((t for t in last if t.open), None)
    draft.accept(ref)
    if running is None:
        draft.done(ref, ResultCode.ALREADY_STOPPED)
        return
    call_id = draft.call(RequestStopTransaction(transaction_id=running.id))
    _remember(
        draft,
        PendingRemote(ref=ref, call_id=call_id, transaction_uuid=running.uuid),
    )


def _not_found(wanted: set[str]) -> Refusal:
    return Refusal(
        code=ResultCode.TRANSACTION_NOT_FOUND,
        message=f"no transaction {' / '.join(sorted(wanted))} on this EVSE",
    )


def _remember(draft: Draft, pending: PendingRemote) -> None:
    draft.change(calls=(*draft.station.calls, pending))


def remote_answered(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> None:
    """Give a remote start or stop its final result."""
    draft.change(calls=tuple(c for c in draft.station.calls if c is not pending))
    if not isinstance(outcome, CallResult) or not outcome.accepted:
        draft.refuse(pending.ref, *answers.refusal_of(outcome))
        return
    facts: dict[str, Any] = {"transactionUuid": pending.transaction_uuid}
    if pending.remote_start_id is not None:
        accepted = (*draft.station.remote_starts, pending)
        draft.change(remote_starts=accepted[-REMEMBERED_STARTS:])
        facts = {
            "remoteStartId": pending.remote_start_id,
            "transactionId": outcome.transaction_id,
        }
    draft.done(pending.ref, ResultCode.OK, facts)


def lost(draft: Draft, pending: PendingRemote) -> None:
    """Answer a remote start or stop that was on its way when the bridge died: not sent again."""
    draft.change(calls=tuple(c for c in draft.station.calls if c is not pending))
    refusal = Refusal(
        code=ResultCode.UNKNOWN,
        message="the bridge was restarted before the station answered; not sent again",
        details={"evses": {str(e.id): e.view.state.value for e in draft.evses.values()}},
    )
    draft.refuse(pending.ref, refusal, ResultStatus.UNKNOWN)


# --- Questions --------------------------------------------------------------------------------


def _get(draft: Draft, command: Command) -> None:
    arguments = command.arguments
    assert isinstance(arguments, Get)  # noqa: S101  # by the handler table
    draft.accept(command.ref)
    draft.results.append(
        CommandResult(
            ref=command.ref,
            status=ResultStatus.DONE,
            code=ResultCode.OK,
            at=draft.now,
            snapshot=arguments.what,
        )
    )


_HANDLERS: Final[dict[type, Callable[[Draft, Command], None]]] = {
    SetLimit: _limit,
    Release: _release,
    Pause: _pause,
    Resume: _resume,
    Start: _start,
    Stop: _stop,
    Get: _get,
}
