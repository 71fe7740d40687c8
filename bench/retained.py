"""What the retained topics of stations should say, by the bridge's HTTP service.

The documents there are made from the same records as those on MQTT, when they are asked for: that
is the truth that retained topics must converge to.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson

from bench.evidence import read_retained
from bench.process import LOOPBACK
from bridge.mqtt.topics import escape

Documents = dict[str, Any]
"""By topic: a JSON document without its times of making, or a word; None where it is missing."""

_PAGE: Final = 1000
_TIMES: Final = ("ts", "receivedAt")
_LOOK_SECONDS: Final = 0.1
_TIMEOUT_SECONDS: Final = 30.0


def told(payload: bytes) -> Any:
    """Return what a retained payload says."""
    try:
        return _timeless(orjson.loads(payload))
    except orjson.JSONDecodeError:
        return payload.decode()


def _timeless(document: Any) -> Any:
    if not isinstance(document, dict):
        return document
    return {name: value for name, value in document.items() if name not in _TIMES}


class Bridge:
    """The HTTP service of a bridge."""

    def __init__(self, client: httpx.AsyncClient, root: str) -> None:
        """Use `talking_to`."""
        self._client = client
        self._root = root

    async def readiness(self) -> dict[str, Any]:
        """Return what /readyz says."""
        found: dict[str, Any] = (await self._client.get("/readyz")).json()
        return found

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until /readyz says what is wanted; a bridge that does not listen says nothing."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                if wanted(await self.readiness()):
                    return
            await asyncio.sleep(_LOOK_SECONDS)

    async def truth(self) -> Documents:
        """Return what each topic below `v1/cs/` should say."""
        listed = await self._get(f"/api/v1/stations?limit={_PAGE}")
        documents: Documents = {}
        for summary in listed["stations"]:
            station = await self._get(f"/api/v1/stations/{quote(summary['cs'], safe='')}")
            documents |= self._of_station(station)
        return documents

    def _of_station(self, station: dict[str, Any]) -> Documents:
        place = f"{self._root}/v1/cs/{escape(station['cs'])}"
        found = {
            f"{place}/availability": station["availability"],
            f"{place}/info": _timeless(station["info"]),
        }
        for evse in station["evses"]:
            for name, document in evse.items():
                if name != "evse" and document is not None:
                    found[f"{place}/{evse['evse']}/{name}"] = _timeless(document)
        return found

    async def _get(self, path: str) -> Any:
        answer = await self._client.get(path)
        answer.raise_for_status()
        return answer.json()


@asynccontextmanager
async def talking_to(http_port: int, root: str) -> AsyncIterator[Bridge]:
    """Use a bridge's HTTP service while in the context."""
    url = f"http://{LOOPBACK}:{http_port}"
    async with httpx.AsyncClient(
        base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False
    ) as client:
        yield Bridge(client, root)


def differences(truth: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each topic that does not say the truth."""
    complaints = []
    for topic in sorted(truth.keys() | found.keys()):
        if topic not in truth:
            complaints.append(f"{topic} is nobody's, and says {_short(found[topic])}")
        elif topic not in found:
            complaints.append(f"{topic} is missing")
        elif truth[topic] != found[topic]:
            complaints.append(f"{topic}: {_differing(truth[topic], found[topic])}")
    return complaints


def _differing(true: Any, said: Any) -> str:
    if isinstance(true, dict) and isinstance(said, dict):
        names = [each for each in true.keys() | said.keys() if true.get(each) != said.get(each)]
        true = {name: true.get(name) for name in sorted(names)}
        said = {name: said.get(name) for name in sorted(names)}
    return f"says {_short(said)}, true is {_short(true)}"


def _short(value: Any) -> str:
    return orjson.dumps(value).decode()[:300]


async def converged(
    bridge: Bridge, broker_url: str, root: str, timeout_seconds: float
) -> list[str]:
    """Wait until the retained topics of stations say the truth; return what still does not."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        retained = await read_retained(broker_url, f"{root}/v1/cs/#")
        found = {topic: told(payload) for topic, payload in retained.items()}
        complaints = differences(await bridge.truth(), found)
        if not complaints or time.monotonic() > deadline:
            return complaints
        await asyncio.sleep(_LOOK_SECONDS)
