"""The checker of discovery messages finds what people get wrong."""

from typing import Any

import orjson
import pytest

from tests.discovery_rules import components, problems, problems_together

DEVICE = "homeassistant/device/charger/config"
ENTITY = "homeassistant/sensor/charger/power/config"


def sensor(**options: Any) -> dict[str, Any]:
    """A power sensor, with these options over it; None takes one away."""
    found = {
        "p": "sensor",
        "name": "Power",
        "uniq_id": "charger_power",
        "def_ent_id": "sensor.charger_power",
        "stat_t": "ocpp/v1/cs/X/1/meter",
        "val_tpl": "{{ value_json.powerW }}",
        "dev_cla": "power",
        "stat_cla": "measurement",
        "unit_of_meas": "W",
        **options,
    }
    return {key: value for key, value in found.items() if value is not None}


def device(*parts: dict[str, Any], **options: Any) -> bytes:
    found = {
        "dev": {"ids": ["charger"], "name": "Charger"},
        "o": {"name": "ocpp-mqtt-bridge", "url": "https://example.com/"},
        "avty": [{"t": "ocpp/v1/bridge/main/state"}],
        "avty_mode": "all",
        "cmps": {f"part{number}": part for number, part in enumerate(parts)},
        **options,
    }
    return orjson.dumps({key: value for key, value in found.items() if value is not None})


def found(part: dict[str, Any]) -> list[str]:
    return [each.removeprefix(f"{DEVICE}: part0: ") for each in problems(DEVICE, device(part))]


SWITCH = {
    "p": "switch",
    "name": "Charging allowed",
    "uniq_id": "charger_allowed",
    "stat_t": "a/b",
    "cmd_t": "a/c",
}
NUMBER = {
    "p": "number",
    "name": "Limit",
    "uniq_id": "charger_limit",
    "cmd_t": "a/c",
    "dev_cla": "current",
    "unit_of_meas": "A",
    "min": 6,
    "max": 16,
}
EVENT = {"p": "event", "name": "T", "uniq_id": "t", "stat_t": "a", "evt_typ": ["started"]}
SELECT = {"p": "select", "name": "Phases", "uniq_id": "p", "cmd_t": "a", "ops": ["1", "3"]}
BUTTON = {"p": "button", "name": "Start", "uniq_id": "s", "cmd_t": "a/start"}
UPDATE = {"p": "update", "name": "Firmware", "uniq_id": "f", "stat_t": "a", "dev_cla": "firmware"}


@pytest.mark.parametrize("part", [sensor(), SWITCH, NUMBER, EVENT, SELECT, BUTTON, UPDATE])
def test_what_is_right_passes(part: dict[str, Any]) -> None:
    assert found(part) == []


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (sensor(state_clas="measurement"), "a sensor has no option 'state_clas'"),
        (sensor(unit="W"), "a sensor has no option 'unit'"),
        (sensor(cmd_t="a"), "a sensor has no option 'command_topic'"),
        (sensor(obj_id="x"), "object_id is gone in 2026.11: use default_entity_id"),
        (sensor(uniq_id=None), "unique_id is missing"),
        (sensor(stat_t=None), "state_topic is missing"),
        (sensor(stat_t=7), "state_topic must be a text, not 7"),
        (sensor(state_topic="x"), "state_topic is given twice, as stat_t too"),
        (sensor(unit_of_meas="V"), "unit 'V' does not go with device class power"),
        (sensor(unit_of_meas=None), "unit None does not go with device class power"),
        (
            sensor(stat_cla="total_increasing"),
            "state class total_increasing does not go with device class power",
        ),
        (
            sensor(dev_cla="energy", unit_of_meas="kWh"),
            "state class measurement does not go with device class energy",
        ),
        (
            sensor(dev_cla="energy", unit_of_meas="kW", stat_cla="total_increasing"),
            "unit 'kW' does not go with device class energy",
        ),
        (
            sensor(dev_cla="timestamp", unit_of_meas=None),
            "state class measurement does not go with device class timestamp",
        ),
        (sensor(dev_cla="powers"), "there is no device class 'powers' that we know"),
        (sensor(stat_cla="measured"), "there is no state class 'measured'"),
        (sensor(ent_cat="config"), "a sensor cannot be of category config"),
        (sensor(ent_cat="system"), "there is no entity category 'system'"),
        (sensor(ops=["a"]), "options and device class enum go together"),
        (
            sensor(dev_cla="enum", stat_cla=None, unit_of_meas=None),
            "options and device class enum go together",
        ),
        (
            sensor(dev_cla="enum", ops=[], stat_cla=None, unit_of_meas=None),
            "options must be a list that is not empty",
        ),
        (
            sensor(dev_cla="enum", ops=["a", "a"], stat_cla=None, unit_of_meas=None),
            "options must differ",
        ),
        (
            sensor(lrst_val_tpl="{{ value }}"),
            "last_reset_value_template needs state class total",
        ),
        (sensor(val_tpl="{{ value_json.x"), "value_template is no template"),
        (sensor(val_tpl="value_json.x"), "value_template has nothing to fill in"),
        (sensor(def_ent_id="switch.x"), "default_entity_id 'switch.x' is no id of a sensor"),
        (sensor(def_ent_id="sensor.X-1"), "default_entity_id 'sensor.X-1' is no id of a sensor"),
        (sensor(ic="ev-station"), "icon 'ev-station' must be prefix:name"),
        (sensor(qos=3), "qos must be 0, 1 or 2"),
        (sensor(exp_aft="60"), "expire_after must be a positive number of seconds"),
        (sensor(p="sensors"), "'sensors' is no platform that we know"),
        (sensor(dev={"ids": "x"}), "device belongs to the device, not to a component"),
        (sensor(avty=[{"top": "x"}]), "availability: topic is missing"),
        (sensor(avty_mode="every"), "availability_mode must be all, any or latest"),
        (
            sensor(avty=[{"t": "x"}], avty_t="y"),
            "availability and availability_topic exclude each other",
        ),
        ({**SWITCH, "cmd_t": "a/+"}, "command_topic must have no wildcards"),
        ({**SWITCH, "pl_on": "OFF"}, "payload_on and payload_off must differ"),
        ({**SWITCH, "dev_cla": "plug"}, "a switch has no device class 'plug'"),
        ({**NUMBER, "max": 6}, "max must be above min"),
        ({**NUMBER, "min": "6"}, "min must be a number"),
        ({**NUMBER, "step": 0}, "step is too small"),
        ({**NUMBER, "unit_of_meas": "W"}, "unit 'W' does not go with device class current"),
        ({**NUMBER, "stat_cla": "measurement"}, "a number has no option 'state_class'"),
        ({**NUMBER, "mode": "knob"}, "there is no mode 'knob'"),
        ({**NUMBER, "msg_exp_int": "30"}, "message_expiry_interval must be a positive number"),
        ({**EVENT, "evt_typ": []}, "event_types must be a list that is not empty"),
        ({**EVENT, "evt_typ": None}, "event_types must be a list that is not empty"),
        ({**SELECT, "ops": [1, 3]}, "options must be texts"),
        ({**BUTTON, "stat_t": "a"}, "a button has no option 'state_topic'"),
        ({**BUTTON, "dev_cla": "start"}, "a button has no device class 'start'"),
        ({**UPDATE, "dev_cla": "software"}, "a update has no device class 'software'"),
    ],
)
def test_what_is_wrong_with_a_component_is_named(part: dict[str, Any], sentence: str) -> None:
    assert any(each.startswith(sentence) for each in found(part)), found(part)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dev": None}, "device is missing"),
        ({"dev": {"name": "X"}}, "device: needs identifiers or connections"),
        ({"dev": {"ids": ["x"], "vendor": "Y"}}, "device: there is no option 'vendor'"),
        ({"dev": {"ids": ["x"], "via_device": "x"}}, "device: is reached by way of itself"),
        ({"dev": {"ids": ["x"], "sw": None}}, "device: sw_version must be a text"),
        ({"o": None}, "origin is missing"),
        ({"o": {"sw": "1"}}, "origin: needs a name"),
        ({"o": {"name": "x", "url": "example.com"}}, "origin: support_url is no URL"),
        ({"cmps": None}, "components are missing"),
        ({"components": {}, "cmps": None}, "components are missing"),
        ({"cmps": {"a b": sensor()}}, "component 'a b' must consist of A-Z a-z 0-9 _ -"),
        (
            {"msg_exp_int": 30},
            "'message_expiry_interval' is no option of a device: releases before 2026 refuse all",
        ),
        ({"name": "X"}, "'name' is no option of a device"),
    ],
)
def test_what_is_wrong_with_a_device_is_named(options: dict[str, Any], sentence: str) -> None:
    wrong = problems(DEVICE, device(sensor(), **options))
    assert any(each.startswith(f"{DEVICE}: {sentence}") for each in wrong), wrong


@pytest.mark.parametrize(
    ("topic", "payload", "sentence"),
    [
        ("homeassistant/device/a=b/config", b"", "'a=b' must consist of"),
        ("homeassistant/sensor/a b/c/config", b"", "'a b' must consist of"),
        ("homeassistant/device/a/state", b"", "is no discovery topic"),
        (DEVICE, b"{", "is no JSON"),
        (DEVICE, b"[]", "must be a JSON object"),
        (ENTITY, device(), "a sensor has no option 'components'"),
    ],
)
def test_what_is_wrong_with_a_message_is_named(topic: str, payload: bytes, sentence: str) -> None:
    wrong = problems(topic, payload)
    assert any(each.startswith(f"{topic}: {sentence}") for each in wrong), wrong


def test_an_empty_message_and_a_component_that_is_taken_back_are_right() -> None:
    assert problems(DEVICE, b"") == []
    assert found({"p": "sensor"}) == []
    assert components(DEVICE, device({"p": "sensor"}, sensor())).keys() == {"part1"}


def test_an_entity_of_its_own_needs_what_a_device_has_for_all() -> None:
    plain = sensor(p=None)
    assert problems(ENTITY, orjson.dumps(plain)) == [
        f"{ENTITY}: device is missing",
        f"{ENTITY}: origin is missing",
    ]
    head = {"dev": {"ids": ["charger"], "name": "Charger"}, "o": {"name": "x"}}
    assert problems(ENTITY, orjson.dumps({**plain, **head})) == []


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (device(sensor()), "two entities have the unique id ('sensor', 'charger_power')"),
        (
            device(sensor(uniq_id="other")),
            "two entities want to be sensor.charger_power",
        ),
        (
            device(
                sensor(uniq_id="other", def_ent_id="sensor.other"),
                dev={"ids": ["other"], "name": "O", "via_device": "gone"},
            ),
            "no device is gone, which another is reached by",
        ),
        (
            device(
                sensor(uniq_id="other", def_ent_id="sensor.other"),
                dev={"ids": ["charger"], "name": "Another"},
            ),
            "device charger has two names",
        ),
    ],
)
def test_what_does_not_go_together_is_named(second: bytes, sentence: str) -> None:
    messages = {DEVICE: device(sensor()), "homeassistant/device/other/config": second}
    assert sentence in problems_together(messages)


def test_messages_that_go_together_are_right() -> None:
    assert problems_together({DEVICE: device(sensor(), SWITCH, NUMBER)}) == []
