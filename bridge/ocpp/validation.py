"""Payloads against the JSON schemas of OCPP, and which error a station is told.

The schemas are those that the `ocpp` package ships, compiled when first used. Stations are read
leniently (charger-quirks): what only breaks a length, a range, an enumeration or the list of
known properties is tolerated and reported, unless `strict`; wrong types and missing fields never
are. Formats are not enforced here: `bridge.ocpp.times` reads timestamps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import orjson

from bridge.ocpp.frames import ErrorCode

_CODES: Final[Mapping[str, ErrorCode]] = {
    "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "additionalProperties": ErrorCode.FORMAT_VIOLATION,
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
}
"""By the keyword of JSON Schema that was broken; all others: PropertyConstraintViolation."""

_TOLERABLE: Final = frozenset(
    {
        "additionalProperties",
        "enum",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
    }
)


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a payload. The description never quotes a value: it may be a secret."""

    code: ErrorCode
    description: str
    tolerable: bool = False


class PayloadError(Exception):
    """A payload has no usable meaning; raised where a message is made of it."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class Schemas:
    """The schemas of one OCPP version, compiled one by one when they are first needed."""

    def __init__(self, package: str, *, strict: bool = False) -> None:
        self._folder = resources.files(package)
        self._strict = strict
        self._compiled: dict[str, jsonschema_rs.Validator] = {}

    def violation(self, schema: str, payload: Mapping[str, Any]) -> Violation | None:
        """Return the gravest violation of a schema such as `HeartbeatRequest`, or None."""
        validator = self._compiled.get(schema) or self._compile(schema)
        if validator.is_valid(payload):
            return None
        first: Violation | None = None
        for error in validator.iter_errors(payload):
            violation = self._describe(error)
            if not violation.tolerable:
                return violation
            first = first or violation
        return first

    def _compile(self, schema: str) -> jsonschema_rs.Validator:
        # Some of the files begin with a byte order mark.
        text = (self._folder / f"{schema}.json").read_text(encoding="utf-8-sig")
        validator = jsonschema_rs.validator_for(orjson.loads(text), validate_formats=False)
        self._compiled[schema] = validator
        return validator

    def _describe(self, error: jsonschema_rs.ValidationError) -> Violation:
        keyword = str(error.schema_path[-1])
        # The name of a missing property is the schema's; other messages quote the station.
        reason = error.message if keyword == "required" else keyword
        return Violation(
            code=_CODES.get(keyword, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
            description=f"{_pointer(error.instance_path)}: {reason}",
            tolerable=keyword in _TOLERABLE and not self._strict,
        )


def _pointer(path: list[str | int]) -> str:
    """Return a JSON pointer (RFC 6901); the whole payload is "/" for the sake of readers."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "/" + "/".join(steps)
