"""Setting a server up."""

import pytest

from bridge.engine.clock import SystemClock
from bridge.ocpp.server import OcppServer
from bridge.ocpp.settings import OcppSettings
from tests.ocpp_inbox import CountedIds, CountedMetrics, MemoryInbox


def server(*versions: str) -> OcppServer:
    return OcppServer(
        inbox=MemoryInbox(),
        clock=SystemClock(),
        ids=CountedIds(),
        metrics=CountedMetrics(),
        settings=OcppSettings(port=0, versions=versions),
    )


def test_versions_that_are_not_built_are_left_out() -> None:
    server("ocpp2.0.1", "ocpp9.9")


def test_a_server_that_speaks_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"ocpp9\.9"):
        server("ocpp9.9")


async def test_a_server_that_was_not_started() -> None:
    idle = server("ocpp2.0.1")
    await idle.stop()
    with pytest.raises(RuntimeError, match="does not listen"):
        assert idle.port
