"""Letting a station in, and changing what it logs in with (OCPP 2.x A01, 1.6 security whitepaper).

What holds of passwords meanwhile is in `credentials`. No password is in the station's record, and
none comes with a command: the bridge makes it, and only the station gets to see it.
"""

from typing import Final

from bridge.domain import answers, arrival, credentials, readback, security, service
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    SetVariables,
)
from bridge.domain.commands import ChangePassword, Command, Refusal, ResultCode
from bridge.domain.credentials import LoggedIn
from bridge.domain.draft import Draft, registered
from bridge.domain.enums import Registration
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import PendingKind, PendingRemote
from bridge.domain.settings import StationAuth

_NEVER_SENT: Final = frozenset(
    {CallFailure.QUEUE_FULL, CallFailure.EXPIRED, CallFailure.UNSUPPORTED}
)


def logged_in(draft: Draft, message: LoggedIn) -> None:
    """Take note of how the station has logged in: what is older than its password is over."""
    before = draft.station.credentials
    after = credentials.used(before, message)
    if after is before:
        return
    draft.change(credentials=after)
    if message.password is not None:
        security.password_changed(draft)


# --- Approval -------------------------------------------------------------------------------


def approved(draft: Draft, *, boots: bool) -> None:
    """Let the station in. Where it does not boot anyway, it is asked to."""
    draft.change(registration=Registration.ACCEPTED)
    if boots:
        readback.begin(draft)
    else:
        arrival.approved(draft)


def approve(draft: Draft, command: Command) -> None:
    """Let the station in at a controller's word."""
    draft.accept(command.ref)
    if not registered(draft.station, draft.settings):
        approved(draft, boots=False)
    draft.done(command.ref, ResultCode.OK, {"registration": Registration.ACCEPTED.value})


# --- Passwords ------------------------------------------------------------------------------


def change_password(draft: Draft, command: Command) -> None:
    """Give the station a new password."""
    arguments = command.arguments
    assert isinstance(arguments, ChangePassword)  # noqa: S101  # by the handler table
    assert arguments.new is not None  # noqa: S101  # made where the command is taken in
    name = service.PASSWORD_1_6 if draft.station.version == "1.6" else service.PASSWORD
    refusal = _unfit(draft, command) or service.protected(draft, [name])
    if refusal is not None:
        draft.refuse(command.ref, refusal)
        return
    new = arguments.new
    draft.change(credentials=credentials.given(draft.station.credentials, new.given))
    draft.accept(command.ref)
    call_id = draft.call(SetVariables(values=((name, new.secret),)), command.expires_at)
    pending = PendingRemote(
        ref=command.ref, call_id=call_id, kind=PendingKind.LOGIN, password=new.given.digest
    )
    service.remember(draft, pending)


def _unfit(draft: Draft, command: Command) -> Refusal | None:
    message = None
    if command.ref.evse_id != STATION_EVSE:
        message = "a password is the whole station's: use EVSE 0"
    elif draft.settings.secc:
        message = "a charge controller has no password of OCPP"
    elif draft.settings.auth is StationAuth.MTLS:
        message = "this station logs in by its certificate (auth)"
    return None if message is None else Refusal(code=ResultCode.UNSUPPORTED, message=message)


def password_answered(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> None:
    """Give the command its result. Unless the station has refused it, both passwords are good."""
    result = _of_the_password(outcome)
    if isinstance(result, CallResult) and result.accepted:
        draft.done(pending.ref, ResultCode.OK, {"status": result.status})
        return
    never_sent = isinstance(result, CallFailed) and result.failure in _NEVER_SENT
    if pending.password is not None and (never_sent or isinstance(result, CallResult)):
        left = credentials.refused(draft.station.credentials, pending.password)
        draft.change(credentials=left)
    draft.refuse(pending.ref, *answers.refusal_of(result))


def _of_the_password(outcome: CallOutcome) -> CallOutcome:
    """Return the answer for the one variable as if it were the whole one, as OCPP 1.6 has it."""
    if isinstance(outcome, CallFailed) or not outcome.variables:
        return outcome
    (variable,) = outcome.variables[:1]
    return CallResult(
        accepted=variable.status in service.WRITTEN,
        status=variable.status,
        reason_code=variable.reason_code,
    )
