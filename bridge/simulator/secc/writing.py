"""What clients write: limits by REST, two-line commands by WebSocket, numbers by MQTT."""

import math
from collections.abc import Mapping
from typing import Any, Final

from bridge.simulator.secc.limits import HIGHEST_A, HIGHEST_W, Lease
from bridge.simulator.secc.model import SeccModel
from bridge.simulator.secc.quirks import SeccQuirk

HIGHEST_TIMEOUT_MS: Final = 86_400_000.0


def write_limits(model: SeccModel, given: Mapping[str, Any]) -> bool:
    """Take a PUT of limits; False where it is refused. What is left out stays as it is."""
    if SeccQuirk.REFUSE_LIMITS in model.quirks:
        return False
    lease = model.limits.api
    values: dict[str, float | None] = {}
    for name, (key, highest) in _WRITABLE.items():
        for spelling in _spellings(model, key):
            if spelling in given:
                read = _number(model, given[spelling], highest)
                if read is None:
                    return False
                values[name] = read[0]
    enabled = given.get("enabled", given.get("setEnabled"))
    if enabled is not None and not isinstance(enabled, bool):
        return False
    _store(lease, values)
    if enabled is not None:
        lease.enabled = enabled
    model.lease_changed(lease)
    return True


_WRITABLE: Final = {
    "amps": ("amperageLimit", HIGHEST_A),
    "watts": ("powerLimit", HIGHEST_W),
    "timeout": ("timeout", HIGHEST_TIMEOUT_MS),
}
"""What of a lease is written by which key, and at most which value."""


def _spellings(model: SeccModel, key: str) -> list[str]:
    """Return both ways in which the documentation writes a key, but for a quirk."""
    long = f"set{key[0].upper()}{key[1:]}"
    if SeccQuirk.PLAIN_KEYS_ONLY in model.quirks:
        return [key]
    return [long] if SeccQuirk.SET_KEYS_ONLY in model.quirks else [key, long]


def _number(model: SeccModel, value: Any, highest: float) -> tuple[float | None] | None:
    """Return a number, or NaN as None, in a tuple; None where it is neither."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None if SeccQuirk.NO_NAN in model.quirks else (None,)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return (float(value),) if 0 <= value <= highest else None


def _store(lease: Lease, values: Mapping[str, float | None]) -> None:
    if "amps" in values:
        lease.amps = values["amps"]
    if "watts" in values:
        lease.watts = values["watts"]
    timeout = values.get("timeout")
    if timeout:
        lease.timeout_ms = int(timeout)


def read_text(text: str) -> float | None:
    """Return a number that a client has sent as text, NaN included; None: it is none."""
    try:
        return float(text.strip())
    except ValueError:
        return None


def command(model: SeccModel, text: str) -> None:
    """Carry out a WebSocket command of two lines; what it does not know it ignores."""
    name, _, value = text.partition("\n")
    value = value.strip()
    match name.strip(), value:
        case "setEnabled", "true" | "false":
            write_limits(model, {"enabled": value == "true"})
        case "set1p3p", "true" | "false":
            model.hold_to_one_phase(active=value == "true")
        case ("setCurrentLimit" | "setPowerLimit" | "setTimeout") as which, _:
            number = read_text(value)
            if number is not None:
                write_command(model, which, number)


def write_command(model: SeccModel, which: str, number: float) -> None:
    """Set one value by its command."""
    plain = {"setCurrentLimit": "amperageLimit", "setPowerLimit": "powerLimit"}
    key = plain.get(which, "timeout")
    write_limits(model, {_spellings(model, key)[0]: number})


def mqtt_write(model: SeccModel, topic: str, text: str) -> None:
    """Take a message of `charging/amperageLimit`, `powerLimit` or `limitTimeout`."""
    number = read_text(text)
    if number is None or SeccQuirk.REFUSE_LIMITS in model.quirks:
        return
    name, highest = _MQTT[topic]
    read = _number(model, number, highest)
    if read is None:
        return
    lease = model.limits.mqtt
    _store(lease, {name: read[0]})
    lease.enabled = lease.amps is not None or lease.watts is not None
    model.lease_changed(lease)


_MQTT: Final = {
    "charging/amperageLimit": ("amps", HIGHEST_A),
    "charging/powerLimit": ("watts", HIGHEST_W),
    "charging/limitTimeout": ("timeout", HIGHEST_TIMEOUT_MS),
}
MQTT_WRITABLE: Final = tuple(_MQTT)
"""Topics that clients write, below prefix and client id."""
