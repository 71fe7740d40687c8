"""Every action of OCPP 2.0.1 has its row, and every row a valid answer."""

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
from bridge.ocpp.v2.table import CSMS_ACTIONS, STATION_ACTIONS
from bridge.ocpp.v201.version import V201
from tests.ocpp_payloads import Payloads

NOW = datetime(2026, 11, 21, 8, 0, 0, 123_456, tzinfo=UTC)
PAYLOADS = Payloads("ocpp.v201.schemas")
TRANSLATOR = Translator(V201, strict=True)
VERDICTS = [
    Verdict(status=status, group=group, valid_until=until)
    for status in AuthorizationStatus
    for group in (None, "G" * 36)
    for until in (None, NOW)
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
    assert len(STATION_ACTIONS) == 25
    assert set(STATION_ACTIONS) | CSMS_ACTIONS == PAYLOADS.requests
    assert not set(STATION_ACTIONS) & CSMS_ACTIONS


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
    assert not TRANSLATOR.remembers(action, NotAccepted())


@pytest.mark.parametrize(
    ("action", "code"),
    [(action, ErrorCode.NOT_SUPPORTED) for action in sorted(CSMS_ACTIONS)]
    + [
        (action, ErrorCode.NOT_IMPLEMENTED)
        for action in ("CustomOperation", "", "StopTransaction")
    ],
)
def test_other_actions_are_refused(action: str, code: ErrorCode) -> None:
    refused = TRANSLATOR.read(Call("a", action, {}))
    assert isinstance(refused, Unreadable)
    assert refused.code is code


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("DataTransfer", {"status": "UnknownVendorId"}),
        ("Get15118EVCertificate", {"status": "Failed", "exiResponse": ""}),
        ("GetCertificateStatus", {"status": "Failed"}),
        ("NotifyEVChargingNeeds", {"status": "Rejected"}),
        ("SignCertificate", {"status": "Rejected"}),
        ("NotifyReport", {}),
        ("Heartbeat", {"currentTime": "2026-11-21T08:00:00Z"}),
    ],
)
def test_answers_without_a_decision(action: str, answer: Any) -> None:
    assert json.loads(TRANSLATOR.answer(action, "a", Acknowledged(), NOW)) == [3, "a", answer]


def test_answers_with_a_decision() -> None:
    def answer(action: str, reply: Reply) -> Any:
        return json.loads(TRANSLATOR.answer(action, "a", reply, NOW))[2]

    boot = BootReply(status=Registration.PENDING, interval_seconds=30)
    assert answer("BootNotification", boot) == {
        "currentTime": "2026-11-21T08:00:00Z",
        "interval": 30,
        "status": "Pending",
    }
    accepted = {"idTokenInfo": {"status": "Accepted"}}
    assert answer("Authorize", AuthorizeReply(verdict=Verdict())) == accepted
    assert answer("TransactionEvent", TransactionReply(verdict=None)) == {}
    assert answer("TransactionEvent", TransactionReply(verdict=Verdict())) == accepted
    until = datetime(2027, 1, 1, tzinfo=UTC)
    blocked = Verdict(status=AuthorizationStatus.BLOCKED, group="FAMILY", valid_until=until)
    info = {
        "status": "Blocked",
        "cacheExpiryDateTime": "2027-01-01T00:00:00Z",
        "groupIdToken": {"idToken": "FAMILY", "type": "Central"},
    }
    assert answer("Authorize", AuthorizeReply(verdict=blocked)) == {"idTokenInfo": info}
    assert answer("TransactionEvent", TransactionReply(verdict=blocked)) == {"idTokenInfo": info}


def test_a_reply_of_the_wrong_kind_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="Acknowledged where BootReply answers"):
        TRANSLATOR.answer("BootNotification", "a", Acknowledged(), NOW)


def test_what_is_not_modelled_keeps_its_name() -> None:
    assert TRANSLATOR.read(call("NotifyReport")) == Reading(Notice(action="NotifyReport"))
