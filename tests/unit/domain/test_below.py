"""What a station falls back to by itself, and what the next transaction may begin with."""

from typing import Any

from bridge.domain.calls import ClearChargingProfile, ProfilePurpose, SetChargingProfile
from bridge.domain.commands import OnExpire
from bridge.domain.control import TeamShare
from bridge.domain.enums import ConnectorStatus
from bridge.domain.station import ShareChanged
from bridge.domain.upkeep import next_deadline
from bridge.domain.wanted import FALLBACK_PROFILE_ID
from tests.unit.domain.builders import ACCEPTED, REJECTED, TIMEOUT, Told, charging, ready


def falling_back(fallback_a: float | None = 8.0, **changes: Any) -> Told:
    return ready(fallback_a=fallback_a, stack_level=1, **changes)


def fallback(told: Told) -> float | None:
    """What is known to be installed below ours."""
    held = told.evse().fallback
    return held.limit_a if held else None


def settle(told: Told) -> None:
    """Accept whatever is asked until nothing is."""
    while told.outcome.calls:
        told.answer()


def test_the_permanent_profile_lies_below_ours() -> None:
    told = falling_back()
    request = told.request
    assert isinstance(request, SetChargingProfile)
    assert (request.profile_id, request.purpose, request.stack_level, request.limit_a) == (
        FALLBACK_PROFILE_ID + 1,
        ProfilePurpose.TX_DEFAULT,
        0,
        8.0,
    )
    assert request.valid_to is None
    told.answer()
    assert fallback(told) == 8.0
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_it_needs_a_place_below_ours() -> None:
    assert ready(fallback_a=8.0, stack_level=0).calls == []
    assert ready(fallback_a=8.0).calls == []


def test_it_is_written_once() -> None:
    told = falling_back()
    settle(told)
    told.applied(10.0)
    told.release()
    settle(told)
    assert told.limits_sent() == [8.0, 10.0, None]


def test_a_command_goes_first() -> None:
    told = falling_back()
    command_id = told.limit(10.0)
    assert told.limits_sent() == [8.0]
    told.answer(TIMEOUT)
    assert told.limits_sent() == [8.0, 10.0]
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]


def test_what_failed_is_tried_again_five_minutes_later() -> None:
    told = falling_back()
    told.answer(REJECTED)
    due = next_deadline(told.station, told.now)
    assert due is not None
    assert (due - told.now).total_seconds() == 300
    told.tick(299)
    assert len(told.calls) == 1
    told.tick(1)
    assert len(told.calls) == 2


def test_while_a_lease_runs_that_asks_for_the_failsafe_the_station_falls_back_to_that() -> None:
    told = falling_back(fallback_a=None, failsafe_a=7.0)
    assert told.calls == []
    told.applied(10.0, ttl_seconds=600, on_expire=OnExpire.FAILSAFE)
    settle(told)
    assert told.limits_sent() == [10.0, 7.0]
    assert fallback(told) == 7.0
    told.release()
    settle(told)
    assert told.calls[-1].request == ClearChargingProfile(profile_id=FALLBACK_PROFILE_ID + 1)
    assert fallback(told) is None


def test_the_lower_of_both_counts() -> None:
    told = falling_back(fallback_a=6.0, failsafe_a=7.0)
    settle(told)
    told.applied(10.0, ttl_seconds=600, on_expire=OnExpire.FAILSAFE)
    settle(told)
    assert told.limits_sent() == [6.0, 10.0]


def test_the_default_under_a_transaction_stays_within_the_share() -> None:
    told = ready()
    told.tell(share(told, 16.0))
    settle(told)
    told.status(ConnectorStatus.OCCUPIED)
    told.start()
    told.tell(share(told, 10.0))
    settle(told)
    sent = [call.request for call in told.calls]
    assert [(r.purpose.value, r.limit_a) for r in sent if isinstance(r, SetChargingProfile)] == [
        ("TxDefaultProfile", 16.0),
        ("TxProfile", 10.0),
        ("TxDefaultProfile", 10.0),
    ]
    assert {p.limit_a for p in told.evse().installed} == {10.0}


def share(told: Told, limit_a: float) -> ShareChanged:
    return ShareChanged(evse_id=1, share=TeamShare(team="house", limit_a=limit_a, at=told.now))


def test_nothing_is_written_to_a_station_that_is_away() -> None:
    told = charging(stack_level=1)
    told.disconnect()
    told.settings = falling_back().settings
    told.tick(1)
    assert told.calls == []
    told.connect()
    assert len(told.outcome.calls) == 1
    told.answer(ACCEPTED)
    assert fallback(told) == 8.0


def test_what_has_failed_and_is_no_longer_wanted_is_not_waited_for() -> None:
    told = falling_back()
    told.answer(TIMEOUT)
    told.settings = ready().settings
    told.tick(300)
    assert told.outcome.calls == ()
    assert next_deadline(told.station, told.now) is None
