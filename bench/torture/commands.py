"""Controllers that give commands all the time, to stations of their own, while a scenario runs."""

import asyncio
import random
from collections.abc import Mapping
from typing import Final

from bench.evidence import read_retained
from bench.flood_controller import COMMAND_TOPICS, KINDS, FloodController, Kind
from bench.flood_oracle import FloodEvidence
from bench.flood_station import FloodStation

TIMELESS: Final = {name: kind for name, kind in KINDS.items() if kind.expires_in is None}
"""Ways to send commands that do not ask for a clock that is right."""

_STATIONS: Final = 2
_ATTEMPTS: Final = 80
"""To get a result, 1.5 s each, from the end of the scenario on.

Not before: the bridge is dead most of the time, 10 s of 11 on a busy machine. A command that is sent
when nobody listens, again and again, is no broken promise, and after 300 s there was one at times.
"""
_ENDLESS: Final = 1_000_000
_SETTLE_SECONDS: Final = 1.0
"""After the last command: what is still on its way to stations arrives."""


class CommandLoad:
    """The controllers and their stations; they reach bridge and broker past the wires."""

    def __init__(
        self,
        *,
        station_url: str,
        broker_url: str,
        root: str,
        kinds: Mapping[str, Kind],
        controllers: int,
        chance: random.Random,
    ) -> None:
        """Set up; `run` begins."""
        self._broker_url = broker_url
        self._root = root
        self._stations = [
            FloodStation(f"FLOOD{number:03d}", station_url, random.Random(chance.random()))
            for number in range(_STATIONS)
        ]
        self._controllers = [
            FloodController(
                f"c{number:03d}",
                f"{root}/v1/cs/FLOOD{number % _STATIONS:03d}/1",
                random.Random(chance.random()),
                kinds,
                attempts=_ATTEMPTS,
                endless=True,
            )
            for number in range(controllers)
        ]

    async def run(self) -> None:
        """Command until `finish`; returns when the last command has its result."""
        async with asyncio.TaskGroup() as tasks:
            for station in self._stations:
                tasks.create_task(station.run())
            async with asyncio.TaskGroup() as giving:
                for controller in self._controllers:
                    giving.create_task(controller.run(self._broker_url, _ENDLESS))
            await asyncio.sleep(_SETTLE_SECONDS)
            for station in self._stations:
                station.finish()

    def finish(self) -> None:
        """Give no more commands."""
        for controller in self._controllers:
            controller.finish()

    async def evidence(self) -> FloodEvidence:
        """Return what was sent, seen and answered, and leave the broker."""
        left = await read_retained(self._broker_url, f"{self._root}/{COMMAND_TOPICS}")
        for controller in self._controllers:
            controller.close()
        return FloodEvidence(
            orders=[order for each in self._controllers for order in each.orders],
            executions=[execution for each in self._stations for execution in each.executions],
            answers=[answer for each in self._controllers for answer in each.answers],
            still_retained=[*left],
        )
