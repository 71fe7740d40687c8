"""Deadlines of stations, and what becomes of them when the wall clock is set."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import uvloop

from bridge.engine import timers
from bridge.engine.timers import Timers

START = datetime(2026, 1, 10, 10, tzinfo=UTC)


class SettableClock:
    def __init__(self) -> None:
        self.wrong_by = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self.wrong_by

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Told:
    """Who was called, and an event for each."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._called = asyncio.Event()

    def __call__(self, key: str) -> None:
        self.keys.append(key)
        self._called.set()

    async def next(self) -> None:
        async with asyncio.timeout(10):
            self._called.clear()
            await self._called.wait()


async def test_who_is_due_is_called_once_and_others_are_not() -> None:
    clock, told = SettableClock(), Told()
    due: Timers[str] = Timers(clock, told)
    due.set("late", clock.now() + timedelta(hours=1))
    due.set("soon", clock.now() + timedelta(milliseconds=20))

    await told.next()

    assert told.keys == ["soon"]
    due.close()


async def test_when_the_clock_is_set_forward_what_is_due_by_it_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "LONGEST_SLEEP_SECONDS", 0.02)
    clock, told = SettableClock(), Told()
    due: Timers[str] = Timers(clock, told)
    due.set("a", clock.now() + timedelta(hours=1))

    clock.wrong_by = timedelta(days=365)
    await told.next()

    assert told.keys == ["a"]
    due.close()


async def test_when_the_clock_is_set_back_everybody_looks_again_and_deadlines_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "LONGEST_SLEEP_SECONDS", 0.02)
    clock, told = SettableClock(), Told()
    clock.wrong_by = timedelta(days=365)
    due: Timers[str] = Timers(clock, told)
    due.set("a", clock.now() + timedelta(seconds=5))
    due.set("b", clock.now() + timedelta(hours=1))

    clock.wrong_by = timedelta()
    await told.next()
    assert told.keys == ["a", "b"]

    clock.wrong_by = timedelta(days=365, seconds=10)
    await told.next()
    assert told.keys == ["a", "b", "a"]
    due.close()


def test_a_loop_that_counts_in_milliseconds_is_not_kept_awake_until_a_fraction_is_over() -> None:
    class Counted(Timers[str]):
        fired = 0

        def _fire(self) -> None:
            self.fired += 1
            super()._fire()

    async def deadlines() -> tuple[int, list[str]]:
        told = Told()
        clock = SettableClock()
        counted = Counted(clock, told)
        keys = [f"CS{number}" for number in range(20)]
        for number, key in enumerate(keys, start=1):
            counted.set(key, clock.now() + timedelta(microseconds=2_430 * number))
        while len(told.keys) < len(keys):
            await told.next()
        counted.close()
        return counted.fired, told.keys

    fired, keys = uvloop.run(deadlines())
    assert keys == [f"CS{number}" for number in range(20)]
    assert fired <= 3 * len(keys)
