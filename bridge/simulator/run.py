"""Simulate stations until told to stop."""

import asyncio
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from bridge.simulator.connection import StationRunner
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.snapshot import StationSnapshot
from bridge.simulator.station import StationModel


async def simulate(
    options: SimulatorOptions,
    stop: asyncio.Event,
    on_change: Callable[[StationSnapshot], None] | None = None,
) -> None:
    """Run all stations of `options` in this event loop until `stop` is set.

    `on_change` is called with a station's snapshot whenever it differs from the last one,
    some times a second while a car charges. Returns within a second of `stop`; running
    transactions are not ended then, as if the power went.
    """
    runners = [
        StationRunner(
            _station(options, index),
            clock=_utc_now,
            jitter=random.Random(options.seed * 1000 + index),  # noqa: S311  no secret
            on_change=on_change,
        )
        for index in range(len(options.ids))
    ]
    async with asyncio.TaskGroup() as stations:
        tasks = [stations.create_task(runner.run()) for runner in runners]
        await stop.wait()
        for task in tasks:
            task.cancel()


def _station(options: SimulatorOptions, index: int) -> StationModel:
    return StationModel(options.ids[index], options, index=index, now=_utc_now(), new_id=_new_id)


def _utc_now() -> datetime:
    return datetime.now(tz=UTC)


def _new_id() -> str:
    return str(uuid.uuid4())
