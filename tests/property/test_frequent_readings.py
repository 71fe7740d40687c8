"""The short way for readings never leads elsewhere than the rules, whatever is unusual.

A station that charges is changed in any of its fields, and told an event that goes through all
rules, so that its record is one that they have left behind. The next event, perhaps unusual itself
and some time later, must lead to the same by both ways.
"""

from datetime import datetime, timedelta
from types import NoneType
from typing import Any, Final, get_type_hints

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Struct

from bridge.domain import frequent
from bridge.domain import station as rules
from bridge.domain.calls import SetChargingProfile
from bridge.domain.commands import SetLimit
from bridge.domain.effects import TransactionRecorded
from bridge.domain.enums import ChargingState, TriggerReason
from bridge.domain.events import BootNotification, TransactionEvent
from bridge.domain.model import Evse, EvseView, Meter, Station, Transaction
from bridge.domain.settings import StationSettings
from bridge.domain.tokens import NO_TOKENS, TokenList
from tests.domain_strategies import Records
from tests.property.readings import assert_found_by_the_rules_too
from tests.records import replace
from tests.unit.domain.builders import (
    ACCEPTED,
    CALLERROR,
    ENERGY,
    T0,
    Told,
    readings,
    sample,
    updated,
)

SETTINGS: Final = StationSettings(installation_max_a=20.0, known=True)


def event(number: int, at: datetime, **more: Any) -> TransactionEvent:
    """The next event, of the kind that comes most."""
    values = readings(
        sample(ENERGY, 1000.0 + number),
        sample("Power.Active.Import", 6900.0),
        *(sample("Current.Import", 9.9, phase) for phase in ("L1", "L2", "L3")),
        at=at,
    )
    more.setdefault("trigger_reason", TriggerReason.METER_VALUE_PERIODIC)
    more.setdefault("charging_state", ChargingState.CHARGING)
    return updated(number, at, evse_id=1, meter_values=(values,), **more)


def charging(version: str = "2.0.1") -> Told:
    """A station that has charged for a while, its first readings taken."""
    told = Told(SETTINGS)
    told.station = replace(told.station, version=version)
    told.tell(BootNotification(vendor_name="v", model="m", reason="PowerUp"))
    told.start(connector_id=1)
    told.tell(event(1, told.now))
    return answered(told)


def answered(told: Told) -> Told:
    """Answer all that was asked: the station has no profiles to tell of, and takes ours."""
    for call in told.calls:  # to which more are added
        sets = isinstance(call.request, SetChargingProfile)
        told.answer(ACCEPTED if sets else CALLERROR, call.call_id)
    told.calls.clear()
    return told


def limited() -> Told:
    """The same with a limit that the station has accepted and keeps."""
    told = charging()
    told.command(SetLimit(limit_a=10.0, ttl_seconds=300))
    answered(told)
    told.tell(event(2, told.now))
    return answered(told)


def of_two() -> Told:
    """The same with another vehicle on another EVSE."""
    told = charging()
    told.start("T2", 2)
    return answered(told)


OUTSETS: Final = {
    "plain": charging(),
    "2.1": charging("2.1"),
    "limited": limited(),
    "two": of_two(),
}


values: Final = Records(
    {
        Any: st.none(),
        TokenList: st.just(NO_TOKENS),
        NoneType: st.none(),
        bool: st.booleans(),
        int: st.sampled_from([0, 1, 2, 3, 4, 7]),
        float: st.sampled_from([0.0, 1.0, 6.0, 9.5, 16.0, 1003.0]),
        str: st.sampled_from(["", "T1", "T2", "x", "2.1"]),
        datetime: st.sampled_from([T0 + timedelta(seconds=seconds) for seconds in (0, 70, 4000)]),
    },
    sparse=True,
)
"""Values that could matter here."""


# --- Something is unusual -------------------------------------------------------------------

PLACES: Final[dict[str, type[Struct]]] = {
    "event": TransactionEvent,
    "settings": StationSettings,
    "station": Station,
    "evse": Evse,
    "other": Evse,
    "transaction": Transaction,
    "meter": Meter,
    "view": EvseView,
}
"""What is changed in one of its fields; `other` is the second EVSE."""
TYPES: Final = {
    (place, name): hint
    for place, kind in PLACES.items()
    for name, hint in get_type_hints(kind).items()
    if name not in {"id", "evses"}  # other ones are no change of this station
}
Change = tuple[str, str, Any]


def changes(place: str, name: str) -> st.SearchStrategy[Change]:
    return st.tuples(st.just(place), st.just(name), values(TYPES[place, name]))


def disturbed(station: Station, place: str, name: str, value: Any) -> Station:
    """Return a station of which one field is another one."""
    if place == "station":
        return replace(station, **{name: value})
    evse_id = 2 if place == "other" else 1
    evse = station.evses.get(evse_id)
    if evse is None or place in {"event", "settings"}:
        return station
    if place in {"evse", "other"}:
        evse = replace(evse, **{name: value})
    else:
        held = getattr(evse, place)
        if held is not None:
            evse = replace(evse, **{place: replace(held, **{name: value})})
    return replace(station, evses={**station.evses, evse_id: evse})


def both_ways(told: Told, unusual: list[Change], wait: int) -> None:
    """Let the rules see the unusual once; the event after that must lead to the same by both."""
    station, number = told.station, told.transaction.last_seq_no
    first = told.now + timedelta(seconds=1)
    now = first + timedelta(seconds=wait)
    in_force, message = told.settings, event(number + 2, now)
    for place, name, value in unusual:
        station = disturbed(station, place, name, value)
        if place == "settings":
            in_force = replace(in_force, **{name: value})
        elif place == "event":
            message = replace(message, **{name: value})
    try:
        station = rules.by_the_rules(station, event(number + 1, first), first, in_force).station
    except Exception:  # noqa: BLE001  # no record that the rules could have left behind
        assume(False)
    outcome = frequent.taken_in(station, message, now, in_force)
    if outcome is not None:
        assert_found_by_the_rules_too(station, message, now, in_force, outcome)


OUTSET: Final = st.sampled_from(sorted(OUTSETS)).map(OUTSETS.__getitem__)
WAIT: Final = st.sampled_from([0, 60, 400])


@pytest.mark.parametrize(("place", "name"), TYPES)
def test_one_unusual_thing_leads_where_the_rules_lead(place: str, name: str) -> None:
    @given(told=OUTSET, unusual=changes(place, name), wait=WAIT)
    def leads_there(told: Told, unusual: Change, wait: int) -> None:
        both_ways(told, [unusual], wait)

    leads_there()


@given(
    told=OUTSET,
    unusual=st.lists(
        st.sampled_from(sorted(TYPES)).flatmap(lambda field: changes(*field)),
        min_size=2,
        max_size=3,
    ),
    wait=WAIT,
)
def test_several_unusual_things_lead_where_the_rules_lead(
    told: Told, unusual: list[Change], wait: int
) -> None:
    both_ways(told, unusual, wait)


@pytest.mark.parametrize("name", sorted(OUTSETS))
def test_usual_readings_take_the_short_way(name: str) -> None:
    told = OUTSETS[name]
    now, seq_no = told.now, told.transaction.last_seq_no
    for number in range(1, 4):
        now += timedelta(seconds=1)
        told_next = rules.handle(told.station, event(seq_no + number, now), now, SETTINGS)
        assert told_next.readings_of == 1
        told = Told(SETTINGS, online=False)
        told.station = told_next.station


@pytest.mark.parametrize(
    "more",
    [
        {"charging_state": ChargingState.SUSPENDED_EV},
        {"trigger_reason": TriggerReason.CHARGING_RATE_CHANGED},
        {"cable_max_current_a": 13.0},
        {"number_of_phases_used": 1, "charging_state": ChargingState.SUSPENDED_EVSE},
        {"offline": True},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_is_news_takes_the_long_way(more: dict[str, Any]) -> None:
    told = OUTSETS["plain"]
    now = told.now + timedelta(seconds=1)
    number = told.transaction.last_seq_no + 1
    outcome = rules.handle(told.station, event(number, now, **more), now, SETTINGS)
    assert outcome.readings_of is None
    assert isinstance(outcome.events[0], TransactionRecorded)
