"""The states of the MQTT source on one EVSE, as a table (allocation.md).

Each row says what must be so for its state, and the first row that fits counts; so the table is
total, and from every state every other can be reached when the facts change. What people see is
which fact took them from one to the other: the diagram is generated from the same rows.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final

from msgspec import Struct

from bridge.domain.records import replace


class Facts(Struct, frozen=True, kw_only=True):
    """What the state depends on."""

    online: bool
    recovering: bool
    """The bridge or the station has started, and what is installed is being read back."""
    settled: bool
    """Nothing is left to be written to the station."""
    live: bool
    """At least one MQTT controller has a live slot."""
    binding: bool
    """The MQTT source's limit is the one that counts."""
    failsafe: bool
    """It is the fail-safe's."""


class Row(Struct, frozen=True):
    """A state, what must be so for it, and the words for what leads to it."""

    state: str
    needs: dict[str, bool]
    when: str


TABLE: Final = (
    Row("released", {"live": False, "settled": True}, "no controller claims anything"),
    Row("suspended", {"online": False}, "the station is offline; leases run on"),
    Row("recovering", {"recovering": True}, "started again: reading back what is installed"),
    Row("pending", {"settled": False}, "accepted, on its way to the station"),
    Row("failsafe", {"binding": True, "failsafe": True}, "the last lease has run out"),
    Row("active", {"binding": True}, "in force and the lowest limit"),
    Row("standby", {}, "in force, another limit is lower"),
)
"""Each state with its facts; a fact that a row does not name does not matter to it."""


def state_of(facts: Facts) -> str:
    """Return the state of the first row that fits; the last one always does."""
    return next(row.state for row in TABLE if _fits(row, facts))


def _fits(row: Row, facts: Facts) -> bool:
    return all(getattr(facts, name) is value for name, value in row.needs.items())


_WAYS: Final = (
    ("released", "pending"),
    ("pending", "active"),
    ("pending", "standby"),
    ("pending", "failsafe"),
    ("pending", "released"),
    ("active", "standby"),
    ("standby", "active"),
    ("active", "pending"),
    ("standby", "pending"),
    ("failsafe", "pending"),
    ("active", "suspended"),
    ("standby", "suspended"),
    ("failsafe", "suspended"),
    ("suspended", "recovering"),
    ("suspended", "pending"),
    ("recovering", "pending"),
    ("recovering", "active"),
)
"""The ways that are worth drawing, each by the change of one fact."""

_WORDS: Final = {
    ("online", True): "the station is back",
    ("online", False): "the station is offline",
    ("recovering", False): "it is known what the station has",
    ("settled", True): "the station has accepted",
    ("settled", False): "something else is wanted",
    ("binding", True): "it is the lowest limit",
    ("binding", False): "another limit is lower",
}


def causes(before: str, after: str) -> set[tuple[str, bool]]:
    """Return the facts, with their new values, each of which alone leads from state to state."""
    return {
        (name, not getattr(facts, name))
        for facts in _possible()
        if state_of(facts) == before
        for name in Facts.__struct_fields__
        if state_of(replace(facts, **{name: not getattr(facts, name)})) == after
    }


def _possible() -> Iterator[Facts]:
    """Return all facts that go together: what is not live does not bind."""
    for values in product((False, True), repeat=len(Facts.__struct_fields__)):
        facts = Facts(**dict(zip(Facts.__struct_fields__, values, strict=True)))
        if facts.live or not (facts.binding or facts.failsafe):
            yield facts


def diagram() -> str:
    """Return the table as a Mermaid state diagram, for the documentation."""
    words = {row.state: row.when for row in TABLE}
    lines = ["stateDiagram-v2", "    [*] --> released"]
    lines += [f"    {row.state} : {row.state} - {words[row.state]}" for row in TABLE]
    for before, after in _WAYS:
        (why,) = {_WORDS[cause] for cause in causes(before, after)}
        lines.append(f"    {before} --> {after} : {why}")
    return "\n".join(lines) + "\n"
