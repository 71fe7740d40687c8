"""A real bridge with a real broker, and stations played frame by frame."""

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.bridges import Bridge
from tests.acceptance.conftest import bridge, options, program, witness
from tests.acceptance.stations import RawStation, played
from tests.acceptance.witness import Witness
from tests.conformance.story import Story

__all__ = ["bridge", "options", "program", "witness"]


@pytest.fixture
async def station(bridge: Bridge) -> AsyncIterator[RawStation]:
    """A booted station of OCPP 2.0.1 with one free connector."""
    async with played(bridge.url) as playing:
        await playing.boot()
        yield playing


@pytest.fixture
def story(station: RawStation, witness: Witness) -> Story:
    """What drivers and cars do at that station."""
    return Story(station, witness)
