"""How many commands a controller may send: a token bucket each, in bounded memory."""

from typing import Final

from bridge.ports import Clock

RATE_PER_SECOND: Final = 10.0
BURST: Final = 50.0
MAX_BUCKETS: Final = 1000
"""Controllers that are told apart; further ones share a bucket while so many are busy."""
_SHARED: Final = ""
"""No controller has this name."""


class _Bucket:
    """Tokens that were left at a moment."""

    __slots__ = ("at", "tokens")

    def __init__(self, at: float) -> None:
        self.at = at
        self.tokens = BURST

    def refill(self, now: float) -> None:
        self.tokens = min(BURST, self.tokens + (now - self.at) * RATE_PER_SECOND)
        self.at = now


class RateLimit:
    """Ten commands per second and controller, fifty at once (mqtt-api.md, Refused 4)."""

    def __init__(self, clock: Clock) -> None:
        """Start with full buckets."""
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def allows(self, controller: str) -> bool:
        """Say whether a controller may send one more command now, and count it."""
        bucket = self._bucket(controller)
        bucket.refill(self._clock.monotonic())
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _bucket(self, controller: str) -> _Bucket:
        bucket = self._buckets.get(controller)
        if bucket is None:
            if len(self._buckets) >= MAX_BUCKETS:
                self._forget_full_ones()
            if len(self._buckets) >= MAX_BUCKETS:
                controller = _SHARED
            bucket = self._buckets.setdefault(controller, _Bucket(self._clock.monotonic()))
        return bucket

    def _forget_full_ones(self) -> None:
        """Drop the buckets that are as a new one would be."""
        now = self._clock.monotonic()
        for bucket in self._buckets.values():
            bucket.refill(now)
        self._buckets = {
            name: bucket for name, bucket in self._buckets.items() if bucket.tokens < BURST
        }
