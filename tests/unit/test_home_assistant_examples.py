"""The examples for Home Assistant: entities that there are, actions that they take, sound bodies."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2
import orjson
import pytest
import yaml

from bridge.api import commands
from bridge.domain.commands import SetLimit
from bridge.domain.ids import StationId
from bridge.mqtt.topics import Topics
from tests.records import replace
from tests.unit.mqtt.test_discovery import FULL, entities

FOLDER: Final = Path(__file__).parents[2] / "examples/home-assistant"
FILES: Final = sorted(FOLDER.glob("*.yaml"))
FOREIGN: Final = {"sensor.grid_power", "sensor.electricity_price"}
"""Entities of the reader's own."""
OURS: Final = {
    options["default_entity_id"]
    for options in entities(replace(FULL, id=StationId("SIM001"))).values()
}
AUTOMATION: Final = {
    "alias",
    "description",
    "mode",
    "triggers",
    "conditions",
    "actions",
}
TRIGGERS: Final = {"numeric_state", "state", "time", "time_pattern"}
ACTIONS: Final = {"mqtt.publish": "", "switch.turn_off": "switch", "switch.turn_on": "switch"}
"""Actions that the examples use, and the kind of entity that each is for."""
STATES: Final = {
    "sensor.sim001_1_power": "6900.0",
    "sensor.grid_power": "-1200",
    "sensor.sim001_1_allocation_source": "MQTT",
    "sensor.sim001_1_offered_current": "10.0",
}
ENVIRONMENT: Final = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
ENVIRONMENT.globals.update(
    states=lambda name: STATES[name],
    has_value=lambda name: name in STATES,
    utcnow=lambda: datetime(2026, 1, 10, 10, tzinfo=UTC),
)


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def walk(part: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, at any depth."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield name, value
            yield from walk(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value, key)


def test_there_are_the_four_that_the_how_to_tells_of() -> None:
    assert [path.stem for path in FILES] == [
        "cheap-hours",
        "in-control-card",
        "pause-at-night",
        "pv-surplus",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_entity_is_one_that_is_announced(path: Path) -> None:
    named = {value for key, value in walk(document(path)) if key in {"entity", "entity_id"}}
    assert named
    assert named <= OURS | FOREIGN, named - OURS - FOREIGN


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_template_can_be_read(path: Path) -> None:
    for _, value in walk(document(path)):
        if isinstance(value, str) and "{" in value:
            ENVIRONMENT.parse(value)


@pytest.mark.parametrize(
    "path", [path for path in FILES if "card" not in path.stem], ids=lambda path: path.stem
)
def test_an_automation_has_what_one_has(path: Path) -> None:
    found = document(path)
    assert found.keys() <= AUTOMATION
    assert {"alias", "triggers", "actions"} <= found.keys()
    assert {each["trigger"] for each in found["triggers"]} <= TRIGGERS
    for action, target in actions(found):
        assert action in ACTIONS
        assert target.startswith(ACTIONS[action]), (action, target)


def actions(part: Any) -> Iterator[tuple[str, str]]:
    """Yield each action with the entity that it is for."""
    if isinstance(part, dict):
        if "action" in part:
            yield part["action"], part.get("target", {}).get("entity_id", "")
        for value in part.values():
            yield from actions(value)
    elif isinstance(part, list):
        for value in part:
            yield from actions(value)


def test_the_surplus_becomes_a_limit_that_lapses_by_itself() -> None:
    variables, publish = document(FOLDER / "pv-surplus.yaml")["actions"]
    surplus = ENVIRONMENT.from_string(variables["variables"]["surplus_w"]).render()
    assert float(surplus) == 8100.0  # what the car takes, and what is exported
    message = publish["data"]
    address = Topics("ocpp", "main").parse_command(message["topic"])
    assert (address.problem, address.controller, address.name) == (None, "homeassistant", "limit")
    body = ENVIRONMENT.from_string(message["payload"]).render(surplus_w=float(surplus))
    limit = commands.COMMAND_MODELS["limit"].model_validate(orjson.loads(body))
    assert limit.arguments() == SetLimit(limit_w=8100.0, ttl_seconds=300)


def test_the_card_says_who_is_in_control() -> None:
    content = document(FOLDER / "in-control-card.yaml")["cards"][0]["content"]
    words = ENVIRONMENT.from_string(content).render().split()
    assert " ".join(words) == "**MQTT is in control:** 10.0 A"
