"""The points at which a test may have the bridge die; script/torture shows what they are for."""

import os
import subprocess
import sys

import pytest

from bridge import crash


def _run(program: str, wish: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, crash.VARIABLE: wish},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_a_wish_the_points_do_nothing_whichever_they_are() -> None:
    assert crash.passing(None) is crash.passing("")
    assert crash.passes is crash.passes_soon is crash.passing(None)
    for point in crash.POINTS:
        crash.passes(point)


def test_the_process_dies_at_the_wanted_passage_without_cleaning_up() -> None:
    program = """
import atexit
from bridge.crash import passes
atexit.register(print, "cleaned up")
for number in range(1, 6):
    passes("received")
    passes("after-commit")
    print(number, flush=True)
"""
    ended = _run(program, "after-commit:3")

    assert ended.returncode == crash.EXIT_CODE
    assert ended.stdout.split() == ["1", "2"]


def test_what_goes_out_at_the_end_of_a_turn_has_gone_out_before_the_process_dies() -> None:
    program = """
import asyncio
from bridge.crash import passes_soon
async def main():
    asyncio.get_running_loop().call_soon(lambda: print("gone out", flush=True))
    passes_soon("after-publish")
    print("handed over", flush=True)
    await asyncio.sleep(10)
asyncio.run(main())
"""
    ended = _run(program, "after-publish:1")

    assert ended.returncode == crash.EXIT_CODE
    assert ended.stdout.split("\n")[:2] == ["handed over", "gone out"]


@pytest.mark.parametrize("wish", ["received", "received:", "received:0", "received:x", "no:1"])
def test_a_wish_that_cannot_be_met_is_refused_with_the_names_of_the_points(wish: str) -> None:
    with pytest.raises(SystemExit, match=r"must be point:number, points are received, before-co"):
        crash.passing(wish)
