"""What clients of a charge controller's API write, made real by commands of source API.

A client is the controller of its token's name, or `secc` where it shows none. Its lease is a claim
like any other, given by the commands `limit`, `release`, `pause`, `resume` and `phases`, which are
journaled, answered on MQTT and audited as such (`bridge.api.secc_limits` has the rules).
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bridge.api.incoming import Accepted
from bridge.api.secc_commands import CONTROLLER, Place, command_of
from bridge.api.secc_limits import (
    SeccLimits,
    Write,
    commands_for,
    limits_in_force,
    limits_of,
    written,
)
from bridge.domain.commands import (
    Arguments,
    CommandResult,
    ResultCode,
    SetPhases,
)
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse, Station
from bridge.http.auth import Principal
from bridge.http.commands import check_rate, handed_in, latest
from bridge.http.problems import RequestError
from bridge.http.service import HttpService
from bridge.http.stations import find_evse
from bridge.http.waiting import PendingCommand
from bridge.ports import Scope


def limits_for(
    service: HttpService, station: Station, evse: Evse, caller: Principal
) -> SeccLimits:
    """Return the limits that a client is told: its own; who may only look, those that count."""
    now = service.clock.now()
    if not caller.may(Scope.CONTROL):
        return limits_in_force(evse, now)
    controller = controller_of(caller)
    remembered = service.secc_leases.of((controller, station.id, evse.id))
    return limits_of(evse, controller, remembered, now)


async def write_limits(
    service: HttpService, place: Place, caller: Principal, write: Write, *, wait: float
) -> None:
    """Do what a client writes; return when the station has it, or the time (s) is over.

    Raises RequestError where it is refused.
    """
    controller = controller_of(caller)
    check_rate(service, controller)
    if write.get("rotated"):
        raise RequestError(ResultCode.UNSUPPORTED, "no charger here can rotate its phases")
    async with AsyncExitStack() as stack:
        async with service.secc_leases.lock((controller, *place)):
            given = await _hand_in(service, place, controller, write, stack)
        for result, _ in await asyncio.gather(*(latest(each, wait) for each in given)):
            _check(result)


async def _hand_in(
    service: HttpService, place: Place, controller: str, write: Write, stack: AsyncExitStack
) -> Sequence[PendingCommand]:
    """Hand in the commands that a write leads to; each is stored, and not refused at once."""
    station, evse = find_evse(service, *place)
    check_online(station)
    lessee, now = (controller, *place), service.clock.now()
    before = limits_of(evse, controller, service.secc_leases.of(lessee), now)
    after = written(before, write, service.documents.settings_for(station))
    arguments = commands_for(
        evse,
        controller,
        write,
        after,
        now=now,
        disabled_pauses=service.settings.secc_disabled_pauses,
    )
    given = []
    for each in arguments:
        command = _command(service, place, controller, each)
        pending = await stack.enter_async_context(handed_in(service, place[0], command))
        if isinstance(each, SetPhases) and "one_phase" not in write:
            continue  # its lease is renewed: where that is refused, it ends
        result, _ = await latest(pending, 0)
        _check(result)
        given.append(pending)
    service.secc_leases.set(lessee, after, now)
    service.watchers.station_changed(station, station)  # what is remembered is shown, too
    return given


def controller_of(caller: Principal) -> str:
    """Return as which controller a client gives commands."""
    return CONTROLLER if caller.token is None else caller.name


def check_online(station: Station) -> None:
    """Raise RequestError for a station that is offline: as a charge controller without power."""
    if not station.online:
        raise RequestError(ResultCode.STATION_OFFLINE, f"station {station.id!r} is offline")


def _command(
    service: HttpService, place: Place, controller: str, arguments: Arguments
) -> Accepted:
    return command_of(
        place,
        arguments,
        controller=controller,
        source=AllocationSource.API,
        now=service.clock.now(),
        fresh_id=service.ids.new_id(),
    )


def _check(result: CommandResult) -> None:
    """Raise RequestError for a command that was refused; a newer one may take its place."""
    refusal = result.refusal
    if refusal is not None and refusal.code is not ResultCode.SUPERSEDED:
        error = RequestError(refusal.code, refusal.message)
        error.document["error"]["details"] = dict(refusal.details)
        raise error
