"""examples/openhab: what the files say, held to the bridge's topics and played on a broker."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from bridge.api import commands
from bridge.mqtt import topics
from bridge.mqtt.rows_at_home import VALUE_OF
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness
from tests.schema_check import row_of

EXAMPLES: Final = Path(__file__).parents[2] / "examples/openhab"
THINGS: Final = (EXAMPLES / "ocpp.things").read_text(encoding="utf-8")
ITEMS: Final = (EXAMPLES / "ocpp.items").read_text(encoding="utf-8")
_STRING: Final = r'"((?:[^"\\]|\\.)*)"'
_CHANNEL: Final = re.compile(rf"Type\s+(\w+)\s*:\s*(\w+)\s+{_STRING}\s*\[(.*?)\]", re.DOTALL)
_SETTING: Final = re.compile(rf"(\w+)\s*=\s*(?:{_STRING}|([\w.]+))")
_ITEM: Final = re.compile(
    rf"^([A-Z]\w+)(?::(\w+))?\s+(\w+)\s+{_STRING}(?:\s+<\w+>)?(?:\s+\(\w+\))?\s*(?:\{{(.*)\}})?$"
)

ITEM_OF_CHANNEL: Final = {
    "string": "String",
    "number": "Number",
    "contact": "Contact",
    "switch": "Switch",
    "datetime": "DateTime",
}
"""Which item can be linked to which channel of a generic MQTT thing."""
DIMENSIONS: Final = {
    "W": "Power",
    "A": "ElectricCurrent",
    "Wh": "Energy",
    "%": "Dimensionless",
    None: None,
}
KINDS: Final[Mapping[str, tuple[Any, ...]]] = {
    "number": (float, int),
    "contact": (bool,),
    "switch": (bool,),
}
"""Kinds of values that a channel shows; any other shows words and times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel of the thing."""

    kind: str
    settings: Mapping[str, str]

    def reads(self, text: str) -> object:
        """Return what the binding makes of a payload. Raises an error where it is nothing."""
        return READERS[self.kind](text, self.settings)


def _one_of_two(text: str, settings: Mapping[str, str]) -> object:
    return {settings["on"]: True, settings["off"]: False}[text]


READERS: Final[Mapping[str, Callable[[str, Mapping[str, str]], object]]] = {
    "string": lambda text, _settings: text,
    "number": lambda text, _settings: float(text),
    "datetime": lambda text, _settings: datetime.fromisoformat(text),
    "contact": _one_of_two,
    "switch": _one_of_two,
}


def without_comments(text: str) -> str:
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def settings_of(text: str) -> dict[str, str]:
    return {name: word or plain for name, word, plain in _SETTING.findall(text)}


CHANNELS: Final = {
    name: Channel(kind=kind, settings=settings_of(settings))
    for kind, name, _label, settings in _CHANNEL.findall(without_comments(THINGS))
}


def test_the_things_are_well_formed() -> None:
    text = without_comments(THINGS)
    assert text.count("Type ") == len(CHANNELS) == 13
    for opening, closing in ("[]", "{}"):
        inside = re.sub(_STRING, "", text)
        assert inside.count(opening) == inside.count(closing)
    head, _, thing = text.partition("Thing topic")
    broker = settings_of(head)
    assert (broker["host"], broker["port"], broker["username"]) == ("localhost", "1883", "openhab")
    presence = settings_of(thing.partition("]")[0])
    assert row_of(presence["availabilityTopic"], "ocpp").name == "availability"
    assert (presence["payloadAvailable"], presence["payloadNotAvailable"]) == ("online", "offline")


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_reads_a_value_of_its_kind(name: str) -> None:
    channel = CHANNELS[name]
    topic = channel.settings.get("stateTopic")
    if topic is None:
        return
    value = VALUE_OF[row_of(topic, "ocpp").name]
    expected = KINDS.get(channel.kind)
    assert expected is None or value.kind in expected, value.kind
    assert (value.kind is bool) == ("on" in channel.settings)
    unit = channel.settings.get("unit")
    if unit:
        assert value.description.startswith(unit) or value.name.endswith(unit)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_commands_what_can_be_commanded(name: str) -> None:
    settings = CHANNELS[name].settings
    topic = settings.get("commandTopic")
    if topic is None:
        return
    found = topics.Topics("ocpp", "main").parse_command(topic)
    assert (found.problem, found.controller, settings["qos"]) == (None, "openhab", "1")
    for payload in sent(settings):
        if found.scalar:
            commands.SCALARS[found.name].read(payload)
        else:
            commands.COMMAND_MODELS[found.name].model_validate(orjson.loads(payload))


def sent(settings: Mapping[str, str]) -> list[str]:
    """Return payloads that the binding would send."""
    if "formatBeforePublish" in settings:
        return [settings["formatBeforePublish"]]
    return [settings[key] for key in ("on", "off", "min", "max") if key in settings]


def test_every_item_is_linked_to_a_channel_of_its_type() -> None:
    linked = []
    for line in filter(str.strip, without_comments(ITEMS).splitlines()):
        found = _ITEM.match(line)
        assert found, line
        kind, dimension, name, _label, link = found.groups()
        if kind == "Group":
            continue
        metadata = settings_of(link)
        thing, _, channel_name = metadata["channel"].rpartition(":")
        assert thing == "mqtt:topic:ocpp:SIM001_1"
        channel = CHANNELS[channel_name]
        assert kind == ITEM_OF_CHANNEL[channel.kind], name
        assert dimension == DIMENSIONS[channel.settings.get("unit")], name
        assert ("autoupdate" in metadata) == ("commandTopic" in channel.settings), name
        linked.append(channel_name)
    assert linked == list(CHANNELS)


# --- on a broker


class TestOnABroker:
    @pytest.fixture
    def options(self) -> Options:
        return {"mqtt": {"scalars": True}}

    async def test_each_channel_understands_what_comes_and_each_command_has_its_effect(
        self, bridge: Bridge, witness: Witness
    ) -> None:
        async with simulated(bridge.url) as car:
            await car.until_current(16)
            for name, channel in CHANNELS.items():
                if "stateTopic" in channel.settings:
                    message = await witness.wait_for(
                        here(channel.settings["stateTopic"], witness), timeout=15
                    )
                    assert channel.reads(message.text) is not None, name
            await self.commands_have_their_effects(car, witness)

    async def commands_have_their_effects(self, car: Watch, witness: Witness) -> None:
        async def command(name: str, payload: str) -> None:
            topic = here(CHANNELS[name].settings["commandTopic"], witness)
            await witness.publish(topic, payload)

        async def shows(name: str, expected: object) -> None:
            channel = CHANNELS[name]
            topic = here(channel.settings["stateTopic"], witness)
            await witness.wait_for(
                topic, lambda each: channel.reads(each.text) == expected, timeout=15
            )
            witness.forget()

        witness.forget()
        await command("limit", "10")
        await shows("limit", 10)
        await car.until_current(10)
        await command("allowed", "false")
        await shows("allowed", expected=False)
        await car.until_current(0)
        await command("allowed", "true")
        await shows("allowed", expected=True)
        await command("release", "{}")
        await shows("source", "Unmanaged")
        await command("stop", "{}")
        await witness.until("SIM001/1/transaction", active=False)


def here(topic: str, witness: Witness) -> str:
    """Return a topic of the example below this test's root."""
    return topic.replace("ocpp/", f"{witness.root}/", 1)
