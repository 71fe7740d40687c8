"""The list of what stations do names every item, and tests that there are."""

import ast
from functools import cache
from pathlib import Path

import pytest

from bridge.domain.quirks import EFFECTS
from tests.quirk_items import ITEMS, PAGE, Item, page

ROOT = Path(__file__).parents[2]
NUMBER_OF_ITEMS = 46


@cache
def defined_in(module: str) -> frozenset[str]:
    """Return the tests of a module, those of a class as `Class::test`."""
    tree = ast.parse((ROOT / "tests" / module).read_text(encoding="utf-8"))
    found = {name for name in map(_name, tree.body) if name}
    for each in tree.body:
        if isinstance(each, ast.ClassDef):
            found |= {f"{each.name}::{name}" for name in map(_name, each.body) if name}
    return frozenset(found)


def _name(node: ast.stmt) -> str:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    return node.name if node.name.startswith("test_") else ""


def test_every_item_is_there_once() -> None:
    assert [item.number for item in ITEMS] == list(range(1, NUMBER_OF_ITEMS + 1))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item.number))
def test_each_test_of_an_item_exists(item: Item) -> None:
    assert item.tests
    for node in item.tests:
        module, _, name = node.partition("::")
        assert name in defined_in(module), node


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item.number))
def test_an_item_says_what_is_done_or_why_not(item: Item) -> None:
    assert item.done or item.left


def test_each_quirk_is_named_by_its_items() -> None:
    told = {item.number: item.done for item in ITEMS}
    for quirk, effect in EFFECTS.items():
        assert any(f"`{quirk}`" in told[number] for number in effect.items), quirk


def test_the_page_is_up_to_date() -> None:
    committed = (ROOT / PAGE).read_text(encoding="utf-8")
    assert committed == page(), "run: python -m tests.quirk_items"
