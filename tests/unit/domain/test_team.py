"""Sharing a total: who gets how much, exactly."""

import pytest

from bridge.domain.ids import StationId
from bridge.domain.team import Claim, MemberId, Totals, room_of, shares, tenths_above, tenths_of


def claim(name: str, demand_a: float = 16, **more: float) -> Claim:
    member = MemberId(StationId(name), 1)
    values = {"floor_a": 6.0, "ceiling_a": demand_a, "watts_per_a": 690.0, **more}
    return Claim(member=member, demand_a=demand_a, **values)


def given(
    *claims: Claim, limit_a: float | None = None, limit_w: float | None = None
) -> list[float]:
    room = room_of(Totals(limit_a=limit_a, limit_w=limit_w))
    return list(shares(claims, room).values())


class TestShares:
    def test_enough_for_all_gives_everyone_what_they_can_use(self) -> None:
        assert given(claim("A", 16), claim("B", 10), limit_a=63) == [16, 10]

    def test_too_little_ends_at_one_level_for_all(self) -> None:
        assert given(claim("A", 32), claim("B", 32), claim("C", 32), limit_a=63) == [21, 21, 21]

    def test_who_needs_little_leaves_the_rest_to_the_others(self) -> None:
        assert given(claim("A", 32), claim("B", 8), claim("C", 32), limit_a=48) == [20, 8, 20]

    def test_what_nobody_needs_goes_to_those_who_may_have_it(self) -> None:
        assert given(claim("A", 8, ceiling_a=32), claim("B", 16), limit_a=40) == [24, 16]

    def test_a_level_is_rounded_down_to_a_tenth(self) -> None:
        assert given(claim("A"), claim("B"), claim("C"), limit_a=20) == [6.6, 6.6, 6.6]

    def test_where_not_all_floors_fit_the_earlier_come_first(self) -> None:
        assert given(claim("A"), claim("B"), claim("C"), limit_a=17) == [8.5, 8.5, 0]

    def test_less_than_a_floor_is_nothing(self) -> None:
        assert given(claim("A"), limit_a=5.9) == [0]

    def test_a_large_floor_is_not_passed_over(self) -> None:
        assert given(claim("A"), claim("B", floor_a=12), claim("C"), limit_a=16) == [16, 0, 0]

    def test_a_floor_that_never_fits_does_not_hold_up_the_others(self) -> None:
        assert given(claim("A", floor_a=12), claim("B"), limit_a=10) == [0, 10]

    def test_no_claims_get_no_shares(self) -> None:
        assert given(limit_a=63) == []

    def test_watts_count_by_voltage_and_phases_of_each(self) -> None:
        one_phase = claim("B", 32, watts_per_a=230.0)
        assert given(claim("A", 32), one_phase, limit_w=9200) == [10, 10]

    def test_watts_and_amperes_both_hold(self) -> None:
        assert given(claim("A", 32), claim("B", 32), limit_a=40, limit_w=13_800) == [10, 10]
        assert given(claim("A", 32), claim("B", 32), limit_a=16, limit_w=13_800) == [8, 8]

    def test_watts_that_fit_exactly_are_not_lost_to_binary_fractions(self) -> None:
        assert given(claim("A", 6.9, watts_per_a=232.1), limit_w=6.9 * 232.1) == [6.9]


@pytest.mark.parametrize(
    ("current_a", "down", "up"), [(10.3, 103, 103), (6.66, 66, 67), (0.0, 0, 0), (0.3 * 3, 9, 9)]
)
def test_tenths_are_not_fooled_by_binary_fractions(current_a: float, down: int, up: int) -> None:
    assert tenths_of(current_a) == down
    assert tenths_above(current_a) == up


def test_a_member_reads_as_in_the_configuration() -> None:
    assert str(MemberId(StationId("DE*ABC*E1"), 2)) == "DE*ABC*E1/2"
