"""Home Assistant discovery: which configuration topics a station has, and what they say; pure.

One device for the station and one for each EVSE, which names the station as the one that it is
reached by. A device is announced as a whole (`device`), or entity by entity (`entity`). The ids
are the same in both styles, as Home Assistant wants it for a change between them: the component
id of a device is the object id of the entity's own topic, and the device's object id its node id.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge import __version__
from bridge.api.documents import is_public
from bridge.api.rights import CommandRules
from bridge.domain.ids import STATION_EVSE, StationId
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings
from bridge.mqtt import topics
from bridge.mqtt.discovery_components import (
    COMMAND_EXPIRY_SECONDS,
    EVSE_COMPONENTS,
    STATION_COMPONENTS,
    Component,
    Facts,
)
from bridge.mqtt.settings import DiscoverySettings, DiscoveryStyle
from bridge.mqtt.topics import Topics

ORIGIN: Final = "ocpp-mqtt-bridge"
SUPPORT_URL: Final = "https://www.home-assistant.io/integrations/mqtt/"
"""Home Assistant wants a valid URL; this one until the project has a page of its own."""
MIGRATION: Final[Mapping[str, Any]] = {"migrate_discovery": True}
"""Said on an old topic, it keeps the entities' settings until another topic announces them."""
_SEPARATOR: Final = "__"
"""Between the parts of an object id: none of them has it, see `object_part`."""
_QOS: Final = 1
_TO_ESCAPE: Final = re.compile(rb"[^A-Za-z0-9-]")
_NO_SLUG: Final = re.compile(r"[^a-z0-9]+")
_SHORT: Final[Mapping[str, str]] = {
    "availability": "avty",
    "availability_mode": "avty_mode",
    "command_template": "cmd_tpl",
    "command_topic": "cmd_t",
    "default_entity_id": "def_ent_id",
    "device_class": "dev_cla",
    "entity_category": "ent_cat",
    "event_types": "evt_typ",
    "icon": "ic",
    "message_expiry_interval": "msg_exp_int",
    "options": "ops",
    "payload_off": "pl_off",
    "payload_on": "pl_on",
    "platform": "p",
    "state_class": "stat_cla",
    "state_topic": "stat_t",
    "suggested_display_precision": "sug_dsp_prc",
    "unique_id": "uniq_id",
    "unit_of_measurement": "unit_of_meas",
    "value_template": "val_tpl",
}
"""Home Assistant's own abbreviations."""

Payload = dict[str, Any]
Place = tuple[int, str]
"""EVSE id (0 = the station), and the component's key; "" = the device as a whole."""


def object_part(text: str) -> str:
    """Return a text in `[A-Za-z0-9_-]` alone, injective: other bytes are written `_HH`.

    Home Assistant takes no other characters in discovery topics, so `=HH` as elsewhere will not do.
    """
    raw = text.encode("utf-8", "surrogatepass")
    return _TO_ESCAPE.sub(lambda match: b"_%02X" % match.group()[0], raw).decode("ascii")


def device_id(root: str, station_id: StationId, evse_id: int) -> str:
    """Return the id of a device, 0 for the station's own."""
    parts = [object_part(root), object_part(station_id), *([str(evse_id)] if evse_id else [])]
    return _SEPARATOR.join(parts)


class Discovery:
    """The configuration topics of stations, in one style."""

    def __init__(
        self,
        *,
        topic_table: Topics,
        settings: DiscoverySettings,
        rules: CommandRules,
        settings_for: Callable[[Station], StationSettings],
    ) -> None:
        """Plug in the topics, what the owner wants, and what is known of each station."""
        self._topics = topic_table
        self._settings = settings
        self._rules = rules
        self._settings_for = settings_for
        self._prefix = object_part(topic_table.root) + _SEPARATOR

    # --- where ------------------------------------------------------------------------------

    def places(self, station: Station) -> list[Place]:
        """Return what is to be announced of a station, itself first: EVSEs refer to it."""
        if not is_public(station):
            return []
        found = []
        for evse_id in (STATION_EVSE, *sorted(station.evses)):
            if self._settings.style is DiscoveryStyle.DEVICE:
                found.append((evse_id, ""))
            else:
                found += [(evse_id, key) for key in self._wanted(station, evse_id)]
        return found

    def address(self, station_id: StationId, place: Place) -> str:
        """Return the configuration topic of a place."""
        evse_id, key = place
        object_id = self.object_id(station_id, evse_id)
        if not key:
            return self._topics.discovery_device(object_id)
        platform = next(each.platform for each in _components(evse_id) if each.key == key)
        return self._topics.discovery_entity(platform, object_id, key)

    def object_id(self, station_id: StationId, evse_id: int) -> str:
        """Return the id of a device: also its identifier and the beginning of its unique ids."""
        return device_id(self._topics.root, station_id, evse_id)

    def is_ours(self, object_id: str, payload: Mapping[str, Any]) -> bool:
        """Say whether a configuration that was found on the broker was written by this bridge."""
        if not object_id.startswith(self._prefix):
            return False
        if payload == MIGRATION:  # of a move that was cut short
            return True
        shared = payload.get("avty")
        return isinstance(shared, list) and self._bridge_availability() in shared

    # --- what -------------------------------------------------------------------------------

    def payload(self, station: Station, place: Place) -> Payload | None:
        """Return what a configuration topic says; None where there is nothing to announce."""
        evse_id, key = place
        if evse_id and evse_id not in station.evses:
            return None
        if not key:
            return self._device_payload(station, evse_id)
        component = self._wanted(station, evse_id).get(key)
        if component is None:
            return None
        options = self._component(component, self._facts(station), station, evse_id)
        return {**self._shared(station, evse_id), **options}

    def _device_payload(self, station: Station, evse_id: int) -> Payload:
        """Return a device with its components; those that it does not have are taken back."""
        facts = self._facts(station)
        components: Payload = {each.key: {"p": each.platform} for each in _components(evse_id)}
        for key, component in self._wanted(station, evse_id).items():
            components[key] |= self._component(component, facts, station, evse_id)
        return {**self._shared(station, evse_id), "cmps": components}

    def _wanted(self, station: Station, evse_id: int) -> dict[str, Component]:
        """Return the components that a device has, by their keys."""
        facts = self._facts(station)
        return {
            each.key: each
            for each in _components(evse_id)
            if each.wanted(facts) and self._may(each, station.id)
        }

    def _may(self, component: Component, station_id: StationId) -> bool:
        """Say whether Home Assistant may give the commands of a component."""
        controllers = self._rules.controllers
        if not controllers or not component.rights:
            return True
        rights = controllers.get(self._settings.controller)
        return rights is not None and all(
            rights.may_command(station_id, command) for command in component.rights
        )

    def _facts(self, station: Station) -> Facts:
        return Facts(
            settings=self._settings_for(station),
            can_switch_phases=station.learnt.phase_switching is not False,
            firmware_known=bool(station.boot and station.boot.firmware_version),
            require_ts=self._rules.require_ts,
            require_ttl=self._rules.require_ttl,
        )

    def _component(
        self, component: Component, facts: Facts, station: Station, evse_id: int
    ) -> Payload:
        options: Payload = {
            "name": component.name,
            "unique_id": f"{self.object_id(station.id, evse_id)}{_SEPARATOR}{component.key}",
            "default_entity_id": f"{component.platform}.{self._slug(station, evse_id)}"
            f"_{component.key}",
            "qos": _QOS,
        }
        if component.row is not None:
            options["state_topic"] = self._topics.station(component.row, station.id, evse_id)
        if component.template is not None:
            options["value_template"] = component.template
        if component.command is not None:
            below = component.command.format(controller=self._settings.controller)
            options["command_topic"] = self._topics.below_evse(station.id, evse_id, below)
            options["message_expiry_interval"] = COMMAND_EXPIRY_SECONDS
        if not component.needs_station:
            options["availability"] = [self._bridge_availability()]
        return _shortened({**options, **component.options, **component.options_for(facts)})

    # --- parts ------------------------------------------------------------------------------

    def _shared(self, station: Station, evse_id: int) -> Payload:
        """Return what holds for all components of a device."""
        return {
            "dev": self._device(station, evse_id),
            "o": {"name": ORIGIN, "sw": __version__, "url": SUPPORT_URL},
            "avty": [
                self._bridge_availability(),
                {"t": self._topics.station(topics.AVAILABILITY, station.id)},
            ],
            "avty_mode": "all",
        }

    def _bridge_availability(self) -> dict[str, str]:
        return {"t": self._topics.bridge(topics.BRIDGE_STATE)}

    def _device(self, station: Station, evse_id: int) -> Payload:
        boot = station.boot
        told = {
            "mf": boot and boot.vendor_name,
            "mdl": boot and boot.model,
            "sn": boot and boot.serial_number,
            "sw": boot and boot.firmware_version,
            "via_device": self.object_id(station.id, STATION_EVSE) if evse_id else None,
        }
        return {
            "ids": [self.object_id(station.id, evse_id)],
            "name": self._device_name(station, evse_id),
            **{key: value for key, value in told.items() if value},
        }

    def _name(self, station: Station) -> str:
        return self._settings.name_of(station.id) or station.id

    def _device_name(self, station: Station, evse_id: int) -> str:
        name = self._name(station)
        if not evse_id:
            return f"{name} station"
        return name if len(station.evses) == 1 else f"{name} {evse_id}"

    def _slug(self, station: Station, evse_id: int) -> str:
        """Return how the ids of entities begin, where Home Assistant is still free to choose."""
        plain = unicodedata.normalize("NFKD", self._name(station)).encode("ascii", "ignore")
        slug = _NO_SLUG.sub("_", plain.decode().lower()).strip("_")
        base = slug or object_part(station.id).lower()
        return f"{base}_{evse_id}" if evse_id else base


def _components(evse_id: int) -> tuple[Component, ...]:
    return EVSE_COMPONENTS if evse_id else STATION_COMPONENTS


def _shortened(options: Payload) -> Payload:
    return {_SHORT.get(key, key): value for key, value in options.items()}
