"""What a station says in OCPP 2.x, read into the words of the domain.

Of the payloads only types and required fields are sure (`bridge.ocpp.v2.parts`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.domain.annotations import Remark, distinct, warning
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    EventType,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import (
    Authorize,
    BootNotification,
    ClearedChargingLimit,
    Heartbeat,
    IdToken,
    MeterValues,
    Notice,
    NotifyChargingLimit,
    NotifyEvent,
    ReportChargingProfiles,
    SecurityEventNotification,
    StatusNotification,
    TransactionEvent,
)
from bridge.ocpp.v2.metering import read_meter_values
from bridge.ocpp.v2.parts import integer, optional_integer, term, timestamp, word
from bridge.ocpp.v2.schedules import read_profile, read_schedule

_Payload = dict[str, Any]


def boot_notification(payload: _Payload) -> BootNotification:
    """Read a BootNotificationRequest (B01). Empty texts are not told (charger-quirks 44)."""
    station = payload["chargingStation"]
    return BootNotification(
        vendor_name=station["vendorName"],
        model=station["model"],
        reason=payload["reason"],
        serial_number=station.get("serialNumber") or None,
        firmware_version=station.get("firmwareVersion") or None,
        warnings=tuple(
            warning(Remark.EMPTY_TEXT, f"chargingStation.{name}")
            for name in _NAMES
            if station.get(name) == ""
        ),
    )


def heartbeat(_payload: _Payload) -> Heartbeat:
    """Read a HeartbeatRequest (G02)."""
    return Heartbeat()


def authorize(payload: _Payload) -> Authorize:
    """Read an AuthorizeRequest (C01)."""
    return Authorize(id_token=_id_token(payload["idToken"]))


def status_notification(payload: _Payload) -> StatusNotification:
    """Read a StatusNotificationRequest (G01). EVSE 0 and connector 0 do come (quirk 44)."""
    return StatusNotification(
        timestamp=timestamp(payload["timestamp"]),
        evse_id=integer(payload["evseId"], "/evseId"),
        connector_id=integer(payload["connectorId"], "/connectorId"),
        status=term(ConnectorStatus, payload["connectorStatus"], "/connectorStatus"),
    )


def meter_values(payload: _Payload) -> MeterValues:
    """Read a MeterValuesRequest (J01)."""
    warnings: list[str] = []
    return MeterValues(
        evse_id=integer(payload["evseId"], "/evseId"),
        meter_values=read_meter_values(payload["meterValue"], warnings),
        warnings=distinct(warnings),
    )


def transaction_event(payload: _Payload) -> TransactionEvent:
    """Read a TransactionEventRequest (E)."""
    get = payload.get
    info = payload["transactionInfo"]
    about = info.get
    evse = get("evse") or _NOTHING
    state = about("chargingState")
    reason = about("stoppedReason")
    token = get("idToken")
    samples = get("meterValue")
    warnings: list[str] = []
    return TransactionEvent(
        event_type=_EVENT_TYPES.get(payload["eventType"])
        or term(EventType, payload["eventType"], "/eventType"),
        timestamp=timestamp(payload["timestamp"]),
        trigger_reason=_TRIGGERS.get(payload["triggerReason"])
        or term(TriggerReason, payload["triggerReason"], "/triggerReason"),
        seq_no=integer(payload["seqNo"], "/seqNo"),
        transaction_id=info["transactionId"],
        offline=get("offline", False),
        charging_state=None if state is None else ChargingState.read(state),
        time_spent_charging_seconds=optional_integer(
            about("timeSpentCharging"), "/timeSpentCharging"
        ),
        # A reason that nobody knows is still a reason, and absence would mean Local.
        stopped_reason=None if reason is None else StoppedReason.read(reason) or _OTHER,
        remote_start_id=optional_integer(about("remoteStartId"), "/remoteStartId"),
        id_token=None if token is None else _id_token(token),
        evse_id=optional_integer(evse.get("id"), "/evse/id"),
        connector_id=optional_integer(evse.get("connectorId"), "/evse/connectorId"),
        number_of_phases_used=optional_integer(get("numberOfPhasesUsed"), "/numberOfPhasesUsed"),
        cable_max_current_a=optional_integer(get("cableMaxCurrent"), "/cableMaxCurrent"),
        reservation_id=optional_integer(get("reservationId"), "/reservationId"),
        meter_values=() if samples is None else read_meter_values(samples, warnings),
        warnings=distinct(warnings),  # behind the meter values, which add to them
    )


def notify_charging_limit(payload: _Payload) -> NotifyChargingLimit:
    """Read a NotifyChargingLimitRequest (K12, K13). EVSE 0 is the station, as no EVSE is."""
    limit = payload["chargingLimit"]
    schedules = payload.get("chargingSchedule", ())
    return NotifyChargingLimit(
        limit_source=word(limit["chargingLimitSource"]),
        grid_critical=limit.get("isGridCritical", False),
        evse_id=optional_integer(payload.get("evseId"), "/evseId") or None,
        schedules=tuple(
            read_schedule(schedule, f"/chargingSchedule/{index}")
            for index, schedule in enumerate(schedules)
        ),
    )


def cleared_charging_limit(payload: _Payload) -> ClearedChargingLimit:
    """Read a ClearedChargingLimitRequest (K13, K14)."""
    return ClearedChargingLimit(
        limit_source=word(payload["chargingLimitSource"]),
        evse_id=optional_integer(payload.get("evseId"), "/evseId") or None,
    )


def report_charging_profiles(payload: _Payload) -> ReportChargingProfiles:
    """Read a ReportChargingProfilesRequest, one part of a report (K09)."""
    evse_id = integer(payload["evseId"], "/evseId")
    limit_source = word(payload["chargingLimitSource"])
    return ReportChargingProfiles(
        request_id=integer(payload["requestId"], "/requestId"),
        profiles=tuple(
            read_profile(
                profile,
                evse_id=evse_id,
                limit_source=limit_source,
                pointer=f"/chargingProfile/{index}",
            )
            for index, profile in enumerate(payload["chargingProfile"])
        ),
        more=payload.get("tbc", False),
    )


def notify_event(payload: _Payload) -> NotifyEvent | Notice:
    """Read a NotifyEventRequest: the AvailabilityStates in it, one by one or many (N07).

    OCPP 2.1 prefers it to StatusNotification (G01), and 2.0.1 allows it.
    """
    found = (_availability(index, item) for index, item in enumerate(payload["eventData"]))
    statuses = tuple(status for status in found if status is not None)
    return NotifyEvent(statuses=statuses) if statuses else Notice(action="NotifyEvent")


def security_event(payload: _Payload) -> SecurityEventNotification:
    """Read a SecurityEventNotificationRequest (A04)."""
    return SecurityEventNotification(
        type=word(payload["type"]),
        timestamp=timestamp(payload["timestamp"]),
        tech_info=payload.get("techInfo"),
    )


def notice(action: str) -> Callable[[_Payload], Notice]:
    """Return the reader of an action whose content the bridge has no use for (yet)."""
    message = Notice(action=action)
    return lambda _payload: message


# --- Parts ----------------------------------------------------------------------------------

_NOTHING: Final[_Payload] = {}
_NAMES: Final = ("vendorName", "model", "serialNumber", "firmwareVersion")
_OTHER: Final = StoppedReason.OTHER
_EVENT_TYPES: Final = {member.value: member for member in EventType}
_TRIGGERS: Final = {member.value: member for member in TriggerReason}


_PLACES: Final = frozenset({"connector", "evse"})
"""Components whose AvailabilityState is a status of ours; the station's own one is not."""


def _availability(index: int, item: _Payload) -> StatusNotification | None:
    component = item["component"]
    if (
        item["variable"]["name"].casefold() != "availabilitystate"
        or component["name"].casefold() not in _PLACES
        or "evse" not in component
    ):
        return None
    # An unknown state among others is no reason to lose those.
    status = ConnectorStatus.read(item["actualValue"])
    return None if status is None else _status(f"/eventData/{index}", item, status)


def _status(pointer: str, item: _Payload, status: ConnectorStatus) -> StatusNotification:
    evse: Mapping[str, Any] = item["component"]["evse"]
    place = f"{pointer}/component/evse"
    return StatusNotification(
        timestamp=timestamp(item["timestamp"], f"{pointer}/timestamp"),
        evse_id=integer(evse["id"], f"{place}/id"),
        connector_id=integer(evse.get("connectorId", 0), f"{place}/connectorId"),
        status=status,
    )


def _id_token(token: _Payload) -> IdToken:
    return IdToken(value=token["idToken"], type=token["type"])
