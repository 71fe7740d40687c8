"""`python -m bench.arbiter`: a million random interleavings of what controls one EVSE.

Runs `bench.interleavings` on all processors, from a seed that is printed: the same seed plays the
same interleavings again. Exit code 1 on any violation.
"""

import argparse
import multiprocessing
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from bench.interleavings import Verdict, play

BATCH: Final = 1000
"""Interleavings of one task; each has a seed of its own, made of the run's and its number."""
_SHOWN_VIOLATIONS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was played and what came of it."""

    interleavings: int
    seed: int
    processes: int
    seconds: float
    inputs: int
    """Messages, commands, answers and ticks that the station's rules were told."""
    writes: int
    """Profiles that were sent or cleared."""
    in_control_at_the_end: dict[str, int]
    violations: list[str]


def run(count: int, seed: int, processes: int) -> Report:
    """Play so many interleavings on so many processes."""
    began = time.monotonic()
    verdicts = list(_played(count, seed, processes))
    named: Counter[str] = Counter()
    for verdict in verdicts:
        named.update(verdict.named)
    return Report(
        interleavings=sum(verdict.interleavings for verdict in verdicts),
        seed=seed,
        processes=processes,
        seconds=round(time.monotonic() - began, 1),
        inputs=sum(verdict.inputs for verdict in verdicts),
        writes=sum(verdict.writes for verdict in verdicts),
        in_control_at_the_end=dict(named.most_common()),
        violations=[each for verdict in verdicts for each in verdict.violations],
    )


def _played(count: int, seed: int, processes: int) -> Iterator[Verdict]:
    sizes = [min(BATCH, count - begin) for begin in range(0, count, BATCH)]
    # a fresh interpreter each: to fork is not safe everywhere
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=processes, mp_context=spawn) as pool:
        tasks = [
            pool.submit(play, seed * len(sizes) + number, size)
            for number, size in enumerate(sizes)
        ]
        for number, task in enumerate(as_completed(tasks), 1):
            _progress(number, len(tasks))
            yield task.result()


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty() or done % max(1, of // 20) == 0 or done == of:
        print(f"\r{100 * done // of:3} %", end="", file=sys.stderr, flush=True)
    if done == of:
        print(file=sys.stderr)


def main(arguments: Iterable[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="script/arbiter", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="interleavings (%(default)s)")
    parser.add_argument("--seed", type=int, help="to play those of an earlier run (a new one)")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="at a time (%(default)s)"
    )
    parser.add_argument("--json", type=Path, help="also write the report to this file")
    options = parser.parse_args(None if arguments is None else list(arguments))
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"{options.count} interleavings, seed {seed}", flush=True)
    report = run(options.count, seed, options.processes)
    if options.json:
        options.json.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    for violation in report.violations[:_SHOWN_VIOLATIONS]:
        print(f"violation: {violation}")
    print(
        f"{report.inputs} inputs, {report.writes} profiles sent, {len(report.violations)} "
        f"violations, {report.seconds:.0f} s on {report.processes} processes"
    )
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
