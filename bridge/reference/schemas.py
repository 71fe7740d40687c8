"""What the pages of AsyncAPI and OpenAPI share: schemas by name, each with a table of its keys."""

from collections.abc import Iterator, Mapping
from typing import Final

from bridge.api.schema_words import Schema, SchemaWords, in_a_cell, literal, without_null

_NO_KEYS: Final = "Free keys."


def words_of(document: Schema) -> SchemaWords:
    """Return the words for a document whose schemas have sections of their own."""
    return SchemaWords(document, lambda name, _schema: link_to(name))


def link_to(name: str) -> str:
    """Return a link to the section of a schema."""
    return f"[{name}](#{name.lower()})"


def sections(document: Schema) -> Iterator[str]:
    """Yield a section for each schema of a document."""
    words = words_of(document)
    yield "## Schemas\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}\n"
        yield from described(words, schema)


def described(words: SchemaWords, schema: Schema) -> Iterator[str]:
    """Yield what a schema means, and the table of its keys."""
    if "description" in schema:
        yield f"{schema['description']}\n"
    if "properties" in schema:
        yield from _choices(schema)
        yield from _table(words, schema)
    elif schema.get("type") == "object":
        yield _NO_KEYS
    else:
        yield f"{words.value(schema)}."
    yield ""


def _choices(schema: Schema) -> Iterator[str]:
    """Yield which keys exclude each other."""
    choices = [each.get("required", []) for each in schema.get("oneOf", [])]
    if choices and all(choices):
        names = " or ".join(" with ".join(map(literal, names)) for names in choices)
        yield f"Either {names}.\n"


def _table(words: SchemaWords, schema: Schema) -> Iterator[str]:
    keys: Mapping[str, Schema] = schema["properties"]
    required = frozenset(schema.get("required", ()))
    told = required if required != keys.keys() else frozenset()
    defaults = any(each.get("default") is not None for each in keys.values())
    yield "| key | value | default | |" if defaults else "| key | value | |"
    yield "|---|---|---|---|" if defaults else "|---|---|---|"
    for key, each in keys.items():
        for name, part in words.rows(key, each):
            mark = " (required)" if name in told else ""
            optional = name not in required and part.get("default", ...) is None
            cells = [
                f"`{name}`{mark}",
                words.value(without_null(part) if optional else part),
                *([_default(part)] if defaults else []),
                words.description(part),
            ]
            yield f"| {' | '.join(cells)} |"


def _default(schema: Schema) -> str:
    default = schema.get("default")
    return "" if default is None else in_a_cell(literal(default))
