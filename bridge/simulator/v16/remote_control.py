"""Remote control commands of the central system (OCPP 1.6, section 5)."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from bridge.simulator import remote_control
from bridge.simulator.evse import Evse, Reservation
from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.quirks import Quirk
from bridge.simulator.smart_charging import profile_to_start
from bridge.simulator.speech.v16 import THE_STATION
from bridge.simulator.station import StationModel
from bridge.simulator.transaction import Authorization, StoppedReason, Trigger
from bridge.simulator.v16.smart_charging import charging_profile
from bridge.simulator.wire import JsonObject, integer, parse_time

ACCEPTED: Final[JsonObject] = {"status": "Accepted"}
REJECTED: Final[JsonObject] = {"status": "Rejected"}


def remote_start_transaction(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Authorize a connector; charging begins when a car is there (5.11)."""
    tag, wanted = str(payload["idTag"]), payload.get("chargingProfile")
    evse = remote_control.evse_to_start(station, payload.get("connectorId"), tag)
    if evse is None:
        return REJECTED
    translated = None if wanted is None else charging_profile(wanted, None, now)
    try:
        profile = profile_to_start(station, translated)
    except ProfileRejectedError:
        return REJECTED
    authorization = Authorization(
        id_token={"idToken": tag, "type": "ISO14443"},
        trigger=Trigger.REMOTE_START,
        expires_at=station.reader.expiry(now),
        profile=profile,
    )
    remote_control.start(station, evse, authorization, now)
    return ACCEPTED


def remote_stop_transaction(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Stop a running transaction; the car stays plugged in (5.12)."""
    number = integer(payload["transactionId"])
    for evse in station.evses.values():
        if evse.transaction is not None and evse.transaction.number == number:
            evse.stop(Trigger.REMOTE_STOP, StoppedReason.REMOTE, now)
            return ACCEPTED
    return REJECTED


def unlock_connector(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Unlock the cable; a transaction ends first (5.18)."""
    evse = station.evses.get(payload["connectorId"])
    if evse is None:
        return {"status": "NotSupported"}
    if evse.transaction is not None:
        evse.stop(Trigger.UNLOCK_COMMAND, StoppedReason.UNLOCK, now)
    return {"status": "UnlockFailed" if Quirk.UNLOCK_FAILS in station.quirks else "Unlocked"}


def change_availability(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Take connectors in or out of service, after their transaction where one runs (5.2)."""
    evses = _evses(station, integer(payload["connectorId"]))
    operative = {"Operative": True, "Inoperative": False}[payload["type"]]
    if not evses:
        return REJECTED
    done = [evse.set_operative(operative, now) for evse in evses]
    return {"status": "Accepted" if all(done) else "Scheduled"}


def reset(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Restart the station; either way its transactions end (5.14)."""
    reason = _RESETS[payload["type"]]
    for evse in station.evses.values():
        evse.stop(Trigger.RESET_COMMAND, reason, now)
    station.plan_reset(now, when_idle=False)
    return ACCEPTED


def reserve_now(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Keep a connector for a token (5.13); not the whole station."""
    del now
    evse = station.evses.get(payload["connectorId"])
    reservation = Reservation(
        reservation_id=integer(payload["reservationId"]),
        id_token=str(payload["idTag"]),
        expires_at=parse_time(payload["expiryDate"]),
    )
    if evse is None:
        return REJECTED
    if evse.fault is not None:
        return {"status": "Faulted"}
    if not evse.operative:
        return {"status": "Unavailable"}
    held = evse.reservation
    same = held is not None and held.reservation_id == reservation.reservation_id
    if evse.car is not None or not evse.free or (held is not None and not same):
        return {"status": "Occupied"}
    evse.reservation = reservation
    return ACCEPTED


def cancel_reservation(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Keep a connector no longer (5.1)."""
    del now
    number = integer(payload["reservationId"])
    for evse in station.evses.values():
        if evse.reservation is not None and evse.reservation.reservation_id == number:
            evse.reservation = None
            return ACCEPTED
    return REJECTED


def trigger_message(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Send a message out of turn (5.17)."""
    trigger = _TRIGGERS.get(payload["requestedMessage"])
    if trigger is None:
        return {"status": "NotImplemented"}
    number = payload.get("connectorId")
    if number is not None and not _evses(station, integer(number)):
        return REJECTED
    if Quirk.TRIGGERS_NOTHING in station.quirks:
        return ACCEPTED
    return ACCEPTED if trigger(station, number, now) else REJECTED


def _trigger_boot(station: StationModel, number: int | None, now: datetime) -> bool:
    del number, now
    station.send_boot()
    return True


def _trigger_heartbeat(station: StationModel, number: int | None, now: datetime) -> bool:
    del number, now
    station.send("Heartbeat", {})
    return True


def _trigger_status(station: StationModel, number: int | None, now: datetime) -> bool:
    numbers = [THE_STATION, *station.evses] if number is None else [number]
    for each in numbers:
        station.send_status(each, now)
    return True


def _trigger_meter_values(station: StationModel, number: int | None, now: datetime) -> bool:
    told = False
    for evse in _evses(station, THE_STATION if number is None else number):
        if values := evse.meter("TxUpdated", now, "Trigger"):  # none where none is wanted
            station.send(*station.speech.meter_values(evse, values))
            told = True
    return told


def _trigger_firmware(station: StationModel, number: int | None, now: datetime) -> bool:
    del number, now
    station.send("FirmwareStatusNotification", {"status": "Idle"})
    return True


def _trigger_diagnostics(station: StationModel, number: int | None, now: datetime) -> bool:
    del number, now
    station.send("DiagnosticsStatusNotification", {"status": "Idle"})
    return True


_TRIGGERS: Final[dict[str, Callable[[StationModel, int | None, datetime], bool]]] = {
    "BootNotification": _trigger_boot,
    "DiagnosticsStatusNotification": _trigger_diagnostics,
    "FirmwareStatusNotification": _trigger_firmware,
    "Heartbeat": _trigger_heartbeat,
    "MeterValues": _trigger_meter_values,
    "StatusNotification": _trigger_status,
}

_RESETS: Final = {"Hard": StoppedReason.HARD_RESET, "Soft": StoppedReason.SOFT_RESET}


def _evses(station: StationModel, number: int) -> list[Evse]:
    """Return those of a connectorId, all with 0."""
    if number == THE_STATION:
        return list(station.evses.values())
    evse = station.evses.get(number)
    return [] if evse is None else [evse]
