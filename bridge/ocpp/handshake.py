"""Who connects, and in which version: the rules of the opening handshake. Pure."""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_subprotocol

from bridge.domain.ids import StationId

RETRY_AFTER_SECONDS: Final = 60
"""Told to a station that is refused because connections of it swap too often."""
_NOBODY: Final = b"\x00nobody"
"""What a station without an Authorization header is compared by, for equal timing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The HTTP answer to a station that may not connect."""

    status: HTTPStatus
    reason: str
    quiet: bool = False
    """One of many: no line in the log for each."""


def identity(path: str, pattern: re.Pattern[str]) -> StationId | Refusal:
    """Return the station's id: the percent-decoded last segment of the path (part 4, 3.1.1).

    Any prefix, a trailing slash and a query string are allowed (charger-quirks 4 and 46).
    """
    segment = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    if not segment:
        return Refusal(HTTPStatus.BAD_REQUEST, "the URL ends with the charging station's id")
    # Bytes that are not UTF-8 become U+FFFD, which no pattern of ids should allow.
    decoded = unquote(segment)
    if pattern.fullmatch(decoded) is None:
        return Refusal(HTTPStatus.BAD_REQUEST, "not an acceptable charging station id")
    return StationId(decoded)


def subprotocol(
    headers: Sequence[str], spoken: Iterable[str], default: str
) -> tuple[str, bool] | Refusal:
    """Choose the OCPP version; the flag says whether the station offered it.

    The station's order of preference decides. No common version: the upgrade is refused, as
    TC_B_58_CSMS wants it. A station that offers none (charger-quirks 1) is taken for the default.
    """
    try:
        offered = [name for header in headers for name in parse_subprotocol(header)]
    except InvalidHeader:
        return Refusal(HTTPStatus.BAD_REQUEST, "malformed Sec-WebSocket-Protocol")
    common = set(spoken)
    if not offered and default in common:
        return default, False
    chosen = next((name for name in offered if name in common), None)
    if chosen is None:
        return Refusal(
            HTTPStatus.BAD_REQUEST, f"no common OCPP version; spoken: {', '.join(sorted(common))}"
        )
    return chosen, True


def authenticated(header: str | None, station_id: StationId, password: bytes | None) -> bool:
    """Check HTTP Basic credentials: the user is the station id (security profile 1).

    Both are compared as one text, in constant time and as bytes: ids and passwords may hold a
    colon, and passwords need not be UTF-8. Without a password, everybody may pass.
    """
    claimed = _basic_credentials(header)
    expected = station_id.encode() + b":" + (password or b"")
    matches = compare_digest(claimed, expected)
    return matches or password is None


def _basic_credentials(header: str | None) -> bytes:
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return _NOBODY
    try:
        return b64decode(encoded.strip(), validate=True)
    except ValueError:
        return _NOBODY


def refusal_headers(refusal: Refusal) -> Mapping[str, str]:
    """Return the headers that a refusal needs besides the usual ones."""
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'}
    if refusal.status is HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}
