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

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=300,
    deadline=None,  # a shared machine is slow now and then, which is no bug of ours
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Marker to what the test needs, as the report words it.
NEEDS: Final = {
    "mqtt5": "MQTT 5",
    "persistence": "a broker that keeps messages for clients that are away",
    "mosquitto": "a Mosquitto of their own",
}
_REQUIRE: Final = "BRIDGE_TESTS_REQUIRE"
_NOT_RUN: Final = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_NOT_RUN] = Counter()
    if os.environ.get(_REQUIRE, "mosquitto") != "mosquitto":
        raise pytest.UsageError(f"{_REQUIRE} can only be: mosquitto")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose broker is not here, and remember that."""
    for marker, need in NEEDS.items():
        if item.get_closest_marker(marker) and not _provided(marker):
            item.config.stash[_NOT_RUN][need] += 1
            pytest.skip(f"needs {need}")


def _provided(marker: str) -> bool:
    if marker == "mosquitto":
        return find_mosquitto() is not None
    return broker_kind() is not BrokerKind.AMQTT


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get(_REQUIRE) and session.config.stash[_NOT_RUN]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for need, count in config.stash[_NOT_RUN].items():
        tests = "test that needs" if count == 1 else "tests that need"
        terminalreporter.write_line(
            f"not run: {count} broker {tests} {need} (install mosquitto)", yellow=True
        )
    if os.environ.get(_REQUIRE) and config.stash[_NOT_RUN]:
        terminalreporter.write_line(f"failed: {_REQUIRE}=mosquitto wants them run", red=True)


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
