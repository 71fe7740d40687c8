"""docs/how-to/evcc.md: its keys are evcc's, its topics are the bridge's, and it charges a car.

evcc itself is not run. `PlayedEvcc` does what its plugins do, as its documentation describes them
(docs.evcc.io, user-defined devices and plugins, August 2026): `jq` is the real one.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import pytest
import yaml

from bridge.api import commands
from bridge.mqtt import topics
from bridge.mqtt.asyncapi import payload_schemas
from bridge.mqtt.topics import Direction
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness
from tests.schema_check import row_of
from tests.typed_pages import ROOT, missing, steps

PAGE: Final = ROOT / "docs/how-to/evcc.md"
FIRST, SECOND = (yaml.safe_load(each.text) for each in steps(PAGE) if each.language == "yaml")
CHARGER: Final[dict[str, Any]] = FIRST["chargers"][0]
Plugin = Mapping[str, Any]

# --- evcc's words

READ: Final = frozenset(
    "status enabled power energy returnenergy identify soc limitsoc temp limittemp finishtime "
    "phases powers currents voltages".split()
)
WRITTEN: Final = {
    "enable": "enable",
    "maxcurrent": "maxcurrent",
    "maxcurrentmillis": "maxcurrentmillis",
    "phases1p3p": "phases",
    "wakeup": "wakeup",
}
"""Attributes, and how a payload names the value."""
REQUIRED: Final = {"status", "enabled", "enable", "maxcurrent"}
PIPELINE: Final = {"regex", "jq", "quote", "unpack", "decode"}
PARAMETERS: Final[dict[str, set[str]]] = {
    "mqtt": {"topic", "timeout", "scale", "payload", *PIPELINE},
    "watchdog": {"timeout", "reset", "initial", "defer", "set"},
    "ifelse": {"if", "else"},
}
MQTT_SECTION: Final = {"broker", "topic", "user", "password", "clientid", "insecure", "caCert"}
_VALUE: Final = re.compile(r"\$\{(\w+)(?::([\w%.]+))?\}")


def plugins(plugin: Any) -> Iterator[Plugin]:
    """Yield a plugin and those within it."""
    if isinstance(plugin, list):
        for each in plugin:
            yield from plugins(each)
    elif isinstance(plugin, dict):
        yield plugin
        for name in ("set", "if", "else"):
            yield from plugins(plugin.get(name))


def of_mqtt(names: Iterator[str]) -> Iterator[tuple[str, Plugin]]:
    for name in names:
        for plugin in plugins(CHARGER.get(name)):
            if plugin["source"] == "mqtt":
                yield name, plugin


def test_the_keys_are_those_of_evcc() -> None:
    assert FIRST["mqtt"].keys() <= MQTT_SECTION
    assert CHARGER["type"] == "custom"
    own = {"name", "type", "tos"}
    assert REQUIRED <= CHARGER.keys() - own <= READ | WRITTEN.keys()
    assert CHARGER["tos"] is True, "evcc wants it for phases1p3p"
    for name in CHARGER.keys() - own:
        for plugin in plugins(CHARGER[name]):
            assert plugin.keys() - {"source"} <= PARAMETERS[plugin["source"]], name
    (loadpoint,) = FIRST["loadpoints"]
    assert loadpoint["charger"] == CHARGER["name"]


def test_what_is_read_is_a_key_of_a_retained_document() -> None:
    schemas = payload_schemas()
    read = list(of_mqtt(iter(READ)))
    assert len(read) == 7
    for name, plugin in read:
        row = row_of(plugin["topic"], "ocpp")
        assert row.direction is Direction.FROM_BRIDGE, name
        assert row.retain, "evcc would know nothing after its start"
        objects = [schemas[row.name], *schemas[row.name].get("$defs", {}).values()]
        known = {key for each in objects for key in each.get("properties", {})}
        assert set(re.findall(r"(?<![\w\"])\.(\w+)", plugin["jq"])) <= known, name


def test_what_is_written_is_a_command_of_evcc() -> None:
    written = list(of_mqtt(iter(WRITTEN)))
    assert len(written) == 5
    for name, plugin in written:
        found = topics.Topics("ocpp", "main").parse_command(plugin["topic"])
        assert (found.problem, found.controller) == (None, "evcc"), name
        for value in (1, 3):
            payload = filled(plugin["payload"], {WRITTEN[name]: value})
            if found.scalar:
                commands.SCALARS[found.name].read(payload)
            else:
                commands.COMMAND_MODELS[found.name].model_validate(json.loads(payload))


def test_the_second_way_is_told_alike() -> None:
    (there,) = [
        yaml.safe_load(each.text)
        for each in steps(ROOT / "docs/how-to/use-a-secc-client.md")
        if each.language == "yaml"
    ]
    assert there == SECOND


def filled(payload: str, values: Mapping[str, float]) -> str:
    """Put values into a payload, as evcc does; Raises KeyError for one that is not given."""
    return _VALUE.sub(lambda match: (match[2] or "%s") % values[match[1]], payload)


# --- evcc at work


class PlayedEvcc:
    """evcc with the file of the page: reads attributes, writes them, and repeats what it is to."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def _topic(self, plugin: Plugin) -> str:
        return f"{self._witness.root}/{plugin['topic'].partition('/')[2]}"

    async def read(self, attribute: str) -> list[Any]:
        """Return an attribute, as a list of one or of three phases."""
        asked = CHARGER[attribute]
        return [
            await self._value(each) for each in (asked if isinstance(asked, list) else [asked])
        ]

    async def _value(self, plugin: Plugin) -> Any:
        topic = self._topic(plugin)
        await self._witness.wait_for(topic)
        document = self._witness.matching(topic)[-1].payload
        command = ["jq", "-c", plugin["jq"]]
        answer = await asyncio.to_thread(
            subprocess.run, command, input=document, capture_output=True, check=True, timeout=10
        )
        value = json.loads(answer.stdout)
        return value * plugin["scale"] if "scale" in plugin else value

    async def until(self, attribute: str, *expected: Any) -> None:
        """Wait until an attribute has a value."""
        async with asyncio.timeout(20):
            while True:
                seen = len(self._witness.messages)
                if await self.read(attribute) == list(expected):
                    return
                await self._witness.wait_for_count(seen + 1, "#")

    async def write(self, attribute: str, value: Any) -> None:
        """Set an attribute, once: what a watchdog does is to say it again."""
        await self._write(CHARGER[attribute], WRITTEN[attribute], value)

    async def _write(self, plugin: Plugin, name: str, value: Any) -> None:
        match plugin["source"]:
            case "watchdog":
                await self._write(plugin["set"], name, value)
            case "ifelse":
                await self._write(plugin["if" if value else "else"], name, value)
            case "mqtt":
                payload = filled(plugin["payload"], {name: value})
                await self._witness.publish(self._topic(plugin), payload)


@pytest.fixture
def options() -> Options:
    return {"stations": {"defaults": {"phase_switching": True}}}


@pytest.fixture
async def car(bridge: Bridge) -> AsyncIterator[Watch]:
    async with simulated(bridge.url, meter_interval_s=0.2) as watch:
        await watch.until_current(16)
        yield watch


@pytest.mark.skipif(bool(missing("jq")), reason="needs jq")
async def test_evcc_charges_with_the_sun_and_can_be_overruled(
    bridge: Bridge, witness: Witness, car: Watch
) -> None:
    evcc = PlayedEvcc(witness)
    await evcc.until("status", "C")
    await evcc.until("currents", 16.0, 16.0, 16.0)
    assert await evcc.read("enabled") == [True]
    assert (await evcc.read("power"))[0] == pytest.approx(3 * 230 * 16, rel=0.05)
    assert (await evcc.read("energy"))[0] == pytest.approx(11, abs=1)  # kWh

    # no sun: disabled, also while the watchdog of the current goes on
    await evcc.write("enable", False)
    await car.until_current(0)
    await evcc.until("enabled", False)
    await evcc.until("status", "B")
    await evcc.write("maxcurrent", 6)
    await witness.until("SIM001/1/res/evcc/limit", final=True)
    assert await evcc.read("enabled") == [False]

    # sun for 6 A, then for more
    await evcc.write("enable", True)
    await car.until_current(6)
    await evcc.until("enabled", True)
    held = await witness.until_newest("SIM001/1/allocation", allocationSourceName="MQTT")
    assert [each["controller"] for each in held["limits"] if each["binding"]] == ["evcc"]
    assert held["limits"][0]["expiresAt"] is not None, "it lapses when evcc stops"
    await evcc.write("maxcurrentmillis", 7.5)
    await car.until_current(7.5)

    # somebody is in a hurry, and is not undone by evcc
    await witness.ask("limit", {"limitA": 14, "priority": 150, "untilDisconnect": True})
    await car.until_current(14)
    await evcc.write("enable", False)
    await witness.until("SIM001/1/res/evcc/pause", status="done", code="standby")
    await evcc.until("enabled", False)
    await evcc.until("status", "C")
    await witness.ask("release")
    await car.until_current(0)

    # one phase is enough
    await evcc.write("enable", True)
    await evcc.write("phases1p3p", 1)
    await evcc.until("currents", 7.5, 0.0, 0.0)
