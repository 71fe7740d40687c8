"""A charge controller by its REST API: `/api/v1/configuration`, transaction, charging, limits.

One request at a time over one kept connection: an ESP32 has few sockets. A document that breaks
off is asked for again at once. The transaction is read before the configuration, so that a session
is never seen to run under the id of the one before.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from bridge.domain.enums import AllocationSource
from bridge.secc import payloads
from bridge.secc.link import LinkError, RefusedError, fields_of
from bridge.secc.payloads import Fields, Reading
from bridge.secc.settings import SeccSettings

ORDER: Final = ("transaction", "configuration", "charging", "limits")
NEEDED: Final = frozenset({"transaction", "configuration"})
"""Without these there is no reading."""
ATTEMPTS: Final = 3
"""How often one document is asked for that is not whole, or a limit is written."""
MAX_BYTES: Final = 4 * payloads.MAX_TEXT
_REFUSALS: Final = range(400, 500)
_OK: Final = range(200, 300)


class RestLink:
    """Polls (`bridge.secc.link.SeccLink`)."""

    own_name = AllocationSource.API.value
    switches_phases = False
    reads_limits = True

    def __init__(self, settings: SeccSettings) -> None:
        """Take where it is."""
        self.poll_seconds = settings.poll_seconds
        self._base = f"{settings.url.rstrip('/')}/api/v1"
        self._timeout = aiohttp.ClientTimeout(total=settings.request_timeout_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Prepare the connection, which the first request makes."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                timeout=self._timeout,
                trust_env=False,  # it is in the same house: no proxy
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def close(self) -> None:
        """Close the connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # --- Reading ----------------------------------------------------------------------------

    async def reading(self) -> Reading:
        """Read all documents; what cannot be had of charging and limits is left out."""
        found: list[Fields] = []
        for topic in ORDER:
            document = await self._document(topic)
            if document is not None:
                found.append(fields_of(topic, document, payloads.TOPICS[topic]))
            elif topic in NEEDED:
                raise LinkError(f"{topic} is not whole")
        return payloads.reading_of(found)

    async def _document(self, topic: str) -> Mapping[str, Any] | None:
        """Return a document; None where what comes is no JSON object, or an error."""
        for _ in range(ATTEMPTS):
            status, text = await self._request("GET", topic)
            document = payloads.parse(text) if status in _OK else None
            if document is not None:
                return document
        return None

    # --- Writing ----------------------------------------------------------------------------

    async def set_limit(self, limit_a: float, timeout_ms: int) -> None:
        """Write a limit under both names that the documentation has for each key."""
        await self._put(
            {
                "enabled": True,
                "amperageLimit": limit_a,
                "setAmperageLimit": limit_a,
                "timeout": timeout_ms,
                "setTimeout": timeout_ms,
            }
        )

    async def release(self) -> None:
        """Give the limit up: NaN. `enabled` stays, since with some firmware it stops charging."""
        await self._put({"amperageLimit": float("nan"), "setAmperageLimit": float("nan")})

    async def disable(self) -> None:
        """Give the limit up where NaN is not taken."""
        await self._put({"enabled": False})

    async def hold_to_one_phase(self, *, active: bool) -> None:
        """REST has no way to say so."""
        wanted = "one phase" if active else "all phases"
        raise RefusedError(f"the REST API cannot switch to {wanted}")

    async def _put(self, body: Mapping[str, Any]) -> None:
        status = 0
        for _ in range(ATTEMPTS):
            status, _text = await self._request("PUT", "limits", json.dumps(body))
            if status in _OK:
                return
            if status in _REFUSALS:
                raise RefusedError(f"PUT limits was answered {status}")
        raise LinkError(f"PUT limits was answered {status}")

    # --- HTTP -------------------------------------------------------------------------------

    async def _request(self, method: str, topic: str, body: str | None = None) -> tuple[int, str]:
        session = self._session
        if session is None:
            raise LinkError("not connected")
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self._one_at_a_time:
            try:
                async with session.request(
                    method,
                    f"{self._base}/{topic}",
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as answer:
                    return answer.status, await _body(answer)
            except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
                # RuntimeError: the session was closed meanwhile
                raise LinkError(_words(error)) from error


async def _body(answer: aiohttp.ClientResponse) -> str:
    """Return the body, as far as it may be long."""
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > MAX_BYTES:
            raise LinkError("the answer is too long")
    return content.decode(errors="replace")


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
