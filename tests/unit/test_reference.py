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
from bridge.reference.schemas import described, words_of

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


# --- AsyncAPI and OpenAPI


def test_every_page_of_the_reference_is_generated() -> None:
    by_tests = {"conformance.md", "charger-quirks.md"}
    """`python -m tests.conformance.page`, `python -m tests.quirk_items`."""
    assert {each.name for each in (ROOT / DIRECTORY).glob("*.md")} == PAGES.keys() | by_tests


def test_every_operation_and_payload_of_asyncapi_is_on_its_page() -> None:
    document = json.loads((ROOT / "schemas/asyncapi.json").read_text(encoding="utf-8"))
    page = PAGES["asyncapi.md"]
    for name, operation in document["operations"].items():
        channel = document["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
        assert f"| `{name}` | `{channel['address']}` |" in page
    assert headings(page, after="## Schemas") == sorted(document["components"]["schemas"])


def test_every_operation_and_body_of_openapi_is_on_its_page() -> None:
    document = json.loads((ROOT / "schemas/openapi.json").read_text(encoding="utf-8"))
    page = PAGES["openapi.md"]
    operations = [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    ]
    assert sorted(headings(page, before="## Schemas")) == sorted(operations)
    assert headings(page, after="## Schemas") == sorted(document["components"]["schemas"])


@pytest.mark.parametrize("name", ["asyncapi.md", "openapi.md"])
def test_no_heading_of_a_page_is_there_twice(name: str) -> None:
    titles = [title.lower() for title in re.findall(r"^##+ (.*)$", PAGES[name], re.MULTILINE)]
    assert len(titles) == len(set(titles)), "links would lead to the first"


def test_a_required_key_is_marked_where_others_may_be_left_out() -> None:
    schema = {
        "properties": {"id": {"type": "string"}, "note": {"type": "string"}},
        "required": ["id"],
    }
    text = "\n".join(described(words_of({}), schema))
    assert "| `id` (required) | text |" in text
    assert "| `note` | text |" in text


def headings(page: str, *, before: str = "", after: str = "") -> list[str]:
    """Return the headings of the third level in a part of a page."""
    part = page.partition(before)[0] if before else page.partition(after)[2]
    return re.findall(r"^### (.*)$", part, re.MULTILINE)
