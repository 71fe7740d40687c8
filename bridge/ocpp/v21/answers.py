"""What the bridge answers in OCPP 2.1 to what 2.0.1 does not know."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.domain.effects import DynamicLimit, Reply


def pull_dynamic_schedule_update(reply: Reply, _now: datetime) -> Mapping[str, Any]:
    """Answer a PullDynamicScheduleUpdate: the limit as it is now (K28)."""
    if not isinstance(reply, DynamicLimit) or reply.limit is None:
        return {"status": "Rejected"}
    return {"status": "Accepted", "scheduleUpdate": {"limit": round(reply.limit, 1)}}
