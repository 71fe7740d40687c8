"""The reference pages say what the code says."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from bridge.api import commands, explained, remarks
from bridge.domain.annotations import Remark
from bridge.domain.commands import ResultCode, ResultStatus
from bridge.mqtt import reference as mqtt
from bridge.reference import DIRECTORY, MQTT_PAGE, filled, pages, parts_of

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = pages(ROOT / DIRECTORY)


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_up_to_date(name: str) -> None:
    committed = (ROOT / DIRECTORY / name).read_text(encoding="utf-8")
    assert committed == PAGES[name], "run: python -m bridge.reference"


def test_every_code_of_a_warning_is_explained_once() -> None:
    tables = (remarks.TEXT, remarks.MENDED, remarks.KEPT, remarks.ASSUMED, remarks.KNOWN)
    assert Counter(code for table in tables for code in table) == Counter(Remark)


def test_every_generated_part_has_its_place_in_the_page() -> None:
    assert sorted(parts_of(PAGES[MQTT_PAGE])) == sorted(mqtt.sections())


def test_a_part_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("<!-- generated: nothing -->\n<!-- end -->", {})


def test_filling_a_page_twice_changes_nothing() -> None:
    page = "before\n<!-- generated: part -->\nold\n<!-- end -->\nafter\n"
    once = filled(page, {"part": "new"})
    assert once == "before\n<!-- generated: part -->\n\nnew\n\n<!-- end -->\nafter\n"
    assert filled(once, {"part": "new"}) == once


def test_every_code_and_status_is_explained() -> None:
    assert set(explained.CODES) == set(ResultCode)
    statuses = mqtt.sections()["statuses"]
    assert all(f"| `{status}` |" in statuses for status in ResultStatus)


def test_reserved_codes_are_those_that_no_code_gives() -> None:
    enumeration = ROOT / "bridge/domain/commands.py"
    words = ROOT / "bridge/api/explained.py"
    statuses = ROOT / "bridge/http/problems.py"
    given: set[str] = set()
    for path in (ROOT / "bridge").rglob("*.py"):
        if path not in {enumeration, words, statuses}:
            given |= set(re.findall(r"ResultCode\.([A-Z_]+)", path.read_text(encoding="utf-8")))
    assert {code for code in ResultCode if code.name not in given} == explained.RESERVED_CODES


@pytest.mark.parametrize("name", commands.COMMAND_MODELS)
def test_the_example_of_each_command_is_one(name: str) -> None:
    commands.COMMAND_MODELS[name].model_validate(json.loads(explained.EXAMPLES[name]))


def test_no_key_is_left_without_a_word() -> None:
    sections = mqtt.sections()
    for part in ("head", "event-head", "documents", "common", "commands", "result"):
        silent = [line for line in sections[part].splitlines() if line.endswith("|  |")]
        assert silent == [], part


def test_the_page_of_the_command_line_names_each_command_and_its_arguments() -> None:
    page = PAGES["cli.md"]
    for wanted in ("## run", "`--mqtt-url URL`", "### approve", "## pub", "`--stations N`"):
        assert wanted in page
