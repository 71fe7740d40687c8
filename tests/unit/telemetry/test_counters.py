"""Counters add up, gauges stand."""

import asyncio
import logging

import pytest

from bridge.telemetry.counters import Counters


def test_counters_add_and_gauges_replace() -> None:
    counters = Counters()

    counters.count("store.commits")
    counters.count("store.commits", 4)
    counters.gauge("mqtt.connected", 1)
    counters.gauge("mqtt.connected", 0)

    assert counters.snapshot() == {"mqtt.connected": 0, "store.commits": 5}


async def test_the_dump_logs_all_and_a_last_time_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    counters = Counters()
    dumping = asyncio.create_task(counters.dump_periodically(3600))
    await asyncio.sleep(0)
    counters.count("ocpp.frames", 7)

    dumping.cancel()
    await asyncio.gather(dumping, return_exceptions=True)

    [record] = caplog.records
    assert record.message == "counters"
    assert record.__dict__["ocpp_frames"] == 7
