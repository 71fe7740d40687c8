"""Reading commands: from the body of a message or request to a domain command or a refusal.

Pure: the time and a fresh id are arguments. Everything that is wrong with a message becomes a
`Refusal` with a code and a sentence; nothing is dropped (mqtt-api.md, Refused).
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from msgspec import Struct
from pydantic import ValidationError

from bridge.api import commands
from bridge.api.commands import Command
from bridge.domain import raw_calls
from bridge.domain.commands import (
    Arguments,
    CallStation,
    CommandRef,
    Pause,
    Refusal,
    ReplyTo,
    ResultCode,
    Resume,
    SetLimit,
)
from bridge.domain.commands import Command as DomainCommand
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId

MAX_NAME_LENGTH: Final = 64


class CommandAddress(Struct, frozen=True, kw_only=True):
    """Whom a command is for, and whose: an MQTT topic or the path of a URL, read.

    `problem` says what is wrong with it, None where nothing is; then the other fields are what
    can be used to answer.
    """

    station_id: StationId
    evse_id: int
    controller: str
    name: str
    scalar: bool = False
    """Whether it is a `set/...` topic with a plain value."""
    problem: str | None = None
    pointer: str | None = None
    """Which part of it is wrong: `station`, `evse` or `controller`."""
    team: str | None = None
    """The load-management group that it is for, instead of a station."""
    source: AllocationSource = AllocationSource.MQTT
    """By which way it came."""

    @property
    def reply_name(self) -> str:
        """Last segment of the result topic."""
        return f"set_{self.name}" if self.scalar else self.name


class Arrival(Struct, frozen=True, kw_only=True):
    """A command as it came in."""

    address: CommandAddress
    payload: bytes
    received_at: datetime
    fresh_id: str
    """For a command that has no id of its own."""
    key: str | None = None
    """An id that was given beside the body (HTTP: Idempotency-Key)."""
    response_topic: str | None = None
    """MQTT 5 Response Topic, already checked against the allow-list."""
    correlation: bytes | None = None


class Accepted(Struct, frozen=True, kw_only=True):
    """A well-formed, fresh command, and what tells a repetition from another body."""

    command: DomainCommand
    body_hash: str


class Refused(Struct, frozen=True, kw_only=True):
    """A message that is no usable command, with whom to answer."""

    ref: CommandRef
    refusal: Refusal
    body_hash: str = ""
    """Where only its time is against it: it may repeat a command that came in time."""


class _Bad(Exception):  # noqa: N818  # never leaves this module
    """Something is wrong with a message."""

    def __init__(self, code: ResultCode, message: str, **details: Any) -> None:
        super().__init__(message)
        self.refusal = Refusal(code=code, message=message, details=details)


class _Untimely(_Bad):
    """A usable command came too late, or from the future."""


def reference(arrival: Arrival, command_id: str | None = None) -> CommandRef:
    """Return how to answer a message, however little of it could be read."""
    address = arrival.address
    name = address.name[:MAX_NAME_LENGTH]
    return CommandRef(
        id=command_id or arrival.fresh_id,
        name=name,
        controller=address.controller,
        source=address.source,
        evse_id=address.evse_id,
        team=address.team,
        reply_to=ReplyTo(
            name=address.reply_name[:MAX_NAME_LENGTH],
            topic=arrival.response_topic,
            correlation=arrival.correlation.hex() if arrival.correlation else None,
        ),
    )


def read(
    arrival: Arrival, *, require_ts: bool = False, require_ttl: bool = False
) -> Accepted | Refused:
    """Return the command that a message carries, or why it is none."""
    command_id, body = None, None
    try:
        _check_address(arrival.address)
        if arrival.address.scalar:
            return _read_scalar(arrival, require_ts=require_ts, require_ttl=require_ttl)
        body = _with_key(_read_json(arrival.payload), arrival.key)
        command_id = _usable_id(body)
        model = _validated(_models(arrival.address)[arrival.address.name], body)
        _check_freshness(model, arrival, require_ts=require_ts)
        arguments = model.arguments()
        _check_lease(arguments, required=require_ttl)
        _check_call(arguments)
    except _Bad as bad:
        body_hash = _body_hash(arrival.address, body) if isinstance(bad, _Untimely) else ""
        ref = reference(arrival, command_id)
        return Refused(ref=ref, refusal=bad.refusal, body_hash=body_hash)
    return _accepted(arrival, arguments, body, model)


def _accepted(
    arrival: Arrival,
    arguments: Arguments,
    body: Any,
    model: Command | None = None,
) -> Accepted:
    return Accepted(
        command=DomainCommand(
            ref=reference(arrival, model.id if model else None),
            arguments=arguments,
            received_at=arrival.received_at,
            expires_at=model.expires_at if model else None,
            defer=model.deferred if model else False,
        ),
        body_hash=_body_hash(arrival.address, body),
    )


def _body_hash(address: CommandAddress, body: Any) -> str:
    """Return the same for a repetition of a command, whatever the order of its keys."""
    whole = [address.station_id, address.evse_id, address.reply_name, body]
    whole += [] if address.team is None else [address.team]
    whole += [] if address.source is AllocationSource.MQTT else [address.source]
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


# --- The address ------------------------------------------------------------------------------

_POINTER_CODES: Final[Mapping[str, ResultCode]] = {
    "station": ResultCode.UNKNOWN_STATION,
    "evse": ResultCode.UNKNOWN_EVSE,
    "controller": ResultCode.INVALID_ARGUMENT,
}


def _check_address(address: CommandAddress) -> None:
    if address.problem is not None and address.pointer is not None:
        raise _Bad(_POINTER_CODES[address.pointer], address.problem)
    known: Mapping[str, object] = commands.SCALARS if address.scalar else _models(address)
    if address.name in known:
        return
    what = f"{'set/' if address.scalar else ''}{address.name[:MAX_NAME_LENGTH]}"
    raise _Bad(
        ResultCode.UNSUPPORTED,
        f"there is no command {what!r}{suggestion(address.name, known)}",
        known=sorted(known),
    )


def _models(address: CommandAddress) -> Mapping[str, type[Command]]:
    if address.team is not None:
        return commands.TEAM_MODELS
    by_http = address.source is AllocationSource.API
    return commands.API_MODELS if by_http else commands.COMMAND_MODELS


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant by a name, as the rest of a sentence."""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name[:MAX_NAME_LENGTH].casefold(), by_folded, n=1)
    return (
        f"; did you mean {by_folded[close[0]]}?"
        if close
        else f" (known: {', '.join(sorted(known))})"
    )


# --- JSON bodies ----------------------------------------------------------------------------


def _read_json(payload: bytes) -> dict[str, Any]:
    """Return the object that a payload holds.

    Two readers agree on it: orjson refuses NaN, lone surrogates, a byte order mark and hostile
    depth, the standard library's shows duplicate keys and whole large integers.
    """
    try:
        orjson.loads(payload)
        body = json.loads(payload, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _Bad(ResultCode.INVALID_JSON, f"the payload is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise _Bad(
            ResultCode.INVALID_ARGUMENT,
            f"the payload must be a JSON object such as {{}}, not {_json_type(body)}",
            pointer="",
        )
    return body


def _with_key(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return the body with the id that was given beside it, unless it has one of its own."""
    return body if key is None or body.get("id") is not None else {**body, "id": key}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Bad(
            ResultCode.INVALID_JSON,
            f"the key {twice!r} is there twice",
            pointer=_pointer((twice,)),
        )
    return found


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _usable_id(body: Mapping[str, Any]) -> str | None:
    """Return the id to answer with even where the rest of the body is refused."""
    try:
        return Command.model_validate({"id": body.get("id")}).id
    except ValidationError:
        return None


def _validated(model: type[Command], body: dict[str, Any]) -> Command:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _invalid(error, model) from None


def _invalid(error: ValidationError, model: type[Command] | None) -> _Bad:
    """Return the first thing that is wrong, in words of the API."""
    first = error.errors(include_url=False, include_input=False)[0]
    location = first["loc"]
    if first["type"] == "missing" and location == ("id",):
        return _Bad(
            ResultCode.MISSING_ID,
            "this command needs an id: without one, a repetition would be carried out again",
            pointer="/id",
        )
    if first["type"] == "extra_forbidden" and model is not None:
        name = str(location[-1])
        known = suggestion(name, model.argument_names()) if len(location) == 1 else ""
        message = f"unknown argument {name!r}{known}"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        message = f"{location[-1]}: {reason}" if location else reason
    return _Bad(ResultCode.INVALID_ARGUMENT, message, pointer=_pointer(location))


def _pointer(location: Iterable[str | int]) -> str:
    """Return a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


# --- Freshness ------------------------------------------------------------------------------


def _check_freshness(model: Command, arrival: Arrival, *, require_ts: bool) -> None:
    now = arrival.received_at
    if model.expires_at is not None and model.expires_at <= now:
        raise _Untimely(
            ResultCode.EXPIRED,
            "expiresAt had passed when the command arrived",
            expiredSeconds=_seconds(now - model.expires_at),
        )
    if model.ts is None:
        if require_ts and model.expires_at is None:
            raise _Bad(
                ResultCode.INVALID_ARGUMENT,
                "this bridge wants ts or expiresAt in every command (commands.require_ts)",
                pointer="/ts",
            )
        return
    limit = commands.MAX_AGE_SECONDS.get(arrival.address.name, commands.DEFAULT_MAX_AGE_SECONDS)
    age = now - model.ts
    if age > timedelta(seconds=limit):
        raise _Untimely(
            ResultCode.STALE_COMMAND,
            f"command is {_seconds(age)} s old, at most {limit} s is accepted",
            ageSeconds=_seconds(age),
        )
    if -age > timedelta(seconds=commands.MAX_AHEAD_SECONDS):
        raise _Untimely(
            ResultCode.CLOCK_SKEW,
            f"ts is {_seconds(-age)} s ahead of the bridge's clock, "
            f"at most {commands.MAX_AHEAD_SECONDS} s is accepted",
            aheadSeconds=_seconds(-age),
        )


def _seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())


def _check_lease(arguments: Arguments, *, required: bool) -> None:
    if required and isinstance(arguments, (SetLimit, Pause)) and arguments.ttl_seconds is None:
        raise _Bad(
            ResultCode.INVALID_ARGUMENT,
            "this bridge wants ttlSeconds in every limit and pause (commands.require_ttl)",
            pointer="/ttlSeconds",
        )


def _check_call(arguments: Arguments) -> None:
    refusal = raw_calls.refusal(arguments) if isinstance(arguments, CallStation) else None
    if refusal is not None:
        raise _Bad(refusal.code, refusal.message, **refusal.details)


# --- Plain values ---------------------------------------------------------------------------


def _read_scalar(arrival: Arrival, *, require_ts: bool, require_ttl: bool) -> Accepted:
    if require_ts:
        raise _Bad(
            ResultCode.INVALID_ARGUMENT,
            "this bridge wants ts in every command (commands.require_ts): use cmd/ instead of set/",
        )
    text = _read_text(arrival.payload)
    try:
        arguments = commands.SCALARS[arrival.address.name].read(text)
    except ValidationError as error:
        raise _invalid(error, None) from None
    except ValueError as error:
        raise _Bad(ResultCode.INVALID_ARGUMENT, str(error), pointer="") from None
    _check_lease(arguments, required=require_ttl)
    return _accepted(arrival, arguments, text)


def _read_text(payload: bytes) -> str:
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        raise _Bad(
            ResultCode.INVALID_ARGUMENT, "the payload is no UTF-8 text", pointer=""
        ) from None


def right_needed(command: DomainCommand) -> str:
    """Return the name of the command under which rights to it are given."""
    arguments = command.arguments
    if isinstance(arguments, SetLimit):
        return "limit"
    if isinstance(arguments, Pause):
        return "pause"
    if isinstance(arguments, Resume):
        return "resume"
    return command.ref.name
