"""What a team leader sees in a station's record, and what the station does with its share."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.allocation import Supply
from bridge.domain.calls import ProfilePurpose, SetChargingProfile
from bridge.domain.control import InstalledProfile, ProfileWrite, TeamShare
from bridge.domain.enums import ChargingState
from bridge.domain.model import Evse, Meter, Transaction
from bridge.domain.station import ShareChanged
from bridge.domain.team_members import drawn_a, in_force_a, member_of
from bridge.domain.team_plan import Activity, Member
from tests.records import replace
from tests.unit.domain.builders import KNOWN, REJECTED, T0, TIMEOUT, Told, charging, ready

SUPPLY = Supply(voltage_v=230.0, phases=3)
TX, DEFAULT = ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT
QUIET = replace(
    KNOWN,
    automatic_calls=False,
    min_increase_interval_seconds=0,
    increase_hold_seconds=0,
    min_decrease_interval_seconds=0,
)


def profile(purpose: ProfilePurpose, limit_a: float | None, **more: Any) -> InstalledProfile:
    profile_id = {TX: 1, DEFAULT: 2}[purpose]
    transaction_id = "T1" if purpose is TX else None
    values = {"transaction_id": transaction_id, **more}
    return InstalledProfile(
        profile_id=profile_id, purpose=purpose, limit_a=limit_a, at=T0, **values
    )


def running(**changes: Any) -> Transaction:
    return Transaction(
        id="T1", uuid="U1", started_at=T0, last_event_at=T0, started_seen=True, **changes
    )


def evse(*installed: InstalledProfile, **changes: Any) -> Evse:
    return Evse(id=1, installed=installed, **{"transaction": running(), **changes})


def writing(written: InstalledProfile, *, clear: bool = False) -> ProfileWrite:
    return ProfileWrite(call_id=1, profile=written, clear=clear)


class TestInForce:
    @pytest.mark.parametrize(
        ("seen", "expected"),
        [
            (evse(), 32),
            (evse(profile(DEFAULT, 6.0)), 6),
            (evse(profile(DEFAULT, 6.0), profile(TX, 10.0)), 10),
            (evse(profile(DEFAULT, 16.0), profile(TX, 10.0)), 16),
            (evse(profile(TX, 10.0)), 10),
            (evse(profile(TX, 10.0), transaction=None), 32),
            (evse(profile(TX, 10.0, transaction_id="T0")), 32),
            (evse(profile(DEFAULT, None)), None),
            (evse(profile(DEFAULT, 6.0), profile(TX, None)), None),
        ],
        ids=[
            "told nothing",
            "a default",
            "the transaction's",
            "a default for the next one",
            "the transaction's alone",
            "of a transaction that is over",
            "of another transaction",
            "perhaps lost",
            "perhaps not arrived",
        ],
    )
    def test_of_what_the_station_has(self, seen: Evse, expected: float | None) -> None:
        assert in_force_a(seen, 32.0, T0) == expected

    def test_a_higher_limit_on_its_way_counts_already(self) -> None:
        seen = evse(profile(DEFAULT, 6.0), write=writing(profile(DEFAULT, 10.0)))
        assert in_force_a(seen, 32.0, T0) == 10

    def test_a_lower_limit_on_its_way_does_not_count_yet(self) -> None:
        seen = evse(profile(DEFAULT, 10.0), write=writing(profile(DEFAULT, 6.0)))
        assert in_force_a(seen, 32.0, T0) == 10

    def test_the_first_limit_on_its_way_holds_nothing_yet(self) -> None:
        assert in_force_a(evse(write=writing(profile(DEFAULT, 6.0))), 32.0, T0) == 32

    def test_a_profile_that_is_being_cleared_holds_nothing_any_more(self) -> None:
        seen = evse(profile(DEFAULT, 6.0), write=writing(profile(DEFAULT, None), clear=True))
        assert in_force_a(seen, 32.0, T0) == 32

    def test_what_lies_below_our_profile_holds_nothing(self) -> None:
        below = replace(writing(profile(DEFAULT, 20.0)), fallback=True)
        assert in_force_a(evse(profile(DEFAULT, 6.0), write=below), 32.0, T0) == 6

    def test_a_profile_ends_with_its_validity(self) -> None:
        seen = evse(profile(DEFAULT, 6.0, valid_to=T0 + timedelta(seconds=1)))
        assert in_force_a(seen, 32.0, T0) == 6
        assert in_force_a(seen, 32.0, T0 + timedelta(seconds=1)) == 32


class TestDrawn:
    @pytest.mark.parametrize(
        ("seen", "expected"),
        [
            (evse(transaction=None), 0),
            (evse(transaction=running(ended_at=T0)), 0),
            (evse(transaction=running(charging_state=ChargingState.SUSPENDED_EV)), 0),
            (evse(), None),
            (evse(meter=Meter(at=T0)), None),
            (evse(meter=Meter(at=T0, current_a=(5.0, None, 7.0))), 7),
            (evse(meter=Meter(at=T0, power_w=6900.0)), 10),
        ],
        ids=["idle", "ended", "full", "no meter", "no readings", "current", "power"],
    )
    def test_by_what_is_known(self, seen: Evse, expected: float | None) -> None:
        assert drawn_a(seen, SUPPLY) == expected


def member(told: Told) -> Member:
    found = member_of(told.station, 1, told.settings, told.now)
    assert found is not None
    return found


def share(told: Told, limit_a: float) -> None:
    told.tell(ShareChanged(evse_id=1, share=TeamShare(team="g", limit_a=limit_a, at=told.now)))


class TestMember:
    def test_an_evse_that_nobody_has_told_of_is_no_member_yet(self) -> None:
        assert member_of(Told(QUIET).station, 1, KNOWN, T0) is None

    def test_what_it_does(self) -> None:
        assert member(ready(QUIET)).activity is Activity.IDLE
        assert member(charging(QUIET)).activity is Activity.TRANSACTION
        told = charging(QUIET)
        told.end()
        assert member(told).activity is Activity.PLUGGED

    def test_what_it_would_get_without_the_team_and_without_controllers(self) -> None:
        told = charging(QUIET)
        share(told, 10)
        told.answer()
        assert (member(told).own_a, member(told).ceiling_a) == (32, 32)
        told.applied(8)
        assert (member(told).own_a, member(told).ceiling_a) == (8, 32)
        assert member(told).share == TeamShare(team="g", limit_a=10, at=T0 + timedelta(seconds=4))


class TestAtTheStation:
    def test_a_share_is_written_and_names_the_team(self) -> None:
        told = charging(QUIET)
        share(told, 10)
        assert told.limits_sent() == [10]
        told.answer()
        assert told.in_control[:2] == ("Team", 10)
        assert member(told).in_force_a == 10

    def test_a_share_is_told_while_nothing_charges(self) -> None:
        told = ready(QUIET)
        share(told, 0)
        told.answer()
        assert member(told).in_force_a == 0

    def test_the_default_is_lowered_with_the_share(self) -> None:
        told = ready(QUIET)
        share(told, 16)
        told.answer()
        told.start()
        share(told, 10)
        told.answer()
        assert member(told).in_force_a == 16
        told.answer()
        assert told.limits_sent() == [16, 10, 10]
        assert member(told).in_force_a == 10

    def test_a_station_that_refuses_the_lower_default_is_asked_again_later(self) -> None:
        told = ready(QUIET)
        share(told, 16)
        told.answer()
        told.start()
        share(told, 10)
        told.answer()
        told.answer(REJECTED)
        assert told.in_control[:2] == ("Team", 10)
        assert told.limits_sent() == [16, 10, 10]
        told.tick(299)
        assert told.limits_sent() == [16, 10, 10]
        told.tick(1)
        assert told.limits_sent() == [16, 10, 10, 10]

    def test_a_lease_does_not_end_at_the_station_while_it_is_in_a_team(self) -> None:
        told = charging(QUIET)
        share(told, 10)
        told.answer()
        told.limit(8, ttl_seconds=60)
        assert isinstance(told.request, SetChargingProfile)
        assert (told.request.limit_a, told.request.valid_to) == (8, None)

    def test_a_refused_decrease_leaves_what_was_in_force(self) -> None:
        told = ready(QUIET)
        share(told, 16)
        told.answer()
        share(told, 10)
        told.answer(REJECTED)
        assert member(told).in_force_a == 16

    def test_after_a_time_out_it_is_not_known(self) -> None:
        told = ready(QUIET)
        share(told, 16)
        told.answer()
        share(told, 10)
        told.answer(TIMEOUT)
        assert member(told).in_force_a is None

    def test_who_leaves_the_team_is_set_free(self) -> None:
        told = ready(QUIET)
        share(told, 10)
        told.answer()
        told.tell(ShareChanged(evse_id=1, share=None))
        told.answer()
        assert told.in_control[:2] == ("Unmanaged", 32)
