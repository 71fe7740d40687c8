"""How often somebody may guess, and who is kept out by it."""

import pytest

from bridge.domain.ids import StationId
from bridge.ocpp.logins import Logins, network_of

CS, OTHER = StationId("CS1"), StationId("CS2")
HOME, AWAY = "192.0.2.1:4711", "198.51.100.7:4711"


def guesses(
    logins: Logins, times: int, *, station: str = "CS1", remote: str = AWAY, at: float = 0.0
) -> int:
    """Fail so many times, one a millisecond; return how many were looked at."""
    looked_at = 0
    for number in range(times):
        now = at + number / 1000
        if logins.allowed(StationId(station), remote, now):
            looked_at += 1
            logins.failed(StationId(station), remote, now)
    return looked_at


def test_of_a_thousand_guesses_five_are_looked_at() -> None:
    assert guesses(Logins(), 1000) == 5


def test_in_a_minute_it_is_no_more_than_ten_and_then_next_to_nothing() -> None:
    logins = Logins()
    each_minute = []
    for minute in range(5):
        looked_at = 0
        for second in range(60):
            looked_at += guesses(logins, 10, at=60.0 * minute + second)
        each_minute.append(looked_at)
    assert each_minute[0] <= 10
    assert max(each_minute[1:]) <= 1


def test_the_last_failure_for_now_is_told() -> None:
    logins = Logins()
    assert [logins.failed(CS, AWAY, 0.0) for _ in range(5)] == [False] * 4 + [True]


def test_one_station_is_guessed_at_from_everywhere() -> None:
    logins = Logins()
    looked_at = sum(guesses(logins, 1, remote=f"198.51.100.{n}:1") for n in range(200))
    assert looked_at == 5


def test_one_network_guesses_at_many_stations() -> None:
    logins = Logins()
    assert sum(guesses(logins, 1, station=f"X{n}") for n in range(200)) == 5
    assert guesses(logins, 1, station="Y", remote=HOME) == 1


def test_a_station_is_not_kept_out_of_where_it_has_logged_in() -> None:
    logins = Logins()
    logins.succeeded(CS, HOME)
    guesses(logins, 100)
    assert not logins.allowed(CS, AWAY, 1.0)
    assert logins.allowed(CS, HOME, 1.0)
    assert guesses(logins, 100, remote=HOME) == 5


def test_a_wrong_password_does_not_lock_out_the_neighbours_behind_the_router() -> None:
    logins = Logins()
    guesses(logins, 100, station="wrong", remote=HOME)
    for number in range(50):
        neighbour = StationId(f"right{number}")
        assert logins.allowed(neighbour, HOME, 1.0)
        logins.succeeded(neighbour, HOME)


def test_a_success_forgives_the_failures_there() -> None:
    logins = Logins()
    guesses(logins, 4)
    logins.succeeded(CS, AWAY)
    assert guesses(logins, 100) == 5


def test_stations_that_logged_in_longest_ago_are_trusted_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bridge.ocpp.logins.REMEMBERED_STATIONS", 1)
    logins = Logins()
    logins.succeeded(CS, HOME)
    logins.succeeded(OTHER, HOME)
    guesses(logins, 5, remote=AWAY)
    guesses(logins, 5, station="CS2", remote="203.0.113.1:1")
    assert not logins.allowed(CS, HOME, 1.0)
    assert logins.allowed(OTHER, HOME, 1.0)


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6:4711", "2001:db8:1:2::"),
        ("fe80::1%eth0:4711", "fe80::"),
        ("::ffff:192.0.2.1:4711", "192.0.2.1"),
        ("", ""),
        ("a-host:1", "a-host"),
    ],
)
def test_an_address_is_counted_for_its_network(remote: str, network: str) -> None:
    assert network_of(remote) == network
