"""What the bridge answers a station's requests with in OCPP 2.x: payloads of CALLRESULTs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from bridge.domain.effects import AuthorizeReply, BootReply, Reply, TransactionReply
from bridge.domain.tokens import Verdict
from bridge.ocpp.times import format_timestamp

_Payload = Mapping[str, Any]

_EMPTY: Final[_Payload] = {}
_GROUP_TYPE: Final = "Central"
"""IdTokenEnumType of groups: the bridge, or who stands behind it, has made them up."""
_R = TypeVar("_R")


def boot_notification(reply: Reply, now: datetime) -> _Payload:
    """Answer a BootNotification: status, and how often to send heartbeats (B01 to B03)."""
    boot = _expect(BootReply, reply)
    return {
        "currentTime": format_timestamp(now),
        "interval": boot.interval_seconds,
        "status": boot.status,
    }


def heartbeat(_reply: Reply, now: datetime) -> _Payload:
    """Answer a Heartbeat with the time (G02)."""
    return {"currentTime": format_timestamp(now)}


def authorize(reply: Reply, _now: datetime) -> _Payload:
    """Answer an Authorize (C01)."""
    return _id_token_info(_expect(AuthorizeReply, reply).verdict)


def transaction_event(reply: Reply, _now: datetime) -> _Payload:
    """Answer a TransactionEvent; idTokenInfo where it carried an idToken (E01.FR.11)."""
    verdict = _expect(TransactionReply, reply).verdict
    return _EMPTY if verdict is None else _id_token_info(verdict)


def always(payload: _Payload) -> Callable[[Reply, datetime], _Payload]:
    """Return the answer of an action that is always answered alike."""
    return lambda _reply, _now: payload


plain = always(_EMPTY)


def _id_token_info(verdict: Verdict) -> _Payload:
    info: dict[str, Any] = {"status": verdict.status}
    if verdict.valid_until is not None:
        info["cacheExpiryDateTime"] = format_timestamp(verdict.valid_until)
    if verdict.group is not None:
        info["groupIdToken"] = {"idToken": verdict.group, "type": _GROUP_TYPE}
    return {"idTokenInfo": info}


def _expect(kind: type[_R], reply: Reply) -> _R:
    if not isinstance(reply, kind):
        raise TypeError(f"{type(reply).__name__} where {kind.__name__} answers")
    return reply
