"""Which of our profiles has to be at a station, and which has to go."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.calls import ClearChargingProfile, ProfilePurpose, SetChargingProfile
from bridge.domain.commands import OnExpire
from bridge.domain.control import TeamShare
from bridge.domain.knowledge import Learnt
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import ProfileKind, RateUnit
from bridge.domain.station import Restarted, ShareChanged
from bridge.domain.upkeep import next_deadline
from bridge.domain.wanted import TX_DEFAULT_PROFILE_ID, TX_PROFILE_ID
from tests.records import replace
from tests.unit.domain.builders import REJECTED, TIMEOUT, Told, charging, ready


def sent(told: Told) -> SetChargingProfile:
    """The last profile that was sent."""
    return [c.request for c in told.calls if isinstance(c.request, SetChargingProfile)][-1]


def lasts(told: Told) -> float | None:
    """Seconds for which that profile is valid, from when it was sent."""
    end = sent(told).valid_to
    return None if end is None else (end - told.now).total_seconds()


def test_a_tx_profile_that_may_be_installed_goes_once_the_default_beneath_it_is_there() -> None:
    told = charging()
    told.limit(10.0)
    told.answer(TIMEOUT)
    told.limit(8.0)
    told.answer(REJECTED)
    assert isinstance(told.request, SetChargingProfile)
    assert told.request.purpose is ProfilePurpose.TX_DEFAULT
    told.answer()
    assert told.calls[-1].request == ClearChargingProfile(profile_id=TX_PROFILE_ID + 1)
    assert told.in_control == ("Unmanaged", 32.0, "pending")
    told.answer()
    assert told.in_control == ("MQTT", 8.0, "active")
    assert told.limits_sent() == [10.0, 8.0, 8.0, None]


# --- Leases, mirrored at the station


@pytest.mark.parametrize(("ttl", "seconds"), [(600, 1200), (30, 60), (10, 40)])
def test_a_profile_outlasts_its_lease_by_its_length_and_half_a_minute_at_least(
    ttl: int, seconds: float
) -> None:
    told = charging()
    told.limit(10.0, ttl_seconds=ttl)
    assert lasts(told) == seconds
    assert sent(told).max_offline_seconds == seconds


def test_what_holds_for_good_has_no_end() -> None:
    told = charging()
    told.limit(10.0)
    assert lasts(told) is None
    assert sent(told).max_offline_seconds is None


def test_an_end_may_be_unwanted_or_not_understood() -> None:
    unwanted = charging(mirror_leases=False)
    unwanted.limit(10.0, ttl_seconds=600)
    unable = charging()
    unable.station = replace(unable.station, learnt=Learnt(valid_to=False))
    unable.limit(10.0, ttl_seconds=600)
    assert (lasts(unwanted), lasts(unable)) == (None, None)


def test_a_renewed_lease_costs_a_write_about_once_per_its_length() -> None:
    told = charging()
    for _ in range(40):
        told.limit(10.0, ttl_seconds=600)
        while told.outcome.calls:
            told.answer()
        told.now += timedelta(seconds=58)
    # 40 renewals, a minute apart, of ten minutes each
    assert len(told.calls) == 4


def test_a_lease_that_becomes_a_limit_for_good_loses_its_end() -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=600)
    told.applied(10.0)
    assert told.limits_sent() == [10.0, 10.0]
    assert lasts(told) is None


def test_the_end_at_the_station_is_known_while_it_is_away() -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=60)
    end = sent(told).valid_to
    told.disconnect()
    assert told.in_control == ("MQTT", 10.0, "suspended")
    told.tick(60)
    assert next_deadline(told.station, told.now) == end
    told.tick(60)
    assert told.in_control[:2] == ("Unmanaged", 32.0)


def test_a_lease_of_an_evse_in_a_group_has_no_end_of_its_own() -> None:
    told = charging()
    share = TeamShare(team="house", limit_a=16.0, at=told.now)
    told.tell(ShareChanged(evse_id=1, share=share))
    told.answer()
    told.limit(10.0, ttl_seconds=600, on_expire=OnExpire.FAILSAFE)
    assert lasts(told) is None


# --- As the station takes it


@pytest.mark.parametrize(
    ("changes", "units", "limit_w"),
    [
        ({}, (), None),
        ({}, ("A", "W"), None),
        ({}, ("W",), 6831.0),
        ({"rate_unit": RateUnit.AMPERE}, ("W",), None),
        ({"rate_unit": RateUnit.WATT}, ("A",), 6831.0),
        ({"rate_unit": RateUnit.WATT, "nominal_voltage_v": 231.7}, (), 6881.0),
    ],
)
def test_the_unit_is_the_configured_else_the_stations_else_amperes(
    changes: dict[str, Any], units: tuple[str, ...], limit_w: float | None
) -> None:
    told = charging(**changes)
    told.station = replace(told.station, learnt=Learnt(rate_units=units))
    told.limit(9.9)
    assert sent(told).limit_w == limit_w


@pytest.mark.parametrize(
    ("configured", "said", "level"), [(None, None, 0), (None, 8, 8), (3, 8, 3), (0, 8, 0)]
)
def test_the_stack_level_is_the_configured_else_the_stations_highest(
    configured: int | None, said: int | None, level: int
) -> None:
    told = charging(stack_level=configured)
    told.station = replace(told.station, learnt=Learnt(max_stack_level=said))
    told.limit(10.0)
    assert sent(told).stack_level == level


def others(level: int, **more: Any) -> ChargingProfile:
    """A profile that somebody else has installed."""
    more.setdefault("purpose", "TxDefaultProfile")
    periods = (Period(start_seconds=0, limit=32.0),)
    return ChargingProfile(
        profile_id=7,
        evse_id=1,
        kind="Absolute",
        stack_level=level,
        schedule=Schedule(unit=RateUnit.AMPERE, periods=periods),
        **more,
    )


@pytest.mark.parametrize(
    ("taken", "level"),
    [
        ((), 2),
        ((others(2),), 1),
        ((others(1),), 2),
        ((others(2), others(1), others(0)), 2),
        ((others(2, purpose="TxProfile"),), 2),
    ],
)
def test_a_place_that_somebody_else_has_taken_is_left_to_them(
    taken: tuple[ChargingProfile, ...], level: int
) -> None:
    told = ready(stack_level=2)
    told.station = replace(told.station, profiles=taken)
    told.limit(10.0)
    assert sent(told).stack_level == level


def test_ours_does_not_take_the_place_of_the_one_to_fall_back_to() -> None:
    told = ready(stack_level=1, fallback_a=8.0)
    told.answer()
    told.station = replace(told.station, profiles=(others(1),))
    told.limit(10.0)
    assert sent(told).stack_level == 1


def test_a_profile_is_absolute_from_a_minute_ago_or_relative() -> None:
    told = charging()
    told.limit(10.0)
    assert (sent(told).kind, sent(told).start_at) == (
        ProfileKind.ABSOLUTE,
        told.now - timedelta(minutes=1),
    )
    relative = charging(profile_kind=ProfileKind.RELATIVE)
    relative.limit(10.0)
    assert sent(relative).kind is ProfileKind.RELATIVE


def test_the_ids_of_ours_are_known_again() -> None:
    idle, busy = ready(), charging()
    idle.limit(10.0)
    busy.limit(10.0)
    assert sent(idle).profile_id == TX_DEFAULT_PROFILE_ID + 1
    assert sent(busy).profile_id == TX_PROFILE_ID + 1
    busy.answer()
    busy.tell(Restarted())
    assert busy.evse().installed[0].profile_id == TX_PROFILE_ID + 1
