"""What Home Assistant takes as an MQTT discovery message, as strictly as it says it anywhere.

Home Assistant drops unknown options without a word, so a typing error would show only as an entity
that behaves oddly. `problems` names whatever is wrong with one message, `problems_together` what
is wrong with many. Written from Home Assistant's public pages: "MQTT" (discovery messages,
abbreviations, device and origin), the MQTT page of each platform, and "Sensor" (device classes,
their units and state classes), as of release 2026.11; where older releases from 2024.11 on are
stricter, as they are, since both must work.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import jinja2
import orjson

from tests.discovery_tables import (
    AVAILABILITY_KEYS,
    AVAILABILITY_OPTIONS,
    COMMON_KEYS,
    DEVICE_KEYS,
    DEVICE_SHORT,
    ORIGIN_KEYS,
    ORIGIN_SHORT,
    OTHER_CLASSES,
    PLATFORM_KEYS,
    REQUIRED,
    SENSOR_CLASSES,
    SHARED_KEYS,
    SHORT,
    STATE_CLASSES,
)

Options = Mapping[str, Any]

_NO_CONFIG: Final = frozenset({"sensor", "binary_sensor"})
"""Platforms whose entities cannot be of category `config`."""

_TOPIC: Final = re.compile(
    r"(?P<prefix>.+?)/(?:device|(?P<platform>[a-z_]+)/(?P<node>[^/]+))/(?P<object>[^/]+)/config"
)
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_ENTITY_ID: Final = re.compile(r"(?P<domain>[a-z_]+)\.(?!_)(?:(?!__)[a-z0-9_])+(?<!_)")
_ICON: Final = re.compile(r"[a-z]+:[a-z0-9-]+")
_JINJA: Final = jinja2.Environment(autoescape=False)
_TEXTS: Final = frozenset(
    "availability_mode availability_template availability_topic command_template command_topic "
    "default_entity_id device_class encoding entity_category entity_picture icon "
    "json_attributes_template json_attributes_topic last_reset_value_template mode name "
    "payload_available payload_install payload_not_available payload_off payload_on payload_press "
    "payload_reset platform release_summary release_url state_class state_off state_on "
    "state_topic title unique_id unit_of_measurement value_template".split()
)
_SMALLEST_STEP: Final = 0.001


# --- One message ----------------------------------------------------------------------------


def problems(topic: str, payload: bytes) -> list[str]:
    """Return a sentence for everything that is wrong with a discovery message."""
    return [f"{topic}: {problem}" for problem in _of_message(topic, payload)]


def components(topic: str, payload: bytes) -> dict[str, dict[str, Any]]:
    """Return the components of a sound message by key, as Home Assistant understands them.

    Those that are taken back are left out; what a device message says for all is in each.
    """
    match = _TOPIC.fullmatch(topic)
    if match is None or not payload:
        return {}
    message = _long(orjson.loads(payload), SHORT)
    if match["platform"]:
        return {match["object"]: {"platform": match["platform"], **message}}
    shared = {key: value for key, value in message.items() if key != "components"}
    return {
        key: {**shared, **_long(options, SHORT)}
        for key, options in message["components"].items()
        if len(options) > 1
    }


def _of_message(topic: str, payload: bytes) -> Iterator[str]:
    match = _TOPIC.fullmatch(topic)
    if match is None:
        yield "is no discovery topic"
        return
    for part in ("node", "object"):
        if match[part] is not None and not _ID.fullmatch(match[part]):
            yield f"{match[part]!r} must consist of A-Z a-z 0-9 _ -"
    if not payload:
        return
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        yield f"is no JSON: {error}"
        return
    if not isinstance(message, dict):
        yield "must be a JSON object"
    elif match["platform"]:
        yield from _of_entity(match["platform"], message)
    else:
        yield from _of_device_message(message)


def _of_entity(platform: str, message: Options) -> Iterator[str]:
    yield from _doubled(message, SHORT)
    options = _long(message, SHORT)
    yield from _of_head(options)
    rest = {key: value for key, value in options.items() if key not in {"device", "origin"}}
    yield from _of_component({"platform": platform, **rest})


def _of_device_message(message: Options) -> Iterator[str]:
    yield from _doubled(message, SHORT)
    options = _long(message, SHORT)
    yield from _of_head(options)
    for key in options.keys() - SHARED_KEYS:
        yield f"{key!r} is no option of a device: releases before 2026 refuse all of it"
    yield from _of_availability(options)
    found = options.get("components")
    if not isinstance(found, dict) or not found:
        yield "components are missing"
        return
    shared = {key: options[key] for key in AVAILABILITY_OPTIONS & options.keys()}
    for key, component in found.items():
        if not _ID.fullmatch(key):
            yield f"component {key!r} must consist of A-Z a-z 0-9 _ -"
        for problem in _of_part(component, shared):
            yield f"{key}: {problem}"


def _of_part(component: Any, shared: Options) -> Iterator[str]:
    """Yield what is wrong with a component of a device."""
    if not isinstance(component, dict):
        yield "must be a JSON object"
        return
    yield from _doubled(component, SHORT)
    options = _long(component, SHORT)
    for key in ("device", "origin"):
        if key in options:
            yield f"{key} belongs to the device, not to a component"
    if len(options) == 1 and options.get("platform") in PLATFORM_KEYS:
        return  # it is taken back
    own = AVAILABILITY_OPTIONS & options.keys()
    yield from _of_component({**({} if own else shared), **options})


def _of_head(options: Options) -> Iterator[str]:
    device, origin = options.get("device"), options.get("origin")
    if isinstance(device, dict):
        yield from _doubled(device, DEVICE_SHORT)
        yield from _of_device(_long(device, DEVICE_SHORT))
    else:
        yield "device is missing"
    if isinstance(origin, dict):
        yield from _doubled(origin, ORIGIN_SHORT)
        yield from _of_origin(_long(origin, ORIGIN_SHORT))
    else:
        yield "origin is missing"


def _of_device(device: Options) -> Iterator[str]:
    for key in device.keys() - DEVICE_KEYS:
        yield f"device: there is no option {key!r}"
    identifiers = device.get("identifiers", [])
    listed = [identifiers] if isinstance(identifiers, str) else identifiers
    if not listed and not device.get("connections"):
        yield "device: needs identifiers or connections"
    for key in DEVICE_KEYS & device.keys() - {"identifiers", "connections"}:
        if not isinstance(device[key], str) or not device[key]:
            yield f"device: {key} must be a text"
    if not all(isinstance(each, str) and each for each in listed):
        yield "device: identifiers must be texts"
    if device.get("via_device") in listed:
        yield "device: is reached by way of itself"
    if "configuration_url" in device and not _is_url(device["configuration_url"]):
        yield "device: configuration_url is no URL"


def _of_origin(origin: Options) -> Iterator[str]:
    for key in origin.keys() - ORIGIN_KEYS:
        yield f"origin: there is no option {key!r}"
    if not origin.get("name"):
        yield "origin: needs a name"
    if "support_url" in origin and not _is_url(origin["support_url"]):
        yield "origin: support_url is no URL"


def _is_url(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    parts = urlsplit(text)
    return parts.scheme in {"http", "https", "homeassistant"} and bool(parts.netloc)


# --- A component ----------------------------------------------------------------------------


def _of_component(options: Options) -> Iterator[str]:
    platform = str(options.get("platform"))
    if platform not in PLATFORM_KEYS:
        yield f"{platform!r} is no platform that we know"
        return
    yield from _of_keys(platform, options)
    yield from _of_types(options)
    yield from _of_availability(options)
    yield from _of_texts(options)
    yield from _CHECKS[platform](options)


def _of_keys(platform: str, options: Options) -> Iterator[str]:
    if "object_id" in options:
        yield "object_id is gone in 2026.11: use default_entity_id"
    for key in options.keys() - COMMON_KEYS - PLATFORM_KEYS[platform] - {"object_id"}:
        yield f"a {platform} has no option {key!r}"
    for key in (REQUIRED[platform] | {"unique_id", "name"}) - options.keys():
        yield f"{key} is missing"
    classes = OTHER_CLASSES.get(platform)
    device_class = options.get("device_class")
    if classes is not None and device_class is not None and device_class not in classes:
        yield f"a {platform} has no device class {device_class!r}"


def _of_types(options: Options) -> Iterator[str]:
    for key in _TEXTS & options.keys():
        if not isinstance(options[key], str) or not options[key]:
            yield f"{key} must be a text, not {options[key]!r}"
    for key in {"enabled_by_default", "force_update", "optimistic", "retain"} & options.keys():
        if not isinstance(options[key], bool):
            yield f"{key} must be true or false"
    if options.get("qos", 0) not in {0, 1, 2}:
        yield "qos must be 0, 1 or 2"
    for key in {"message_expiry_interval", "expire_after", "off_delay"} & options.keys():
        if type(options[key]) is not int or options[key] < 1:
            yield f"{key} must be a positive number of seconds"
    precision = options.get("suggested_display_precision", 0)
    if type(precision) is not int or precision < 0:
        yield "suggested_display_precision must be 0 or more"
    yield from _of_category(options)


def _of_category(options: Options) -> Iterator[str]:
    if options.get("entity_category", "config") not in {"config", "diagnostic"}:
        yield f"there is no entity category {options['entity_category']!r}"
    if options["platform"] in _NO_CONFIG and options.get("entity_category") == "config":
        yield f"a {options['platform']} cannot be of category config"


def _of_availability(options: Options) -> Iterator[str]:
    listed = options.get("availability", [])
    if listed and "availability_topic" in options:
        yield "availability and availability_topic exclude each other"
    if options.get("availability_mode", "latest") not in {"all", "any", "latest"}:
        yield "availability_mode must be all, any or latest"
    for each in listed if isinstance(listed, list) else [listed]:
        entry = _long(each, SHORT) if isinstance(each, dict) else {}
        if not entry.get("topic"):
            yield "availability: topic is missing"
        else:
            yield from _of_topic("availability", entry["topic"], wildcards=True)
        for key in entry.keys() - AVAILABILITY_KEYS:
            yield f"availability: there is no option {key!r}"


def _of_texts(options: Options) -> Iterator[str]:
    for key, value in options.items():
        if not isinstance(value, str):
            continue
        if key.endswith("_topic"):
            yield from _of_topic(key, value, wildcards=key != "command_topic")
        if key.endswith("_template"):
            yield from _of_template(key, value)
    icon = options.get("icon")
    if isinstance(icon, str) and not _ICON.fullmatch(icon):
        yield f"icon {icon!r} must be prefix:name"
    entity_id = options.get("default_entity_id")
    if isinstance(entity_id, str):
        match = _ENTITY_ID.fullmatch(entity_id)
        if match is None or match["domain"] != options["platform"]:
            yield f"default_entity_id {entity_id!r} is no id of a {options['platform']}"


def _of_topic(key: str, topic: Any, *, wildcards: bool) -> Iterator[str]:
    if not isinstance(topic, str) or not topic or any(ord(each) < ord(" ") for each in topic):
        yield f"{key} must be a topic"
    elif not wildcards and ("+" in topic or "#" in topic):
        yield f"{key} must have no wildcards"


def _of_template(key: str, text: str) -> Iterator[str]:
    try:
        _JINJA.parse(text)
    except jinja2.TemplateSyntaxError as error:
        yield f"{key} is no template: {error}"
        return
    if "{{" not in text and "{%" not in text:
        yield f"{key} has nothing to fill in"


def _of_sensor(options: Options) -> Iterator[str]:
    device_class, unit = options.get("device_class"), options.get("unit_of_measurement")
    state_class = options.get("state_class")
    if state_class is not None and state_class not in STATE_CLASSES:
        yield f"there is no state class {state_class!r}"
    if "last_reset_value_template" in options and state_class != "total":
        yield "last_reset_value_template needs state class total"
    yield from _of_enum(options)
    if device_class is None:
        return
    if device_class not in SENSOR_CLASSES:
        yield f"there is no device class {device_class!r} that we know"
        return
    units, state_classes = SENSOR_CLASSES[device_class]
    if unit not in (units or {None}):
        yield f"unit {unit!r} does not go with device class {device_class}"
    if state_class is not None and state_class not in state_classes:
        yield f"state class {state_class} does not go with device class {device_class}"


def _of_enum(options: Options) -> Iterator[str]:
    is_enum, listed = options.get("device_class") == "enum", options.get("options")
    if is_enum is not (listed is not None):
        yield "options and device class enum go together"
    if listed is not None:
        yield from _of_list("options", listed)
        if "state_class" in options or "unit_of_measurement" in options:
            yield "an enum has neither state class nor unit"


def _of_list(key: str, listed: Any) -> Iterator[str]:
    if not isinstance(listed, list) or not listed:
        yield f"{key} must be a list that is not empty"
    elif not all(isinstance(each, str) and each for each in listed):
        yield f"{key} must be texts"
    elif len(set(listed)) != len(listed):
        yield f"{key} must differ"


def _of_binary_sensor(options: Options) -> Iterator[str]:
    yield from _of_switching(options, "ON", "OFF")


def _of_switch(options: Options) -> Iterator[str]:
    yield from _of_switching(options, "ON", "OFF")


def _of_switching(options: Options, on: str, off: str) -> Iterator[str]:
    if options.get("payload_on", on) == options.get("payload_off", off):
        yield "payload_on and payload_off must differ"


def _of_number(options: Options) -> Iterator[str]:
    numbers = {"min": 1.0, "max": 100.0, "step": 1.0}
    for key, default in numbers.items():
        value = options.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{key} must be a number"
            return
        numbers[key] = value
    if numbers["min"] >= numbers["max"]:
        yield "max must be above min"
    if numbers["step"] < _SMALLEST_STEP:
        yield "step is too small"
    if options.get("mode", "auto") not in {"auto", "box", "slider"}:
        yield f"there is no mode {options['mode']!r}"
    device_class, unit = options.get("device_class"), options.get("unit_of_measurement")
    if device_class is None:
        return
    if device_class not in SENSOR_CLASSES.keys() - {"date", "enum", "timestamp"}:
        yield f"a number has no device class {device_class!r}"
    elif unit not in SENSOR_CLASSES[device_class][0]:
        yield f"unit {unit!r} does not go with device class {device_class}"


def _of_select(options: Options) -> Iterator[str]:
    yield from _of_list("options", options.get("options"))


def _of_event(options: Options) -> Iterator[str]:
    yield from _of_list("event_types", options.get("event_types"))


def _nothing_more(_options: Options) -> Iterator[str]:
    yield from ()


_CHECKS: Final[Mapping[str, Callable[[Options], Iterator[str]]]] = {
    "binary_sensor": _of_binary_sensor,
    "button": _nothing_more,
    "event": _of_event,
    "number": _of_number,
    "select": _of_select,
    "sensor": _of_sensor,
    "switch": _of_switch,
    "update": _nothing_more,
}


# --- Many messages --------------------------------------------------------------------------


def problems_together(messages: Mapping[str, bytes]) -> list[str]:
    """Return a sentence for everything that is wrong with all retained messages of a broker."""
    found = [each for topic, payload in messages.items() for each in problems(topic, payload)]
    return found or list(_of_all(messages))


def _of_all(messages: Mapping[str, bytes]) -> Iterator[str]:
    unique: Counter[tuple[str, str]] = Counter()
    entity_ids: Counter[str] = Counter()
    devices: dict[str, str] = {}
    via: set[str] = set()
    for topic, payload in messages.items():
        for options in components(topic, payload).values():
            unique[options["platform"], options["unique_id"]] += 1
            entity_ids[options.get("default_entity_id", "")] += 1
            device = _long(options["device"], DEVICE_SHORT)
            identifier = str(device["identifiers"][0])
            if devices.setdefault(identifier, device["name"]) != device["name"]:
                yield f"device {identifier} has two names"
            via |= {device["via_device"]} if "via_device" in device else set()
    yield from (f"two entities have the unique id {name}" for name, n in unique.items() if n > 1)
    yield from (
        f"two entities want to be {name}" for name, n in entity_ids.items() if n > 1 and name
    )
    yield from (f"no device is {name}, which another is reached by" for name in via - set(devices))


# --- Short and long names -------------------------------------------------------------------


def _long(options: Options, table: Mapping[str, str]) -> dict[str, Any]:
    return {table.get(key, key): value for key, value in options.items()}


def _doubled(options: Options, table: Mapping[str, str]) -> Iterator[str]:
    for key, long in table.items():
        if key in options and long in options:
            yield f"{long} is given twice, as {key} too"
