"""What all tests share: the broker, and an honest report of what could not be run without one."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from bridge.demo.broker import find_mosquitto
from tests.brokers import (
    Broker,
    BrokerKind,
    MosquittoProcess,
    amqtt_broker,
    broker_kind,
    broker_of_the_session,
    unique_root,
)
from tests.browser import find_chromium
from tests.node_red import find_npm
from tests.postgres import PostgresServer, find_programs, postgres_server

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=100,  # each run draws others; a longer search: HYPOTHESIS_PROFILE=thorough
    deadline=None,  # a shared machine is slow now and then, which is no bug of ours
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Marker to what the test needs, as the report words it, and what to install for it.
NEEDS: Final = {
    "mqtt5": ("MQTT 5", "mosquitto"),
    "persistence": ("a broker that keeps messages for clients that are away", "mosquitto"),
    "mosquitto": ("a Mosquitto of their own", "mosquitto"),
    "postgres": ("a PostgreSQL server of their own", "postgresql"),
    "chromium": ("a browser", "chromium"),
    "npm": ("Node-RED", "npm"),
}
_REQUIRE: Final = "BRIDGE_TESTS_REQUIRE"
"""Programs, with spaces between them, for want of which no test may be left out."""
_PROGRAMS: Final = {
    "mosquitto": "mosquitto",
    "postgres": "postgresql",
    "chromium": "chromium",
    "npm": "npm",
}
"""What it may name, and the package of each."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--home-assistant",
        action="store_true",
        help="also run tests/home_assistant, which installs Home Assistant for itself",
    )


def pytest_configure() -> None:
    if not _PROGRAMS.keys() >= set(_required()):
        raise pytest.UsageError(f"{_REQUIRE} can only be some of: {' '.join(_PROGRAMS)}")


def _required() -> list[str]:
    return os.environ.get(_REQUIRE, "").split()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose broker or database is not here, unless it must be run."""
    required = {_PROGRAMS[name] for name in _required()}
    for marker, (need, program) in NEEDS.items():
        if item.get_closest_marker(marker) and not _provided(marker):
            if program in required:
                pytest.fail(f"needs {need}: install {program} ({_REQUIRE})", pytrace=False)
            pytest.skip(f"needs {need}")


def _provided(marker: str) -> bool:
    if marker == "postgres":
        return find_programs() is not None
    if marker == "mosquitto":
        return find_mosquitto() is not None
    if marker == "chromium":
        return find_chromium() is not None
    if marker == "npm":
        return find_npm() is not None
    return broker_kind() is not BrokerKind.AMQTT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and what to install for it."""
    reasons = Counter(str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    for need, program in dict(NEEDS.values()).items():
        count = sum(times for reason, times in reasons.items() if f"needs {need}'" in reason)
        if count:
            tests = "test that needs" if count == 1 else "tests that need"
            terminalreporter.write_line(
                f"not run: {count} {tests} {need} (install {program})", yellow=True
            )


@pytest.fixture(scope="session")
def session_postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests that are marked with `pytest.mark.postgres`."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(session_postgres: PostgresServer) -> str:
    """The URL of an empty database, to a test at a time; mark it with `pytest.mark.postgres`."""
    return session_postgres.empty_database()


@pytest.fixture(scope="session")
def session_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker | None]:
    with broker_of_the_session(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def broker(session_broker: Broker | None) -> Iterator[Broker]:
    """A broker with a topic root for this test alone."""
    if session_broker is not None:
        yield session_broker.with_root(unique_root())
        return
    with amqtt_broker() as own:
        yield own.with_root(unique_root())


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[MosquittoProcess]:
    """A running Mosquitto for this test alone; mark the test with `pytest.mark.mosquitto`."""
    directory = tmp_path / "mosquitto"
    directory.mkdir()
    async with MosquittoProcess(directory) as process:
        yield process
