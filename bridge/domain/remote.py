"""Beginning and ending transactions from afar: start, stop, extend (OCPP 2.x F01 to F03)."""

from datetime import datetime, timedelta
from typing import Any, Final

from bridge.domain import (
    allocation,
    answers,
    claims,
    kept_limits,
    service,
    start_profile,
    transaction_limits,
    wanted,
)
from bridge.domain.calls import (
    MAY_HAVE_HAPPENED,
    CallFailed,
    CallOutcome,
    CallResult,
    RequestStartTransaction,
    RequestStopTransaction,
)
from bridge.domain.commands import (
    Command,
    CommandRef,
    Extend,
    Refusal,
    ResultCode,
    Start,
    Stop,
)
from bridge.domain.control import InstalledProfile
from bridge.domain.draft import Draft
from bridge.domain.enums import ChargingState
from bridge.domain.ids import STATION_EVSE, requested_uuid
from bridge.domain.model import Evse, PendingRemote, Transaction
from bridge.domain.records import replace
from bridge.domain.units import rfc3339

REMEMBERED_STARTS: Final = 8
_BEFORE_CHARGING: Final = frozenset({None, ChargingState.EV_CONNECTED, ChargingState.IDLE})


def start(draft: Draft, command: Command) -> None:
    """Ask the station to begin a transaction, and remember what it is to be bound by."""
    arguments = command.arguments
    assert isinstance(arguments, Start)  # noqa: S101  # by the handler table
    evse = draft.evses.get(command.ref.evse_id)
    running = evse.transaction if evse and evse.transaction and evse.transaction.open else None
    if running is not None and not _waits_for_a_token(running):
        draft.accept(command.ref)
        facts = {"transactionId": running.id, "transactionUuid": running.uuid}
        draft.done(command.ref, ResultCode.ALREADY_STARTED, facts)
        return
    refusal = _unfit(draft, evse, arguments)
    if refusal is not None:
        draft.refuse(command.ref, refusal)
        return
    remote_start_id = draft.station.remote_start_count + 1
    draft.change(remote_start_count=remote_start_id)
    draft.accept(command.ref)
    highest_a = draft.settings.installation_max_a
    asked_a = arguments.max_a
    max_a = None if asked_a is None else allocation.round_down(min(asked_a, highest_a))
    request = RequestStartTransaction(
        evse_id=evse.id if evse else None,
        remote_start_id=remote_start_id,
        id_token=arguments.id_token,
        connector_id=arguments.connector_id,
    )
    profile = start_profile.profile_for(draft, evse, max_a)
    call_id = draft.call(
        _bringing(draft, evse, request, profile),
        command.expires_at,
        _after_the_last(draft, evse),
    )
    service.remember(
        draft,
        PendingRemote(
            ref=command.ref,
            call_id=call_id,
            transaction_uuid=start_uuid(command.ref),
            remote_start_id=remote_start_id,
            invoice_id=arguments.invoice_id,
            id_token=arguments.id_token,
            max_a=max_a,
            clipped=asked_a is not None and asked_a > highest_a,
            energy_wh=arguments.energy_wh,
            until=arguments.until,
            profile=profile,
            again=None if profile is None else request,
            expires_at=command.expires_at,
        ),
    )


def _bringing(
    draft: Draft,
    evse: Evse | None,
    request: RequestStartTransaction,
    profile: InstalledProfile | None,
) -> RequestStartTransaction:
    """Return a start with its profile, where it brings one."""
    if evse is None or profile is None:
        return request
    return replace(request, profile=wanted.request_for(draft, evse, profile))


def _waits_for_a_token(running: Transaction) -> bool:
    """Say whether a transaction began with the cable, and a remote start authorizes it (F01)."""
    told = (running.id_token, running.remote_start_id, running.charging_started_at)
    return told == (None, None, None) and running.charging_state in _BEFORE_CHARGING


def start_uuid(ref: CommandRef) -> str:
    """Return the uuid by which whoever gives a `start` finds its transaction (seed 001)."""
    return requested_uuid(ref.controller, ref.id)


def _after_the_last(draft: Draft, evse: Evse | None) -> datetime | None:
    """Return before when a station must not be told to start again (charger-quirks 30)."""
    delay = timedelta(seconds=draft.settings.start_delay_seconds)
    evses = list(draft.evses.values()) if evse is None else [evse]
    ends = [each.transaction.ended_at for each in evses if each.transaction]
    # the station's clock may be ahead
    earliest = max((min(end, draft.now) + delay for end in ends if end), default=draft.now)
    return earliest if earliest > draft.now else None


def _unfit(draft: Draft, evse: Evse | None, arguments: Start) -> Refusal | None:
    """Return which argument a start cannot be carried out with."""
    if arguments.until is not None and arguments.until <= draft.now:
        return _in_the_past()
    if arguments.max_a is not None and claims.too_low(draft, arguments.max_a):
        return claims.below_minimum(draft, "maxA")
    return service.unknown_connector(evse, arguments.connector_id)


def stop(draft: Draft, command: Command) -> None:
    """Ask the station to end the named transaction, else the one that runs."""
    arguments = command.arguments
    assert isinstance(arguments, Stop)  # noqa: S101  # by the handler table
    wanted = {
        text for text in (arguments.transaction_id, arguments.transaction_uuid) if text is not None
    }
    ref = command.ref
    evses = draft.evses.values() if ref.evse_id == STATION_EVSE else [draft.evses[ref.evse_id]]
    last = [evse.transaction for evse in evses if evse.transaction is not None]
    if wanted:
        last = [t for t in last if wanted <= {t.id, t.uuid, t.start_uuid}]
        closed = any(wanted <= {c.id, c.uuid} for c in draft.station.closed)
        if not last and not closed:
            draft.refuse(ref, _not_found(wanted))
            return
    running = next((t for t in last if t.open), None)
    draft.accept(ref)
    if running is None:
        facts = {"transactionUuid": last[0].uuid} if wanted and last else None
        draft.done(ref, ResultCode.ALREADY_STOPPED, facts)
        return
    request = RequestStopTransaction(transaction_id=running.id)
    call_id = draft.call(request, command.expires_at)
    service.remember(draft, PendingRemote(ref=ref, call_id=call_id, transaction_uuid=running.uuid))


def _not_found(wanted: set[str]) -> Refusal:
    return Refusal(
        code=ResultCode.TRANSACTION_NOT_FOUND,
        message=f"no transaction {' / '.join(sorted(wanted))} on this EVSE",
    )


def answered(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> None:
    """Give a remote start or stop its final result."""
    if start_profile.may_be_refused(draft, pending, outcome) and _start_again(draft, pending):
        return
    if not isinstance(outcome, CallResult) or not outcome.accepted:
        if isinstance(outcome, CallFailed) and outcome.failure in MAY_HAVE_HAPPENED:
            lost(draft, pending)
        draft.refuse(pending.ref, *answers.refusal_of(outcome))
        return
    facts: dict[str, Any] = {"transactionUuid": pending.transaction_uuid}
    if pending.remote_start_id is not None:
        start_profile.learn(draft, pending)
        _keep_in_mind(draft, replace(pending, accepted_at=draft.now))
        facts = {
            "remoteStartId": pending.remote_start_id,
            "transactionUuid": _uuid(draft, outcome.transaction_id) or pending.transaction_uuid,
            "transactionId": outcome.transaction_id,
        }
        if pending.max_a is not None:
            facts["maxA"] = pending.max_a
    draft.done(pending.ref, ResultCode.CLIPPED if pending.clipped else ResultCode.OK, facts)


def _keep_in_mind(draft: Draft, start: PendingRemote) -> None:
    """Remember a start, so that its transaction is bound by what it lays down."""
    draft.change(remote_starts=(*draft.station.remote_starts, start)[-REMEMBERED_STARTS:])


def lost(draft: Draft, pending: PendingRemote) -> None:
    """Remember a start whose answer is lost: where it was carried out, what it says holds."""
    if pending.remote_start_id is not None:
        _keep_in_mind(draft, replace(pending, lost_at=draft.now))


def _start_again(draft: Draft, pending: PendingRemote) -> bool:
    """Ask once more for a start, without its profile; say whether that is to be.

    Not where a transaction runs by now: it may be the one that was asked for.
    """
    evse = draft.evses.get(pending.ref.evse_id)
    running = evse.transaction if evse and evse.transaction and evse.transaction.open else None
    late = pending.expires_at is not None and pending.expires_at <= draft.now
    if pending.again is None or late or (running is not None and not _waits_for_a_token(running)):
        return False
    call_id = draft.call(pending.again, pending.expires_at)
    service.remember(
        draft,
        replace(pending, call_id=call_id, profile=None, again=None, without_profile=True),
    )
    return True


def _uuid(draft: Draft, transaction_id: str | None) -> str | None:
    """Return the uuid of a transaction that runs already, None where it does not."""
    for evse in draft.evses.values():
        if evse.transaction is not None and evse.transaction.id == transaction_id:
            return evse.transaction.uuid
    return None


def extend(draft: Draft, command: Command) -> None:
    """Move the moment at which the running transaction is ended (seed 001: expires)."""
    arguments = command.arguments
    assert isinstance(arguments, Extend)  # noqa: S101  # by the handler table
    ref = command.ref
    if arguments.until is not None and arguments.until <= draft.now:
        draft.refuse(ref, _in_the_past())
        return
    evse_ids = list(draft.evses) if ref.evse_id == STATION_EVSE else [ref.evse_id]
    known = [t for i in evse_ids if (t := draft.evses[i].transaction) is not None]
    running = [t for t in known if t.open]
    if len(running) != 1:
        draft.refuse(ref, _not_one(running, known))
        return
    evse = next(e for e in draft.evses.values() if e.transaction is running[0])
    after = transaction_limits.extended(running[0], arguments.until)
    evse = replace(evse, transaction=after)
    draft.put(evse)
    kept_limits.moved(draft, evse)
    draft.accept(ref)
    until = rfc3339(arguments.until) if arguments.until else None
    draft.done(ref, ResultCode.OK, {"transactionId": after.id, "until": until})


def _in_the_past() -> Refusal:
    return Refusal(
        code=ResultCode.INVALID_ARGUMENT,
        message="until has passed",
        details={"pointer": "/until"},
    )


def _not_one(running: list[Transaction], known: list[Transaction]) -> Refusal:
    if running:
        message = "several transactions run on this station: name the EVSE in the topic"
        return Refusal(code=ResultCode.UNKNOWN_EVSE, message=message)
    if known:
        return Refusal(code=ResultCode.TRANSACTION_ENDED, message="the transaction has ended")
    return Refusal(code=ResultCode.TRANSACTION_NOT_FOUND, message="no transaction runs here")
