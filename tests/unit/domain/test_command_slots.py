"""limit, release, pause and resume: claims on an EVSE or on the whole station."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.calls import (
    ClearChargingProfile,
    ProfilePurpose,
    SetChargingProfile,
)
from bridge.domain.commands import OnExpire, Pause, Release, Resume, SetLimit
from bridge.domain.settings import BelowMinimum
from tests.unit.domain.builders import (
    REJECTED,
    Told,
    charging,
    ready,
)

# --- limit


def test_a_limit_in_a_transaction_is_a_tx_profile() -> None:
    told = charging()
    command_id = told.limit(10.0)
    assert told.request == SetChargingProfile(
        evse_id=1,
        profile_id=0x4D510001,
        purpose=ProfilePurpose.TX,
        stack_level=0,
        limit_a=10.0,
        start_at=told.now - timedelta(minutes=1),
        transaction_id="T1",
    )
    assert told.finals(command_id) == []
    assert told.in_control == ("Unmanaged", 32.0, "pending")
    assert told.allocation.pending_a == 10.0
    told.answer()
    assert told.result(command_id).data == {
        "requestedA": 10.0,
        "appliedA": 10.0,
        "binding": True,
        "allocationSourceName": "MQTT",
        "expiresAt": None,
    }
    assert told.in_control == ("MQTT", 10.0, "active")
    assert told.allocation.pending_a is None


def test_a_limit_before_a_transaction_is_a_tx_default_profile() -> None:
    told = ready(stack_level=3)
    told.limit(10.0)
    request = told.request
    assert isinstance(request, SetChargingProfile)
    assert (request.purpose, request.profile_id) == (ProfilePurpose.TX_DEFAULT, 0x4D518001)
    assert (request.transaction_id, request.stack_level) == (None, 3)


def test_the_same_limit_again_is_done_without_a_write() -> None:
    told = charging()
    told.applied(10.0)
    again = told.limit(10.0)
    assert told.finals(again) == [("done", "ok")]
    assert told.limits_sent() == [10.0]


def test_a_limit_above_the_installation_is_clipped() -> None:
    told = charging()
    command_id = told.applied(40.0)
    assert told.finals(command_id) == [("done", "clipped")]
    assert told.limits_sent() == [32.0]
    assert told.evse().slots[0].limit_a == 32.0
    data = told.result(command_id).data
    assert data is not None
    assert (data["requestedA"], data["appliedA"]) == (40.0, 32.0)


def test_a_limit_is_not_clipped_to_the_cable() -> None:
    told = ready(cable_max_a=20.0)
    command_id = told.applied(25.0)
    assert told.finals(command_id) == [("done", "standby")]
    assert told.in_control == ("ProximityPilot", 20.0, "standby")
    assert told.evse().slots[0].limit_a == 25.0


def test_a_limit_is_rounded_down_to_a_tenth() -> None:
    told = charging()
    told.limit(10.39)
    assert told.limits_sent() == [10.3]


@pytest.mark.parametrize(
    ("below", "sent", "code"),
    [
        (BelowMinimum.PAUSE, [0.0], "below_minimum_paused"),
        (BelowMinimum.FLOOR, [6.0], "ok"),
    ],
)
def test_a_limit_below_the_minimum_is_paused_or_raised(
    below: BelowMinimum, sent: list[float], code: str
) -> None:
    told = charging(below_minimum=below)
    command_id = told.applied(4.0)
    assert told.limits_sent() == sent
    assert told.finals(command_id) == [("done", code)]
    assert told.allocation.source.value == "MQTT"


def test_a_limit_below_the_minimum_is_refused_where_so_configured() -> None:
    told = charging(below_minimum=BelowMinimum.REJECT)
    command_id = told.limit(4.0)
    assert told.finals(command_id) == [("rejected", "invalid_argument")]
    refusal = told.result(command_id).refusal
    assert refusal is not None
    assert refusal.message == (
        "limitA must be 0 or come to at least 6 A per phase here (below_minimum = reject)"
    )
    assert refusal.details == {"pointer": "/limitA", "minimumA": 6.0}
    assert told.evse().slots == ()
    for fine in (0.0, 6.0):
        assert told.finals(told.applied(fine)) == [("done", "ok")]


def test_watts_that_come_to_less_than_the_minimum_are_refused_likewise() -> None:
    told = charging(below_minimum=BelowMinimum.REJECT)
    refused = told.result(told.command(SetLimit(limit_w=4000.0)))
    assert refused.refusal is not None
    assert refused.refusal.details == {"pointer": "/limitW", "minimumA": 6.0}
    for fine in (0.0, 4140.0):
        command_id = told.command(SetLimit(limit_w=fine))
        told.answer()
        assert told.finals(command_id) == [("done", "ok")]


def test_watts_above_the_installation_maximum_are_clipped() -> None:
    told = charging()
    command_id = told.command(SetLimit(limit_w=22_080.1))
    told.answer()
    assert told.finals(command_id) == [("done", "clipped")]
    assert told.in_control == ("MQTT", 32.0, "active")


def test_a_lower_claim_of_another_leaves_it_in_standby() -> None:
    told = charging()
    told.applied(10.0)
    other = told.limit(16.0, controller="other")
    assert told.finals(other) == [("done", "standby")]
    assert told.limits_sent() == [10.0]


@pytest.mark.parametrize(
    ("limit_a", "limit_w", "offered"), [(10.0, 6210.0, 9.0), (8.0, 6210.0, 8.0), (40.0, 0.0, 0.0)]
)
def test_the_lower_of_a_current_and_a_power_holds(
    limit_a: float, limit_w: float, offered: float
) -> None:
    told = ready()
    told.command(SetLimit(limit_a=limit_a, limit_w=limit_w))
    told.answer()
    assert told.allocation.offered_a == offered
    (claim,) = told.evse().slots
    assert (claim.limit_a, claim.limit_w) == (min(limit_a, 32.0), limit_w)


@pytest.mark.parametrize(
    ("limit_a", "limit_w", "pointer"), [(5.0, 4140.0, "A"), (7.0, 2070.0, "W")]
)
def test_what_is_too_low_of_both_is_named(limit_a: float, limit_w: float, pointer: str) -> None:
    told = ready(below_minimum=BelowMinimum.REJECT)
    refused = told.command(SetLimit(limit_a=limit_a, limit_w=limit_w))
    refusal = told.result(refused).refusal
    assert refusal is not None
    assert refusal.details["pointer"] == f"/limit{pointer}"


def test_a_limit_while_the_same_controller_pauses_is_in_standby() -> None:
    told = charging()
    told.command(Pause())
    told.answer()
    limit = told.limit(10.0)
    assert told.finals(limit) == [("done", "standby")]
    assert told.limits_sent() == [0.0]


def test_watts_are_amperes_of_the_supply() -> None:
    told = charging()
    command_id = told.command(SetLimit(limit_w=6900.0))
    told.answer()
    assert told.limits_sent() == [10.0]
    data = told.result(command_id).data
    assert data is not None
    assert (data["requestedA"], data["appliedA"]) == (None, 10.0)


@pytest.mark.parametrize(
    ("ttl", "default", "lasts"), [(60, 0, 60), (60, 900, 60), (None, 900, 900), (None, 0, None)]
)
def test_a_lease_lasts_as_asked_or_configured(
    ttl: int | None, default: int, lasts: int | None
) -> None:
    told = charging(default_ttl_seconds=default)
    command_id = told.applied(10.0, ttl_seconds=ttl, on_expire=OnExpire.FAILSAFE, priority=7)
    slot = told.evse().slots[0]
    assert slot.expires_at == (slot.since + timedelta(seconds=lasts) if lasts else None)
    assert (slot.priority, slot.on_expire) == (7, OnExpire.FAILSAFE)
    data = told.result(command_id).data
    assert data is not None
    assert (data["expiresAt"] is None) is (lasts is None)


# --- release, pause, resume


@pytest.mark.parametrize(("ttl", "lasts"), [(60, 60), (None, 900)])
def test_a_pause_lasts_as_asked_or_configured(ttl: int | None, lasts: int) -> None:
    told = charging(default_ttl_seconds=900)
    told.command(Pause(ttl_seconds=ttl))
    slot = told.evse().slots[0]
    assert slot.expires_at == slot.since + timedelta(seconds=lasts)


def test_release_gives_control_back() -> None:
    told = charging()
    told.applied(10.0)
    command_id = told.release()
    assert told.request == ClearChargingProfile(profile_id=0x4D510001)
    assert told.in_control == ("MQTT", 10.0, "pending")
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {
        "requestedA": None,
        "appliedA": 32.0,
        "binding": False,
        "allocationSourceName": "Unmanaged",
        "expiresAt": None,
    }
    assert told.in_control == ("Unmanaged", 32.0, "released")


@pytest.mark.parametrize("arguments", [Release(), Resume()])
def test_giving_up_nothing_is_done_at_once(arguments: Any) -> None:
    told = charging()
    assert told.finals(told.command(arguments)) == [("done", "ok")]
    assert told.calls == []


def test_release_leaves_the_claims_of_others() -> None:
    told = charging()
    told.applied(10.0)
    told.applied(8.0, controller="other")
    command_id = told.release(controller="other")
    told.answer()
    assert told.limits_sent() == [10.0, 8.0, 10.0]
    data = told.result(command_id).data
    assert data is not None
    assert (data["binding"], data["appliedA"]) == (False, 10.0)


def test_pause_shadows_the_limit_and_resume_brings_it_back() -> None:
    told = charging()
    told.applied(10.0, priority=500)
    pause = told.command(Pause())
    told.answer()
    assert told.in_control == ("MQTT", 0.0, "active")
    assert told.transaction.open
    resume = told.resume()
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")
    assert told.limits_sent() == [10.0, 0.0, 10.0]
    assert told.finals(pause) == told.finals(resume) == [("done", "ok")]


def test_release_gives_up_a_pause_as_well() -> None:
    told = charging()
    told.applied(10.0)
    told.command(Pause())
    told.answer()
    told.release()
    told.answer()
    assert told.evse().slots == ()


def test_a_pause_may_be_a_lease() -> None:
    told = charging()
    told.applied(10.0)
    told.command(Pause(ttl_seconds=60))
    told.answer()
    told.tick(60)
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")


# --- the whole station


def test_a_limit_on_the_station_gets_one_result_when_all_evses_have_it() -> None:
    told = ready(evses=2)
    command_id = told.limit(10.0, evse_id=0)
    first, second = told.calls
    assert told.limits_sent() == [10.0, 10.0]
    told.answer(call_id=first.call_id)
    assert told.finals(command_id) == []
    told.answer(call_id=second.call_id)
    assert told.finals(command_id) == [("done", "ok")]
    assert {told.evse(n).allocation.source.value for n in (1, 2)} == {"MQTT"}  # type: ignore[union-attr]


@pytest.mark.parametrize("accepted_first", [True, False])
def test_a_limit_on_the_station_that_one_evse_refuses_is_taken_back_everywhere(
    accepted_first: bool,
) -> None:
    told = ready(evses=2)
    command_id = told.limit(10.0, evse_id=0)
    first, second = told.calls
    if accepted_first:
        told.answer(call_id=first.call_id)
    told.answer(REJECTED, call_id=second.call_id)
    if not accepted_first:
        told.answer(call_id=first.call_id)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert told.station.station_slots == ()
    assert told.request == ClearChargingProfile(profile_id=0x4D518001)
    told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_a_limit_on_a_station_without_evses_waits_for_the_first() -> None:
    told = Told()
    command_id = told.limit(10.0, evse_id=0)
    assert told.finals(command_id) == [("done", "standby")]
    told.start()
    assert told.limits_sent() == [10.0]
    assert told.in_control == ("Unmanaged", 32.0, "pending")
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")
    assert Told().finals("1") == []


def test_a_release_on_a_station_without_evses_is_done() -> None:
    told = Told()
    assert told.finals(told.release(evse_id=0)) == [("done", "ok")]


def test_a_superseded_limit_on_the_station_is_answered_once() -> None:
    told = ready(evses=2)
    other = told.limit(8.0, evse_id=2)
    first = told.limit(10.0, evse_id=0)
    second = told.limit(12.0, evse_id=0)
    while (open_ := [e.write for e in told.station.evses.values() if e.write]) != []:
        told.answer(call_id=open_[0].call_id)
    assert told.finals(other) == [("done", "ok")]
    assert told.finals(first) == [("done", "ok")]
    assert told.finals(second) == [("done", "standby")]


# --- leases that ran out are noticed by any command


def test_a_command_on_one_evse_lets_the_lapsed_lease_of_another_go() -> None:
    told = ready(evses=2)
    told.applied(10.0, evse_id=2, ttl_seconds=60)
    told.now += timedelta(seconds=60)
    told.limit(12.0, evse_id=1)
    assert told.evse(2).slots == ()
    assert {type(call.request) for call in told.outcome.calls} == {
        SetChargingProfile,
        ClearChargingProfile,
    }
