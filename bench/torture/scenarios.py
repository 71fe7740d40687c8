"""The table of scenarios, and how one is run."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.flood_controller import KINDS
from bench.oracle import Violation
from bench.torture.brokers import broker_kill, broker_wipe, freeze
from bench.torture.clock import clock
from bench.torture.commands import TIMELESS
from bench.torture.disk import disk
from bench.torture.kills import kills
from bench.torture.partitions import partitions
from bench.torture.points import points
from bench.torture.stage import (
    Findings,
    Judgement,
    Setting,
    Stage,
    Torment,
    charging,
    judged,
    set_stage,
)

REPEATS_PER_DEATH: Final = 2.0
"""Deliveries on MQTT that should come again at most, per death of the bridge (issue 5).

Consumers drop them by id, so more of them break no promise; how many there are is a matter of how
long the machine takes from a PUBACK to the next commit.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to torment a bridge."""

    act: Callable[[Stage], Awaitable[Findings]]
    setting: Setting
    stations: int = 20
    longest_seconds: float = 30.0
    """Of one fault that has a length."""
    rounds: int
    """Unless asked for otherwise."""
    full_rounds: int
    """As many as the promise is to be proved by (delivery.md)."""


SCENARIOS: Final[dict[str, Scenario]] = {
    "kills": Scenario(
        act=kills,
        setting=Setting(commands=KINDS),
        rounds=50,
        full_rounds=500,
    ),
    "points": Scenario(
        act=points,
        setting=Setting(commands=KINDS),
        rounds=3,
        full_rounds=20,
    ),
    "broker-kill": Scenario(
        act=broker_kill,
        setting=Setting(brokers_word=True, own_broker=True),
        rounds=20,
        full_rounds=100,
    ),
    "broker-wipe": Scenario(
        act=broker_wipe,
        setting=Setting(fleet=True, brokers_word=True, own_broker=True),
        rounds=10,
        full_rounds=100,
        stations=200,
    ),
    "freeze": Scenario(
        act=freeze,
        setting=Setting(commands=KINDS, own_broker=True),
        rounds=5,
        full_rounds=30,
    ),
    "partitions": Scenario(
        act=partitions,
        setting=Setting(commands=KINDS),
        rounds=20,
        full_rounds=200,
        longest_seconds=12.0,
    ),
    "disk": Scenario(
        act=disk,
        setting=Setting(commands=KINDS),
        rounds=10,
        full_rounds=100,
    ),
    "clock": Scenario(
        act=clock,
        setting=Setting(commands=TIMELESS),
        rounds=20,
        full_rounds=50,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done and what came of it."""

    torment: Torment
    broker: str
    seconds: float
    judgement: Judgement
    findings: Findings
    retries: int
    """Attempts after the first one of an event, most of them at a closed port."""
    resent: int
    """Frames sent again on a new connection: the bridge may or may not have stored the first."""
    unanswered: int
    """CALLs without an answer for 10 s on a connection that stayed open."""
    start_seconds: list[float]
    """From each start of the bridge until it listened, sorted."""

    @property
    def violations(self) -> list[Violation]:
        """Everything that was broken."""
        return self.judgement.violations + self.findings.violations

    @property
    def repeats_per_death(self) -> float | None:
        """Deliveries that came again, per death of the bridge; None where it did not die."""
        deaths = self.findings.deaths
        return self.judgement.events.repeated_deliveries / deaths if deaths else None

    @property
    def kept(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.violations


async def run_scenario(
    torment: Torment, directory: Path, broker_url: str | None = None
) -> Outcome:
    """Torment a bridge in an existing, empty directory and judge it.

    Raises:
        ChildProcessError: the bridge did not start again.
    """
    scenario = SCENARIOS[torment.scenario]
    began = time.monotonic()
    async with set_stage(torment, scenario.setting, directory, broker_url) as stage:
        await stage.victim.start()
        async with charging(stage):
            findings = await scenario.act(stage)
        judgement = await judged(stage)
        return Outcome(
            torment=torment,
            broker=stage.broker.name,
            seconds=time.monotonic() - began,
            judgement=judgement,
            findings=findings,
            retries=sum(station.retries for station in stage.stations),
            resent=sum(station.resent for station in stage.stations),
            unanswered=sum(station.unanswered for station in stage.stations),
            start_seconds=sorted(stage.victim.start_seconds),
        )


def document(outcome: Outcome) -> dict[str, Any]:
    """Return the report as JSON has it."""
    events, commands = outcome.judgement.events, outcome.judgement.commands
    starts = outcome.start_seconds
    torment = outcome.torment
    return {
        "scenario": torment.scenario,
        "kept": outcome.kept,
        "seed": torment.seed,
        "rounds": torment.rounds,
        "stations": torment.stations,
        "subject": torment.subject,
        "broker": outcome.broker,
        "seconds": round(outcome.seconds, 1),
        "events": {
            "sent": events.sent,
            "acknowledged": events.acknowledged,
            "stored": events.stored,
            "records": events.records,
            "delivered": events.delivered,
            "repeatedDeliveries": events.repeated_deliveries,
            "repeatedPerDeath": outcome.repeats_per_death,
            "retries": outcome.retries,
            "resent": outcome.resent,
            "unansweredFor10s": outcome.unanswered,
        },
        "commands": None
        if commands is None
        else {
            "given": commands.commands,
            "carriedOutVisibly": commands.executed,
            "closestToExpirySeconds": round(commands.latest_seconds, 3),
            "finals": commands.finals,
        },
        "figures": outcome.findings.figures,
        "starts": None
        if not starts
        else {
            "count": len(starts),
            "medianSeconds": round(starts[len(starts) // 2], 2),
            "longestSeconds": round(starts[-1], 2),
        },
        "untrueTopics": len(outcome.judgement.untrue),
        "exitCode": outcome.judgement.exit_code,
        "violations": [
            {"invariant": each.invariant, "detail": each.detail} for each in outcome.violations
        ],
    }
