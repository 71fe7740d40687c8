"""From the model to the published documents: pure, and hot, so plain dicts built by hand.

mypy checks the dicts against `payloads`; nothing validates at run time. Where OCPP's and seed
000's terms differ, mapping.md decides; its sections are named beside the lines that obey them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from bridge.api import payloads
from bridge.api.allocation_document import (
    allocation_document,
    one_phase,
    phase_limit_source,
    phase_rotation_source,
)
from bridge.api.event_documents import EventDocuments
from bridge.domain.control import ExternalLimit
from bridge.domain.enums import Registration, StoppedReason
from bridge.domain.events import CONTROLLER, BootNotification, IdToken
from bridge.domain.ids import STATION_EVSE, token_hash
from bridge.domain.in_control import in_control
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.settings import StationSettings
from bridge.domain.units import rfc3339

_INACTIVE_SOURCE: Final = "API"
"""phaseLimitSourceName and phaseRotationSourceName of an SECC that limits nothing (mapping 10)."""


EVSE_DOCUMENTS: Final = ("state", "secc", "transaction", "allocation", "meter")
"""The documents of an EVSE."""


class TokenMask:
    """How idTokens are published: hashed with a key, or in clear where configured."""

    def __init__(self, key: bytes | None) -> None:
        """Take the key; None publishes tokens in clear."""
        self._key = key

    def __call__(self, token: IdToken) -> payloads.PublishedToken:
        """Return what may be published of a token."""
        if self._key is None:
            return {"type": token.type, "value": token.value}
        return {"type": token.type, "hash": token_hash(self._key, token.value)}


class Documents:
    """Builds the documents of stations; `event` those of what happened."""

    def __init__(
        self,
        bridge_id: str,
        mask: TokenMask,
        settings_for: Callable[[Station], StationSettings],
        *,
        uppercase_secc_state: bool = False,
    ) -> None:
        """Plug in who we are, how tokens are hidden, and the owner's facts about a station.

        `uppercase_secc_state` writes the `state` of `secc` as in the example of seed 000.
        """
        self.bridge_id = bridge_id
        """Who tells them."""
        self.mask = mask
        """How tokens are told."""
        self.settings_for = settings_for
        """What the owner laid down for a station."""
        self.event = EventDocuments(mask)
        self._of_evse: dict[str, Callable[[Station, Evse, datetime], Mapping[str, Any] | None]] = {
            "state": self.state,
            "secc": _secc_in_capitals if uppercase_secc_state else secc,
            "transaction": self.transaction,
            "allocation": self.allocation,
            "meter": meter,
        }

    def station_info(self, station: Station, received_at: datetime) -> payloads.StationInfo:
        """Return who a station is."""
        booted_at = _moment(station.booted_at)
        settings = self.settings_for(station)
        return {
            "v": 1,
            "ts": booted_at,
            "receivedAt": rfc3339(received_at),
            "cs": station.id,
            "evse": STATION_EVSE,
            "bridge": self.bridge_id,
            "registration": station.registration,
            "ocppVersion": ocpp_version(station),
            "boot": None if station.boot is None else _boot(station.boot),
            "bootedAt": booted_at,
            "evses": [
                {"evse": evse.id, "connectors": sorted(evse.connectors), "phases": settings.phases}
                for evse in station.evses.values()
            ],
            "capabilities": _capabilities(station.learnt),
            "quirks": list(settings.quirks),
            "externalProfiles": len(station.profiles),
            "externalLimits": [_external(limit) for limit in station.external_limits],
        }

    def state(self, station: Station, evse: Evse, received_at: datetime) -> payloads.StateDocument:
        """Return what an EVSE does now."""
        view = evse.view
        return {
            "v": 1,
            "ts": _station_time(evse),
            "receivedAt": rfc3339(received_at),
            "cs": station.id,
            "evse": evse.id,
            "stale": view.stale,
            "state": view.state,
            "phase": view.phase,
            "vehicleStatus": view.vehicle_status,
            "chargeControllerStatus": view.controller_status,
            "iecSource": "secc" if evse.reported is not None else "derived",
            "connectorStatus": view.connector_status,
            "ocpp": {
                "version": ocpp_version(station),
                "chargingState": view.charging_state,
                "operationMode": view.operation_mode,
                "status": view.point_status,
                "errorCode": view.error_code,
            },
            "plugged": view.plugged,
            "charging": view.charging,
            "allocationSourceName": in_control(evse),
            "offeredA": None if evse.allocation is None else evse.allocation.offered_a,
            "usedPhasesSession": view.used_phases,
            "transactionId": view.transaction_id,
        }

    def transaction(
        self, station: Station, evse: Evse, received_at: datetime
    ) -> payloads.TransactionDocument | None:
        """Return the running or last transaction; None where there was none."""
        transaction = evse.transaction
        if transaction is None:
            return None
        return {
            "v": 1,
            "ts": rfc3339(transaction.last_event_at),
            "receivedAt": rfc3339(received_at),
            "cs": station.id,
            "evse": evse.id,
            "connector": transaction.connector_id,
            "transactionId": transaction.id,
            "transactionUuid": transaction.uuid,
            "active": transaction.open,
            "chargingState": transaction.charging_state,
            "startReason": transaction.start_reason,
            "stoppedReason": transaction.stopped_reason,
            "startedAt": rfc3339(transaction.started_at),
            "chargingStartedAt": _moment(transaction.charging_started_at),
            "endedAt": _moment(transaction.ended_at),
            "startedSeen": transaction.started_seen,
            "complete": transaction.complete,
            "endedBy": _ended_by(transaction),
            "resumed": transaction.resumed,
            "timeSpentChargingSeconds": transaction.time_spent_charging_seconds,
            "remoteStartId": transaction.remote_start_id,
            "invoiceId": transaction.invoice_id,
            "idToken": self._masked(transaction.id_token),
            "firstSeqNo": transaction.first_seq_no,
            "lastSeqNo": transaction.last_seq_no,
            "missingSeqNos": list(transaction.missing_seq_nos),
            "meterStartWh": transaction.meter_start_wh,
            "meterStartApproximate": transaction.meter_start_approximate,
            "meterLastWh": transaction.meter_last_wh,
            "energyWh": transaction.energy_wh,
            "meterReset": transaction.meter_reset,
            "usedPhasesSession": evse.view.used_phases,
            "until": _moment(transaction.until),
            "maxA": transaction.max_a,
            "energyLimitWh": transaction.energy_limit_wh,
            "socStartPercent": transaction.soc_start_percent,
            "socLastPercent": transaction.soc_last_percent,
            "offline": transaction.offline,
        }

    def allocation(
        self, station: Station, evse: Evse, received_at: datetime
    ) -> payloads.AllocationDocument | None:
        """Return who controls an EVSE; None before anything was decided."""
        allocation = evse.allocation
        if allocation is None:
            return None
        settings = self.settings_for(station)
        return allocation_document(station, evse, allocation, settings, received_at)

    def of_evse(
        self, name: str, station: Station, evse: Evse, now: datetime
    ) -> Mapping[str, Any] | None:
        """Return one of `EVSE_DOCUMENTS` by its name; None: nothing to say."""
        return self._of_evse[name](station, evse, now)

    def _masked(self, token: IdToken | None) -> payloads.PublishedToken | None:
        return None if token is None else self.mask(token)


def secc(_station: Station, evse: Evse, _received_at: datetime) -> payloads.SeccDocument:
    """Return the object of seed 000: the running or the last transaction of an EVSE."""
    view, transaction = evse.view, evse.transaction
    meter_start, meter_stop = _secc_meter(transaction)
    return {
        "state": view.state,
        "startedTime": _secc_started(transaction),
        "endedTime": 0
        if transaction is None or transaction.ended_at is None
        else _unix(transaction.ended_at),
        "meterStart": meter_start,
        "meterStop": meter_stop,
        "vehicleStatus": view.vehicle_status,
        "chargeControllerStatus": view.controller_status,
        "usedPhasesSession": view.used_phases,
        "startReason": None if transaction is None else transaction.start_reason,
        "stopReason": None if transaction is None else transaction.stopped_reason,
        "allocationSourceName": in_control(evse),
        "onePhaseLimitActive": one_phase(evse),
        "phaseLimitSourceName": phase_limit_source(evse) or _INACTIVE_SOURCE,
        "phaseRotationActive": phase_rotation_source(evse) is not None,
        "phaseRotationSourceName": phase_rotation_source(evse) or _INACTIVE_SOURCE,
    }


def _secc_in_capitals(station: Station, evse: Evse, received_at: datetime) -> dict[str, Any]:
    """Return the object of seed 000 with its state in UPPER_SNAKE, as in the seed's example."""
    return {**secc(station, evse, received_at), "state": evse.view.state.name}


def meter(station: Station, evse: Evse, received_at: datetime) -> payloads.MeterDocument | None:
    """Return the latest readings of an EVSE; None before there were any."""
    readings = evse.meter
    if readings is None:
        return None
    running = evse.transaction if evse.transaction and evse.transaction.open else None
    return {
        "v": 1,
        "ts": rfc3339(readings.at),
        "receivedAt": rfc3339(received_at),
        "cs": station.id,
        "evse": evse.id,
        "energyWh": readings.energy_wh,
        "powerW": readings.power_w,
        "currentA": list(readings.current_a),
        "voltageV": list(readings.voltage_v),
        "frequencyHz": readings.frequency_hz,
        "socPercent": readings.soc_percent,
        "offeredA": readings.offered_a,
        "offeredW": readings.power_offered_w,
        "transactionId": None if running is None else running.id,
        "transactionEnergyWh": None if running is None else running.energy_wh,
        "warnings": list(readings.warnings),
    }


def availability(station: Station) -> payloads.Presence:
    """Return whether a station is connected."""
    return "online" if station.online else "offline"


def is_public(station: Station) -> bool:
    """Say whether the EVSEs of a station are shown: not while it waits for approval."""
    return station.registration is Registration.ACCEPTED


# --- Parts of documents ---------------------------------------------------------------------


def _boot(boot: BootNotification) -> payloads.Boot:
    return {
        "vendorName": boot.vendor_name,
        "model": boot.model,
        "serialNumber": boot.serial_number,
        "firmwareVersion": boot.firmware_version,
        "reason": boot.reason,
        "warnings": list(boot.warnings),
    }


def _capabilities(learnt: Learnt) -> payloads.Capabilities:
    return {
        "readsProfiles": learnt.reads_profiles,
        "compositeSchedule": learnt.composite_schedule,
        "txProfile": learnt.tx_profile,
        "startProfile": learnt.start_profile,
        "stationMaxProfile": learnt.station_max_profile,
        "defaultGovernsRunning": learnt.default_governs_running,
        "validTo": learnt.valid_to,
        "rateUnits": list(learnt.rate_units),
        "maxStackLevel": learnt.max_stack_level,
        "phaseSwitching": learnt.phase_switching,
    }


def _external(limit: ExternalLimit) -> payloads.ExternalLimitEntry:
    return {
        "evse": limit.evse_id,
        "limitSource": limit.limit_source,
        "gridCritical": limit.grid_critical,
        "known": limit.schedule is not None,
        "at": rfc3339(limit.at),
    }


def _ended_by(transaction: Transaction) -> Literal["expires", "energyWh"] | None:
    """Return which limit of its own has ended a transaction (mapping.md, 5).

    Not where the driver was faster than the bridge. What a station ends by itself was not asked for.
    """
    if transaction.open:
        return None
    asked = transaction.stop_asked_at is not None
    if asked and transaction.stopped_reason not in _OF_A_LIMIT:
        return None
    return _ENDED_BY.get(transaction.stop_cause or "")


_OF_A_LIMIT: Final = frozenset(
    {
        StoppedReason.REMOTE,
        StoppedReason.ENERGY_LIMIT_REACHED,
        StoppedReason.TIME_LIMIT_REACHED,
    }
)


_ENDED_BY: Final[Mapping[str, Literal["expires", "energyWh"]]] = {
    "until": "expires",
    "energyWh": "energyWh",
}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def ocpp_version(station: Station) -> str | None:
    """Return the version of OCPP that a station speaks; None for a charge controller without."""
    return None if station.version == CONTROLLER else station.version


def _station_time(evse: Evse) -> str | None:
    """Return the station's time of the last that it said about this EVSE's state."""
    times = [connector.at for connector in evse.connectors.values()]
    if evse.transaction is not None:
        times.append(evse.transaction.last_event_at)
    return rfc3339(max(times)) if times else None


def _secc_started(transaction: Transaction | None) -> int:
    """Return when charging started; of one that never charged, once it is over, Started's time."""
    if transaction is None:
        return 0
    if transaction.charging_started_at is not None:
        return _unix(transaction.charging_started_at)
    return 0 if transaction.open else _unix(transaction.started_at)


def _unix(moment: datetime) -> int:
    """Return Unix seconds, 0 for what a clock says that was never set."""
    return max(0, int(moment.timestamp()))


def _secc_meter(transaction: Transaction | None) -> tuple[float | None, float | None]:
    """Return meterStart and meterStop in kWh, equal while the transaction runs (mapping.md, 6)."""
    if transaction is None or transaction.meter_start_wh is None:
        return None, None
    start = round(transaction.meter_start_wh / 1000, 3)
    if transaction.open or transaction.meter_last_wh is None:
        return start, start
    return start, round(transaction.meter_last_wh / 1000, 3)
