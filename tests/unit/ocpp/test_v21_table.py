"""Every action of OCPP 2.1 has its row, and every row a valid answer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    Reply,
    TransactionReply,
)
from bridge.domain.enums import AuthorizationStatus, Registration
from bridge.domain.events import Notice
from bridge.domain.tokens import Verdict
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, ErrorCode, Unreadable
from bridge.ocpp.v21.version import (
    CSMS_ACTIONS,
    STATION_ACTIONS,
    STATION_SENDS,
    UNSERVED_ACTIONS,
    V21,
)
from bridge.ocpp.v201.version import V201
from tests.ocpp_payloads import Payloads

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PAYLOADS = Payloads("ocpp.v21.schemas")
TRANSLATOR = Translator(V21, strict=True)
VERDICTS = [
    Verdict(status=status, group=group, valid_until=NOW)
    for status in AuthorizationStatus
    for group in (None, "G" * 36)
]
REPLIES: dict[str, list[Reply]] = {
    "Authorize": [AuthorizeReply(verdict=verdict) for verdict in VERDICTS],
    "BootNotification": [
        BootReply(status=status, interval_seconds=300) for status in Registration
    ],
    "TransactionEvent": [TransactionReply(verdict=verdict) for verdict in (None, *VERDICTS)],
}


def call(action: str) -> Call:
    return Call("a", action, PAYLOADS.smallest(f"{action}Request"))


def test_the_table_is_complete() -> None:
    assert (len(STATION_ACTIONS), len(UNSERVED_ACTIONS), len(CSMS_ACTIONS)) == (34, 2, 54)
    parts = [set(STATION_ACTIONS), set(UNSERVED_ACTIONS), set(CSMS_ACTIONS)]
    assert set.union(*parts) == PAYLOADS.requests
    assert sum(map(len, parts)) == len(PAYLOADS.requests)


def test_the_only_schema_that_is_no_call_is_a_send() -> None:
    names = {item.name.removesuffix(".json") for item in PAYLOADS.folder.iterdir()}
    calls = {f"{action}{kind}" for action in PAYLOADS.requests for kind in ("Request", "Response")}
    assert {name for name in names - calls if name.isalnum()} == set(STATION_SENDS)


@pytest.mark.parametrize("action", STATION_ACTIONS)
def test_every_action_of_a_station_has_a_valid_answer(action: str) -> None:
    reading = TRANSLATOR.read(call(action))
    assert isinstance(reading, Reading)
    assert reading.tolerated is None
    for reply in REPLIES.get(action, [Acknowledged()]):
        number, message_id, payload = json.loads(TRANSLATOR.answer(action, "a", reply, NOW))
        assert (number, message_id) == (3, "a")
        PAYLOADS.check(f"{action}Response", payload)


@pytest.mark.parametrize("action", STATION_ACTIONS)
def test_every_action_can_be_refused_before_acceptance(action: str) -> None:
    answer = json.loads(TRANSLATOR.answer(action, "a", NotAccepted(), NOW))
    assert answer == [4, "a", "SecurityError", "not accepted yet", {}]


@pytest.mark.parametrize("action", V201.station_actions)
def test_what_a_2_0_1_station_says_means_the_same(action: str) -> None:
    said = Call("a", action, Payloads("ocpp.v201.schemas").smallest(f"{action}Request"))
    later, before = Translator(V21).read(said), Translator(V201).read(said)
    assert isinstance(later, Reading)
    assert isinstance(before, Reading)
    assert later.message == before.message


@pytest.mark.parametrize(
    ("action", "code", "description"),
    [
        *[
            (action, ErrorCode.NOT_SUPPORTED, "only a CSMS sends this action")
            for action in sorted(CSMS_ACTIONS)
        ],
        *[
            (action, ErrorCode.NOT_SUPPORTED, "the bridge has no such service")
            for action in sorted(UNSERVED_ACTIONS)
        ],
        ("StopTransaction", ErrorCode.NOT_IMPLEMENTED, "unknown action"),
        ("NotifyPeriodicEventStream", ErrorCode.NOT_IMPLEMENTED, "unknown action"),
    ],
)
def test_other_actions_are_refused(action: str, code: ErrorCode, description: str) -> None:
    assert TRANSLATOR.read(Call("a", action, {})) == Unreadable("a", code, description)


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("PullDynamicScheduleUpdate", {"status": "Rejected"}),
        ("OpenPeriodicEventStream", {"status": "Rejected"}),
        ("BatterySwap", {}),
        ("NotifySettlement", {}),
        ("DataTransfer", {"status": "UnknownVendorId"}),
    ],
)
def test_answers_without_a_decision(action: str, answer: Any) -> None:
    assert json.loads(TRANSLATOR.answer(action, "a", Acknowledged(), NOW)) == [3, "a", answer]


class TestSend:
    def test_every_send_is_read(self) -> None:
        for action in STATION_SENDS:
            reading = TRANSLATOR.read_send(Call("a", action, PAYLOADS.smallest(action)))
            assert reading == Reading(Notice(action=action))
            assert TRANSLATOR.knows(action)

    def test_one_that_is_not_valid_is_not_read(self) -> None:
        reading = TRANSLATOR.read_send(Call("a", "NotifyPeriodicEventStream", {"id": 1}))
        assert isinstance(reading, Unreadable)

    @pytest.mark.parametrize("action", ["Heartbeat", "TellTales"])
    def test_what_is_no_send_is_not_read_as_one(self, action: str) -> None:
        reading = TRANSLATOR.read_send(Call("a", action, {}))
        assert reading == Unreadable("a", ErrorCode.NOT_IMPLEMENTED, "unknown action")
