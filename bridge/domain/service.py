"""Commands to the station itself: availability, cables, restarts, variables, raw calls.

Each becomes one call, and its answer the command's final result, in the payload's own keys.
None is sent a second time: what was on its way when the bridge died is answered `unknown`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bridge.domain import answers, raw_calls, raw_profiles
from bridge.domain.calls import (
    CallOutcome,
    CallResult,
    ChangeAvailability,
    GetTransactionStatus,
    GetVariables,
    RawCall,
    Reset,
    ResetType,
    SetVariables,
    StationRequest,
    TriggerMessage,
    UnlockConnector,
    VariableName,
    VariableResult,
)
from bridge.domain.commands import (
    AskTransactionStatus,
    CallStation,
    Command,
    ReadVariables,
    Refusal,
    ResetStation,
    ResultCode,
    SetAvailability,
    Trigger,
    Unlock,
    WriteVariables,
)
from bridge.domain.draft import Draft
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import Evse, PendingKind, PendingRemote
from bridge.domain.records import replace
from bridge.domain.settings import StationAuth

Facts = dict[str, Any]

PASSWORD: Final = VariableName(component="SecurityCtrlr", variable="BasicAuthPassword")
"""OCPP 2.x (part 2 appendices)."""
PASSWORD_1_6: Final = VariableName(component="ChargePoint", variable="AuthorizationKey")
"""OCPP 1.6: hexadecimal, of the bytes that are sent as the password."""
_PASSWORDS: Final = frozenset(each.variable.casefold() for each in (PASSWORD, PASSWORD_1_6))

WRITTEN: Final = frozenset({"Accepted", "RebootRequired"})
"""Get- and SetVariableStatusEnumType: it was read; it has the value, now or after a restart."""


def remember(draft: Draft, pending: PendingRemote) -> None:
    """Keep what a call was for, until it is answered."""
    draft.change(calls=(*draft.station.calls, pending))


def send(
    draft: Draft, command: Command, kind: PendingKind, request: StationRequest, **more: Any
) -> None:
    """Take a command on and send its request; `more` is what its answer needs to be known for."""
    draft.accept(command.ref)
    call_id = draft.call(request, command.expires_at)
    remember(draft, PendingRemote(ref=command.ref, call_id=call_id, kind=kind, **more))


def _evse_of(command: Command) -> int | None:
    return None if command.ref.evse_id == STATION_EVSE else command.ref.evse_id


# --- Sending --------------------------------------------------------------------------------


def availability(draft: Draft, command: Command) -> None:
    """Make the EVSE, or the whole station, operative or not (OCPP 2.x G03, G04)."""
    arguments = command.arguments
    assert isinstance(arguments, SetAvailability)  # noqa: S101  # by the handler table
    request = ChangeAvailability(operative=arguments.operative, evse_id=_evse_of(command))
    send(draft, command, PendingKind.AVAILABILITY, request)


def unlock(draft: Draft, command: Command) -> None:
    """Unlock the cable of an EVSE (OCPP 2.x F05)."""
    arguments = command.arguments
    assert isinstance(arguments, Unlock)  # noqa: S101  # by the handler table
    evse = draft.evses.get(command.ref.evse_id)
    if evse is None:
        draft.refuse(command.ref, _needs_evse("unlock"))
        return
    unknown = unknown_connector(evse, arguments.connector_id)
    if unknown is not None:
        draft.refuse(command.ref, unknown)
        return
    request = UnlockConnector(
        evse_id=evse.id, connector_id=arguments.connector_id or _connector_of(evse)
    )
    send(draft, command, PendingKind.UNLOCK, request)


def _needs_evse(name: str) -> Refusal:
    return Refusal(
        code=ResultCode.UNKNOWN_EVSE,
        message=f"{name} is for one EVSE: name it in the topic instead of 0",
    )


def unknown_connector(evse: Evse | None, connector_id: int | None) -> Refusal | None:
    """Return why there is no such connector; None where there is, or none are known yet."""
    known = sorted(evse.connectors) if evse else []
    if connector_id is None or not known or connector_id in known:
        return None
    return Refusal(
        code=ResultCode.INVALID_ARGUMENT,
        message=f"this EVSE has no connector {connector_id}; known: {known}",
        details={"pointer": "/connector", "known": known},
    )


def _connector_of(evse: Evse) -> int:
    """Return the connector in use, else the lowest that is known, else 1."""
    if evse.transaction is not None and evse.transaction.connector_id is not None:
        return evse.transaction.connector_id
    return min(evse.connectors, default=1)


def reset(draft: Draft, command: Command) -> None:
    """Restart the EVSE, or the whole station (OCPP 2.x B11, B12)."""
    arguments = command.arguments
    assert isinstance(arguments, ResetStation)  # noqa: S101  # by the handler table
    message = None
    if _evse_of(command) is not None and speaks_1_6(draft):
        message = "OCPP 1.6 restarts the whole station only: use EVSE 0"
    elif arguments.type is ResetType.IMMEDIATE_AND_RESUME and draft.station.version != "2.1":
        message = f"OCPP {draft.station.version} resumes no transaction: use Immediate or OnIdle"
    if message is not None:
        draft.refuse(command.ref, Refusal(code=ResultCode.UNSUPPORTED, message=message))
        return
    request = Reset(type=arguments.type, evse_id=_evse_of(command))
    send(draft, command, PendingKind.RESET, request)


def speaks_1_6(draft: Draft) -> bool:
    """Say whether the station speaks OCPP 1.6, which lacks some requests."""
    return draft.station.version == "1.6"


def trigger(draft: Draft, command: Command) -> None:
    """Have the station send a message (OCPP 2.x F06)."""
    arguments = command.arguments
    assert isinstance(arguments, Trigger)  # noqa: S101  # by the handler table
    unknown = unknown_connector(draft.evses.get(command.ref.evse_id), arguments.connector_id)
    if unknown is not None:
        draft.refuse(command.ref, unknown)
        return
    whole = draft.settings.trigger_station  # charger-quirks 13
    request = TriggerMessage(
        message=arguments.message,
        evse_id=None if whole else _evse_of(command),
        connector_id=None if whole else arguments.connector_id,
    )
    send(draft, command, PendingKind.TRIGGER, request)


def read_variables(draft: Draft, command: Command) -> None:
    """Read variables of the device model (OCPP 2.x B06)."""
    arguments = command.arguments
    assert isinstance(arguments, ReadVariables)  # noqa: S101  # by the handler table
    send(draft, command, PendingKind.GET_VARIABLES, GetVariables(names=arguments.names))


def write_variables(draft: Draft, command: Command) -> None:
    """Write variables of the device model (OCPP 2.x B05)."""
    arguments = command.arguments
    assert isinstance(arguments, WriteVariables)  # noqa: S101  # by the handler table
    names = [name for name, _ in arguments.values]
    refusal = protected(draft, names) or _own_password(draft, names)
    if refusal is not None:
        draft.refuse(command.ref, refusal)
        return
    if speaks_1_6(draft):
        _write_key_by_key(draft, command, arguments)
        return
    send(draft, command, PendingKind.SET_VARIABLES, SetVariables(values=arguments.values))


def _write_key_by_key(draft: Draft, command: Command, arguments: WriteVariables) -> None:
    """Write configuration keys of OCPP 1.6, which changes one per request (5.3).

    The requests wait for each other where all requests do. So no value, which may be a password,
    is kept in the station's record.
    """
    draft.accept(command.ref)
    for name, value in arguments.values:
        call_id = draft.call(SetVariables(values=((name, value),)), command.expires_at)
        kind = PendingKind.SET_VARIABLES
        remember(draft, PendingRemote(ref=command.ref, call_id=call_id, kind=kind, variable=name))


def protected(draft: Draft, names: Iterable[VariableName]) -> Refusal | None:
    """Return why these variables are not written; None where they may be (charger-quirks 9)."""
    kept = {name.casefold() for name in draft.settings.protected_variables}
    found = [name.variable for name in names if name.variable.casefold() in kept]
    if not found:
        return None
    return Refusal(
        code=ResultCode.UNSUPPORTED,
        message=f"{', '.join(found)} must not be written on this station (protected_variables)",
        details={"variables": found},
    )


def _own_password(draft: Draft, names: Iterable[VariableName]) -> Refusal | None:
    """Return why a password is not written as other variables are; None where it may be.

    The bridge would not know it, and the station that uses it would not get in any more.
    """
    found = [name.variable for name in names if name.variable.casefold() in _PASSWORDS]
    if not found or draft.settings.auth is not StationAuth.BASIC:
        return None
    return Refusal(
        code=ResultCode.UNSUPPORTED,
        message=f"{', '.join(found)}: the bridge must know what this station logs in with: "
        "use `password`",
        details={"variables": found},
    )


def transaction_status(draft: Draft, command: Command) -> None:
    """Ask whether a transaction runs, and whether messages wait (OCPP 2.x E14).

    Also for one that is not known here: the station knows. Without an id the EVSE's present or
    last one is meant, and on EVSE 0 no transaction at all, only the messages that wait.
    """
    arguments = command.arguments
    assert isinstance(arguments, AskTransactionStatus)  # noqa: S101  # by the handler table
    if speaks_1_6(draft):
        message = "OCPP 1.6 cannot be asked for the status of a transaction"
        draft.refuse(command.ref, Refusal(code=ResultCode.UNSUPPORTED, message=message))
        return
    evse = draft.evses.get(command.ref.evse_id)
    known = evse.transaction.id if evse and evse.transaction else None
    transaction_id = arguments.transaction_id or known
    send(
        draft,
        command,
        PendingKind.TRANSACTION_STATUS,
        GetTransactionStatus(transaction_id=transaction_id),
        transaction_id=transaction_id,
    )


def call(draft: Draft, command: Command) -> None:
    """Send a raw call, unless it would get round the arbiter."""
    arguments = command.arguments
    assert isinstance(arguments, CallStation)  # noqa: S101  # by the handler table
    refusal = raw_calls.refusal(arguments)
    if refusal is None and arguments.action in raw_profiles.ACTIONS:
        refusal = raw_profiles.refusal(draft, arguments)
    if refusal is not None:
        draft.refuse(command.ref, refusal)
        return
    request = RawCall(action=arguments.action, payload=arguments.payload)
    profiles = arguments.action in raw_profiles.ACTIONS
    send(draft, command, PendingKind.RAW, request, about_profiles=profiles)


# --- Answers --------------------------------------------------------------------------------


def answered(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> None:
    """Give a command its final result out of the station's answer."""
    if pending.about_profiles:
        raw_profiles.answered(draft)
    if pending.variable is not None:
        _key_answered(draft, pending, pending.variable, outcome)
    elif not isinstance(outcome, CallResult):
        draft.refuse(pending.ref, *answers.refusal_of(outcome))
    elif outcome.variables and not any(each.status in WRITTEN for each in outcome.variables):
        draft.refuse(pending.ref, _every_variable_refused(pending, outcome))
    elif outcome.accepted or pending.kind is PendingKind.RAW:
        # of a raw call the whole answer is what was asked for, whatever it says
        draft.done(pending.ref, ResultCode.OK, _FACTS[pending.kind](pending, outcome))
    else:
        draft.refuse(pending.ref, *answers.refusal_of(outcome))


def _key_answered(
    draft: Draft, pending: PendingRemote, name: VariableName, outcome: CallOutcome
) -> None:
    """Note what became of a key; with the last one, give the command its final result."""
    if isinstance(outcome, CallResult):
        result = VariableResult(name=name, status=outcome.status)
    else:
        result = VariableResult(
            name=name, status=outcome.failure.value, reason_code=outcome.code or None
        )
    written = (*pending.written, result)
    rest = [other for other in draft.station.calls if other.ref == pending.ref]
    if rest:
        following = replace(rest[0], written=written)
        draft.change(calls=tuple(following if c is rest[0] else c for c in draft.station.calls))
    elif any(each.status in WRITTEN for each in written) or isinstance(outcome, CallResult):
        whole = CallResult(accepted=True, status="", variables=written)
        answered(draft, replace(pending, variable=None), whole)
    else:
        draft.refuse(pending.ref, *answers.refusal_of(outcome))


def _every_variable_refused(pending: PendingRemote, outcome: CallResult) -> Refusal:
    """Where only some are refused, the command is done and tells the status of each."""
    return Refusal(
        code=ResultCode.STATION_REJECTED,
        message="the station refused every variable",
        details=_variables(pending, outcome),
    )


def _status(_pending: PendingRemote, outcome: CallResult) -> Facts:
    return {"status": outcome.status}


def _variables(_pending: PendingRemote, outcome: CallResult) -> Facts:
    return {"variables": [_variable(variable) for variable in outcome.variables]}


def _variable(result: VariableResult) -> Facts:
    name = result.name
    return {
        "component": name.component,
        "componentInstance": name.component_instance,
        "evse": name.evse_id,
        "connector": name.connector_id,
        "variable": name.variable,
        "variableInstance": name.variable_instance,
        "attribute": name.attribute,
        "status": result.status,
        "value": result.value,
        "reasonCode": result.reason_code,
    }


def _transaction(pending: PendingRemote, outcome: CallResult) -> Facts:
    return {
        "transactionId": pending.transaction_id,
        "ongoingIndicator": outcome.ongoing,
        "messagesInQueue": outcome.messages_in_queue,
    }


def _raw(_pending: PendingRemote, outcome: CallResult) -> Facts:
    return {"status": outcome.status or None, "payload": dict(outcome.payload or {})}


_FACTS: Final[Mapping[PendingKind, Callable[[PendingRemote, CallResult], Facts]]] = {
    PendingKind.AVAILABILITY: _status,
    PendingKind.UNLOCK: _status,
    PendingKind.RESET: _status,
    PendingKind.TRIGGER: _status,
    PendingKind.GET_VARIABLES: _variables,
    PendingKind.SET_VARIABLES: _variables,
    PendingKind.TRANSACTION_STATUS: _transaction,
    PendingKind.RAW: _raw,
}
