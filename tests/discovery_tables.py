"""The options, abbreviations and device classes of Home Assistant's MQTT discovery.

From its public pages, as of release 2026.11, for the platforms that a charging station needs;
`tests.discovery_rules` checks messages by them.
"""

from collections.abc import Mapping
from typing import Final

# --- Names ----------------------------------------------------------------------------------

SHORT: Final[Mapping[str, str]] = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmd_t": "command_topic",
    "cmd_tpl": "command_template",
    "cmps": "components",
    "def_ent_id": "default_entity_id",
    "dev": "device",
    "dev_cla": "device_class",
    "e": "encoding",
    "en": "enabled_by_default",
    "ent_cat": "entity_category",
    "ent_pic": "entity_picture",
    "evt_typ": "event_types",
    "exp_aft": "expire_after",
    "frc_upd": "force_update",
    "ic": "icon",
    "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template",
    "l_ver_t": "latest_version_topic",
    "l_ver_tpl": "latest_version_template",
    "lrst_val_tpl": "last_reset_value_template",
    "msg_exp_int": "message_expiry_interval",
    "o": "origin",
    "obj_id": "object_id",
    "off_dly": "off_delay",
    "ops": "options",
    "opt": "optimistic",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_inst": "payload_install",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "pl_prs": "payload_press",
    "pl_rst": "payload_reset",
    "rel_s": "release_summary",
    "rel_u": "release_url",
    "ret": "retain",
    "stat_cla": "state_class",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_t": "state_topic",
    "sug_dsp_prc": "suggested_display_precision",
    "t": "topic",
    "tit": "title",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
DEVICE_SHORT: Final[Mapping[str, str]] = {
    "cns": "connections",
    "cu": "configuration_url",
    "hw": "hw_version",
    "ids": "identifiers",
    "mdl": "model",
    "mdl_id": "model_id",
    "mf": "manufacturer",
    "sa": "suggested_area",
    "sn": "serial_number",
    "sw": "sw_version",
}
ORIGIN_SHORT: Final[Mapping[str, str]] = {"sw": "sw_version", "url": "support_url"}
DEVICE_KEYS: Final = frozenset(DEVICE_SHORT.values()) | {"name", "via_device"}
ORIGIN_KEYS: Final = frozenset({"name", "sw_version", "support_url"})
AVAILABILITY_KEYS: Final = frozenset(
    {"topic", "payload_available", "payload_not_available", "value_template"}
)
AVAILABILITY_OPTIONS: Final = frozenset(
    {
        "availability",
        "availability_mode",
        "availability_template",
        "availability_topic",
        "payload_available",
        "payload_not_available",
    }
)
SHARED_KEYS: Final = AVAILABILITY_OPTIONS | {
    "device",
    "origin",
    "components",
    "state_topic",
    "command_topic",
    "qos",
    "encoding",
}
"""Of a device message; older releases refuse it as a whole for any other key."""
COMMON_KEYS: Final = AVAILABILITY_OPTIONS | {
    "default_entity_id",
    "enabled_by_default",
    "encoding",
    "entity_category",
    "entity_picture",
    "icon",
    "json_attributes_template",
    "json_attributes_topic",
    "message_expiry_interval",
    "name",
    "platform",
    "qos",
    "unique_id",
}
_READS: Final = frozenset({"state_topic", "value_template"})
_WRITES: Final = frozenset({"command_topic", "command_template", "retain"})
PLATFORM_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "binary_sensor": _READS
    | {"device_class", "expire_after", "force_update", "off_delay", "payload_off", "payload_on"},
    "button": _WRITES | {"device_class", "payload_press"},
    "event": _READS | {"device_class", "event_types"},
    "number": _READS
    | _WRITES
    | {
        "device_class",
        "max",
        "min",
        "mode",
        "optimistic",
        "payload_reset",
        "step",
        "unit_of_measurement",
    },
    "select": _READS | _WRITES | {"optimistic", "options"},
    "sensor": _READS
    | {
        "device_class",
        "expire_after",
        "force_update",
        "last_reset_value_template",
        "options",
        "state_class",
        "suggested_display_precision",
        "unit_of_measurement",
    },
    "switch": _READS
    | _WRITES
    | {"device_class", "optimistic", "payload_off", "payload_on", "state_off", "state_on"},
    "update": _READS
    | {
        "command_topic",
        "device_class",
        "display_precision",
        "latest_version_template",
        "latest_version_topic",
        "payload_install",
        "release_summary",
        "release_url",
        "retain",
        "title",
    },
}
"""Platforms that we use, and what each may have beside the common keys."""
REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "binary_sensor": frozenset({"state_topic"}),
    "button": frozenset({"command_topic"}),
    "event": frozenset({"state_topic", "event_types"}),
    "number": frozenset({"command_topic"}),
    "select": frozenset({"command_topic", "options"}),
    "sensor": frozenset({"state_topic"}),
    "switch": frozenset({"command_topic"}),
    "update": frozenset({"state_topic"}),
}

# --- Device classes -------------------------------------------------------------------------

_MEASUREMENT: Final = frozenset({"measurement"})
_TOTALS: Final = frozenset({"total", "total_increasing"})
_NONE: Final[frozenset[str]] = frozenset()
SENSOR_CLASSES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "apparent_power": (frozenset({"mVA", "VA", "kVA"}), _MEASUREMENT),
    "battery": (frozenset({"%"}), _MEASUREMENT),
    "current": (frozenset({"A", "mA"}), _MEASUREMENT),
    "date": (_NONE, _NONE),
    "duration": (frozenset({"d", "h", "min", "s", "ms"}), _MEASUREMENT | _TOTALS),
    "energy": (
        frozenset({"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh"}),
        _TOTALS,
    ),
    "energy_storage": (
        frozenset({"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh"}),
        _MEASUREMENT,
    ),
    "enum": (_NONE, _NONE),
    "frequency": (frozenset({"mHz", "Hz", "kHz", "MHz", "GHz"}), _MEASUREMENT),
    "power": (frozenset({"mW", "W", "kW", "MW", "GW", "TW"}), _MEASUREMENT),
    "power_factor": (frozenset({"%"}), _MEASUREMENT),
    "reactive_power": (frozenset({"mvar", "var", "kvar"}), _MEASUREMENT),
    "signal_strength": (frozenset({"dB", "dBm"}), _MEASUREMENT),
    "temperature": (frozenset({"°C", "°F", "K"}), _MEASUREMENT),
    "timestamp": (_NONE, _NONE),
    "voltage": (frozenset({"µV", "mV", "V", "kV", "MV"}), _MEASUREMENT),
}
"""Units and state classes of those that a charging station may need."""
STATE_CLASSES: Final = frozenset({"measurement", "measurement_angle", "total", "total_increasing"})
OTHER_CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "binary_sensor": frozenset(
        "battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat "
        "light lock moisture motion moving occupancy opening plug power presence problem running "
        "safety smoke sound tamper update vibration window".split()
    ),
    "button": frozenset({"identify", "restart", "update"}),
    "event": frozenset({"button", "doorbell", "motion"}),
    "switch": frozenset({"outlet", "switch"}),
    "update": frozenset({"firmware"}),
}
