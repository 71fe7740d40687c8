"""Keeps secrets and control characters out of log lines.

What a station sends ends up in logs, so a line must stay one line and a terminal must not obey
it (security.md, 16 and 17).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

_SECRET_KEY: Final = re.compile(
    r"passw|secret|token|authorization|credential|private_?key|api_?key", re.IGNORECASE
)
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def redacted(key: str, value: Any) -> Any:
    """Return a value as it may be shown under its key: secrets and logins in URLs masked."""
    if value is not None and _SECRET_KEY.search(key):
        return MASK
    if isinstance(value, str):
        return _USERINFO.sub(MASK, value)
    if isinstance(value, Mapping):
        return {str(inner): redacted(str(inner), each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(key, each) for each in value]
    return value


def escaped(text: str) -> str:
    """Return the text with control characters (C0, DEL, C1, line separators) made visible."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(value: Any) -> Any:
    """Return a value whose text can neither leave its line nor steer a terminal."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return escaped(value if isinstance(value, str) else repr(value))


def quoted_traceback(text: str) -> str:
    """Return a traceback whose lines cannot be mistaken for records of their own."""
    return "\n".join(f"  | {escaped(line)}" for line in text.split("\n"))
