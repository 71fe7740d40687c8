"""The smallest payloads that the schemas of OCPP 2.x allow, for tests of bridge.ocpp.

The schemas are checked by the `jsonschema` package here, which the bridge itself does not use.
"""

import json
from decimal import Decimal
from importlib import resources
from typing import Any

from jsonschema import Draft6Validator


class Payloads:
    """The schemas of one version."""

    def __init__(self, package: str) -> None:
        self.folder = resources.files(package)

    @property
    def requests(self) -> set[str]:
        """Names of all actions that are CALLs."""
        names = {item.name.removesuffix("Request.json") for item in self.folder.iterdir()}
        return {name for name in names if name.isalnum()}

    def schema(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8-sig"))

    def smallest(self, name: str) -> Any:
        """Return the smallest payload that a schema allows."""
        whole = self.schema(name)
        return _smallest(whole, whole)

    def check(self, name: str, payload: Any) -> None:
        """Raise ValidationError where a payload, as it is written, is not valid."""
        # As decimals: 1.2 is no multiple of 0.1 as binary numbers are.
        schema, sent = (
            json.loads(json.dumps(each), parse_float=Decimal)
            for each in (self.schema(name), payload)
        )
        Draft6Validator(schema).validate(sent)


def _smallest(part: Any, whole: Any) -> Any:
    if "$ref" in part:
        return _smallest(whole["definitions"][part["$ref"].rpartition("/")[2]], whole)
    if "enum" in part:
        return part["enum"][0]
    match part["type"]:
        case "object":
            required = part.get("required", [])
            return {name: _smallest(part["properties"][name], whole) for name in required}
        case "array":
            return [_smallest(part["items"], whole)] * part.get("minItems", 0)
        case "string":
            return "2026-11-21T08:00:00Z" if part.get("format") == "date-time" else "x"
        case "boolean":
            return False
        case _:
            return part.get("minimum", 0)
