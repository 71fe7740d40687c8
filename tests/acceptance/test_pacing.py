"""Fifty limits in five seconds, with the pace as it is shipped: few writes, and the last one counts."""

import asyncio
from collections import Counter
from typing import Final

import pytest

from tests.acceptance.bridges import PACED, Bridge, Options
from tests.acceptance.stations import amperes, played
from tests.acceptance.witness import Document, Witness

RISING: Final = [round(6.5 + 0.5 * number, 1) for number in range(50)]
COMMANDS: Final = "CS1/1/cmd/me/limit"
INTERVAL_SECONDS: Final = 0.1
HELD_SECONDS: Final = 30.0
"""Longer than the bridge holds back any change."""


@pytest.fixture
def options() -> Options:
    return PACED


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("limits", "most_writes"),
    [(RISING, 1 + 2), (RISING[::-1], 6)],
    ids=["rising", "falling"],
)
async def test_fifty_changes_in_five_seconds_are_a_handful_of_writes(
    bridge: Bridge, witness: Witness, limits: list[float], most_writes: int
) -> None:
    async with played(bridge.url) as station:
        await station.boot()
        await _give(witness, limits)
        finals = [await _final(witness, f"to {amps}") for amps in limits]

        writes = [amperes(p["chargingProfile"]) for p in station.calls_of("SetChargingProfile")]
        assert len(writes) <= most_writes
        assert writes[0] == limits[0]  # lower than what was offered before, so at once
        assert writes[-1] == limits[-1]
        assert writes == [amps for amps in limits if amps in writes]
        allocation = await witness.until("CS1/1/allocation", offeredA=limits[-1], pending=None)
        assert allocation["allocationSourceName"] == "MQTT"
        assert allocation["accepted"]["limitA"] == limits[-1]
        assert Counter(final["status"] for final in finals) == {
            "done": len(writes),
            "superseded": len(limits) - len(writes),
        }
        assert finals[-1]["data"]["appliedA"] == limits[-1]


async def _give(witness: Witness, limits: list[float]) -> None:
    """Command one limit after the other, each at its time, however long the one before took."""
    began = asyncio.get_running_loop().time()
    for number, amps in enumerate(limits):
        due = began + number * INTERVAL_SECONDS
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        await witness.publish(witness.address(COMMANDS), {"id": f"to {amps}", "limitA": amps})


async def _final(witness: Witness, command_id: str) -> Document:
    message = await witness.wait_for(
        witness.address(COMMANDS.replace("cmd", "res")),
        lambda each: bool(each.json["id"] == command_id and each.json["final"]),
        timeout=HELD_SECONDS,
    )
    return dict(message.json)
