"""From figures to a verdict: medians, ratios within one run, and what performance.md asks for.

A ratio is the median over the repetitions of the ratio within each repetition: subjects of one
repetition run one after another, so a slow moment of the machine touches both sides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.quantiles import median

Repetition = dict[str, dict[str, Any]]
"""The reports of `measure` by subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that one run of the benchmark measured."""

    repetitions: Sequence[Repetition]
    memory: dict[str, dict[str, Any]]
    parsing: dict[str, float]

    def figure(self, subject: str, *path: str) -> float | None:
        """Return the median of a figure over the repetitions, None where it was not measured."""
        return median([value for r in self.repetitions if (value := _at(r, subject, *path))])

    def ratio(self, subject: str, other: str, *path: str) -> float | None:
        """Return the median ratio of a figure between two subjects."""
        ratios = [
            mine / theirs
            for r in self.repetitions
            if (mine := _at(r, subject, *path)) and (theirs := _at(r, other, *path))
        ]
        return median(ratios)

    def parsing_ratio(self) -> float | None:
        """Return the bridge's parse + validate time over that of the `ocpp` package."""
        mine = self.parsing.get("bridge")
        return None if mine is None else mine / self.parsing["ocpp"]

    def kib_per_station(self, subject: str) -> float | None:
        """Return the memory of an idle station in KiB, None where it was not measured."""
        return _at(self.memory, subject, "kibPerStation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A row of performance.md's table "to reach"."""

    name: str
    unit: str
    first: float
    then: float
    at_least: bool
    figure: Callable[[Results], float | None]

    def reached(self, value: float, bound: float) -> bool:
        """Tell whether a value is on the right side of a bound."""
        return value >= bound if self.at_least else value <= bound


def _ratio(subject: str, other: str, *path: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(subject, other, *path)


def _figure(subject: str, *path: str) -> Callable[[Results], float | None]:
    return lambda results: results.figure(subject, *path)


def _memory(subject: str) -> Callable[[Results], float | None]:
    return lambda results: results.kib_per_station(subject)


TARGETS: Final = (
    Target(
        name="events per CPU-second against naive",
        unit="x",
        first=10,
        then=20,
        at_least=True,
        figure=_ratio("bridge", "naive", "closed", "eventsPerCpuSecond"),
    ),
    Target(
        name="share of the bare limit",
        unit="x",
        first=0.20,
        then=0.40,
        at_least=True,
        figure=_ratio("bridge", "bare", "closed", "eventsPerCpuSecond"),
    ),
    Target(
        name="parse + validate against ocpp",
        unit="x",
        first=1 / 100,
        then=1 / 150,
        at_least=False,
        figure=Results.parsing_ratio,
    ),
    Target(
        name="frame to subscriber p50 against naive",
        unit="x",
        first=0.5,
        then=0.3,
        at_least=False,
        figure=_ratio("bridge", "naive", "open", "frameToSubscriberMs", "p50"),
    ),
    Target(
        name="frame to subscriber p99 against naive",
        unit="x",
        first=0.6,
        then=0.4,
        at_least=False,
        figure=_ratio("bridge", "naive", "open", "frameToSubscriberMs", "p99"),
    ),
    Target(
        name="command to CALL p50 against naive+nodelay",
        unit="x",
        first=0.6,
        then=0.3,
        at_least=False,
        figure=_ratio("bridge", "naive+nodelay", "commands", "commandMs", "p50"),
    ),
    Target(
        name="memory per idle station, plain",
        unit="KiB",
        first=40,
        then=12,
        at_least=False,
        figure=_memory("bridge"),
    ),
    Target(
        name="memory per idle station, TLS",
        unit="KiB",
        first=80,
        then=48,
        at_least=False,
        figure=_memory("bridge+tls"),
    ),
    Target(
        name="answers p99 with the broker frozen",
        unit="ms",
        first=100,
        then=100,
        at_least=False,
        figure=_figure("bridge", "frozen", "answerMs", "p99"),
    ),
)

_FIGURES: Final = (
    ("events / CPU-second", ("closed", "eventsPerCpuSecond"), ".0f"),
    ("CPU us / event", ("closed", "cpuUsPerEvent"), ".1f"),
    ("events / second", ("closed", "eventsPerSecond"), ".0f"),
    ("drain s", ("closed", "drainSeconds"), ".2f"),
    ("frame to subscriber p50 ms", ("open", "frameToSubscriberMs", "p50"), ".2f"),
    ("frame to subscriber p99 ms", ("open", "frameToSubscriberMs", "p99"), ".2f"),
    ("frame to answer p50 ms", ("open", "answerMs", "p50"), ".2f"),
    ("frame to answer p99 ms", ("open", "answerMs", "p99"), ".2f"),
    ("command to CALL p50 ms", ("commands", "commandMs", "p50"), ".2f"),
    ("command to CALL p99 ms", ("commands", "commandMs", "p99"), ".2f"),
    ("broker frozen: answer p99 ms", ("frozen", "answerMs", "p99"), ".2f"),
)


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Return each target with its value and whether `first` and `then` were reached."""
    rows = []
    for target in TARGETS:
        value = target.figure(results)
        rows.append(
            {
                "name": target.name,
                "unit": target.unit,
                "value": value,
                "atLeast": target.at_least,
                "first": target.first,
                "then": target.then,
                "firstReached": None if value is None else target.reached(value, target.first),
                "thenReached": None if value is None else target.reached(value, target.then),
            }
        )
    return rows


def medians(results: Results) -> dict[str, dict[str, float | None]]:
    """Return the median of every figure by name and subject."""
    subjects = list(dict.fromkeys(name for r in results.repetitions for name in r))
    return {
        name: {subject: results.figure(subject, *path) for subject in subjects}
        for name, path, _ in _FIGURES
    }


def render(results: Results) -> str:
    """Return the tables that a person reads."""
    by_figure = medians(results)
    subjects = list(next(iter(by_figure.values())))
    lines = [_row("median of repetitions", subjects)]
    for name, _, form in _FIGURES:
        lines.append(_row(name, [_cell(by_figure[name][s], form) for s in subjects]))
    lines += ["", *_memory_lines(results), *_parsing_lines(results), ""]
    lines.append(_row("target (performance.md)", ["reached", "first", "", "then", ""], width=42))
    lines += [_verdict_line(row) for row in verdicts(results)]
    return "\n".join(lines)


def _memory_lines(results: Results) -> list[str]:
    form = "memory per idle station, {}: {:.1f} KiB"
    return [form.format(name, report["kibPerStation"]) for name, report in results.memory.items()]


def _parsing_lines(results: Results) -> list[str]:
    form = "parse + validate, {}: {:.1f} us"
    return [form.format(name, cost) for name, cost in results.parsing.items()]


def _verdict_line(row: dict[str, Any]) -> str:
    sign = ">=" if row["atLeast"] else "<="
    cells = [_cell(row["value"], ".4g") + " " + row["unit"]]
    for column in ("first", "then"):
        cells += [f"{sign} {row[column]:.3g}", _mark(row[f"{column}Reached"])]
    return _row(row["name"], cells, width=42)


def _mark(reached: bool | None) -> str:  # noqa: FBT001 - a cell's value, not a switch
    return {True: "yes", False: "NO", None: "-"}[reached]


def _row(name: str, cells: Sequence[str], width: int = 30) -> str:
    return name.ljust(width) + "".join(cell.rjust(14) for cell in cells)


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _at(tree: dict[str, Any], *path: str) -> float | None:
    node: Any = tree
    for key in path:
        if node is None or key not in node:
            return None
        node = node[key]
    return None if node is None else float(node)
