"""Tokens in any order: whoever waits is answered once and in time, and no transaction waits."""

from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.domain import station as rules
from bridge.domain import upkeep, verdicts
from bridge.domain.calls import CallAnswered, RequestStopTransaction
from bridge.domain.commands import AnswerInquiry
from bridge.domain.effects import AuthorizeReply, InquiryRecorded, Later, Reply, TransactionReply
from bridge.domain.enums import AuthorizationStatus, EventType
from bridge.domain.events import Authorize, Connected, IdToken
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.settings import AuthorizationSettings, AuthorizeMode, StationSettings
from bridge.domain.tokens import ListedToken, TokenList, Verdict
from tests.unit.domain.builders import ACCEPTED as CALLED
from tests.unit.domain.builders import T0, command, event

PATIENCE: Final = timedelta(seconds=10)
LISTED: Final = IdToken(value="listed", type="ISO14443")
SETTINGS: Final = StationSettings(
    known=True,
    automatic_calls=False,
    authorize=AuthorizeMode.ASK,
    authorization=AuthorizationSettings(
        tokens=TokenList.of([ListedToken(value=LISTED.value)], b"key")
    ),
)
TOKENS: Final = [LISTED, *(IdToken(value=f"card{n}", type="ISO14443") for n in range(12))]
CARDS: Final = st.sampled_from(TOKENS)
EVSES: Final = st.sampled_from([1, 2])
STATUSES: Final = st.sampled_from(
    [AuthorizationStatus.ACCEPTED, AuthorizationStatus.BLOCKED, AuthorizationStatus.INVALID]
)


class VerdictMachine(RuleBasedStateMachine):
    """What stations show and what controllers answer, through `station.handle`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.station = Station(id=StationId("CS1"))
        self.waiting: dict[str, IdToken] = {}
        self.asked: list[str] = []
        self.running: dict[int, tuple[str, int]] = {}
        self.count = 0
        self.stops: set[str] = set()
        self.tell(Connected(version="2.0.1", connection_id="c1", remote="127.0.0.1"))

    def tell(self, message: rules.Input) -> Reply:
        before = self.station
        outcome = rules.handle(before, message, self.now, SETTINGS)
        assert rules.handle(before, message, self.now, SETTINGS) == outcome
        self.station = outcome.station
        for late in outcome.late:
            assert isinstance(late.reply, AuthorizeReply)
            token = self.waiting.pop(late.ticket)  # once, and only whoever waits
            if late.reply.verdict.accepted:
                assert self.station.authorized_token == token
        for recorded in outcome.events:
            if isinstance(recorded, InquiryRecorded) and recorded.verdict is None:
                self.asked.append(recorded.inquiry.id)
        for call in outcome.calls:
            if isinstance(call.request, RequestStopTransaction):
                self.stops.add(call.request.transaction_id)
            self.tell(CallAnswered(call_id=call.call_id, outcome=CALLED))
        return outcome.reply

    @rule(seconds=st.sampled_from([1, 4, 10, 400]))
    def passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.tell(rules.Tick())

    @rule()
    def restarts(self) -> None:
        self.tell(rules.Restarted())
        assert not self.station.inquiries
        self.waiting.clear()
        self.tell(Connected(version="2.0.1", connection_id="c1", remote="127.0.0.1"))

    @rule(card=CARDS)
    def shows(self, card: IdToken) -> None:
        reply = self.tell(Authorize(id_token=card))
        if isinstance(reply, Later):
            assert card is not LISTED
            self.waiting[reply.ticket] = card
        else:
            assert isinstance(reply, AuthorizeReply)
            assert reply.verdict.accepted or card is not LISTED

    @rule(evse_id=EVSES, card=CARDS)
    def begins(self, evse_id: int, card: IdToken) -> None:
        self.count += 1
        self.running[evse_id] = (f"T{self.count}", 0)
        self.report(evse_id, EventType.STARTED, card)

    @rule(evse_id=EVSES, card=CARDS)
    def ends(self, evse_id: int, card: IdToken) -> None:
        if evse_id in self.running:
            self.report(evse_id, EventType.ENDED, card)
            del self.running[evse_id]

    def report(self, evse_id: int, event_type: EventType, card: IdToken) -> None:
        transaction_id, seq_no = self.running[evse_id]
        self.running[evse_id] = (transaction_id, seq_no + 1)
        said = event(
            event_type,
            seq_no,
            self.now,
            transaction_id=transaction_id,
            evse_id=evse_id,
            id_token=card,
        )
        reply = self.tell(said)
        assert isinstance(reply, TransactionReply)
        assert reply.verdict is not None

    @rule(back=st.integers(1, 4), status=STATUSES)
    def decides(self, back: int, status: AuthorizationStatus) -> None:
        if len(self.asked) < back:
            return
        request = self.asked[-back]
        open_ = {inquiry.id: inquiry for inquiry in self.station.inquiries}
        known = open_.get(request)
        self.count += 1
        arguments = AnswerInquiry(verdict=Verdict(status=status), request=request)
        self.tell(command(arguments, f"c{self.count}", at=self.now, evse_id=0))
        assert request not in {inquiry.id for inquiry in self.station.inquiries}
        if known is not None and self.now < known.until and status != "Accepted":
            running = {transaction_id for transaction_id, _ in self.running.values()}
            assert set(known.transaction_ids) & running <= self.stops

    @invariant()
    def whoever_waits_has_a_question_that_is_open(self) -> None:
        awaited = {inquiry.id for inquiry in self.station.inquiries if inquiry.awaited}
        assert awaited == set(self.waiting)
        assert len(self.station.inquiries) <= verdicts.MAX_OPEN

    @invariant()
    def no_question_is_open_for_longer_than_its_time(self) -> None:
        for inquiry in self.station.inquiries:
            assert inquiry.until <= inquiry.asked_at + PATIENCE
            due = upkeep.next_deadline(self.station, self.now)
            assert due is not None
            assert due <= max(inquiry.until, self.now + upkeep.OVERDUE_AGAIN_AFTER)

    @invariant()
    def each_token_has_one_question(self) -> None:
        values = [inquiry.id_token.value for inquiry in self.station.inquiries]
        assert len(values) == len(set(values))


TestVerdicts = VerdictMachine.TestCase
