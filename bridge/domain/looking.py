"""Commands of people who look: which profiles a station has, and what it makes of all together.

Theory of operation. A composite schedule is in the station's answer (K08). Profiles are not: the
station answers that it will report them, and does so in one or more messages (K09). The command
waits for the last of these, each of which has some time to come, and so has one final result as
every other. Nothing that is read this way changes what the bridge knows of the station: the
question may have been about a part of the profiles only.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from bridge.domain import answers, schedule, service, wanted
from bridge.domain.calls import (
    CallOutcome,
    CallResult,
    GetChargingProfiles,
    GetCompositeSchedule,
)
from bridge.domain.commands import (
    Command,
    ReadComposite,
    ReadProfiles,
    Refusal,
    ResultCode,
    ResultStatus,
)
from bridge.domain.draft import Draft
from bridge.domain.events import ReportChargingProfiles
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import PendingKind, PendingRemote, Station
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.domain.units import rfc3339

Facts = dict[str, Any]

REPORT_WITHIN: Final = timedelta(seconds=30)
"""How long the next part of a report is waited for: as long as for an answer."""
ANSWERED_HERE: Final = frozenset({PendingKind.PROFILES, PendingKind.COMPOSITE})
MAX_PROFILES: Final = 256
"""Profiles that one result tells."""
NO_PROFILES: Final = "NoProfiles"


# --- Profiles -------------------------------------------------------------------------------


def profiles(draft: Draft, command: Command) -> None:
    """Ask which profiles are installed (OCPP 2.x K09)."""
    arguments = command.arguments
    assert isinstance(arguments, ReadProfiles)  # noqa: S101  # by the handler table
    refusal = _not_to_be_asked(draft, command, arguments)
    if refusal is not None:
        draft.refuse(command.ref, refusal)
        return
    evse_id = command.ref.evse_id
    everywhere = evse_id == STATION_EVSE and not arguments.station_only
    request_id = draft.station.call_count + 1  # of this call, and so never used before
    request = GetChargingProfiles(
        request_id=request_id,
        evse_id=None if everywhere else evse_id,
        criteria=arguments.criteria,
    )
    service.send(draft, command, PendingKind.PROFILES, request, request_id=request_id)


def _not_to_be_asked(draft: Draft, command: Command, arguments: ReadProfiles) -> Refusal | None:
    if service.speaks_1_6(draft):
        message = "OCPP 1.6 cannot be asked which profiles are installed: use getComposite"
        return Refusal(code=ResultCode.UNSUPPORTED, message=message)
    if arguments.station_only and command.ref.evse_id != STATION_EVSE:
        return Refusal(
            code=ResultCode.INVALID_ARGUMENT,
            message="stationOnly is for EVSE 0",
            details={"pointer": "/stationOnly"},
        )
    return None


def answered(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> None:
    """Give a command its final result, or wait for what the station has promised to report."""
    if isinstance(outcome, CallResult) and outcome.accepted:
        if pending.kind is PendingKind.PROFILES:
            _go_on(draft, replace(pending, report_until=draft.now + REPORT_WITHIN))
        else:
            draft.done(pending.ref, ResultCode.OK, _composite(outcome))
    elif isinstance(outcome, CallResult) and outcome.status == NO_PROFILES:
        draft.done(pending.ref, ResultCode.OK, {"profiles": []})
    else:
        draft.refuse(pending.ref, *answers.refusal_of(outcome))


def reported(draft: Draft, message: ReportChargingProfiles) -> None:
    """Take in a part of the report; stations are known that send it before their answer."""
    for pending in draft.station.calls:
        if pending.kind is PendingKind.PROFILES and pending.request_id == message.request_id:
            draft.change(calls=tuple(c for c in draft.station.calls if c is not pending))
            told = (*pending.profiles, *message.profiles)[:MAX_PROFILES]
            until = draft.now + REPORT_WITHIN if pending.report_until else None
            more = replace(pending, profiles=told, reported=not message.more, report_until=until)
            _go_on(draft, more)


def _go_on(draft: Draft, pending: PendingRemote) -> None:
    """Give the result where all is there, else go on waiting."""
    if pending.reported and pending.report_until is not None:
        told = [_profile(profile) for profile in pending.profiles]
        draft.done(pending.ref, ResultCode.OK, {"profiles": told})
    else:
        draft.change(calls=(*draft.station.calls, pending))


def lapse(draft: Draft) -> None:
    """Give up what a station has promised to report, and has not in time."""
    for pending in draft.station.calls:
        if pending.report_until is not None and pending.report_until <= draft.now:
            draft.change(calls=tuple(c for c in draft.station.calls if c is not pending))
            refusal = Refusal(
                code=ResultCode.TIMEOUT,
                message="the station accepted, and did not report its profiles in time",
                details={"reported": len(pending.profiles)},
            )
            draft.refuse(pending.ref, refusal, ResultStatus.FAILED)


def deadlines(station: Station) -> list[datetime]:
    """Return when such a promise is given up."""
    return [call.report_until for call in station.calls if call.report_until is not None]


# --- The composite schedule -----------------------------------------------------------------


def composite(draft: Draft, command: Command) -> None:
    """Ask what the station makes of all profiles together (OCPP 2.x K08)."""
    arguments = command.arguments
    assert isinstance(arguments, ReadComposite)  # noqa: S101  # by the handler table
    request = GetCompositeSchedule(
        evse_id=command.ref.evse_id,
        duration_seconds=arguments.duration_seconds,
        unit=arguments.unit,
    )
    service.send(draft, command, PendingKind.COMPOSITE, request)


# --- In the payload's own keys --------------------------------------------------------------


def _profile(profile: ChargingProfile) -> Facts:
    return {
        "evse": profile.evse_id,
        "profileId": profile.profile_id,
        "ours": wanted.owner(profile) is not None,
        "purpose": profile.purpose,
        "kind": profile.kind,
        "recurrency": profile.recurrency,
        "stackLevel": profile.stack_level,
        "limitSource": profile.limit_source,
        "transactionId": profile.transaction_id,
        "validFrom": _time(profile.valid_from),
        "validTo": _time(profile.valid_to),
        "schedule": _schedule(profile.schedule),
    }


def _composite(outcome: CallResult) -> Facts:
    told = outcome.schedule
    return {"status": outcome.status, "schedule": None if told is None else _schedule(told)}


def _schedule(told: Schedule) -> Facts:
    return {
        "startAt": _time(told.start_at),
        "durationSeconds": told.duration_seconds,
        "unit": told.unit.value,
        "periods": [_period(period, told.unit) for period in told.periods],
    }


def _period(period: Period, unit: RateUnit) -> Facts:
    facts = {
        "startSeconds": period.start_seconds,
        f"limit{unit}": period.limit if schedule.has_limit(period) else None,
        "numberPhases": period.number_phases,
    }
    return {**facts, **schedule.to_discharge(period, unit)}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
