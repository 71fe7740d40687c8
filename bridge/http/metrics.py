"""What the bridge counts, for Prometheus: names with `bridge_` before them, dots as `_`."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response

from bridge import __version__
from bridge.http.auth import Requires
from bridge.http.service import Measurements, Service
from bridge.ports import Scope

ROUTER: Final = APIRouter(tags=["health"], dependencies=[Depends(Requires(Scope.READ))])
_PREFIX: Final = "bridge_"


class _Counts(Collector):
    """Counters and gauges as Prometheus knows them."""

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    def collect(self) -> Iterator[Metric]:
        """Yield what there is now."""
        build = GaugeMetricFamily(f"{_PREFIX}build", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        for name, count in sorted(self._measurements.counts.items()):
            yield CounterMetricFamily(_name(name), f"{name}, since the start.", value=count)
        for name, value in sorted(self._measurements.gauges.items()):
            yield GaugeMetricFamily(_name(name), f"{name}, now.", value=value)


def _name(dotted: str) -> str:
    return _PREFIX + dotted.replace(".", "_")


def exposition(measurements: Measurements) -> bytes:
    """Return the metrics of the bridge and of its process in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts(measurements))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


@ROUTER.get("/metrics", response_class=Response, responses=_TEXT)
async def metrics(service: Service) -> Response:
    """Return counters and gauges in Prometheus' text format."""
    return Response(exposition(service.measurements), media_type=CONTENT_TYPE_LATEST)
