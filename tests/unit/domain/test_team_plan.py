"""The team leader's steps: who is told what now, and what must be waited for."""

from datetime import datetime, timedelta
from typing import Any

from bridge.domain.control import TeamShare
from bridge.domain.ids import StationId
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_plan import (
    CONFIRM_PATIENCE,
    SETTLING,
    Activity,
    Member,
    Reason,
    Standing,
    Step,
    step,
)
from tests.records import replace
from tests.unit.domain.builders import T0

TURN = timedelta(seconds=900)


def key(name: str) -> MemberId:
    return MemberId(StationId(name), 1)


class Group:
    """EVSEs that a leader looks at; they accept what they are told unless the test forbids it."""

    def __init__(self, names: str, limit_a: float, **changes: Any) -> None:
        self.settings = TeamSettings(
            name="g",
            members=tuple(map(key, names)),
            totals=Totals(limit_a=limit_a),
        )
        self.totals = self.settings.totals
        self.now: datetime = T0
        self.members = {
            name: Member(
                id=key(name),
                online=True,
                activity=Activity.TRANSACTION,
                own_a=16,
                ceiling_a=16,
                minimum_a=6,
                maximum_a=16,
                watts_per_a=690,
                in_force_a=0.0,
                share=TeamShare(team="g", limit_a=0.0, at=T0),
            )
            for name in names
        }
        self.standing: dict[MemberId, Standing] = {}
        self.deaf: set[str] = set()
        self.last: Step
        for name in names:
            self.change(name, **changes)

    def change(self, name: str, **changes: Any) -> None:
        self.members[name] = replace(self.members[name], **changes)

    def look(self, after: float = 1.0) -> list[float]:
        """Let time pass and the leader look once; return the shares, by name."""
        self.now += timedelta(seconds=after)
        self.last = step(
            self.members.values(), self.standing, self.settings, self.totals, self.now
        )
        self.standing = dict(self.last.standing)
        for name, member in self.members.items():
            told = self.standing[key(name)].asked_a
            share = TeamShare(team="g", limit_a=told, at=self.now)
            self.members[name] = replace(member, share=share)
            if member.online and name not in self.deaf:
                self.change(name, in_force_a=told)
        assert self.reserved() <= 1000
        return [self.standing[key(name)].asked_a for name in self.members]

    def settle(self) -> list[float]:
        """Look until nothing changes."""
        before: list[float] = []
        while before != (before := self.look()):
            pass
        return before

    def reserved(self) -> float:
        return sum(held.reserved_a for held in self.standing.values())

    def reasons(self) -> list[Reason]:
        return [self.last.reasons[key(name)] for name in self.members]


class TestDecreasesFirst:
    def test_shares_are_given_at_once_where_there_is_room(self) -> None:
        assert Group("AB", 32).look() == [16, 16]

    def test_a_newcomer_waits_until_the_others_have_accepted_less(self) -> None:
        group = Group("AB", 20)
        group.change("B", activity=Activity.IDLE)
        assert group.settle() == [16, 0]
        group.change("B", activity=Activity.TRANSACTION)
        group.deaf = {"A"}
        assert group.look() == [10, 0]
        assert group.look() == [10, 0]
        assert group.reserved() == 16
        group.deaf = set()
        group.look()
        assert group.look() == [10, 10]
        assert group.reserved() == 20

    def test_what_is_free_already_is_given_meanwhile(self) -> None:
        group = Group("ABC", 30)
        group.change("C", activity=Activity.IDLE)
        group.change("B", activity=Activity.IDLE)
        group.settle()
        group.deaf = {"A"}
        group.change("B", activity=Activity.TRANSACTION)
        group.change("C", activity=Activity.TRANSACTION)
        assert group.look() == [10, 10, 0]

    def test_a_station_that_does_not_accept_keeps_its_reservation_and_others_make_room(
        self,
    ) -> None:
        group = Group("ABC", 32)
        group.change("C", activity=Activity.IDLE)
        assert group.settle() == [16, 16, 0]
        group.change("C", activity=Activity.TRANSACTION)
        group.deaf = {"A"}
        assert group.look() == [10.6, 10.6, 0]
        group.look()
        group.look(CONFIRM_PATIENCE.total_seconds())
        assert group.reasons()[0] is Reason.UNCONFIRMED
        assert group.settle() == [10.6, 8, 8]
        assert group.reserved() == 32
        group.deaf = set()
        group.change("A", in_force_a=10.6)
        assert group.settle() == [10.6, 10.6, 10.6]

    def test_who_leaves_and_does_not_accept_is_asked_for_nothing(self) -> None:
        group = Group("A", 32)
        group.settle()
        group.deaf = {"A"}
        group.look()
        group.change("A", activity=Activity.IDLE, in_force_a=16.0)
        group.look()
        group.look(CONFIRM_PATIENCE.total_seconds())
        assert group.look(CONFIRM_PATIENCE.total_seconds()) == [0]
        assert group.reasons() == [Reason.UNCONFIRMED]
        assert group.reserved() == 16

    def test_a_share_that_was_not_stored_yet_still_counts(self) -> None:
        group = Group("AB", 20)
        group.change("B", activity=Activity.IDLE)
        group.settle()
        group.change("B", activity=Activity.TRANSACTION)
        group.look()
        group.change("A", share=TeamShare(team="g", limit_a=16.0, at=T0))
        assert group.look() == [10, 0]

    def test_a_lowered_total_lowers_everybody(self) -> None:
        group = Group("AB", 32)
        group.settle()
        group.totals = Totals(limit_a=14)
        assert group.look() == [7, 7]

    def test_a_small_rise_is_not_worth_a_write(self) -> None:
        group = Group("AB", 20)
        assert group.settle() == [10, 10]
        group.totals = Totals(limit_a=20.8)
        assert group.settle() == [10, 10]
        group.totals = Totals(limit_a=21)
        assert group.settle() == [10.5, 10.5]


class TestWhatIsNotKnown:
    def test_a_station_that_was_told_nothing_may_draw_all_that_it_can(self) -> None:
        group = Group("AB", 20, share=None, in_force_a=16.0)
        assert group.look() == [10, 10]
        assert group.reserved() == 32
        group.look()
        assert group.reserved() == 20

    def test_an_idle_one_that_was_told_nothing_is_told_nothing_is_left(self) -> None:
        group = Group("A", 20, share=None, in_force_a=16.0, activity=Activity.IDLE)
        assert group.look() == [0]
        assert group.reasons() == [Reason.IDLE]

    def test_what_may_have_been_lost_is_counted_as_it_was(self) -> None:
        group = Group("AB", 20)
        group.settle()
        group.deaf = {"A"}
        group.change("A", in_force_a=None)
        group.totals = Totals(limit_a=16)
        assert group.look() == [8, 8]
        group.look()
        assert group.reserved() == 10 + 8

    def test_after_a_restart_the_stored_reservation_counts(self) -> None:
        share = TeamShare(team="g", limit_a=8.0, at=T0, reserved_a=12.0)
        group = Group("AB", 20, in_force_a=None, share=share)
        group.deaf = {"A", "B"}
        group.look()
        assert group.reserved() == 24


class TestOffline:
    def test_an_offline_member_keeps_what_it_has(self) -> None:
        group = Group("AB", 20)
        group.settle()
        group.change("A", online=False)
        group.change("B", activity=Activity.IDLE)
        group.settle()
        group.change("B", activity=Activity.TRANSACTION)
        assert group.settle() == [10, 10]
        assert group.reasons() == [Reason.OFFLINE, Reason.SERVED]

    def test_what_did_not_reach_it_is_taken_back(self) -> None:
        group = Group("AB", 32)
        group.change("A", activity=Activity.IDLE)
        group.settle()
        group.deaf = {"A"}
        group.change("A", activity=Activity.TRANSACTION)
        assert group.look() == [16, 16]
        group.change("A", online=False)
        assert group.look() == [0, 16]

    def test_an_unknown_limit_is_kept_as_it_was_told(self) -> None:
        group = Group("A", 32)
        group.settle()
        group.change("A", online=False, in_force_a=None)
        assert group.settle() == [16]
        assert group.reserved() == 16


class TestTurns:
    def test_who_waits_is_served_when_a_turn_is_over(self) -> None:
        group = Group("ABC", 12)
        assert group.settle() == [6, 6, 0]
        assert group.reasons() == [Reason.SERVED, Reason.SERVED, Reason.WAITING]
        assert group.last.next_at == T0 + timedelta(seconds=1) + TURN
        group.look(TURN.total_seconds())
        assert group.settle() == [6, 0, 6]

    def test_everybody_is_served_in_the_long_run(self) -> None:
        group = Group("ABCDE", 12)
        served = dict.fromkeys("ABCDE", 0)
        for _ in range(16 * 20):  # a turn, and a look at which the others make room
            for name, share in zip("ABCDE", group.look(60), strict=True):
                served[name] += share > 0
        assert set(served.values()) == {15 * 20 * 2 // 5}

    def test_who_had_its_turn_does_not_push_others_out_at_once(self) -> None:
        group = Group("ABC", 12)
        group.settle()
        group.look(TURN.total_seconds())
        before = group.settle()
        assert group.look(10) == before

    def test_who_draws_nothing_has_lost_its_turn(self) -> None:
        group = Group("ABC", 12)
        group.settle()
        group.change("A", drawn_a=0.0)
        group.change("B", drawn_a=6.0)
        group.look()
        group.look(SETTLING.total_seconds())
        assert group.settle() == [0, 6, 6]
        group.change("C", drawn_a=6.0)
        assert group.look(SETTLING.total_seconds()) == [0, 6, 6]

    def test_who_drew_nothing_is_tried_again_a_turn_later(self) -> None:
        group = Group("AB", 6)
        group.change("A", drawn_a=0.0)
        group.settle()
        group.look(SETTLING.total_seconds())
        assert group.settle() == [0, 6]
        group.change("B", drawn_a=6.0)
        group.look(TURN.total_seconds() - 30)
        assert group.settle() == [0, 6]
        group.look(60)
        assert group.settle() == [6, 0]

    def test_a_transaction_comes_before_a_vehicle_that_only_stands_there(self) -> None:
        group = Group("AB", 6)
        group.change("A", activity=Activity.PLUGGED)
        assert group.settle() == [0, 6]

    def test_a_vehicle_without_transaction_gets_just_enough_to_begin(self) -> None:
        group = Group("AB", 32)
        group.change("A", activity=Activity.PLUGGED)
        assert group.settle() == [6, 16]

    def test_a_vehicle_that_leaves_forgets_its_turns(self) -> None:
        group = Group("A", 16)
        group.settle()
        group.change("A", activity=Activity.IDLE)
        group.settle()
        assert group.standing[key("A")] == Standing()

    def test_who_is_kept_from_charging_by_itself_waits_for_nothing(self) -> None:
        group = Group("A", 16, own_a=0.0)
        assert group.look() == [0]
        assert group.reasons() == [Reason.IDLE]


class TestDemand:
    def test_what_is_not_drawn_for_a_while_is_given_to_others(self) -> None:
        group = Group("AB", 20)
        group.settle()
        group.change("A", drawn_a=7.2)
        group.change("B", drawn_a=10.0)
        assert group.look() == [10, 10]
        group.look(SETTLING.total_seconds())
        assert group.settle() == [9, 11]

    def test_who_draws_up_to_its_need_gets_more_at_once(self) -> None:
        group = Group("AB", 20)
        group.settle()
        group.change("A", drawn_a=7.2)
        group.look()
        group.look(SETTLING.total_seconds())
        group.settle()
        group.change("A", drawn_a=8.6)
        assert group.settle() == [10, 10]

    def test_a_moment_of_little_is_forgotten(self) -> None:
        group = Group("A", 20)
        group.settle()
        group.change("A", drawn_a=7.0)
        group.look()
        assert group.standing[key("A")].unused_since is not None
        group.change("A", drawn_a=15.2)
        group.look()
        assert group.standing[key("A")].unused_since is None

    def test_unused_room_stays_where_nobody_else_wants_it(self) -> None:
        group = Group("A", 20)
        group.settle()
        group.change("A", drawn_a=7.0)
        group.look()
        assert group.look(SETTLING.total_seconds()) == [16]

    def test_a_limit_of_its_own_leaves_room_for_the_request_to_rise(self) -> None:
        group = Group("AB", 40)
        group.change("A", own_a=8.0, in_force_a=8.0)
        assert group.settle() == [16, 16]
        group.totals = Totals(limit_a=24)
        assert group.settle() == [8, 16]

    def test_an_odd_minimum_is_rounded_up(self) -> None:
        assert Group("A", 6, minimum_a=6.05).look() == [0]
        assert Group("A", 6.1, minimum_a=6.05).look() == [6.1]


def test_watts_count_by_what_each_uses() -> None:
    group = Group("AB", 0)
    group.totals = Totals(limit_w=9200.0)
    group.change("B", watts_per_a=230)
    assert group.settle() == [10, 10]


def test_the_order_of_members_does_not_matter() -> None:
    forward, backward = Group("ABC", 13), Group("CBA", 13)
    assert forward.look() == list(reversed(backward.look()))


def test_the_next_look_is_when_somebody_has_not_used_its_share_for_long_enough() -> None:
    group = Group("A", 16)
    group.settle()
    group.change("A", drawn_a=1.0)
    group.look()
    assert group.last.next_at == group.now + SETTLING
