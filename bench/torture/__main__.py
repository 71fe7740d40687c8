"""`python -m bench.torture`: what a bridge promises, tried while everything around it fails.

Stations charge without pause while a scenario does its worst; at the end the stations finish, the
outbox drains, and the Oracles judge from the stations' acknowledgements, the store, the MQTT trace
and the results of commands. Exit code 1 on any violation.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import orjson

from bench.process import REPOSITORY
from bench.torture.scenarios import REPEATS_PER_DEATH, SCENARIOS, Outcome, document, run_scenario
from bench.torture.stage import Torment

_SHOWN_VIOLATIONS: Final = 20


def summary(outcome: Outcome) -> str:
    """Return what a person reads."""
    report = document(outcome)
    events = report["events"]
    lines = [
        f"{report['scenario']}: {report['rounds']} rounds, {outcome.seconds:.0f} s",
        f"{report['stations']} stations, seed {report['seed']}, broker {report['broker']}",
        f"events sent {events['sent']}, acknowledged {events['acknowledged']}",
        f"in the store {events['stored']}, transactions in the record {events['records']}",
        f"on MQTT {events['delivered']}, of which repeated {events['repeatedDeliveries']}",
        f"station retries {events['retries']}, of which reached a bridge {events['resent']}",
        *_repeat_lines(outcome.repeats_per_death),
        *_command_lines(report["commands"]),
        *(f"{name}: {_plain(value)}" for name, value in report["figures"].items()),
        *_start_lines(report["starts"]),
        f"exit code after SIGTERM {report['exitCode']}",
    ]
    violations = outcome.violations
    shown = violations[:_SHOWN_VIOLATIONS]
    lines += [f"VIOLATION {violation.invariant}: {violation.detail}" for violation in shown]
    lines.append("every promise kept" if outcome.kept else f"{len(violations)} violations")
    return "\n".join(lines)


def _repeat_lines(repeats: float | None) -> list[str]:
    if repeats is None:
        return []
    found = "at most" if repeats <= REPEATS_PER_DEATH else "MORE THAN"
    return [f"repeated per death {repeats:.2f}, {found} the {REPEATS_PER_DEATH:.0f} wanted"]


def _command_lines(commands: dict[str, Any] | None) -> list[str]:
    if commands is None:
        return []
    return [
        f"commands given {commands['given']}, visibly carried out {commands['carriedOutVisibly']}",
        f"closest to an expiry {commands['closestToExpirySeconds']:+.3f} s",
    ]


def _start_lines(starts: dict[str, Any] | None) -> list[str]:
    if starts is None:
        return []
    return [
        f"start until listening: {starts['medianSeconds']} s, longest {starts['longestSeconds']} s"
    ]


def _plain(value: object) -> str:
    return orjson.dumps(value).decode()


def write_report(folder: Path, outcome: Outcome) -> None:
    """Write the outcome as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"torture-{outcome.torment.scenario}.json"
    path.write_bytes(orjson.dumps(document(outcome), option=orjson.OPT_INDENT_2) + b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument(
        "--scenario", choices=[*SCENARIOS], action="append", help="default: all, one after another"
    )
    parser.add_argument("--rounds", type=int, help="default: by scenario")
    parser.add_argument("--full", action="store_true", help="as many rounds as prove the promise")
    parser.add_argument("--stations", type=int, help="default: by scenario")
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--subject", choices=["bridge", "naive"], default="bridge")
    parser.add_argument("--broker", metavar="URL", help="mqtt://[user:password@]host[:port]")
    parser.add_argument(
        "--reports", type=Path, metavar="FOLDER", default=REPOSITORY / "bench-results"
    )
    return parser


def _torment(name: str, arguments: argparse.Namespace) -> Torment:
    scenario = SCENARIOS[name]
    rounds = scenario.full_rounds if arguments.full else scenario.rounds
    return Torment(
        scenario=name,
        rounds=rounds if arguments.rounds is None else arguments.rounds,
        stations=scenario.stations if arguments.stations is None else arguments.stations,
        seed=arguments.seed if arguments.seed is not None else random.randrange(2**32),
        subject=arguments.subject,
        longest_seconds=scenario.longest_seconds,
    )


async def _until_told_to_stop(
    torment: Torment, directory: Path, broker_url: str | None
) -> Outcome:
    """Run a scenario; SIGTERM ends it with all its processes, as Ctrl-C does."""
    running = asyncio.current_task()
    assert running is not None  # noqa: S101  # we are in it
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await run_scenario(torment, directory, broker_url)


def main() -> int:
    """Run, print summaries, write reports; return 1 where a promise was broken."""
    arguments = _parser().parse_args()
    broken = []
    for name in arguments.scenario or SCENARIOS:
        torment = _torment(name, arguments)
        print(f"{name}: seed {torment.seed}", file=sys.stderr)
        directory = Path(tempfile.mkdtemp(prefix="torture-"))
        outcome = asyncio.run(_until_told_to_stop(torment, directory, arguments.broker))
        write_report(arguments.reports, outcome)
        print(summary(outcome), end="\n\n", flush=True)
        if outcome.kept:
            shutil.rmtree(directory)
        else:
            broken.append(name)
            print(f"logs and store: {directory}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
