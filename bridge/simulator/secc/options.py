"""What a simulated SECC is made of, and its part of the command line."""

import argparse
from dataclasses import dataclass
from typing import Final

from bridge.simulator.script import DEFAULT_SCRIPT, Script
from bridge.simulator.secc.quirks import SECC_QUIRKS, SeccQuirk

DEFAULT_PREFIX: Final = "pulsatrix/secc"
"""The documentation says `/pulsatrix/secc`, its examples leave the first slash out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccOptions:
    """The charge controllers to simulate; every default makes a sensible demo."""

    count: int = 1
    host: str = "127.0.0.1"
    port: int = 8081
    """Of REST and WebSocket; the next SECC has the next port. 0: any that is free."""
    mqtt_url: str = ""
    """Of the broker, mqtt://[user:password@]host[:port]; "": no MQTT."""
    mqtt_prefix: str = DEFAULT_PREFIX
    client_id: str = "A0123B4567C8"
    """MQTT client id and serial number; the next SECC's ends in a count."""
    phases: int = 3
    car_phases: int = 3
    effective_max_a: float = 32.0
    """What the SECC could offer, per phase: its hardware and installation."""
    cable_max_a: float = 32.0
    car_max_a: float = 16.0
    battery_kwh: float = 60.0
    soc_percent: float = 40.0
    push_interval_s: float = 5.0
    """How often WebSocket and MQTT tell everything, also without a change."""
    speed: float = 1.0
    seed: int = 1
    script: Script = DEFAULT_SCRIPT
    start_delay_s: float = 2.0
    quirks: frozenset[SeccQuirk] = frozenset()
    answer_delay_s: float = 3.0
    """How late an answer comes, with the quirk `slow_answers`."""


DEFAULTS: Final = SeccOptions()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only a SECC needs to the arguments of `simulate`."""
    group = parser.add_argument_group("charge controllers (SECC)")
    group.add_argument(
        "--secc",
        action="store_true",
        help="simulate charge controllers with their own API instead of OCPP stations",
    )
    group.add_argument(
        "--listen",
        type=_address,
        default=(DEFAULTS.host, DEFAULTS.port),
        metavar="HOST:PORT",
        help="of REST and WebSocket; each further SECC has the next port (default"
        f" {DEFAULTS.host}:{DEFAULTS.port})",
    )
    group.add_argument(
        "--mqtt-url",
        type=_mqtt_url,
        default=DEFAULTS.mqtt_url,
        metavar="URL",
        help="broker for the SECC's own topics (default: no MQTT)",
    )
    group.add_argument(
        "--mqtt-prefix",
        default=DEFAULTS.mqtt_prefix,
        metavar="TEXT",
        help="first part of those topics (default %(default)s)",
    )
    group.add_argument(
        "--client-id",
        default=DEFAULTS.client_id,
        metavar="TEXT",
        help="second part of those topics, the serial number (default %(default)s)",
    )
    width = max(map(len, SECC_QUIRKS))
    rows = (f"  {quirk.ljust(width)}  {meaning}" for quirk, meaning in SECC_QUIRKS.items())
    parser.epilog = "\n".join((parser.epilog or "", "", "quirks with --secc:", *rows))


def options_from(namespace: argparse.Namespace) -> SeccOptions:
    """Return the options of parsed arguments. Raises ValueError for a quirk of OCPP stations."""
    host, port = namespace.listen
    return SeccOptions(
        count=namespace.stations,
        host=host,
        port=port,
        mqtt_url=namespace.mqtt_url,
        mqtt_prefix=namespace.mqtt_prefix,
        client_id=namespace.client_id,
        phases=namespace.phases,
        car_phases=namespace.car_phases,
        effective_max_a=namespace.station_max_a,
        cable_max_a=namespace.cable_max_a,
        car_max_a=namespace.car_max_a,
        battery_kwh=namespace.battery_kwh,
        soc_percent=namespace.soc_percent,
        speed=namespace.speed,
        seed=namespace.seed,
        script=namespace.script,
        quirks=frozenset(SeccQuirk(str(name)) for name in namespace.quirks or ()),
        answer_delay_s=namespace.answer_delay,
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _mqtt_url(text: str) -> str:
    if text and not text.startswith("mqtt://"):
        raise argparse.ArgumentTypeError(f"{text} does not begin with mqtt://")
    return text
