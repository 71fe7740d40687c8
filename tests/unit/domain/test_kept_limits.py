"""transactionLimit of OCPP 2.1: limits of a transaction that the station itself keeps to (E16)."""

from datetime import timedelta
from typing import Any, Final

import pytest

from bridge.domain import station as rules
from bridge.domain.calls import CallResult, RequestStopTransaction, TriggerMessage, VariableResult
from bridge.domain.commands import Extend, Start
from bridge.domain.effects import TransactionReply
from bridge.domain.enums import ChargingState, StoppedReason, TriggerReason
from bridge.domain.events import Connected, IdToken, TransactionEvent, TransactionLimit
from bridge.domain.kept_limits import FOR_EVER_SECONDS, tell_again
from bridge.domain.knowledge import Learnt, QuestionKind
from bridge.domain.records import replace
from bridge.domain.upkeep import next_deadline
from tests.unit.domain.builders import (
    ACCEPTED,
    REJECTED,
    T0,
    Told,
    ended,
    ready,
    started,
    updated,
    wh,
)

TOKEN: Final = IdToken(value="04AB", type="ISO14443")
UNTIL: Final = T0 + timedelta(seconds=600)
GRACE: Final = 15


def at_2_1(version: str = "2.1", **changes: Any) -> Told:
    """A station of this version whose EVSE 1 is available."""
    told = ready(**changes)
    told.tell(Connected(version=version, connection_id="c2", remote="127.0.0.1"))
    return told


def say(told: Told, event: TransactionEvent) -> TransactionLimit | None:
    """Have the station tell an event; return the limit in the answer."""
    reply = told.tell(event).reply
    assert isinstance(reply, TransactionReply)
    return reply.limit


def begin(told: Told, **limits: Any) -> TransactionLimit | None:
    """EVSE 1 charges in T1, begun by a `start` with these limits; return what Started led to."""
    told.command(Start(id_token=TOKEN, **limits))
    told.answer()
    return say(
        told,
        started(
            at=told.now,
            remote_start_id=told.station.remote_start_count,
            charging_state=ChargingState.CHARGING,
            trigger_reason=TriggerReason.REMOTE_START,
        ),
    )


def confirmed(limit: TransactionLimit | None = None, **limits: Any) -> Told:
    """T1 charges, and the station has said that it keeps to its limits, or to another."""
    told = at_2_1()
    set_ = begin(told, **limits)
    event = updated(1, told.now, trigger_reason=TriggerReason.LIMIT_SET)
    assert say(told, replace(event, transaction_limit=limit or set_)) is None
    return told


def reached(seq_no: int, told: Told, trigger: TriggerReason, **more: Any) -> TransactionEvent:
    more.setdefault("charging_state", ChargingState.SUSPENDED_EVSE)
    return updated(seq_no, told.now, trigger_reason=trigger, **more)


def stops(told: Told) -> int:
    """How often the station was asked to end T1."""
    return sum(isinstance(call.request, RequestStopTransaction) for call in told.calls)


def triggers(told: Told) -> int:
    return sum(isinstance(call.request, TriggerMessage) for call in told.calls)


# --- What the station is told


def test_limits_of_a_start_are_told_with_the_first_answer_and_only_once() -> None:
    told = at_2_1()
    limit = begin(told, energy_wh=5000.0, until=UNTIL)
    assert limit is not None
    assert limit.max_energy_wh == 5000.0
    assert limit.max_seconds == 600 - 5  # from its start, five seconds after T0
    assert (limit.max_cost, limit.max_soc_percent) == (None, None)
    assert say(told, updated(1, told.now)) is None


def test_a_fraction_of_a_second_is_given_to_the_driver() -> None:
    told = at_2_1()
    limit = begin(told, until=UNTIL + timedelta(milliseconds=1))
    assert limit == TransactionLimit(max_seconds=596)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_older_versions_are_told_nothing(version: str) -> None:
    assert begin(at_2_1(version), energy_wh=5000.0, until=UNTIL) is None


def test_a_transaction_without_such_limits_has_none() -> None:
    told = at_2_1()
    assert begin(told, max_a=10.0) is None
    assert told.transaction.kept_limit is None


def test_an_event_that_ends_or_belongs_nowhere_is_answered_without_a_limit() -> None:
    told = at_2_1()
    begin(told, energy_wh=5000.0)
    assert say(told, ended(1, told.now)) is None
    assert say(told, updated(1, told.now - timedelta(days=1), transaction_id="T9")) is None
    told.tell(started(at=told.now, transaction_id="T2", evse_id=2))
    assert say(told, updated(1, told.now, transaction_id="T3")) is None


def test_how_long_is_not_told_of_a_transaction_whose_start_was_not_seen() -> None:
    told = at_2_1()
    told.command(Start(id_token=TOKEN, energy_wh=5000.0, until=UNTIL))
    told.answer()
    begun = updated(1, told.now, evse_id=1, remote_start_id=1)
    assert say(told, begun) == TransactionLimit(max_energy_wh=5000.0)
    late = started(0, T0, remote_start_id=1)
    assert say(told, late) == TransactionLimit(max_energy_wh=5000.0, max_seconds=600)


@pytest.mark.parametrize(
    ("supported", "expected"),
    [
        (("maxcost", "maxtime"), TransactionLimit(max_seconds=595)),
        (("maxenergy",), TransactionLimit(max_energy_wh=5000.0)),
        ((), None),
    ],
)
def test_e16_fr_12_only_what_the_station_says_it_supports_is_told(
    supported: tuple[str, ...], expected: TransactionLimit | None
) -> None:
    told = at_2_1()
    told.station = replace(told.station, learnt=Learnt(transaction_limits=supported))
    assert begin(told, energy_wh=5000.0, until=UNTIL) == expected


# --- Which limits it supports


@pytest.mark.parametrize(
    ("status", "value", "expected"),
    [
        ("Accepted", "maxEnergy, MaxTime,", ("maxenergy", "maxtime")),
        ("Accepted", "", ()),
        ("UnknownVariable", None, ()),
    ],
)
def test_a_station_is_asked_which_limits_it_supports(
    status: str, value: str | None, expected: tuple[str, ...]
) -> None:
    told = Told(replace(ready().settings, automatic_calls=True), online=False)
    told.tell(Connected(version="2.1", connection_id="c1", remote="127.0.0.1"))
    told.tick(5)
    (question,) = (q for q in told.station.questions if q.kind is QuestionKind.CAPABILITIES)
    (call,) = (c for c in told.calls if c.call_id == question.call_id)
    name = call.request.names[-1]  # type: ignore[union-attr]  # of GetVariables
    assert (name.component, name.variable) == ("TxCtrlr", "SupportedLimits")
    assert told.station.learnt.transaction_limits is None
    result = VariableResult(name=name, status=status, value=value)
    outcome = CallResult(accepted=True, status="Accepted", variables=(result,))
    told.answer(outcome, call_id=question.call_id)
    assert told.station.learnt.transaction_limits == expected


# --- An answer that was lost


def test_an_event_that_is_repeated_is_answered_with_the_limit_again() -> None:
    told = at_2_1()
    limit = begin(told, energy_wh=5000.0)
    again = started(at=T0, remote_start_id=1)
    assert tell_again(told.station, again) == limit
    event = updated(1, told.now, trigger_reason=TriggerReason.LIMIT_SET)
    say(told, replace(event, transaction_limit=limit))
    assert tell_again(told.station, again) is None
    assert tell_again(told.station, started(transaction_id="T9")) is None
    told.end(seq_no=2)
    assert tell_again(told.station, again) is None


def test_of_a_transaction_without_a_limit_there_is_nothing_to_repeat() -> None:
    told = at_2_1()
    begin(told)
    assert tell_again(told.station, started()) is None


# --- A limit that changes


def test_a_time_that_is_moved_is_told_with_the_next_answer_which_the_bridge_asks_for() -> None:
    told = confirmed(until=UNTIL)
    told.settings = replace(told.settings, automatic_calls=True)
    told.command(Extend(until=UNTIL + timedelta(seconds=60)))
    assert told.request == TriggerMessage(message="TransactionEvent", evse_id=1)
    told.answer()
    assert say(told, updated(2, told.now)) == TransactionLimit(max_seconds=655)
    assert say(told, updated(3, told.now)) is None


@pytest.mark.parametrize("outcome", [ACCEPTED, REJECTED])
def test_no_event_comes_of_it_and_the_next_one_brings_the_limit(outcome: Any) -> None:
    told = confirmed(until=UNTIL)
    told.settings = replace(told.settings, automatic_calls=True)
    told.command(Extend(until=UNTIL + timedelta(seconds=60)))
    told.answer(outcome)
    assert triggers(told) == 1
    assert say(told, updated(2, told.now)) == TransactionLimit(max_seconds=655)


def test_e16_fr_17_a_time_that_is_taken_back_is_one_that_is_never_over() -> None:
    told = confirmed(energy_wh=5000.0, until=UNTIL)
    told.command(Extend(until=None))
    assert triggers(told) == 0  # nothing is asked of this station of the bridge's own accord
    limit = say(told, updated(2, told.now))
    assert limit == TransactionLimit(max_energy_wh=5000.0, max_seconds=FOR_EVER_SECONDS)


def test_a_time_that_is_the_same_is_not_asked_for() -> None:
    told = confirmed(until=UNTIL)
    told.settings = replace(told.settings, automatic_calls=True)
    told.command(Extend(until=UNTIL))
    assert triggers(told) == 0


def test_an_extension_while_the_station_is_away_waits_for_its_next_event() -> None:
    told = confirmed(until=UNTIL)
    told.settings = replace(told.settings, automatic_calls=True)
    told.disconnect("c2")
    told.command(Extend(until=UNTIL + timedelta(seconds=60)))
    assert triggers(told) == 0


# --- The end, which comes once


@pytest.mark.parametrize(
    ("limits", "trigger", "reason", "cause"),
    [
        ({"until": UNTIL}, TriggerReason.TIME_LIMIT_REACHED, "TimeLimitReached", "until"),
        (
            {"energy_wh": 1000.0},
            TriggerReason.ENERGY_LIMIT_REACHED,
            "EnergyLimitReached",
            "energyWh",
        ),
    ],
)
def test_a_station_that_ends_it_by_itself_is_not_asked_to(
    limits: Any, trigger: TriggerReason, reason: str, cause: str
) -> None:
    told = confirmed(**limits)
    told.now = UNTIL
    for seq_no, register in ((2, 5000), (3, 6000)):
        told.tell(updated(seq_no, told.now, meter_values=(wh(register, told.now),)))
    assert told.transaction.open
    told.tell(ended(4, told.now, trigger_reason=trigger, stopped_reason=StoppedReason(reason)))
    told.tick(3600)
    assert stops(told) == 0
    assert told.transaction.stop_cause == cause


def test_one_that_only_stops_the_energy_is_asked_to_end_it_at_once() -> None:
    told = confirmed(energy_wh=1000.0)
    told.tell(updated(2, told.now, meter_values=(wh(5000, told.now),)))
    event = reached(
        3, told, TriggerReason.ENERGY_LIMIT_REACHED, meter_values=(wh(5999, told.now),)
    )
    told.tell(event)
    assert stops(told) == 1
    assert told.transaction.stop_cause == "energyWh"


def test_one_that_does_nothing_is_asked_when_its_time_to_act_is_over() -> None:
    told = confirmed(until=UNTIL)
    told.tick((UNTIL - told.now).total_seconds())
    assert 0.0 in told.limits_sent()
    assert stops(told) == 0
    told.answer()
    assert next_deadline(told.station, told.now) == UNTIL + timedelta(seconds=GRACE)
    told.tick(GRACE)
    assert stops(told) == 1
    told.answer()
    told.tick(3600)
    assert stops(told) == 1


def test_one_that_has_not_confirmed_is_asked_at_once() -> None:
    told = at_2_1()
    begin(told, until=UNTIL)
    told.tick(600)
    assert stops(told) == 1


def test_one_that_keeps_only_the_other_limit_is_asked_at_once() -> None:
    told = confirmed(TransactionLimit(max_energy_wh=1000.0), energy_wh=1000.0, until=UNTIL)
    told.tick(600)
    assert stops(told) == 1


def test_what_fell_due_while_the_bridge_was_away_is_the_stations_to_tell_first() -> None:
    told = confirmed(until=UNTIL)
    told.tell(rules.Restarted(), after=900)
    told.tell(Connected(version="2.1", connection_id="c3", remote="127.0.0.1"))
    assert stops(told) == 0
    told.tell(
        ended(
            2,
            UNTIL,
            trigger_reason=TriggerReason.TIME_LIMIT_REACHED,
            stopped_reason=StoppedReason.TIME_LIMIT_REACHED,
        )
    )
    told.tick(3600)
    assert stops(told) == 0


def test_e16_fr_04_a_lower_limit_of_the_driver_is_not_the_bridges_to_end() -> None:
    told = confirmed(TransactionLimit(max_energy_wh=500.0), energy_wh=1000.0)
    told.tell(reached(2, told, TriggerReason.ENERGY_LIMIT_REACHED))
    told.tick(3600)
    assert stops(told) == 0


def test_a_limit_of_the_drivers_own_is_none_of_ours() -> None:
    told = at_2_1()
    begin(told)
    event = updated(1, told.now, trigger_reason=TriggerReason.LIMIT_SET)
    told.tell(replace(event, transaction_limit=TransactionLimit(max_energy_wh=500.0)))
    told.tell(reached(2, told, TriggerReason.ENERGY_LIMIT_REACHED))
    assert told.transaction.kept_limit is None
    assert stops(told) == 0


def test_one_that_charges_on_after_all_is_left_alone() -> None:
    told = confirmed(until=UNTIL)
    told.station = replace(told.station, questions=())
    told.settings = replace(told.settings, known=False)
    told.tell(reached(2, told, TriggerReason.TIME_LIMIT_REACHED))
    told.answer()
    told.tell(updated(3, told.now, charging_state=ChargingState.CHARGING))
    kept = told.transaction.kept_limit
    assert kept is not None
    assert kept.reached is None


def test_a_longer_time_is_as_if_the_station_had_never_stopped() -> None:
    told = confirmed(until=UNTIL)
    told.tell(reached(2, told, TriggerReason.TIME_LIMIT_REACHED))
    assert stops(told) == 1
    told.answer(REJECTED)
    told.command(Extend(until=UNTIL + timedelta(seconds=60)))
    told.tick(500)
    assert stops(told) == 1
    assert say(told, updated(3, told.now)) == TransactionLimit(max_seconds=655)
