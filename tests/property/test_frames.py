"""Whatever a peer sends, parsing gives a frame; whatever we send, it reads back."""

from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.ocpp import frames
from bridge.ocpp.frames import Call, CallError, CallResult, ErrorCode, OtherType, Unreadable, parse

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=36)
TEXTS = st.text(st.characters(codec="utf-8"))
OBJECTS = st.dictionaries(TEXTS, st.none() | st.booleans() | TEXTS | st.integers(0, 2**53))


def encoded(value: Any) -> bytes:
    """Return JSON, with what orjson itself would refuse to write left out."""
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return b"[2]"


@given(st.binary())
@example(b"")
@example(b"\xff")
@example(b"[" * 100_000)
@example(b"[2," * 1_000)
@example(b"9" * 100_000)
def test_any_bytes_give_a_frame(text: bytes) -> None:
    assert isinstance(parse(text), Unreadable | OtherType | CallError | CallResult | Call)


@given(st.lists(JSON, max_size=6))
def test_any_array_gives_a_frame(message: list[Any]) -> None:
    frame = parse(encoded(message))
    if isinstance(frame, Unreadable):
        assert frame.message_id
        assert len(frame.message_id) <= 255
    if isinstance(frame, Call):
        assert type(frame.action) is str
        assert type(frame.payload) is dict


@given(st.sampled_from([2, 3, 4, 5, 6]), st.lists(JSON, max_size=4))
def test_any_elements_give_a_frame(number: int, elements: list[Any]) -> None:
    assert parse(encoded([number, *elements])) is not None


@given(IDS, TEXTS, OBJECTS)
def test_a_call_reads_back(message_id: str, action: str, payload: dict[str, Any]) -> None:
    text = frames.encode_call(message_id, action, payload)
    assert parse(text) == Call(message_id, action, payload)


@given(IDS, OBJECTS)
def test_a_result_reads_back(message_id: str, payload: dict[str, Any]) -> None:
    assert parse(frames.encode_call_result(message_id, payload)) == CallResult(message_id, payload)


@given(IDS, st.sampled_from(ErrorCode), TEXTS)
def test_an_error_reads_back_shortened(message_id: str, code: ErrorCode, description: str) -> None:
    text = frames.encode_call_error(message_id, code, description, {})
    assert parse(text) == CallError(message_id, code.value, description[:255])


@given(st.integers(1, 80), st.sampled_from([("[", "]"), ('{"]":', "}"), ('["]",', ',"["]')]))
def test_the_levels_are_counted_exactly(levels: int, brackets: tuple[str, str]) -> None:
    opening, closing = brackets
    data = opening * levels + "1" + closing * levels
    frame = parse(f'[2,"x","A",{{"data":{data}}}]'.encode())
    # The message is one level, its payload another one.
    assert isinstance(frame, Call) is (levels + 2 <= frames.MAX_DEPTH)
