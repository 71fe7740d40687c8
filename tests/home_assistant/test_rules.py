"""The tables that our checker of discovery messages goes by, held to Home Assistant's own."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.discovery_tables import (
    COMMON_KEYS,
    DEVICE_SHORT,
    ORIGIN_SHORT,
    OTHER_CLASSES,
    PLATFORM_KEYS,
    REQUIRED,
    SENSOR_CLASSES,
    SHORT,
    STATE_CLASSES,
)

pytestmark = pytest.mark.timeout(300)

NEWER: Final = {"default_entity_id", "message_expiry_interval"}
"""Options of later releases than one that may be installed here."""
NEWER_UNITS: Final = {"mVA", "kVA", "mHz", "mvar", "kvar"}
ELSEWHERE: Final = {"device", "origin", "object_id", "platform", "components"}
"""Keys that our tables have in other places, or refuse on purpose (`object_id`)."""
_SCRIPT: Final = """
import importlib, json, sys
import voluptuous as vol
from homeassistant.components.mqtt import abbreviations
from homeassistant.components.sensor.const import (
    DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS, SensorStateClass,
)

def walk(schema, keys, required):
    if isinstance(schema, vol.All):
        for part in schema.validators:
            walk(part, keys, required)
    elif isinstance(schema, vol.Schema):
        walk(schema.schema, keys, required)
    elif isinstance(schema, dict):
        for key in schema:
            name = str(getattr(key, "schema", key))
            keys.add(name)
            if isinstance(key, vol.Required) and isinstance(key.default, vol.Undefined):
                required.add(name)

def platform(name):
    keys, required = set(), set()
    module = importlib.import_module("homeassistant.components.mqtt." + name)
    walk(module.DISCOVERY_SCHEMA, keys, required)
    return {"keys": sorted(keys), "required": sorted(required)}

def classes(name):
    module = importlib.import_module("homeassistant.components." + name)
    kinds = [each for each in vars(module) if each.endswith("DeviceClass")]
    return [each.value for kind in kinds for each in vars(module)[kind]]

def values(table):
    return {key.value: [str(each) for each in found] for key, found in table.items()}

platforms, classified = json.loads(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps({
    "short": abbreviations.ABBREVIATIONS,
    "device": abbreviations.DEVICE_ABBREVIATIONS,
    "origin": abbreviations.ORIGIN_ABBREVIATIONS,
    "platforms": {name: platform(name) for name in platforms},
    "classes": {name: classes(name) for name in classified},
    "units": values(DEVICE_CLASS_UNITS),
    "states": values(DEVICE_CLASS_STATE_CLASSES),
    "all_states": [each.value for each in SensorStateClass],
}))
"""


@cache
def theirs(programs: Path) -> Any:
    """Return Home Assistant's own tables."""
    arguments = [json.dumps(sorted(table)) for table in (PLATFORM_KEYS, OTHER_CLASSES)]
    told = subprocess.check_output([programs / "python", "-c", _SCRIPT, *arguments])
    return json.loads(told)


@pytest.mark.parametrize(
    ("ours", "name"), [(SHORT, "short"), (DEVICE_SHORT, "device"), (ORIGIN_SHORT, "origin")]
)
def test_abbreviations_are_home_assistants(
    programs: Path, ours: dict[str, str], name: str
) -> None:
    known = theirs(programs)[name]
    assert {short: long for short, long in ours.items() if long not in NEWER} == {
        short: known.get(short) for short, long in ours.items() if long not in NEWER
    }


@pytest.mark.parametrize("platform", PLATFORM_KEYS)
def test_a_platform_has_the_options_that_home_assistant_takes(
    programs: Path, platform: str
) -> None:
    found = theirs(programs)["platforms"][platform]
    ours = PLATFORM_KEYS[platform] | COMMON_KEYS
    assert set(found["keys"]) - ELSEWHERE == ours - NEWER - ELSEWHERE
    assert set(found["required"]) <= REQUIRED[platform]


@pytest.mark.parametrize("device_class", SENSOR_CLASSES)
def test_a_device_class_has_units_and_state_classes_of_home_assistant(
    programs: Path, device_class: str
) -> None:
    units, state_classes = SENSOR_CLASSES[device_class]
    found = theirs(programs)
    assert units - NEWER_UNITS <= set(found["units"].get(device_class, []))
    assert state_classes <= set(found["states"].get(device_class, []))
    assert set(found["all_states"]) >= STATE_CLASSES


@pytest.mark.parametrize("platform", OTHER_CLASSES)
def test_other_platforms_have_their_device_classes(programs: Path, platform: str) -> None:
    assert set(theirs(programs)["classes"][platform]) == OTHER_CLASSES[platform]
