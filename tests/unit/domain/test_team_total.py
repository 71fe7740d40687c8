"""The live total of a team: who sets it, for how long, and what the controller is told."""

from datetime import datetime, timedelta
from typing import Any

from bridge.domain.commands import (
    Arguments,
    Command,
    CommandResult,
    OnExpire,
    Pause,
    Release,
    SetLimit,
)
from bridge.domain.ids import StationId
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_total import TeamRecord, handle, lapse, next_deadline, totals, winner
from tests.records import replace
from tests.unit.domain.builders import T0, command

SETTINGS = TeamSettings(
    name="g", members=(MemberId(StationId("A"), 1),), totals=Totals(limit_a=63.0)
)


class Total:
    """A team's total, and what came of each command."""

    def __init__(self, settings: TeamSettings = SETTINGS) -> None:
        self.settings = settings
        self.record = TeamRecord(name="g")
        self.now: datetime = T0
        self.results: tuple[CommandResult, ...] = ()

    def tell(self, arguments: Arguments, controller: str = "grid", **more: Any) -> tuple[str, str]:
        """Give a command a second later; return its final status and code."""
        self.now += timedelta(seconds=1)
        given: Command = command(arguments, "x", controller=controller, at=self.now, **more)
        outcome = handle(self.record, given, self.settings, self.now)
        self.record, self.results = outcome.record, outcome.results
        last = self.results[-1]
        return last.status.value, last.code.value

    @property
    def live(self) -> Totals:
        return totals(self.record, self.settings, self.now)

    def who(self) -> str | None:
        claim = winner(self.record, self.now)
        return claim.controller if claim else None


def test_without_claims_the_configured_total_holds() -> None:
    assert Total().live == Totals(limit_a=63.0)


def test_a_limit_lowers_the_total() -> None:
    total = Total()
    assert total.tell(SetLimit(limit_a=32, ttl_seconds=60)) == ("done", "ok")
    assert [result.status.value for result in total.results] == ["accepted", "done"]
    assert total.results[-1].data == {
        "totalA": 32,
        "totalW": None,
        "controller": "grid",
        "requestedA": 32,
        "requestedW": None,
        "expiresAt": "2026-01-10T10:01:01.000Z",
    }
    assert total.live == Totals(limit_a=32)


def test_a_limit_never_raises_it() -> None:
    total = Total()
    assert total.tell(SetLimit(limit_a=100)) == ("done", "clipped")
    assert total.live == Totals(limit_a=63.0)


def test_a_limit_in_the_other_unit_joins_the_configured_one() -> None:
    total = Total()
    assert total.tell(SetLimit(limit_w=4200)) == ("done", "ok")
    assert total.live == Totals(limit_a=63.0, limit_w=4200)


def test_the_highest_priority_wins_then_the_lower() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20, priority=50), "pv")
    assert total.tell(SetLimit(limit_a=40), "grid") == ("done", "ok")
    assert (total.who(), total.live.limit_a) == ("grid", 40)
    assert total.tell(SetLimit(limit_a=50), "other") == ("done", "standby")
    assert total.tell(SetLimit(limit_w=9000), "watts") == ("done", "ok")
    assert total.who() == "watts"


def test_a_release_gives_up_ones_own_claim_only() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20), "pv")
    total.tell(SetLimit(limit_a=10), "grid")
    assert total.tell(Release(), "grid") == ("done", "ok")
    assert total.results[-1].data == {"totalA": 20, "totalW": None, "controller": "pv"}


def test_a_lease_ends() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20, ttl_seconds=10))
    assert next_deadline(total.record) == total.now + timedelta(seconds=10)
    total.now += timedelta(seconds=10)
    assert total.live == Totals(limit_a=63.0)
    assert lapse(total.record, SETTINGS, total.now) == TeamRecord(name="g")


def test_the_configured_lease_is_that_of_a_limit_without_one() -> None:
    total = Total(replace(SETTINGS, default_ttl_seconds=60))
    total.tell(SetLimit(limit_a=20))
    assert next_deadline(total.record) == total.now + timedelta(seconds=60)


def test_the_fail_safe_holds_the_last_limit_for_its_time() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20, ttl_seconds=10, on_expire=OnExpire.FAILSAFE))
    ended = total.now + timedelta(seconds=10)
    total.now = ended
    total.record = lapse(total.record, SETTINGS, total.now)
    assert (total.who(), total.live.limit_a) == ("_failsafe", 20)
    assert next_deadline(total.record) == ended + timedelta(seconds=7200)
    total.now += timedelta(seconds=7200)
    assert lapse(total.record, SETTINGS, total.now).slots == ()


def test_a_new_limit_ends_the_fail_safe() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20, ttl_seconds=10, on_expire=OnExpire.FAILSAFE))
    total.now += timedelta(seconds=10)
    assert total.tell(SetLimit(limit_a=40), "pv") == ("done", "ok")
    assert total.live.limit_a == 40


def test_no_fail_safe_while_another_claim_lives() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20, ttl_seconds=10, on_expire=OnExpire.FAILSAFE))
    total.tell(SetLimit(limit_a=40), "pv")
    total.now += timedelta(seconds=10)
    total.record = lapse(total.record, SETTINGS, total.now)
    assert total.who() == "pv"


def test_a_fail_safe_that_ended_while_the_bridge_was_down_is_not_begun() -> None:
    total = Total()
    total.tell(SetLimit(limit_a=20, ttl_seconds=10, on_expire=OnExpire.FAILSAFE))
    assert lapse(total.record, SETTINGS, total.now + timedelta(days=1)).slots == ()


def test_an_expired_command_is_refused() -> None:
    total = Total()
    assert total.tell(SetLimit(limit_a=20), expires_at=T0) == ("expired", "expired")
    assert total.record.slots == ()


def test_another_command_is_not_for_a_team() -> None:
    assert Total().tell(Pause()) == ("rejected", "unsupported")
