"""OCPP-J frames of the station's side: text in, values out (OCPP 2.0.1 part 4, section 4).

The simulator has a codec of its own on purpose: it is the bridge's independent peer, and a
mistake that both sides shared would stay unseen.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

JsonObject = dict[str, Any]
"""A JSON object as orjson makes it; its shape is checked where it is read."""

SUBPROTOCOLS: Final = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}
"""The WebSocket subprotocol of each OCPP version that can be simulated; one is offered."""

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4
CALL_RESULT_ERROR: Final = 5
UNKNOWN_ID: Final = "-1"
"""Message id of a CALLERROR for a frame whose own id could not be read (part 4, 4.2.3)."""


class CallRefusedError(Exception):
    """A CALL of the CSMS is answered with a CALLERROR of this code."""

    def __init__(self, code: str, description: str = "") -> None:
        """Keep the OCPP-J error `code` and its free text of at most 255 characters."""
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description[:255]


class UnreadableFrameError(Exception):
    """A text frame is no OCPP-J message; `message_id` is what could be saved of it."""

    def __init__(self, reason: str, message_id: str = UNKNOWN_ID) -> None:
        """Keep the `reason` and the id that a CALLERROR has to carry."""
        super().__init__(reason)
        self.message_id = message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, in either direction."""

    message_id: str
    action: str
    payload: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The answer to a CALL."""

    message_id: str
    payload: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class CallError:
    """The refusal of a CALL."""

    message_id: str
    code: str
    description: str = ""
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResultError:
    """OCPP 2.1: an answer could not be read. The station sends it and heeds none."""

    message_id: str
    """Of the CALLRESULT."""
    code: str
    description: str = ""


Message = Call | CallResult | CallError


def encode(message: Message | CallResultError) -> str:
    """Return the JSON text of one message."""
    match message:
        case Call():
            frame = [CALL, message.message_id, message.action, message.payload]
        case CallResult():
            frame = [CALL_RESULT, message.message_id, message.payload]
        case CallError():
            frame = [
                CALL_ERROR,
                message.message_id,
                message.code,
                message.description,
                message.details,
            ]
        case CallResultError():
            frame = [CALL_RESULT_ERROR, message.message_id, message.code, message.description, {}]
    return orjson.dumps(frame).decode()


def integer(value: object) -> int:
    """Return a JSON integer of 32 bits, which is what OCPP's integers are.

    Raises:
        TypeError: it is no integer.
        ValueError: it is out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is not an integer")
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"{value} is out of range")
    return value


def decode(text: str | bytes) -> Message:
    """Read one text frame.

    Raises:
        UnreadableFrameError: it is not JSON, not an array of a known shape or type, or
            nested so deeply that it could not be written again (orjson stops at 254 levels).
    """
    try:
        frame = orjson.loads(text)
        orjson.dumps([[[[frame]]]])
    except orjson.JSONDecodeError as error:
        raise UnreadableFrameError(f"not JSON: {error}") from error
    except orjson.JSONEncodeError as error:
        raise UnreadableFrameError("nested too deeply") from error
    match frame:
        case [2, str(message_id), str(action), dict(payload)]:
            return Call(message_id=message_id, action=action, payload=payload)
        case [3, str(message_id), dict(payload)]:
            return CallResult(message_id=message_id, payload=payload)
        case [4, str(message_id), str(code), str(description), dict(details)]:
            return CallError(
                message_id=message_id, code=code, description=description, details=details
            )
        case [int(), str(message_id), *_]:
            raise UnreadableFrameError("neither CALL, CALLRESULT nor CALLERROR", message_id)
    raise UnreadableFrameError("not an OCPP-J message")


def format_time(moment: datetime) -> str:
    """Return a timestamp as stations write it: UTC, milliseconds, `Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the moment of an RFC 3339 timestamp; one without a zone is UTC.

    Raises:
        ValueError: the text is no timestamp.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def rejected(reason_code: str, info: str) -> JsonObject:
    """Return an answer of status Rejected with its statusInfo (at most 20 and 512 characters)."""
    return {
        "status": "Rejected",
        "statusInfo": {"reasonCode": reason_code[:20], "additionalInfo": info[:512]},
    }
