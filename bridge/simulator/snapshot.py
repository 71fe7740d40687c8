"""What a viewer sees of a simulated station, and how a change reads in the log."""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.simulator.evse import Evse
from bridge.simulator.external import ExternalLimit
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.transaction import ChargingState


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSnapshot:
    """One EVSE at one moment."""

    evse_id: int
    plugged: bool
    authorized: bool
    state: ChargingState
    current_a: float
    """Drawn, in each phase in use."""
    offered_a: float
    """Allowed, per phase; 0 where nothing is authorized or the limit is below 6 A."""
    phases: int
    power_w: float
    energy_wh: float
    """The register."""
    session_wh: float
    """Of the running transaction; 0 without one."""
    soc_percent: float | None
    transaction_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSnapshot:
    """One station at one moment."""

    station_id: str
    connected: bool
    accepted: bool
    """Whether the CSMS accepted its boot."""
    waiting: int
    """CALLs that wait to be sent."""
    evses: tuple[EvseSnapshot, ...]
    external_limits: tuple[ExternalLimit, ...] = ()
    """Of somebody else at the station, in force."""


def snapshot_of(station: StationModel) -> StationSnapshot:
    """Return what can be seen of a station as of its last tick."""
    return StationSnapshot(
        station_id=station.station_id,
        connected=station.online,
        accepted=station.boot is Boot.ACCEPTED,
        waiting=len(station.outbox),
        evses=tuple(_evse_snapshot(evse) for evse in station.evses.values()),
        external_limits=station.external.holding,
    )


def describe_changes(before: StationSnapshot, after: StationSnapshot) -> Iterator[str]:
    """Yield one line for each change that a person wants to read."""
    if before.connected != after.connected:
        yield "connected" if after.connected else "connection lost"
    if before.accepted != after.accepted:
        yield "accepted by the central system" if after.accepted else "not accepted any longer"
    for limit in after.external_limits:
        if limit not in before.external_limits:
            yield f"{limit.source} limits {limit.place} to {limit.limit:g} {limit.unit}"
    for limit in before.external_limits:
        if limit.key not in {other.key for other in after.external_limits}:
            yield f"{limit.source} no longer limits {limit.place}"
    for old, new in zip(before.evses, after.evses, strict=True):
        for line in _describe_evse(old, new):
            yield f"EVSE {new.evse_id}: {line}"


def _evse_snapshot(evse: Evse) -> EvseSnapshot:
    reading = evse.reading(evse.advanced_to)
    transaction = evse.transaction
    return EvseSnapshot(
        evse_id=evse.evse_id,
        plugged=evse.car is not None,
        authorized=evse.authorization is not None,
        state=evse.charging_state(),
        current_a=round(reading.current_a, 2),
        offered_a=round(reading.offered_a, 1),
        phases=len(reading.lines),
        power_w=round(reading.power_w),
        energy_wh=round(reading.register_wh, 1),
        session_wh=(
            0.0
            if transaction is None
            else round(reading.register_wh - transaction.meter_start_wh, 1)
        ),
        soc_percent=None if reading.soc_percent is None else round(reading.soc_percent, 1),
        transaction_id=None if transaction is None else transaction.transaction_id,
    )


def _describe_evse(old: EvseSnapshot, new: EvseSnapshot) -> Iterator[str]:
    if old.plugged != new.plugged:
        yield "car plugged in" if new.plugged else "car unplugged"
    if old.transaction_id is not None and old.transaction_id != new.transaction_id:
        yield f"transaction {old.transaction_id} ended after {old.session_wh / 1000:.3f} kWh"
    if new.transaction_id is not None and old.transaction_id != new.transaction_id:
        yield f"transaction {new.transaction_id} started"
    if old.state is not new.state:
        yield f"{old.state} -> {new.state}"
    if old.offered_a != new.offered_a:
        yield f"offers {new.offered_a:g} A"
    if old.phases != new.phases:
        yield f"charges on {new.phases} phase{'s' * (new.phases > 1)}"
