"""A running OCPP server for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.ocpp_inbox import RunningServer, running_server


@pytest.fixture
async def running() -> AsyncIterator[RunningServer]:
    async with running_server() as server:
        yield server
