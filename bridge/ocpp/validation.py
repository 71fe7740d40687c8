"""Payloads against the JSON schemas of OCPP, and which error a station is told.

The schemas are those that the `ocpp` package ships, compiled when first used. Stations are read
leniently (charger-quirks): what only breaks a length, a range, an enumeration or the list of
known properties, or the format of a time, is tolerated, unless `strict`; wrong types and missing
fields are not. What of both can be mended, `bridge.ocpp.repairs` mends before it is judged.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import orjson
from msgspec import Struct

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
        "format",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
    }
)


Path = tuple[str | int, ...]
"""Keys and indices from the payload down to a part of it."""


class Fault(Struct, frozen=True):
    """One place at which a payload breaks its schema."""

    keyword: str
    """Of JSON Schema."""
    path: Path
    missing: str = ""
    """Of keyword `required`: which property there is not."""


class Violation(Struct, frozen=True):
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
        self.strict = strict
        self._compiled: dict[str, jsonschema_rs.Validator] = {}
        self._documents: dict[str, dict[str, Any]] = {}

    def faults(self, schema: str, payload: Mapping[str, Any]) -> Sequence[Fault]:
        """Return all that breaks a schema such as `HeartbeatRequest`; none in most payloads."""
        validator = self._compiled.get(schema) or self._compile(schema)
        if validator.is_valid(payload):
            return ()
        return [_fault(error) for error in validator.iter_errors(payload)]

    def violation(self, schema: str, payload: Mapping[str, Any]) -> Violation | None:
        """Return the gravest violation of a schema, or None."""
        return self.gravest(self.faults(schema, payload))

    def gravest(self, faults: Sequence[Fault]) -> Violation | None:
        """Return the first fault that is not tolerable, else the first one, None where none is."""
        first: Violation | None = None
        for fault in faults:
            violation = self._describe(fault)
            if not violation.tolerable:
                return violation
            first = first or violation
        return first

    def document(self, schema: str) -> dict[str, Any]:
        """Return a schema itself; kept where it was needed, as it will be needed again."""
        document = self._documents.get(schema)
        if document is None:
            document = self._documents[schema] = self._read(schema)
        return document

    def _compile(self, schema: str) -> jsonschema_rs.Validator:
        validator = jsonschema_rs.validator_for(self._read(schema), validate_formats=True)
        self._compiled[schema] = validator
        return validator

    def _read(self, schema: str) -> dict[str, Any]:
        # Some of the files begin with a byte order mark.
        text = (self._folder / f"{schema}.json").read_text(encoding="utf-8-sig")
        document: dict[str, Any] = orjson.loads(text)
        return document

    def _describe(self, fault: Fault) -> Violation:
        # The name of a missing property is the schema's, and no word of the station.
        lacks = f'"{fault.missing}" is a required property'
        reason = lacks if fault.missing else fault.keyword
        return Violation(
            code=_CODES.get(fault.keyword, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
            description=f"{_pointer(fault.path)}: {reason}",
            tolerable=fault.keyword in _TOLERABLE and not self.strict,
        )


def _fault(error: jsonschema_rs.ValidationError) -> Fault:
    kind = error.kind
    missing = kind.property if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required) else ""
    return Fault(str(error.schema_path[-1]), tuple(error.instance_path), missing)


def _pointer(path: Path) -> str:
    """Return a JSON pointer (RFC 6901); the whole payload is "/" for the sake of readers."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "/" + "/".join(steps)
