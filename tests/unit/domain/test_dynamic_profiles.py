"""Profiles of kind Dynamic (OCPP 2.1, K28): when a limit is only moved, and when not."""

from datetime import timedelta
from typing import Any

from bridge.domain.calls import SetChargingProfile, UpdateDynamicSchedule
from bridge.domain.commands import SetLimit
from bridge.domain.knowledge import Learnt
from bridge.domain.records import replace
from bridge.domain.settings import ProfileKind
from tests.unit.domain.builders import REJECTED, Told, charging


def dynamic(version: str = "2.1", **changes: Any) -> Told:
    """A station on which T1 charges, that takes profiles of kind Dynamic."""
    told = charging(**changes)
    learnt = Learnt(tx_profile=True, valid_to=True, dynamic_profiles=True)
    told.station = replace(told.station, version=version, learnt=learnt)
    return told


def limited(told: Told, amps: float, **more: Any) -> None:
    told.command(SetLimit(limit_a=amps, **more))


def test_a_limit_is_moved_where_nothing_else_changes() -> None:
    told = dynamic()
    limited(told, 10.0)
    installed = told.request
    assert isinstance(installed, SetChargingProfile)
    assert installed.dynamic
    told.answer()
    limited(told, 8.0)
    assert told.request == UpdateDynamicSchedule(
        profile_id=told.evse(1).installed[0].profile_id, limit=8.0
    )
    told.answer()
    assert told.in_control == ("MQTT", 8.0, "active")
    assert told.evse(1).installed[0].limit_a == 8.0


def test_watts_are_moved_in_watts() -> None:
    told = dynamic()
    told.station = replace(told.station, learnt=replace(told.station.learnt, rate_units=("W",)))
    limited(told, 10.0)
    told.answer()
    limited(told, 8.0)
    assert isinstance(told.request, UpdateDynamicSchedule)
    assert told.request.limit == 5520.0


def test_a_lease_that_outlasts_the_profile_installs_it_again() -> None:
    told = dynamic()
    limited(told, 10.0, ttl_seconds=60)
    told.answer()
    limited(told, 8.0, ttl_seconds=30)  # the profile ends late enough for this one
    assert isinstance(told.request, UpdateDynamicSchedule)
    told.answer()
    limited(told, 9.0, ttl_seconds=3600)
    assert isinstance(told.request, SetChargingProfile)
    assert told.request.valid_to is not None
    assert told.request.valid_to > told.now + timedelta(hours=1)


def test_a_refused_update_is_learnt_and_the_profile_installed() -> None:
    told = dynamic()
    limited(told, 10.0)
    told.answer()
    limited(told, 8.0)
    told.answer(REJECTED)
    assert isinstance(told.request, SetChargingProfile)
    assert not told.request.dynamic
    told.answer()
    assert told.in_control == ("MQTT", 8.0, "active")
    assert told.station.learnt.dynamic_profiles is False


def test_what_may_not_be_there_any_more_is_installed_again() -> None:
    told = dynamic()
    limited(told, 10.0)
    told.answer()
    unknown = replace(told.evse(1).installed[0], limit_a=None)
    told.station = replace(told.station, evses={1: replace(told.evse(1), installed=(unknown,))})
    limited(told, 8.0)
    assert isinstance(told.request, SetChargingProfile)


def test_the_owner_and_older_versions_get_what_they_know() -> None:
    for told in (dynamic("2.0.1"), dynamic(profile_kind=ProfileKind.RELATIVE)):
        limited(told, 10.0)
        assert isinstance(told.request, SetChargingProfile)
        assert not told.request.dynamic
