"""The life of a controller with a link in the test's hand: what no simulated SECC does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.domain.calls import CallFailed, CallFailure, CallResult
from bridge.domain.enums import SeccState
from bridge.engine.clock import SystemClock
from bridge.secc import stations
from bridge.secc.controller import SeccController
from bridge.secc.link import LinkError, RefusedError
from bridge.secc.payloads import Reading
from bridge.secc.settings import SeccSettings, SeccType
from tests.integration.secc.rig import STATION, Counts, Remembers, Rig

CHARGING = Reading(
    session_id="S1", state=SeccState.CHARGING, effective_a=32.0, limits_read=True, available_a=32.0
)


class Link:
    """A link of which the test says what it reads and how it takes what is written."""

    own_name = "API"
    switches_phases = True
    reads_limits = True
    poll_seconds = 0.02

    def __init__(self, _settings: SeccSettings) -> None:
        self.readings: list[Reading | Exception] = [CHARGING]
        """What is read, the last one again and again."""
        self.written: list[Any] = []
        self.refusing: set[str] = set()
        self.broken: set[str] = set()
        self._changed = asyncio.Event()

    async def open(self) -> None:
        self.written.append("open")

    async def close(self) -> None:
        self.written.append("close")

    async def reading(self) -> Reading:
        await asyncio.sleep(0)
        found = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def until_written(self, wanted: tuple[str, Any]) -> None:
        async with asyncio.timeout(10):
            while wanted not in self.written:
                self._changed.clear()
                await self._changed.wait()

    async def _write(self, name: str, value: Any) -> None:
        self.written.append((name, value))
        self._changed.set()
        if name in self.refusing:
            raise RefusedError(f"{name} is not taken")
        if name in self.broken:
            raise LinkError(f"{name} is broken")

    async def set_limit(self, limit_a: float, timeout_ms: int) -> None:
        await self._write("limit", limit_a)

    async def release(self) -> None:
        await self._write("release", None)

    async def disable(self) -> None:
        await self._write("disable", None)

    async def hold_to_one_phase(self, *, active: bool) -> None:
        await self._write("one_phase", active)


@asynccontextmanager
async def living(
    monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[tuple[Link, Rig]]:
    """Run a controller with such a link while in the context."""
    links: list[Link] = []

    def make(settings: SeccSettings) -> Link:
        links.append(Link(settings))
        return links[0]

    monkeypatch.setattr(stations, "LINKS", {SeccType.REST: make})
    rig = Rig(SeccType.REST, "http://secc", **options)
    rig.stations.start()
    try:
        await rig.inbox.until(lambda inbox: inbox.reports)
        yield links[0], rig
    finally:
        await rig.stations.stop()


async def test_a_bug_in_between_is_no_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with living(monkeypatch) as (link, rig):
        link.readings = [ZeroDivisionError("a bug"), CHARGING]
        await rig.inbox.until(lambda inbox: inbox.presence == ["online", "offline", "online"])
        assert rig.counts.seen["secc.failed"] == 1
    assert "a bug" in caplog.text


class Ids:
    """Randomness at one end of its range."""

    def __init__(self, jitter: float) -> None:
        self._jitter = jitter

    def new_id(self) -> str:
        return "id"

    def jitter(self) -> float:
        return self._jitter


@pytest.mark.parametrize(
    ("jitter", "pauses", "poll"),
    [
        (0.0, [0.5, 1, 2, 4, 8, 15, 15, 15], 0.018),
        (1.0, [1, 2, 4, 8, 16, 30, 30, 30], 0.022),
    ],
)
async def test_attempts_become_rarer_and_neither_they_nor_polls_fall_in_step(
    jitter: float, pauses: list[float], poll: float
) -> None:
    settings = SeccSettings(station_id=STATION, type=SeccType.REST, url="http://secc")
    controller = SeccController(
        settings,
        Link(settings),
        inbox=Remembers(),
        clock=SystemClock(),
        ids=Ids(jitter),
        metrics=Counts(),
    )
    assert [controller._retry_seconds() for _ in pauses] == pauses
    assert controller._poll_seconds() == pytest.approx(poll)


async def test_what_says_nothing_of_a_state_is_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(monkeypatch) as (link, rig):
        link.readings = [Reading(session_id="S1")]
        await rig.inbox.until(lambda inbox: inbox.presence == ["online", "offline"])
        assert len(rig.inbox.reports) == 1


async def test_a_refused_limit_leaves_the_one_before_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with living(monkeypatch, lease_seconds=0.5) as (link, rig):
        shown = Reading(**{**_fields(CHARGING), "limit_a": 10.0, "limit_enabled": True})
        link.readings = [shown]
        assert await rig.limit(10) == CallResult(accepted=True, status="Accepted")
        link.refusing = {"limit"}
        answer = await rig.limit(12)
        assert isinstance(answer, CallResult)
        assert (answer.accepted, answer.reason_code) == (False, "Refused")
        link.refusing = set()
        link.written.clear()
        await link.until_written(("limit", 10.0))
        assert ("limit", 12.0) not in link.written


async def test_a_limit_that_cannot_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(monkeypatch, confirm_seconds=0.2) as (link, rig):
        link.readings = [Reading(**{**_fields(CHARGING), "limit_a": 10.0, "limit_enabled": True})]
        link.refusing = {"release"}
        answer = await rig.clear()
        assert isinstance(answer, CallFailed)
        assert answer.failure is CallFailure.TIMEOUT
        assert [each for each in link.written if isinstance(each, tuple)] == [
            ("release", None),
            ("disable", None),
        ]


async def test_a_broken_link_is_a_time_out_and_nobody_knows_what_is_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with living(monkeypatch) as (link, rig):
        link.broken = {"limit"}
        answer = await rig.limit(10)
        assert isinstance(answer, CallFailed)
        assert (answer.failure, answer.description) == (CallFailure.TIMEOUT, "limit is broken")


async def test_only_so_many_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(monkeypatch, confirm_seconds=5.0) as (_link, rig):
        answers = [asyncio.ensure_future(rig.limit(10)) for _ in range(30)]
        done, _ = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        assert CallFailed(failure=CallFailure.QUEUE_FULL) in [each.result() for each in done]
        await rig.stations.stop()
        outcomes = await asyncio.gather(*answers)
        assert {type(each) for each in outcomes} == {CallFailed}
        assert len(outcomes) == 30  # each is answered, exactly once


def _fields(reading: Reading) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in Reading.__slots__}
