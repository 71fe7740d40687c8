"""The whole bridge between a real broker and real stations, as its users have it."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.bridges import Bridge, BridgeProgram, Options, running_bridge
from tests.acceptance.witness import Witness
from tests.brokers import Broker


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/recordings/golden from what the bridge says now, to be read and judged",
    )


@pytest.fixture
def options() -> Options:
    """Configuration of the bridge; a module or a class has its own by a fixture of this name."""
    return {}


@pytest.fixture
async def bridge(
    broker: Broker, tmp_path: Path, options: Options, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Bridge]:
    """A bridge in this process; nothing in it may fail behind the test's back."""
    async with running_bridge(broker, tmp_path / "data", options) as running:
        yield running
        assert not running.counts.get("engine.input_failed")
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors, [record.getMessage() for record in errors]


@pytest.fixture
async def program(
    broker: Broker, tmp_path: Path, options: Options
) -> AsyncIterator[BridgeProgram]:
    """A bridge that can be killed and started again; it is not started yet."""
    bridge_program = BridgeProgram(broker, tmp_path, options)
    yield bridge_program
    await bridge_program.close()


@pytest.fixture
async def witness(broker: Broker) -> AsyncIterator[Witness]:
    """A client that is there before the bridge and sees everything."""
    async with Witness(broker) as client:
        yield client
