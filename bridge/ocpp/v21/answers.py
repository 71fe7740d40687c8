"""What the bridge answers in OCPP 2.1 to what 2.0.1 does not know."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.domain.effects import DynamicLimit, Reply, TransactionReply
from bridge.ocpp.v2 import answers


def transaction_event(reply: Reply, now: datetime) -> Mapping[str, Any]:
    """Answer a TransactionEvent, with transactionLimit where it has changed (E16.FR.02)."""
    payload = answers.transaction_event(reply, now)
    if not isinstance(reply, TransactionReply) or reply.limit is None:
        return payload
    limit = {"maxEnergy": reply.limit.max_energy_wh, "maxTime": reply.limit.max_seconds}
    told = {name: value for name, value in limit.items() if value is not None}
    return {**payload, "transactionLimit": told}


def pull_dynamic_schedule_update(reply: Reply, _now: datetime) -> Mapping[str, Any]:
    """Answer a PullDynamicScheduleUpdate: the limit as it is now (K28)."""
    if not isinstance(reply, DynamicLimit) or reply.limit is None:
        return {"status": "Rejected"}
    return {"status": "Accepted", "scheduleUpdate": {"limit": round(reply.limit, 1)}}
