"""Commands as one plain value, for people with one slider on a dashboard."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Struct
from pydantic import Field, TypeAdapter

from bridge.api.commands.base import LimitA, LimitW
from bridge.domain import commands as domain

_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_TRUE: Final = frozenset({"true", "on", "1", "yes"})
_FALSE: Final = frozenset({"false", "off", "0", "no"})
_PHASES: Final[Mapping[str, int | None]] = {
    "1": 1,
    "3": 3,
    "none": None,
    "null": None,
    "auto": None,
}


class Scalar(Struct, frozen=True, kw_only=True):
    """A command as one plain value. `read` raises ValueError with a sentence that helps."""

    command: str
    """The command whose rights and age it has."""
    payload: Any
    description: str
    read: Callable[[str], domain.Arguments]


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected a plain number such as 16 or 7.5, not {text[:40]!r}")
    return float(text)


def _read_limit_a(text: str) -> domain.SetLimit:
    return domain.SetLimit(limit_a=TypeAdapter(LimitA).validate_python(_number(text)))


def _read_limit_w(text: str) -> domain.SetLimit:
    return domain.SetLimit(limit_w=TypeAdapter(LimitW).validate_python(_number(text)))


def _read_charging(text: str) -> domain.Pause | domain.Resume:
    folded = text.casefold()
    if folded in _TRUE:
        return domain.Resume()
    if folded in _FALSE:
        return domain.Pause()
    raise ValueError(f"expected true or false (on, off, 1, 0), not {text[:40]!r}")


def _read_phases(text: str) -> domain.SetPhases:
    folded = text.casefold()
    if folded not in _PHASES:
        raise ValueError(f"expected 1, 3 or auto, not {text[:40]!r}")
    return domain.SetPhases(phases=_PHASES[folded])


SCALARS: Final[Mapping[str, Scalar]] = {
    "limitA": Scalar(
        command="limit",
        payload=LimitA,
        description="`limit` as a plain number: A per phase.",
        read=_read_limit_a,
    ),
    "limitW": Scalar(
        command="limit",
        payload=LimitW,
        description="`limit` as a plain number: W over all phases.",
        read=_read_limit_w,
    ),
    "charging": Scalar(
        command="pause",
        payload=Annotated[
            Literal["true", "false", "on", "off", "1", "0", "yes", "no"],
            Field(description="In any casing."),
        ],
        description="`true` resumes, `false` pauses.",
        read=_read_charging,
    ),
    "phases": Scalar(
        command="phases",
        payload=Annotated[
            Literal["1", "3", "auto", "none", "null"], Field(description="In any casing.")
        ],
        description="`phases` as a plain number; `auto`, `none` and `null` take the claim back.",
        read=_read_phases,
    ),
}
"""Plain values that can be set, by the last segment of their topic."""
