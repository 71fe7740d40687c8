"""Named points at which a test may have the process die (`BRIDGE_CRASH_AT`, script/torture).

`BRIDGE_CRASH_AT=before-commit:3` ends the process, without any cleaning up, when it passes
`before-commit` for the third time. Where the variable is not set, as always outside of tests,
what is called at the points is a function that does nothing, chosen once at import.
"""

import asyncio
import os
from collections.abc import Callable
from itertools import count
from typing import Final, Literal, get_args

VARIABLE: Final = "BRIDGE_CRASH_AT"
EXIT_CODE: Final = 86
"""Of a process that died at a point, which tells it from every other end."""

Point = Literal[
    "received",  # a CALL of a station was read, nothing is done yet
    "before-commit",  # rows are written, their transaction is open
    "after-commit",  # it is durable, and nobody knows
    "before-answer",  # the answer to the station is ready
    "after-answer",  # and has gone out
    "before-publish",  # a message of the outbox is about to be sent
    "after-publish",  # and has gone out
    "before-puback",  # the broker has acknowledged it, and nothing was made of that
    "in-tidy",  # what the broker has acknowledged is written, its transaction is open
    "in-prune",  # old commands are deleted, their transaction is open
    "in-migration",  # a step of the schema is done, its transaction is open
]
POINTS: Final[tuple[Point, ...]] = get_args(Point)

Passing = Callable[[Point], None]


def passing(wish: str | None) -> Passing:
    """Return what is to be done at each point, for the content of the variable.

    Raises SystemExit, with a sentence, where it is not `point:number`.
    """
    if not wish:
        return _go_on
    name, _, number = wish.partition(":")
    if name not in POINTS or not number.isdecimal() or not int(number):
        raise SystemExit(
            f"{VARIABLE}={wish}: must be point:number, points are {', '.join(POINTS)}"
        )
    passages = count(1)

    def die(point: Point) -> None:
        if point == name and next(passages) == int(number):
            os._exit(EXIT_CODE)

    return die


def _go_on(_point: Point) -> None:
    """Do nothing."""


def _after_this_turn(point: Point) -> None:
    asyncio.get_running_loop().call_soon(passes, point)


passes: Final = passing(os.environ.get(VARIABLE))
"""To be called at a point."""
passes_soon: Final[Passing] = _go_on if passes is _go_on else _after_this_turn
"""Likewise for what goes out at the end of this turn of the event loop."""
