"""Whether a token may charge: known at once, asked of controllers, or left to the default."""

from datetime import timedelta
from typing import Any, Final

import pytest

from bridge.domain import upkeep, verdicts
from bridge.domain.calls import CallResult, RequestStopTransaction
from bridge.domain.commands import AnswerInquiry, Start
from bridge.domain.effects import (
    AuthorizeReply,
    InquiryRecorded,
    Later,
    LateReply,
    Reply,
    StartReply,
    TransactionReply,
)
from bridge.domain.enums import AuthorizationStatus as Status
from bridge.domain.enums import ChargingState, ConnectorStatus, Phase, StoppedReason, TriggerReason
from bridge.domain.events import Authorize, Connected, IdToken, StartTransaction
from bridge.domain.events import StopTransaction as Stops
from bridge.domain.settings import AuthorizationSettings, AuthorizeMode
from bridge.domain.station import Restarted
from bridge.domain.tokens import ACCEPTED, ListedToken, TokenList, Verdict
from tests.records import replace
from tests.unit.domain.builders import KNOWN, T0, Told, ready, refusal, updated

KEY: Final = b"key"
CARD: Final = IdToken(value="04A2B3C4", type="ISO14443")
OTHER: Final = IdToken(value="04FFFFFF", type="ISO14443")
UNKNOWN: Final = Verdict(status=Status.UNKNOWN)
INVALID: Final = Verdict(status=Status.INVALID)
BLOCKED: Final = Verdict(status=Status.BLOCKED)


def station(
    mode: AuthorizeMode,
    *tokens: ListedToken,
    version: str = "2.0.1",
    **rules: Any,
) -> Told:
    """A connected station whose tokens are judged by `mode` and this list."""
    settings = AuthorizationSettings(tokens=TokenList.of(tokens, KEY), **rules)
    told = ready(KNOWN, authorize=mode, authorization=settings)
    if version != "2.0.1":
        told.tell(Connected(version=version, connection_id="c1", remote="127.0.0.1"))
    return told


def listing(*tokens: ListedToken, **more: Any) -> Told:
    return station(AuthorizeMode.LIST, *tokens, **more)


def asking(*tokens: ListedToken, **more: Any) -> Told:
    return station(AuthorizeMode.ASK, *tokens, **more)


def shows(told: Told, token: IdToken = CARD) -> Reply:
    """Hold a card to the reader; return the answer of its Authorize."""
    return told.tell(Authorize(id_token=token)).reply


def says(told: Told, status: Status = Status.ACCEPTED, **more: Any) -> str:
    """Have a controller answer the last question; return the id of its command."""
    about: dict[str, Any] = {
        k: more.pop(k) for k in list(more) if k.startswith(("request", "token"))
    }
    if not about:
        about = {"request": questions(told)[-1].inquiry.id}
    verdict = Verdict(status=status, **more)
    return told.command(AnswerInquiry(verdict=verdict, **about), evse_id=0)


def questions(told: Told) -> list[InquiryRecorded]:
    """All questions to controllers so far."""
    return [e for e in inquiries(told) if e.verdict is None]


def inquiries(told: Told) -> list[InquiryRecorded]:
    return [e for e in told.events if isinstance(e, InquiryRecorded)]


def answered(told: Told) -> tuple[LateReply, ...]:
    """What stations were told after they had waited, by the last input."""
    return told.outcome.late


def remembers(told: Told) -> IdToken | None:
    """The token that the station has shown and that may charge."""
    return told.station.authorized_token


# --- everybody, and the list


def test_where_everybody_may_charge_no_list_counts() -> None:
    told = station(AuthorizeMode.ACCEPT, ListedToken(value=CARD.value, verdict=BLOCKED))
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=ACCEPTED)
    assert not inquiries(told)


@pytest.mark.parametrize("status", Status)
def test_the_list_says_what_a_token_is_told(status: Status) -> None:
    verdict = Verdict(status=status, group="FAMILY")
    told = listing(ListedToken(value=CARD.value, verdict=verdict))
    assert shows(told) == AuthorizeReply(verdict=verdict)
    assert remembers(told) == (CARD if status is Status.ACCEPTED else None)
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=verdict)


def test_a_token_that_is_not_listed_is_unknown() -> None:
    told = listing(ListedToken(value=OTHER.value))
    assert shows(told) == AuthorizeReply(verdict=UNKNOWN)
    assert remembers(told) is None
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=UNKNOWN)
    assert told.transaction.open  # it is recorded all the same: E01.FR.11 is about the answer
    assert not inquiries(told)


def test_a_listed_token_may_be_named_by_its_hash_and_in_any_case() -> None:
    by_hash = TokenList.of([], KEY).hash_of(CARD.value.lower())
    for entry in (ListedToken(hash=by_hash), ListedToken(value=CARD.value.lower())):
        assert shows(listing(entry)) == AuthorizeReply(verdict=ACCEPTED)


def test_a_listed_type_is_demanded_where_the_version_knows_types() -> None:
    entry = ListedToken(value=CARD.value, type="eMAID")
    assert shows(listing(entry)) == AuthorizeReply(verdict=UNKNOWN)
    assert shows(listing(ListedToken(value=CARD.value, type="iso14443"))) == AuthorizeReply(
        verdict=ACCEPTED
    )
    tag = IdToken(value=CARD.value, type="Central")
    assert shows(listing(entry, version="1.6"), tag) == AuthorizeReply(verdict=ACCEPTED)


def test_of_two_types_of_one_value_each_has_its_own_verdict() -> None:
    told = listing(
        ListedToken(value=CARD.value, type="eMAID", verdict=BLOCKED),
        ListedToken(value=CARD.value, type="ISO14443"),
    )
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)
    assert shows(told, replace(CARD, type="eMAID")) == AuthorizeReply(verdict=BLOCKED)


def test_a_listed_token_expires() -> None:
    until = T0 + timedelta(hours=1)
    verdict = Verdict(group="FAMILY", valid_until=until)
    told = listing(ListedToken(value=CARD.value, verdict=verdict))
    assert shows(told) == AuthorizeReply(verdict=verdict)
    told.tick(3600)
    expired = Verdict(status=Status.EXPIRED, group="FAMILY")
    assert shows(told) == AuthorizeReply(verdict=expired)


def test_a_start_button_needs_no_authorization() -> None:
    token = IdToken(value="", type="NoAuthorization")
    for told in (listing(), asking()):
        assert told.start(id_token=token).reply == TransactionReply(verdict=ACCEPTED)
        assert not inquiries(told)


# --- the bridge's own starts


def begun(told: Told, **more: Any) -> int:
    """Start from afar with CARD; return the remoteStartId."""
    told.command(Start(id_token=CARD, **more))
    told.answer(CallResult(accepted=True, status="Accepted"))
    return told.station.remote_starts[-1].remote_start_id or 0


@pytest.mark.parametrize("mode", [AuthorizeMode.LIST, AuthorizeMode.ASK])
def test_the_token_of_a_remote_start_is_accepted(mode: AuthorizeMode) -> None:
    told = station(mode, ListedToken(value=CARD.value, verdict=BLOCKED))
    told.command(Start(id_token=CARD))
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)  # before it has answered, too
    told.answer(CallResult(accepted=True, status="Accepted"))
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)
    number = told.station.remote_starts[-1].remote_start_id
    told.tick(7200)  # waiting for the cable
    begins = told.start(id_token=CARD, remote_start_id=number)
    assert begins.reply == TransactionReply(verdict=ACCEPTED)
    told.tick(7200)
    assert told.end(id_token=CARD).reply == TransactionReply(verdict=ACCEPTED)
    assert not inquiries(told)


def test_the_token_of_an_old_remote_start_is_judged_again() -> None:
    told = listing(ListedToken(value=CARD.value, verdict=BLOCKED))
    begun(told)
    assert shows(told, OTHER) == AuthorizeReply(verdict=UNKNOWN)
    told.tick(3602)
    assert shows(told) == AuthorizeReply(verdict=BLOCKED)
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=BLOCKED)


# --- asking


def test_a_listed_token_is_not_asked_about() -> None:
    told = asking(ListedToken(value=CARD.value), ListedToken(value=OTHER.value, verdict=BLOCKED))
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)
    assert shows(told, OTHER) == AuthorizeReply(verdict=BLOCKED)
    assert not inquiries(told)


@pytest.mark.parametrize("status", Status)
def test_a_controller_is_asked_and_its_answer_is_the_stations(status: Status) -> None:
    told = asking()
    reply = shows(told)
    (question,) = questions(told)
    assert reply == Later(ticket=question.inquiry.id)
    assert (question.evse_id, question.told) == (0, None)
    assert question.inquiry.until == told.now + timedelta(seconds=10)
    assert remembers(told) is None

    until = told.now + timedelta(days=1)
    command_id = says(told, status, group="FAMILY", valid_until=until)
    verdict = Verdict(status=status, group="FAMILY", valid_until=until)
    assert answered(told) == (
        LateReply(ticket=question.inquiry.id, reply=AuthorizeReply(verdict=verdict)),
    )
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {
        "request": question.inquiry.id,
        "status": status.value,
        "stoppingTransactionIds": [],
    }
    decided = inquiries(told)[-1]
    assert (decided.verdict, decided.ref and decided.ref.id) == (verdict, command_id)
    assert remembers(told) == (CARD if status is Status.ACCEPTED else None)
    assert not told.station.inquiries


@pytest.mark.parametrize("default", [Status.ACCEPTED, Status.INVALID])
def test_where_nobody_answers_the_default_is_the_answer(default: Status) -> None:
    told = asking(ask_default=default, ask_timeout_seconds=5.0)
    reply = shows(told)
    assert isinstance(reply, Later)
    assert upkeep.next_deadline(told.station, told.now) == told.now + timedelta(seconds=5)
    told.tick(4.9)
    assert answered(told) == ()
    told.tick(0.1)
    verdict = Verdict(status=default)
    assert answered(told) == (
        LateReply(ticket=reply.ticket, reply=AuthorizeReply(verdict=verdict)),
    )
    assert remembers(told) == (CARD if default is Status.ACCEPTED else None)
    decided = inquiries(told)[-1]
    assert (decided.verdict, decided.ref) == (verdict, None)


def test_an_answer_that_comes_late_is_expired() -> None:
    told = asking()
    shows(told)
    request = questions(told)[0].inquiry.id
    told.tick(10)
    late = says(told, request=request)
    assert told.finals(late) == [("expired", "expired")]
    assert answered(told) == ()


def test_an_answer_at_the_very_end_is_too_late() -> None:
    told = asking()
    shows(told)
    told.now += timedelta(seconds=9)  # the command comes a second later, before any tick
    late = says(told)
    assert told.finals(late) == [("expired", "expired")]
    assert [each.reply for each in answered(told)] == [AuthorizeReply(verdict=INVALID)]


def test_the_first_answer_counts() -> None:
    told = asking()
    shows(told)
    request = questions(told)[0].inquiry.id
    first = says(told, Status.BLOCKED)
    second = says(told, Status.ACCEPTED, request=request)
    assert told.finals(first) == [("done", "ok")]
    assert told.finals(second) == [("expired", "expired")]


def test_a_question_that_was_never_asked_is_an_invalid_argument() -> None:
    told = asking()
    shows(told)
    wrong = says(told, request="nothing-of-ours")
    status, code, message, details = refusal(told, wrong)
    assert (status, code, details) == ("rejected", "invalid_argument", {"pointer": "/request"})
    assert message == (
        "this station has not asked so, or long ago: take request from event/authorize"
    )
    assert told.station.inquiries


def test_a_verdict_that_has_expired_is_no_answer() -> None:
    told = asking()
    shows(told)
    wrong = says(told, valid_until=told.now)
    assert refusal(told, wrong)[:2] == ("rejected", "invalid_argument")
    assert told.station.inquiries


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"token_value": "04a2b3c4"}, True),
        ({"token_value": "04a2b3c4", "token_type": "ISO14443"}, True),
        ({"token_hash": TokenList.of([], KEY).hash_of("04A2B3C4")}, True),
        ({"token_value": "04a2b3c4", "token_type": "eMAID"}, False),
        ({"token_value": "04FFFFFF"}, False),
        ({"token_hash": "0" * 16}, False),
    ],
)
def test_a_question_can_be_answered_by_its_token(about: dict[str, Any], found: bool) -> None:
    told = asking()
    shows(told)
    command_id = says(told, **about)
    assert told.finals(command_id) == [("done", "ok") if found else ("expired", "expired")]
    assert bool(answered(told)) is found


def test_a_station_may_be_gone_when_the_answer_comes() -> None:
    told = asking()
    shows(told)
    told.disconnect()
    command_id = says(told)
    assert told.finals(command_id) == [("done", "ok")]
    told.connect()
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)  # its repetition


def test_a_station_that_asks_again_takes_part_in_the_question() -> None:
    told = asking()
    first, again = shows(told), shows(told)
    assert first == again
    assert len(questions(told)) == 1
    says(told, Status.BLOCKED)
    assert len(answered(told)) == 1
    assert shows(told) == AuthorizeReply(verdict=BLOCKED)  # the repetition of a lost answer
    told.tick(10)
    assert isinstance(shows(told), Later)  # somebody shows it anew
    assert len(questions(told)) == 2


def test_what_nobody_has_answered_is_asked_again() -> None:
    told = asking()
    shows(told)
    told.tick(10)
    assert isinstance(shows(told), Later)


def test_questions_are_bounded() -> None:
    told = asking(ask_timeout_seconds=300.0)
    cards = [IdToken(value=f"CARD{n}", type="ISO14443") for n in range(verdicts.MAX_OPEN)]
    assert all(isinstance(shows(told, card), Later) for card in cards)
    assert shows(told) == AuthorizeReply(verdict=INVALID)
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=INVALID)
    assert len(questions(told)) == verdicts.MAX_OPEN
    says(told)
    assert isinstance(shows(told), Later)


def test_what_is_remembered_is_bounded() -> None:
    told = asking()
    for n in range(30):
        shows(told, IdToken(value=f"CARD{n}", type="ISO14443"))
        says(told)
    assert len(told.station.verdicts) == verdicts.REMEMBERED_VERDICTS
    assert len(told.station.closed_inquiries) == verdicts.REMEMBERED_INQUIRIES


def test_questions_do_not_survive_the_bridge() -> None:
    told = asking()
    shows(told)
    request = questions(told)[0].inquiry.id
    told.tell(Restarted())
    assert not told.station.inquiries
    assert answered(told) == ()
    assert told.finals(says(told, request=request)) == [("expired", "expired")]


# --- in a transaction


def test_a_transaction_is_answered_by_the_verdict_that_its_token_had_before() -> None:
    told = asking(ask_default=Status.INVALID)
    shows(told)
    says(told, group="FAMILY")
    verdict = Verdict(group="FAMILY")
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=verdict)
    told.tick(3600)
    assert told.end(id_token=CARD).reply == TransactionReply(verdict=verdict)
    assert len(questions(told)) == 1


def test_a_verdict_counts_no_longer_than_it_is_valid() -> None:
    told = asking()
    shows(told)
    says(told, valid_until=told.now + timedelta(seconds=60))
    told.tick(60)
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=INVALID)
    assert len(questions(told)) == 2


@pytest.mark.parametrize("default", [Status.ACCEPTED, Status.INVALID])
def test_a_token_that_nobody_knows_is_answered_at_once_and_asked_about(default: Status) -> None:
    told = asking(ask_default=default)
    outcome = told.start(id_token=CARD)
    verdict = Verdict(status=default)
    assert outcome.reply == TransactionReply(verdict=verdict)
    (question,) = questions(told)
    assert (question.evse_id, question.told) == (1, verdict)
    assert question.inquiry.transaction_ids == ("T1",)
    assert not question.inquiry.awaited
    says(told)
    assert answered(told) == ()
    assert not told.calls
    assert told.transaction.open


def test_a_refusal_ends_the_transaction_that_has_begun_meanwhile() -> None:
    told = asking(ask_default=Status.ACCEPTED)
    told.start(id_token=CARD)
    command_id = says(told, Status.BLOCKED)
    assert told.request == RequestStopTransaction(transaction_id="T1")
    assert (told.result(command_id).data or {})["stoppingTransactionIds"] == ["T1"]
    assert told.allocation.pending_a == 0.0
    told.answer(CallResult(accepted=False, status="Rejected"))
    asked = len(told.calls)
    told.tick(30)
    assert told.calls[asked:][0].request == RequestStopTransaction(transaction_id="T1")
    ends = told.end(id_token=CARD)
    assert ends.reply == TransactionReply(verdict=BLOCKED)


def test_a_refusal_ends_nothing_where_that_is_not_wanted() -> None:
    told = asking(ask_default=Status.ACCEPTED, stop_refused=False)
    told.start(id_token=CARD)
    command_id = says(told, Status.BLOCKED)
    assert (told.result(command_id).data or {})["stoppingTransactionIds"] == []
    assert inquiries(told)[-1].verdict == BLOCKED
    assert not told.calls


def test_a_default_that_refuses_ends_nothing_later() -> None:
    told = asking()
    told.start(id_token=CARD)
    told.tick(10)
    assert inquiries(told)[-1].verdict == INVALID
    assert not told.calls  # the station was told at once, and does as it is configured


def test_a_transaction_that_begins_while_its_token_is_asked_about_is_ended_too() -> None:
    told = asking(ask_default=Status.ACCEPTED)
    reply = shows(told)
    told.start(id_token=CARD)
    assert len(questions(told)) == 1
    says(told, Status.BLOCKED)
    assert isinstance(reply, Later)
    assert answered(told) == (
        LateReply(ticket=reply.ticket, reply=AuthorizeReply(verdict=BLOCKED)),
    )
    assert told.request == RequestStopTransaction(transaction_id="T1")


def test_an_authorize_waits_for_the_question_of_a_transaction() -> None:
    told = asking()
    told.start(id_token=CARD)
    reply = shows(told)
    assert reply == Later(ticket=questions(told)[0].inquiry.id)
    assert len(questions(told)) == 1
    says(told)
    assert len(answered(told)) == 1


def test_a_transaction_without_an_evse_is_ended_when_it_has_one() -> None:
    told = ready(
        KNOWN,
        evses=2,
        authorize=AuthorizeMode.ASK,
        authorization=AuthorizationSettings(ask_default=Status.ACCEPTED),
    )
    told.start(id_token=CARD, evse_id=None)
    assert questions(told)[0].evse_id == 0
    says(told, Status.BLOCKED)
    assert not told.calls
    told.start(evse_id=2)
    assert told.request == RequestStopTransaction(transaction_id="T1")


def test_an_old_verdict_answers_and_is_asked_for_again() -> None:
    told = asking()
    shows(told)
    says(told)
    told.tick(300)
    assert told.start(id_token=CARD).reply == TransactionReply(verdict=ACCEPTED)
    assert len(questions(told)) == 2
    says(told, Status.BLOCKED)
    assert told.request == RequestStopTransaction(transaction_id="T1")


def test_who_ends_a_transaction_is_not_asked_about() -> None:
    told = asking()
    told.start()
    told.tell(
        replace(
            told.recorded.event,
            event_type=told.recorded.event.event_type.UPDATED,
            trigger_reason=TriggerReason.STOP_AUTHORIZED,
            seq_no=1,
            timestamp=told.now,
            id_token=CARD,
        )
    )
    assert told.outcome.reply == TransactionReply(verdict=INVALID)
    told.end(seq_no=2, id_token=OTHER)
    assert told.outcome.reply == TransactionReply(verdict=INVALID)
    assert not inquiries(told)


def test_what_was_recorded_before_is_answered_by_what_is_known_by_now() -> None:
    told = asking(ask_default=Status.ACCEPTED)
    told.start(id_token=CARD)
    event = told.events[-2].event
    assert verdicts.at_once(told.station, event, told.settings, told.now) == ACCEPTED
    says(told, Status.BLOCKED)
    assert verdicts.at_once(told.station, event, told.settings, told.now) == BLOCKED
    listed = listing(ListedToken(value=CARD.value)).settings
    assert verdicts.at_once(told.station, event, listed, told.now) == ACCEPTED
    without = replace(event, id_token=None)
    assert verdicts.at_once(told.station, without, told.settings, told.now) is None


def test_a_transaction_whose_token_is_refused_waits_for_another() -> None:
    told = listing(ListedToken(value=OTHER.value))
    told.status(ConnectorStatus.OCCUPIED)
    told.start(charging_state=ChargingState.EV_CONNECTED)
    assert told.view.phase is Phase.AWAITING_AUTHORIZATION
    for number, (token, phase) in enumerate(
        [(CARD, Phase.AWAITING_AUTHORIZATION), (OTHER, Phase.STARTING)], start=1
    ):
        more = {"trigger_reason": TriggerReason.AUTHORIZED, "id_token": token}
        told.tell(updated(number, told.now, **more))
        assert told.view.phase is phase
    assert told.transaction.id_token == OTHER
    # a stranger changes nothing, whatever the trigger
    for number, trigger in ((3, TriggerReason.AUTHORIZED), (4, TriggerReason.STOP_AUTHORIZED)):
        more = {"trigger_reason": trigger, "id_token": CARD}
        assert told.tell(updated(number, told.now, **more)).reply == TransactionReply(
            verdict=UNKNOWN
        )
        assert not told.transaction.token_refused
        assert told.transaction.id_token == OTHER


# --- OCPP 1.6

TAG: Final = IdToken(value="TAG1", type="Central")


def test_a_start_of_1_6_is_answered_at_once_and_its_repetition_alike() -> None:
    told = asking(version="1.6")
    message = StartTransaction(evse_id=1, id_token=TAG, meter_start_wh=0.0, timestamp=told.now)
    reply = told.tell(message).reply
    assert isinstance(reply, StartReply)
    assert reply.verdict == INVALID
    assert told.tell(message).reply == reply
    assert len(questions(told)) == 1
    says(told)
    accepted = told.tell(message).reply
    assert accepted == StartReply(transaction_id=reply.transaction_id, verdict=ACCEPTED)

    stop = Stops(
        transaction_id=str(reply.transaction_id),
        meter_stop_wh=10.0,
        timestamp=told.now,
        reason=StoppedReason.LOCAL,
        trigger_reason=TriggerReason.STOP_AUTHORIZED,
        id_token=TAG,
    )
    assert told.tell(stop).reply == TransactionReply(verdict=ACCEPTED)


def test_a_remote_start_of_1_6_is_accepted_though_the_list_refuses() -> None:
    told = listing(ListedToken(value=CARD.value, verdict=BLOCKED), version="1.6")
    begun(told)
    tag = IdToken(value=CARD.value, type="Central")
    assert shows(told, tag) == AuthorizeReply(verdict=ACCEPTED)
    told.tick(1200)  # longer than a start is taken for its consequence
    message = StartTransaction(evse_id=1, id_token=tag, meter_start_wh=0.0, timestamp=told.now)
    reply = told.tell(message).reply
    assert isinstance(reply, StartReply)
    assert reply.verdict == ACCEPTED


# --- one transaction per token


def begins(told: Told, evse_id: int, token: IdToken = CARD, **more: Any) -> Verdict | None:
    """Have a card begin a transaction on an EVSE; return what the station is told."""
    reply = told.start(f"T{evse_id}", evse_id, id_token=token, **more).reply
    assert isinstance(reply, TransactionReply)
    return reply.verdict


CONCURRENT: Final = Verdict(status=Status.CONCURRENT_TX)
MODES: Final = [AuthorizeMode.ACCEPT, AuthorizeMode.LIST, AuthorizeMode.ASK]


def sparing(mode: AuthorizeMode = AuthorizeMode.LIST, **more: Any) -> Told:
    """A station where a token may charge once at a time, and both cards may charge."""
    cards = [ListedToken(value=card.value) for card in (CARD, OTHER)]
    return station(mode, *cards, concurrent_transactions=False, **more)


@pytest.mark.parametrize("mode", MODES)
def test_a_token_that_charges_is_told_so_in_a_second_transaction(mode: AuthorizeMode) -> None:
    told = sparing(mode)
    assert begins(told, 1) == ACCEPTED
    lower = replace(CARD, value=CARD.value.lower())
    assert begins(told, 2, lower) == CONCURRENT
    assert begins(told, 3, OTHER) == ACCEPTED
    assert (told.evse(1).transaction, told.evse(2).transaction) != (None, None)
    told.tell(updated(1, told.now, transaction_id="T1", id_token=CARD))
    assert told.outcome.reply == TransactionReply(verdict=ACCEPTED)


def test_the_second_transaction_may_go_on_when_the_first_is_over() -> None:
    told = sparing()
    begins(told, 1)
    begins(told, 2)
    told.end("T1")
    told.tell(updated(1, told.now, transaction_id="T2", id_token=CARD))
    assert told.outcome.reply == TransactionReply(verdict=ACCEPTED)


@pytest.mark.parametrize("mode", MODES)
def test_several_at_a_time_is_what_is_usual(mode: AuthorizeMode) -> None:
    told = station(mode, ListedToken(value=CARD.value))
    assert [begins(told, evse_id) for evse_id in (1, 2)] == [ACCEPTED, ACCEPTED]


def test_to_show_a_card_is_no_transaction() -> None:
    told = sparing()
    begins(told, 1)
    assert shows(told) == AuthorizeReply(verdict=ACCEPTED)


def test_a_token_may_end_what_runs_on_another() -> None:
    told = sparing()
    begins(told, 1)
    begins(told, 2, OTHER)
    told.tell(
        updated(
            1,
            told.now,
            transaction_id="T2",
            id_token=CARD,
            trigger_reason=TriggerReason.STOP_AUTHORIZED,
        )
    )
    assert told.outcome.reply == TransactionReply(verdict=ACCEPTED)


def test_a_start_of_a_controller_and_a_button_are_free() -> None:
    told = sparing(AuthorizeMode.ACCEPT)
    begins(told, 1)
    told.status(ConnectorStatus.AVAILABLE, 2)
    told.command(Start(id_token=CARD), evse_id=2)
    told.answer()
    assert begins(told, 2, remote_start_id=told.station.remote_start_count) == ACCEPTED
    button = IdToken(value="", type="NoAuthorization")
    assert [begins(told, evse_id, button) for evse_id in (3, 4)] == [ACCEPTED, ACCEPTED]


def test_an_event_that_is_repeated_gets_the_same_answer() -> None:
    told = sparing()
    begins(told, 1)
    first = updated(0, T0, transaction_id="T1", id_token=CARD)
    begins(told, 2)
    second = updated(0, T0, transaction_id="T2", id_token=CARD)
    again = [
        verdicts.at_once(told.station, event, told.settings, told.now) for event in (first, second)
    ]
    assert again == [ACCEPTED, CONCURRENT]
    unheard = updated(0, T0, transaction_id="T9", id_token=CARD)
    assert verdicts.at_once(told.station, unheard, told.settings, told.now) == ACCEPTED


def test_a_start_transaction_of_1_6_is_told_so_too() -> None:
    told = sparing(version="1.6")
    card = replace(CARD, type="Central")
    replies = [
        told.tell(
            StartTransaction(
                evse_id=evse_id, id_token=card, meter_start_wh=0.0, timestamp=told.now
            )
        ).reply
        for evse_id in (1, 2)
    ]
    assert [reply.verdict.status for reply in replies if isinstance(reply, StartReply)] == [
        Status.ACCEPTED,
        Status.CONCURRENT_TX,
    ]
