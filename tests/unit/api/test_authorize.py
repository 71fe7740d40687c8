"""The command `authorize` and the event that it answers: exact keys, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import pytest

from bridge.api.incoming import Accepted, Arrival, Refused, read
from bridge.domain.commands import AnswerInquiry, CommandRef, ReplyTo
from bridge.domain.effects import InquiryRecorded
from bridge.domain.enums import AllocationSource, AuthorizationStatus
from bridge.domain.inquiries import Inquiry
from bridge.domain.tokens import Verdict
from bridge.mqtt.topics import Topics
from tests.schema_check import check_message
from tests.unit.mqtt.example_station import AT, NOW, PRESENTER, STATION_ID, TOKEN

TOPIC: Final = "ocpp/v1/cs/S1/0/cmd/me/authorize"
RECEIVED: Final = datetime(2026, 1, 10, 10, tzinfo=UTC)
ACCEPTED: Final = Verdict()


def arrival(body: Any) -> Arrival:
    return Arrival(
        address=Topics("ocpp", "main").parse_command(TOPIC),
        payload=orjson.dumps(body),
        received_at=RECEIVED,
        fresh_id="fresh",
    )


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        (
            {"request": "r-1", "status": "Accepted"},
            AnswerInquiry(verdict=ACCEPTED, request="r-1"),
        ),
        (
            {
                "request": "r-1",
                "status": "NotAtThisTime",
                "group": "FAMILY",
                "validUntil": "2026-01-10T18:00:00Z",
            },
            AnswerInquiry(
                verdict=Verdict(
                    status=AuthorizationStatus.NOT_AT_THIS_TIME,
                    group="FAMILY",
                    valid_until=RECEIVED + timedelta(hours=8),
                ),
                request="r-1",
            ),
        ),
        (
            {"idToken": {"type": "ISO14443", "hash": "0123456789abcdef"}, "status": "Accepted"},
            AnswerInquiry(verdict=ACCEPTED, token_hash="0123456789abcdef", token_type="ISO14443"),
        ),
        (
            {"idToken": {"value": "04E1F2"}, "status": "Accepted"},
            AnswerInquiry(verdict=ACCEPTED, token_value="04E1F2"),
        ),
    ],
)
def test_an_answer_is_read(body: dict[str, Any], arguments: AnswerInquiry) -> None:
    found = read(arrival(body))
    assert isinstance(found, Accepted), found
    assert found.command.arguments == arguments
    check_message(TOPIC, orjson.dumps(body))


@pytest.mark.parametrize("status", AuthorizationStatus)
def test_every_status_of_ocpp_is_an_answer(status: AuthorizationStatus) -> None:
    found = read(arrival({"request": "r-1", "status": status}))
    assert isinstance(found, Accepted)
    arguments = found.command.arguments
    assert isinstance(arguments, AnswerInquiry)
    assert arguments.verdict == Verdict(status=status)


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"status": "Accepted"}, "", "exactly one of request and idToken"),
        (
            {"request": "r", "idToken": {"value": "A"}, "status": "Accepted"},
            "",
            "exactly one of request and idToken",
        ),
        ({"request": "r"}, "/status", "required"),
        ({"request": "r", "status": "accepted"}, "/status", "Accepted"),
        ({"request": "r", "status": "Accepted", "group": "x" * 37}, "/group", "36"),
        ({"request": "r", "status": "Accepted", "validUntil": "x"}, "/validUntil", "RFC 3339"),
        ({"idToken": {}, "status": "Accepted"}, "/idToken", "exactly one of hash and value"),
        (
            {"idToken": {"hash": "0" * 16, "value": "A"}, "status": "Accepted"},
            "/idToken",
            "exactly one of hash and value",
        ),
        ({"idToken": {"hash": "A2"}, "status": "Accepted"}, "/idToken/hash", "pattern"),
    ],
)
def test_what_is_wrong_is_said(body: dict[str, Any], pointer: str, words: str) -> None:
    found = read(arrival(body))
    assert isinstance(found, Refused)
    assert found.refusal.code == "invalid_argument"
    assert found.refusal.details["pointer"] == pointer
    assert words in found.refusal.message


# --- event/authorize

HEAD: Final = {
    "v": 1,
    "ts": "2026-01-10T10:00:00.123Z",
    "receivedAt": "2026-01-10T10:00:00.123Z",
    "insertedAt": "2026-01-10T10:00:01.123Z",
    "cs": "DE*ABC*E1",
    "connector": None,
}


def published(evse_id: int, **changes: Any) -> Any:
    """Return the document of an event, which fits its schema and does not show the token."""
    inquiry = Inquiry(
        id="r-1",
        id_token=TOKEN,
        evse_id=evse_id,
        asked_at=AT,
        until=AT + timedelta(seconds=10),
        awaited=not changes.get("told"),
        transaction_ids=("tx-1",) if changes.get("told") else (),
    )
    event = InquiryRecorded(
        event_id="e-1",
        station_id=STATION_ID,
        evse_id=evse_id,
        received_at=AT,
        inquiry=inquiry,
        **changes,
    )
    message = PRESENTER.event(event, NOW)
    assert message.topic == f"ocpp/v1/cs/DE=2AABC=2AE1/{evse_id}/event/authorize"
    assert message.ordering_key == f"{STATION_ID}/{evse_id}"
    check_message(message.topic, message.payload)
    assert TOKEN.value.encode() not in message.payload
    document = orjson.loads(message.payload)
    token = document.pop("idToken")
    assert (token["type"], len(token["hash"])) == ("ISO14443", 16)
    return document


def test_a_question_of_a_station_that_waits() -> None:
    assert published(0) == HEAD | {
        "id": "e-1",
        "evse": 0,
        "type": "authorize.asked",
        "request": "r-1",
        "transactionIds": [],
        "answerBy": "2026-01-10T10:00:10.123Z",
        "status": None,
        "decidedBy": None,
        "controller": None,
        "commandId": None,
    }


def test_a_question_about_a_transaction_that_runs() -> None:
    assert published(1, told=ACCEPTED) == HEAD | {
        "id": "e-1",
        "evse": 1,
        "type": "authorize.asked",
        "request": "r-1",
        "transactionIds": ["tx-1"],
        "answerBy": "2026-01-10T10:00:10.123Z",
        "status": "Accepted",
        "decidedBy": None,
        "controller": None,
        "commandId": None,
    }


def test_what_has_come_of_a_question() -> None:
    decided = {"type": "authorize.decided", "answerBy": None, "status": "Blocked"}
    ref = CommandRef(
        id="c1",
        name="authorize",
        controller="backend",
        source=AllocationSource.MQTT,
        evse_id=0,
        reply_to=ReplyTo(name="authorize"),
    )
    blocked = Verdict(status=AuthorizationStatus.BLOCKED, group="FAMILY")
    by_command = published(0, verdict=blocked, ref=ref)
    assert by_command == by_command | decided | {
        "decidedBy": "controller",
        "controller": "backend",
        "commandId": "c1",
    }
    by_default = published(0, verdict=blocked)
    assert by_default == by_default | decided | {
        "decidedBy": "default",
        "controller": None,
        "commandId": None,
    }
