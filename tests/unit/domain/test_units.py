"""Spellings of quantities."""

from datetime import timedelta

from bridge.domain.units import rfc3339
from tests.unit.domain.builders import T0


def test_moments_have_milliseconds_and_z() -> None:
    assert rfc3339(T0 + timedelta(microseconds=123_900)) == "2026-01-10T10:00:00.123Z"
    assert rfc3339(T0) == "2026-01-10T10:00:00.000Z"
