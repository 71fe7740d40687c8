"""The tables of docs/reference/mqtt.md, made from the topic table and its models.

Words that no type has are in `explained`. The prose around them is written by hand;
`bridge.reference` puts both together, and a test fails where the committed page is out of date.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from bridge.api import commands, event_payloads, payloads
from bridge.api.explained import CODES, EXAMPLES, RESERVED_CODES, STATUSES
from bridge.api.schema_words import Schema, SchemaWords, literal, without_null
from bridge.domain import enums
from bridge.domain.commands import RETRYABLE
from bridge.domain.control import ChangeReason
from bridge.mqtt import topics
from bridge.mqtt.asyncapi import payload_schemas
from bridge.mqtt.rows_at_home import DISCOVERY_DEVICE, DISCOVERY_ENTITY, VALUE_OF

_TERMS: Final[Sequence[tuple[str, type[StrEnum]]]] = (
    ("`state` of an EVSE", enums.SeccState),
    ("`phase`", enums.Phase),
    ("`chargingState` (OCPP)", enums.ChargingState),
    ("`connectorStatus` (OCPP)", enums.ConnectorStatus),
    ("`vehicleStatus` (IEC 61851-1)", enums.VehicleStatus),
    ("`chargeControllerStatus` (IEC 61851-1)", enums.ControllerStatus),
    ("`allocationSourceName`", enums.AllocationSource),
    ("`reason` of a change of control", ChangeReason),
    ("`eventType` (OCPP)", enums.EventType),
    ("`triggerReason`, `startReason` (OCPP)", enums.TriggerReason),
    ("`stoppedReason`, `stopReason` (OCPP)", enums.StoppedReason),
    ("`registration` (OCPP)", enums.Registration),
    ("`status` of a token (OCPP)", enums.AuthorizationStatus),
)
_EXPLAINED: Final = (enums.VehicleStatus, enums.ControllerStatus)
"""Words that are abbreviations."""

_ANSWERS: Final = frozenset({topics.RESULT, topics.TEAM_RESULT, topics.RAW})
_ELSEWHERE: Final = _ANSWERS | {*topics.VALUES, DISCOVERY_DEVICE, DISCOVERY_ENTITY}
"""Not shown among the documents."""
_HEAD: Final = frozenset(payloads.Head.__annotations__)
_EVENT_HEAD: Final = frozenset(event_payloads.EventHead.__annotations__) - _HEAD
_LONG_ENUM: Final = 4
"""More values than this are listed with the terms, not in each table."""


def sections() -> dict[str, str]:
    """Return the generated parts of the page by their names."""
    schemas = payload_schemas()
    makers: Mapping[str, Callable[[Mapping[str, Schema]], Iterator[str]]] = {
        "topics": _topics,
        "head": _head,
        "event-head": _event_head,
        "documents": _documents,
        "terms": _terms,
        "common": _common_arguments,
        "commands": _commands,
        "scalars": _scalars,
        "values": _values,
        "result": _result,
        "statuses": _statuses,
        "codes": _codes,
    }
    return {name: "\n".join(make(schemas)) for name, make in makers.items()}


# --- Topics and documents -------------------------------------------------------------------


def _topics(_schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "| Topic | QoS | Retained | Expiry | What |"
    yield "|---|---|---|---|---|"
    for row in topics.TOPICS:
        if row in topics.VALUES[1:]:
            continue
        if row in topics.VALUES:
            row = _ANY_VALUE  # noqa: PLW2901  # one line for all of them
        retained = "yes" if row.retain else "no"
        expiry = f"{row.expiry_seconds:,} s" if row.expiry_seconds else ""
        arrow = "→ " if row.direction is topics.Direction.TO_BRIDGE else ""
        yield f"| {arrow}`{row.address}` | {row.qos} | {retained} | {expiry} | {row.description} |"


_ANY_VALUE: Final = replace(
    topics.VALUES[0],
    address=topics.VALUES[0].address.rpartition("/")[0] + "/{name}",
    description="One [single value](#single-values). On change; off by default.",
)


def _values(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "| Last segments | payload | out of | |"
    yield "|---|---|---|---|"
    for row in topics.VALUES:
        value, schema = VALUE_OF[row.name], schemas[row.name]
        kind = _words_of(schema).value(schema)
        yield f"| `val/{value.name}` | {kind} | `{value.document}` | {value.description} |"


def _head(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield from _key_table(schemas["state"], only=_HEAD)


def _event_head(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield from _key_table(schemas["eventStatus"], only=_EVENT_HEAD)


def _documents(schemas: Mapping[str, Schema]) -> Iterator[str]:
    for row in topics.TOPICS:
        if row.direction is topics.Direction.TO_BRIDGE or row in _ELSEWHERE:
            continue
        yield f"### {row.address.removeprefix('{root}/v1/')}\n"
        yield f"{row.description} Schema: `schemas/payloads/{row.name}.json`.\n"
        yield from _document(schemas[row.name])
        yield ""


def _document(schema: Schema) -> Iterator[str]:
    keys = schema.get("properties", {}).keys()
    if not keys:
        yield f"Plain text: {_words_of(schema).value(schema)}."
        return
    if keys >= _EVENT_HEAD:
        yield "After the [head](#the-head) and the [head of events](#the-head-of-events):\n"
    elif keys >= _HEAD:
        yield "After the [head](#the-head):\n"
    else:
        yield "Without the head:\n"
    heads = (_HEAD if keys >= _HEAD else frozenset()) | (
        _EVENT_HEAD if keys >= _EVENT_HEAD else frozenset()
    )
    yield from _key_table(schema, without=heads)


def _key_table(
    schema: Schema,
    *,
    only: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
) -> Iterator[str]:
    yield "| key | value | |"
    yield "|---|---|---|"
    words = _words_of(schema)
    for key, each in schema["properties"].items():
        if key not in without and (only is None or key in only):
            for name, part in words.rows(key, each):
                yield f"| `{name}` | {words.value(part)} | {words.description(part)} |"


def _words_of(root: Schema) -> SchemaWords:
    return SchemaWords(root, _vocabulary)


def _vocabulary(_name: str, schema: Schema) -> str | None:
    """Return the way to a vocabulary of OCPP, which is listed once; others where they are used."""
    return "[word](#words)" if len(schema.get("enum", ())) > _LONG_ENUM else None


def _terms(_schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "| Where | Words |"
    yield "|---|---|"
    for where, words in _TERMS:
        explained = words in _EXPLAINED
        listed = ", ".join(
            f"`{each.value}`" + (f" {_spelt(each.name)}" if explained else "") for each in words
        )
        yield f"| {where} | {listed} |"


def _spelt(name: str) -> str:
    return name.lower().replace("_", " ")


# --- Commands -------------------------------------------------------------------------------


def _common_arguments(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield from _argument_table(schemas["commandLimit"], only=_common_keys() | {"defer"})


def _common_keys() -> frozenset[str]:
    return frozenset(commands.Command.argument_names())


def _commands(schemas: Mapping[str, Schema]) -> Iterator[str]:
    for name, model in commands.COMMAND_MODELS.items():
        row = next(row for row in topics.TOPICS if row.payload is model)
        schema = schemas[row.name]
        yield f"### {name}\n"
        yield f"{model.summary()}\n"
        own = frozenset(schema["properties"]) - _common_keys() - {"defer"}
        if own:
            yield from _argument_table(schema, only=own)
            yield ""
        if issubclass(model, commands.DeferrableCommand):
            yield "May be deferred (`defer`).\n"
        yield f"```json\n{EXAMPLES[name]}\n```\n"


def _argument_table(schema: Schema, *, only: frozenset[str]) -> Iterator[str]:
    yield "| argument | value | default | |"
    yield "|---|---|---|---|"
    words = _words_of(schema)
    for key, each in schema["properties"].items():
        if key in only:
            yield _argument_row(key, each, words)
            inner = words.object_within(each)
            for name, part in inner["properties"].items() if inner else ():
                yield _argument_row(f"{key}.{name}", part, words)


def _argument_row(key: str, schema: Schema, words: SchemaWords) -> str:
    default = schema.get("default")
    shown = "" if default is None else literal(default)
    value = words.value(without_null(schema))
    return f"| `{key}` | {value} | {shown} | {words.description(schema)} |"


def _scalars(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "| Last segments | payload | |"
    yield "|---|---|---|"
    for name, scalar in commands.SCALARS.items():
        schema = schemas[f"set{name[0].upper()}{name[1:]}"]
        value = _words_of(schema).value(schema)
        yield f"| `set/{{controller}}/{name}` | {value} | {scalar.description} |"


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _result(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield from _key_table(schemas["result"])


def _statuses(_schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "| `status` | |"
    yield "|---|---|"
    for status, meaning in STATUSES.items():
        yield f"| `{status}` | {meaning} |"


def _codes(_schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "| `code` | What happened | What to do | `retryable` |"
    yield "|---|---|---|---|"
    for code, help_ in CODES.items():
        if code not in RESERVED_CODES:
            again = "yes" if code in RETRYABLE else ""
            yield f"| `{code}` | {help_.meaning} | {help_.remedy} | {again} |"
    yield f"\nReserved for later: {_listing(RESERVED_CODES)}."
