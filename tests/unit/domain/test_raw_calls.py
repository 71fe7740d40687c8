"""Raw calls must not get round the arbiter."""

from typing import Any

import pytest

from bridge.domain import raw_calls
from bridge.domain.commands import CallStation, ResultCode


@pytest.mark.parametrize(
    ("action", "payload", "pointer"),
    [
        ("UpdateDynamicSchedule", {}, "/action"),
        ("RequestStartTransaction", {"chargingProfile": {}}, "/payload/chargingProfile"),
        ("RemoteStartTransaction", {"chargingProfile": {}}, "/payload/chargingProfile"),
    ],
)
def test_a_call_that_sets_a_profile_is_refused(
    action: str, payload: dict[str, Any], pointer: str
) -> None:
    refusal = raw_calls.refusal(CallStation(action=action, payload=payload))

    assert refusal is not None
    assert refusal.code is ResultCode.INVALID_ARGUMENT
    assert refusal.details == {"pointer": pointer}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("GetChargingProfiles", {"requestId": 1, "chargingProfile": {"stackLevel": 0}}),
        ("RequestStartTransaction", {"remoteStartId": 1}),
        ("ClearCache", {}),
    ],
)
def test_other_calls_may_be_sent(action: str, payload: dict[str, Any]) -> None:
    assert raw_calls.refusal(CallStation(action=action, payload=payload)) is None
