"""What a team leader needs to know of an EVSE, out of its station's record."""

from datetime import datetime

from bridge.domain import allocation, decision, leases
from bridge.domain.calls import ProfilePurpose
from bridge.domain.control import InstalledProfile
from bridge.domain.draft import Draft
from bridge.domain.enums import ChargingState
from bridge.domain.model import Evse, Meter, Station
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings
from bridge.domain.team import MemberId
from bridge.domain.team_plan import Activity, Member


def member_of(
    station: Station, evse_id: int, settings: StationSettings, now: datetime
) -> Member | None:
    """Return the EVSE as a member of a group; None where the station has not told of it yet."""
    evse = station.evses.get(evse_id)
    if evse is None:
        return None
    activity = _activity(evse)
    own_a = ceiling_a = 0.0
    if activity is not Activity.IDLE:
        own_a, ceiling_a = _offered_alone(station, evse, settings, now)
    supply = allocation.supply_of(evse, settings, now)
    return Member(
        id=MemberId(station.id, evse_id),
        online=station.online,
        activity=activity,
        own_a=own_a,
        ceiling_a=ceiling_a,
        minimum_a=settings.minimum_a,
        maximum_a=settings.installation_max_a,
        watts_per_a=supply.watts(1.0),
        drawn_a=drawn_a(evse, supply),
        in_force_a=in_force_a(evse, settings.installation_max_a, now),
        share=evse.team,
    )


def _activity(evse: Evse) -> Activity:
    if evse.transaction is not None and evse.transaction.open:
        return Activity.TRANSACTION
    return Activity.PLUGGED if evse.view.plugged else Activity.IDLE


def _offered_alone(
    station: Station, evse: Evse, settings: StationSettings, now: datetime
) -> tuple[float, float]:
    """Return what it would be offered in no group, with and without the claims of controllers."""
    draft = Draft(station, now, settings)
    alone = replace(evse, team=None)
    ceiling_a = decision.weigh(draft, alone, ()).offered_a
    slots = leases.live_slots(draft, evse)
    own_a = decision.weigh(draft, alone, slots).offered_a if slots else ceiling_a
    return own_a, ceiling_a


def drawn_a(evse: Evse, supply: allocation.Supply) -> float | None:
    """Return the highest current of a phase as measured, A; None where it is not known."""
    running = evse.transaction
    if running is None or not running.open:
        return 0.0
    if running.charging_state is ChargingState.SUSPENDED_EV:
        return 0.0
    return _measured(evse.meter, supply) if evse.meter else None


def _measured(meter: Meter, supply: allocation.Supply) -> float | None:
    currents = [current for current in meter.current_a if current is not None]
    if currents:
        return max(currents)
    return None if meter.power_w is None else supply.amps(meter.power_w)


def in_force_a(evse: Evse, maximum_a: float, now: datetime) -> float | None:
    """Return the highest limit that the station may have in force, A per phase.

    Of our profiles, that is the running transaction's, and the default that governs the next
    one; or what is on its way to the station. Where there is none, nothing holds it but the
    installation, `maximum_a`. None: a profile that may have been lost, or not have arrived.
    """
    held = _governing(evse, now)
    written = evse.write
    if held and written is not None and not written.fallback:
        replaced = written.profile.profile_id
        if written.clear:
            held = [profile for profile in held if profile.profile_id != replaced]
        else:
            held = [*held, written.profile]
    limits = [profile.limit_a for profile in held]
    if not limits:
        return maximum_a
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def _governing(evse: Evse, now: datetime) -> list[InstalledProfile]:
    running = evse.transaction.id if evse.transaction and evse.transaction.open else None
    return [
        profile
        for profile in evse.installed
        if (profile.valid_to is None or now < profile.valid_to)
        and (
            profile.purpose is ProfilePurpose.TX_DEFAULT
            or (running is not None and profile.transaction_id == running)
        )
    ]
