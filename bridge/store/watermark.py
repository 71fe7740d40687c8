"""Up to which row every event has reached the broker.

Theory of operation. Rows are acknowledged nearly in the order in which they were written: what is
in flight holds the watermark up for a moment, and then it passes everything that came meanwhile.
So a single number tells of almost all events that they are published, and the few that were
acknowledged beyond it are remembered here, not on disk: after a crash they are sent again.

It does not look into the store itself: `steps` asks whoever moves it on, who may have to wait for
the answer.

Rows that are no events (results have rows of their own in the outbox) hold nothing up. An event
that holds up too many others is overtaken: whoever asks for that writes it into the outbox.
"""

from collections.abc import Callable, Generator, Iterable


class Watermark:
    """The number of the row up to which all events are published or in the outbox."""

    def __init__(self, position: int) -> None:
        """Begin where the store is."""
        self.position = position
        self._beyond: set[int] = set()
        self._held_up_by = 0

    @property
    def held_up(self) -> int:
        """How many acknowledged rows wait for an earlier one."""
        return len(self._beyond)

    def acknowledge(self, rows: Iterable[int]) -> None:
        """Take note of acknowledged rows, which have been committed; `advance` moves on."""
        self._beyond.update(row for row in rows if row > self.position)

    def advance(self, next_event: Callable[[int], int | None]) -> None:
        """Move up to the first event that is not acknowledged.

        `next_event` finds the first row after a number that is an event to be published.
        """
        steps = self.steps()
        asked = next(steps, None)
        while asked is not None:
            asked = answered(steps, next_event(asked))

    def steps(self) -> Generator[int, int | None, None]:
        """Move up as `advance` does; yields each number of which `next_event` is to be sent."""
        while self._beyond:
            following = self.position + 1
            if following in self._beyond:
                self._beyond.remove(following)
                self.position = following
            elif following == self._held_up_by or not self._skip((yield self.position)):
                return

    def _skip(self, event: int | None) -> bool:
        """Pass rows that are no events; False where there is none to pass.

        Never beyond what is acknowledged: rows after that may be of a transaction that is going
        to be rolled back, and their numbers then given to others.
        """
        following = self.position + 1
        if event == following:
            self._held_up_by = following
            return False
        last = max(self._beyond)
        self.position = last if event is None else min(event - 1, last)
        self._beyond.difference_update(range(following, self.position + 1))
        return True

    def overtake(self) -> list[int]:
        """Move up to the last acknowledged row; return the rows on the way that are not."""
        last = max(self._beyond)
        missing = [row for row in range(self.position + 1, last) if row not in self._beyond]
        self._beyond.clear()
        self.position = last
        return missing


def answered(steps: Generator[int, int | None, None], event: int | None) -> int | None:
    """Return what is asked next, None where nothing is."""
    try:
        return steps.send(event)
    except StopIteration:
        return None
