"""The states of the MQTT source, and the diagram that is drawn from their table."""

from itertools import product

import pytest

from bridge.domain.mqtt_state import TABLE, Facts, causes, diagram, state_of

NAMES = tuple(Facts.__struct_fields__)


def facts(**known: bool) -> Facts:
    usual = {"online": True, "settled": True, "live": True, "binding": True}
    return Facts(**{"recovering": False, "failsafe": False} | usual | known)


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ({"live": False, "binding": False}, "released"),
        ({"live": False, "binding": False, "online": False}, "released"),
        ({"live": False, "binding": False, "settled": False}, "pending"),
        ({"settled": False}, "pending"),
        ({}, "active"),
        ({"binding": False}, "standby"),
        ({"failsafe": True}, "failsafe"),
        ({"failsafe": True, "binding": False}, "standby"),
        ({"online": False}, "suspended"),
        ({"online": False, "recovering": True}, "suspended"),
        ({"recovering": True}, "recovering"),
        ({"recovering": True, "settled": False}, "recovering"),
    ],
)
def test_the_facts_make_the_state(known: dict[str, bool], state: str) -> None:
    assert state_of(facts(**known)) == state


def test_all_facts_make_one_of_the_seven_states() -> None:
    every = [
        Facts(**dict(zip(NAMES, values, strict=True)))
        for values in product((False, True), repeat=len(NAMES))
    ]
    assert {state_of(each) for each in every} == {row.state for row in TABLE}


def test_what_leads_from_one_state_to_another() -> None:
    assert causes("active", "standby") == {("binding", False)}
    assert causes("released", "failsafe") == set()


def test_the_diagram_shows_each_state_and_only_ways_that_there_are() -> None:
    lines = [line.strip() for line in diagram().splitlines()]
    assert lines[:2] == ["stateDiagram-v2", "[*] --> released"]
    assert lines[2 : 2 + len(TABLE)] == [f"{r.state} : {r.state} - {r.when}" for r in TABLE]
    ways = [line.partition(" : ")[0].split(" --> ") for line in lines[2 + len(TABLE) :]]
    assert all(causes(before, after) for before, after in ways)
    states = {row.state for row in TABLE}
    assert {before for before, _ in ways} == {after for _, after in ways} == states
    assert "active --> standby : another limit is lower" in lines
