"""The live service does what its OpenAPI document says, whatever it is sent (schemathesis)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bridge.app import Application
from bridge.engine.clock import SystemClock
from bridge.http.app import openapi
from bridge.ports import Scope
from bridge.simulator import SimulatorOptions, simulate
from bridge.store.tokens import create_token
from tests.acceptance.bridges import Options
from tests.acceptance.simulation import QUICK

LOOPBACK: Final = "127.0.0.1"
STATION: Final = "SIM001"
CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OF_STATIONS: Final = frozenset({"station_error", "station_offline", "timeout", "queue_full"})
"""Codes of statuses from 500 on that are no fault of the bridge."""
PLACE: Final[Mapping[str, Any]] = {"station": STATION, "evse": 1}
PATIENCE_SECONDS: Final = 30
ENDLESS: Final = "/api/v1/live"
"""Its answer never ends; test_live.py reads it."""


@pytest.fixture
def options() -> Options:
    return {"http": {"auth": "token"}, "ocpp": {"call_timeout_seconds": 1}}


@pytest.fixture
async def simulated(bridge: Application) -> AsyncIterator[None]:
    """A station that answers everything, as a real one would."""
    stop = asyncio.Event()
    url = f"ws://{LOOPBACK}:{bridge.server.port}"
    values: dict[str, Any] = {**QUICK, "url": url, "station_ids": (STATION,)}
    running = asyncio.create_task(simulate(SimulatorOptions(**values), stop, None))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(station.evses for station in bridge.engine.stations):  # noqa: ASYNC110  # the engine tells nobody
            await asyncio.sleep(0.02)
    yield
    stop.set()
    await running


@pytest.mark.timeout(300)
# Hypothesis takes the jitter of the bridge, in another thread, for chance within a strategy.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_no_answer_is_an_error_of_ours_or_breaks_the_document(
    bridge: Application, simulated: None, data_dir: Path
) -> None:
    assert bridge.http is not None
    url = f"http://{LOOPBACK}:{bridge.http.port}"
    schema = schemathesis.openapi.from_dict(openapi())
    for number, found in enumerate(schema.get_all_operations()):
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path == ENDLESS:
            continue
        # Each has a token of its own, and with it a rate of its own.
        token = create_token(data_dir, f"op{number}", Scope, expires_at=None, clock=SystemClock())
        known = {name: PLACE[name] for name in PLACE if f"{{{name}}}" in operation.path}
        cases = st.one_of(
            operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known or None),
            operation.as_strategy(GenerationMode.POSITIVE),
            *_negative(operation),
        )
        await asyncio.to_thread(check, cases, url, token)
    assert not bridge.counters.counts.get("engine.input_failed")


def _negative(operation: Any) -> list[Any]:
    """Return the cases that the document does not allow, where there are such."""
    with suppress(Exception):
        return [operation.as_strategy(GenerationMode.NEGATIVE)]
    return []


def check(cases: st.SearchStrategy[Case[Any]], url: str, token: str) -> None:
    """Send some of the cases; what comes back must be in the document."""

    @settings(
        max_examples=12,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def each(case: Case[Any]) -> None:
        if "wait" in (case.query or {}):
            case.query["wait"] = "0.2"
        answer = case.call(base_url=url, headers={"x-api-key": token}, timeout=30)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            assert answer.json()["error"]["code"] in OF_STATIONS, (case, answer.text)
        case.validate_response(answer, checks=CHECKS)

    each()
