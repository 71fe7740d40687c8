"""Holds every message that a test sees to the committed schema of its topic.

    check_message("ocpp/v1/cs/S1/1/secc", payload)     # AssertionError where it does not fit

Stricter than what readers may rely on: a key that the schema does not name is an error here, so
nothing is published that is not documented.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import orjson
from pydantic import TypeAdapter

from bridge.mqtt.topics import TOPICS, TopicRow

SCHEMAS: Final = Path(__file__).parent.parent / "schemas" / "payloads"
# Parts of documents whose keys are free: facts, details, and what a station sent as it was.
_OPEN: Final = frozenset({"data", "details", "signed"})
_PARAMETER: Final = re.compile(r"\\\{[a-z]+\\\}")


def check_message(topic: str, payload: bytes, root: str = "ocpp") -> TopicRow:
    """Check a message of the bridge or of a controller; return the row of its topic.

    An empty payload clears a retained topic and fits everywhere.

    Raises:
        AssertionError: No row has this topic, or the payload does not fit its schema.
    """
    row = row_of(topic, root)
    if payload:
        document = orjson.loads(payload) if row.json else _plain(payload, row)
        check_document(row.name, document, f"{topic} {payload!r}")
    return row


def check_document(name: str, document: Any, where: str = "") -> None:
    """Check a document by the name of its row. Raises AssertionError."""
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(document))
    assert error is None, f"{where}: {error.json_path}: {error.message}"


def row_of(topic: str, root: str = "ocpp") -> TopicRow:
    """Return the row that a topic belongs to. Raises AssertionError where there is none."""
    for pattern, row in _patterns(root):
        if pattern.fullmatch(topic):
            return row
    raise AssertionError(f"no row of the topic table has {topic}")


@cache
def _patterns(root: str) -> list[tuple[re.Pattern[str], TopicRow]]:
    def pattern(row: TopicRow) -> re.Pattern[str]:
        address = re.escape(row.address.replace("{root}", root))
        return re.compile(_PARAMETER.sub("[^/]+", address))

    return [(pattern(row), row) for row in TOPICS]


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    schema = orjson.loads((SCHEMAS / f"{name}.json").read_bytes())
    _close(schema)
    return jsonschema.Draft202012Validator(schema)


def _close(schema: Any, name: str = "") -> None:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema and name not in _OPEN:
            schema["additionalProperties"] = False
        for key, part in schema.items():
            _close(part, key)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


def _plain(payload: bytes, row: TopicRow) -> Any:
    text = payload.decode()
    kind = TypeAdapter(row.payload).json_schema().get("type")
    return orjson.loads(text) if kind in {"number", "integer", "boolean"} else text
