"""Whether a station is still there: pings, silence, and a question that wants an answer soon.

Whatever the station sends counts: there are chargers that answer no pings (charger-quirks 10).
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from bridge.domain.settings import StationSettings

SILENT_INTERVALS: Final = 3
"""Ping intervals without any frame after which the link counts as dead."""


class Watched(Protocol):
    """A connection whose other end is looked after."""

    @property
    def is_open(self) -> bool:
        """Whether anything can be sent and heard."""

    @property
    def is_paused(self) -> bool:
        """Whether it is us who do not listen."""

    @property
    def is_busy(self) -> bool:
        """Whether we do not listen because what the station said is still being handled."""

    @property
    def needs(self) -> StationSettings:
        """Whether the station is to be pinged, and how often it sends heartbeats."""

    def ping(self) -> None:
        """Send a ping."""

    def end_silence(self) -> None:
        """End the connection: nothing was heard for too long."""


class Liveness:
    """Looks after one connection, from `start` to `stop`."""

    __slots__ = ("_alive_timer", "_heard_at", "_interval", "_link", "_loop", "_questions")

    def __init__(self, link: Watched, interval_seconds: float) -> None:
        """Take the time between two pings; with 0 there are none, nor is silence minded."""
        self._link = link
        self._interval = interval_seconds
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._alive_timer: asyncio.TimerHandle | None = None
        self._questions: list[Question] = []

    def start(self) -> None:
        """Begin to look."""
        if self._interval:
            self._alive_timer = self._loop.call_later(self._pause, self._look)

    @property
    def _pause(self) -> float:
        """How often the station is to be heard, s: by its pongs, or without pings its heartbeats."""
        needs = self._link.needs
        return self._interval if needs.pings else needs.heartbeat_interval_seconds

    def heard(self) -> None:
        """Take note that the station has sent something."""
        self._heard_at = self._loop.time()
        if self._questions:
            self._answer_all(alive=True)

    def stop(self) -> None:
        """Look no longer: the connection is gone."""
        if self._alive_timer is not None:
            self._alive_timer.cancel()
        self._answer_all(alive=False)

    def ask(self, within_seconds: float, on_answer: Callable[[bool], None]) -> None:
        """Ping, and say once, later, whether the station was heard in this time.

        A station that we do not listen to, because we have not handled all that it said, lives.
        """
        if not self._link.is_open:
            self._loop.call_soon(on_answer, False)  # the answer itself
            return
        question = Question(on_answer)
        question.timer = self._loop.call_later(within_seconds, self._give_up, question)
        self._questions.append(question)
        self._link.ping()

    def _give_up(self, question: "Question") -> None:
        self._questions.remove(question)
        question.on_answer(self._link.is_busy)

    def _answer_all(self, *, alive: bool) -> None:
        questions, self._questions = self._questions, []
        for question in questions:
            if question.timer is not None:
                question.timer.cancel()
            question.on_answer(alive)

    def _look(self) -> None:
        """Ping, and end a link on which nothing at all was heard for too long."""
        if not self._link.is_open:
            return
        if self._link.is_paused:
            self._heard_at = self._loop.time()
        if self._loop.time() - self._heard_at >= self._pause * SILENT_INTERVALS:
            self._link.end_silence()
            return
        if self._link.needs.pings:
            self._link.ping()
        self.start()


class Question:
    """Somebody wants to know whether the station is there."""

    __slots__ = ("on_answer", "timer")

    def __init__(self, on_answer: Callable[[bool], None]) -> None:
        self.on_answer = on_answer
        self.timer: asyncio.TimerHandle | None = None
