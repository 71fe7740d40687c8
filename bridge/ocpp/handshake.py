"""Who connects, and in which version: the rules of the opening handshake. Pure."""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_subprotocol

from bridge.domain.ids import StationId

RETRY_AFTER_SECONDS: Final = 60
"""Told to a station that is refused because connections of it swap too often."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The HTTP answer to a station that may not connect."""

    status: HTTPStatus
    reason: str
    because: str = ""
    """What only the log is told; "" = the reason."""
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


def password(header: str | None, station_id: StationId) -> bytes | None:
    """Return the password of HTTP Basic credentials, of which the user must be the station id.

    Ids and passwords may hold a colon, and a password need not be UTF-8 (security profile 1).
    """
    claimed, user = _basic_credentials(header), station_id.encode() + b":"
    return claimed[len(user) :] if claimed.startswith(user) else None


def _basic_credentials(header: str | None) -> bytes:
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""


def common_name(certificate: Mapping[str, Any] | None) -> str | None:
    """Return the common name of a certificate as `ssl` tells it; None where it has not just one."""
    subject = (certificate or {}).get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 else None


def refusal_headers(refusal: Refusal) -> Mapping[str, str]:
    """Return the headers that a refusal needs besides the usual ones."""
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'}
    if refusal.status is HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}
