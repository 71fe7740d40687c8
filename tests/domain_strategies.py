"""Hypothesis strategies for the domain's records, derived from their annotations.

So a field that is added to the model is in the round-trip tests from its first day.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec import Struct

_INT64: Final = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_FLOAT: Final = st.floats(allow_nan=False, allow_infinity=False)
_JSON: Final = st.recursive(
    st.none() | st.booleans() | _INT64 | _FLOAT | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_LEAVES: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Any: _JSON,
    NoneType: st.none(),
    bool: st.booleans(),
    int: _INT64,
    float: _FLOAT,
    str: _TEXT,
    datetime: st.datetimes(
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
}


@cache
def records(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for anything that the domain's annotations can say."""
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    if isinstance(annotation, NewType):
        return records(annotation.__supertype__)
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return _struct(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return _GENERICS[get_origin(annotation)](get_args(annotation))


def _struct(record: type[Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(record)
    return st.builds(record, **{name: records(hints[name]) for name in record.__struct_fields__})


def _tuple(arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if arguments[-1] is Ellipsis:
        return st.lists(records(arguments[0]), max_size=2).map(tuple)
    return st.tuples(*map(records, arguments))


def _mapping(arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.dictionaries(records(arguments[0]), records(arguments[1]), max_size=2)


def _union(arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.one_of(*map(records, arguments))


_GENERICS: Final[dict[Any, Callable[[tuple[Any, ...]], st.SearchStrategy[Any]]]] = {
    tuple: _tuple,
    Mapping: _mapping,
    Union: _union,
    UnionType: _union,
}
