"""How often the limit at a station is moved: as allocation.md says, and the last value counts."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import pacing
from bridge.domain.calls import CallAnswered, ClearChargingProfile, SetChargingProfile
from bridge.domain.commands import Release, SetLimit
from bridge.domain.control import Pace, TeamShare
from bridge.domain.effects import AllocationRecorded
from bridge.domain.settings import StationSettings
from bridge.domain.station import ShareChanged, Tick
from bridge.domain.upkeep import next_deadline
from tests.unit.domain.builders import ACCEPTED, T0, Told, charging, command

USUAL = {
    "min_increase_interval_seconds": 5.0,
    "increase_hold_seconds": 10.0,
    "min_decrease_interval_seconds": 1.0,
}


class Paced:
    """A charging EVSE whose station answers at once, and a record of when what was written."""

    def __init__(self, **changes: Any) -> None:
        self.told: Told = charging(**(USUAL | changes))
        self.writes: list[tuple[float, float | None]] = []
        self.begin = self.told.now
        self.commands = 0

    def tell(self, message: Any, after: float = 0.0) -> None:
        """Tell the station something, and answer whatever it is asked."""
        told = self.told
        told.tell(message, after)
        while told.outcome.calls:
            (call,) = told.outcome.calls
            assert isinstance(call.request, (SetChargingProfile, ClearChargingProfile))
            at = round((told.now - self.begin).total_seconds(), 3)
            self.writes.append((at, getattr(call.request, "limit_a", None)))
            told.tell(CallAnswered(call_id=call.call_id, outcome=ACCEPTED), 0.0)

    def limit(self, limit_a: float, after: float = 0.0, **more: Any) -> str:
        self.commands += 1
        command_id = str(self.commands)
        message = command(SetLimit(limit_a=limit_a), command_id, at=self.told.now, **more)
        self.tell(message, after)
        return command_id

    def wait(self, seconds: float) -> None:
        """Let time pass, with a Tick whenever one is due."""
        end = self.told.now + timedelta(seconds=seconds)
        while (due := next_deadline(self.told.station, self.told.now)) is not None and due <= end:
            self.tell(Tick(), (due - self.told.now).total_seconds())
        self.told.now = end

    def rest(self) -> None:
        """Forget what was written until now, a minute later."""
        self.wait(60)
        self.writes, self.begin = [], self.told.now

    @property
    def amps(self) -> list[float | None]:
        return [limit_a for _, limit_a in self.writes]


# --- Bursts


def test_fifty_rising_limits_in_five_seconds_are_two_writes() -> None:
    paced = Paced()
    paced.limit(6.0)
    paced.rest()
    ids = [paced.limit(round(7.0 + 0.5 * i, 1), after=0.1) for i in range(50)]
    paced.wait(60)
    assert paced.writes == [(0.1, 7.0), (5.1, 31.5)]
    assert paced.told.in_control == ("MQTT", 31.5, "active")
    finals = [paced.told.finals(each) for each in ids]
    assert finals == [[("done", "ok")], *([[("superseded", "superseded")]] * 48), [("done", "ok")]]


def test_fifty_falling_limits_in_five_seconds_are_six_writes() -> None:
    paced = Paced()
    ids = [paced.limit(round(31.5 - 0.5 * i, 1), after=0.1) for i in range(50)]
    paced.wait(60)
    assert paced.writes == [
        (0.1, 31.5),
        (1.1, 26.5),
        (2.1, 21.5),
        (3.1, 16.5),
        (4.1, 11.5),
        (5.1, 7.0),
    ]
    assert paced.told.in_control == ("MQTT", 7.0, "active")
    assert all(len(paced.told.finals(each)) == 1 for each in ids)


# --- Single moves


def test_a_decrease_goes_out_at_once_even_after_an_increase() -> None:
    paced = Paced()
    paced.limit(10.0)
    paced.rest()
    paced.limit(16.0)
    paced.limit(8.0, after=0.1)
    assert paced.writes == [(0.0, 16.0), (0.1, 8.0)]


def test_an_increase_waits_ten_seconds_after_a_decrease() -> None:
    paced = Paced()
    paced.limit(10.0)
    command_id = paced.limit(16.0, after=2)
    assert (paced.told.in_control, paced.told.allocation.pending_a) == (
        ("MQTT", 10.0, "pending"),
        16.0,
    )
    assert paced.told.finals(command_id) == []
    assert next_deadline(paced.told.station, paced.told.now) == paced.begin + timedelta(seconds=10)
    paced.wait(60)
    assert paced.writes == [(0.0, 10.0), (10.0, 16.0)]
    assert paced.told.finals(command_id) == [("done", "ok")]


def test_giving_a_limit_up_is_an_increase() -> None:
    paced = Paced()
    paced.limit(10.0)
    paced.tell(command(Release(), "r", at=paced.told.now), 1)
    assert paced.told.finals("r") == []
    paced.wait(60)
    assert paced.writes == [(0.0, 10.0), (10.0, None)]
    assert paced.told.in_control == ("Unmanaged", 32.0, "released")


def test_a_limit_that_comes_back_to_what_is_in_force_needs_no_write() -> None:
    paced = Paced()
    paced.limit(10.0)
    first = paced.limit(16.0, after=1)
    second = paced.limit(10.0, after=1)
    paced.wait(60)
    assert paced.amps == [10.0]
    assert paced.told.finals(first) == [("superseded", "superseded")]
    assert paced.told.finals(second) == [("done", "ok")]


def test_a_command_that_expires_while_it_is_held_is_not_carried_out() -> None:
    paced = Paced()
    paced.limit(10.0)
    expires = paced.told.now + timedelta(seconds=5)
    held = paced.limit(16.0, after=1, expires_at=expires)
    paced.wait(60)
    assert paced.amps == [10.0]
    assert paced.told.finals(held) == [("expired", "expired")]


def test_what_was_held_is_told_with_who_asked_for_it() -> None:
    paced = Paced()
    paced.limit(10.0, controller="pv")
    paced.limit(16.0, after=1, controller="pv")
    paced.wait(60)
    last = [each for each in paced.told.events if isinstance(each, AllocationRecorded)][-1]
    assert (last.after.offered_a, last.cause.controller, last.cause.command_id) == (
        16.0,
        "pv",
        "2",
    )


def test_what_a_group_leaves_is_told_as_such_though_it_was_held() -> None:
    paced = Paced()
    for limit_a, after in ((10.0, 0), (16.0, 1)):
        share = TeamShare(team="house", limit_a=limit_a, at=paced.told.now)
        paced.tell(ShareChanged(evse_id=1, share=share), after)
    paced.wait(60)
    reasons = [e.cause.reason for e in paced.told.events if isinstance(e, AllocationRecorded)]
    assert reasons == ["team", "team"]


# --- What is hardly a change


def test_half_an_ampere_is_a_change_and_less_is_none() -> None:
    paced = Paced()
    paced.limit(16.0)
    paced.rest()
    nearly = paced.limit(15.6)
    assert paced.amps == []
    data = paced.told.result(nearly).data
    assert data is not None
    assert (data["requestedA"], data["appliedA"]) == (15.6, 16.0)
    assert paced.told.in_control == ("MQTT", 16.0, "active")
    paced.limit(15.5)
    assert paced.amps == [15.5]


def test_what_is_in_force_is_never_above_a_constraint() -> None:
    paced = Paced()
    paced.limit(16.0)
    paced.rest()
    share = TeamShare(team="house", limit_a=15.9, at=paced.told.now)
    paced.tell(ShareChanged(evse_id=1, share=share))
    assert paced.amps == [15.9]
    assert paced.told.in_control[:2] == ("Team", 15.9)


@pytest.mark.parametrize(
    ("held_a", "wanted_a", "changes"),
    [
        (16.0, 16.0, False),
        (16.0, 15.6, False),
        (16.0, 16.4, False),
        (16.0, 16.5, True),
        (10.0, 10.4, False),
        (9.9, 10.0, True),
        (6.0, 6.1, True),
        (6.05, 6.1, False),
        (0.3, 0.0, True),
        (0.0, 0.0, False),
        (0.0, 0.05, True),
    ],
)
def test_how_much_is_a_change(held_a: float, wanted_a: float, changes: bool) -> None:
    assert pacing.is_change(held_a, wanted_a) is changes


# --- The rule by itself

NOW = T0 + timedelta(seconds=100)


@pytest.mark.parametrize(
    ("pace", "wanted_a", "seconds"),
    [
        (Pace(), 20.0, None),
        (Pace(), 5.0, None),
        (Pace(increased_at=T0), 20.0, 5),
        (Pace(decreased_at=T0), 20.0, 10),
        (Pace(increased_at=T0 + timedelta(seconds=8), decreased_at=T0), 20.0, 13),
        (Pace(decreased_at=T0), 5.0, 1),
        (Pace(increased_at=T0), 5.0, None),
        (Pace(increased_at=T0, decreased_at=T0), 10.0, None),
        # the clock was set back since
        (Pace(decreased_at=NOW + timedelta(days=365)), 5.0, None),
        (Pace(increased_at=NOW + timedelta(days=365), decreased_at=T0), 20.0, 10),
    ],
)
def test_when_a_limit_may_move(pace: Pace, wanted_a: float, seconds: int | None) -> None:
    due = pacing.earliest(pace, 10.0, wanted_a, NOW, StationSettings())
    assert due == (None if seconds is None else T0 + timedelta(seconds=seconds))


def test_what_was_sent_sets_the_pace() -> None:
    assert pacing.moved(Pace(), 10.0, 16.0, NOW) == Pace(increased_at=NOW)
    assert pacing.moved(Pace(), 10.0, 6.0, NOW) == Pace(decreased_at=NOW)
    assert pacing.moved(Pace(), 10.0, 10.0, NOW) == Pace()
