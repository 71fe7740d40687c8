"""What the demo shows: the newest documents as a table, the newest events as lines.

Fed with topics and payloads as any subscriber gets them, so that what is shown is what is on MQTT.
"""

from collections import deque
from typing import Any, Final

import orjson
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

SHOWN_EVENTS: Final = 8
_STATE_STYLES: Final = {"Charging": "green", "Faulted": "red", "SuspendedEVSE": "yellow"}


class View:
    """The demo's picture of the topics."""

    def __init__(self, root: str, notes: list[str], hints: list[str]) -> None:
        """Start empty; `notes` stand above the table, `hints` (commands to try) below it."""
        self._prefix = f"{root}/v1/cs/"
        self.notes = notes
        self.hints = hints
        self._documents: dict[str, dict[str, dict[str, Any]]] = {}
        self._lines: deque[str] = deque(maxlen=SHOWN_EVENTS)

    def take(self, topic: str, payload: bytes) -> str | None:
        """Take a message in; return the line that tells of it, None where it is not worth one."""
        if not topic.startswith(self._prefix):
            return None
        place, _, kind = topic.removeprefix(self._prefix).partition("/")
        evse, _, kind = kind.partition("/")
        if kind.startswith(_NOT_OURS) or not payload.startswith(b"{"):
            return None
        document = orjson.loads(payload)
        line = _line(kind, document)
        if kind in _DOCUMENTS:
            shown = self._documents.setdefault(f"{place}/{evse}", {})
            changed = _said(kind, shown.get(kind)) != _said(kind, document)
            shown[kind] = document
            line = line if changed else None
        if line is not None:
            line = f"{place}/{evse} {line}"
            self._lines.append(line)
        return line

    def render(self) -> RenderableType:
        """Return the picture for a terminal."""
        table = Table(expand=True, header_style="bold")
        for title in ("EVSE", "state", "in control", "offered", "current", "power", "session"):
            table.add_column(title, justify="left" if title in {"EVSE", "state"} else "right")
        for place, documents in sorted(self._documents.items()):
            if "state" in documents:
                table.add_row(place, *_row(documents))
        return Group(
            *(Text(note) for note in self.notes),
            table,
            Panel("\n".join(self._lines) or "waiting for the first message", title="on MQTT"),
            Panel("\n".join(self.hints), title="try from a second terminal"),
        )


_DOCUMENTS: Final = frozenset({"state", "allocation", "transaction", "meter"})
_NOT_OURS: Final = ("cmd/", "set/")
"""What people type: it need not be JSON, and its result is shown."""


def _row(documents: dict[str, dict[str, Any]]) -> list[Text]:
    state = documents["state"]
    meter = documents.get("meter", {})
    allocation = documents.get("allocation", {})
    transaction = documents.get("transaction", {})
    currents = [amps for amps in meter.get("currentA") or [] if amps is not None]
    return [
        Text(state["state"], style=_STATE_STYLES.get(state["state"], "")),
        Text(str(allocation.get("allocationSourceName", "")), style="bold cyan"),
        Text(_quantity(allocation.get("offeredA"), "A")),
        Text(_quantity(max(currents, default=None), "A")),
        Text(_quantity(meter.get("powerW"), "W", 0)),
        Text(_quantity(transaction.get("energyWh"), "Wh", 0)),
    ]


def _quantity(value: float | None, unit: str, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f} {unit}"


def _line(kind: str, document: dict[str, Any]) -> str | None:
    if kind == "event/transaction":
        state = document["transaction"].get("chargingState") or ""
        reason = document["transaction"].get("stoppedReason") or ""
        words = ("event", document["eventType"], document["triggerReason"], state, reason)
        return " ".join(word for word in words if word)
    if kind == "event/status":
        return f"status {document.get('connectorStatus') or document.get('status')}"
    if kind.startswith("res/"):
        return f"result {document['cmd']} {document['status']} ({document['code']})"
    if kind == "allocation":
        name, offered = document["allocationSourceName"], document["offeredA"]
        on = " on one phase" if document.get("onePhaseLimitActive") else ""
        return f"in control: {name}, {offered:g} A offered{on}"
    if kind == "event/fault":
        return f"fault {document['code']}: {document['message']}"
    return f"state {document['state']}" if kind == "state" else None


def _said(kind: str, document: dict[str, Any] | None) -> object:
    """Return what a line about a document would say, to tell news from repetition."""
    return None if document is None else _line(kind, document)
