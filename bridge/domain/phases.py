"""Charging on one phase or on three: who wants which, and the way from one to the other.

Theory of operation (allocation.md, Phase switching). A switch is only safe without current:
pause (0 A), wait until the current is below 1 A (10 s at most), tell the station the number of
phases, then let the vehicle settle for 60 s. Where nothing charges there is nothing to pause.
A current that is seen to flow after those 10 s makes the switch fail; a station that has not
sent a reading by then is believed, since it has accepted 0 A. Contactors wear: at least 300 s
lie between two switches, no more than 10 are done in a session, and two failures end it for the
session. What may only not happen yet waits (`PhaseControl.ready_at`).

The module decides and `profile` writes: `plan` is asked before each write and says whether to
hold at 0 A and which numberPhases to send; `confirmed` is told what the station made of it.
OCPP takes a profile without numberPhases as one for three, so none is sent before the first
switch (OCPP 2.x K, ChargingSchedulePeriodType).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from bridge.domain.commands import Refusal, ResultCode
from bridge.domain.control import (
    PhaseClaim,
    PhaseControl,
    PhaseFailure,
    PhaseStep,
    PhaseWish,
    Slot,
)
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, Meter
from bridge.domain.records import replace
from bridge.domain.settings import NumberPhases, StationSettings

NO_CURRENT_BELOW_A: Final = 1.0
PAUSED_AT_MOST: Final = timedelta(seconds=10)
SETTLES_FOR: Final = timedelta(seconds=60)
BETWEEN_SWITCHES: Final = timedelta(seconds=300)
MOST_SWITCHES: Final = 10
"""In a session, from plugging in to unplugging."""
MOST_FAILURES: Final = 2
SWITCHABLE_PHASES: Final = 3
"""Only an installation with three phases has anything to switch."""


class Plan(Struct, frozen=True, kw_only=True):
    """What the number of phases demands of the next write."""

    control: PhaseControl
    """To be kept on the EVSE."""
    number_phases: int | None = None
    """To be sent with the limit; None = say nothing about phases."""
    pause: bool = False
    """Hold at 0 A: a switch is under way."""

    @property
    def needs_profile(self) -> bool:
        """Whether the station must have a profile of ours even where nobody claims a limit."""
        under_way = self.control.step is PhaseStep.SWITCHING
        return self.pause or under_way or self.number_phases == 1


# --- Who wants which ------------------------------------------------------------------------


def wish(evse: Evse, slots: Sequence[Slot]) -> PhaseWish | None:
    """Return which of all claims on the number of phases counts; `slots` are the live ones.

    Each controller's latest claim counts, whether it came by `phases` or with a `limit`. Among
    controllers the highest priority wins, then one phase before three, then the newest claim;
    the rest of the order only makes it total.
    """
    claims = [*evse.phase_claims, *(_claim(slot, slot.phases) for slot in slots if slot.phases)]
    if not claims:
        return None
    latest: dict[tuple[str, str], PhaseClaim] = {}
    for claim in sorted(claims, key=lambda each: (each.since, -each.phases)):
        latest[claim.source.value, claim.controller] = claim
    winner = min(latest.values(), key=_rank)
    return PhaseWish(phases=winner.phases, source=winner.source, controller=winner.controller)


def _claim(slot: Slot, phases: int) -> PhaseClaim:
    return PhaseClaim(
        controller=slot.controller,
        source=slot.source,
        priority=slot.priority,
        phases=phases,
        since=slot.since,
        command_id=slot.command_id,
    )


def _rank(claim: PhaseClaim) -> tuple[object, ...]:
    newest_first = -claim.since.timestamp()
    return -claim.priority, claim.phases, newest_first, claim.source.value, claim.controller


def in_use(control: PhaseControl, settings: StationSettings) -> int:
    """Return the number of phases that the station may charge on, as far as the bridge told it."""
    return control.active or settings.phases


# --- What cannot be done --------------------------------------------------------------------

_Holds = Callable[[PhaseControl, Learnt, StationSettings], bool]

_BLOCKED: Final[Mapping[str, tuple[_Holds, str]]] = {
    "not_configured": (
        lambda _control, _learnt, settings: not settings.phase_switching,
        "switching of phases is not allowed here (phase_switching = false)",
    ),
    "installation": (
        lambda _control, _learnt, settings: settings.phases != SWITCHABLE_PHASES,
        "the installation does not have three phases",
    ),
    "unsupported": (
        lambda _control, learnt, _settings: learnt.phase_switching is False,
        "the station cannot switch phases (ACPhaseSwitchingSupported = false)",
    ),
    "no_number_phases": (
        lambda _control, _learnt, settings: settings.number_phases is NumberPhases.NEVER,
        "the station cannot be told a number of phases (number_phases = never)",
    ),
    "failed": (
        lambda control, _learnt, _settings: control.failures >= MOST_FAILURES,
        f"switching failed {MOST_FAILURES} times: no more until the vehicle is unplugged",
    ),
    "switched_often": (
        lambda control, _learnt, _settings: control.switches >= MOST_SWITCHES,
        f"switched {MOST_SWITCHES} times: no more until the vehicle is unplugged",
    ),
}
"""Reason, when it holds, and the sentence that says so; the first one counts."""


def _blocked(control: PhaseControl, learnt: Learnt, settings: StationSettings) -> str | None:
    rows = _BLOCKED.items()
    return next((name for name, (holds, _) in rows if holds(control, learnt, settings)), None)


def refusal(
    evse: Evse, phases: int, *, learnt: Learnt, settings: StationSettings
) -> Refusal | None:
    """Return why a wish for this number of phases cannot be met (`phase_switch_blocked`).

    None where it can, also where it only has to wait, and where nothing is to be switched.
    """
    control = _present(evse)
    if phases == in_use(control, settings):
        return None
    reason = _blocked(control, learnt, settings)
    if reason is None:
        return None
    return Refusal(
        code=ResultCode.PHASE_SWITCH_BLOCKED,
        message=_BLOCKED[reason][1],
        details={"reason": reason, "evse": evse.id},
    )


# --- The way from one to the other ----------------------------------------------------------


class _Situation(Struct, frozen=True, kw_only=True):
    """What a step looks at."""

    control: PhaseControl
    goal: int
    """Number of phases that there should be."""
    differs: bool
    """There are others, and they may be switched."""
    evse: Evse
    held_a: float | None
    """Limit in force at the station; None where none is, or it is not known."""
    voltage_v: float
    now: datetime


def plan(
    evse: Evse,
    wanted: PhaseWish | None,
    *,
    held_a: float | None,
    learnt: Learnt,
    settings: StationSettings,
    now: datetime,
) -> Plan:
    """Return what the number of phases demands now. Pure; may be asked at any time.

    `held_a` is the limit, in A per phase, of the profile of ours that governs.
    """
    control = _present(evse)
    goal = wanted.phases if wanted else settings.phases
    blocked = _blocked(control, learnt, settings) is not None
    situation = _Situation(
        control=control,
        goal=goal,
        differs=goal != in_use(control, settings) and not blocked,
        evse=evse,
        held_a=held_a,
        voltage_v=settings.nominal_voltage_v,
        now=now,
    )
    return _STEPS[control.step](situation)


def _present(evse: Evse) -> PhaseControl:
    """Return the control; without a vehicle there is no session whose switches count."""
    return unplugged(evse.phase) if evse.view.plugged is False else evse.phase


def _idle(situation: _Situation) -> Plan:
    control = situation.control
    if not situation.differs:
        return _stay(control, ready_at=None)
    ready_at = _ready_at(control)
    if ready_at is not None and situation.now < ready_at:
        return _stay(control, ready_at=ready_at)
    begun = _with(control, target=situation.goal, ready_at=None, step_since=None)
    if situation.evse.view.charging:
        return _pausing(replace(situation, control=_with(begun, step=PhaseStep.PAUSING)))
    return _switch(begun)


def _pausing(situation: _Situation) -> Plan:
    control = situation.control
    if not situation.differs or situation.goal != control.target:
        return _idle(replace(situation, control=_given_up(control)))
    if not situation.evse.view.charging:
        return _switch(control)
    if situation.held_a != 0:
        return _pause(_with(control, step_since=None))
    meter = situation.evse.meter
    if control.step_since is None:
        control = _with(control, step_since=situation.now, reading_at=_read_at(meter))
    current_a = _current_since(control, meter, situation.voltage_v)
    if current_a is not None and current_a < NO_CURRENT_BELOW_A:
        return _switch(control)
    if situation.now < _pause_ends(control):
        return _pause(control)
    if current_a is None:
        return _switch(control)
    failed = _failed(control, PhaseFailure.CURRENT_FLOWS, situation.now)
    return _idle(replace(situation, control=failed))


def _current_since(control: PhaseControl, meter: Meter | None, voltage_v: float) -> float | None:
    """Return the highest current of a phase, as read since 0 A was accepted; None if unread."""
    if meter is None or _read_at(meter) == control.reading_at:
        return None
    measured = [current for current in meter.current_a if current is not None]
    if not measured and meter.power_w is not None:
        return meter.power_w / voltage_v
    return max(measured, default=None)


def _read_at(meter: Meter | None) -> datetime | None:
    return None if meter is None else meter.current_at or meter.at


def _switching(situation: _Situation) -> Plan:
    control = situation.control
    if situation.evse.write is not None:
        return _switch(control)
    if situation.goal != control.target:
        return _idle(replace(situation, control=_given_up(control)))
    if situation.evse.view.charging and situation.held_a != 0:
        # it was not sent in time, and the vehicle charges again
        pausing = _with(control, step=PhaseStep.PAUSING, step_since=None)
        return _pausing(replace(situation, control=pausing))
    return _switch(control)


def _settling(situation: _Situation) -> Plan:
    control = situation.control
    if situation.now < _settled_at(control):
        ready_at = _ready_at(control) if situation.differs else None
        return _stay(control, ready_at=ready_at)
    idle = _with(control, step=PhaseStep.IDLE, step_since=None)
    return _idle(replace(situation, control=idle))


_STEPS: Final[Mapping[PhaseStep, Callable[[_Situation], Plan]]] = {
    PhaseStep.IDLE: _idle,
    PhaseStep.PAUSING: _pausing,
    PhaseStep.SWITCHING: _switching,
    PhaseStep.SETTLING: _settling,
}


def _stay(control: PhaseControl, *, ready_at: datetime | None) -> Plan:
    return Plan(control=_with(control, ready_at=ready_at), number_phases=control.active)


def _pause(control: PhaseControl) -> Plan:
    return Plan(control=control, number_phases=control.active, pause=True)


def _switch(control: PhaseControl) -> Plan:
    control = _with(control, step=PhaseStep.SWITCHING, step_since=None, reading_at=None)
    return Plan(control=control, number_phases=control.target)


def _given_up(control: PhaseControl) -> PhaseControl:
    return _with(control, step=PhaseStep.IDLE, step_since=None, reading_at=None, target=None)


def _failed(control: PhaseControl, failure: PhaseFailure, now: datetime) -> PhaseControl:
    failures = control.failures + 1
    return replace(_given_up(control), failures=failures, failed_at=now, failure=failure)


def _with(control: PhaseControl, **fields: Any) -> PhaseControl:
    """Return the control with these fields; itself where it has them."""
    if all(getattr(control, name) == value for name, value in fields.items()):
        return control
    return replace(control, **fields)


# --- What the station made of it ------------------------------------------------------------


def confirmed(
    control: PhaseControl, number_phases: int | None, *, accepted: bool, now: datetime
) -> PhaseControl:
    """Return the control after the station's answer to a write with that number of phases."""
    if not accepted:
        under_way = is_under_way(control)
        return _failed(control, PhaseFailure.STATION_REFUSED, now) if under_way else control
    if number_phases is None or number_phases == control.active:
        return control
    return replace(
        _given_up(control),
        step=PhaseStep.SETTLING,
        step_since=now,
        active=number_phases,
        switched_at=now,
        switches=control.switches + 1,
    )


def is_under_way(control: PhaseControl) -> bool:
    """Say whether a switch has begun and is not through, so that readings matter."""
    return control.step in {PhaseStep.PAUSING, PhaseStep.SWITCHING}


def unplugged(control: PhaseControl) -> PhaseControl:
    """Return the control when the session is over: counts start anew."""
    control = _with(control, switches=0, failures=0)
    return _given_up(control) if control.step is PhaseStep.PAUSING else control


# --- Times ----------------------------------------------------------------------------------


def deadlines(evse: Evse) -> list[datetime]:
    """Return when a step of a switch is over, or a switch that has to wait may begin."""
    control = evse.phase
    if control.step_since is None:
        return [control.ready_at] if control.ready_at and control.step is PhaseStep.IDLE else []
    if control.step is PhaseStep.PAUSING:
        return [_pause_ends(control)]
    return [_settled_at(control)]


def _pause_ends(control: PhaseControl) -> datetime:
    assert control.step_since is not None  # noqa: S101  # only asked once 0 A is accepted
    return control.step_since + PAUSED_AT_MOST


def _settled_at(control: PhaseControl) -> datetime:
    assert control.step_since is not None  # noqa: S101  # set with the step
    return control.step_since + SETTLES_FOR


def _ready_at(control: PhaseControl) -> datetime | None:
    """Return before when no switch may begin; None where there was none."""
    tried = [at for at in (control.switched_at, control.failed_at) if at is not None]
    return max(tried) + BETWEEN_SWITCHES if tried else None
