"""The two conversations of a connection, step by step."""

import pytest

from bridge.domain.calls import CallOutcome
from bridge.ocpp.frames import Call, CallError, CallResult, ErrorCode
from bridge.ocpp.rpc import (
    Answered,
    AnswerMemory,
    AnswerRefused,
    Exchange,
    Flooded,
    Outgoing,
    Refused,
    Request,
    Rpc,
    Settled,
    Told,
)

HEARTBEAT = b'[2,"a","Heartbeat",{}]'
ANSWER = b'[3,"a",{"currentTime":"2026-11-21T08:00:00Z"}]'
REPEATED = Settled("ocpp.call_repeated")
UNSOLICITED = Settled("ocpp.answer_unsolicited")
UNKNOWN_TYPE = Settled("ocpp.message_type_unknown")


class Wire:
    """One connection: its machine and what it sent."""

    def __init__(self, memory: AnswerMemory | None = None, *, knows_send: bool = False) -> None:
        self.sent: list[bytes] = []
        self.rpc = Rpc(
            memory or AnswerMemory(),
            send=self.sent.append,
            send_call=lambda _, text: self.sent.append(text),
            call_timeout=30,
            queue_limit=2,
            knows_send=knows_send,
        )

    def opened(self, text: bytes = HEARTBEAT) -> Exchange:
        request = self.rpc.received(text, 0)
        assert isinstance(request, Request)
        return request.exchange


def no_answer(outcome: CallOutcome) -> None:
    raise AssertionError(outcome)


def outgoing(message_id: str) -> Outgoing:
    return Outgoing(message_id=message_id, action="Reset", payload={}, on_answer=no_answer)


class TestTheStationsCalls:
    def test_a_call_is_answered_by_closing_its_exchange(self) -> None:
        wire = Wire()
        wire.opened().close(ANSWER)
        assert wire.sent == [ANSWER]

    def test_only_the_first_closing_counts(self) -> None:
        wire = Wire()
        exchange = wire.opened()
        exchange.close(ANSWER)
        exchange.close(b"other")
        exchange.close(None)
        assert wire.sent == [ANSWER]
        assert wire.rpc.received(HEARTBEAT, 1) == REPEATED
        assert wire.sent == [ANSWER, ANSWER]

    def test_a_call_being_handled_is_not_handled_again(self) -> None:
        wire = Wire()
        exchange = wire.opened()
        assert wire.rpc.received(HEARTBEAT, 1) == REPEATED
        assert wire.sent == []
        exchange.close(ANSWER)
        assert wire.sent == [ANSWER]

    def test_the_newest_connection_gets_the_answer(self) -> None:
        memory = AnswerMemory()
        old, new = Wire(memory), Wire(memory)
        exchange = old.opened()
        assert new.rpc.received(HEARTBEAT, 1) == REPEATED
        exchange.close(ANSWER)
        assert (old.sent, new.sent) == ([], [ANSWER])

    def test_an_unanswered_call_may_come_again(self) -> None:
        wire = Wire()
        wire.opened().close(None)
        wire.opened().close(ANSWER)
        assert wire.sent == [ANSWER]

    def test_an_answer_that_is_not_remembered_is_given_once(self) -> None:
        wire = Wire()
        wire.opened().close(b"first", remember=False)
        wire.opened().close(b"second")
        assert wire.sent == [b"first", b"second"]

    def test_the_same_id_with_other_content_takes_the_place_of_the_older(self) -> None:
        wire = Wire()
        older = wire.opened()
        newer = wire.opened(b'[2,"a","Heartbeat",{"customData":{"vendorId":"v"}}]')
        older.close(ANSWER)
        newer.close(b"newer")
        assert wire.sent == [b"newer"]

    def test_only_recent_answers_are_kept_but_open_exchanges_always(self) -> None:
        memory = AnswerMemory(size=2)
        wire = Wire(memory)
        unanswered = wire.opened()
        for message_id in (b"b", b"c", b"d"):
            wire.opened(HEARTBEAT.replace(b'"a"', b'"%s"' % message_id)).close(message_id)
        assert wire.rpc.received(HEARTBEAT, 1) == REPEATED
        assert isinstance(wire.rpc.received(HEARTBEAT.replace(b'"a"', b'"b"'), 1), Request)
        unanswered.close(ANSWER)
        assert wire.sent[-1] == ANSWER

    def test_many_open_exchanges_do_no_harm(self) -> None:
        memory = AnswerMemory(size=1)
        wire = Wire(memory)
        exchanges = [
            wire.opened(HEARTBEAT.replace(b'"a"', b'"%d"' % number)) for number in range(5)
        ]
        for exchange in exchanges:
            exchange.close(exchange.message_id.encode())
        assert wire.sent == [b"0", b"1", b"2", b"3", b"4"]


class TestOurCalls:
    def test_the_next_call_waits_for_the_answer(self) -> None:
        wire = Wire()
        first, second = outgoing("1"), outgoing("2")
        assert wire.rpc.call(first, 0)
        assert wire.rpc.call(second, 0)
        assert wire.sent == [b'[2,"1","Reset",{}]']
        answered = wire.rpc.received(b'[3,"1",{"status":"Accepted"}]', 1)
        assert answered == Answered(first, CallResult("1", {"status": "Accepted"}))
        assert wire.sent[1:] == [b'[2,"2","Reset",{}]']

    def test_the_queue_is_bounded(self) -> None:
        wire = Wire()
        assert [wire.rpc.call(outgoing(str(n)), 0) for n in range(4)] == [True, True, True, False]

    def test_an_answer_that_nobody_waits_for_shifts_nothing(self) -> None:
        wire = Wire()
        assert wire.rpc.received(b'[3,"1",{}]', 0) == UNSOLICITED
        wire.rpc.call(outgoing("1"), 0)
        assert wire.rpc.received(b'[3,"0",{}]', 0) == UNSOLICITED
        assert wire.rpc.received(b'[4,"-1","GenericError","",{}]', 0) == UNSOLICITED
        assert isinstance(wire.rpc.received(b'[4,"1","GenericError","",{}]', 0), Answered)
        assert wire.rpc.received(b'[3,"1",{}]', 0) == UNSOLICITED

    def test_deadlines(self) -> None:
        wire = Wire()
        assert wire.rpc.deadline is None
        first, second, third = outgoing("1"), outgoing("2"), outgoing("3")
        wire.rpc.call(first, 0)
        wire.rpc.call(second, 10)
        wire.rpc.call(third, 20)
        assert wire.rpc.deadline == 30
        assert wire.rpc.expire(29) == []
        assert wire.rpc.expire(30) == [first]
        assert (second.sent, third.sent) == (True, False)
        assert wire.rpc.deadline == 60
        assert wire.rpc.expire(80) == [second, third]
        assert wire.rpc.deadline is None
        assert [first.sent, second.sent, third.sent] == [True, True, False]

    def test_what_expires_while_it_waits_is_never_sent(self) -> None:
        wire = Wire()
        first, second, third = outgoing("1"), outgoing("2"), outgoing("3")
        third.expires = 5
        for each in (first, second, third):
            wire.rpc.call(each, 0)
        assert wire.rpc.deadline == 5
        assert wire.rpc.expire(5) == [third]
        wire.rpc.received(b'[3,"1",{}]', 6)
        assert [first.sent, second.sent, third.sent] == [True, True, False]

    def test_the_next_one_in_line_that_has_just_expired_is_not_sent_either(self) -> None:
        wire = Wire()
        first, second, third = outgoing("1"), outgoing("2"), outgoing("3")
        second.expires = 5
        for each in (first, second, third):
            wire.rpc.call(each, 0)
        assert isinstance(wire.rpc.received(b'[3,"1",{}]', 5), Answered)
        assert wire.rpc.expire(5) == [second]
        assert [first.sent, second.sent, third.sent] == [True, False, True]

    def test_calls_without_an_answer_are_counted_until_any_answer_comes(self) -> None:
        wire = Wire()
        for number in range(2):
            wire.rpc.call(outgoing(str(number)), number * 30)
            wire.rpc.expire(number * 30 + 30)
        assert wire.rpc.unanswered == 2
        assert wire.rpc.received(b'[3,"0",{}]', 70) == UNSOLICITED
        assert wire.rpc.unanswered == 0

    def test_the_end_of_the_connection_gives_up_everything(self) -> None:
        wire = Wire()
        first, second = outgoing("1"), outgoing("2")
        wire.rpc.call(first, 0)
        wire.rpc.call(second, 0)
        assert wire.rpc.close() == [first, second]
        assert wire.rpc.close() == []
        assert wire.rpc.received(b'[3,"1",{}]', 0) == UNSOLICITED

    def test_a_hundred_unsolicited_answers_a_minute_are_a_flood(self) -> None:
        wire = Wire()
        for number in range(99):
            assert wire.rpc.received(b'[3,"x",{}]', 100 + number / 2) == UNSOLICITED
        assert wire.rpc.received(b'[3,"x",{}]', 159) == Flooded()

    def test_few_of_them_every_minute_are_none(self) -> None:
        wire = Wire()
        for number in range(400):
            assert wire.rpc.received(b'[3,"x",{}]', number) == UNSOLICITED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{", ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[5,"a","GenericError","",{}]', ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
        (b'[6,"a","X",{}]', ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
    ],
)
def test_what_is_no_message_of_ours_is_refused(text: bytes, code: ErrorCode) -> None:
    refused = Wire().rpc.received(text, 0)
    assert isinstance(refused, Refused)
    assert refused.error.code is code


def test_an_unknown_type_without_an_id_cannot_be_answered() -> None:
    assert Wire().rpc.received(b"[6]", 0) == UNKNOWN_TYPE


class TestTheTypesOfOcpp21:
    def test_a_send_is_handled_and_never_answered(self) -> None:
        wire = Wire(knows_send=True)
        told = wire.rpc.received(b'[6,"a","NotifyPeriodicEventStream",{"id":1}]', 0)
        assert isinstance(told, Told)
        assert told.call == Call("a", "NotifyPeriodicEventStream", {"id": 1})
        told.exchange.close(ANSWER)
        assert wire.sent == []

    def test_a_send_of_the_id_of_a_call_does_not_touch_its_answer(self) -> None:
        wire = Wire(knows_send=True)
        exchange = wire.opened()
        assert isinstance(wire.rpc.received(b'[6,"a","X",{}]', 0), Told)
        exchange.close(ANSWER)
        assert wire.sent == [ANSWER]

    def test_a_complaint_of_an_answer_ends_nothing(self) -> None:
        wire = Wire(knows_send=True)
        wire.opened().close(ANSWER)
        first = outgoing("1")
        wire.rpc.call(first, 0)
        complaint = wire.rpc.received(b'[5,"a","FormatViolation","no time",{}]', 0)
        assert complaint == AnswerRefused(CallError("a", "FormatViolation", "no time"))
        assert wire.rpc.received(HEARTBEAT, 1) == REPEATED
        assert isinstance(wire.rpc.received(b'[3,"1",{}]', 1), Answered)

    @pytest.mark.parametrize(
        "text", [b'[7,"a","X",{}]', b"[0]", b"[6]", b'[6,"a"]', b'[6,"a","X",[]]']
    )
    def test_what_is_no_known_type_or_no_send_is_passed_over(self, text: bytes) -> None:
        wire = Wire(knows_send=True)
        assert wire.rpc.received(text, 0) == UNKNOWN_TYPE
        assert wire.sent == []
