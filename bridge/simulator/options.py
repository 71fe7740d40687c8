"""What a simulation is made of, and its command line."""

import argparse
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from bridge.simulator.external import PlannedLimit, parse_planned_limit
from bridge.simulator.preinstalled import Preinstalled, parse_preinstalled
from bridge.simulator.quirks import QUIRKS, Quirk
from bridge.simulator.script import DEFAULT_SCRIPT, Script, ScriptError, load_script
from bridge.simulator.wire import SUBPROTOCOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """The stations to simulate; every default makes a sensible demo."""

    url: str = "ws://127.0.0.1:9000"
    """Of the CSMS, without the station id; `user:password@` in it is used as it is."""
    version: str = "2.0.1"
    """Of OCPP: a key of `wire.SUBPROTOCOLS`."""
    stations: int = 1
    id_prefix: str = "SIM"
    """Station n is called prefix + n with three digits."""
    station_ids: tuple[str, ...] = ()
    """Names of the stations, instead of `stations` and `id_prefix`."""
    password: str = ""
    """HTTP Basic password (security profile 1); the user is the station id."""
    vendor: str = "ocpp-mqtt-bridge"
    """Who made it, as it says when it boots."""
    model: str = "Simulator"
    firmware: str = "1"
    evses: int = 1
    phases: int = 3
    """Phases of the station, 1 or 3."""
    car_phases: int = 3
    """Phases that the car can use, 1 to 3; no more than the station has."""
    station_max_a: float = 32.0
    """What each EVSE can offer, per phase."""
    cable_max_a: float = 32.0
    car_max_a: float = 16.0
    battery_kwh: float = 60.0
    soc_percent: float = 40.0
    """State of charge of a car that is plugged in."""
    meter_interval_s: float = 10.0
    speed: float = 1.0
    """Factor on the car and the script: a battery fills, and a step passes, this much faster.

    Timestamps, heartbeats, meter intervals and profiles keep real time, since the peer does.
    """
    seed: int = 1
    """Of the voltage wobble and the reconnect jitter."""
    script: Script = DEFAULT_SCRIPT
    id_token: str = "SIMULATOR"  # noqa: S105  the number of an RFID card
    start_delay_s: float = 2.0
    """Between the first accepted boot and the first step of the script."""
    connection_timeout_s: float = 60.0
    """EVConnectionTimeOut: how long an authorization waits for the car."""
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 30.0
    reboot_s: float = 2.0
    """How long a station is away after a Reset."""
    external_limits: tuple[PlannedLimit, ...] = ()
    """Limits of somebody else that come and go; `speed` makes them come faster."""
    installed_profiles: tuple[Preinstalled, ...] = ()
    """Profiles of somebody else that are there from the beginning."""
    availability_events: bool = False
    """OCPP 2.1: connectors' states are told by NotifyEvent instead of StatusNotification."""
    quirks: frozenset[Quirk] = frozenset()
    answer_delay_s: float = 3.0
    """How late a CALL is answered, with the quirk `slow_answers`."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all stations."""
        return self.station_ids or tuple(
            f"{self.id_prefix}{number:03d}" for number in range(1, self.stations + 1)
        )

    @property
    def hardware_max_a(self) -> float:
        """What contactor and cable carry, A per phase."""
        return min(self.station_max_a, self.cable_max_a)


DEFAULTS: Final = SimulatorOptions()


def add_arguments(parser: argparse.ArgumentParser, further_quirks: Collection[str] = ()) -> None:
    """Add the arguments of `simulate` to a parser; `--quirk` also takes these further names."""
    _add_stations(parser)
    _add_physics(parser)
    _add_limits(parser)
    _add_quirks(parser, further_quirks)
    parser.add_argument(
        "--script",
        type=_script,
        default=DEFAULT_SCRIPT,
        metavar="FILE",
        help="JSON file with the steps of a session (default: charge half an hour, repeat)",
    )
    parser.add_argument(
        "--id-token",
        default=DEFAULTS.id_token,
        metavar="TEXT",
        help="token that the driver presents (default %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULTS.seed,
        metavar="N",
        help="of the voltage wobble and the reconnect jitter (default %(default)s)",
    )


def options_from(namespace: argparse.Namespace) -> SimulatorOptions:
    """Return the options of parsed arguments. Raises ValueError for a quirk of something else."""
    return SimulatorOptions(
        url=namespace.url,
        version=namespace.version,
        stations=namespace.stations,
        id_prefix=namespace.id_prefix,
        station_ids=tuple(namespace.station_ids or ()),
        password=namespace.password,
        vendor=namespace.vendor,
        model=namespace.model,
        firmware=namespace.firmware,
        evses=namespace.evses,
        phases=namespace.phases,
        car_phases=namespace.car_phases,
        station_max_a=namespace.station_max_a,
        cable_max_a=namespace.cable_max_a,
        car_max_a=namespace.car_max_a,
        battery_kwh=namespace.battery_kwh,
        soc_percent=namespace.soc_percent,
        meter_interval_s=namespace.meter_interval,
        speed=namespace.speed,
        seed=namespace.seed,
        script=namespace.script,
        id_token=namespace.id_token,
        external_limits=tuple(namespace.external_limits or ()),
        installed_profiles=tuple(namespace.installed_profiles or ()),
        availability_events=namespace.availability_events,
        quirks=frozenset(Quirk(name) for name in namespace.quirks or ()),
        answer_delay_s=namespace.answer_delay,
    )


def _add_stations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        type=_websocket_url,
        default=DEFAULTS.url,
        metavar="URL",
        help="of the central system, without the station id (default %(default)s)",
    )
    parser.add_argument(
        "--version",
        choices=tuple(SUBPROTOCOLS),
        default=DEFAULTS.version,
        help="OCPP version (default %(default)s)",
    )
    parser.add_argument(
        "--availability-events",
        action="store_true",
        help="with --version 2.1: tell connectors' states by NotifyEvent",
    )
    parser.add_argument(
        "--stations",
        type=_positive_int,
        default=DEFAULTS.stations,
        metavar="N",
        help="how many (default %(default)s)",
    )
    parser.add_argument(
        "--id-prefix",
        default=DEFAULTS.id_prefix,
        metavar="TEXT",
        help="ids are this and a number (default %(default)s)",
    )
    parser.add_argument(
        "--station-id",
        action="append",
        dest="station_ids",
        metavar="ID",
        help="id of a station, instead of prefix and number; may be given several times",
    )
    parser.add_argument(
        "--password",
        default=DEFAULTS.password,
        metavar="TEXT",
        help="HTTP Basic password; the user is the station id",
    )
    for flag, default, text in (
        ("--vendor", DEFAULTS.vendor, "who made it"),
        ("--model", DEFAULTS.model, "what it is"),
        ("--firmware", DEFAULTS.firmware, "version of its software"),
    ):
        parser.add_argument(
            flag,
            default=default,
            metavar="TEXT",
            help=f"{text}, as it says when it boots (default %(default)s)",
        )
    parser.add_argument(
        "--evses",
        type=_positive_int,
        default=DEFAULTS.evses,
        metavar="N",
        help="EVSEs of each station (default %(default)s)",
    )


def _add_physics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--phases",
        type=int,
        choices=(1, 3),
        default=DEFAULTS.phases,
        help="of the station (default %(default)s)",
    )
    parser.add_argument(
        "--car-phases",
        type=int,
        choices=(1, 2, 3),
        default=DEFAULTS.car_phases,
        help="that the car can use, where the station has them (default %(default)s)",
    )
    numbers = {
        "--station-max-a": (DEFAULTS.station_max_a, "A", "what an EVSE can offer per phase"),
        "--cable-max-a": (DEFAULTS.cable_max_a, "A", "coding of the cable"),
        "--car-max-a": (DEFAULTS.car_max_a, "A", "what the car takes per phase"),
        "--battery-kwh": (DEFAULTS.battery_kwh, "KWH", "size of the car's battery"),
        "--meter-interval": (DEFAULTS.meter_interval_s, "SECONDS", "between meter values"),
        "--speed": (DEFAULTS.speed, "FACTOR", "how much faster cars charge and scripts run"),
    }
    for flag, (default, metavar, text) in numbers.items():
        parser.add_argument(
            flag,
            type=_positive,
            default=default,
            metavar=metavar,
            help=f"{text} (default {default:g})",
        )
    parser.add_argument(
        "--soc-percent",
        type=_percent,
        default=DEFAULTS.soc_percent,
        metavar="PERCENT",
        help="state of charge of a car that arrives (default %(default)g)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--external-limit",
        action="append",
        dest="external_limits",
        type=_told(parse_planned_limit),
        metavar="LIMIT",
        help="limit of somebody else at the station: 16 (A per phase, for ever), 16@30..90"
        " (seconds after the boot), SO:7000W@60.. (by EMS, SO or Other; in W), 10,evse=2;"
        " may be given several times",
    )
    parser.add_argument(
        "--installed-profile",
        action="append",
        dest="installed_profiles",
        type=_told(parse_preinstalled),
        metavar="PROFILE",
        help="charging profile that is there already: max=20 (A per phase, the whole station),"
        " default=10,evse=1, default/3=11000W (stackLevel 3); may be given several times",
    )


def _add_quirks(parser: argparse.ArgumentParser, further: Collection[str]) -> None:
    width = max(map(len, QUIRKS))
    rows = (f"  {quirk.ljust(width)}  {meaning}" for quirk, meaning in QUIRKS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # keep the table's lines
    parser.epilog = "\n".join(("quirks:", *rows))
    parser.add_argument(
        "--quirk",
        action="append",
        dest="quirks",
        type=_told(partial(_quirk, further)),
        metavar="NAME",
        help="misbehave as some real stations do; --help lists the names; may be given several"
        " times",
    )
    parser.add_argument(
        "--answer-delay",
        type=_positive,
        default=DEFAULTS.answer_delay_s,
        metavar="SECONDS",
        help=f"of the quirk slow_answers (default {DEFAULTS.answer_delay_s:g})",
    )


_Value = TypeVar("_Value")


def _told(parse: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Return a parser whose complaint argparse shows as it is."""

    def parse_argument(text: str) -> _Value:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument


def _quirk(further: Collection[str], text: str) -> str:
    if text in QUIRKS or text in further:
        return text
    known = dict.fromkeys((*QUIRKS, *further))
    raise ValueError(f"{text} is not one of {', '.join(known)}")


def _websocket_url(text: str) -> str:
    if not text.startswith(("ws://", "wss://")):
        raise argparse.ArgumentTypeError(f"{text} does not begin with ws:// or wss://")
    return text


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _percent(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100")
    return value


def _script(text: str) -> Script:
    try:
        return load_script(Path(text))
    except ScriptError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
