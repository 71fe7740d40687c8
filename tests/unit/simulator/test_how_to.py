"""The page for users of the simulator says what the simulator does."""

import json
import re
from pathlib import Path

from bridge.simulator.quirks import QUIRKS
from bridge.simulator.script import STEPS, parse_script

PAGE = (Path(__file__).parents[3] / "docs/how-to/simulate-a-charger.md").read_text("utf-8")


def test_the_table_of_quirks_is_complete_and_says_the_same_as_help() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows == {str(quirk): meaning for quirk, meaning in QUIRKS.items()}


def test_the_script_is_one_and_shows_every_step() -> None:
    (text,) = re.findall(r"<<'END'\n(.*?)^END$", PAGE, re.MULTILINE | re.DOTALL)
    script = parse_script(json.loads(text))
    assert {type(step) for step in script.steps} == set(STEPS.values())
