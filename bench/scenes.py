"""Scenes for `bench.interleavings`: what several parties are going to do to one EVSE, by chance.

Controllers claim, claim again, pause and give up; others set and clear limits at the station; a
group shares; the transaction has limits of its own; a cable has its coding. Each input carries
what it means, noted in the plainest way (`Truth`), so that what it should lead to can be reckoned
without the bridge.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

from msgspec import Struct

from bridge.domain import station as rules
from bridge.domain.commands import (
    Arguments,
    Command,
    CommandRef,
    Pause,
    Release,
    ReplyTo,
    Resume,
    SetLimit,
)
from bridge.domain.control import TeamShare
from bridge.domain.enums import AllocationSource as Source
from bridge.domain.enums import ChargingState, ConnectorStatus, EventType, TriggerReason
from bridge.domain.events import (
    ClearedChargingLimit,
    Connected,
    MeterValue,
    MeterValues,
    NotifyChargingLimit,
    SampledValue,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import BelowMinimum, RateUnit, StationSettings

START: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
WATTS_PER_A: Final = 690.0
AMPERES: Final = (0.0, 4.0, 5.9, 6.0, 6.1, 7.3, 8.0, 9.9, 10.0, 10.5, 12.0, 13.0, 16.0, 16.5, 20.0,
                  25.0, 32.0, 40.0)  # fmt: skip
"""Currents of which each differs enough from the next to be written (`pacing.is_change`)."""

# --- What a scene is made of ----------------------------------------------------------------


class Claim(Struct, frozen=True, kw_only=True):
    """What a controller asks for, A per phase; `paused` shadows it with 0 A."""

    source: Source
    priority: int
    amps: float
    paused: bool = False


@dataclass(slots=True, kw_only=True)
class Truth:
    """What has been laid down so far, as somebody would note it who only reads the inputs."""

    constraints: dict[str, tuple[Source, float]] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)


Act = tuple[Callable[[datetime, int], rules.Input], Callable[[Truth], None]]
"""An input, made for a moment and a number, and what it means."""
Party = list[Act]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A station at the outset, and what the parties are going to do."""

    station: Station
    decided: bool
    """All that holds at the outset has been weighed."""
    settings: StationSettings
    truth: Truth
    parties: list[Party]
    obedient: bool
    """The station accepts everything and answers in time."""
    coarse: bool
    """All currents differ by more than a deadband."""


# --- Making scenes --------------------------------------------------------------------------


def _outset(settings: StationSettings) -> Station:
    """Return a connected station on whose EVSE 1 transaction T1 charges, all decided."""
    station = Station(id=StationId("CS1"))
    messages: list[rules.Input] = [
        Connected(version="2.0.1", connection_id="c1", remote="127.0.0.1"),
        StatusNotification(
            timestamp=START, evse_id=1, connector_id=1, status=ConnectorStatus.OCCUPIED
        ),
        _transaction_event(START, 0, EventType.STARTED),
        _energy(1000.0)(START, 0),
    ]
    for message in messages:
        station = rules.handle(station, message, START, settings).station
    return station


def _transaction_event(
    now: datetime, seq_no: int, event_type: EventType, cable_max_a: float | None = None
) -> TransactionEvent:
    return TransactionEvent(
        event_type=event_type,
        timestamp=now,
        trigger_reason=TriggerReason.CABLE_PLUGGED_IN if seq_no == 0 else TriggerReason.TRIGGER,
        seq_no=seq_no,
        transaction_id="T1",
        evse_id=1,
        charging_state=ChargingState.CHARGING,
        cable_max_current_a=cable_max_a,
    )


def _energy(register_wh: float) -> Callable[[datetime, int], rules.Input]:
    def built(now: datetime, _number: int) -> rules.Input:
        value = SampledValue(
            measurand="Energy.Active.Import.Register", value=register_wh, unit="Wh"
        )
        reading = MeterValue(timestamp=now, sampled_values=(value,))
        return MeterValues(evse_id=1, meter_values=(reading,))

    return built


_SETTINGS: Final = StationSettings(
    known=True,
    automatic_calls=False,
    min_increase_interval_seconds=0.0,
    increase_hold_seconds=0.0,
    min_decrease_interval_seconds=0.0,
)
_OUTSETS: Final = {
    installation_a: _outset(replace(_SETTINGS, installation_max_a=installation_a))
    for installation_a in (10.0, 16.0, 20.0, 32.0)
}


class Maker:
    """Makes scenes out of chance."""

    def __init__(self, chance: Random) -> None:
        """Take the source of all chance."""
        self._chance = chance
        self._coarse = True

    def scene(self) -> Scene:
        """Return the next scene."""
        chance = self._chance
        self._coarse = chance.random() < 0.8
        installation_a = chance.choice(tuple(_OUTSETS))
        settings = replace(
            _SETTINGS,
            installation_max_a=installation_a,
            below_minimum=chance.choice(tuple(BelowMinimum)),
        )
        if chance.random() < 0.2:  # as by default
            settings = replace(
                settings,
                min_increase_interval_seconds=5.0,
                increase_hold_seconds=10.0,
                min_decrease_interval_seconds=1.0,
            )
        truth = Truth(constraints={"installation": (Source.UNMANAGED, installation_a)})
        outset = _OUTSETS[installation_a]
        station = self._transaction_limits(self._profiles(outset, truth), truth)
        return Scene(
            station=station,
            decided=station is outset,
            settings=settings,
            truth=truth,
            parties=list(self._parties(station, settings)),
            obedient=chance.random() < 0.7,
            coarse=self._coarse,
        )

    def _amps(self) -> float:
        if self._coarse:
            return self._chance.choice(AMPERES)
        return self._chance.randint(0, 400) / 10

    def _schedule(self, amps: float) -> Schedule:
        in_watts = self._chance.random() < 0.3
        limit = amps * WATTS_PER_A if in_watts else amps
        unit = RateUnit.WATT if in_watts else RateUnit.AMPERE
        return Schedule(unit=unit, periods=(Period(start_seconds=0, limit=limit),), start_at=START)

    def _profiles(self, station: Station, truth: Truth) -> Station:
        """Let somebody else have installed profiles."""
        found: list[ChargingProfile] = []
        for purpose in ("ChargingStationMaxProfile", "ChargingStationExternalConstraints"):
            if self._chance.random() < 0.15:
                amps = self._amps()
                truth.constraints[purpose] = Source.OCPP_PROFILE, amps
                found.append(
                    ChargingProfile(
                        profile_id=len(found),
                        evse_id=0,
                        purpose=purpose,
                        kind="Absolute",
                        stack_level=0,
                        schedule=self._schedule(amps),
                    )
                )
        return replace(station, profiles=tuple(found)) if found else station

    def _transaction_limits(self, station: Station, truth: Truth) -> Station:
        """Let the start of the transaction have laid something down for it."""
        if self._chance.random() < 0.7:
            return station
        evse = station.evses[1]
        assert evse.transaction is not None  # noqa: S101  # by the outset
        amps = self._amps()
        truth.constraints["maxA"] = Source.TRANSACTION, amps
        running = replace(evse.transaction, max_a=amps, energy_limit_wh=500.0)
        return replace(station, evses={1: replace(evse, transaction=running)})

    # --- parties

    def _parties(self, station: Station, settings: StationSettings) -> Iterator[Party]:
        chance = self._chance
        for controller in ("pv", "nodered", "boost")[: chance.randint(0, 3)]:
            yield list(self._controller(controller, settings))
        for who in ("EMS", "SO"):
            if chance.random() < 0.3:
                yield list(self._operator(who))
        if chance.random() < 0.3:
            yield list(self._group())
        if chance.random() < 0.2:
            yield [self._cable()]
        running = station.evses[1].transaction
        if running is not None and running.energy_limit_wh is not None and chance.random() < 0.2:
            yield [_ENERGY_REACHED]

    def _controller(self, controller: str, settings: StationSettings) -> Iterator[Act]:
        chance = self._chance
        source = chance.choice((Source.MQTT, Source.MQTT, Source.API))
        evse_id = chance.choice((1, 1, 0))

        def act(arguments: Arguments, meaning: Callable[[Truth], None]) -> Act:
            def built(now: datetime, number: int) -> rules.Input:
                ref = CommandRef(
                    id=str(number),
                    name="x",
                    controller=controller,
                    source=source,
                    evse_id=evse_id,
                    reply_to=_REPLY,
                )
                return Command(ref=ref, arguments=arguments, received_at=now)

            return built, meaning

        def release(truth: Truth) -> None:
            truth.claims.pop(controller, None)

        for _ in range(chance.randint(1, 2)):
            amps, priority = self._amps(), chance.choice((50, 100, 100, 500))
            in_watts = chance.random() < 0.3
            if settings.below_minimum is BelowMinimum.REJECT and 0 < amps < settings.minimum_a:
                amps = 6.0
            yield act(
                SetLimit(
                    limit_a=None if in_watts else amps,
                    limit_w=amps * WATTS_PER_A if in_watts else None,
                    priority=priority,
                ),
                _claiming(controller, Claim(source=source, priority=priority, amps=amps)),
            )
        if chance.random() < 0.2:
            yield act(Pause(), _pausing(controller, paused=True))
            if chance.random() < 0.5:
                yield act(Resume(), _pausing(controller, paused=False))
        if chance.random() < 0.2:
            yield act(Release(), release)

    def _operator(self, who: str) -> Iterator[Act]:
        evse_id = self._chance.choice((None, 1))
        for _ in range(self._chance.randint(1, 2)):
            amps = self._amps()
            said = NotifyChargingLimit(
                limit_source=who, evse_id=evse_id, schedules=(self._schedule(amps),)
            )
            yield _always(said), _constraining(who, Source.OCPP_PROFILE, amps)
        if self._chance.random() < 0.4:
            gone = ClearedChargingLimit(limit_source=who, evse_id=evse_id)
            yield _always(gone), _constraining(who, Source.OCPP_PROFILE, None)

    def _group(self) -> Iterator[Act]:
        for _ in range(self._chance.randint(1, 2)):
            amps = self._amps()
            share = TeamShare(team="garage", limit_a=amps, at=START)
            given = rules.ShareChanged(evse_id=1, share=share)
            yield _always(given), _constraining("share", Source.TEAM, amps)
        if self._chance.random() < 0.3:
            left = rules.ShareChanged(evse_id=1, share=None)
            yield _always(left), _constraining("share", Source.TEAM, None)

    def _cable(self) -> Act:
        amps = self._chance.choice((13.0, 20.0, 32.0, 63.0))

        def built(now: datetime, number: int) -> rules.Input:
            return _transaction_event(now, number, EventType.UPDATED, amps)

        return built, _constraining("cable", Source.PROXIMITY_PILOT, amps)


_REPLY: Final = ReplyTo(name="x")


def _always(message: rules.Input) -> Callable[[datetime, int], rules.Input]:
    return lambda _now, _number: message


def _claiming(controller: str, claim: Claim) -> Callable[[Truth], None]:
    def meaning(truth: Truth) -> None:
        truth.claims[controller] = claim

    return meaning


def _pausing(controller: str, *, paused: bool) -> Callable[[Truth], None]:
    def meaning(truth: Truth) -> None:
        truth.claims[controller] = replace(truth.claims[controller], paused=paused)

    return meaning


def _constraining(key: str, source: Source, amps: float | None) -> Callable[[Truth], None]:
    def meaning(truth: Truth) -> None:
        if amps is None:
            truth.constraints.pop(key, None)
        else:
            truth.constraints[key] = source, amps

    return meaning


_ENERGY_REACHED: Final[Act] = (_energy(1500.0), _constraining("energy", Source.TRANSACTION, 0.0))
