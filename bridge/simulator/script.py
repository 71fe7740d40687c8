"""The script of a session: what the driver does, as data.

A script is a list of steps, carried out one after the other at each EVSE and begun anew at
its end. As a JSON file::

    {"repeat": true, "steps": [
        {"step": "plug_in", "soc_percent": 40},
        {"step": "authorize", "id_token": "SIMULATOR"},
        {"step": "charge", "seconds": 1800, "until_soc_percent": 80},
        {"step": "stop"},
        {"step": "unplug"},
        {"step": "wait", "seconds": 20}
    ]}

or only the list of steps, which then repeats. Somebody else at the station takes part with
`{"step": "external_limit", "limit_a": 10, "source": "EMS"}` and, without `limit_a`, steps back.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Final

import orjson

from bridge.simulator.external import SOURCES
from bridge.simulator.wire import JsonObject


class ScriptError(ValueError):
    """A script file cannot be used; the message names the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugIn:
    """Plug a car in, with `soc_percent` in its battery (default: the option's)."""

    soc_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """Present a token, and wait for the verdict; nothing to do where it is authorized."""

    id_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Leave the car connected until the first of the conditions that are given is met.

    `seconds` count from the step's begin; `kwh` is what this transaction imported. Without
    any condition: until the battery is full. A transaction that somebody else ends does not
    end the step while `seconds` last: the car stays plugged in and may be started remotely.
    """

    seconds: float | None = None
    kwh: float | None = None
    until_soc_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Present the token again: stop charging; nothing to do where nothing is authorized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplug:
    """Take the car away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImposeLimit:
    """Have somebody else limit the station to `limit_a` per phase; None: not any longer."""

    limit_a: float | None = None
    source: str = "EMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakDown:
    """Have the EVSE fail with a ChargePointErrorCode of OCPP 1.6; None: it is mended."""

    error_code: str | None = None


Step = PlugIn | Authorize | Charge | Stop | Unplug | Wait | ImposeLimit | BreakDown

ERROR_CODES: Final = (
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
)
"""ChargePointErrorCode of OCPP 1.6, without NoError; in 2.x the connector is Faulted only."""

STEPS: Final[dict[str, type[Step]]] = {
    "plug_in": PlugIn,
    "authorize": Authorize,
    "charge": Charge,
    "stop": Stop,
    "unplug": Unplug,
    "wait": Wait,
    "external_limit": ImposeLimit,
    "fault": BreakDown,
}
"""The name of each step in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Steps, and whether they begin anew at the end."""

    steps: tuple[Step, ...]
    repeat: bool = True


DEFAULT_SCRIPT: Final = Script(
    steps=(
        PlugIn(),
        Wait(seconds=1),
        Authorize(),
        Charge(seconds=1800),
        Stop(),
        Wait(seconds=2),
        Unplug(),
        Wait(seconds=20),
    )
)
"""Half an hour of charging, then a short pause, for ever."""


def load_script(path: Path) -> Script:
    """Read a script file.

    Raises:
        ScriptError: it cannot be read, is not JSON, or a step is not as documented.
    """
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ScriptError(f"{path}: {error}") from error
    return parse_script(document)


def parse_script(document: object) -> Script:
    """Return the script of a JSON document: a list of steps or an object with them.

    Raises:
        ScriptError: a step is not as documented.
    """
    match document:
        case [*steps]:
            return Script(steps=_parse_steps(steps))
        case {"steps": [*steps], **rest} if rest.keys() <= {"repeat"}:
            repeat = rest.get("repeat", True)
            if isinstance(repeat, bool):
                return Script(steps=_parse_steps(steps), repeat=repeat)
    raise ScriptError('a script is a list of steps or {"repeat": true | false, "steps": [...]}')


def _parse_steps(items: list[object]) -> tuple[Step, ...]:
    if not items:
        raise ScriptError("a script has at least one step")
    return tuple(_parse_step(number, item) for number, item in enumerate(items, start=1))


def _parse_step(number: int, item: object) -> Step:
    arguments: JsonObject = dict(item) if isinstance(item, dict) else {}
    name = arguments.pop("step", None)
    if not isinstance(name, str) or name not in STEPS:
        raise ScriptError(f'step {number}: "step" is one of {", ".join(STEPS)}')
    kind = STEPS[name]
    _check_arguments(f"step {number} ({name})", kind, arguments)
    return kind(**arguments)


def _check_arguments(where: str, kind: type[Step], arguments: JsonObject) -> None:
    known = {field.name: field for field in fields(kind)}
    for name, value in arguments.items():
        if name not in known:
            raise ScriptError(
                f"{where}: no argument {name!r}; known: {', '.join(known) or 'none'}"
            )
        accepts, wanted = _ARGUMENTS.get(name, _A_NUMBER)
        if not accepts(value):
            raise ScriptError(f"{where}: {name} is not {wanted}")
    for name, field in known.items():
        if field.default is MISSING and name not in arguments:
            raise ScriptError(f"{where}: {name} is missing")


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and value >= 0


_Check = tuple[Callable[[object], bool], str]
_A_NUMBER: Final[_Check] = (_is_number, "a number from 0 up")
_ARGUMENTS: Final[dict[str, _Check]] = {
    "id_token": (lambda value: isinstance(value, str), "a text"),
    "error_code": (lambda value: value in ERROR_CODES, f"one of {', '.join(ERROR_CODES)}"),
    "source": (lambda value: value in SOURCES, f"one of {', '.join(SOURCES)}"),
}
"""What an argument that is no number has to be."""
