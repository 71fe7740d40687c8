"""Which kinds of profile a station takes: tried in turn, and remembered."""

import pytest

from bridge.domain.calls import CallResult, ProfilePurpose, SetChargingProfile
from bridge.domain.commands import SetPhases
from bridge.domain.enums import ConnectorStatus
from bridge.domain.knowledge import Learnt
from tests.unit.domain.builders import CALLERROR, REJECTED, TIMEOUT, Told, charging, ready

TX, DEFAULT = ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT
NOT_SUPPORTED = CallResult(accepted=False, status="NotSupported")


def tried(told: Told) -> list[tuple[ProfilePurpose, bool]]:
    """Purpose of each profile that was sent, and whether it has an end."""
    return [
        (call.request.purpose, call.request.valid_to is not None)
        for call in told.calls
        if isinstance(call.request, SetChargingProfile)
    ]


@pytest.mark.parametrize("refusal", [REJECTED, NOT_SUPPORTED])
def test_where_a_txprofile_is_refused_the_default_carries_the_same_command(
    refusal: CallResult,
) -> None:
    told = charging()
    command_id = told.limit(10.0)
    told.answer(refusal)
    assert told.finals(command_id) == []
    told.answer()
    assert tried(told) == [(TX, False), (DEFAULT, False)]
    assert told.finals(command_id) == [("done", "ok")]
    assert told.in_control == ("MQTT", 10.0, "active")
    assert told.station.learnt == Learnt(tx_profile=False)


def test_what_was_learnt_is_not_tried_again() -> None:
    told = charging()
    told.limit(10.0)
    told.answer(REJECTED)
    told.answer()
    told.applied(12.0)
    assert tried(told)[2:] == [(DEFAULT, False)]


def test_where_all_kinds_are_refused_the_command_is_and_nothing_is_learnt() -> None:
    told = charging()
    command_id = told.limit(10.0)
    told.answer(REJECTED)
    told.answer(REJECTED)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert told.station.learnt == Learnt()
    assert told.in_control == ("Unmanaged", 32.0, "released")


@pytest.mark.parametrize("outcome", [TIMEOUT, CALLERROR])
def test_no_answer_is_no_refusal_of_a_kind(outcome: object) -> None:
    told = charging()
    told.limit(10.0)
    told.answer(outcome)
    assert (TX, False) in tried(told)
    assert (DEFAULT, False) not in tried(told)
    assert told.station.learnt == Learnt()


def test_a_newer_limit_takes_the_place_of_one_that_is_tried_another_way() -> None:
    told = charging()
    first, second = told.limit(10.0), told.limit(12.0)
    told.answer(REJECTED)
    told.answer()
    assert told.limits_sent() == [10.0, 12.0]
    assert told.finals(first) == [("superseded", "superseded")]
    assert told.finals(second) == [("done", "ok")]


def test_each_kind_is_tried_with_the_end_of_its_lease_and_without() -> None:
    told = charging()
    command_id = told.limit(10.0, ttl_seconds=600)
    for _ in range(3):
        told.answer(REJECTED)
    assert tried(told) == [(TX, True), (TX, False), (DEFAULT, True), (DEFAULT, False)]
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    assert told.station.learnt == Learnt(tx_profile=False, valid_to=False)


def test_that_one_kind_is_refused_says_nothing_of_the_end_of_another() -> None:
    told = charging()
    told.limit(10.0, ttl_seconds=600)
    told.answer(REJECTED)
    told.answer(REJECTED)
    told.answer()
    assert told.station.learnt == Learnt(tx_profile=False, valid_to=True)


def test_a_station_without_ends_is_remembered_as_such() -> None:
    told = ready()
    told.limit(10.0, ttl_seconds=600)
    told.answer(REJECTED)
    told.answer()
    assert told.station.learnt == Learnt(valid_to=False)
    told.applied(12.0, ttl_seconds=600)
    assert tried(told) == [(DEFAULT, True), (DEFAULT, False), (DEFAULT, False)]


def test_a_kind_that_was_accepted_once_is_not_given_up_for_one_refusal() -> None:
    told = charging()
    told.applied(10.0)
    command_id = told.limit(12.0)
    told.answer(REJECTED)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert told.station.learnt == Learnt(tx_profile=True)


def test_a_command_of_somebody_else_takes_no_ones_place() -> None:
    told = charging()
    first = told.limit(10.0)
    told.limit(12.0, controller="other", priority=50)
    told.answer(REJECTED)
    told.answer()
    assert told.finals(first) == [("done", "ok")]


def test_a_command_about_phases_does_not_replace_a_limit() -> None:
    told = charging()
    first = told.limit(10.0)
    phases = told.command(SetPhases(phases=None))
    told.answer(REJECTED)
    told.answer()
    assert told.finals(first) == [("done", "ok")]
    assert told.finals(phases)[0][0] == "done"


def test_a_command_on_the_station_that_was_replaced_is_answered_once() -> None:
    told = charging()
    told.status(ConnectorStatus.AVAILABLE, evse_id=2)
    first = told.limit(10.0, evse_id=0)
    by_tx, by_default = told.calls
    second = told.limit(12.0, evse_id=0)
    told.answer(REJECTED, call_id=by_tx.call_id)
    assert told.finals(first) == []
    told.answer(call_id=by_default.call_id)
    assert told.finals(first) == [("done", "ok")]
    for call in told.calls[2:]:
        told.answer(call_id=call.call_id)
    assert told.finals(first) == [("done", "ok")]
    assert told.finals(second) == [("done", "ok")]
