"""The arbiter for any slots and constraints: total, bounded, independent of order, honest."""

from datetime import timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.allocation import ENFORCED, STATIC, Supply, arbitrate, round_down
from bridge.domain.control import Decision, Limit, Slot
from bridge.domain.enums import AllocationSource
from bridge.domain.settings import BelowMinimum, StationSettings
from tests.unit.domain.builders import T0

MQTT: Final = AllocationSource.MQTT
AMPS: Final = st.integers(0, 800).map(lambda tenths: tenths / 10)
CONSTRAINTS: Final = st.lists(
    st.builds(
        Limit,
        source=st.sampled_from(
            [
                AllocationSource.OCPP_PROFILE,
                AllocationSource.TEAM,
                AllocationSource.TRANSACTION,
                AllocationSource.PROXIMITY_PILOT,
            ]
        ),
        limit_a=AMPS,
    ),
    max_size=4,
)


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    watts = draw(st.booleans())
    return Slot(
        controller=draw(st.sampled_from("abc")),
        source=draw(st.sampled_from([MQTT, MQTT, AllocationSource.API])),
        priority=draw(st.integers(0, 1000)),
        since=T0 + timedelta(seconds=draw(st.integers(0, 3))),
        limit_a=None if watts else draw(AMPS),
        limit_w=draw(st.floats(0, 50_000)) if watts else None,
        pause=draw(st.booleans()),
        expires_at=draw(st.none() | st.just(T0 + timedelta(hours=1))),
    )


SETTINGS: Final = st.builds(
    StationSettings,
    installation_max_a=AMPS,
    minimum_a=st.sampled_from([0.0, 6.0]),
    below_minimum=st.sampled_from(BelowMinimum),
)
INCUMBENTS: Final = st.none() | st.sampled_from(AllocationSource)
SUPPLIES: Final = st.builds(
    Supply, voltage_v=st.floats(100, 280), phases=st.sampled_from([1, 2, 3])
)


def decide(
    claims: list[Slot],
    others: list[Limit],
    settings: StationSettings,
    supply: Supply,
    incumbent: AllocationSource | None,
) -> Decision:
    installation = Limit(
        source=AllocationSource.UNMANAGED, limit_a=round_down(settings.installation_max_a)
    )
    return arbitrate(
        claims, [installation, *others], supply=supply, settings=settings, incumbent=incumbent
    )


@given(st.lists(slots(), max_size=6), CONSTRAINTS, SETTINGS, SUPPLIES, INCUMBENTS)
def test_never_above_any_constraint_nor_above_the_source_that_is_named(
    claims: list[Slot],
    others: list[Limit],
    settings: StationSettings,
    supply: Supply,
    incumbent: AllocationSource | None,
) -> None:
    decision = decide(claims, others, settings, supply, incumbent)
    assert 0 <= decision.offered_a <= settings.installation_max_a
    assert all(decision.offered_a <= limit.limit_a for limit in others)
    assert decision.offered_a == round_down(decision.offered_a)
    assert decision.offered_a == 0 or decision.offered_a >= settings.minimum_a


@given(
    st.lists(slots(), max_size=6).flatmap(lambda c: st.tuples(st.just(c), st.permutations(c))),
    CONSTRAINTS.flatmap(lambda c: st.tuples(st.just(c), st.permutations(c))),
    SETTINGS,
    SUPPLIES,
    INCUMBENTS,
)
def test_the_order_of_arrival_does_not_matter(
    claims: tuple[list[Slot], list[Slot]],
    others: tuple[list[Limit], list[Limit]],
    settings: StationSettings,
    supply: Supply,
    incumbent: AllocationSource | None,
) -> None:
    first, second = (
        decide(c, o, settings, supply, incumbent) for c, o in zip(claims, others, strict=True)
    )
    assert first == second


@given(st.lists(slots(), max_size=6), CONSTRAINTS, SETTINGS, SUPPLIES, INCUMBENTS)
def test_mqtt_is_named_only_when_its_claim_binds(
    claims: list[Slot],
    others: list[Limit],
    settings: StationSettings,
    supply: Supply,
    incumbent: AllocationSource | None,
) -> None:
    decision = decide(claims, others, settings, supply, incumbent)
    binding = [limit for limit in decision.limits if limit.binding]
    assert binding
    assert {limit.source for limit in binding} == {decision.source}
    lowest = min(limit.limit_a for limit in binding)
    assert all(lowest <= limit.limit_a for limit in decision.limits if limit.source in STATIC)
    if decision.source is MQTT:
        (speaker,) = [slot for slot in decision.winners if slot.source is MQTT]
        assert speaker in claims
        assert binding[0].controller == speaker.controller
    unknown_to_the_station = [limit for limit in others if limit.source in ENFORCED]
    assert decision.enforced is bool(claims or unknown_to_the_station)


@given(st.lists(slots(), min_size=1, max_size=6), SETTINGS, SUPPLIES)
def test_among_claims_of_one_source_nobody_of_higher_priority_is_passed_over(
    claims: list[Slot], settings: StationSettings, supply: Supply
) -> None:
    decision = decide(claims, [], settings, supply, None)
    for winner in decision.winners:
        rivals = [slot for slot in claims if slot.source is winner.source]
        highest = max(slot.priority for slot in rivals)
        own = max(s.priority for s in rivals if s.controller == winner.controller)
        assert own == highest
