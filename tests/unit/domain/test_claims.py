"""Claims on the number of phases, alone and with limits; what release gives up."""

from datetime import timedelta

import pytest

from bridge.domain.commands import Release, SetLimit, SetPhases
from bridge.domain.enums import ConnectorStatus
from bridge.domain.upkeep import next_deadline
from tests.records import replace
from tests.unit.domain.builders import (
    KNOWN,
    REJECTED,
    Told,
    charging,
    ready,
    refusal,
)

SWITCHABLE = replace(KNOWN, phase_switching=True)


def claimed(told: Told, evse_id: int = 1) -> list[tuple[str, int]]:
    return [(claim.controller, claim.phases) for claim in told.evse(evse_id).phase_claims]


def test_phases_in_use_already_are_done_at_once() -> None:
    told = charging()
    command_id = told.command(SetPhases(phases=3))
    assert [r.status.value for r in told.results] == ["accepted", "done"]
    assert told.result(command_id).data == {
        "requestedPhases": 3,
        "phases": 3,
        "switchesAt": None,
    }
    assert told.calls == []


@pytest.mark.parametrize("arguments", [SetPhases(phases=1), SetLimit(limit_a=10.0, phases=1)])
def test_phases_that_cannot_be_had_are_refused(arguments: SetPhases | SetLimit) -> None:
    told = charging()
    assert refusal(told, told.command(arguments)) == (
        "rejected",
        "phase_switch_blocked",
        "switching of phases is not allowed here (phase_switching = false)",
        {"reason": "not_configured", "evse": 1},
    )
    assert (told.evse().slots, claimed(told)) == ((), [])


def test_a_controllers_newer_claim_takes_the_place_of_its_earlier_one() -> None:
    told = ready(SWITCHABLE)
    told.command(SetPhases(phases=1), controller="other")
    told.command(SetPhases(phases=1))
    told.command(SetPhases(phases=3))
    assert claimed(told) == [("other", 1), ("me", 3)]
    told.command(SetPhases(phases=None))
    assert claimed(told) == [("other", 1)]


def test_an_overruled_claim_is_in_standby() -> None:
    told = ready(SWITCHABLE)
    told.command(SetPhases(phases=1), controller="other")
    told.answer()
    command_id = told.command(SetPhases(phases=3))
    assert told.finals(command_id) == [("done", "standby")]
    assert told.result(command_id).data == {
        "requestedPhases": 3,
        "phases": 1,
        "switchesAt": None,
    }


def test_release_gives_the_number_of_phases_up_as_well() -> None:
    told = charging(SWITCHABLE)
    told.command(SetPhases(phases=1), controller="other")
    waiting = told.command(SetPhases(phases=1))
    released = told.release()
    assert claimed(told) == [("other", 1)]
    assert told.finals(waiting) == [("superseded", "superseded")]
    told.release(controller="other")
    told.answer()
    told.answer()
    assert told.finals(released) == [("done", "ok")]
    assert claimed(told) == []
    assert told.evse().installed == ()


def test_release_can_leave_the_number_of_phases_alone() -> None:
    told = charging(SWITCHABLE)
    told.command(SetPhases(phases=1))
    told.limit(10.0)
    told.command(Release(keep_phases=True))
    assert told.evse().slots == ()
    assert claimed(told) == [("me", 1)]


def test_a_claim_on_phases_may_be_a_lease() -> None:
    told = ready(SWITCHABLE)
    told.command(SetPhases(phases=1, ttl_seconds=60))
    told.answer()
    assert next_deadline(told.station, told.now) == told.now + timedelta(seconds=59)
    told.command(SetPhases(phases=1, ttl_seconds=60))  # renewed
    told.tick(59)
    assert claimed(told) == [("me", 1)]
    told.tick(1)
    assert claimed(told) == []
    told.tick(300)  # no switch follows the last one sooner
    told.answer()
    assert told.allocation.phase_limit is None


def test_a_limit_and_a_claim_on_phases_do_not_supersede_each_other() -> None:
    told = charging(SWITCHABLE)
    phases = told.command(SetPhases(phases=1))
    limit = told.limit(10.0)
    assert (told.finals(phases), told.finals(limit)) == ([], [])


# --- The whole station


def test_phases_of_the_station_are_those_of_each_evse() -> None:
    told = ready(SWITCHABLE, evses=2)
    command_id = told.command(SetPhases(phases=1), evse_id=0)
    assert claimed(told, 1) == claimed(told, 2) == [("me", 1)]
    first, second = told.calls
    told.answer(call_id=first.call_id)
    assert told.finals(command_id) == []
    told.answer(call_id=second.call_id)
    assert told.result(command_id).data == {
        "requestedPhases": 1,
        "phases": 1,
        "switchesAt": None,
    }
    back = told.command(SetPhases(phases=None), evse_id=0)
    assert claimed(told, 1) == claimed(told, 2) == []
    assert told.result(back).data == {
        "requestedPhases": None,
        "phases": 1,
        "switchesAt": "2026-01-10T10:05:06.000Z",
    }


def test_phases_of_the_station_that_one_evse_refuses_are_taken_back_everywhere() -> None:
    told = ready(SWITCHABLE, evses=2)
    command_id = told.command(SetPhases(phases=1), evse_id=0)
    first, second = told.calls
    told.answer(REJECTED, call_id=second.call_id)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert claimed(told, 1) == claimed(told, 2) == []
    told.answer(call_id=first.call_id)
    assert len(told.finals(command_id)) == 1


def test_where_evses_differ_no_number_is_told_for_the_station() -> None:
    told = ready(SWITCHABLE, evses=2)
    told.command(SetPhases(phases=1), evse_id=1)
    told.answer()
    command_id = told.command(SetPhases(phases=3), evse_id=0)
    data = told.result(command_id).data
    assert data is not None
    assert (data["phases"], data["switchesAt"]) == (None, "2026-01-10T10:05:05.000Z")


def test_an_evse_that_cannot_switch_blocks_the_station() -> None:
    told = ready(SWITCHABLE, evses=2)
    told.status(ConnectorStatus.OCCUPIED, 2)
    for _ in range(2):
        told.command(SetPhases(phases=1), evse_id=2)
        told.answer(REJECTED)
        told.tick(300)
    command_id = told.command(SetPhases(phases=1), evse_id=0)
    assert refusal(told, command_id)[1:] == (
        "phase_switch_blocked",
        "switching failed 2 times: no more until the vehicle is unplugged",
        {"reason": "failed", "evse": 2},
    )
    assert claimed(told, 1) == []


def test_on_a_station_without_evses_there_is_nothing_to_claim() -> None:
    told = Told(SWITCHABLE)
    command_id = told.command(SetPhases(phases=1), evse_id=0)
    assert told.finals(command_id) == [("done", "ok")]
