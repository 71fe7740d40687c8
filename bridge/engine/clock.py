"""The real clock and the real source of ids: the only place that asks the machine for either."""

import random
import secrets
import time
from datetime import UTC, datetime
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_LENGTH: Final = 26
_RANDOM_BITS: Final = 80


class SystemClock:
    """The machine's clock (`bridge.ports.Clock`)."""

    def __init__(self) -> None:
        self._known = 0, datetime.fromtimestamp(0, UTC)

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC, to the millisecond that is published."""
        milliseconds = time.time_ns() // 1_000_000
        known, moment = self._known  # one look: other threads ask, too
        if milliseconds != known:
            moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
            self._known = milliseconds, moment
        return moment

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()


class RandomIds:
    """Fresh ids of 26 characters that sort by time of creation (`bridge.ports.IdSource`).

    48 bits of milliseconds and 80 random bits in Crockford's base 32, as ULIDs are.
    """

    def new_id(self) -> str:
        """Return an id that nobody has used before."""
        number = time.time_ns() // 1_000_000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        return "".join(_ALPHABET[number >> shift & 31] for shift in _SHIFTS)

    def jitter(self) -> float:
        """Return a random number in 0 <= x < 1; for spreading load, not for secrets."""
        return random.random()  # noqa: S311  # see above


def random_bytes(number: int) -> bytes:
    """Return bytes that nobody can guess: for secrets."""
    return secrets.token_bytes(number)


_SHIFTS: Final = tuple(range(5 * (_ID_LENGTH - 1), -1, -5))
