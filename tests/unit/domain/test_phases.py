"""One phase or three: whose wish counts, the steps of a switch with their times, the guards."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import phases
from bridge.domain.calls import SetChargingProfile
from bridge.domain.commands import SetLimit, SetPhases
from bridge.domain.control import (
    Cause,
    ChangeReason,
    PhaseClaim,
    PhaseControl,
    PhaseFailure,
    PhaseStep,
    PhaseWish,
)
from bridge.domain.effects import AllocationRecorded
from bridge.domain.enums import AllocationSource, ChargingState, ConnectorStatus
from bridge.domain.events import MeterValues
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, EvseView
from bridge.domain.settings import StationSettings
from bridge.domain.upkeep import next_deadline
from tests.records import replace
from tests.unit.domain.builders import (
    KNOWN,
    REJECTED,
    T0,
    TIMEOUT,
    Told,
    charging,
    ready,
    sample,
    slot,
    updated,
)
from tests.unit.domain.builders import readings as moment

SWITCHABLE = replace(KNOWN, phase_switching=True)
LATER = timedelta(seconds=1)


def claim(number: int, controller: str = "me", **more: Any) -> PhaseClaim:
    more.setdefault("source", AllocationSource.MQTT)
    more.setdefault("priority", 100)
    more.setdefault("since", T0)
    return PhaseClaim(controller=controller, phases=number, **more)


def sent(told: Told) -> list[tuple[float | None, int | None]]:
    """Limit and numberPhases of each profile sent; a clear is (None, None)."""
    requests = [call.request for call in told.calls]
    return [(getattr(r, "limit_a", None), getattr(r, "number_phases", None)) for r in requests]


def current(told: Told, *amps: float, after: float = 1.0) -> None:
    """Let the station report the currents of its phases."""
    samples = [sample("Current.Import", a, f"L{n}") for n, a in enumerate(amps, 1)]
    at = told.now + timedelta(seconds=after)
    told.tell(MeterValues(evse_id=1, meter_values=(moment(*samples, at=at),)), after)


def switched(told: Told, number: int = 1) -> str:
    """Let the station switch to a number of phases; return the command's id."""
    command_id = told.command(SetPhases(phases=number))
    told.answer()
    current(told, 0.2)
    told.answer()
    assert told.evse().phase.active == number
    return command_id


# --- Whose wish counts


@pytest.mark.parametrize(
    ("claims", "winner"),
    [
        ([], None),
        ([claim(3)], (3, "me")),
        ([claim(1, "low", priority=50), claim(3, "high", priority=200)], (3, "high")),
        ([claim(1, "one"), claim(3, "three", since=T0 + LATER)], (1, "one")),
        ([claim(1, "old"), claim(1, "new", since=T0 + LATER)], (1, "new")),
        ([claim(1, "b"), claim(1, "a")], (1, "a")),
    ],
)
def test_the_highest_priority_then_one_phase_then_the_newest_counts(
    claims: list[PhaseClaim], winner: tuple[int, str] | None
) -> None:
    for order in (claims, claims[::-1]):
        found = phases.wish(Evse(id=1, phase_claims=tuple(order)), [])
        assert (found and (found.phases, found.controller)) == winner


def test_a_limit_with_phases_is_a_claim_like_any_other() -> None:
    slots = [slot(10.0, "other"), slot(10.0, "pv", phases=1, priority=200)]
    found = phases.wish(Evse(id=1, phase_claims=(claim(3),)), slots)
    assert found == PhaseWish(phases=1, source=AllocationSource.MQTT, controller="pv")


def test_a_controllers_latest_claim_replaces_its_earlier_one() -> None:
    evse = Evse(id=1, phase_claims=(claim(1),))
    latest = phases.wish(evse, [slot(10.0, phases=3, priority=1, since=T0 + LATER)])
    assert latest is not None
    assert latest.phases == 3


# --- What cannot be done


@pytest.mark.parametrize(
    ("settings", "learnt", "control", "reason"),
    [
        ({}, Learnt(), PhaseControl(), None),
        ({}, Learnt(phase_switching=True), PhaseControl(switches=9, failures=1), None),
        (
            {"phase_switching": False},
            Learnt(phase_switching=True),
            PhaseControl(),
            "not_configured",
        ),
        ({"phases": 2}, Learnt(), PhaseControl(), "installation"),
        ({}, Learnt(phase_switching=False), PhaseControl(), "unsupported"),
        ({}, Learnt(), PhaseControl(failures=2), "failed"),
        ({}, Learnt(), PhaseControl(switches=10), "switched_often"),
    ],
)
def test_a_switch_that_cannot_be_done_is_refused_with_its_reason(
    settings: dict[str, Any], learnt: Learnt, control: PhaseControl, reason: str | None
) -> None:
    evse = Evse(id=1, phase=control)
    facts: dict[str, Any] = {"learnt": learnt, "settings": replace(SWITCHABLE, **settings)}
    refusal = phases.refusal(evse, 1, **facts)
    assert (refusal and refusal.details["reason"]) == reason
    assert (refusal and refusal.code.value) in {None, "phase_switch_blocked"}
    # and if it is claimed all the same, nothing happens
    plan = phases.plan(
        evse, phases.wish(evse, [slot(1.0, phases=1)]), held_a=None, now=T0, **facts
    )
    assert (plan.control.step is PhaseStep.IDLE) is (reason is not None)


@pytest.mark.parametrize(("number", "settings"), [(3, KNOWN), (1, replace(KNOWN, phases=1))])
def test_the_number_in_use_is_never_refused(number: int, settings: StationSettings) -> None:
    assert phases.refusal(Evse(id=1), number, learnt=Learnt(), settings=settings) is None


def test_without_a_vehicle_nothing_is_counted() -> None:
    unplugged = EvseView(plugged=False)
    evse = Evse(id=1, phase=PhaseControl(switches=10, failures=2), view=unplugged)
    assert phases.refusal(evse, 1, learnt=Learnt(), settings=SWITCHABLE) is None


# --- A switch while the vehicle charges


def test_a_switch_pauses_waits_for_the_current_to_fall_switches_and_settles() -> None:
    told = charging(SWITCHABLE)
    current(told, 16.0, 16.0, 16.0)

    command_id = told.command(SetPhases(phases=1))
    assert sent(told) == [(0.0, None)]
    told.answer()
    assert (told.allocation.offered_a, told.evse().phase.step) == (0.0, PhaseStep.PAUSING)
    current(told, 3.0, 1.0, 2.0)
    assert sent(told) == [(0.0, None)]
    current(told, 0.9, 0.1, 0.0)
    assert sent(told) == [(0.0, None), (32.0, 1)]
    assert told.finals(command_id) == []
    told.answer()
    through = told.now

    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {
        "requestedPhases": 1,
        "phases": 1,
        "switchesAt": None,
    }
    assert (told.allocation.phase_limit, told.allocation.phase_source) == (1, "MQTT")
    assert told.allocation.offered_a == 32.0
    assert told.evse().phase == PhaseControl(
        step=PhaseStep.SETTLING, step_since=through, active=1, switched_at=through, switches=1
    )
    assert next_deadline(told.station, told.now) == through + timedelta(seconds=60)
    told.tick(60)
    assert told.evse().phase.step is PhaseStep.IDLE
    assert next_deadline(told.station, told.now) is None


@pytest.mark.parametrize("power", [None, 100.0])
def test_a_station_that_measures_no_current_is_believed(power: float | None) -> None:
    told = charging(SWITCHABLE)
    told.command(SetPhases(phases=1))
    told.answer()
    paused = told.now
    assert next_deadline(told.station, told.now) == paused + timedelta(seconds=10)
    if power is None:
        told.tick(9)
        assert sent(told) == [(0.0, None)]
        told.tick(1)
    else:
        reading = moment(sample("Power.Active.Import", power), at=told.now)
        told.tell(MeterValues(evse_id=1, meter_values=(reading,)))
    assert sent(told) == [(0.0, None), (32.0, 1)]


def test_a_suspended_vehicle_is_free_of_current_whatever_was_read_before() -> None:
    told = charging(SWITCHABLE)
    told.command(SetPhases(phases=1))
    told.answer()
    current(told, 16.0)
    told.tell(updated(1, told.now, charging_state=ChargingState.SUSPENDED_EVSE))
    assert sent(told) == [(0.0, None), (32.0, 1)]


def test_current_that_flows_on_after_ten_seconds_fails_the_switch() -> None:
    told = charging(SWITCHABLE)
    told.applied(10.0, controller="other")
    command_id = told.command(SetPhases(phases=1))
    told.answer()
    current(told, 9.0, 9.0, 9.0)
    told.tick(10)
    assert sent(told) == [(10.0, None), (0.0, None), (10.0, None)]
    assert told.finals(command_id) == [("failed", "phase_switch_blocked")]
    refusal = told.result(command_id).refusal
    assert refusal is not None
    assert refusal.message == (
        "the switch to 1 phase failed: the current did not fall although the station accepted 0 A"
    )
    assert refusal.details == {"reason": "current_flows", "evse": 1}
    fault = next(e for e in told.events if getattr(e, "code", None) == "phase_switch_failed")
    assert (fault.evse_id, fault.message) == (1, refusal.message)
    assert fault.details == {"phases": 1, "reason": "current_flows"}
    assert told.evse().phase_claims == ()
    assert told.evse().phase.failures == 1


# --- Without current


@pytest.mark.parametrize("state", [None, ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE])
def test_where_nothing_charges_there_is_no_pause(state: ChargingState | None) -> None:
    told = ready(SWITCHABLE)
    told.status(ConnectorStatus.OCCUPIED)
    if state is not None:
        told.start(charging_state=state)
    told.command(SetPhases(phases=1))
    assert sent(told) == [(32.0, 1)]


def test_a_vehicle_that_begins_to_charge_before_it_is_sent_is_paused_first() -> None:
    control = PhaseControl(step=PhaseStep.SWITCHING, target=1)
    evse = Evse(id=1, phase=control, phase_claims=(claim(1),), view=EvseView(charging=True))
    wanted = phases.wish(evse, [])
    facts: dict[str, Any] = {"learnt": Learnt(), "settings": SWITCHABLE, "now": T0}
    assert phases.plan(evse, wanted, held_a=16.0, **facts).pause
    assert not phases.plan(evse, wanted, held_a=0.0, **facts).pause


# --- A limit with phases


def test_a_limit_with_phases_is_done_when_both_are_in_force() -> None:
    told = charging(SWITCHABLE)
    command_id = told.command(SetLimit(limit_a=10.0, phases=1))
    told.answer()
    assert told.finals(command_id) == []
    current(told, 0.0)
    assert sent(told) == [(0.0, None), (10.0, 1)]
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    told.applied(8.0, phases=1)
    assert sent(told)[2:] == [(8.0, 1)]


def test_one_phase_lasts_as_long_as_the_limit_that_asked_for_it() -> None:
    told = charging(SWITCHABLE)
    told.command(SetLimit(limit_a=10.0, phases=1))
    told.answer()
    current(told, 0.0)
    told.answer()
    told.release()
    told.answer()
    assert sent(told)[2:] == [(32.0, 1)]
    assert (told.allocation.source, told.allocation.phase_source) == ("Unmanaged", "MQTT")
    told.tick(300)
    told.answer()
    current(told, 0.0)
    assert sent(told)[3:] == [(0.0, 1), (32.0, 3)]
    told.answer()
    assert (told.allocation.phase_limit, told.allocation.phase_source) == (None, None)
    request = told.request
    assert not isinstance(request, SetChargingProfile)  # nobody needs a profile any more


# --- Guards


def test_the_next_switch_waits_for_300_seconds_and_then_happens() -> None:
    told = charging(SWITCHABLE)
    switched(told)
    through = told.now
    command_id = told.command(SetPhases(phases=3))
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {
        "requestedPhases": 3,
        "phases": 1,
        "switchesAt": "2026-01-10T10:05:08.000Z",
    }
    assert through + timedelta(seconds=300) == T0 + timedelta(minutes=5, seconds=8)
    told.tick(60)
    assert next_deadline(told.station, told.now) == through + timedelta(seconds=300)
    told.tick(238)
    assert sent(told) == [(0.0, None), (32.0, 1)]
    told.tick(1)
    assert sent(told)[2:] == [(0.0, 1)]
    told.answer()
    current(told, 0.0)
    told.answer()
    assert sent(told)[3:] == [(32.0, 3), (None, None)]
    assert told.evse().phase.active == 3


def test_two_failures_end_the_switching_until_the_vehicle_is_unplugged() -> None:
    told = charging(SWITCHABLE)
    told.applied(10.0, phases=3)
    for _ in range(2):
        command_id = told.command(SetPhases(phases=1))
        told.answer(REJECTED)
        assert told.finals(command_id) == [("failed", "phase_switch_blocked")]
        told.tick(300)
    assert told.evse().phase.failures == 2
    assert told.evse().phase.failure is PhaseFailure.STATION_REFUSED
    blocked = told.command(SetPhases(phases=1))
    assert told.finals(blocked) == [("rejected", "phase_switch_blocked")]
    told.end()
    told.status(ConnectorStatus.AVAILABLE)
    assert told.evse().phase.failures == 0
    told.command(SetPhases(phases=1))
    assert told.evse().phase.step is PhaseStep.SWITCHING


@pytest.mark.parametrize("answer", [REJECTED, TIMEOUT])
def test_a_refused_number_of_phases_leaves_the_earlier_one(answer: Any) -> None:
    told = charging(SWITCHABLE)
    told.applied(10.0, controller="other")
    command_id = told.command(SetPhases(phases=1))
    told.answer()
    current(told, 0.0)
    assert sent(told)[2:] == [(10.0, 1)]
    told.answer(answer)
    told.tick(10)
    assert sent(told)[3:] == [(10.0, None)]
    assert len(told.finals(command_id)) == 1
    assert told.evse().phase_claims == ()
    assert told.evse().phase.active is None


# --- A change of mind


@pytest.mark.parametrize("paused", [True, False])
def test_a_wish_taken_back_during_the_pause_ends_it(paused: bool) -> None:
    told = charging(SWITCHABLE)
    told.applied(10.0, controller="other")
    first = told.command(SetPhases(phases=1))
    if paused:
        told.answer()
    back = told.command(SetPhases(phases=None))
    if not paused:
        told.answer()
    assert sent(told) == [(10.0, None), (0.0, None), (10.0, None)]
    told.answer()
    assert told.finals(first) == [("superseded", "superseded")]
    assert told.finals(back) == [("done", "ok")]
    assert told.evse().phase == PhaseControl()


def test_a_wish_taken_back_before_it_is_sent_is_not_sent() -> None:
    told = ready(SWITCHABLE)
    told.disconnect()
    told.command(SetPhases(phases=1), defer=True)
    told.command(SetPhases(phases=None), defer=True)
    told.connect()
    assert sent(told) == []
    assert told.evse().phase.step is PhaseStep.IDLE


def test_unplugging_ends_a_pause() -> None:
    told = charging(SWITCHABLE)
    told.command(SetPhases(phases=1))
    told.answer()
    told.end()
    told.status(ConnectorStatus.AVAILABLE)
    assert told.evse().phase.step is PhaseStep.SWITCHING
    assert sent(told)[1:] == [(32.0, 1)]


def test_a_station_that_forgot_the_pause_is_paused_again() -> None:
    told = charging(SWITCHABLE)
    told.command(SetPhases(phases=1))
    told.answer()
    evse = told.evse()
    lost = phases.plan(
        evse,
        phases.wish(evse, []),
        held_a=None,
        learnt=Learnt(),
        settings=SWITCHABLE,
        now=told.now,
    )
    assert lost.pause
    assert lost.control.step_since is None
    assert phases.deadlines(replace(evse, phase=lost.control)) == []


def test_an_answer_to_another_write_says_nothing_about_phases() -> None:
    control = PhaseControl(active=1)
    for number, accepted in ((1, True), (None, True), (3, False)):
        assert phases.confirmed(control, number, accepted=accepted, now=T0) is control


def test_a_limit_that_waited_for_a_pause_that_failed_is_applied_all_the_same() -> None:
    told = charging(SWITCHABLE)
    phases_ = told.command(SetPhases(phases=1))
    limit = told.limit(10.0, controller="other")
    told.answer(REJECTED)  # as a TxProfile
    told.answer(REJECTED)  # as a TxDefaultProfile
    assert told.finals(phases_) == [("failed", "phase_switch_blocked")]
    assert sent(told) == [(0.0, None), (0.0, None), (10.0, None)]
    told.answer()
    assert told.finals(limit) == [("done", "ok")]


def test_what_a_switch_does_to_the_limit_is_recorded_as_for_the_phases_sake() -> None:
    told = charging(SWITCHABLE)
    command_id = told.command(SetPhases(phases=1))
    told.answer()
    current(told, 0.0)
    told.answer()
    changes = [e for e in told.events if isinstance(e, AllocationRecorded)]
    assert [(e.after.offered_a, e.after.phase_limit, e.cause) for e in changes] == [
        (0.0, None, Cause(reason=ChangeReason.COMMAND, controller="me", command_id=command_id)),
        (32.0, 1, Cause(reason=ChangeReason.PHASES, controller="me")),
    ]
