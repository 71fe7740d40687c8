"""OCPP-J message frames: text to `Frame` and back (OCPP 2.x part 4, 4.2).

A CALL is `[2, id, action, payload]`, a CALLRESULT `[3, id, payload]` and a CALLERROR
`[4, id, code, description, details]`. OCPP 2.1 has a CALLRESULTERROR beside them, which looks
like a CALLERROR and complains of a CALLRESULT, and a SEND, which looks like a CALL and is never
answered; whether a connection knows these is not decided here. What a station sends is read as generously as its meaning
allows; what cannot be understood becomes a `Frame` too, one that says how to answer it.
`parse` never raises.
"""

import re
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any, Final

import orjson
from msgspec import Struct

from bridge.domain.annotations import Remark

MAX_DEPTH: Final = 32
"""Nesting of arrays and objects; the deepest message of OCPP 2.1 has 12 levels."""

MAX_MESSAGE_ID_LENGTH: Final = 255
"""OCPP allows 36 characters; a longer id that a station can send it can also read back."""

MAX_DESCRIPTION_LENGTH: Final = 255

NO_MESSAGE_ID: Final = "-1"
"""Stands for an id that could not be read (OCPP 2.0.1 part 4, 4.2.3)."""


class MessageType(IntEnum):
    """Message type numbers; every version knows the first three."""

    CALL = 2
    CALL_RESULT = 3
    CALL_ERROR = 4
    CALL_RESULT_ERROR = 5
    SEND = 6


class ErrorCode(StrEnum):
    """RPC error codes under their OCPP 2.x names; a version may spell some differently."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


ErrorNames = Mapping[ErrorCode, str]
"""Names of a version that differ from those of OCPP 2.x."""


class Call(Struct, frozen=True):
    """A request of the peer."""

    message_id: str
    action: str
    payload: dict[str, Any]
    warnings: tuple[str, ...] = ()
    """What was mended in the text of the frame (`bridge.domain.annotations`)."""


class CallResult(Struct, frozen=True):
    """The answer to a request of ours."""

    message_id: str
    payload: dict[str, Any]


class CallError(Struct, frozen=True):
    """The peer could not handle a request of ours, or its answer cannot be read."""

    message_id: str
    """Empty where it could not be read: it then answers nothing."""
    code: str
    description: str


class OtherType(Struct, frozen=True):
    """A message type that OCPP 1.6 and 2.0.1 do not know."""

    type_number: int
    message_id: str | None
    content: Call | CallError | None = None
    """What OCPP 2.1 reads in it: a SEND is like a CALL, a CALLRESULTERROR like a CALLERROR.

    None for other types, and for a SEND that cannot be read: nothing may answer it, not even to
    say what is wrong.
    """


class Unreadable(Struct, frozen=True):
    """Not a message: to be answered by a CALLERROR of this id and code."""

    message_id: str
    code: ErrorCode
    description: str


Frame = Call | CallResult | CallError | OtherType | Unreadable

_STRAY_COMMA: Final = (Remark.STRAY_COMMA.value,)


def parse(text: bytes) -> Frame:
    """Read one frame."""
    warnings: tuple[str, ...] = ()
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            message, warnings = read_json(text), _STRAY_COMMA
        except orjson.JSONDecodeError as error:
            # Only the position and kind: the text itself may hold anything, passwords included.
            return _not_rpc(NO_MESSAGE_ID, f"invalid JSON: {error.msg}")
    if type(message) is not list or not message:
        return _not_rpc(NO_MESSAGE_ID, "a message is a JSON array")
    message_id = _readable_id(message)
    if _is_too_deep(text, message):
        if message[0] == MessageType.SEND:
            return OtherType(MessageType.SEND, message_id)
        return _not_rpc(message_id or NO_MESSAGE_ID, f"nested deeper than {MAX_DEPTH} levels")
    match message[0]:
        case MessageType.CALL:
            return _call(message, message_id, warnings)
        case MessageType.CALL_RESULT:
            return _call_result(message, message_id or "")
        case MessageType.CALL_ERROR:
            return _call_error(message, message_id or "")
        case int(number) if not isinstance(number, bool):
            return OtherType(number, message_id, _later_content(message, message_id))
        case _:
            return _not_rpc(message_id or NO_MESSAGE_ID, "the message type is not an integer")


def _not_rpc(message_id: str, description: str) -> Unreadable:
    return Unreadable(message_id, ErrorCode.RPC_FRAMEWORK_ERROR, description)


def _readable_id(message: list[Any]) -> str | None:
    if len(message) < 2:  # noqa: PLR2004  # the id is the second element
        return None
    message_id = message[1]
    if type(message_id) is str and 0 < len(message_id) <= MAX_MESSAGE_ID_LENGTH:
        return message_id
    return None


def _call(
    message: list[Any], message_id: str | None, warnings: tuple[str, ...]
) -> Call | Unreadable:
    if message_id is None:
        return _not_rpc(NO_MESSAGE_ID, "the message id cannot be read")
    try:
        _, _, action, payload = message
    except ValueError:
        return _not_rpc(message_id, "a CALL has 4 elements")
    if type(action) is not str:
        return _not_rpc(message_id, "the action is not a string")
    if payload is None:  # some stations write null for an empty payload
        payload, warnings = {}, (*warnings, Remark.PAYLOAD_NULL.value)
    if type(payload) is not dict:
        return Unreadable(message_id, ErrorCode.FORMAT_VIOLATION, "the payload is not an object")
    return Call(message_id, action, payload, warnings)


def _call_result(message: list[Any], message_id: str) -> CallResult | CallError:
    try:
        _, _, payload = message
    except ValueError:
        return CallError(message_id, ErrorCode.FORMAT_VIOLATION, "a CALLRESULT has 3 elements")
    if payload is None:
        payload = {}
    if type(payload) is not dict:
        return CallError(message_id, ErrorCode.FORMAT_VIOLATION, "the payload is not an object")
    return CallResult(message_id, payload)


def _call_error(message: list[Any], message_id: str) -> CallError:
    texts = [item if isinstance(item, str) else "" for item in message[2:4]]
    code, description = (*texts, "", "")[:2]
    return CallError(
        message_id, code or ErrorCode.GENERIC_ERROR, description[:MAX_DESCRIPTION_LENGTH]
    )


def _later_content(message: list[Any], message_id: str | None) -> Call | CallError | None:
    match message[0]:
        case MessageType.CALL_RESULT_ERROR:
            return _call_error(message, message_id or "")
        case MessageType.SEND:
            call = _call(message, message_id, ())
            return call if isinstance(call, Call) else None
        case _:
            return None


_CONTAINERS: Final = frozenset({dict, list})

# --- Depth ----------------------------------------------------------------------------------


def _is_too_deep(text: bytes, message: list[Any]) -> bool:
    """Say whether the message is nested deeper than MAX_DEPTH; most have too few brackets."""
    return text.count(b"[") + text.count(b"{") > MAX_DEPTH and _depth_exceeds(message, MAX_DEPTH)


def _depth_exceeds(message: list[Any], limit: int) -> bool:
    level: list[Any] = [message]
    for _ in range(limit):
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) in _CONTAINERS
        ]
        if not level:
            return False
    return True


# --- Invalid JSON ---------------------------------------------------------------------------

_MAX_TOKENS: Final = 2**14
"""Texts and commas that are looked at to mend a frame: no frame is worth more of our time."""

_STRAY: Final = re.compile(
    rb"""
    ("(?:[^"\\]|\\.)*+(?:"|\\?\Z))       # a string, to its end or that of the text: as it is
    | ([\[{])(?:\s*,)++                 # commas before the first element
    | ,(?=\s*+[\]}])                    # a comma behind the last one
    """,
    re.VERBOSE | re.DOTALL,
)


def read_json(text: bytes) -> Any:
    """Return what JSON says, also with a comma before the first element or behind the last.

    There are stations that write `[,{...}]` (charger-quirks 28). A comma between two others is
    left: an element is missing there. Raises orjson.JSONDecodeError.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.loads(_STRAY.sub(rb"\1\2", text, count=_MAX_TOKENS))


# --- Encoding -------------------------------------------------------------------------------


def encode_call(message_id: str, action: str, payload: Mapping[str, Any]) -> bytes:
    """Return a CALL."""
    return orjson.dumps((MessageType.CALL, message_id, action, payload))


def encode_call_result(message_id: str, payload: Mapping[str, Any]) -> bytes:
    """Return a CALLRESULT."""
    return orjson.dumps((MessageType.CALL_RESULT, message_id, payload))


def encode_call_error(
    message_id: str, code: ErrorCode, description: str, names: ErrorNames
) -> bytes:
    """Return a CALLERROR under the code's name in the connection's version."""
    name = names.get(code, code.value)
    text = description[:MAX_DESCRIPTION_LENGTH]
    return orjson.dumps((MessageType.CALL_ERROR, message_id, name, text, {}))
