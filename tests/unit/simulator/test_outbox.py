from datetime import timedelta

import pytest

from bridge.simulator.outbox import MAXIMUM_WAITING, Outbox, Outgoing
from bridge.simulator.transaction import ChargingState, Transaction
from tests.unit.simulator.rig import BEGIN

LATER = timedelta(seconds=10)
TRANSACTION = Transaction(
    transaction_id="t1",
    started_at=BEGIN,
    meter_start_wh=0.0,
    charging_state=ChargingState.EV_CONNECTED,
    next_sample_at=BEGIN,
)


def event(number: int, *, periodic: bool = False) -> Outgoing:
    return Outgoing(
        action="TransactionEvent",
        payload={"seqNo": number},
        transaction=TRANSACTION,
        periodic=periodic,
    )


def heartbeat() -> Outgoing:
    return Outgoing(action="Heartbeat", payload={})


def outbox_with(*items: Outgoing) -> Outbox:
    outbox = Outbox()
    for item in items:
        outbox.put(item)
    return outbox


def drain(outbox: Outbox) -> list[Outgoing]:
    taken = []
    while (outgoing := outbox.take(BEGIN, accepted=True)) is not None:
        taken.append(outgoing)
        outbox.answered()
    return taken


def test_one_call_is_outstanding_at_a_time() -> None:
    outbox = outbox_with(heartbeat(), heartbeat())
    assert outbox.take(BEGIN, accepted=True) is not None
    assert outbox.take(BEGIN, accepted=True) is None
    outbox.answered()
    assert outbox.take(BEGIN, accepted=True) is not None


def test_calls_leave_in_the_order_in_which_they_were_put() -> None:
    items = [event(0), heartbeat(), event(1)]
    assert drain(outbox_with(*items)) == items


def test_before_the_boot_is_accepted_only_what_is_marked_leaves() -> None:
    boot = Outgoing(action="BootNotification", payload={}, before_acceptance=True)
    outbox = outbox_with(event(0), heartbeat(), boot)
    assert outbox.take(BEGIN, accepted=False) is boot
    outbox.answered()
    assert outbox.take(BEGIN, accepted=False) is None


def test_a_lost_connection_keeps_the_events_in_order_and_drops_the_rest() -> None:
    first, second, third = event(0), event(1), event(2)
    beat = heartbeat()
    outbox = outbox_with(first, beat, second, third)
    outbox.take(BEGIN, accepted=True)
    assert outbox.connection_lost() == [beat]
    assert drain(outbox) == [first, second, third]
    assert first.attempts == 1


def test_a_failed_event_waits_longer_each_time_and_is_given_up_at_last() -> None:
    failing, beat = event(0), heartbeat()
    outbox = outbox_with(failing, event(1))
    outbox.take(BEGIN, accepted=True)
    outbox.failed(BEGIN, attempts=3, interval=LATER)
    outbox.put(beat)
    assert outbox.take(BEGIN, accepted=True) is beat, "others may pass, later events may not"
    outbox.answered()
    second_try = BEGIN + LATER
    assert outbox.take(second_try - timedelta(seconds=1), accepted=True) is None
    assert outbox.take(second_try, accepted=True) is failing
    outbox.failed(second_try, attempts=3, interval=LATER)
    third_try = second_try + 2 * LATER
    assert outbox.take(third_try - timedelta(seconds=1), accepted=True) is None
    assert outbox.take(third_try, accepted=True) is failing
    outbox.failed(third_try, attempts=3, interval=LATER)
    following = outbox.take(third_try, accepted=True)
    assert following is not None
    assert following.payload["seqNo"] == 1


def test_other_messages_are_not_repeated() -> None:
    outbox = outbox_with(heartbeat())
    outbox.take(BEGIN, accepted=True)
    outbox.failed(BEGIN, attempts=3, interval=LATER)
    assert outbox.empty


def test_it_knows_which_transactions_still_have_messages() -> None:
    outbox = outbox_with(event(0))
    assert outbox.holds_transaction("t1")
    assert not outbox.holds_transaction("t2")
    outbox.take(BEGIN, accepted=True)
    assert outbox.holds_transaction()
    assert not outbox.empty
    outbox.answered()
    assert not outbox.holds_transaction()
    assert outbox.empty


def test_a_flood_thins_out_the_periodic_values_only() -> None:
    outbox = outbox_with(event(0))
    for number in range(1, MAXIMUM_WAITING):
        outbox.put(event(number, periodic=True))
    outbox.put(event(MAXIMUM_WAITING))
    assert len(outbox) < MAXIMUM_WAITING * 0.6
    numbers = [item.payload["seqNo"] for item in drain(outbox)]
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (0, MAXIMUM_WAITING)


def test_an_answer_without_a_call_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(LookupError):
        Outbox().answered()
