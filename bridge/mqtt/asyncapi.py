"""The AsyncAPI 3 document and the JSON Schemas, generated from the topic table and its models.

Deterministic: the same table gives the same bytes, so that a test can hold the committed files to
it. Readers of documents must ignore keys that they do not know, so the schemas leave objects
open; those of commands and of seed 000's object are closed.
"""

from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from bridge.api.payloads import SCHEMA_VERSION
from bridge.mqtt.topics import TOPICS, Direction, TopicRow

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ASYNCAPI_VERSION: Final = "3.0.0"
_BINDING_VERSION: Final = "0.2.0"
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "root": {"default": "ocpp", "description": "One segment (configuration: mqtt.root)."},
    "b": {"default": "main", "description": "Id of the bridge (configuration: bridge.id)."},
    "cs": {
        "description": "Station id; each byte outside A-Z a-z 0-9 _ - is written =HH.",
        "examples": ["DE=2AABC=2AE1"],
    },
    "e": {"description": "OCPP EVSE id; 0 = the whole station.", "examples": ["1"]},
    "team": {"description": "Name of a team (configuration: teams.NAME)."},
    "controller": {"description": "Who commands: 1 to 32 of A-Z a-z 0-9 _ -."},
    "command": {"description": "The command's name, or `set_` and the attribute."},
    "direction": {"enum": ["rx", "tx"], "description": "rx = from the station."},
    "action": {"description": "The OCPP action."},
    "prefix": {
        "default": "homeassistant",
        "description": "Home Assistant's own (configuration: mqtt.discovery_prefix).",
    },
    "platform": {"description": "Kind of entity, e.g. `sensor`."},
    "object": {"description": "Id of the device, in A-Z a-z 0-9 _ -."},
    "secc": {
        "default": "pulsatrix/secc",
        "description": "Of a charge controller's topics (configuration: secc_topics.NAME.topic_prefix).",
    },
    "client": {
        "description": "Client id of a charge controller (configuration: secc_topics.NAME)."
    },
    "component": {"description": "Which entity of the device, e.g. `power`."},
}

Schema = dict[str, Any]


class _Schemas(GenerateJsonSchema):
    """Without titles that only repeat the names of keys."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """Say no."""
        return False


def _mode(row: TopicRow) -> JsonSchemaMode:
    return "validation" if row.direction is Direction.TO_BRIDGE else "serialization"


def payload_schemas() -> dict[str, Schema]:
    """Return one self-contained JSON Schema per payload, by the name of its row."""
    found = {}
    for row in TOPICS:
        schema = TypeAdapter(row.payload).json_schema(
            mode=_mode(row), schema_generator=_Schemas, ref_template="#/$defs/{model}"
        )
        head = {"$schema": _DIALECT, "title": row.name, "description": row.description}
        schema.pop("title", None)
        found[row.name] = head | schema
    return found


def asyncapi() -> Schema:
    """Return the AsyncAPI 3 document of the whole API, from the bridge's point of view."""
    inputs = [(row.name, _mode(row), TypeAdapter(row.payload)) for row in TOPICS]
    schemas, definitions = TypeAdapter.json_schemas(
        inputs, schema_generator=_Schemas, ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": _ASYNCAPI_VERSION,
        "info": {
            "title": "ocpp-mqtt-bridge",
            "version": f"{SCHEMA_VERSION}.0.0",
            "description": "OCPP charging stations on MQTT topics, and MQTT in control of the "
            "charging. `send` is what the bridge publishes, `receive` what it takes.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {row.name: _channel(row) for row in TOPICS},
        "operations": {_operation_name(row): _operation(row) for row in TOPICS},
        "components": {
            "messages": {row.name: _message(row, schemas[row.name, _mode(row)]) for row in TOPICS},
            "schemas": definitions.get("$defs", {}),
        },
    }


def _channel(row: TopicRow) -> Schema:
    names = [name for name in _PARAMETERS if f"{{{name}}}" in row.address]
    return {
        "address": row.address,
        "description": row.description,
        "parameters": {name: _PARAMETERS[name] for name in names},
        "messages": {row.name: {"$ref": f"#/components/messages/{row.name}"}},
    }


def _operation_name(row: TopicRow) -> str:
    verb = "receive" if row.direction is Direction.TO_BRIDGE else "send"
    return f"{verb}{row.name[0].upper()}{row.name[1:]}"


def _operation(row: TopicRow) -> Schema:
    operation: Schema = {
        "action": "receive" if row.direction is Direction.TO_BRIDGE else "send",
        "channel": {"$ref": f"#/channels/{row.name}"},
        "messages": [{"$ref": f"#/channels/{row.name}/messages/{row.name}"}],
        "bindings": {
            "mqtt": {"qos": row.qos, "retain": row.retain, "bindingVersion": _BINDING_VERSION}
        },
    }
    if row.reply is not None:
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{row.reply}"},
            "messages": [{"$ref": f"#/channels/{row.reply}/messages/{row.reply}"}],
        }
    return operation


def _message(row: TopicRow, schema: Schema) -> Schema:
    message: Schema = {
        "name": row.name,
        "contentType": "application/json" if row.json else "text/plain",
        "payload": schema,
    }
    if row.expiry_seconds is not None:
        message["x-message-expiry-seconds"] = row.expiry_seconds
    return message
