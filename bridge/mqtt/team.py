"""The retained state of each load-management group."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

import orjson

from bridge.api.team_payloads import TeamDocument, TeamMember
from bridge.domain.enums import AllocationSource
from bridge.domain.team import MemberId, Totals
from bridge.domain.team_leader import TeamState
from bridge.domain.team_total import FAILSAFE_CONTROLLER
from bridge.domain.units import rfc3339
from bridge.mqtt import topics
from bridge.mqtt.retained import RetainedSender, RetainedTopic, Signature
from bridge.mqtt.topics import Topics
from bridge.ports import Clock

_TIMELESS: Final = b'"team":'
"""What follows the time in the head of the document."""


def team_document(state: TeamState, now: datetime) -> TeamDocument:
    """Return what is published of a team; pure."""
    claim, configured = state.winner, state.settings.totals
    failsafe = claim is not None and claim.controller == FAILSAFE_CONTROLLER
    reserved = _reserved(state)
    return {
        "v": 1,
        "ts": rfc3339(now),
        "team": state.settings.name,
        "totalA": state.totals.limit_a,
        "totalW": state.totals.limit_w,
        "configuredA": configured.limit_a,
        "configuredW": configured.limit_w,
        "source": "configuration" if claim is None else _source(claim.source),
        "controller": claim.controller if claim else None,
        "priority": claim.priority if claim else None,
        "expiresAt": rfc3339(claim.expires_at) if claim and claim.expires_at else None,
        "mode": "failsafe" if failsafe else "normal",
        "reservedA": reserved.limit_a or 0.0,
        "reservedW": reserved.limit_w or 0.0,
        "members": [_member(state, member) for member in state.settings.members],
    }


def _source(source: str) -> Literal["MQTT", "API"]:
    return "API" if source == AllocationSource.API else "MQTT"


def _reserved(state: TeamState) -> Totals:
    """Return what all stations together may draw."""
    loads = [
        (held.reserved_a, state.members[member].watts_per_a)
        for member, held in state.standing.items()
    ]
    return Totals(
        limit_a=round(sum(amps for amps, _ in loads), 1),
        limit_w=round(sum(amps * watts for amps, watts in loads), 1),
    )


def _member(state: TeamState, member: MemberId) -> TeamMember:
    seen, held = state.members.get(member), state.standing.get(member)
    known = seen is not None and held is not None
    return {
        "cs": member.station_id,
        "evse": member.evse_id,
        "shareA": held.asked_a if held else None,
        "reservedA": held.reserved_a if held else 0.0,
        "inForceA": seen.in_force_a if seen else None,
        "drawnA": _rounded(seen.drawn_a) if seen else None,
        "reason": state.reasons[member] if known else "unknown",
    }


def _rounded(current_a: float | None) -> float | None:
    return None if current_a is None else round(current_a, 1)


class _TeamTopic(RetainedTopic):
    """The state of one team."""

    __slots__ = ("_clock", "state")

    def __init__(self, address: str, clock: Clock, state: TeamState | None) -> None:
        super().__init__(address, topics.TEAM_STATE)
        self._clock = clock
        self.state = state

    def content(self) -> tuple[bytes, Signature]:
        """Return the document as it is now; empty for a team that is no more."""
        if self.state is None:
            return b"", 0
        payload = orjson.dumps(team_document(self.state, self._clock.now()))
        return payload, hash(payload[payload.find(_TIMELESS) :])


class TeamDocuments:
    """All teams' retained topics; what moves with readings waits its second."""

    def __init__(self, *, topic_table: Topics, sender: RetainedSender, clock: Clock) -> None:
        """Plug in who sends them."""
        self._topics = topic_table
        self._sender = sender
        self._clock = clock
        self._entries: dict[str, _TeamTopic] = {}

    def changed(self, state: TeamState) -> None:
        """Mark a team's document."""
        name = state.settings.name
        topic = self._topic(name)
        topic.state = state
        self._sender.mark(topic, spaced=True)

    def removed(self, name: str) -> None:
        """Clear the document of a team that is in the configuration no more."""
        topic = self._topic(name)
        topic.state = None
        self._sender.mark(topic)

    def _topic(self, name: str) -> _TeamTopic:
        topic = self._entries.get(name)
        if topic is None:
            address = self._topics.team(topics.TEAM_STATE, name)
            topic = self._entries[name] = _TeamTopic(address, self._clock, None)
        return topic

    def all_topics(self) -> Iterator[RetainedTopic]:
        """Yield every topic."""
        yield from self._entries.values()
