"""What is put before the arbiter, and when it need not be asked again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import decision, inferred
from bridge.domain.control import Decision, ExternalLimit, PhaseClaim, PhaseControl, TeamShare
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse, Station
from bridge.domain.records import replace
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit
from tests.unit.domain.builders import KNOWN, T0, charging, slot

API = AllocationSource.API
PERIOD = Period(start_seconds=0, limit=12.0)
EMS = ExternalLimit(
    limit_source="EMS",
    at=T0,
    evse_id=0,
    schedule=Schedule(unit=RateUnit.AMPERE, periods=(PERIOD,)),
)
SHARE = TeamShare(team="garage", limit_a=11.0, at=T0)
LATER = T0 + timedelta(hours=1)


def limited(**limits: Any) -> Station:
    """EVSE 1 charges in T1, with these limits of the transaction's own; all is decided."""
    told = charging()
    evse = told.evse()
    assert evse.transaction is not None
    after = replace(evse, transaction=replace(evse.transaction, **limits))
    return settled(replace(told.station, evses={1: after}))


def settled(station: Station) -> Station:
    """The station after a decision on what it has now."""
    draft = Draft(station, T0, KNOWN)
    evse, decided = decision.decide(draft, station.evses[1])
    assert evse.allocation is not None
    held = replace(evse.allocation, limits=decided.limits, source=decided.source)
    return replace(station, evses={1: replace(evse, allocation=held)})


def stands(before: Station, after: Station, seconds: float = 0) -> bool:
    """Whether nothing is to be decided when the one has become the other."""
    draft = Draft(before, T0 + timedelta(seconds=seconds), KNOWN)
    draft.station = replace(after, evses=before.evses)
    return decision.stands(draft, after.evses[1])


def with_evse(station: Station, **fields: Any) -> Station:
    return replace(station, evses={1: replace(station.evses[1], **fields)})


def with_transaction(station: Station, **fields: Any) -> Station:
    running = station.evses[1].transaction
    assert running is not None
    return with_evse(station, transaction=replace(running, **fields))


def decide(station: Station, seconds: float = 0) -> Decision:
    draft = Draft(station, T0 + timedelta(seconds=seconds), KNOWN)
    return decision.decide(draft, station.evses[1])[1]


# --- What is put before the arbiter


def test_all_seven_sources_are_heard_and_the_lowest_is_in_control() -> None:
    station = with_evse(
        replace(limited(max_a=13.0), external_limits=(EMS,), station_slots=(slot(14.0),)),
        cable_max_a=20.0,
        team=SHARE,
        slots=(slot(15.0, source=API),),
    )
    decided = decide(station)
    assert [(limit.source.value, limit.limit_a, limit.binding) for limit in decided.limits] == [
        ("Team", 11.0, True),
        ("OCPP Profile", 12.0, False),
        ("Transaction", 13.0, False),
        ("MQTT", 14.0, False),
        ("API", 15.0, False),
        ("ProximityPilot", 20.0, False),
        ("Unmanaged", 32.0, False),
    ]
    assert (decided.source, decided.offered_a, decided.enforced) == (
        AllocationSource.TEAM,
        11.0,
        True,
    )


@pytest.mark.parametrize(
    ("station", "enforced"),
    [
        (limited(), False),
        (replace(limited(), external_limits=(EMS,)), False),
        (with_evse(limited(), cable_max_a=20.0), False),
        (with_evse(limited(), team=SHARE), True),
        (limited(max_a=20.0), True),
        (limited(until=T0), True),
        (with_evse(limited(), slots=(slot(20.0),)), True),
    ],
)
def test_the_station_is_told_what_it_cannot_know_by_itself(
    station: Station, enforced: bool
) -> None:
    assert decide(station).enforced is enforced


def test_without_the_bridge_only_the_stations_own_limits_hold() -> None:
    station = with_evse(
        replace(limited(max_a=6.0), external_limits=(EMS,)),
        team=SHARE,
        slots=(slot(10.0),),
        cable_max_a=20.0,
    )
    held = decision.untold(Draft(station, T0, KNOWN), station.evses[1])
    assert (held.source, held.offered_a) == (AllocationSource.OCPP_PROFILE, 12.0)
    assert not held.enforced


def test_what_is_only_inferred_binds_and_is_not_written() -> None:
    unknown = replace(EMS, limit_source=inferred.SOURCE)
    station = with_evse(replace(limited(), external_limits=(unknown,)), slots=(slot(16.0),))
    decided = decide(station)
    assert (decided.source, decided.offered_a) == (AllocationSource.OCPP_PROFILE, 12.0)
    assert decided.to_write_a == 16.0


def test_a_lease_that_is_over_is_not_heard() -> None:
    lease = slot(10.0, expires_at=T0 + timedelta(seconds=10))
    station = with_evse(limited(), slots=(lease,))
    assert decide(station, 9).offered_a == 10.0
    assert decide(station, 10).offered_a == 32.0


# --- When all stands


CLAIM = PhaseClaim(controller="me", source=AllocationSource.MQTT, priority=100, phases=1, since=T0)
CHANGES: dict[str, Callable[[Station], Station]] = {
    "slots": lambda s: with_evse(s, slots=(slot(10.0),)),
    "share": lambda s: with_evse(s, team=SHARE),
    "phase claim": lambda s: with_evse(s, phase_claims=(CLAIM,)),
    "cable": lambda s: with_evse(s, cable_max_a=20.0),
    "no transaction": lambda s: with_evse(s, transaction=None),
    "end": lambda s: with_transaction(s, ended_at=T0),
    "maximum": lambda s: with_transaction(s, max_a=10.0),
    "time": lambda s: with_transaction(s, until=T0),
    "energy": lambda s: with_transaction(s, energy_limit_wh=0.0),
    "limit": lambda s: replace(s, external_limits=(EMS,)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_weighed(what: str) -> None:
    before = limited()
    assert not stands(before, CHANGES[what](before))


@pytest.mark.parametrize("what", ["share", "phase claim", "cable", "maximum", "limit"])
def test_what_stands_is_not_weighed_again(what: str) -> None:
    station = settled(CHANGES[what](limited()))
    assert stands(station, station)
    assert stands(station, with_transaction(station, energy_wh=5.0))


def test_an_evse_that_is_new_or_undecided_is_weighed() -> None:
    undecided = with_evse(limited(), allocation=None)
    assert not stands(undecided, undecided)
    assert not decision.stands(Draft(replace(undecided, evses={}), T0, KNOWN), Evse(id=1))


def test_time_alone_can_change_things() -> None:
    lease = with_evse(limited(), slots=(slot(10.0, expires_at=LATER),))
    timed = with_transaction(limited(), until=LATER)
    hour = Schedule(unit=RateUnit.AMPERE, periods=(PERIOD,), start_at=T0, duration_seconds=3600)
    ending = settled(replace(limited(), external_limits=(replace(EMS, schedule=hour),)))
    for station in (lease, timed, ending):
        assert stands(station, station, 3599)
        assert not stands(station, station, 3600)


def test_claims_and_limits_in_watts_move_with_the_supply() -> None:
    in_watts = Schedule(unit=RateUnit.WATT, periods=(Period(start_seconds=0, limit=6900.0),))
    by_claim = settled(with_evse(limited(), slots=(slot(limit_w=6900.0),)))
    by_limit = settled(replace(limited(), external_limits=(replace(EMS, schedule=in_watts),)))
    for station in (by_claim, by_limit):
        assert stands(station, station)
        one_phase = with_transaction(station, phases_seen=(True, False, False))
        assert not stands(station, one_phase)
    in_amperes = settled(with_evse(limited(), slots=(slot(10.0),)))
    assert stands(in_amperes, with_transaction(in_amperes, phases_seen=(True, False, False)))


def test_watts_are_divided_by_the_phases_that_the_station_was_told() -> None:
    station = with_evse(limited(), slots=(slot(limit_w=3450.0),), phase=PhaseControl(active=1))
    assert decide(station).offered_a == 15.0
