"""A running OCPP server for each test, on both event loops that the bridge runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.ocpp_inbox import RunningServer, running_server


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def running() -> AsyncIterator[RunningServer]:
    async with running_server() as server:
        yield server
