"""Which raw OCPP calls are refused because they would go past the arbiter.

The bridge answers for the limit that a station keeps to: it knows which profiles it has
installed, and nothing above the installation maximum is ever sent. A profile of somebody's own
with a higher stackLevel, or the removal of one of ours, would make both untrue. What lies below
ours may be set and cleared (`raw_profiles`). Reading profiles is free, and so is everything that
has nothing to do with them.
"""

from typing import Final

from bridge.domain.commands import CallStation, Refusal, ResultCode

_MOVE: Final = "UpdateDynamicSchedule"
_START_ACTIONS: Final = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})
_START_PROFILE: Final = "chargingProfile"


def refusal(call: CallStation) -> Refusal | None:
    """Return why this call is not sent, None where it may be."""
    if call.action == _MOVE:
        message = "profiles of kind Dynamic are the bridge's own: use limit"
        return _refused(message, "/action")
    if call.action in _START_ACTIONS and _START_PROFILE in call.payload:
        message = "a start cannot bring a charging profile: use start with maxA"
        return _refused(message, f"/payload/{_START_PROFILE}")
    return None


def _refused(message: str, pointer: str) -> Refusal:
    return Refusal(code=ResultCode.INVALID_ARGUMENT, message=message, details={"pointer": pointer})
