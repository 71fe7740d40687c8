"""A bridge whose HTTP service is asked over real sockets; no broker is there, and none needed."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.app import Application, application
from bridge.config import Config, load_config
from tests.acceptance.bridges import AT_ONCE, Options, merged
from tests.acceptance.stations import RawStation, played

LOOPBACK = "127.0.0.1"


@pytest.fixture
def options() -> Options:
    """Configuration over what every test has; a module has its own by a fixture of this name."""
    return {}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def config(data_dir: Path, options: Options) -> Config:
    values: Mapping[str, Any] = {
        "bridge": {"data_dir": str(data_dir)},
        "mqtt": {"url": f"mqtt://{LOOPBACK}:1"},
        "ocpp": {"listen": f"{LOOPBACK}:0"},
        "http": {"listen": f"{LOOPBACK}:0"},
        "stations": {
            "unknown": "accept",
            "defaults": {"installation_max_a": 32, "automatic_calls": False},
        },
    }
    return load_config(overrides=merged(values, AT_ONCE, options))


@pytest.fixture
async def bridge(config: Config) -> AsyncIterator[Application]:
    async with application(config) as running:
        yield running
        assert not running.counters.snapshot().get("engine.input_failed")


@pytest.fixture
async def client(bridge: Application) -> AsyncIterator[httpx.AsyncClient]:
    assert bridge.http is not None
    url = f"http://{LOOPBACK}:{bridge.http.port}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http


@pytest.fixture
async def station(bridge: Application) -> AsyncIterator[RawStation]:
    """A station with a free connector."""
    async with played(f"ws://{LOOPBACK}:{bridge.server.port}") as played_station:
        await played_station.boot()
        yield played_station
