"""Health, readiness and metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bridge import __version__
from bridge.app import Application
from tests.acceptance.stations import RawStation


async def test_it_lives(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_without_a_broker_it_is_ready_but_not_well(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "status": "degraded",
            "reasons": ["no connection to the broker: events wait in the store"],
            "store": "ok",
            "broker": "disconnected",
            "stationsConnected": 1,
        },
    )


async def test_without_a_store_it_is_not_ready(
    client: httpx.AsyncClient, bridge: Application
) -> None:
    bridge.counters.gauge("store.failing", 1.0)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["store"]) == ("unavailable", "failing")
    bridge.counters.gauge("store.failing", 0.0)
    assert (await client.get("/readyz")).status_code == 200


async def test_metrics_are_what_prometheus_reads(
    client: httpx.AsyncClient, bridge: Application, station: RawStation
) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    (build,) = families["bridge_build"].samples
    assert (build.labels, build.value) == ({"version": __version__}, 1)
    assert families["bridge_ocpp_connections"].type == "gauge"
    assert families["bridge_ocpp_connections"].samples[0].value == 1
    assert families["bridge_store_commits"].type == "counter"
    (commits,) = families["bridge_store_commits"].samples
    assert commits.name == "bridge_store_commits_total"
    assert commits.value == bridge.counters.counts["store.commits"]
    assert families["process_resident_memory_bytes"].samples[0].value > 0
