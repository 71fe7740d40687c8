"""Stations that wait for an answer which is not known yet, by its ticket (`effects.Later`)."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from bridge.domain.effects import LateReply, Reply

Respond = Callable[[Reply | None], None]

ASKERS_LIMIT: Final = 8
"""Messages that wait on one ticket. A station has one CALL outstanding, so more come from one that
does not wait for answers: the oldest is then left without, as it would be sent again."""


class Waiting:
    """Whom to answer when the answers of a station's messages are known."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._askers: dict[str, deque[Respond]] = {}

    def add(self, ticket: str, respond: Respond) -> None:
        """Keep whoever waits for the answer of this ticket."""
        askers = self._askers.setdefault(ticket, deque())
        askers.append(respond)
        if len(askers) > ASKERS_LIMIT:
            askers.popleft()(None)

    def answer(self, replies: Iterable[LateReply]) -> None:
        """Answer all who wait for these."""
        for late in replies:
            for respond in self._askers.pop(late.ticket, ()):
                respond(late.reply)
