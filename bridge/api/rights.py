"""What a controller may do, whichever way its commands come (mqtt-api.md, Access)."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from bridge.api.incoming import Accepted, Refused, right_needed
from bridge.domain.commands import (
    DEFAULT_PRIORITY,
    CallStation,
    Command,
    Refusal,
    ResultCode,
    SetLimit,
)
from bridge.domain.ids import StationId
from bridge.domain.records import replace


class ControllerRights(Struct, frozen=True, kw_only=True):
    """What a controller may do (configuration: `controllers.<name>`)."""

    stations: tuple[str, ...] = ("*",)
    """Raw station ids, each as it is (ids may hold stars); `*` alone stands for all."""
    commands: tuple[str, ...] | None = None
    """Names of commands; None = all."""
    max_priority: int = 1000
    teams: tuple[str, ...] = ()
    """Teams whose total it may lower; `*` = all, as has who may command all stations."""

    def may_lower(self, team: str, command: str) -> bool:
        """Say whether it may give this command to this team."""
        if self.commands is not None and command not in self.commands:
            return False
        return team in self.teams or "*" in self.teams or "*" in self.stations

    def may_command(self, station_id: StationId, command: str) -> bool:
        """Say whether it may give this command to this station."""
        if self.commands is not None and command not in self.commands:
            return False
        return "*" in self.stations or station_id in self.stations


class CommandRules(Struct, frozen=True, kw_only=True):
    """What the owner wants of every command (configuration: `commands`, `controllers`)."""

    require_ts: bool = False
    """Refuse commands without `ts` or `expiresAt`."""
    require_ttl: bool = False
    """Refuse limits and pauses without `ttlSeconds`."""
    allow_call: bool = False
    """Whether `call` may be given at all."""
    controllers: Mapping[str, ControllerRights] = field(default_factory=dict)
    """None configured: any controller may command everything."""


def permitted(
    accepted: Accepted, station_id: StationId, rules: CommandRules
) -> Accepted | Refused:
    """Hold a command against its controller's rights; a limit may come back with less priority."""
    command = accepted.command
    if isinstance(command.arguments, CallStation) and not rules.allow_call:
        message = "raw calls are off (commands.allow_call)"
        return _not_authorised(command, message)
    if not rules.controllers:
        return accepted
    controller, team = command.ref.controller, command.ref.team
    rights = rules.controllers.get(controller)
    if rights is None:
        message = f"controller {controller!r} is not configured"
        return _not_authorised(command, message)
    right = right_needed(command)
    if team is not None and not rights.may_lower(team, right):
        message = f"controller {controller!r} may not {right} team {team!r}"
        return _not_authorised(command, message)
    if team is None and not rights.may_command(station_id, right):
        message = f"controller {controller!r} may not {right} at station {station_id!r}"
        return _not_authorised(command, message)
    arguments = command.arguments
    if not isinstance(arguments, SetLimit) or arguments.priority <= rights.max_priority:
        return accepted
    if arguments.priority != DEFAULT_PRIORITY:
        message = f"controller {controller!r} may have priority {rights.max_priority} at most"
        return _not_authorised(command, message, maxPriority=rights.max_priority)
    capped = replace(arguments, priority=rights.max_priority)
    return replace(accepted, command=replace(command, arguments=capped))


def _not_authorised(command: Command, message: str, **details: Any) -> Refused:
    refusal = Refusal(code=ResultCode.NOT_AUTHORISED, message=message, details=details)
    return Refused(ref=command.ref, refusal=refusal)
