from collections.abc import AsyncIterator

import pytest

from tests.integration.simulator.csms import Csms, running_csms


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with running_csms() as central_system:
        yield central_system
