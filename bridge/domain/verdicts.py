"""Whether a token may charge (OCPP 2.x C01 to C09, E01.FR.11; 1.6 4.1, 4.8, 4.10).

Theory of operation. A verdict is known at once where everybody may charge, where the bridge's own
`start` has brought the token, where the owner's list has it, and where only the list counts.
Else (`authorize = "ask"`) controllers are asked by an event/authorize. There is one inquiry per
token, however often the station asks.

    Authorize           waits for the inquiry: its answer follows by ticket (`effects.Later`), and
                        is the default where nobody answers in time
    in a transaction    is answered at once, since a station must never wait there: by the last
                        verdict on the token, else by the default. The inquiry goes on beside;
                        a refusal then ends the transaction like any other limit of its own

Where the owner wants one transaction per token (`concurrent_transactions`), one that already
charges on another EVSE of the station is told ConcurrentTx in the second transaction. An Authorize
is not: that status belongs to transactions alone, and whoever shows a card may mean to stop.

An inquiry that cannot be begun, because too many are open, has the default for its result.
Inquiries do not survive the bridge: the station repeats what was not answered.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.domain import authorization, upkeep
from bridge.domain.commands import AnswerInquiry, Command, Refusal, ResultCode, ResultStatus
from bridge.domain.draft import Draft
from bridge.domain.effects import AuthorizeReply, InquiryRecorded, Later, LateReply, Reply
from bridge.domain.enums import AuthorizationStatus, EventType, TriggerReason
from bridge.domain.events import IdToken, TransactionEvent
from bridge.domain.ids import STATION_EVSE, event_id
from bridge.domain.inquiries import GivenVerdict, Inquiry
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.records import replace
from bridge.domain.settings import AuthorizeMode, StationSettings
from bridge.domain.tokens import ACCEPTED, Verdict

MAX_OPEN: Final = 8
"""Inquiries of one station at a time."""
REMEMBERED_VERDICTS: Final = 16
REMEMBERED_INQUIRIES: Final = 16
REPEATED_WITHIN: Final = timedelta(seconds=10)
"""An Authorize so soon after a controller's verdict on the token repeats the one that led to it."""
FRESH_FOR: Final = timedelta(minutes=5)
"""How long a controller's verdict is not asked for again when a transaction uses the token."""
REMOTE_START_WITHIN: Final = timedelta(hours=1)
"""How long the token of a remote start is accepted without its remoteStartId."""

_NO_AUTHORIZATION: Final = "NoAuthorization"
"""Type of the token of a start button, which needs no authorization (OCPP 2.x C02)."""
_UNKNOWN: Final = Verdict(status=AuthorizationStatus.UNKNOWN)
_CONCURRENT: Final = Verdict(status=AuthorizationStatus.CONCURRENT_TX)


# --- What is known ----------------------------------------------------------------------------


def at_once(
    station: Station, event: TransactionEvent, settings: StationSettings, now: datetime
) -> Verdict | None:
    """Return the answer to an event that was recorded before; None where it has no token."""
    token = event.id_token
    if token is None:
        return None
    if _charges_elsewhere(station, event, token, settings):
        return _CONCURRENT
    verdict = _known(station, token, settings, now, event)
    if verdict is not None:
        return verdict
    given = _given(station, token, now)
    return _default(settings) if given is None else given.verdict


def _known(
    station: Station,
    token: IdToken,
    settings: StationSettings,
    now: datetime,
    event: TransactionEvent | None = None,
) -> Verdict | None:
    """Return the verdict for which nobody has to be asked, None where there is none."""
    if settings.authorize is AuthorizeMode.ACCEPT or token.type == _NO_AUTHORIZATION:
        return ACCEPTED
    if _of_remote_start(station, token, now, event):
        return ACCEPTED
    type_ = None if station.version == "1.6" else token.type
    listed = settings.authorization.tokens.verdict(token.value, type_, now)
    if listed is None and settings.authorize is AuthorizeMode.LIST:
        return _UNKNOWN
    return listed


def _of_remote_start(
    station: Station, token: IdToken, now: datetime, event: TransactionEvent | None
) -> bool:
    """Say whether the bridge itself has brought this token to the station."""
    for start in (*station.calls, *station.remote_starts):
        if start.id_token is None or not authorization.same_token(start.id_token, token):
            continue
        if event is not None and event.remote_start_id == start.remote_start_id:
            return True
        if now - (start.settled_at or now) <= REMOTE_START_WITHIN:
            return True
    return any(
        transaction.remote_start_id is not None
        and (transaction.open or (event is not None and event.transaction_id == transaction.id))
        and transaction.id_token is not None
        and authorization.same_token(transaction.id_token, token)
        for transaction in _transactions(station)
    )


def _charges_elsewhere(
    station: Station, event: TransactionEvent, token: IdToken, settings: StationSettings
) -> bool:
    """Say whether a token would charge in two transactions, of which this event's is the second.

    A `start` of a controller is its own affair, and a start button has no account.
    """
    if settings.authorization.concurrent_transactions or token.type == _NO_AUTHORIZATION:
        return False
    if _ends(event):
        return False
    running = [held for held in _transactions(station) if held.open]
    own = next((held for held in running if held.id == event.transaction_id), None)
    if own is None or own.remote_start_id is not None:
        return False
    return any(
        held is not own
        and not held.token_refused
        and held.id_token is not None
        and authorization.same_token(held.id_token, token)
        for held in running
    )


def _transactions(station: Station) -> list[Transaction]:
    held = [evse.transaction for evse in station.evses.values() if evse.transaction is not None]
    return [*held, *station.unplaced]


def _given(station: Station, token: IdToken, now: datetime) -> GivenVerdict | None:
    """Return what a controller has last said of a token, as long as it holds."""
    for given in station.verdicts:
        if _same(given.id_token, token):
            until = given.verdict.valid_until
            return given if until is None or now < until else None
    return None


def _same(one: IdToken, other: IdToken) -> bool:
    return authorization.same_token(one, other) and one.type.casefold() == other.type.casefold()


def _default(settings: StationSettings) -> Verdict:
    return Verdict(status=settings.authorization.ask_default)


# --- What stations ask ------------------------------------------------------------------------


def authorize(draft: Draft, token: IdToken) -> Reply:
    """Answer an Authorize, now or later."""
    if draft.settings.authorize is AuthorizeMode.ACCEPT:
        return _answer(draft, token, ACCEPTED)
    station = draft.present
    verdict = _known(station, token, draft.settings, draft.now)
    if verdict is None:
        given = _given(station, token, draft.now)
        if given is not None and draft.now - given.at < REPEATED_WITHIN:
            verdict = given.verdict
    if verdict is None:
        inquiry = _ask(draft, token, STATION_EVSE)
        if inquiry is not None:
            return Later(ticket=inquiry.id)
        verdict = _default(draft.settings)
    return _answer(draft, token, verdict)


def _answer(draft: Draft, token: IdToken, verdict: Verdict) -> AuthorizeReply:
    if verdict.accepted:
        authorization.shown(draft, token)
    return AuthorizeReply(verdict=verdict)


def in_transaction(draft: Draft, event: TransactionEvent) -> Verdict | None:
    """Return the answer to an event that has just been recorded, and ask where it is worth it."""
    token = event.id_token
    settings = draft.settings
    if token is None:
        return None
    free = settings.authorization.concurrent_transactions
    if free and settings.authorize is AuthorizeMode.ACCEPT:
        return ACCEPTED
    station = draft.present
    evse_id = _runs_on(draft, event)
    if _charges_elsewhere(station, event, token, settings):
        verdict: Verdict | None = _CONCURRENT
    else:
        verdict = _known(station, token, settings, draft.now, event)
    if verdict is None:
        given = _given(station, token, draft.now)
        verdict = _default(settings) if given is None else given.verdict
        if evse_id is not None and (given is None or draft.now - given.at >= FRESH_FOR):
            _ask(draft, token, evse_id, event.transaction_id, verdict)
    if evse_id is not None and evse_id != STATION_EVSE:
        _keep(draft, draft.evses[evse_id], token, verdict)
    return verdict


def _keep(draft: Draft, evse: Evse, token: IdToken, verdict: Verdict) -> None:
    """Note whether the token of a running transaction may charge; the first that may is its own."""
    held = evse.transaction
    assert held is not None  # noqa: S101  # it runs there
    told = held
    if verdict.accepted and held.token_refused:
        told = replace(held, id_token=token, token_refused=False)
    elif not verdict.accepted and held.id_token is not None and _same(held.id_token, token):
        told = replace(held, token_refused=True)
    if told is not held:
        upkeep.refresh(draft, replace(evse, transaction=told), plugged=evse.view.plugged)


def _runs_on(draft: Draft, event: TransactionEvent) -> int | None:
    """Return the EVSE of the transaction that a token begins or goes on with; None for others."""
    if _ends(event):
        return None
    for evse in draft.evses.values():
        held = evse.transaction
        if held is not None and held.open and held.id == event.transaction_id:
            return evse.id
    waiting = any(held.id == event.transaction_id for held in draft.station.unplaced)
    return STATION_EVSE if waiting else None


def _ends(event: TransactionEvent) -> bool:
    """Say whether the token of an event is shown to end its transaction."""
    ended = event.event_type is EventType.ENDED
    return ended or event.trigger_reason is TriggerReason.STOP_AUTHORIZED


# --- Inquiries --------------------------------------------------------------------------------


def _ask(
    draft: Draft,
    token: IdToken,
    evse_id: int,
    transaction_id: str | None = None,
    told: Verdict | None = None,
) -> Inquiry | None:
    """Begin an inquiry, or take part in the one about this token; None where there is no room."""
    open_ = draft.station.inquiries
    about = () if transaction_id is None else (transaction_id,)
    same = next((inquiry for inquiry in open_ if _same(inquiry.id_token, token)), None)
    if same is not None:
        joined = replace(
            same,
            awaited=same.awaited or transaction_id is None,
            transaction_ids=(*same.transaction_ids, *about),
        )
        if joined != same:
            draft.change(inquiries=tuple(joined if each is same else each for each in open_))
        return joined
    if len(open_) >= MAX_OPEN:
        return None
    patience = timedelta(seconds=draft.settings.authorization.ask_timeout_seconds)
    inquiry = Inquiry(
        id=event_id(draft.station.id, "authorize", draft.station.revision, "asked", draft.now),
        id_token=token,
        evse_id=evse_id,
        asked_at=draft.now,
        until=draft.now + patience,
        awaited=transaction_id is None,
        transaction_ids=about,
    )
    draft.change(inquiries=(*open_, inquiry))
    draft.events.append(
        InquiryRecorded(
            event_id=inquiry.id,
            station_id=draft.station.id,
            evse_id=evse_id,
            received_at=draft.now,
            inquiry=inquiry,
            told=told,
        )
    )
    return inquiry


def lapse(draft: Draft) -> bool:
    """Close the inquiries whose time is over: the default holds. Say whether there were any."""
    over = [inquiry for inquiry in draft.station.inquiries if inquiry.until <= draft.now]
    for inquiry in over:
        _close(draft, inquiry, _default(draft.settings), None)
    return bool(over)


def forget(draft: Draft) -> None:
    """Give up all inquiries: whoever waited for their answers is gone."""
    for inquiry in draft.station.inquiries:
        _take_out(draft, inquiry)


def _take_out(draft: Draft, inquiry: Inquiry) -> None:
    station = draft.station
    draft.change(
        inquiries=tuple(each for each in station.inquiries if each is not inquiry),
        closed_inquiries=(*station.closed_inquiries, inquiry.id)[-REMEMBERED_INQUIRIES:],
    )


def _close(draft: Draft, inquiry: Inquiry, verdict: Verdict, command: Command | None) -> None:
    """End an inquiry, and give the station that waits for it its answer."""
    _take_out(draft, inquiry)
    if inquiry.awaited:
        reply = _answer(draft, inquiry.id_token, verdict)
        draft.late.append(LateReply(ticket=inquiry.id, reply=reply))
    place = f"authorize/{inquiry.id}"
    draft.events.append(
        InquiryRecorded(
            event_id=event_id(draft.station.id, place, 0, "decided", draft.now),
            station_id=draft.station.id,
            evse_id=inquiry.evse_id,
            received_at=draft.now,
            inquiry=inquiry,
            verdict=verdict,
            ref=None if command is None else command.ref,
        )
    )


# --- What controllers answer ------------------------------------------------------------------


def decide(draft: Draft, command: Command) -> None:
    """Take in a controller's verdict: the first one counts."""
    arguments = command.arguments
    assert isinstance(arguments, AnswerInquiry)  # noqa: S101  # by the handler table
    verdict = arguments.verdict
    if verdict.valid_until is not None and verdict.valid_until <= draft.now:
        draft.refuse(command.ref, _invalid("/validUntil", "validUntil has passed"))
        return
    inquiry = _meant(draft, arguments)
    if inquiry is None:
        draft.refuse(command.ref, *_over(draft, arguments))
        return
    draft.accept(command.ref)
    _remember(draft, inquiry.id_token, verdict)
    _close(draft, inquiry, verdict, command)
    stopping = [] if verdict.accepted else _refuse_running(draft, inquiry)
    facts = {
        "request": inquiry.id,
        "status": verdict.status.value,
        "stoppingTransactionIds": stopping,
    }
    draft.done(command.ref, ResultCode.OK, facts)


def _meant(draft: Draft, arguments: AnswerInquiry) -> Inquiry | None:
    return next((i for i in draft.station.inquiries if _is_meant(draft, i, arguments)), None)


def _is_meant(draft: Draft, inquiry: Inquiry, arguments: AnswerInquiry) -> bool:
    token = inquiry.id_token
    if arguments.request is not None:
        return arguments.request == inquiry.id
    if arguments.token_type is not None and arguments.token_type != token.type:
        return False
    if arguments.token_value is not None:
        return arguments.token_value.casefold() == token.value.casefold()
    return arguments.token_hash == draft.settings.authorization.tokens.hash_of(token.value)


def _over(draft: Draft, arguments: AnswerInquiry) -> tuple[Refusal, ResultStatus]:
    request = arguments.request
    if request is not None and request not in draft.station.closed_inquiries:
        message = "this station has not asked so, or long ago: take request from event/authorize"
        return _invalid("/request", message), ResultStatus.REJECTED
    message = "too late: it was answered before, its time was over, or the bridge was restarted"
    return Refusal(code=ResultCode.EXPIRED, message=message), ResultStatus.EXPIRED


def _invalid(pointer: str, message: str) -> Refusal:
    return Refusal(code=ResultCode.INVALID_ARGUMENT, message=message, details={"pointer": pointer})


def _remember(draft: Draft, token: IdToken, verdict: Verdict) -> None:
    others = tuple(given for given in draft.station.verdicts if not _same(given.id_token, token))
    given = GivenVerdict(id_token=token, verdict=verdict, at=draft.now)
    draft.change(verdicts=(*others, given)[-REMEMBERED_VERDICTS:])


def _refuse_running(draft: Draft, inquiry: Inquiry) -> list[str]:
    """Have the transactions that run on a refused token ended (`transaction_limits`)."""
    if not draft.settings.authorization.stop_refused:
        return []
    refused = []
    for evse in list(draft.evses.values()):
        held = evse.transaction
        if held is not None and held.open and held.id in inquiry.transaction_ids:
            draft.put(replace(evse, transaction=replace(held, refused=True)))
            refused.append(held.id)
    waiting = draft.station.unplaced
    if any(held.id in inquiry.transaction_ids for held in waiting):
        marked = tuple(replace(h, refused=h.id in inquiry.transaction_ids) for h in waiting)
        draft.change(unplaced=marked)
        refused += [held.id for held in waiting if held.id in inquiry.transaction_ids]
    return refused
