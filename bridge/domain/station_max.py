"""The profile of ours that limits the whole station: ChargingStationMaxProfile (OCPP 2.x K01).

In OCPP 1.6 it is called ChargePointMaxProfile.

Theory of operation. It is installed only where the configuration says how much (`station_max_a`),
on EVSE 0, and shares that among the EVSEs by the station's own means. It wears out the memory of
many stations and is unknown to others (allocation.md): so it is written once, and again only where
it may be lost, which is when other software has started, when the station's report lacks it or
has another, or when the configuration says another. What the station refuses is told once, and not
tried again for the same limit and software. The limits of EVSEs come first: nothing is asked while
one of them is on its way or waits, and what got lost is asked again with growing pauses.

No EVSE may have more than the station (`installation_max_a` is not above it), so the arbiter has
nothing to add.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.domain import answers, faults, wanted
from bridge.domain.allocation import round_down
from bridge.domain.calls import (
    CallFailure,
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    StationRequest,
)
from bridge.domain.control import NO_STATION_MAX, StationMax
from bridge.domain.draft import Draft
from bridge.domain.ids import STATION_EVSE
from bridge.domain.knowledge import Question, QuestionKind
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile

REFUSED: Final = "station_max_refused"
FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(days=1)
_MOST_DOUBLINGS: Final = 9
_SAME_A: Final = 0.05


# --- When to write --------------------------------------------------------------------------


def keep(draft: Draft) -> None:
    """Ask the station for what is missing, if it is time for that."""
    held, limit_a = draft.station.station_max, draft.settings.station_max_a
    if limit_a is None and held == NO_STATION_MAX:
        return  # most stations
    target_a = None if limit_a is None or draft.settings.secc else round_down(limit_a)
    if _stands(held, target_a):
        _forget_refusal(draft, target_a)
    elif _may_ask(draft, held):
        request = _request(draft, target_a)
        draft.change(
            station_max=replace(held, asked_a=target_a, unsure=True, retry_at=None),
        )
        draft.ask(QuestionKind.STATION_MAX, request)


def _stands(held: StationMax, target_a: float | None) -> bool:
    """Say whether nothing is to be written: it is there, or the station does not take it."""
    if target_a is not None and target_a == held.refused_a:
        return True
    return not held.unsure and _is_same(held.limit_a, target_a)


def _is_same(held_a: float | None, target_a: float | None) -> bool:
    if held_a is None or target_a is None:
        return held_a is target_a
    return abs(held_a - target_a) <= _SAME_A


def _forget_refusal(draft: Draft, target_a: float | None) -> None:
    """Forget what was refused once nothing is wanted: it is tried when it is wanted again."""
    if target_a is None and draft.station.station_max != NO_STATION_MAX:
        draft.change(station_max=NO_STATION_MAX)


def _may_ask(draft: Draft, held: StationMax) -> bool:
    if not draft.reachable or draft.station.recovering:
        return False
    if held.retry_at is not None and draft.now < held.retry_at:
        return False
    if any(question.kind is QuestionKind.STATION_MAX for question in draft.station.questions):
        return False
    evses = draft.evses.values()
    return not any(evse.write is not None or evse.waiting for evse in evses)


def _request(draft: Draft, target_a: float | None) -> StationRequest:
    if target_a is None:
        return ClearChargingProfile(profile_id=wanted.STATION_MAX_PROFILE_ID)
    return wanted.request_for_station(draft, target_a)


# --- What the station says ------------------------------------------------------------------


def answered(draft: Draft, _question: Question, outcome: CallOutcome) -> None:
    """Take in what the station makes of it; a profile that it does not know is as good as gone."""
    held = draft.station.station_max
    asked_a = held.asked_a
    if isinstance(outcome, CallResult) and (outcome.accepted or asked_a is None):
        draft.change(station_max=replace(NO_STATION_MAX, limit_a=asked_a))
        if asked_a is not None:
            _learn(draft, takes=True)
    elif asked_a is None or not _is_refusal(outcome):
        pause = min(FIRST_PAUSE * 2**held.retries, LONGEST_PAUSE)
        retries = min(held.retries + 1, _MOST_DOUBLINGS)
        after = replace(held, asked_a=None, retry_at=draft.now + pause, retries=retries)
        draft.change(station_max=after)
    else:
        after = replace(NO_STATION_MAX, limit_a=held.limit_a, refused_a=asked_a)
        draft.change(station_max=after)
        _learn(draft, takes=False)
        _tell(draft, asked_a, outcome)


def _is_refusal(outcome: CallOutcome) -> bool:
    return isinstance(outcome, CallResult) or outcome.failure is CallFailure.ERROR


def _learn(draft: Draft, *, takes: bool) -> None:
    if draft.station.learnt.station_max_profile is not takes:
        draft.change(learnt=replace(draft.station.learnt, station_max_profile=takes))


def _tell(draft: Draft, asked_a: float, outcome: CallOutcome) -> None:
    refusal, _ = answers.refusal_of(outcome)
    details: dict[str, Any] = {"limitA": asked_a, **refusal.details}
    message = f"no limit for the whole station: {refusal.message}"
    faults.record(draft, STATION_EVSE, REFUSED, message, details)


def recognised(draft: Draft, profiles: Iterable[ChargingProfile]) -> None:
    """Go by what the station reports: it has the profile, another one, or none."""
    held = draft.station.station_max
    found = next((p for p in profiles if p.profile_id == wanted.STATION_MAX_PROFILE_ID), None)
    limit_a = None if found is None else wanted.station_limit_of(draft, found.schedule)
    unsure = found is not None and limit_a is None
    if (held.limit_a, held.unsure) != (limit_a, unsure):
        draft.change(station_max=replace(held, limit_a=limit_a, unsure=unsure))


def other_software(draft: Draft) -> None:
    """Take note that other software has started: what it has, and takes, is not known."""
    held = draft.station.station_max
    if held != NO_STATION_MAX:
        draft.change(station_max=replace(NO_STATION_MAX, limit_a=held.limit_a, unsure=True))


def deadlines(station: Station) -> list[datetime]:
    """Return when it is asked again."""
    at = station.station_max.retry_at
    return [at] if at is not None and station.online else []
