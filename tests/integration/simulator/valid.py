"""Are all frames of a station valid? Asked of the schemas that the `ocpp` package brings."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

import jsonschema_rs
import orjson

FOLDERS: Final = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
CALL: Final = 2


@cache
def _validator(version: str, action: str) -> jsonschema_rs.Validator:
    name = action if version == "1.6" else f"{action}Request"
    folder = files("ocpp").joinpath(FOLDERS[version], "schemas")
    text = folder.joinpath(f"{name}.json").read_text("utf-8-sig")
    return jsonschema_rs.validator_for(orjson.loads(text))


def assert_all_valid(version: str, frames: Iterable[str]) -> None:
    """Check every CALL; the package itself checks the answers to what it asked."""
    calls = [frame for frame in map(orjson.loads, frames) if frame[0] == CALL]
    assert calls
    for _, _, action, payload in calls:
        errors = [str(error) for error in _validator(version, action).iter_errors(payload)]
        assert not errors, f"{action}: {errors} in {payload}"
