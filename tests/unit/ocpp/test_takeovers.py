"""When a station's connections take over from each other too often."""

from bridge.domain.ids import StationId
from bridge.ocpp.takeovers import MOST_SWAPS, REMEMBERED, WITHIN_SECONDS, Takeovers

CS = StationId("CS1")
HOME, AWAY = "192.0.2.1:4711", "192.0.2.2:4711"


def swapped(times: int, *, at: float = 0.0) -> Takeovers:
    """A station whose connections swap between two addresses, one second apart."""
    takeovers = Takeovers()
    for number in range(times):
        old, new = (HOME, AWAY) if number % 2 == 0 else (AWAY, HOME)
        takeovers.note(CS, old, new, at + number)
    return takeovers


def test_a_few_swaps_are_free() -> None:
    assert not swapped(0).too_many(CS, HOME, AWAY, 10.0)
    assert not swapped(MOST_SWAPS - 1).too_many(CS, HOME, AWAY, 10.0)


def test_after_three_in_a_minute_the_present_one_is_asked_first() -> None:
    takeovers = swapped(MOST_SWAPS)
    assert takeovers.too_many(CS, AWAY, HOME, 10.0)
    assert not takeovers.too_many(StationId("CS2"), AWAY, HOME, 10.0)


def test_a_minute_later_it_is_free_again() -> None:
    takeovers = swapped(MOST_SWAPS)
    assert takeovers.too_many(CS, AWAY, HOME, WITHIN_SECONDS - 0.1)
    assert not takeovers.too_many(CS, AWAY, HOME, WITHIN_SECONDS)


def test_whoever_comes_from_the_same_address_is_the_same_station() -> None:
    takeovers = Takeovers()
    for number in range(10):
        takeovers.note(CS, f"192.0.2.1:{number}", f"192.0.2.1:{number + 1}", number)
    assert not takeovers.too_many(CS, HOME, AWAY, 10.0)
    assert not swapped(MOST_SWAPS).too_many(CS, "192.0.2.1:1", "192.0.2.1:2", 10.0)


def test_an_ipv6_address_is_told_from_its_port() -> None:
    takeovers = Takeovers()
    for number in range(MOST_SWAPS):
        takeovers.note(CS, f"2001:db8::1:{number}", f"2001:db8::1:{number + 1}", number)
    assert not takeovers.too_many(CS, "2001:db8::1:9", "2001:db8::2:9", 10.0)


def test_memory_is_bounded() -> None:
    takeovers = swapped(MOST_SWAPS)
    for number in range(REMEMBERED):
        takeovers.note(StationId(f"X{number}"), HOME, AWAY, 5.0)
    assert not takeovers.too_many(CS, AWAY, HOME, 10.0)
