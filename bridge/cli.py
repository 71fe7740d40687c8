"""The command line: `ocpp-mqtt-bridge COMMAND ...`, or `python -m bridge COMMAND ...`.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. What a command tells goes to
standard output, an error is one line on standard error. Each command imports what it needs when
it is called, so that `--help` answers at once.
"""

import argparse
import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge import __version__

if TYPE_CHECKING:
    from bridge.config import Config
    from bridge.store.opening import StorePlace

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One sub-command: its arguments and what it does. `run` returns the exit code."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        namespace = _parser(given).parse_args(given)
        command: Command = namespace.command
        code = command.run(namespace)
        sys.stdout.flush()  # here, where a reader that has gone is no news
        return code  # noqa: TRY300 - the handlers are for the command, not only for the parser
    except SystemExit as end:  # argparse: 0 after --help, 2 after an error
        return end.code if isinstance(end.code, int) else WRONG_USAGE
    except BrokenPipeError:
        _silence_output()
        return DONE
    except KeyboardInterrupt:
        return FAILED


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the one command that is asked for."""
    parser = argparse.ArgumentParser(
        prog="ocpp-mqtt-bridge",
        description="OCPP charging stations on MQTT topics, and MQTT in control of the charging.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((each for each in given if not each.startswith("-")), None)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.summary, description=f"{command.summary}."
        )
        sub.set_defaults(command=command)
        if command.name == wanted:
            command.add_arguments(sub)
    return parser


def _silence_output() -> None:
    """Keep Python from complaining at its end that the reader of our output has gone."""
    sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end


def _complain(sentences: Iterable[str], code: int) -> int:
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    return code


def _run_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine in the fastest event loop there is."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform, and slow to import
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


# --- run ----------------------------------------------------------------------------------


def _add_config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the store (bridge.data_dir)")


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    _add_config_argument(parser)
    parser.add_argument("--mqtt-url", metavar="URL", help="broker (mqtt.url)")
    parser.add_argument(
        "--ocpp-listen", metavar="ADDR", help="host:port for stations (ocpp.listen)"
    )
    parser.add_argument(
        "--http-listen", metavar="ADDR", help='host:port for HTTP, "" = none (http.listen)'
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="log.level"
    )
    parser.add_argument("--log-format", choices=("human", "json"), help="log.format")


_OVERRIDES: Final = {
    "data_dir": ("bridge", "data_dir"),
    "mqtt_url": ("mqtt", "url"),
    "ocpp_listen": ("ocpp", "listen"),
    "http_listen": ("http", "listen"),
    "log_level": ("log", "level"),
    "log_format": ("log", "format"),
}
"""Arguments that stand for a key of the configuration, and win over it."""


def _config(namespace: argparse.Namespace) -> "Config":
    """Return the configuration with the command line's say. Raises ConfigError."""
    from bridge.config import load_config  # noqa: PLC0415 - see the module's docstring

    overrides: dict[str, dict[str, str]] = {}
    for argument, (section, key) in _OVERRIDES.items():
        value = getattr(namespace, argument, None)
        if value is not None:
            overrides.setdefault(section, {})[key] = value
    return load_config(namespace.config, overrides=overrides)


def _run(namespace: argparse.Namespace) -> int:
    from bridge.config import ConfigError  # noqa: PLC0415

    try:
        config = _config(namespace)
    except ConfigError as error:
        return _complain(error.problems, WRONG_USAGE)
    return _serve(config)


def _serve(config: "Config") -> int:
    from bridge.adapter_settings import StartError  # noqa: PLC0415
    from bridge.app import run  # noqa: PLC0415
    from bridge.ports import StoreError  # noqa: PLC0415
    from bridge.telemetry.logs import configure_logging  # noqa: PLC0415

    configure_logging(config.log.level, config.log.format)
    try:
        return _run_loop(run(config))
    except (StartError, StoreError) as error:
        return _complain([str(error)], FAILED)
    except OSError as error:
        reason = _why_not_listening(error)
        if reason is None:
            raise
        return _complain(
            [f"cannot listen on {config.ocpp.listen} (ocpp.listen): {reason}"], FAILED
        )


def _why_not_listening(error: OSError) -> str | None:
    """Return the reason in the system's words, None where it is another trouble."""
    if isinstance(error, socket.gaierror):
        return error.strerror
    if error.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}:
        return os.strerror(error.errno)  # the loops word theirs differently
    return None


# --- demo, simulate, pub, sub -------------------------------------------------------------


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    from bridge.demo.run import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def _demo(namespace: argparse.Namespace) -> int:
    from bridge.demo.run import main as demo  # noqa: PLC0415

    return demo(namespace)


def _add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    from bridge.simulator import options  # noqa: PLC0415
    from bridge.simulator.secc import SECC_QUIRKS  # noqa: PLC0415
    from bridge.simulator.secc import options as secc  # noqa: PLC0415

    options.add_arguments(parser, SECC_QUIRKS)
    secc.add_arguments(parser)


def _simulate(namespace: argparse.Namespace) -> int:
    from bridge.telemetry.logs import configure_logging  # noqa: PLC0415

    configure_logging("info", "human")
    try:
        work = _simulated_seccs(namespace) if namespace.secc else _simulated_stations(namespace)
    except ValueError as error:
        return _complain([str(error)], WRONG_USAGE)
    try:
        return _run_loop(_simulate_until_told(work))
    except OSError as error:
        reason = _why_not_listening(error)
        if reason is None:
            raise
        return _complain([f"cannot listen (--listen): {reason}"], FAILED)


_Simulation = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def _simulated_stations(namespace: argparse.Namespace) -> _Simulation:
    from bridge.simulator import options_from, simulate  # noqa: PLC0415

    return partial(simulate, options_from(namespace))


def _simulated_seccs(namespace: argparse.Namespace) -> _Simulation:
    from bridge.simulator.secc import simulate_secc  # noqa: PLC0415
    from bridge.simulator.secc.options import options_from  # noqa: PLC0415

    return partial(simulate_secc, options_from(namespace))


async def _simulate_until_told(simulation: _Simulation) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await simulation(stop)
    return DONE


def _add_pub_arguments(parser: argparse.ArgumentParser) -> None:
    from bridge.mqtt.tools import add_pub_arguments  # noqa: PLC0415

    add_pub_arguments(parser)


def _pub(namespace: argparse.Namespace) -> int:
    from bridge.mqtt.tools import pub  # noqa: PLC0415

    return _run_loop(pub(namespace))


def _add_sub_arguments(parser: argparse.ArgumentParser) -> None:
    from bridge.mqtt.tools import add_sub_arguments  # noqa: PLC0415

    add_sub_arguments(parser)


def _sub(namespace: argparse.Namespace) -> int:
    from bridge.mqtt.tools import sub  # noqa: PLC0415

    return _run_loop(sub(namespace))


# --- check-config, export-schemas ---------------------------------------------------------


def _add_check_config_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", type=Path, metavar="FILE", help="TOML file")


def _check_config(namespace: argparse.Namespace) -> int:
    from bridge.config import ConfigError  # noqa: PLC0415
    from bridge.config.render import as_toml  # noqa: PLC0415

    try:
        config = _config(namespace)
    except ConfigError as error:
        return _complain(error.problems, WRONG_USAGE)
    print(as_toml(config), end="")
    return DONE


def _add_export_schemas_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path("schemas"),
        metavar="DIR",
        help="where to write them (default %(default)s)",
    )


def _export_schemas(namespace: argparse.Namespace) -> int:
    from bridge.config.model import config_json_schema  # noqa: PLC0415
    from bridge.http.app import openapi  # noqa: PLC0415
    from bridge.mqtt.schemas import all_schemas, render  # noqa: PLC0415

    documents = {
        **all_schemas(),
        "config.schema.json": config_json_schema(),
        "openapi.json": openapi(),
    }
    try:
        for name, document in documents.items():
            path = namespace.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(document), encoding="utf-8")
    except OSError as error:
        return _complain([f"cannot write {error.filename}: {error.strerror}"], FAILED)
    print(f"{len(documents)} documents written to {namespace.directory}")
    return DONE


# --- what is in the store -----------------------------------------------------------------------------


def _store_actions(module: str) -> Callable[[argparse.ArgumentParser], None]:
    """Return what adds the actions of a module of `bridge.store`, each of which is `_told`."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        for sub in import_module(f"bridge.store.{module}").add_actions(parser):
            _add_config_argument(sub)
            has_work = sub.get_default("carry_out") is not None
            sub.set_defaults(action=_told if has_work else _change_password)

    return add_arguments


def _in_store(namespace: argparse.Namespace) -> int:
    """Do `namespace.action` with the store of the configuration."""
    from bridge.config import ConfigError  # noqa: PLC0415
    from bridge.ports import StoreError  # noqa: PLC0415

    action: Callable[[StorePlace, argparse.Namespace], int] = namespace.action
    try:
        return action(_store_place(_config(namespace)), namespace)
    except ConfigError as error:
        return _complain(error.problems, WRONG_USAGE)
    except StoreError as error:
        return _complain([str(error)], FAILED)


def _store_place(config: "Config") -> "StorePlace":
    from bridge.store.opening import StorePlace  # noqa: PLC0415

    return StorePlace(
        data_dir=config.bridge.data_dir, url=config.store.url, bridge_id=config.bridge.id
    )


def _told(place: "StorePlace", namespace: argparse.Namespace) -> int:
    """Do `namespace.carry_out`, and print the text or the table that it returns."""
    from bridge.engine.clock import SystemClock  # noqa: PLC0415

    told = namespace.carry_out(place, namespace, SystemClock())
    if isinstance(told, str):
        print(told)
    elif told is not None:
        _print_table(told[0], told[1:])
    return DONE


def _change_password(place: "StorePlace", namespace: argparse.Namespace) -> int:
    """Have the bridge that runs change a station's password: it alone can talk to it."""
    from bridge.engine.clock import SystemClock  # noqa: PLC0415
    from bridge.http.client import NotDoneError, change_password  # noqa: PLC0415
    from bridge.ports import Scope  # noqa: PLC0415
    from bridge.store.opening import lent_token  # noqa: PLC0415

    try:
        with lent_token(place, Scope.STATIONS, SystemClock()) as token:
            change_password(_config(namespace).http.address, namespace.station, token)
    except NotDoneError as error:
        return _complain([str(error)], FAILED)
    print(f"{namespace.station} has a new password; the present one is good too until it is used")
    return DONE


def _print_table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print cells in columns; what stations and controllers have named cannot steer a terminal."""
    from bridge.telemetry.redaction import escaped  # noqa: PLC0415

    table = [headings, *(tuple(map(escaped, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


# --- audit --------------------------------------------------------------------------------


def _add_audit_arguments(parser: argparse.ArgumentParser) -> None:
    from bridge.store.audit_command import add_arguments  # noqa: PLC0415

    _add_config_argument(parser)
    add_arguments(parser)
    parser.set_defaults(action=_audit)


def _audit(place: "StorePlace", namespace: argparse.Namespace) -> int:
    from bridge.engine.clock import SystemClock  # noqa: PLC0415
    from bridge.store import audit_command, audit_text  # noqa: PLC0415

    records = audit_command.find(place, namespace, SystemClock().now())
    if namespace.format == "table":
        _print_table(audit_text.HEADINGS, map(audit_text.table_line, records))
    else:
        print({"json": audit_text.as_json, "csv": audit_text.as_csv}[namespace.format](records))
    return DONE


COMMANDS: Final = (
    Command(
        name="run",
        summary="run the bridge",
        add_arguments=_add_run_arguments,
        run=_run,
    ),
    Command(
        name="demo",
        summary="run broker, bridge and a simulated station, and watch them",
        add_arguments=_add_demo_arguments,
        run=_demo,
    ),
    Command(
        name="simulate",
        summary="simulate charging stations",
        add_arguments=_add_simulate_arguments,
        run=_simulate,
    ),
    Command(
        name="pub",
        summary="publish one MQTT message",
        add_arguments=_add_pub_arguments,
        run=_pub,
    ),
    Command(
        name="sub",
        summary="print MQTT messages as they come",
        add_arguments=_add_sub_arguments,
        run=_sub,
    ),
    Command(
        name="check-config",
        summary="explain what is wrong with the configuration, or print what takes effect",
        add_arguments=_add_check_config_arguments,
        run=_check_config,
    ),
    Command(
        name="export-schemas",
        summary="write the JSON Schemas, the AsyncAPI and the OpenAPI document",
        add_arguments=_add_export_schemas_arguments,
        run=_export_schemas,
    ),
    Command(
        name="stations",
        summary="list, approve or forget charging stations, change their passwords",
        add_arguments=_store_actions("stations_command"),
        run=_in_store,
    ),
    Command(
        name="token",
        summary="make, list and revoke tokens of the HTTP service",
        add_arguments=_store_actions("token_command"),
        run=_in_store,
    ),
    Command(
        name="transactions",
        summary="list, show or export transactions",
        add_arguments=_store_actions("transactions_command"),
        run=_in_store,
    ),
    Command(
        name="backup",
        summary="copy the store, also while the bridge runs",
        add_arguments=_store_actions("backup_command"),
        run=_in_store,
    ),
    Command(
        name="audit",
        summary="show who changed what: allocations and commands, the newest last",
        add_arguments=_add_audit_arguments,
        run=_in_store,
    ),
)
