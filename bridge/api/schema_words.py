"""JSON Schemas in words, for tables of people: what a key may hold, and what it means. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_TIME: Final = re.compile(r"\\d\{4\}-\\d\{2\}")
_TYPES: Final = {"string": "text", "boolean": "`true`, `false`", "null": "`null`"}


@dataclass(frozen=True, slots=True)
class SchemaWords:
    """The words for the schemas of one document."""

    root: Schema
    """The document: what `$ref` points into."""
    named: Callable[[str, Schema], str | None]
    """How a schema that has a name is told; None = by what it is."""

    def resolved(self, schema: Schema) -> Schema:
        """Follow a reference. Raises KeyError where it leads nowhere."""
        found: Any = self.root
        if "$ref" not in schema:
            return schema
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        target: Schema = found
        return target

    def value(self, schema: Schema) -> str:
        """Return what a key of this schema may hold."""
        words = [self._one_value(each) for each in variants(schema)]
        return " or ".join(dict.fromkeys(words))

    def description(self, schema: Schema) -> str:
        """Return a key's own words, else those of what it may hold."""
        found = [schema.get("description")]
        found += [each.get("description") for each in variants(schema) if "$ref" not in each]
        if not any(found):
            found += [self.resolved(each).get("description") for each in variants(schema)]
        return in_a_cell(next((text for text in found if text), ""))

    def object_within(self, schema: Schema) -> Schema | None:
        """Return the object that a key holds, alone or as the items of its list.

        None where it holds none, or one that is told by its name.
        """
        for variant in variants(schema):
            each = self._seen_into(variant)
            if each.get("type") == "array" and isinstance(each.get("items"), dict):
                each = self._seen_into(each["items"])
            if "properties" in each:
                return each
        return None

    def _seen_into(self, schema: Schema) -> Schema:
        """Return what a schema is made of; nothing where it is told by its name."""
        return {} if self._name(schema) is not None else self.resolved(schema)

    def _name(self, schema: Schema) -> str | None:
        if "$ref" not in schema:
            return None
        return self.named(schema["$ref"].rpartition("/")[2], self.resolved(schema))

    def rows(self, key: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
        """Yield a key and those of the objects that it holds, as `key.inner` or `key[].inner`."""
        yield key, schema
        inner = self.object_within(schema)
        if inner is not None:
            prefix = f"{key}[]." if is_array(schema) else f"{key}."
            for name, each in inner["properties"].items():
                yield from self.rows(prefix + name, each)

    def _one_value(self, variant: Schema) -> str:
        told = self._name(variant)
        if told is not None:
            return told
        schema = self.resolved(variant)
        if "const" in schema:
            return literal(schema["const"])
        if "enum" in schema:
            return ", ".join(map(literal, schema["enum"]))
        kind = schema.get("type", "anything")
        if schema.get("format") == "date-time" or _TIME.search(schema.get("pattern", "")):
            return "time"
        if kind == "array":
            items = schema.get("prefixItems")
            if items:
                return f"[{', '.join(self.value(each) for each in items)}]"
            return f"list of {self.value(schema['items'])}"
        return f"{_TYPES.get(kind, kind)}{_bounds(schema)}"


def variants(schema: Schema) -> Sequence[Schema]:
    """Return what a schema may be, itself where there is no choice."""
    found: Sequence[Schema] = schema.get("anyOf", [schema])
    return found


def is_array(schema: Schema) -> bool:
    """Say whether a key may hold a list."""
    return any(each.get("type") == "array" for each in variants(schema))


def without_null(schema: Schema) -> Schema:
    """Return a schema that is not null, for what may as well be left out."""
    if "anyOf" not in schema:
        return schema
    kept = [each for each in schema["anyOf"] if each.get("type") != "null"]
    return {**schema, "anyOf": kept}


def literal(value: object) -> str:
    """Return a value as it is written."""
    return f"`{value}`" if isinstance(value, str) else f"`{str(value).lower()}`"


def in_a_cell(text: str) -> str:
    """Return a text as it may stand in a cell of a table."""
    return text.replace("\n", " ").replace("|", "\\|")


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low:,.10g} to {high:,.0f}"
    if "maxLength" in schema:
        return f", {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return ""
