"""Parts that many payloads of OCPP 2.x have, read with bounds.

The payloads have passed their schema, but only types and required fields are sure: lengths,
ranges and enumerations may have been tolerated (`bridge.ocpp.validation`), and a whole number
may have come as `1.0`. What cannot be used raises PayloadError with a JSON pointer.
"""

from datetime import datetime
from typing import Final, TypeVar

from bridge.domain.enums import Term
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.times import parse_timestamp
from bridge.ocpp.validation import PayloadError

_T = TypeVar("_T", bound=Term)

MAX_INTEGER: Final = 2**53 - 1
"""The largest whole number that every JSON reader behind the bridge gets right."""

_MAX_WORD: Final = 50
"""The longest text by which OCPP 2.x names something."""


def timestamp(text: str, pointer: str = "/timestamp") -> datetime:
    """Return the moment that a text means, in UTC."""
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise invalid(pointer, str(error)) from error


def optional_timestamp(text: str | None, pointer: str) -> datetime | None:
    """Return the moment, None where there is none."""
    return None if text is None else timestamp(text, pointer)


def integer(number: float, pointer: str) -> int:
    """Return a whole number that every reader of JSON gets right."""
    if not -MAX_INTEGER <= number <= MAX_INTEGER:
        raise invalid(pointer, "out of range")
    return int(number)


def optional_integer(number: float | None, pointer: str) -> int | None:
    """Return the whole number, None where there is none."""
    return None if number is None else integer(number, pointer)


def word(text: str) -> str:
    """Return what should be a word of an enumeration and may be any text, within bounds."""
    return text[:_MAX_WORD]


def optional_word(text: str | None) -> str | None:
    """Return the word, None where there is none."""
    return None if text is None else word(text)


def term(terms: type[_T], text: str, pointer: str) -> _T:
    """Return the member that a text names, in any spelling."""
    found = terms.read(text)
    if found is None:
        raise invalid(pointer, "unknown value")
    return found


def invalid(pointer: str, reason: str) -> PayloadError:
    """Return the error for a value that has no usable meaning."""
    return PayloadError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{pointer}: {reason}")
