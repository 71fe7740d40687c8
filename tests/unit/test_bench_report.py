"""The benchmark's verdicts: ratios within a repetition, and the side of a bound they are on."""

from typing import Any

import pytest

from bench.quantiles import milliseconds
from bench.report import Results, render, verdicts


def _closed(events_per_cpu_second: float) -> dict[str, Any]:
    return {"closed": {"eventsPerCpuSecond": events_per_cpu_second}}


def _verdict(results: Results, name: str) -> dict[str, Any]:
    return next(row for row in verdicts(results) if row["name"] == name)


def test_a_ratio_is_the_median_of_the_ratios_within_each_repetition() -> None:
    pairs = [(100, 1000), (200, 2400), (50, 550)]  # 10, 12, 11
    results = Results(
        repetitions=[{"naive": _closed(n), "bridge": _closed(b)} for n, b in pairs],
        memory={},
        parsing={},
    )

    row = _verdict(results, "events per CPU-second against naive")

    assert row["value"] == pytest.approx(11)
    assert (row["firstReached"], row["thenReached"]) == (True, False)


def test_a_smaller_figure_reaches_an_upper_bound() -> None:
    results = Results(
        repetitions=[],
        memory={"bridge": {"kibPerStation": 13.5}},
        parsing={"ocpp": 800.0, "bridge": 10.0},
    )

    memory = _verdict(results, "memory per idle station, plain")
    parsing = _verdict(results, "parse + validate against ocpp")

    assert (memory["firstReached"], memory["thenReached"]) == (True, False)
    assert (parsing["firstReached"], parsing["thenReached"]) == (False, False)


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    results = Results(repetitions=[{"naive": _closed(500)}], memory={}, parsing={"ocpp": 800.0})

    assert {row["firstReached"] for row in verdicts(results)} == {None}
    assert "NO" not in render(results)


def test_quantiles_are_nearest_rank_in_milliseconds() -> None:
    times_ns = [number * 1_000_000 for number in range(1, 101)]

    assert milliseconds(times_ns) == {"p50": 51.0, "p99": 100.0, "max": 100.0}
    assert milliseconds([]) is None
