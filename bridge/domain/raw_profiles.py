"""Charging profiles of somebody else's, set and cleared by the raw `call`: below the bridge's own.

Theory of operation. Of profiles of a purpose the highest stackLevel governs (K01), and the bridge
has its own at the highest that is free, the permanent one for a lost bridge at 0. What lies between
never overrules the bridge: it may be set and cleared, as long as no period allows more than the
installation maximum. It governs while the bridge has nothing of its own there, and the bridge must
know: the station is asked for its profiles after each such call (`readback.anew`), and from then
on they are limits like those of anybody else (`external`). So this is for stations only that tell
their profiles, which those of OCPP 1.6 do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bridge.domain import allocation, readback, wanted
from bridge.domain.calls import ProfilePurpose
from bridge.domain.commands import CallStation, Refusal, ResultCode
from bridge.domain.draft import Draft
from bridge.domain.settings import RateUnit

SET: Final = "SetChargingProfile"
CLEAR: Final = "ClearChargingProfile"
ACTIONS: Final = frozenset({SET, CLEAR})
_PURPOSES: Final = frozenset(
    {ProfilePurpose.STATION_MAX, ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT}
)
_KINDS: Final = frozenset({"Absolute", "Recurring", "Relative"})
_OF_PERIODS: Final = frozenset({"limit", "numberPhases", "phaseToUse", "startPeriod"})
"""Members of a period of which it is known what they come to."""
_PROFILE: Final = "/payload/chargingProfile"
_CRITERIA: Final = "/payload/chargingProfileCriteria"


def refusal(draft: Draft, call: CallStation) -> Refusal | None:
    """Return why a call that sets or clears a profile is not sent, None where it may be."""
    if not draft.station.learnt.reads_profiles:
        message = (
            "this station does not tell which profiles it has, so they are the bridge's own: "
            "use limit, pause, release or phases"
        )
        return Refusal(
            code=ResultCode.UNSUPPORTED, message=message, details={"pointer": "/action"}
        )
    return _of_set(draft, call) if call.action == SET else _of_clear(draft, call)


def answered(draft: Draft) -> None:
    """Ask the station what it has by now, whatever it has answered."""
    readback.anew(draft)


# --- Setting ----------------------------------------------------------------------------------


def _of_set(draft: Draft, call: CallStation) -> Refusal | None:
    profile = _object(call.payload.get("chargingProfile"))
    purpose = profile.get("chargingProfilePurpose")
    evse_id = call.payload.get("evseId")
    if purpose not in _PURPOSES or not isinstance(evse_id, int):
        return _refused(
            "one of ChargingStationMaxProfile, TxDefaultProfile and TxProfile",
            f"{_PROFILE}/chargingProfilePurpose",
        )
    if profile.get("chargingProfileKind") not in _KINDS:
        return _refused("Absolute, Recurring or Relative", f"{_PROFILE}/chargingProfileKind")
    return (
        _of_id(profile.get("id"), f"{_PROFILE}/id")
        or _of_level(draft, profile.get("stackLevel"), purpose, evse_id, _PROFILE)
        or _of_schedules(draft, profile)
    )


def _of_schedules(draft: Draft, profile: Mapping[str, Any]) -> Refusal | None:
    at = f"{_PROFILE}/chargingSchedule"
    highest_a = draft.settings.installation_max_a
    for schedule in _objects(profile.get("chargingSchedule")):
        in_watts = schedule.get("chargingRateUnit") == RateUnit.WATT
        for period in _objects(schedule.get("chargingSchedulePeriod")):
            limit_a = _amps(draft, period, in_watts=in_watts)
            if limit_a is None or not period.keys() <= _OF_PERIODS:
                return _refused("periods have a limit, and no other limits beside it", at)
            if not 0 <= limit_a <= highest_a:
                return _refused(f"limits from 0 to the installation maximum, {highest_a} A", at)
    return None


def _amps(draft: Draft, period: Mapping[str, Any], *, in_watts: bool) -> float | None:
    """Return the limit of a period, A per phase; None where it has none."""
    limit = period.get("limit")
    if not isinstance(limit, (int, float)):
        return None
    if not in_watts:
        return float(limit)
    phases = period.get("numberPhases")
    supply = allocation.Supply(
        voltage_v=draft.settings.nominal_voltage_v,
        phases=phases if phases in {1, 2, 3} else draft.settings.phases,
    )
    return supply.amps(limit)


# --- Clearing ---------------------------------------------------------------------------------


def _of_clear(draft: Draft, call: CallStation) -> Refusal | None:
    if "chargingProfileId" in call.payload:
        return _of_id(call.payload["chargingProfileId"], "/payload/chargingProfileId")
    criteria = _object(call.payload.get("chargingProfileCriteria"))
    purpose, evse_id = criteria.get("chargingProfilePurpose"), criteria.get("evseId")
    places = [evse_id] if isinstance(evse_id, int) else [0, *draft.evses]
    level = criteria.get("stackLevel")
    for each in [purpose] if purpose in _PURPOSES else sorted(_PURPOSES):
        for place in places:
            refused = _of_level(draft, level, each, place, _CRITERIA)
            if refused is not None:
                return refused
    return None


# --- What both have ---------------------------------------------------------------------------


def _of_id(profile_id: object, pointer: str) -> Refusal | None:
    if not isinstance(profile_id, int) or wanted.is_own(profile_id):
        return _refused("an id that is not one of the bridge's own", pointer)
    return None


def _of_level(draft: Draft, level: object, purpose: str, evse_id: int, at: str) -> Refusal | None:
    own = wanted.own_level(draft, evse_id, ProfilePurpose(purpose))
    if not isinstance(level, int) or not wanted.FALLBACK_STACK_LEVEL < level < own:
        message = f"a stackLevel between {wanted.FALLBACK_STACK_LEVEL} and {own}, the bridge's own"
        return _refused(message, f"{at}/stackLevel")
    return None


def _refused(wants: str, pointer: str) -> Refusal:
    return Refusal(
        code=ResultCode.INVALID_ARGUMENT,
        message=f"of charging profiles by call this bridge wants {wants}",
        details={"pointer": pointer},
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    """Return the objects in a list, an empty one for what is none: the schema is held to later."""
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return (_object(item) for item in items)
