"""The arbiter: the worked cases of allocation.md and its rules one by one."""

from datetime import timedelta

import pytest

from bridge.domain import allocation
from bridge.domain.allocation import Supply, arbitrate, claims_of, round_down, supply_of
from bridge.domain.commands import Pause
from bridge.domain.control import Decision, Limit, PhaseControl, PhaseStep, Slot, TeamShare
from bridge.domain.enums import AllocationSource, ChargingState, ConnectorStatus
from bridge.domain.events import ClearedChargingLimit, NotifyChargingLimit
from bridge.domain.model import Evse, EvseView, Meter, Transaction
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import BelowMinimum, RateUnit, StationSettings
from tests.records import replace
from tests.unit.domain.builders import T0, charging, slot, updated

API = AllocationSource.API
MQTT = AllocationSource.MQTT
OCPP = AllocationSource.OCPP_PROFILE
PILOT = AllocationSource.PROXIMITY_PILOT
TEAM = AllocationSource.TEAM
TRANSACTION = AllocationSource.TRANSACTION
UNMANAGED = AllocationSource.UNMANAGED

SUPPLY = Supply(voltage_v=230.0, phases=3)
SIXTEEN = Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=16.0),))


def decide(
    *slots: Slot,
    installation: float = 32.0,
    incumbent: AllocationSource | None = None,
    below: BelowMinimum = BelowMinimum.PAUSE,
    minimum_a: float = 6.0,
    others: dict[AllocationSource, float] | None = None,
) -> Decision:
    """Arbitrate between slots, the installation and further constraints."""
    constraints = [Limit(source=UNMANAGED, limit_a=installation)]
    constraints += [Limit(source=source, limit_a=a) for source, a in (others or {}).items()]
    settings = StationSettings(
        installation_max_a=installation, below_minimum=below, minimum_a=minimum_a
    )
    return arbitrate(slots, constraints, supply=SUPPLY, settings=settings, incumbent=incumbent)


def outcome(decision: Decision) -> tuple[AllocationSource, float]:
    return decision.source, decision.offered_a


# --- The worked cases of allocation.md, each by its own words


def test_installation_32_cable_20_nothing_else_is_20_a_proximity_pilot() -> None:
    assert outcome(decide(installation=32, others={PILOT: 20})) == (PILOT, 20.0)


def test_32_and_32_with_mqtt_32_is_32_a_mqtt() -> None:
    assert outcome(decide(slot(32.0), installation=32, others={PILOT: 32})) == (MQTT, 32.0)


def test_installation_16_ocpp_16_mqtt_16_no_incumbent_is_16_a_ocpp_profile() -> None:
    assert outcome(decide(slot(16.0), installation=16, others={OCPP: 16})) == (OCPP, 16.0)


def test_ocpp_16_mqtt_10_then_mqtt_released_then_ocpp_cleared() -> None:
    assert outcome(decide(slot(10.0), others={OCPP: 16})) == (MQTT, 10.0)
    assert outcome(decide(others={OCPP: 16}, incumbent=MQTT)) == (OCPP, 16.0)
    assert outcome(decide(incumbent=OCPP)) == (UNMANAGED, 32.0)


def test_mqtt_slots_10_a_priority_50_and_16_a_priority_100_ask_16() -> None:
    decision = decide(slot(10.0, "nodered", priority=50), slot(16.0, "pv", priority=100))
    assert outcome(decision) == (MQTT, 16.0)
    assert [(limit.controller, limit.limit_a, limit.binding) for limit in decision.limits] == [
        ("pv", 16.0, True),
        ("nodered", 10.0, False),
        (None, 32.0, False),
    ]


def test_mqtt_4_a_is_0_a_mqtt_below_minimum_paused() -> None:
    told = charging()
    command_id = told.limit(4.0)
    told.answer()
    assert told.in_control == ("MQTT", 0.0, "active")
    assert told.limits_sent() == [0.0]
    assert told.finals(command_id) == [("done", "below_minimum_paused")]


def test_mqtt_paused_keeps_the_transaction_open_and_the_state_is_suspended_evse() -> None:
    told = charging()
    told.command(Pause())
    told.answer()
    told.tell(updated(1, told.now, charging_state=ChargingState.SUSPENDED_EVSE))
    assert told.in_control == ("MQTT", 0.0, "active")
    assert told.transaction.open
    assert told.view.state == "SuspendedEVSE"


def test_the_worked_cases_hold_at_a_station_from_end_to_end() -> None:
    told = charging()
    told.tell(updated(1, told.now, cable_max_current_a=20.0))
    assert told.in_control == ("ProximityPilot", 20.0, "released")
    told.tell(NotifyChargingLimit(limit_source="CSO", schedules=(SIXTEEN,)))
    assert told.in_control == ("OCPP Profile", 16.0, "released")
    told.applied(10.0)
    assert told.in_control == ("MQTT", 10.0, "active")
    told.release()
    told.answer()
    assert told.in_control == ("OCPP Profile", 16.0, "released")
    told.tell(ClearedChargingLimit(limit_source="CSO"))
    assert told.in_control == ("ProximityPilot", 20.0, "released")
    told.status(ConnectorStatus.AVAILABLE)
    told.end()
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_a_pause_is_a_limit_of_zero() -> None:
    decision = decide(slot(pause=True))
    assert outcome(decision) == (MQTT, 0.0)
    assert not decision.below_minimum


# --- Ties


@pytest.mark.parametrize("incumbent", [OCPP, TEAM, TRANSACTION, MQTT, API])
def test_the_incumbent_keeps_the_name_in_a_tie(incumbent: AllocationSource) -> None:
    decision = decide(
        slot(10.0),
        slot(10.0, source=API),
        others={OCPP: 10, TEAM: 10, TRANSACTION: 10},
        incumbent=incumbent,
    )
    assert outcome(decision) == (incumbent, 10.0)


@pytest.mark.parametrize(
    ("among", "named"),
    [
        ({OCPP: 10, TEAM: 10, TRANSACTION: 10}, OCPP),
        ({TEAM: 10, TRANSACTION: 10}, TEAM),
        ({TRANSACTION: 10}, TRANSACTION),
        ({}, MQTT),
    ],
)
def test_ties_have_a_fixed_order(
    among: dict[AllocationSource, float], named: AllocationSource
) -> None:
    assert decide(slot(10.0), slot(10.0, source=API), others=among).source is named


@pytest.mark.parametrize("incumbent", [None, UNMANAGED, PILOT])
def test_static_caps_lose_a_tie_to_any_will(incumbent: AllocationSource | None) -> None:
    decision = decide(slot(20.0), installation=20, others={PILOT: 20}, incumbent=incumbent)
    assert decision.source is MQTT


# --- Requests


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (slot(16.0, "a", priority=200), slot(6.0, "b", priority=100), 16.0),
        (slot(16.0, "a"), slot(8.0, "b"), 8.0),
    ],
)
def test_priority_goes_before_the_lower_limit(first: Slot, second: Slot, wins: float) -> None:
    assert decide(first, second).offered_a == decide(second, first).offered_a == wins


def test_the_newer_of_two_equal_claims_wins() -> None:
    newer = slot(8.0, "b", since=T0 + timedelta(seconds=1))
    assert decide(slot(8.0, "a"), newer).winners == (newer,)


def test_nothing_beats_a_constraint_whatever_its_priority() -> None:
    assert outcome(decide(slot(32.0, priority=1000), others={TEAM: 8})) == (TEAM, 8.0)


def test_a_pause_shadows_the_same_controllers_limit_of_higher_priority() -> None:
    decision = decide(slot(16.0, priority=900), slot(pause=True, since=T0 + timedelta(1)))
    assert outcome(decision) == (MQTT, 0.0)
    assert [(x.controller, x.priority) for x in decision.limits if x.source is MQTT] == [
        ("me", 900)
    ]


def test_a_pause_does_not_shadow_another_controllers_limit() -> None:
    decision = decide(slot(16.0, "boost", priority=900), slot(pause=True))
    assert outcome(decision) == (MQTT, 16.0)


def test_a_controllers_claims_on_station_and_evse_both_count() -> None:
    assert decide(slot(8.0, since=T0), slot(16.0, since=T0 + timedelta(1))).offered_a == 8.0


def test_sources_are_arbitrated_apart_before_they_meet() -> None:
    decision = decide(slot(8.0, priority=1), slot(16.0, source=API, priority=1000))
    assert outcome(decision) == (MQTT, 8.0)
    assert len(decision.winners) == 2


def test_a_slot_without_any_limit_asks_for_nothing_but_zero() -> None:
    assert decide(slot(None)).offered_a == 0.0


@pytest.mark.parametrize(
    ("source", "enforced"), [(OCPP, False), (PILOT, False), (TEAM, True), (TRANSACTION, True)]
)
def test_the_station_knows_some_limits_by_itself(source: AllocationSource, enforced: bool) -> None:
    assert decide(others={source: 20}).enforced is enforced
    assert decide(slot(20.0), others={source: 10}).enforced


@pytest.mark.parametrize("claim", [slot(20.0), slot(limit_w=13_800.0)])
def test_a_claim_above_the_installation_maximum_is_clipped_to_it(claim: Slot) -> None:
    decision = decide(claim, installation=16)
    assert outcome(decision) == (MQTT, 16.0)
    assert [limit.limit_a for limit in decision.limits] == [16.0, 16.0]


def test_a_claim_above_the_cable_is_not_clipped_so_that_the_cable_is_named() -> None:
    decision = decide(slot(20.0), others={PILOT: 16})
    assert outcome(decision) == (PILOT, 16.0)
    assert [limit.limit_a for limit in decision.limits] == [16.0, 20.0, 32.0]


def test_of_several_limits_of_one_source_only_the_lowest_binds() -> None:
    limits = [
        Limit(source=OCPP, limit_a=limit_a, detail={"limitSource": who})
        for limit_a, who in ((12.0, "CSO"), (10.0, "SO"), (10.0, "EMS"))
    ]
    own = Limit(source=UNMANAGED, limit_a=32.0)
    for constraints in ([*limits, own], [own, *reversed(limits)]):
        decision = arbitrate(
            (), constraints, supply=SUPPLY, settings=StationSettings(), incumbent=None
        )
        assert [(x.detail, x.binding) for x in decision.limits] == [
            ({"limitSource": "EMS"}, True),
            ({"limitSource": "SO"}, True),
            ({"limitSource": "CSO"}, False),
            (None, False),
        ]


# --- Below the minimum current


@pytest.mark.parametrize(
    ("below", "constraint", "offered"),
    [
        (BelowMinimum.PAUSE, 32, 0.0),
        (BelowMinimum.FLOOR, 32, 6.0),
        (BelowMinimum.FLOOR, 6, 6.0),
        (BelowMinimum.FLOOR, 5, 0.0),
        (BelowMinimum.REJECT, 32, 0.0),
    ],
)
def test_below_the_minimum_the_policy_decides(
    below: BelowMinimum, constraint: float, offered: float
) -> None:
    assert decide(slot(4.0), below=below, others={TEAM: constraint}).offered_a == offered


@pytest.mark.parametrize("below", BelowMinimum)
def test_a_constraint_below_the_minimum_pauses_whatever_the_policy(below: BelowMinimum) -> None:
    decision = decide(slot(16.0), below=below, others={OCPP: 5})
    assert outcome(decision) == (OCPP, 0.0)
    assert decision.below_minimum


@pytest.mark.parametrize(
    ("below", "offered"),
    [(BelowMinimum.PAUSE, 0.0), (BelowMinimum.FLOOR, 6.0), (BelowMinimum.REJECT, 0.0)],
)
def test_watts_below_the_minimum_are_as_amperes_below_it(
    below: BelowMinimum, offered: float
) -> None:
    decision = decide(slot(limit_w=2760.0), below=below)
    assert outcome(decision) == (MQTT, offered)
    assert decision.limits[0].limit_a == 4.0


def test_a_floor_does_not_raise_a_pause() -> None:
    decision = decide(slot(4.0), slot(pause=True, source=API), below=BelowMinimum.FLOOR)
    assert outcome(decision) == (API, 0.0)


def test_dc_has_no_minimum() -> None:
    decision = decide(slot(4.0), minimum_a=0.0)
    assert decision.offered_a == 4.0
    assert not decision.below_minimum


def test_the_minimum_itself_is_not_below_it() -> None:
    assert decide(slot(6.0)).offered_a == 6.0


# --- Numbers


@pytest.mark.parametrize(
    ("amps", "rounded"), [(10.3, 10.3), (10.39, 10.3), (9.999, 9.9), (0.05, 0.0), (16, 16.0)]
)
def test_currents_are_rounded_down_to_a_tenth(amps: float, rounded: float) -> None:
    assert round_down(amps) == rounded


def test_watts_are_divided_by_voltage_and_phases() -> None:
    assert decide(slot(limit_w=6900.0)).offered_a == 10.0
    assert SUPPLY.watts(10.0) == 6900.0


def test_expiry_and_priority_of_a_claim_are_published() -> None:
    ((limit, _),) = claims_of([slot(10.0, expires_at=T0, priority=7)], SUPPLY)
    assert (limit.expires_at, limit.priority, limit.limit_a) == (T0, 7, 10.0)


def test_a_lease_ends_at_its_expiry() -> None:
    lease = slot(10.0, expires_at=T0)
    assert allocation.is_live(lease, T0 - timedelta(milliseconds=1))
    assert not allocation.is_live(lease, T0)
    assert allocation.is_live(slot(10.0), T0)


# --- What watts are converted by

CONFIGURED = StationSettings(nominal_voltage_v=230.0, phases=3)


def evse_measuring(*volts: float | None, seen: tuple[bool, bool, bool] | None = None) -> Evse:
    first, second, third = (*volts, None, None, None)[:3]
    return Evse(
        id=1,
        meter=Meter(at=T0, voltage_v=(first, second, third)),
        transaction=Transaction(
            id="T1", uuid="u", started_at=T0, last_event_at=T0, started_seen=True, phases_seen=seen
        ),
        view=EvseView(charging=True),
    )


def test_nothing_measured_means_what_is_configured() -> None:
    assert supply_of(Evse(id=1), CONFIGURED, T0) == Supply(voltage_v=230.0, phases=3)


def test_a_fresh_voltage_and_the_phases_in_use_count() -> None:
    evse = evse_measuring(240.0, seen=(True, False, False))
    assert supply_of(evse, CONFIGURED, T0) == Supply(voltage_v=240.0, phases=1)


def test_the_mean_of_the_measured_phases_counts() -> None:
    assert supply_of(evse_measuring(220.0, None, 240.0), CONFIGURED, T0).voltage_v == 230.0


@pytest.mark.parametrize(("age", "volts"), [(10.0, 250.0), (10.1, 230.0), (-10.1, 230.0)])
def test_a_voltage_is_fresh_for_ten_seconds(age: float, volts: float) -> None:
    evse = evse_measuring(250.0)
    assert supply_of(evse, CONFIGURED, T0 + timedelta(seconds=age)).voltage_v == volts


@pytest.mark.parametrize(("measured", "used"), [(236.8, 230.0), (223.2, 230.0), (237.0, 237.0)])
def test_three_percent_of_voltage_are_no_change(measured: float, used: float) -> None:
    held = replace(evse_measuring(measured), supply_voltage_v=230.0, supply_phases=3)
    assert supply_of(held, CONFIGURED, T0).voltage_v == used


def test_another_number_of_phases_is_a_change() -> None:
    evse = evse_measuring(231.0, seen=(True, False, False))
    held = replace(evse, supply_voltage_v=230.0, supply_phases=3)
    assert supply_of(held, CONFIGURED, T0) == Supply(voltage_v=231.0, phases=1)


def test_phases_unknown_or_not_charging_means_the_configured_ones() -> None:
    assert supply_of(evse_measuring(230.0, seen=(False,) * 3), CONFIGURED, T0).phases == 3
    assert supply_of(evse_measuring(230.0), CONFIGURED, T0).phases == 3
    idle = replace(evse_measuring(230.0, seen=(True, False, False)), view=EvseView())
    assert supply_of(idle, CONFIGURED, T0).phases == 3


@pytest.mark.parametrize(
    ("control", "seen", "phases"),
    [
        (PhaseControl(active=1), (True, True, True), 1),
        (PhaseControl(active=1), None, 1),
        (PhaseControl(active=3), (True, False, False), 1),
        (PhaseControl(active=3), (False, False, False), 3),
        (PhaseControl(active=3, step=PhaseStep.SETTLING), (True, False, False), 3),
    ],
)
def test_a_switch_of_phases_counts_where_what_was_seen_is_of_before(
    control: PhaseControl, seen: tuple[bool, bool, bool] | None, phases: int
) -> None:
    evse = replace(evse_measuring(230.0, seen=seen), phase=control)
    assert supply_of(evse, CONFIGURED, T0).phases == phases
    assert supply_of(replace(evse, view=EvseView()), CONFIGURED, T0).phases == control.active


def test_a_share_is_named_by_its_group() -> None:
    share = TeamShare(team="garage", limit_a=10.07, at=T0)
    limit = allocation.constraints_of(Evse(id=1, team=share), CONFIGURED)[-1]
    assert (limit.source, limit.limit_a, limit.detail) == (TEAM, 10.0, {"team": "garage"})


def test_the_cable_is_reported_or_configured() -> None:
    limits = allocation.constraints_of(Evse(id=1, cable_max_a=20.0), CONFIGURED)
    assert [(x.source, x.limit_a) for x in limits] == [(UNMANAGED, 16.0), (PILOT, 20.0)]
    configured = replace(CONFIGURED, cable_max_a=13.0)
    assert allocation.constraints_of(Evse(id=1), configured)[1].limit_a == 13.0
    assert allocation.constraints_of(Evse(id=1, cable_max_a=20.0), configured)[1].limit_a == 20.0
