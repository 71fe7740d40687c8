"""What each command does to a station (mqtt-api.md, Commands).

A command reaches this module once: well-formed, permitted, fresh and not a repetition. It is
answered `accepted` when it is taken on, and with exactly one final result when its outcome is
known: at once, when the station has accepted the profile that it led to (`profile`), or when
the station has answered the remote start or stop.
"""

from collections.abc import Callable
from typing import Final

from bridge.domain import access, claims, looking, remote, service, verdicts
from bridge.domain.calls import CallOutcome
from bridge.domain.commands import (
    AnswerInquiry,
    ApproveStation,
    AskTransactionStatus,
    CallStation,
    ChangePassword,
    Command,
    CommandResult,
    Extend,
    Get,
    ListTransactions,
    Pause,
    ReadComposite,
    ReadProfiles,
    ReadVariables,
    Refusal,
    Release,
    ResetStation,
    ResultCode,
    ResultStatus,
    Resume,
    SetAvailability,
    SetLimit,
    SetPhases,
    Start,
    Stop,
    Trigger,
    Unlock,
    WriteVariables,
)
from bridge.domain.draft import Draft
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import PendingKind, PendingRemote
from bridge.domain.records import replace

_DEFERRABLE: Final = (SetLimit, Release, Pause, Resume, SetPhases)
"""Commands that can wait for a station to come back."""
_FOR_THE_BRIDGE: Final = (Get, ListTransactions, Extend, AnswerInquiry, ApproveStation)
"""Commands that need no station."""


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
    if isinstance(command.arguments, _FOR_THE_BRIDGE) or draft.reachable:
        return None
    if command.defer and isinstance(command.arguments, _DEFERRABLE):
        return None
    message = _unreachable(draft)
    if isinstance(command.arguments, _DEFERRABLE):
        message += '; send "defer": true to have it applied when the station is back'
    return Refusal(code=ResultCode.STATION_OFFLINE, message=message)


def _unreachable(draft: Draft) -> str:
    if not draft.station.online:
        return "the station is offline"
    if draft.station.quiet_until is not None:
        return "the station has just connected, and is asked nothing before it has booted"
    return "the station is not accepted"


def answered(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> None:
    """Give a command that waited for the station's answer its final result."""
    draft.change(calls=tuple(c for c in draft.station.calls if c is not pending))
    if pending.kind is PendingKind.REMOTE:
        remote.answered(draft, pending, outcome)
    elif pending.kind is PendingKind.LOGIN:
        access.password_answered(draft, pending, outcome)
    elif pending.kind in looking.ANSWERED_HERE:
        looking.answered(draft, pending, outcome)
    else:
        service.answered(draft, pending, outcome)


def lost(draft: Draft, pending: PendingRemote) -> None:
    """Answer a command that was on its way when the bridge died: it is not sent again."""
    draft.change(calls=tuple(c for c in draft.station.calls if c is not pending))
    if any(other.ref == pending.ref for other in draft.station.calls):
        return  # it has several calls: the last one answers it
    remote.lost(draft, pending)
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


def _transactions(draft: Draft, command: Command) -> None:
    arguments = command.arguments
    assert isinstance(arguments, ListTransactions)  # noqa: S101  # by the handler table
    evse_id = command.ref.evse_id
    page = replace(
        arguments.query,
        station_id=draft.station.id,
        evse_id=None if evse_id == STATION_EVSE else evse_id,
    )
    draft.accept(command.ref)
    draft.results.append(
        CommandResult(
            ref=command.ref,
            status=ResultStatus.DONE,
            code=ResultCode.OK,
            at=draft.now,
            page=page,
        )
    )


_HANDLERS: Final[dict[type, Callable[[Draft, Command], None]]] = {
    SetLimit: claims.limit,
    Release: claims.release,
    Pause: claims.pause,
    Resume: claims.resume,
    SetPhases: claims.set_phases,
    Start: remote.start,
    Stop: remote.stop,
    Extend: remote.extend,
    SetAvailability: service.availability,
    Unlock: service.unlock,
    ResetStation: service.reset,
    Trigger: service.trigger,
    ReadVariables: service.read_variables,
    WriteVariables: service.write_variables,
    AskTransactionStatus: service.transaction_status,
    ReadProfiles: looking.profiles,
    ReadComposite: looking.composite,
    CallStation: service.call,
    AnswerInquiry: verdicts.decide,
    ApproveStation: access.approve,
    ChangePassword: access.change_password,
    Get: _get,
    ListTransactions: _transactions,
}
