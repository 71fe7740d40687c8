"""What the bridge answers a charge point's requests with in OCPP 1.6: payloads of CALLRESULTs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from bridge.domain.effects import AuthorizeReply, BootReply, Reply, StartReply, TransactionReply
from bridge.domain.enums import AuthorizationStatus
from bridge.domain.tokens import Verdict
from bridge.ocpp.times import format_timestamp

_Payload = Mapping[str, Any]

_EMPTY: Final[_Payload] = {}
_STATUSES: Final[Mapping[AuthorizationStatus, str]] = {
    AuthorizationStatus.NO_CREDIT: "Blocked",
    AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE: "Blocked",
    AuthorizationStatus.NOT_AT_THIS_LOCATION: "Blocked",
    AuthorizationStatus.NOT_AT_THIS_TIME: "Blocked",
    AuthorizationStatus.UNKNOWN: "Invalid",
}
"""Statuses of OCPP 2.x that 1.6 does not know, by its own (7.2): Invalid is who is unknown,
Blocked who is known and may not charge. A station asks again for both."""
_LONGEST_TAG: Final = 20
"""Characters of an IdToken (7.28); a longer group cannot be told."""
_R = TypeVar("_R")


def boot_notification(reply: Reply, now: datetime) -> _Payload:
    """Answer a BootNotification: status, and how often to send heartbeats (4.2)."""
    boot = _expect(BootReply, reply)
    return {
        "currentTime": format_timestamp(now),
        "interval": boot.interval_seconds,
        "status": boot.status,
    }


def heartbeat(_reply: Reply, now: datetime) -> _Payload:
    """Answer a Heartbeat with the time (4.6)."""
    return {"currentTime": format_timestamp(now)}


def authorize(reply: Reply, _now: datetime) -> _Payload:
    """Answer an Authorize (4.1)."""
    return _id_tag_info(_expect(AuthorizeReply, reply).verdict)


def start_transaction(reply: Reply, _now: datetime) -> _Payload:
    """Answer a StartTransaction with the id of the transaction (4.8)."""
    start = _expect(StartReply, reply)
    return {"transactionId": start.transaction_id, **_id_tag_info(start.verdict)}


def stop_transaction(reply: Reply, _now: datetime) -> _Payload:
    """Answer a StopTransaction; idTagInfo where it carried an idTag (4.10)."""
    verdict = _expect(TransactionReply, reply).verdict
    return _EMPTY if verdict is None else _id_tag_info(verdict)


def always(payload: _Payload) -> Callable[[Reply, datetime], _Payload]:
    """Return the answer of an action that is always answered alike."""
    return lambda _reply, _now: payload


plain = always(_EMPTY)


def _id_tag_info(verdict: Verdict) -> _Payload:
    info = {"status": _STATUSES.get(verdict.status, verdict.status.value)}
    if verdict.valid_until is not None:
        info["expiryDate"] = format_timestamp(verdict.valid_until)
    if verdict.group is not None and len(verdict.group) <= _LONGEST_TAG:
        info["parentIdTag"] = verdict.group
    return {"idTagInfo": info}


def _expect(kind: type[_R], reply: Reply) -> _R:
    if not isinstance(reply, kind):
        raise TypeError(f"{type(reply).__name__} where {kind.__name__} answers")
    return reply
