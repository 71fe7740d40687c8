"""Wrong configuration, explained key by key."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.model import ENV_DELIMITER, ENV_PREFIX, Config

Location = tuple[int | str, ...]


class ConfigError(Exception):
    """The configuration cannot be used: one sentence per problem, each naming its key."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


_STATION_KEYS_TO_COME: Final = ("upstream",)

KEYS_TO_COME: Final[frozenset[Location]] = frozenset(
    {
        *(("stations", "defaults", key) for key in _STATION_KEYS_TO_COME),
        *(("stations", "known", "*", key) for key in _STATION_KEYS_TO_COME),
    }
)
"""Keys of the design that this version does not have; `*` stands for any name."""

_SECRET: Final = re.compile(r"password|secret|token(?!s$)", re.IGNORECASE)
_SECRET_PART: Final = re.compile(r"(?<=://)[^\s\"']+(?=@)|(?<=password=)[^\s\"'&]+")
"""User and password up to the last @: it may hold what should have been written as %XX."""
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SHOULD: Final = re.compile(r"^\w+ should")
_SHOWN_CHARACTERS: Final = 60


def is_secret(key: str) -> bool:
    """Say whether a key's value must not be shown."""
    return _SECRET.search(key) is not None and not key.endswith("_file")


def without_userinfo(text: str) -> str:
    """Return the text with user and password of every URL in it masked."""
    return _SECRET_PART.sub("***", text)


def dotted(location: Location) -> str:
    """Return a key as one writes it in TOML, an item of a list with its index."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def explained(error: ValidationError, environ: Mapping[str, str]) -> ConfigError:
    """Return what pydantic found in the words of someone who edits the file."""
    details = error.errors(include_url=False)
    # A list whose items are wrong is not worth a second sentence of its own.
    parents = {
        each["loc"][:-1] for each in details if each["loc"] and isinstance(each["loc"][-1], int)
    }
    return ConfigError(
        [_sentence(each, environ) for each in details if each["loc"] not in parents]
    )


def unknown_key(location: Location) -> str:
    """Return the sentence for a key that the schema does not have."""
    key = dotted(location)
    if any(_matches(location, each) for each in KEYS_TO_COME):
        return f"{key}: not available in this version"
    nearest = _nearest(location)
    return f"{key}: there is no such key" + (f"; did you mean {nearest}?" if nearest else "")


def _sentence(detail: ErrorDetails, environ: Mapping[str, str]) -> str:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    if not location:  # of several sections: the sentence names them
        return _reason(detail)
    source = _source(location, environ)
    if detail["type"] == "extra_forbidden":
        return unknown_key(location) + source
    if not location:
        return _reason(detail)  # what no section can see alone: the sentence names the keys
    return f"{dotted(location)}{_shown(location, detail)}: {_reason(detail)}{source}"


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "must be a table, e.g. [section] and lines of key = value"
    return _SHOULD.sub("must", detail["msg"].removeprefix("Value error, "))


def _shown(location: Location, detail: ErrorDetails) -> str:
    """Return ` = value` where the value is one, masked where it is a secret."""
    value = detail["input"]
    if isinstance(value, dict | BaseModel):
        return ""
    if is_secret(str(location[-1])):
        return " = ***"
    text = without_userinfo(repr(value) if isinstance(value, str) else str(value))
    shortened = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return f" = {shortened}"


def _source(location: Location, environ: Mapping[str, str]) -> str:
    name = ENV_PREFIX + ENV_DELIMITER.join(map(str, location)).upper()
    return f" (from {name})" if name in {each.upper() for each in environ} else ""


def _matches(location: Location, pattern: Location) -> bool:
    return len(location) >= len(pattern) and all(
        expected in {"*", part} for part, expected in zip(location, pattern, strict=False)
    )


def _nearest(location: Location) -> str | None:
    """Return the known key that was probably meant, of the same section if there is one."""
    *section, last = location
    siblings = {path[-1]: path for path in _keys(Config) if _matches(tuple(section), path[:-1])}
    here = [name for name, path in siblings.items() if len(path) == len(location)]
    for name in difflib.get_close_matches(str(last), here, n=1):
        return dotted((*section, name))
    everywhere = {path[-1] for path in _keys(Config)}
    for name in difflib.get_close_matches(str(last), everywhere, n=1):
        places = [dotted(path) for path in _keys(Config) if path[-1] == name]
        return difflib.get_close_matches(dotted(location), places, n=1, cutoff=0)[0]
    return None


def _keys(model: type[BaseModel], prefix: Location = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every section and key; `*` for the names of a table of tables."""
    for name, field in model.model_fields.items():
        path = (*map(str, prefix), name)
        yield path
        inner = _table(field.annotation)
        if inner is not None:
            is_mapping = inner is not field.annotation
            yield from _keys(inner, (*path, "*") if is_mapping else path)


def _table(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a section, or of the tables in a table of tables."""
    candidates = (annotation, *get_args(annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
