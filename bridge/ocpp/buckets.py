"""How often something may be done, by key, in bounded memory. Pure.

Theory of operation. For each key only the moment is kept at which its bucket will be full again
(the generic cell rate algorithm): a token that is taken moves it further away. Who goes on when
the bucket is empty pays more for each further token, up to `longest_seconds`; a bucket that was
full again begins anew. Time is the owner's, in s of any monotonic clock.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)


class Buckets(Generic[_K]):
    """A bucket of tokens for each key."""

    def __init__(
        self,
        *,
        burst: int,
        every_seconds: float,
        longest_seconds: float | None = None,
        remembered: int = 4096,
    ) -> None:
        """Take how many tokens a bucket holds and how long one takes to come back.

        Beyond `remembered` keys, those that were used longest ago are forgotten.
        """
        self._every = every_seconds
        self._burst = burst
        self._slack = (burst - 1) * every_seconds
        self._longest = every_seconds if longest_seconds is None else longest_seconds
        self._remembered = remembered
        self._full_at: OrderedDict[_K, tuple[float, int]] = OrderedDict()

    def knows(self, key: _K, now: float) -> bool:
        """Say whether a token was taken from this bucket lately."""
        return self._state(key, now)[1] > 0

    def allows(self, key: _K, now: float) -> bool:
        """Say whether a token is left."""
        full_at, _ = self._state(key, now)
        return full_at - now <= self._slack

    def take(self, key: _K, now: float) -> None:
        """Take a token, also where none is left."""
        full_at, taken = self._state(key, now)
        doublings = min(max(taken - self._burst + 1, 0), 16)
        step = min(self._every * 2**doublings, self._longest)
        self._full_at[key] = (full_at + step, taken + 1)
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._remembered:
            self._full_at.popitem(last=False)

    def refill(self, key: _K) -> None:
        """Fill a bucket."""
        self._full_at.pop(key, None)

    def _state(self, key: _K, now: float) -> tuple[float, int]:
        """Return when the bucket is full again, and the tokens taken since it was full."""
        full_at, taken = self._full_at.get(key, (now, 0))
        return (now, 0) if full_at <= now else (full_at, taken)
