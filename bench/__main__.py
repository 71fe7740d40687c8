"""`python -m bench`: the bridge beside a naive reference and the bare limit, in one run.

Needs the development extras and nothing else; uses only loopback. Without Mosquitto the broker is
amqtt, which is slower than what is measured: the table then says so.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from bench.broker import Broker, run_broker
from bench.certificate import self_signed
from bench.measure import Phase, Plan, measure, measure_memory
from bench.parsing import parsing_costs
from bench.process import REPOSITORY
from bench.report import Repetition, Results, medians, render, verdicts

PHASES: Final[dict[str, tuple[Phase, ...]]] = {
    "naive": ("closed", "open", "commands"),
    "naive+nodelay": ("open", "commands"),
    "bare": ("closed", "open"),
    "bridge": ("closed", "open", "commands", "frozen"),
}
MEMORY_SUBJECTS: Final = ("naive", "bridge")

_QUICK: Final = Plan(stations=100, seconds=4, commands=100, idle_stations=300)


def _say(text: str) -> None:
    """Show progress, where it does not mix with the report."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


async def _repetitions(
    subjects: list[str], repeat: int, plan: Plan, broker: Broker, directory: Path
) -> list[Repetition]:
    repetitions: list[Repetition] = []
    for number in range(1, repeat + 1):
        repetition: Repetition = {}
        for name in subjects:
            _say(f"repetition {number} of {repeat}: {name} ...")
            place = _empty(directory / f"{number}-{name}")
            repetition[name] = await measure(name, PHASES[name], plan, broker, place)
            _say(f"    {_short(repetition[name])}")
        repetitions.append(repetition)
    return repetitions


def _empty(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _short(report: dict[str, Any]) -> str:
    parts = []
    if "closed" in report:
        parts.append(f"{report['closed']['eventsPerCpuSecond']:.0f} events per CPU-second")
    if latency := report.get("open", {}).get("frameToSubscriberMs"):
        parts.append(f"p50 {latency['p50']:.2f} ms, p99 {latency['p99']:.2f} ms")
    if command := report.get("commands", {}).get("commandMs"):
        parts.append(f"command {command['p50']:.2f} ms")
    return ", ".join(parts)


async def _memory(
    subjects: list[str], plan: Plan, broker: Broker, directory: Path
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in (subject for subject in MEMORY_SUBJECTS if subject in subjects):
        _say(f"memory of {plan.idle_stations} idle stations: {name} ...")
        found[name] = await measure_memory(
            name, plan, broker, _empty(directory / f"memory-{name}")
        )
    certificate = self_signed(directory) if "bridge" in subjects else None
    if certificate is not None:
        _say(f"memory of {plan.idle_stations} idle stations: bridge with TLS ...")
        place = _empty(directory / "memory-tls")
        found["bridge+tls"] = await measure_memory("bridge", plan, broker, place, certificate)
    return found


async def run(arguments: argparse.Namespace) -> int:
    """Measure, print the report, write the JSON; return the exit code."""
    plan = _plan(arguments)
    subjects = arguments.subjects.split(",")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.work_dir) as work:
        directory = Path(work)
        async with run_broker(arguments.broker, directory) as broker:
            _say(f"broker {broker.name}, {plan.stations} stations, {plan.seconds:.0f} s a phase")
            results = Results(
                repetitions=await _repetitions(
                    subjects, arguments.repeat, plan, broker, directory
                ),
                memory={}
                if arguments.no_memory
                else await _memory(subjects, plan, broker, directory),
                parsing=parsing_costs(),
            )
    print(f"broker: {broker.name}\n{render(results)}")
    _write(arguments.json, results, plan, broker)
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    base = _QUICK if arguments.quick else Plan()
    return Plan(
        stations=arguments.stations or base.stations,
        seconds=arguments.seconds or base.seconds,
        rate=arguments.rate,
        commands=base.commands,
        idle_stations=base.idle_stations,
    )


def _write(path: Path, results: Results, plan: Plan, broker: Broker) -> None:
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": {
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "broker": broker.name,
        "plan": plan,
        "targets": verdicts(results),
        "medians": medians(results),
        "memory": results.memory,
        "parsing": results.parsing,
        "repetitions": results.repetitions,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    _say(f"wrote {path}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute, one repetition")
    parser.add_argument("--stations", type=int, help="in the loaded phases, default 300")
    parser.add_argument("--seconds", type=float, help="of each loaded phase, default 10")
    parser.add_argument("--rate", type=float, default=250, help="events per second, open loop")
    parser.add_argument("--repeat", type=int, help="alternating repetitions, default 5")
    parser.add_argument("--subjects", default=",".join(PHASES), help="default: %(default)s")
    parser.add_argument("--no-memory", action="store_true", help="leave the idle stations out")
    parser.add_argument("--broker", metavar="URL", help="mqtt://[user:password@]host[:port]")
    parser.add_argument(
        "--work-dir",
        type=Path,
        help="where the bridge's store is; default: the system's temporary directory",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=REPOSITORY / "bench-results/latest.json"
    )
    arguments = parser.parse_args()
    if arguments.repeat is None:
        arguments.repeat = 1 if arguments.quick else 5
    unknown = set(arguments.subjects.split(",")) - set(PHASES)
    if unknown:
        parser.error(f"unknown subjects: {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(asyncio.run(run(parse_arguments())))
