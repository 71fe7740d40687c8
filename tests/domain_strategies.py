"""Hypothesis strategies for the domain's records, derived from their annotations.

So a field that is added to the model is in the round-trip tests from its first day.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields

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


class Records:
    """Strategies for anything that the domain's annotations can say."""

    def __init__(
        self, leaves: Mapping[Any, st.SearchStrategy[Any]], *, sparse: bool = False
    ) -> None:
        """Say what the leaves are; `sparse` leaves most of a record at its defaults."""
        self._known = dict(leaves)
        self._sparse = sparse

    def __call__(self, annotation: Any) -> st.SearchStrategy[Any]:
        """Return the strategy for an annotation."""
        known = self._known.get(annotation)
        if known is None:
            known = self._known[annotation] = self._made(annotation)
        return known

    def _made(self, annotation: Any) -> st.SearchStrategy[Any]:
        if isinstance(annotation, NewType):
            return self(annotation.__supertype__)
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            return st.deferred(lambda: self._struct(annotation))
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return st.sampled_from(annotation)
        if isinstance(annotation, type) and hasattr(annotation, "_fields"):
            return st.builds(annotation, **self._of_fields(annotation))
        return self._generic(get_origin(annotation), get_args(annotation))

    def _of_fields(self, record: type) -> dict[str, st.SearchStrategy[Any]]:
        return {name: self(hint) for name, hint in get_type_hints(record).items()}

    def _struct(self, record: type[Struct]) -> st.SearchStrategy[Any]:
        given = self._of_fields(record)
        if not self._sparse:
            return st.builds(record, **given)
        must = {each.name for each in fields(record) if each.required}

        def some(names: list[str]) -> st.SearchStrategy[Any]:
            return st.builds(record, **{name: given[name] for name in {*must, *names}})

        optional = sorted(given.keys() - must)
        if not optional:
            return some([])
        return st.lists(st.sampled_from(optional), max_size=5, unique=True).flatmap(some)

    def _generic(self, origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
        if origin in {Union, UnionType}:
            return st.one_of(*map(self, arguments))
        if origin is tuple and arguments[-1] is not Ellipsis:
            return st.tuples(*map(self, arguments))
        if origin is tuple:
            return st.lists(self(arguments[0]), max_size=2).map(tuple)
        if origin is frozenset:
            return st.frozensets(self(arguments[0]), max_size=2)
        assert issubclass(origin, Mapping), origin
        return st.dictionaries(self(arguments[0]), self(arguments[1]), max_size=2)


records: Final = Records(_LEAVES)
"""Anything at all."""
