"""Records are frozen, and `replace` makes another one."""

from datetime import timedelta

import pytest

from bridge.domain.records import replace
from tests.unit.domain.builders import T0, slot


def test_a_changed_record_is_another_of_its_kind() -> None:
    held = slot(10.0, until_disconnect=True)
    changed = replace(held, limit_a=12.0, since=T0 + timedelta(1))
    assert changed == slot(12.0, until_disconnect=True, since=T0 + timedelta(1))
    assert type(changed) is type(held)
    assert held.limit_a == 10.0


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError):
        replace(slot(10.0), ampere=3)  # type: ignore[call-arg]


def test_a_record_is_frozen() -> None:
    with pytest.raises(AttributeError):
        replace(slot(10.0)).limit_a = 3.0  # type: ignore[misc]
