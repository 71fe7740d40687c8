"""What the devices of certain makers need otherwise, as data (docs/reference/charger-quirks.md).

Theory of operation. A quirk is another default of one or more settings. `TABLE` says by which
vendor, model and firmware a device is known that has it. `effective` puts three things together,
the first that speaks of a setting counts: what the configuration says of it; the quirks that the
configuration names, or else those that the table has for this device; the built-in default.
There is no branch on a device anywhere else. What a station shows by itself (`knowledge.Learnt`)
comes on top.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from msgspec import Struct

from bridge.domain.events import BootNotification
from bridge.domain.records import replace
from bridge.domain.settings import LOCAL_ZONE, NumberPhases, ProfileKind, RateUnit, StationSettings


class Quirk(StrEnum):
    """Names of quirks, as they are written into the configuration; `EFFECTS` says what each does."""

    QUIET_UNTIL_BOOT = "quiet_until_boot"
    NO_PONGS = "no_pongs"
    SLOW_ANSWERS = "slow_answers"
    SILENT_REFUSALS = "silent_refusals"
    MEASURANDS_UNTOUCHED = "measurands_untouched"
    TRIGGERS_BY_STATION = "triggers_by_station"
    STATUS_BY_STATION = "status_by_station"
    STACK_LEVEL_ZERO = "stack_level_zero"
    RELATIVE_PROFILES = "relative_profiles"
    DEFAULT_SKIPS_RUNNING = "default_skips_running"
    WATTS_ONLY = "watts_only"
    AMPERES_ONLY = "amperes_only"
    WHOLE_AMPERES = "whole_amperes"
    STEPPED_LIMITS = "stepped_limits"
    NUMBER_PHASES_NEEDED = "number_phases_needed"
    NUMBER_PHASES_REFUSED = "number_phases_refused"
    NO_COMPOSITE_SCHEDULE = "no_composite_schedule"
    SESSION_REGISTER = "session_register"
    PAUSE_BEFORE_START = "pause_before_start"
    LOCAL_TIMES = "local_times"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a quirk changes: the settings, in a sentence and as values."""

    says: str
    items: tuple[int, ...]
    """Numbers in docs/reference/charger-quirks.md."""
    changes: Mapping[str, Any] = field(hash=False)
    """Defaults by field of `StationSettings`."""


QUIET_SECONDS: Final = 20.0
"""A Wallbox that 2 s were too short for was content with this (lbbrhzn/ocpp#1503)."""
SLOW_SECONDS: Final = 90.0
PAUSE_SECONDS: Final = 10.0
HIGHEST_WHOLE_A: Final = 500
"""The most that an installation may have (`installation_max_a`)."""

EFFECTS: Final[Mapping[Quirk, Effect]] = {
    Quirk.QUIET_UNTIL_BOOT: Effect(
        "After connecting nothing is asked of it before its BootNotification is answered, or"
        f" {QUIET_SECONDS:g} s have passed; commands meanwhile are answered `station_offline`.",
        (7,),
        {"quiet_seconds": QUIET_SECONDS},
    ),
    Quirk.NO_PONGS: Effect(
        "It gets no WebSocket pings; the connection ends after three heartbeats that did not come.",
        (10,),
        {"pings": False},
    ),
    Quirk.SLOW_ANSWERS: Effect(
        f"It has {SLOW_SECONDS:g} s to answer a request.",
        (31,),
        {"call_timeout_seconds": SLOW_SECONDS},
    ),
    Quirk.SILENT_REFUSALS: Effect(
        "What it does not support it leaves without an answer: the connection is kept however many"
        " requests in a row were not answered.",
        (31,),
        {"max_unanswered_calls": 0},
    ),
    Quirk.MEASURANDS_UNTOUCHED: Effect(
        "The command `setVariables` does not write MeterValuesSampledData: more than it bears, and"
        " it corrupts its memory or boots again and again.",
        (8, 9),
        {"protected_variables": ("MeterValuesSampledData",)},
    ),
    Quirk.TRIGGERS_BY_STATION: Effect(
        "The command `trigger` asks the whole station, also where the topic names an EVSE.",
        (13,),
        {"trigger_station": True},
    ),
    Quirk.STATUS_BY_STATION: Effect(
        "A status of the whole station (connector 0) is that of its only EVSE.",
        (13,),
        {"station_status": True},
    ),
    Quirk.STACK_LEVEL_ZERO: Effect(
        "Charging profiles have stackLevel 0.", (16,), {"stack_level": 0}
    ),
    Quirk.RELATIVE_PROFILES: Effect(
        "Charging profiles are `Relative`, without startSchedule.",
        (17,),
        {"profile_kind": ProfileKind.RELATIVE},
    ),
    Quirk.DEFAULT_SKIPS_RUNNING: Effect(
        "A TxDefaultProfile is followed by a TxProfile as soon as a transaction runs.",
        (15,),
        {"default_governs_running": False},
    ),
    Quirk.WATTS_ONLY: Effect("Limits are sent in W.", (18,), {"rate_unit": RateUnit.WATT}),
    Quirk.AMPERES_ONLY: Effect("Limits are sent in A.", (18,), {"rate_unit": RateUnit.AMPERE}),
    Quirk.WHOLE_AMPERES: Effect(
        "Limits are rounded down to whole amperes.",
        (18,),
        {"limit_values_a": tuple(float(amps) for amps in range(1, HIGHEST_WHOLE_A + 1))},
    ),
    Quirk.STEPPED_LIMITS: Effect(
        "Limits are rounded down to 6, 8, 10, 13 or 16 A.",
        (18,),
        {"limit_values_a": (6.0, 8.0, 10.0, 13.0, 16.0)},
    ),
    Quirk.NUMBER_PHASES_NEEDED: Effect(
        "Each limit carries numberPhases.", (20,), {"number_phases": NumberPhases.ALWAYS}
    ),
    Quirk.NUMBER_PHASES_REFUSED: Effect(
        "No limit carries numberPhases; phases are not switched.",
        (20,),
        {"number_phases": NumberPhases.NEVER},
    ),
    Quirk.NO_COMPOSITE_SCHEDULE: Effect(
        "GetCompositeSchedule is not asked; whether a limit is kept is seen by the current alone.",
        (19,),
        {"composite_schedule": False},
    ),
    Quirk.SESSION_REGISTER: Effect(
        "An energy register that has run back counts from that with which the transaction began.",
        (22,),
        {"session_register": True},
    ),
    Quirk.PAUSE_BEFORE_START: Effect(
        f"A remote start goes out {PAUSE_SECONDS:g} s after the end of the last transaction at the"
        " earliest.",
        (30,),
        {"start_delay_seconds": PAUSE_SECONDS},
    ),
    Quirk.LOCAL_TIMES: Effect(
        "Its times without an offset are of the time zone of the machine that the bridge runs on.",
        (29,),
        {"time_zone": LOCAL_ZONE},
    ),
}


CHANGEABLE: Final = frozenset(name for effect in EFFECTS.values() for name in effect.changes)
"""Settings whose default a quirk may change."""


class Row(Struct, frozen=True, kw_only=True):
    """Devices that have quirks, by globs (`*`, `?`) that ignore case; a field not sent is ""."""

    vendor: str = "*"
    model: str = "*"
    firmware: str = "*"
    quirks: tuple[Quirk, ...]
    sources: tuple[str, ...]
    """Public threads (`owner/repository#number`) or files (`owner/repository:path`) that report it."""
    seen: bool = True
    """Whether a thread quotes the BootNotification; else the globs are the maker's usual name."""

    def matches(self, vendor: str, model: str, firmware: str) -> bool:
        """Say whether a device is one of these."""
        return (
            fnmatchcase(vendor.casefold(), self.vendor.casefold())
            and fnmatchcase(model.casefold(), self.model.casefold())
            and fnmatchcase(firmware.casefold(), self.firmware.casefold())
        )


TABLE: Final[Sequence[Row]] = (
    Row(
        vendor="Wall Box Chargers",
        quirks=(Quirk.RELATIVE_PROFILES, Quirk.DEFAULT_SKIPS_RUNNING),
        sources=("evcc-io/evcc#25042", "ConnectorIO/connectorio-addons#160"),
    ),
    Row(
        vendor="Wall Box Chargers",
        firmware="5.*",
        quirks=(Quirk.STACK_LEVEL_ZERO,),
        sources=("evcc-io/evcc#15801", "evcc-io/evcc#15581"),
    ),
    Row(
        vendor="Wall Box Chargers",
        firmware="6.*",
        quirks=(Quirk.QUIET_UNTIL_BOOT,),
        sources=("lbbrhzn/ocpp#1503", "lbbrhzn/ocpp#1510"),
    ),
    Row(
        vendor="ABB",
        model="CDT_TACW*",
        quirks=(Quirk.STACK_LEVEL_ZERO, Quirk.SESSION_REGISTER, Quirk.MEASURANDS_UNTOUCHED),
        sources=("evcc-io/evcc#15801", "lbbrhzn/ocpp#919", "lbbrhzn/ocpp#1275"),
    ),
    Row(
        vendor="EN+",
        quirks=(Quirk.QUIET_UNTIL_BOOT, Quirk.NO_PONGS),
        sources=("evcc-io/evcc#25069", "lbbrhzn/ocpp#211"),
    ),
    Row(
        vendor="",
        model="ACChargePoint",  # Huawei SCharger: the vendor is empty
        quirks=(Quirk.WATTS_ONLY,),
        sources=("lbbrhzn/ocpp#2084", "evcc-io/evcc#32184"),
    ),
    Row(
        vendor="Huawei*",
        quirks=(Quirk.WATTS_ONLY,),
        sources=("lbbrhzn/ocpp#2084",),
        seen=False,
    ),
    Row(
        vendor="go-e*",
        quirks=(Quirk.AMPERES_ONLY,),
        sources=("goecharger/go-eCharger-API-v2#190",),
    ),
    Row(
        vendor="Growatt",
        model="THOR*",
        quirks=(Quirk.MEASURANDS_UNTOUCHED, Quirk.LOCAL_TIMES),
        sources=("lbbrhzn/ocpp#1487", "evcc-io/evcc#10399", "lbbrhzn/ocpp#1514"),
    ),
    Row(
        vendor="Phoenix Contact*",
        model="EV-CC-AC1*",
        quirks=(Quirk.DEFAULT_SKIPS_RUNNING,),
        sources=("ConnectorIO/connectorio-addons#160",),
    ),
    Row(
        vendor="*Grizzl*E*",
        quirks=(Quirk.SESSION_REGISTER,),
        sources=("lbbrhzn/ocpp#2093",),
        seen=False,
    ),
    Row(
        vendor="*EVduty*",
        quirks=(Quirk.NO_PONGS,),
        sources=("lbbrhzn/ocpp#553",),
        seen=False,
    ),
    Row(
        vendor="Timxon*",
        quirks=(Quirk.RELATIVE_PROFILES, Quirk.SILENT_REFUSALS),
        sources=("lbbrhzn/ocpp#2158",),
        seen=False,
    ),
    Row(
        vendor="Mennekes*",
        quirks=(Quirk.TRIGGERS_BY_STATION,),
        sources=("evcc-io/evcc#16327",),
        seen=False,
    ),
    Row(
        vendor="NEcharge*",
        quirks=(Quirk.STEPPED_LIMITS,),
        sources=("evcc-io/evcc:templates/definition/charger/ocpp-necharge.yaml",),
        seen=False,
    ),
    Row(
        vendor="Entratek*",
        quirks=(Quirk.NO_COMPOSITE_SCHEDULE,),
        sources=("evcc-io/evcc#15612",),
        seen=False,
    ),
    Row(
        vendor="*Fox*ESS*",
        quirks=(Quirk.PAUSE_BEFORE_START,),
        sources=("lbbrhzn/ocpp#2073",),
        seen=False,
    ),
)
"""Devices that are known to have quirks; where several rows fit, all count, the later ones first."""


def of_device(boot: BootNotification | None) -> tuple[Quirk, ...]:
    """Return the quirks of a device by what it told when it booted; none where it never did."""
    if boot is None:
        return ()
    device = boot.vendor_name, boot.model, boot.firmware_version or ""
    return tuple(quirk for row in TABLE if row.matches(*device) for quirk in row.quirks)


def clash(quirks: Iterable[Quirk]) -> tuple[Quirk, Quirk] | None:
    """Return two quirks that want different values of the same setting; None where all agree."""
    wanted: dict[str, Quirk] = {}
    for quirk in quirks:
        for name, value in EFFECTS[quirk].changes.items():
            other = wanted.setdefault(name, quirk)
            if EFFECTS[other].changes[name] != value:
                return other, quirk
    return None


def effective(configured: StationSettings, boot: BootNotification | None) -> StationSettings:
    """Return the settings of a station: as configured, with the quirks of the device it is.

    Those in force are named in `quirks`; one that the configuration overrules is not.
    """
    named = configured.named_quirks
    quirks = of_device(boot) if named is None else tuple(Quirk(name) for name in named)
    changes: dict[str, Any] = {}
    active: dict[Quirk, None] = {}
    for quirk in quirks:
        free = {
            name: value
            for name, value in EFFECTS[quirk].changes.items()
            if name not in configured.explicit
        }
        if free:
            active[quirk] = None
            changes |= free
    if not changes:
        return configured
    return replace(configured, quirks=tuple(active), **changes)
