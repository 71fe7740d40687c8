from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.wire import (
    Call,
    CallError,
    CallResult,
    Message,
    UnreadableFrameError,
    decode,
    encode,
    format_time,
    parse_time,
    rejected,
)

PAYLOADS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
)
MESSAGES = st.one_of(
    st.builds(Call, message_id=st.text(max_size=36), action=st.text(), payload=PAYLOADS),
    st.builds(CallResult, message_id=st.text(max_size=36), payload=PAYLOADS),
    st.builds(
        CallError,
        message_id=st.text(max_size=36),
        code=st.text(),
        description=st.text(),
        details=PAYLOADS,
    ),
)


@given(MESSAGES)
def test_what_is_encoded_decodes_to_the_same(message: Message) -> None:
    assert decode(encode(message)) == message


def test_a_call_looks_as_the_standard_wants_it() -> None:
    call = Call(message_id="7", action="Heartbeat", payload={})
    assert encode(call) == '[2,"7","Heartbeat",{}]'


@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ("", "-1"),
        ("{}", "-1"),
        ("[]", "-1"),
        ("[2]", "-1"),
        ('[2,7,"Reset",{}]', "-1"),
        ('["2","7","Reset",{}]', "-1"),
        ('[2,"7","Reset"]', "7"),
        ('[2,"7","Reset",[]]', "7"),
        ('[3,"7",null]', "7"),
        ('[4,"7","InternalError"]', "7"),
        ('[6,"7","Notify",{}]', "7"),
        ("[" * 5_000, "-1"),
        ('[2,"7","x",{"a":' + "[" * 300 + "]" * 300 + "}]", "-1"),
        (b"\xff\xfe", "-1"),
    ],
)
def test_a_frame_that_is_no_message_says_which_id_to_answer(
    text: str | bytes, message_id: str
) -> None:
    with pytest.raises(UnreadableFrameError) as caught:
        decode(text)
    assert caught.value.message_id == message_id


def test_times_are_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 10, 12, 0, 0, 123_456, timezone(timedelta(hours=2)))
    assert format_time(moment) == "2026-01-10T10:00:00.123Z"


@pytest.mark.parametrize(
    "text", ["2026-01-10T10:00:00Z", "2026-01-10T10:00:00", "2026-01-10T12:00:00.000+02:00"]
)
def test_times_are_read_with_and_without_a_zone(text: str) -> None:
    assert parse_time(text) == datetime(2026, 1, 10, 10, tzinfo=UTC)


def test_a_rejection_keeps_to_the_lengths_of_the_schema() -> None:
    info = rejected("x" * 30, "y" * 600)["statusInfo"]
    assert (len(info["reasonCode"]), len(info["additionalInfo"])) == (20, 512)
