"""Quantiles of measured times."""

from collections.abc import Sequence
from statistics import median as _median
from typing import Final

_NS_PER_MS: Final = 1e6


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile of an ascending, not empty sequence."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(times_ns: Sequence[int]) -> dict[str, float] | None:
    """Return p50, p99 and max in ms of times in ns; None for no times."""
    if not times_ns:
        return None
    ordered = sorted(times_ns)
    return {
        "p50": quantile(ordered, 0.50) / _NS_PER_MS,
        "p99": quantile(ordered, 0.99) / _NS_PER_MS,
        "max": ordered[-1] / _NS_PER_MS,
    }


def median(values: Sequence[float]) -> float | None:
    """Return the median, None for no values."""
    return _median(values) if values else None
