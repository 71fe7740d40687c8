"""Remote control commands of the CSMS (OCPP 2.0.1 blocks B, E, F and G)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from bridge.simulator import remote_control
from bridge.simulator.evse import CONNECTOR_ID, Evse
from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.quirks import Quirk
from bridge.simulator.smart_charging import profile_to_start
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.transaction import Authorization, StoppedReason, Trigger
from bridge.simulator.wire import JsonObject, integer, rejected

ACCEPTED: Final[JsonObject] = {"status": "Accepted"}


def request_start_transaction(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Authorize an EVSE; charging begins when a car is there (F01, F02)."""
    evse = remote_control.evse_to_start(
        station, payload.get("evseId"), str(payload["idToken"]["idToken"])
    )
    if evse is None:
        return rejected("NotAvailable", "no such EVSE is free")
    id_token: JsonObject = {name: payload["idToken"][name] for name in ("idToken", "type")}
    try:
        profile = profile_to_start(station, payload.get("chargingProfile"))
    except ProfileRejectedError as error:
        return rejected(error.reason_code, error.info)
    authorization = Authorization(
        id_token=id_token,
        trigger=Trigger.REMOTE_START,
        expires_at=station.reader.expiry(now),
        remote_start_id=integer(payload["remoteStartId"]),
        profile=profile,
    )
    running = evse.transaction
    remote_control.start(station, evse, authorization, now)
    if running is None:
        return dict(ACCEPTED)
    return {"status": "Accepted", "transactionId": running.transaction_id}


def request_stop_transaction(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Stop a running transaction; the car stays plugged in (F03)."""
    evse = _evse_of(station, payload["transactionId"])
    if evse is None:
        return rejected("TxNotFound", "no such transaction is running")
    evse.stop(Trigger.REMOTE_STOP, StoppedReason.REMOTE, now)
    return dict(ACCEPTED)


def get_transaction_status(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Tell whether a transaction runs and whether messages about it still wait (E14)."""
    del now
    transaction_id = payload.get("transactionId")
    waiting = station.outbox.holds_transaction(transaction_id)
    if transaction_id is None:
        return {"messagesInQueue": waiting}
    ongoing = _evse_of(station, transaction_id) is not None
    return {"ongoingIndicator": ongoing, "messagesInQueue": waiting}


def unlock_connector(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Unlock the cable, unless an authorized transaction runs (F05)."""
    del now
    evse = station.evses.get(payload["evseId"])
    if evse is None or payload["connectorId"] != CONNECTOR_ID:
        return {"status": "UnknownConnector"}
    if evse.transaction is not None and evse.authorization is not None:
        return {"status": "OngoingAuthorizedTransaction"}
    return {"status": "UnlockFailed" if Quirk.UNLOCK_FAILS in station.quirks else "Unlocked"}


def change_availability(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Take EVSEs in or out of service, after their transaction where one runs (G03, G04)."""
    evses = _evses_in(station, payload.get("evse"))
    if not evses:
        return rejected("UnknownEvse", "no such EVSE or connector")
    operative = {"Operative": True, "Inoperative": False}[payload["operationalStatus"]]
    done = [evse.set_operative(operative, now) for evse in evses]
    return {"status": "Accepted" if all(done) else "Scheduled"}


def reset(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Restart the station or one EVSE, at once or when idle (B11, B12)."""
    whole = "evseId" not in payload
    evses = list(station.evses.values()) if whole else _known(station, payload["evseId"])
    if not evses:
        return rejected("UnknownEvse", "no such EVSE")
    immediate = {"Immediate": True, "OnIdle": False}[payload["type"]]
    busy = any(evse.transaction is not None for evse in evses)
    if immediate:
        for evse in evses:
            evse.stop(Trigger.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET, now)
    scheduled = busy and not immediate
    if whole:
        station.plan_reset(now, when_idle=scheduled)
    return {"status": "Scheduled" if scheduled else "Accepted"}


def trigger_message(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Send a message out of turn (F06)."""
    trigger = _TRIGGERS.get(payload["requestedMessage"])
    if trigger is None:
        return {"status": "NotImplemented"}
    if Quirk.TRIGGERS_NOTHING in station.quirks:
        return dict(ACCEPTED)
    evses = _evses_in(station, payload.get("evse"))
    if evses and trigger(station, evses, now):
        return dict(ACCEPTED)
    return rejected("NotEnabled", "nothing to send now")


def _trigger_boot(station: StationModel, _: Iterable[Evse], now: datetime) -> bool:
    del now
    silent = Quirk.BOOTS_ONLY_WHEN_ASKED in station.quirks
    if station.boot is Boot.ACCEPTED and not silent:  # F06.FR.17
        return False
    station.send_boot()
    return True


def _trigger_heartbeat(station: StationModel, _: Iterable[Evse], now: datetime) -> bool:
    del now
    station.send("Heartbeat", {})
    return True


def _trigger_status(station: StationModel, evses: Iterable[Evse], now: datetime) -> bool:
    for evse in evses:
        station.send_status(evse.evse_id, now)
    return True


def _trigger_meter_values(station: StationModel, evses: Iterable[Evse], now: datetime) -> bool:
    told = False
    for evse in evses:
        if values := evse.meter("TxUpdated", now, "Trigger"):  # none where none is wanted
            station.send(*station.speech.meter_values(evse, values))
            told = True
    return told


def _trigger_transaction(_: StationModel, evses: Iterable[Evse], now: datetime) -> bool:
    running = [evse for evse in evses if evse.transaction is not None]
    for evse in running:
        evse.report_triggered(now)
    return bool(running)


def _trigger_firmware(station: StationModel, _: Iterable[Evse], now: datetime) -> bool:
    del now
    station.send("FirmwareStatusNotification", {"status": "Idle"})
    return True


def _trigger_log(station: StationModel, _: Iterable[Evse], now: datetime) -> bool:
    del now
    station.send("LogStatusNotification", {"status": "Idle"})
    return True


_TRIGGERS: Final[dict[str, Callable[[StationModel, list[Evse], datetime], bool]]] = {
    "BootNotification": _trigger_boot,
    "Heartbeat": _trigger_heartbeat,
    "StatusNotification": _trigger_status,
    "MeterValues": _trigger_meter_values,
    "TransactionEvent": _trigger_transaction,
    "FirmwareStatusNotification": _trigger_firmware,
    "LogStatusNotification": _trigger_log,
}


def _evse_of(station: StationModel, transaction_id: str) -> Evse | None:
    for evse in station.evses.values():
        if evse.transaction is not None and evse.transaction.transaction_id == transaction_id:
            return evse
    return None


def _evses_in(station: StationModel, named: JsonObject | None) -> list[Evse]:
    if named is None or named["id"] == 0:
        return list(station.evses.values())
    if named.get("connectorId", CONNECTOR_ID) != CONNECTOR_ID:
        return []
    return _known(station, named["id"])


def _known(station: StationModel, evse_id: int) -> list[Evse]:
    evse = station.evses.get(evse_id)
    return [] if evse is None else [evse]
