"""What the bridge answers a charge point's requests with in OCPP 1.6: payloads of CALLRESULTs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from bridge.domain.effects import AuthorizeReply, BootReply, Reply, StartReply, TransactionReply
from bridge.ocpp.times import format_timestamp

_Payload = Mapping[str, Any]

_EMPTY: Final[_Payload] = {}
_STATUSES: Final[Mapping[str, str]] = {"Unknown": "Invalid"}
"""AuthorizationStatus of OCPP 2.x that 1.6 does not know."""
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
    return _id_tag_info(_expect(AuthorizeReply, reply).status)


def start_transaction(reply: Reply, _now: datetime) -> _Payload:
    """Answer a StartTransaction with the id of the transaction (4.8)."""
    start = _expect(StartReply, reply)
    return {"transactionId": start.transaction_id, **_id_tag_info(start.status)}


def stop_transaction(reply: Reply, _now: datetime) -> _Payload:
    """Answer a StopTransaction; idTagInfo where it carried an idTag (4.10)."""
    status = _expect(TransactionReply, reply).status
    return _EMPTY if status is None else _id_tag_info(status)


def always(payload: _Payload) -> Callable[[Reply, datetime], _Payload]:
    """Return the answer of an action that is always answered alike."""
    return lambda _reply, _now: payload


plain = always(_EMPTY)


def _id_tag_info(status: str) -> _Payload:
    return {"idTagInfo": {"status": _STATUSES.get(status, status)}}


def _expect(kind: type[_R], reply: Reply) -> _R:
    if not isinstance(reply, kind):
        raise TypeError(f"{type(reply).__name__} where {kind.__name__} answers")
    return reply
