"""The leader looks at records and gives orders; what it has said already it does not say again."""

from bridge.domain.enums import ConnectorStatus
from bridge.domain.events import MeterValues
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.station import ShareChanged
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_leader import begin, lead, leavers, matters
from bridge.domain.team_plan import Reason
from tests.records import replace
from tests.unit.domain.builders import Told, charging, readings, ready, sample
from tests.unit.domain.test_team_members import QUIET

CS1 = StationId("CS1")
GROUP = TeamSettings(
    name="g",
    members=(MemberId(CS1, 1), MemberId(CS1, 2), MemberId(StationId("AWAY"), 1)),
    totals=Totals(limit_a=20.0),
)


def look(told: Told, settings: TeamSettings = GROUP) -> list[tuple[int, float | None]]:
    """Let a new leader look at one station; return its orders by EVSE."""
    state, orders, _ = lead(
        begin(settings, None), {CS1: told.station}, lambda _: told.settings, told.now
    )
    assert set(state.reasons.values()) <= set(Reason)
    for _, order in orders:
        told.tell(order)
    return [(order.evse_id, order.share.limit_a if order.share else None) for _, order in orders]


def test_each_member_is_told_once() -> None:
    told = charging(QUIET)
    told.status(ConnectorStatus.AVAILABLE, 2)
    assert look(told) == [(1, 20), (2, 0)]
    assert look(told) == []


def test_who_comes_from_another_team_is_told_by_this_one() -> None:
    told = charging(QUIET)
    look(told)
    moved = replace(GROUP, name="other", members=(MemberId(CS1, 1),))
    assert look(told, moved) == [(1, 20)]
    share = told.evse().team
    assert share is not None
    assert (share.team, share.limit_a, share.reserved_a) == ("other", 20, 32)


def test_the_next_look_is_at_the_end_of_a_lease_or_of_patience() -> None:
    told = charging(QUIET)
    _, _, next_at = lead(begin(GROUP, None), {}, lambda _: told.settings, told.now)
    assert next_at is None
    _, _, next_at = lead(
        begin(GROUP, None), {CS1: told.station}, lambda _: told.settings, told.now
    )
    assert next_at is not None


def test_who_is_in_no_team_any_more_loses_its_share() -> None:
    told = charging(QUIET)
    told.status(ConnectorStatus.AVAILABLE, 2)
    look(told)
    stations = {CS1: told.station}
    assert leavers(stations, frozenset(GROUP.members)) == []
    assert leavers(stations, frozenset({MemberId(CS1, 1)})) == [
        (CS1, ShareChanged(evse_id=2, share=None))
    ]


class TestWhatMatters:
    def changed(self, told: Told, before: Station | None) -> bool:
        return matters(before, told.station)

    def test_a_new_station_does(self) -> None:
        assert matters(None, ready(QUIET).station)

    def test_readings_alone_do_not(self) -> None:
        told = charging(QUIET)
        for amps in (9.0, 8.0):
            before = told.station
            current = readings(sample("Current.Import", amps, "L1"), at=told.now)
            told.tell(MeterValues(evse_id=1, meter_values=(current,)))
        assert told.station is not before
        assert not matters(before, told.station)

    def test_a_line_that_breaks_a_new_evse_a_claim_and_a_share_do(self) -> None:
        told = charging(QUIET)
        for act in (
            lambda: told.status(ConnectorStatus.AVAILABLE, 2),
            lambda: told.limit(10, evse_id=0),
            lambda: look(told),
            told.disconnect,
        ):
            before = told.station
            act()
            assert matters(before, told.station)
