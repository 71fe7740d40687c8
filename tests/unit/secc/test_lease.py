"""Leases of limits: how long, when they are renewed, and whether a reading shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from bridge.domain.enums import SeccState
from bridge.secc.lease import given_up, written
from bridge.secc.payloads import Reading

NOW: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)


def lease(limit_a: float = 10.0, **more: Any) -> Any:
    facts = {"lease_seconds": 300.0, "monotonic": 1000.0, "now": NOW, "valid_to": None}
    return written(limit_a, **{**facts, **more})


def test_it_is_renewed_at_a_third() -> None:
    given = lease()
    assert (given.timeout_ms, given.renew_at) == (300_000, 1100.0)
    assert not given.has_run_out(1299.9)
    assert given.has_run_out(1300.0)


@pytest.mark.parametrize(("seconds", "timeout_ms"), [(60, 60_000), (3600, 300_000), (-5, 1000)])
def test_it_is_no_longer_than_it_is_wanted(seconds: float, timeout_ms: int) -> None:
    assert lease(valid_to=NOW + timedelta(seconds=seconds)).timeout_ms == timeout_ms


def test_a_shorter_time_out_of_the_controller_counts() -> None:
    given = lease(lease_seconds=3600.0)
    taken = given.as_taken(Reading(limits_read=True, limit_timeout_ms=300_000.0))
    assert (taken.timeout_ms, taken.renew_at) == (300_000, 1100.0)
    assert given.as_taken(Reading(limits_read=True, limit_timeout_ms=7_200_000.0)) is given
    assert given.as_taken(Reading()) is given


def shows(wanted_a: float, **said: Any) -> bool:
    reading = Reading(**{"limits_read": True, "limit_enabled": True, **said})
    return bool(lease(wanted_a).is_shown_in(reading, reads_limits=True))


def test_what_the_controller_makes_of_it_shows_it() -> None:
    assert shows(10, limit_a=10.0)
    assert shows(10, limit_a=9.95)
    assert not shows(10, limit_a=9.8)
    assert not shows(10, limit_a=None)
    assert not shows(10, limit_a=10.0, limit_enabled=False)
    assert shows(10, limit_a=10.0, limit_enabled=None)
    assert shows(5, limit_a=0.0)
    assert shows(0, limit_a=0.0)
    assert shows(40, limit_a=32.0, effective_a=32.0)
    assert not shows(40, limit_a=20.0, effective_a=32.0)


@pytest.mark.parametrize(
    ("available", "shown"), [(10.0, True), (6.0, True), (16.0, False), (None, False)]
)
def test_where_limits_cannot_be_read_what_is_available_shows_it(
    available: float | None, shown: bool
) -> None:
    assert lease(10).is_shown_in(Reading(available_a=available), reads_limits=False) is shown


def test_a_limit_given_up() -> None:
    assert given_up(Reading(limits_read=True))
    assert given_up(Reading(limits_read=True, limit_a=10.0, limit_enabled=False))
    assert not given_up(Reading(limits_read=True, limit_a=10.0, limit_enabled=True))
    assert not given_up(Reading())


def undercut(wanted_a: float = 10.0, read_at: float = 1002.0, **said: Any) -> bool:
    reading = Reading(**{"state": SeccState.CHARGING, "available_a": 7.0, **said})
    return bool(lease(wanted_a).is_undercut_in(reading, read_at))


def test_a_lower_limit_of_nobody_knows_whom_is_seen_by_what_is_left() -> None:
    assert undercut()
    assert undercut(state=SeccState.SUSPENDED_EVSE, available_a=0.0)
    assert not undercut(available_a=9.95)
    assert not undercut(available_a=None)
    assert not undercut(read_at=1001.9)  # it may not have risen yet
    assert not undercut(state=SeccState.IDLE)  # nothing is available to nobody
    assert not undercut(source_name="Team")  # it says who
    assert not undercut(wanted_a=4.0, available_a=0.0)
    assert not undercut(wanted_a=40.0, available_a=32.0, effective_a=32.0)


def test_a_renewal_is_the_same_limit() -> None:
    again = lease(monotonic=1100.0, set_at=lease().set_at)
    assert (again.written_at, again.set_at) == (1100.0, 1000.0)
    reading = Reading(state=SeccState.CHARGING, available_a=7.0)
    assert again.is_undercut_in(reading, 1100.5)
