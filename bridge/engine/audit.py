"""What is kept of who did what: each change of an allocation, and how each command ended.

Not kept: repetitions of a command, which do nothing; `get`, which only asks the bridge; what was
refused because there was too much of it, so that a flood of commands cannot fill the disk for ever;
and of a question to the station the answer, which may be long and no business of the audit's.
"""

from collections.abc import Mapping
from typing import Any, Final

from bridge.domain.commands import CommandResult, ResultCode
from bridge.domain.control import Allocation
from bridge.domain.effects import AllocationRecorded, Outcome
from bridge.domain.ids import StationId
from bridge.ports import AuditKind, AuditRecord

_UNKEPT: Final = frozenset({ResultCode.DUPLICATE, ResultCode.RATE_LIMITED, ResultCode.QUEUE_FULL})

_QUESTIONS: Final = frozenset(
    {"getVariables", "getProfiles", "getComposite", "transactionStatus", "call"}
)


def records_of(outcome: Outcome) -> list[AuditRecord]:
    """Return what is to be kept of an input's consequences, in their order."""
    records = [_of_change(event) for event in outcome.events if type(event) is AllocationRecorded]
    for result in outcome.results:
        records += record_of(result, outcome.station.id)
    return records


def record_of(result: CommandResult, station_id: StationId) -> list[AuditRecord]:
    """Return what is to be kept of a command's result: one record or none.

    A command on a team's total is kept under `team/NAME`.
    """
    if not result.final or result.code in _UNKEPT or result.snapshot is not None:
        return []
    ref = result.ref
    # no station with a slash in its id can connect (`ocpp.settings`)
    place = station_id if ref.team is None else StationId(f"team/{ref.team}")
    return [
        AuditRecord(
            at=result.at,
            station_id=place,
            evse_id=ref.evse_id,
            kind=AuditKind.COMMAND,
            controller=ref.controller,
            source=ref.source.value,
            what=ref.name,
            command_id=ref.id,
            after=_facts(result),
            result=f"{result.status.value}/{result.code.value}",
        )
    ]


def _facts(result: CommandResult) -> Mapping[str, Any] | None:
    if result.refusal is None:
        return None if result.ref.name in _QUESTIONS else result.data
    return {"message": result.refusal.message, "details": dict(result.refusal.details)}


def _of_change(event: AllocationRecorded) -> AuditRecord:
    return AuditRecord(
        at=event.at,
        station_id=event.station_id,
        evse_id=event.evse_id,
        kind=AuditKind.ALLOCATION,
        controller=event.cause.controller,
        source=event.after.source.value,
        what=event.cause.reason.value,
        command_id=event.cause.command_id,
        before=None if event.before is None else _control(event.before),
        after=_control(event.after),
        result=event.after.state,
    )


def _control(allocation: Allocation) -> Mapping[str, Any]:
    """Return who is in control, in the words of the allocation document."""
    phases = allocation.phase_source
    return {
        "allocationSourceName": allocation.source.value,
        "offeredA": allocation.offered_a,
        "mode": allocation.mode,
        "onePhaseLimitActive": allocation.phase_limit == 1,
        "phaseLimitSourceName": None if phases is None else phases.value,
    }
