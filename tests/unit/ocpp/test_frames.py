"""Frames as texts (the hostile ones are in tests/integration/ocpp/test_hostile_frames.py)."""

import pytest

from bridge.ocpp.frames import (
    Call,
    CallError,
    CallResult,
    ErrorCode,
    OtherType,
    encode_call_error,
    parse,
)

STRAY = ("stray_comma",)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (b'[2,"a","Heartbeat",{}]', Call("a", "Heartbeat", {})),
        (b' [ 2 , "a" , "Heartbeat" , { } ] ', Call("a", "Heartbeat", {})),
        (b'[2,"a","Heartbeat",null]', Call("a", "Heartbeat", {}, ("payload_null",))),
        (b'[,2,"a","Heartbeat",{}]', Call("a", "Heartbeat", {}, STRAY)),
        (b'[2,"a","Heartbeat",{,}]', Call("a", "Heartbeat", {}, STRAY)),
        (b'[2,"a","A",{"x":[ , ,{}, 1 , ]},]', Call("a", "A", {"x": [{}, 1]}, STRAY)),
        (rb'[2,"a","A",{,"x":"[,\",{,"}]', Call("a", "A", {"x": '[,",{,'}, STRAY)),
        (b'[,3,"a",{}]', CallResult("a", {})),
        (b'[3,"a",{"x":1}]', CallResult("a", {"x": 1})),
        (b'[3,"a",null]', CallResult("a", {})),
        (b'[4,"a","NotSupported","no",{"x":1}]', CallError("a", "NotSupported", "no")),
        (b'[4,"a","NotSupported"]', CallError("a", "NotSupported", "")),
        (b'[4,"a",null,null,null]', CallError("a", "GenericError", "")),
        (b'[5,"a","InternalError","",{}]', OtherType(5, "a", CallError("a", "InternalError", ""))),
        (b'[6,"a","X",{}]', OtherType(6, "a", Call("a", "X", {}))),
        (b'[6,"a","X",[]]', OtherType(6, "a")),
        (b"[6]", OtherType(6, None)),
        (b'[6,"a","X",{"x":' + b"[" * 40 + b"]" * 40 + b"}]", OtherType(6, "a")),
        (b'[7,"a","X",{}]', OtherType(7, "a")),
        (b"[0]", OtherType(0, None)),
    ],
)
def test_readable_frames(text: bytes, frame: object) -> None:
    assert parse(text) == frame


def test_an_id_of_more_than_36_characters_is_still_answered() -> None:
    assert parse(b'[2,"{%s}","Heartbeat",{}]' % (b"i" * 40)) == Call(
        "{" + "i" * 40 + "}", "Heartbeat", {}
    )


def test_a_version_may_spell_error_codes_otherwise() -> None:
    names = {ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation"}
    code = ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert (
        encode_call_error("a", code, "d", names)
        == b'[4,"a","OccurenceConstraintViolation","d",{}]'
    )
    assert (
        encode_call_error("a", code, "d", {}) == b'[4,"a","OccurrenceConstraintViolation","d",{}]'
    )
