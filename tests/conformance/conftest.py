"""A real bridge with a real broker, and stations played frame by frame."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.bridges import Bridge, Options, running_bridge
from tests.acceptance.conftest import options
from tests.acceptance.stations import RawStation, played
from tests.acceptance.witness import Witness
from tests.brokers import Broker
from tests.conformance.story import Story

__all__ = ["options"]


class PatientWitness(Witness):
    """Sees all that the bridge makes of what it was told, however slow the machine is."""

    bridge: Bridge | None = None

    async def settle(self) -> None:
        """Wait until the bridge is at rest, and until what it has published is here."""
        if self.bridge is not None:
            await self.bridge.at_rest()
        await super().settle()


@pytest.fixture
async def witness(broker: Broker) -> AsyncIterator[PatientWitness]:
    """A client that is there before the bridge and sees everything."""
    async with PatientWitness(broker) as client:
        yield client


@pytest.fixture
async def bridge(
    witness: PatientWitness, broker: Broker, tmp_path: Path, options: Options
) -> AsyncIterator[Bridge]:
    """A bridge in this process; nothing in it may fail behind the test's back."""
    async with running_bridge(broker, tmp_path / "data", options) as running:
        witness.bridge = running
        yield running
        assert not running.counts.get("engine.input_failed")


@pytest.fixture
async def station(bridge: Bridge) -> AsyncIterator[RawStation]:
    """A booted station of OCPP 2.0.1 with one free connector."""
    async with played(bridge.url) as playing:
        await playing.boot()
        yield playing


@pytest.fixture
def story(station: RawStation, witness: PatientWitness) -> Story:
    """What drivers and cars do at that station."""
    return Story(station, witness)
