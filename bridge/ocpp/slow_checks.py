"""Checks that take long, one after the other, in a thread of their own.

One at a time, so that whoever makes up logins occupies one core at most, and so that a failure is
counted before the next check of the same station begins.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something to find out."""

    wanted: Callable[[], bool]
    """Asked when it is its turn; where it is not, nothing is called any more."""
    work: Callable[[], bool]
    """In the thread."""
    done: Callable[[bool], None]


class SlowChecks:
    """The checks that wait, and the one that is made."""

    def __init__(self) -> None:
        """Start nothing: the thread begins with the first check."""
        self._waiting: deque[Check] = deque()
        self._present: asyncio.Future[bool] | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bridge-passwords")

    def add(self, check: Check) -> None:
        """Have something found out when it is its turn."""
        if not self._closed:
            self._waiting.append(check)
            self._go_on()

    def close(self) -> None:
        """Forget all that waits; what is being found out is told to nobody."""
        self._closed = True
        self._waiting.clear()
        if self._present is not None:
            self._present.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _go_on(self) -> None:
        while self._present is None and self._waiting:
            check = self._waiting.popleft()
            if check.wanted():
                loop = asyncio.get_running_loop()
                self._present = loop.run_in_executor(self._thread, check.work)
                self._present.add_done_callback(partial(self._made, check.done))

    def _made(self, done: Callable[[bool], None], made: asyncio.Future[bool]) -> None:
        self._present = None
        if made.cancelled():
            return
        error = made.exception()
        if error is not None:  # out of memory
            _log.error("a password could not be checked", exc_info=error)
        done(error is None and made.result())
        self._go_on()
