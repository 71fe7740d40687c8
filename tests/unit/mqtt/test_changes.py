"""Which documents a real event touches: what a busy station sends most must touch least."""

import pytest

from bridge.domain.calls import ProfilePurpose
from bridge.domain.control import (
    Allocation,
    ExternalLimit,
    InstalledProfile,
    Observed,
    PhaseControl,
    ProfileWrite,
)
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    Registration,
)
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Connector, Evse, Meter, Station
from bridge.domain.schedule import ChargingProfile, Schedule
from bridge.domain.settings import RateUnit
from bridge.mqtt import changes, topics
from tests.records import replace
from tests.unit.domain.builders import charging, readings, sample, updated
from tests.unit.mqtt.example_station import (
    AT,
    EVSE,
    NOW,
    STATION,
    TRANSACTION,
)


def test_a_periodic_reading_touches_only_what_may_wait_a_second() -> None:
    told = charging()
    for seq_no in (1, 2):
        before = told.station
        power = readings(
            sample("Energy.Active.Import.Register", 1000.0 + seq_no),
            sample("Power.Active.Import", 6900.0),
            sample("SoC", 40.0 + seq_no),
            at=told.now,
        )
        told.tell(updated(seq_no, told.now, meter_values=(power,), time_spent_charging_seconds=9))
    touched = {(evse, row.name) for evse, row in changes.documents_changed(before, told.station)}
    assert touched == {(1, "transaction"), (1, "meter")}
    assert changes.only_energy_moved(before.evses[1].transaction, told.evse().transaction)


def test_a_reading_under_a_limit_that_is_kept_touches_no_more() -> None:
    told = charging()
    told.applied(10.0)
    before = told.station
    for seq_no, current_a in ((1, 9.5), (2, 9.7)):
        before = told.station
        moment = readings(sample("Current.Import", current_a, "L1"), at=told.now)
        told.tell(updated(seq_no, told.now, meter_values=(moment,)), after=0.5)
    touched = {(evse, row.name) for evse, row in changes.documents_changed(before, told.station)}
    assert touched == {(1, "transaction"), (1, "meter")}


def test_a_change_of_the_charging_state_touches_more() -> None:
    told = charging()
    before = told.station
    told.tell(updated(1, told.now, charging_state=ChargingState.SUSPENDED_EV))
    touched = {row.name for _, row in changes.documents_changed(before, told.station)}
    assert touched == {"state", "secc", "transaction", "allocation", "meter"}
    assert not changes.only_energy_moved(before.evses[1].transaction, told.evse().transaction)


def changed(before: Station | None, after: Station) -> set[str]:
    return {row.name for _, row in changes.documents_changed(before, after)}


def with_evse(evse: Evse) -> Station:
    return replace(STATION, evses={1: evse})


PROFILE = ChargingProfile(
    profile_id=1,
    evse_id=0,
    purpose="TxDefaultProfile",
    kind="Absolute",
    stack_level=0,
    schedule=Schedule(unit=RateUnit.AMPERE, periods=()),
)
OUTSIDE = ExternalLimit(limit_source="SO", at=AT, evse_id=1)
WRITE = ProfileWrite(
    call_id=1,
    clear=False,
    profile=InstalledProfile(profile_id=7, purpose=ProfilePurpose.TX, limit_a=6.0, at=AT),
)
OBSERVED = Observed(current_a=10.0, ok=True, at=AT)
ALL_OF_EVSE = {row.name for row in topics.EVSE_ROWS}


def test_a_new_station_has_all_its_documents_published() -> None:
    assert changed(None, STATION) == ALL_OF_EVSE | {"availability", "stationInfo"}


def test_a_station_that_waits_for_approval_shows_only_itself() -> None:
    pending = replace(STATION, registration=Registration.PENDING)
    assert changed(None, pending) == {"availability", "stationInfo"}
    assert changed(pending, STATION) == ALL_OF_EVSE | {"stationInfo"}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(STATION, revision=9), set[str]()),
        (replace(STATION, online=False), {"availability"}),
        (replace(STATION, version="2.1"), {"stationInfo"}),
        (replace(STATION, learnt=Learnt(valid_to=True)), {"stationInfo"}),
        (replace(STATION, profiles=(PROFILE,)), {"stationInfo"}),
        (replace(STATION, external_limits=(OUTSIDE,)), {"stationInfo"}),
        (with_evse(replace(EVSE, write=WRITE)), {"allocation"}),
        (with_evse(replace(EVSE, phase=PhaseControl(active=1))), {"allocation"}),
        (with_evse(replace(EVSE, supply_voltage_v=240.0)), {"allocation"}),
        (with_evse(replace(EVSE, observed=OBSERVED)), {"allocation"}),
        (with_evse(replace(EVSE, meter=Meter(at=NOW))), {"meter"}),
        (
            with_evse(replace(EVSE, transaction=replace(TRANSACTION, energy_wh=1.0))),
            {"transaction", "meter"},
        ),
        (
            with_evse(replace(EVSE, transaction=replace(TRANSACTION, ended_at=AT))),
            {"transaction", "meter", "secc"},
        ),
        (
            with_evse(replace(EVSE, view=replace(EVSE.view, stale=True))),
            {"state", "secc", "transaction", "allocation"},
        ),
        (
            with_evse(replace(EVSE, allocation=Allocation(offered_a=6.0, since=AT))),
            {"state", "secc", "allocation"},
        ),
        (
            with_evse(
                replace(EVSE, connectors={2: Connector(status=ConnectorStatus.OCCUPIED, at=AT)})
            ),
            {"stationInfo"},
        ),
    ],
)
def test_only_what_a_change_touches_is_looked_at(after: Station, expected: set[str]) -> None:
    assert changed(STATION, after) == expected


def test_energy_alone_is_told_from_everything_else() -> None:
    more = replace(TRANSACTION, energy_wh=2.0, last_seq_no=9, last_event_at=NOW)
    assert changes.only_energy_moved(TRANSACTION, more)
    assert not changes.only_energy_moved(TRANSACTION, replace(more, charging_state=None))
    assert not changes.only_energy_moved(TRANSACTION, None)
    assert changes.only_energy_moved(None, None)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (OBSERVED, False),
        (replace(OBSERVED, at=NOW, over_since=NOW), False),
        (replace(OBSERVED, current_a=10.4), False),
        (replace(OBSERVED, current_a=10.5), True),
        (replace(OBSERVED, current_a=9.5), True),
        (replace(OBSERVED, ok=False), True),
        (None, True),
    ],
)
def test_a_measured_current_is_told_beside_the_offer_where_it_is_news(
    after: Observed | None, told: bool
) -> None:
    before = with_evse(replace(EVSE, observed=OBSERVED))
    moved = with_evse(replace(EVSE, observed=after))
    assert changed(before, moved) == ({"allocation"} if told else set())
