"""Twenty EVSEs on 63 A for a day: never too much, and nobody is forgotten."""

from datetime import timedelta

import pytest

from tests.team_simulation import TOTAL_A, Day, typical


@pytest.fixture(scope="module")
def day() -> Day:
    """A day at whose every moment the limits in force were added up (`Day.run` asserts)."""
    played = typical(seed=1)
    played.run(hours=24)
    return played


def test_the_limits_in_force_are_never_above_the_total(day: Day) -> None:
    assert day.moments > 10_000
    assert day.highest_a == TOTAL_A


def test_the_total_is_made_use_of(day: Day) -> None:
    assert day.served_ah > 0.8 * TOTAL_A * 24


def test_nobody_starves(day: Day) -> None:
    evses = [evse for station in day.played.values() for evse in station.evses.values()]
    assert len(evses) == 20
    assert all(evse.charged_ah > 10 for evse in evses)
    assert max(evse.longest_wait for evse in evses) < timedelta(seconds=2 * day.team.turn_seconds)


def test_the_same_seed_gives_the_same_day() -> None:
    first, second = typical(seed=7), typical(seed=7)
    for each in (first, second):
        each.run(hours=2)
    assert first.trace
    assert first.trace == second.trace
