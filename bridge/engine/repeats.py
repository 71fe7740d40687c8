"""What a controller is told that uses the id of an earlier command again."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.commands import CommandRef, CommandResult, Refusal, ResultCode, ResultStatus
from bridge.domain.records import replace
from bridge.ports import StoredCommand


@dataclass(frozen=True, slots=True)
class Belated:
    """A command that is well-formed and refused for when or how it came: late, or retained.

    It may be a repetition of one that came in time. Then that one's result is the answer, since
    a command must not have two.
    """

    ref: CommandRef
    refusal: Refusal


def refused(ref: CommandRef, refusal: Refusal, now: datetime) -> CommandResult:
    """Return the result of a command that is not carried out."""
    expired = refusal.code is ResultCode.EXPIRED
    return CommandResult(
        ref=ref,
        status=ResultStatus.EXPIRED if expired else ResultStatus.REJECTED,
        code=refusal.code,
        at=now,
        refusal=refusal,
    )


def repeated(
    ref: CommandRef, known: StoredCommand, body_hash: str, now: datetime
) -> CommandResult:
    """Return the earlier result again, or what is wrong with using its id for another body."""
    if known.body_hash != body_hash:
        refusal = Refusal(
            code=ResultCode.ID_CONFLICT,
            message="this id was used before for a command with another body",
        )
        return refused(ref, refusal, now)
    if known.result is None:
        return CommandResult(
            ref=ref, status=ResultStatus.ACCEPTED, code=ResultCode.DUPLICATE, at=now
        )
    return replace(known.result, ref=ref, code=ResultCode.DUPLICATE)
