"""The effective configuration as TOML, secrets masked."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge.config.errors import dotted, is_secret, without_userinfo
from bridge.config.model import Config

MASK = "***"
_DEFAULTS = ("stations", "defaults")


def as_toml(config: Config) -> str:
    """Return every key that has a value, as it takes effect; passwords as `***`.

    A known station shows only what its own table says over the defaults, and these as comments
    what the file does not say: a default that was written down would overrule the quirks.
    """
    values = config.model_dump(mode="json", exclude_none=True, exclude={"stations": {"known"}})
    values["stations"]["known"] = {
        station_id: known.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        for station_id, known in config.stations.known.items()
    }
    given = config.stations.defaults.model_fields_set
    return "\n".join(_table((), values, given)).strip() + "\n"


def _table(
    path: tuple[str, ...], values: Mapping[str, Any], given: Collection[str]
) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    if path and (plain or not tables):
        yield f"\n[{dotted(path)}]"
    for key, value in plain.items():
        remark = "# " if path == _DEFAULTS and key not in given else ""
        yield f"{remark}{dotted((key,))} = {_masked(key, value)}"
    for key, table in tables.items():
        if table or path not in {("stations",), _DEFAULTS}:
            yield from _table((*path, key), table, given)


def _masked(key: str, value: Any) -> str:
    return _value(MASK if is_secret(key) else value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return (
            f"{{{', '.join(f'{dotted((k,))} = {_masked(k, each)}' for k, each in value.items())}}}"
        )
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but for DEL, which JSON leaves as it is.
        return json.dumps(without_userinfo(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
