"""`python -m bench.secc_faults`: a charge controller dies, freezes, restarts and lies, 100 times.

The controller is a process of its own that is read and limited by each of its APIs in turn (`--face`
chooses one). The seed decides what is done to it, each fault as often as any other. After each, the
controller and all documents have to be as the limit that is wanted says; every fifth time, and in the
end, it is given up, and no lease may be left. In the end the Oracle compares the events of
transactions with the sessions that the car really had. Exit code 1 on any violation.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import orjson

from bench.broker import run_broker
from bench.secc_faults.run import FACES, Outcome, Plan, run_faults, summary


async def _run(arguments: argparse.Namespace, seed: int, directory: Path) -> list[Outcome]:
    outcomes = []
    async with run_broker(arguments.broker, directory) as broker:
        for face in arguments.face or FACES:
            place = directory / face
            place.mkdir()
            root = f"secc-{time.monotonic_ns():x}"
            plan = Plan(face=face, faults=arguments.faults, seed=seed)
            outcome = await run_faults(plan, place, broker, root, tell=_tell)
            print(summary(outcome), flush=True)
            outcomes.append(outcome)
    return outcomes


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.secc_faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=100, help="by each API (%(default)s)")
    parser.add_argument("--face", choices=FACES, action="append", help="one of its APIs (all)")
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--broker", metavar="URL", help="mqtt://[user:password@]host[:port]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report here")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    print(f"secc_faults: seed {seed}", file=sys.stderr)
    directory = Path(tempfile.mkdtemp(prefix="secc-faults-"))
    outcomes = asyncio.run(_run(arguments, seed, directory))
    kept = all(outcome.kept for outcome in outcomes)
    if arguments.json:
        report = {"kept": kept, "seed": seed, "faces": [asdict(each) for each in outcomes]}
        arguments.json.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    if kept:
        shutil.rmtree(directory)
        return 0
    print(f"stores: {directory}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
