"""Finding out what a station has and can do, before anything is written to it.

Theory of operation. When either side has started, or on the first contact, the bridge asks which
profiles are installed (K09) and, once per firmware, what the station says of itself
(SmartChargingCtrlr, and in 2.1 TxCtrlr). Nothing is asked before a BootNotification is answered; a station that sends
none is asked with its first other message, or when it has been silent for some seconds
(charger-quirks 6, 7). Until the answers are there nothing is written (allocation.md, Restart): then
profiles of ours are known again and stay where they are what is wanted, and those of others become
limits. A station that does not answer, or not in time, is taken to have what is remembered.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.domain import station_max, wanted
from bridge.domain.calls import (
    LOST,
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    GetChargingProfiles,
    GetVariables,
    ProfilePurpose,
    VariableName,
    VariableResult,
)
from bridge.domain.control import InstalledProfile
from bridge.domain.draft import Draft
from bridge.domain.events import BootNotification, ReportChargingProfiles
from bridge.domain.knowledge import Learnt, Question, QuestionKind, Readback
from bridge.domain.model import Evse, Station
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile

SILENCE: Final = timedelta(seconds=5)
"""How long after connecting a station may be silent before it is asked."""
GRACE: Final = timedelta(seconds=30)
"""How long its answers are waited for: not longer than a call's own time-out."""
MOST_BOOTS: Final = 3
"""Boots in a row that followed a question instead of its answer, after which none is asked."""
MAX_PROFILES: Final = 256
"""Profiles of one station that are kept."""
NO_PROFILES: Final = "NoProfiles"
COMPONENT: Final = "SmartChargingCtrlr"
RATE_UNIT: Final = "RateUnit"
STACK_LEVEL: Final = "ProfileStackLevel"
PHASE_CHOICE: Final = "ACPhaseSwitchingSupported"
PHASE_SWITCH: Final = "Phases3to1"
DYNAMIC: Final = "SupportsDynamicProfiles"
TRANSACTIONS: Final = "TxCtrlr"
LIMITS: Final = "SupportedLimits"
CONFIGURATION: Final = "ChargePoint"
"""What OCPP 1.6 keys are variables of; they belong to no component there."""
UNIT_KEY: Final = "ChargingScheduleAllowedChargingRateUnit"
LEVEL_KEY: Final = "ChargeProfileMaxStackLevel"
SWITCH_KEY: Final = "ConnectorSwitch3to1PhaseSupported"
_NAMES: Final = {
    "1.6": tuple(
        VariableName(component=CONFIGURATION, variable=key)
        for key in (UNIT_KEY, LEVEL_KEY, SWITCH_KEY)
    ),
    "2.1": (
        *(
            VariableName(component=COMPONENT, variable=name)
            for name in (RATE_UNIT, STACK_LEVEL, PHASE_CHOICE, PHASE_SWITCH, DYNAMIC)
        ),
        VariableName(component=TRANSACTIONS, variable=LIMITS),
    ),
    "2": tuple(
        VariableName(component=COMPONENT, variable=name)
        for name in (RATE_UNIT, STACK_LEVEL, PHASE_CHOICE, PHASE_SWITCH)
    ),
}
"""What a station is asked about itself, by the beginning of its version; the first one counts."""
DYNAMIC_KIND: Final = "Dynamic"
SAME_LIMIT_A: Final = 0.05


# --- When to ask ----------------------------------------------------------------------------


def begin(draft: Draft, *, booted: bool = False) -> None:
    """Start to find out what is not known: the station has connected, or has booted."""
    if not draft.reachable:
        return
    if not _needed(draft):
        draft.change(readback=None, read_back=True)
        return
    draft.change(readback=Readback(until=draft.now + SILENCE))
    if booted:
        _ask(draft)


def _needed(draft: Draft) -> bool:
    if not draft.settings.automatic_calls or not _names(draft.station):
        return False
    if draft.station.boots_when_asked >= MOST_BOOTS:
        return False
    return _needs_profiles(draft.station) or not draft.station.learnt.asked


def _names(station: Station) -> tuple[VariableName, ...]:
    version = station.version or ""
    return next((names for start, names in _NAMES.items() if version.startswith(start)), ())


def _needs_profiles(station: Station) -> bool:
    """Say whether the installed profiles are to be read; OCPP 1.6 has no way to ask for them."""
    if (station.version or "").startswith("1"):
        return False
    return not station.read_back and station.learnt.reads_profiles is not False


def spoken(draft: Draft) -> None:
    """Ask now, where that is still to be done: the station has spoken, and needs no boot."""
    readback = draft.station.readback
    if readback is not None and not readback.asked:
        _ask(draft)


def advance(draft: Draft) -> None:
    """Ask a station that has been silent, or give up waiting for its answers."""
    readback = draft.station.readback
    if readback is None or draft.now < readback.until:
        return
    if readback.asked:
        draft.change(readback=None, read_back=draft.station.read_back or readback.blocking)
    else:
        _ask(draft)


def again(draft: Draft) -> None:
    """Ask for others' profiles once more, holding nothing up: one of their limits is gone."""
    station = draft.station
    if station.readback is None and station.learnt.reads_profiles and draft.reachable:
        draft.change(readback=Readback(until=draft.now + GRACE, blocking=False))
        _ask_profiles(draft)


def anew(draft: Draft) -> None:
    """Ask for the profiles also where their report is under way: they are others since then."""
    readback = draft.station.readback
    if readback is None:
        again(draft)
    elif readback.asked and draft.reachable:
        until = draft.now + GRACE
        fresh = replace(readback, until=until, profiles=(), complete=False, read=False)
        draft.change(readback=fresh)
        _ask_profiles(draft)


def deadlines(station: Station) -> list[datetime]:
    """Return when to ask, or to stop waiting."""
    return [station.readback.until] if station.readback is not None else []


def _ask(draft: Draft) -> None:
    readback = draft.station.readback
    assert readback is not None  # noqa: S101  # by the callers
    wants = _needs_profiles(draft.station)
    draft.change(
        readback=replace(readback, until=draft.now + GRACE, asked=True, complete=not wants)
    )
    if wants:
        _ask_profiles(draft)
    if not draft.station.learnt.asked and _pending(draft, QuestionKind.CAPABILITIES) is None:
        draft.ask(QuestionKind.CAPABILITIES, GetVariables(names=_names(draft.station)))


def _ask_profiles(draft: Draft) -> None:
    readback = draft.station.readback
    assert readback is not None  # noqa: S101  # by the callers
    pending = _pending(draft, QuestionKind.PROFILES)
    if pending is not None:  # a station that boots again and again is asked once
        draft.change(readback=replace(readback, asked=True, request_id=pending.request_id))
        return
    request_id = draft.station.call_count + 1  # of this call, and so never used before
    draft.change(readback=replace(readback, asked=True, request_id=request_id))
    draft.ask(QuestionKind.PROFILES, GetChargingProfiles(request_id=request_id))


def _pending(draft: Draft, kind: QuestionKind) -> Question | None:
    return next((q for q in draft.station.questions if q.kind is kind), None)


# --- What is answered -----------------------------------------------------------------------


def reported(draft: Draft, message: ReportChargingProfiles) -> None:
    """Take in a part of the station's report."""
    readback = draft.station.readback
    if readback is None or readback.request_id != message.request_id:
        return
    profiles = (*readback.profiles, *message.profiles)[:MAX_PROFILES]
    told = not message.more
    draft.change(readback=replace(readback, profiles=profiles, complete=told, read=told))
    _finish(draft)


def answered(draft: Draft, question: Question, outcome: CallOutcome) -> None:
    """Take in the answer to one of our questions."""
    if question.kind is QuestionKind.CAPABILITIES:
        _capabilities(draft, outcome)
    else:
        _profiles_answered(draft, question, outcome)
    _finish(draft)


def _profiles_answered(draft: Draft, question: Question, outcome: CallOutcome) -> None:
    can = _can(outcome)
    if can is not None:
        draft.change(learnt=replace(draft.station.learnt, reads_profiles=can))
    readback = draft.station.readback
    if readback is None or readback.request_id != question.request_id:
        return
    if isinstance(outcome, CallResult) and outcome.accepted:
        return  # they are reported next
    if isinstance(outcome, CallFailed) and outcome.failure in LOST:
        _ask_profiles(draft)  # it went down with the connection before this one
        return
    draft.change(readback=replace(readback, complete=True, read=readback.read or bool(can)))


def _can(outcome: CallOutcome) -> bool | None:
    """Return whether a station answers the question for profiles; None where that is open."""
    if isinstance(outcome, CallResult):
        return outcome.accepted or outcome.status == NO_PROFILES
    return False if _is_unable(outcome) else None


def _is_unable(failed: CallFailed) -> bool:
    return failed.failure in {CallFailure.ERROR, CallFailure.TIMEOUT}


def _finish(draft: Draft) -> None:
    """Go by what was told, once all is answered."""
    readback = draft.station.readback
    if readback is None or not readback.complete:
        return
    kinds = {question.kind for question in draft.station.questions}
    if QuestionKind.PROFILES in kinds or QuestionKind.CAPABILITIES in kinds:
        return
    draft.change(readback=None, read_back=True)
    if not readback.read:
        return
    draft.change(profiles=tuple(p for p in readback.profiles if wanted.owner(p) is None))
    if readback.blocking:
        _recognise(draft, readback.profiles)
        station_max.recognised(draft, readback.profiles)


# --- Profiles of ours -----------------------------------------------------------------------


def _recognise(draft: Draft, profiles: Iterable[ChargingProfile]) -> None:
    """Let each EVSE have those profiles of ours that the station has, and no others."""
    found: dict[int, list[ChargingProfile]] = {}
    for profile in profiles:
        evse_id = wanted.owner(profile)
        if evse_id is not None and draft.can_have(evse_id):
            found.setdefault(evse_id, []).append(profile)
            draft.put(draft.evses.get(evse_id) or Evse(id=evse_id))
    for evse in list(draft.evses.values()):
        has = [_installed(draft, evse, profile) for profile in found.get(evse.id, [])]
        below = [each for each in has if wanted.is_fallback(each.profile_id)]
        installed = tuple(each for each in has if each not in below)
        fallback = below[0] if below else None
        if (installed, fallback) != (evse.installed, evse.fallback):
            draft.put(replace(evse, installed=installed, fallback=fallback))


def _installed(draft: Draft, evse: Evse, profile: ChargingProfile) -> InstalledProfile:
    """Return a reported profile; as it is remembered, where that is what it is."""
    known = (*evse.installed, evse.fallback)
    held = next((p for p in known if p and p.profile_id == profile.profile_id), None)
    period = profile.schedule.periods[0] if profile.schedule.periods else None
    phases = period.number_phases if period else None
    purpose = ProfilePurpose.TX if wanted.is_tx(profile.profile_id) else ProfilePurpose.TX_DEFAULT
    told = InstalledProfile(
        profile_id=profile.profile_id,
        purpose=purpose,
        limit_a=wanted.limit_of(draft, evse, profile.schedule),
        at=held.at if held else draft.now,
        transaction_id=profile.transaction_id or (held.transaction_id if held else None),
        valid_to=profile.valid_to,
        number_phases=phases or (held.number_phases if held else None),
        dynamic=profile.kind == DYNAMIC_KIND,
    )
    return held if held is not None and _is_same(held, told) else told


def _is_same(held: InstalledProfile, told: InstalledProfile) -> bool:
    if held.limit_a is None or told.limit_a is None:
        return False
    if abs(held.limit_a - told.limit_a) > SAME_LIMIT_A:
        return False
    if (held.transaction_id, held.dynamic) != (told.transaction_id, told.dynamic):
        return False
    if held.valid_to is None or told.valid_to is None:
        return held.valid_to is told.valid_to
    # stations keep times in whole seconds
    return abs(held.valid_to - told.valid_to) <= timedelta(seconds=1)


# --- What a station can do ------------------------------------------------------------------


def _capabilities(draft: Draft, outcome: CallOutcome) -> None:
    learnt = draft.station.learnt
    if isinstance(outcome, CallResult):
        said = _said(outcome.variables)
        if any(each.name.variable.casefold() == LIMITS.casefold() for each in outcome.variables):
            said["transaction_limits"] = _limits(outcome.variables)
        draft.change(learnt=replace(learnt, asked=True, **said))
    elif _is_unable(outcome):
        draft.change(learnt=replace(learnt, asked=True))


_UNITS: Final = {"a": "A", "current": "A", "w": "W", "power": "W"}
"""Units as stations write them (charger-quirks 18)."""


def _said(variables: Iterable[VariableResult]) -> dict[str, Any]:
    """Return what the station says of itself, in the fields of `Learnt`."""
    values = {
        result.name.variable.casefold(): result.value.strip()
        for result in variables
        if result.value is not None and result.status == "Accepted"
    }
    units = _value(values, RATE_UNIT, UNIT_KEY).casefold().split(",")
    said: dict[str, Any] = {}
    known_units = tuple(_UNITS[unit.strip()] for unit in units if unit.strip() in _UNITS)
    if known_units:
        said["rate_units"] = known_units
    level = _value(values, STACK_LEVEL, LEVEL_KEY)
    if level.isdecimal():
        said["max_stack_level"] = int(level)
    dynamic = _flag(values, DYNAMIC)
    if dynamic is not None:
        said["dynamic_profiles"] = dynamic
    switch = _flag(values, PHASE_SWITCH, SWITCH_KEY)
    choice = _flag(values, PHASE_CHOICE)
    if switch is not None or choice:
        # to choose which phase is used is to be able to use one; not to be able to says nothing
        said["phase_switching"] = bool(switch or choice)
    return said


def _limits(variables: Iterable[VariableResult]) -> tuple[str, ...]:
    """Return the transaction limits that a station says it has; none where it knows of none."""
    found = (v for v in variables if v.name.variable.casefold() == LIMITS.casefold())
    value = next((v.value for v in found if v.value is not None and v.status == "Accepted"), "")
    return tuple(each.strip().casefold() for each in value.split(",") if each.strip())


def _value(values: dict[str, str], *names: str) -> str:
    """Return what a station said under one of these names, whatever their casing; "" if nothing."""
    return next((values[n.casefold()] for n in names if n.casefold() in values), "")


def _flag(values: dict[str, str], *names: str) -> bool | None:
    return {"true": True, "false": False}.get(_value(values, *names).casefold())


def learnt_after(station: Station, boot: BootNotification) -> Learnt:
    """Return what is still known after a boot: nothing, where another software has started."""
    before = station.boot
    return station.learnt if same_software(before, boot) else Learnt()


def same_software(before: BootNotification | None, boot: BootNotification) -> bool:
    """Say whether the same device with the same firmware has booted, as far as is known."""
    return before is None or _software(before) == _software(boot)


def _software(boot: BootNotification) -> tuple[str | None, ...]:
    return boot.vendor_name, boot.model, boot.firmware_version
