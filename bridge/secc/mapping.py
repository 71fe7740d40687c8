"""From what a charge controller says to what the domain is told (mapping.md, 2, 3b). Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.domain import iec61851
from bridge.domain.enums import AllocationSource, ControllerStatus, SeccState
from bridge.domain.events import BootNotification, ControllerReport, MeterValue, SampledValue
from bridge.domain.metering import ENERGY, PHASE_IN_USE_A
from bridge.domain.records import replace
from bridge.domain.reported import source_name
from bridge.secc.payloads import Reading

VENDOR: Final = "pulsatrix"
MODEL: Final = "SECC"
AMPERE_DIGITS: Final = 1
_SOMEBODY: Final = AllocationSource.OCPP_PROFILE.value
"""Who limits where nobody is named: whoever it is, it is none of the bridge's (allocation.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwell:
    """For how long the codes of IEC 61851 have been as they are."""

    code: ControllerStatus | None = None
    since: datetime | None = None
    idle_since: datetime | None = None
    """Since when each phase has carried less than 1 A; None while one does."""

    def after(self, reading: Reading, now: datetime) -> "Dwell":
        """Return the dwell after another reading."""
        amps = [each for each in reading.amperage_a or () if each is not None]
        flows = any(each >= PHASE_IN_USE_A for each in amps)
        same = reading.controller_status is self.code
        return Dwell(
            code=reading.controller_status,
            since=self.since if same and self.since else now,
            idle_since=None if flows or not amps else self.idle_since or now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the adapter knows beside a reading."""

    now: datetime
    own_name: str
    """How the controller calls what is written this way."""
    switches_phases: bool
    limits_kept: bool
    first: bool
    undercut: bool = False
    """Somebody else has a lower limit, and the controller does not say who (`lease`)."""
    serial_number: str | None = None
    dwell: Dwell = Dwell()


def report_of(reading: Reading, known: Circumstances) -> ControllerReport:
    """Return what the domain is told of a reading."""
    source = _SOMEBODY if known.undercut else reading.source_name
    state = state_of(reading, known.now, known.dwell)
    return ControllerReport(
        timestamp=known.now,
        boot=BootNotification(
            vendor_name=VENDOR,
            model=MODEL,
            reason="Unknown",
            serial_number=known.serial_number,
        ),
        state=state,
        phase=reading.phase,
        vehicle_status=reading.vehicle_status,
        controller_status=reading.controller_status,
        connector_status=reading.connector_status,
        session_id=reading.session_id,
        started_at=reading.started_at,
        ended_at=reading.ended_at,
        meter_start_wh=reading.meter_start_wh,
        meter_stop_wh=reading.meter_stop_wh,
        phases_used=reading.phases_used,
        start_reason=reading.start_reason,
        stop_reason=reading.stop_reason,
        error_cause=_error(reading, state, known.now),
        meter_values=_meter(reading, known.now),
        source_name=source,
        own_source=source is not None and source_name(source) == known.own_name,
        available_a=_rounded(reading.available_a),
        effective_a=reading.effective_a,
        one_phase=reading.one_phase,
        phase_source_name=reading.phase_source_name,
        phase_rotation=reading.phase_rotation,
        rotation_source_name=reading.rotation_source_name,
        phase_switching=known.switches_phases and reading.phase_shutoff is not False,
        limits_kept=known.limits_kept,
        first=known.first,
    )


def state_of(reading: Reading, now: datetime, dwell: Dwell = Dwell()) -> SeccState | None:
    """Return the controller's own state; where it names none, what its codes amount to."""
    if reading.state is not None:
        return reading.state
    if reading.phase is not None:
        return iec61851.STATE_OF_PHASE.get(
            reading.phase, SeccState.read(reading.phase.value.replace("_", ""))
        )
    derived = _derived(reading, now, dwell)
    return None if derived is None else derived.state


def _derived(reading: Reading, now: datetime, dwell: Dwell = Dwell()) -> iec61851.Derived | None:
    code = reading.controller_status
    if code is None and reading.vehicle_status is not None:
        code = iec61851.CODE_OF_VEHICLE[reading.vehicle_status]
    if code is None:
        return None
    return iec61851.derived(
        code,
        no_current_for=_since(dwell.idle_since, now),
        in_code_for=_since(dwell.since, now) if dwell.code is code else timedelta(0),
    )


def _since(moment: datetime | None, now: datetime) -> timedelta:
    return timedelta(0) if moment is None else max(timedelta(0), now - moment)


def _error(reading: Reading, state: SeccState | None, now: datetime) -> str | None:
    """Return why it fails: its own word, else what the code says; None where it does not."""
    if state is not SeccState.FAULTED:
        return None
    derived = _derived(reading, now) if reading.controller_status else None
    return reading.error_cause or (derived.error_code if derived else None)


def _rounded(current_a: float | None) -> float | None:
    return None if current_a is None else round(current_a, AMPERE_DIGITS)


def _meter(reading: Reading, now: datetime) -> tuple[MeterValue, ...]:
    samples = [
        SampledValue(measurand, value, unit)
        for measurand, value, unit in (
            (ENERGY, reading.energy_wh, "Wh"),
            ("Power.Active.Import", reading.power_w, "W"),
            ("Frequency", reading.frequency_hz, "Hz"),
            ("Current.Offered", reading.signaled_a, "A"),
        )
        if value is not None
    ]
    for measurand, values, unit in (
        ("Current.Import", reading.amperage_a, "A"),
        ("Voltage", reading.voltage_v, "V"),
    ):
        samples += [
            SampledValue(measurand, round(value, 3), unit, phase=f"L{number}")
            for number, value in enumerate(values or (), start=1)
            if value is not None
        ]
    return (MeterValue(timestamp=now, sampled_values=tuple(samples)),) if samples else ()


def news_of(report: ControllerReport) -> ControllerReport:
    """Return of a report what is news when it differs: not what moves all the time."""
    return replace(report, timestamp=_NEVER, meter_values=(), first=False)


_NEVER: Final = datetime.fromtimestamp(0, UTC)
