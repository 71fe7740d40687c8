"""Who controls an EVSE, and with which limit: the document `allocation` (allocation.md)."""

from datetime import datetime

from bridge.api import payloads
from bridge.domain.control import (
    Allocation,
    InstalledProfile,
    Limit,
    Observed,
    PhaseControl,
    PhaseStep,
    ProfileWrite,
)
from bridge.domain.enums import AllocationSource
from bridge.domain.in_control import fresh_word, in_control
from bridge.domain.model import Evse, Station
from bridge.domain.reported import Reported
from bridge.domain.settings import StationSettings
from bridge.domain.units import rfc3339


def allocation_document(
    station: Station, evse: Evse, allocation: Allocation, settings: StationSettings, now: datetime
) -> payloads.AllocationDocument:
    """Return the document of an EVSE; pure."""
    phases = _phases(evse, allocation, settings)
    volts = evse.supply_voltage_v or settings.nominal_voltage_v
    return {
        "v": 1,
        "ts": rfc3339(allocation.since),
        "receivedAt": rfc3339(now),
        "cs": station.id,
        "evse": evse.id,
        "allocationSourceName": in_control(evse),
        "computed": allocation.source.value,
        "reported": _reported(evse.reported),
        "state": allocation.state,
        "mode": allocation.mode,
        "offeredA": allocation.offered_a,
        "offeredW": round(allocation.offered_a * phases * volts, 1),
        "phases": phases,
        "onePhaseLimitActive": one_phase(evse),
        "phaseLimitSourceName": phase_limit_source(evse),
        "phaseRotationActive": phase_rotation_source(evse) is not None,
        "phaseRotationSourceName": phase_rotation_source(evse),
        "requested": _requested(allocation),
        "accepted": _accepted(allocation.accepted),
        "observed": _observed(evse.observed),
        "limits": [_limit(limit) for limit in allocation.limits],
        "since": rfc3339(allocation.since),
        "pending": _pending(evse, allocation),
    }


def one_phase(evse: Evse) -> bool:
    """Say whether the charging is held to one phase."""
    said = fresh_word(evse)
    if said is not None and said.one_phase is not None:
        return said.one_phase
    return evse.allocation is not None and evse.allocation.phase_limit == 1


def phase_limit_source(evse: Evse) -> str | None:
    """Return who holds the charging to one phase; None where nobody does."""
    if not one_phase(evse):
        return None
    source = evse.allocation.phase_source if evse.allocation else None
    if source is not None:
        return source.value
    return evse.reported.phase_source_name if evse.reported else None


def phase_rotation_source(evse: Evse) -> str | None:
    """Return who rotates the phases; None where nobody does."""
    said = fresh_word(evse)
    active = said is not None and said.phase_rotation
    return (said.rotation_source_name or _SOMEBODY) if said is not None and active else None


_SOMEBODY = AllocationSource.API.value
"""Only the API of a charge controller rotates phases (seed 000)."""


def _reported(said: Reported | None) -> payloads.ReportedControl | None:
    if said is None:
        return None
    return {
        "allocationSourceName": said.source_name,
        "byUs": said.by_us,
        "offeredA": said.available_a,
    }


def _phases(evse: Evse, allocation: Allocation, settings: StationSettings) -> int:
    """Return the phases in use while charging, else the configured ones (allocation.md, Watts).

    Those in use are what the whole transaction has used: not what counts once it is held to fewer.
    """
    if allocation.phase_limit:
        return allocation.phase_limit
    used = evse.view.used_phases.count("1") if evse.view.used_phases else 0
    return used if evse.view.charging and used else settings.phases


def _name(source: AllocationSource | None) -> str | None:
    return None if source is None else source.value


def _requested(allocation: Allocation) -> payloads.RequestedLimit | None:
    if allocation.requested_a is None and allocation.requested_phases is None:
        return None
    return {
        "limitA": allocation.requested_a,
        "limitW": allocation.requested_w,
        "phases": allocation.requested_phases,
    }


def _accepted(profile: InstalledProfile | None) -> payloads.AcceptedLimit | None:
    if profile is None or profile.limit_a is None:
        return None
    return {
        "at": rfc3339(profile.at),
        "via": profile.purpose.value,
        "profileId": profile.profile_id,
        "limitA": profile.limit_a,
        "validTo": None if profile.valid_to is None else rfc3339(profile.valid_to),
        "phases": profile.number_phases,
    }


def _observed(observed: Observed | None) -> payloads.ObservedCurrent | None:
    return None if observed is None else {"currentA": observed.current_a, "ok": observed.ok}


def _limit(limit: Limit) -> payloads.LimitEntry:
    return {
        "source": limit.source.value,
        "limitA": limit.limit_a,
        "controller": limit.controller,
        "priority": limit.priority,
        "expiresAt": None if limit.expires_at is None else rfc3339(limit.expires_at),
        "binding": limit.binding,
        "detail": None if limit.detail is None else dict(limit.detail),
    }


def _pending(evse: Evse, allocation: Allocation) -> payloads.PendingLimit | None:
    """Return the write that is under way, else what waits to be written or to be switched."""
    limit_a, via = _pending_limit(evse.write, allocation)
    phases = _switching_to(evse.phase, allocation)
    if via is None and allocation.pending_a is None and phases is None:
        return None
    ready_at = evse.phase.ready_at
    return {
        "limitA": limit_a,
        "via": via,
        "phases": phases,
        "phasesAt": None if phases is None or ready_at is None else rfc3339(ready_at),
    }


def _pending_limit(
    write: ProfileWrite | None, allocation: Allocation
) -> tuple[float | None, str | None]:
    """Return A per phase, None for a profile that is cleared, and the purpose of what is sent."""
    if write is not None:
        return None if write.clear else write.profile.limit_a, write.profile.purpose.value
    if allocation.pending_a is not None:
        return allocation.pending_a, None
    return allocation.offered_a, None


def _switching_to(phase: PhaseControl, allocation: Allocation) -> int | None:
    """Return the number of phases of a switch that is under way, or that waits for its time."""
    if phase.step in {PhaseStep.PAUSING, PhaseStep.SWITCHING}:
        return phase.target
    return None if phase.ready_at is None else allocation.requested_phases
