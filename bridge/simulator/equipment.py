"""What a station is equipped with: from its options to its device model and its bounds."""

from bridge.simulator.options import SimulatorOptions
from bridge.simulator.profile_store import Bounds
from bridge.simulator.variables import Nameplate, Variables


def nameplate(
    station_id: str, options: SimulatorOptions, abilities: tuple[tuple[str, str, str], ...]
) -> Nameplate:
    """Return what differs between stations in their device model."""
    return Nameplate(
        station_id=station_id,
        vendor=options.vendor,
        model=options.model,
        evses=options.evses,
        phases=options.phases,
        meter_interval_s=options.meter_interval_s,
        connection_timeout_s=options.connection_timeout_s,
        password=options.password,
        quirks=options.quirks,
        abilities=abilities,
    )


def bounds_of(variables: Variables, *, dynamic: bool, replaces_twins: bool) -> Bounds:
    """Return what the station tells about itself, as what it takes."""
    controller = "SmartChargingCtrlr"
    return Bounds(
        stack_level=int(variables.number(controller, "ProfileStackLevel")),
        rate_units=variables.items(controller, "RateUnit"),
        phase_choice=variables.flag(controller, "ACPhaseSwitchingSupported"),
        phase_switching=variables.flag(controller, "Phases3to1"),
        dynamic=dynamic,
        replaces_twins=replaces_twins,
    )
