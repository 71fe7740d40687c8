"""The device model: the components and variables that the simulated station has (block B).

A table of rows, read with `text`, `number` and so on by the rest of the simulator, and read
and written by the CSMS through GetVariables, SetVariables and GetBaseReport. What is written
takes effect at once: nothing copies a value away.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bridge.simulator.profile_store import (
    MAXIMUM_PERIODS,
    MAXIMUM_PROFILES,
    MAXIMUM_STACK_LEVEL,
)
from bridge.simulator.quirks import Quirk
from bridge.simulator.wire import JsonObject

READ_ONLY: Final = "ReadOnly"
READ_WRITE: Final = "ReadWrite"
WRITE_ONLY: Final = "WriteOnly"

START_POINTS: Final = frozenset({"EVConnected", "Authorized", "PowerPathClosed"})
"""TxStartPoint values that the simulated EVSE knows."""
STOP_POINTS: Final = START_POINTS | {"EnergyTransfer"}
"""TxStopPoint values that it knows; EnergyTransfer where a transactionLimit of OCPP 2.1 stops it."""

MEASURANDS: Final = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
    "Current.Offered",
)
"""All that the simulated meter measures."""

ITEMS_PER_REPORT: Final = 10
"""Variables in one NotifyReport."""

MAXIMUM_DIGITS: Final = 8
"""Of a whole number that is written: three years, in seconds."""

MINIMUM_INTERVAL_S: Final = 0.1
MAXIMUM_INTERVAL_S: Final = 86_400.0

_Check = Callable[[str], bool]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAXIMUM_DIGITS


def _is_duration(text: str) -> bool:
    try:
        return MINIMUM_INTERVAL_S <= float(text) <= MAXIMUM_INTERVAL_S
    except ValueError:
        return False


def _is_boolean(text: str) -> bool:
    return text in {"true", "false"}


def _is_list_of(members: frozenset[str]) -> _Check:
    return lambda text: {item.strip() for item in text.split(",")} <= members


def _is_password(text: str) -> bool:
    return 16 <= len(text) <= 40  # noqa: PLR2004  bounds of BasicAuthPassword (A01)


@dataclass(slots=True, kw_only=True)
class Variable:
    """One variable with its Actual attribute."""

    component: str
    name: str
    value: str
    instance: str | None = None
    evse_id: int | None = None
    mutability: str = READ_ONLY
    data_type: str = "string"
    unit: str | None = None
    maximum: int | None = None
    """maxLimit of its characteristics."""
    accepts: _Check = bool

    @property
    def key(self) -> tuple[str, str, str | None, int | None]:
        """How a request names it; the spec compares names without regard to case."""
        instance = None if self.instance is None else self.instance.casefold()
        return self.component.casefold(), self.name.casefold(), instance, self.evse_id

    def identity(self) -> JsonObject:
        """Return the component and variable members of a report or an answer."""
        component: JsonObject = {"name": self.component}
        if self.evse_id is not None:
            component["evse"] = {"id": self.evse_id}
        variable: JsonObject = {"name": self.name}
        if self.instance is not None:
            variable["instance"] = self.instance
        return {"component": component, "variable": variable}

    def report(self) -> JsonObject:
        """Return the ReportDataType of this variable."""
        attribute: JsonObject = {"type": "Actual", "mutability": self.mutability}
        if self.mutability != WRITE_ONLY:
            attribute["value"] = self.value
        characteristics: JsonObject = {
            "dataType": self.data_type,
            "supportsMonitoring": False,
        }
        if self.unit is not None:
            characteristics["unit"] = self.unit
        if self.maximum is not None:
            characteristics["maxLimit"] = self.maximum
        return {
            **self.identity(),
            "variableAttribute": [attribute],
            "variableCharacteristics": characteristics,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Nameplate:
    """What differs between simulated stations in their device model."""

    station_id: str
    vendor: str
    model: str
    evses: int
    phases: int
    meter_interval_s: float
    connection_timeout_s: float
    password: str
    quirks: frozenset[Quirk]
    abilities: tuple[tuple[str, str, str], ...] = ()
    """(component, variable, value) beyond the rows of every version."""


class Variables:
    """The device model of one station."""

    def __init__(self, nameplate: Nameplate) -> None:
        """Build the table with the values of `nameplate`."""
        self._rows = {row.key: row for row in _rows(nameplate)}

    def find(
        self, component: str, name: str, instance: str | None = None, evse_id: int | None = None
    ) -> Variable | None:
        """Return a variable by name, or None."""
        folded = None if instance is None else instance.casefold()
        return self._rows.get((component.casefold(), name.casefold(), folded, evse_id))

    def has_component(self, component: str) -> bool:
        """Tell whether any variable belongs to `component`."""
        return any(key[0] == component.casefold() for key in self._rows)

    def text(self, component: str, name: str, instance: str | None = None) -> str:
        """Return the value of a variable that the station certainly has."""
        return self._rows[
            component.casefold(),
            name.casefold(),
            None if instance is None else instance.casefold(),
            None,
        ].value

    def number(self, component: str, name: str, instance: str | None = None) -> float:
        """Return a numeric value."""
        return float(self.text(component, name, instance))

    def flag(self, component: str, name: str) -> bool:
        """Return a boolean value."""
        return self.text(component, name) == "true"

    def items(self, component: str, name: str) -> frozenset[str]:
        """Return the members of a comma-separated list."""
        return frozenset(item.strip() for item in self.text(component, name).split(","))

    def write(
        self,
        component: str,
        name: str,
        value: str,
        *,
        instance: str | None = None,
        evse_id: int | None = None,
    ) -> None:
        """Set a value of the station's own accord."""
        folded = None if instance is None else instance.casefold()
        self._rows[component.casefold(), name.casefold(), folded, evse_id].value = value

    def inventory(self, base: str) -> Iterator[JsonObject]:
        """Yield the ReportDataType rows of a GetBaseReport base (B07)."""
        for row in self._rows.values():
            if base != "ConfigurationInventory" or row.mutability != READ_ONLY:
                yield row.report()


def _rows(plate: Nameplate) -> Iterator[Variable]:
    yield from _station_rows(plate)
    yield from _communication_rows(plate)
    yield from _transaction_rows(plate)
    yield from _metering_rows(plate)
    yield from _smart_charging_rows(plate.quirks)
    for component, name, value in plate.abilities:
        kind = "boolean" if _is_boolean(value) else "MemberList"
        yield Variable(component=component, name=name, value=value, data_type=kind)
    for evse_id in range(1, plate.evses + 1):
        yield Variable(
            component="EVSE",
            name="SupplyPhases",
            value=str(plate.phases),
            evse_id=evse_id,
            data_type="integer",
        )
        yield Variable(
            component="EVSE",
            name="AvailabilityState",
            value="Available",
            evse_id=evse_id,
            data_type="OptionList",
        )


def _station_rows(plate: Nameplate) -> Iterator[Variable]:
    yield Variable(component="ChargingStation", name="Model", value=plate.model)
    yield Variable(component="ChargingStation", name="VendorName", value=plate.vendor)
    yield Variable(component="ChargingStation", name="SerialNumber", value=plate.station_id[:25])
    yield _number("ChargingStation", "SupplyPhases", plate.phases)
    yield _number("DeviceDataCtrlr", "ItemsPerMessage", 50, instance="GetVariables")
    yield _number("DeviceDataCtrlr", "ItemsPerMessage", 50, instance="SetVariables")
    yield Variable(
        component="SecurityCtrlr",
        name="BasicAuthPassword",
        value=plate.password,
        mutability=WRITE_ONLY,
        accepts=_is_password,
    )
    yield _number("SecurityCtrlr", "SecurityProfile", 1 if plate.password else 0)
    yield _switch("AuthCtrlr", "AuthorizeRemoteStart", value=False)
    yield _switch("AuthCtrlr", "LocalAuthorizeOffline", value=True)
    yield _switch("AuthCtrlr", "OfflineTxForUnknownIdEnabled", value=True)
    yield _switch("AuthCacheCtrlr", "Enabled", value=True)


def _communication_rows(_: Nameplate) -> Iterator[Variable]:
    controller = "OCPPCommCtrlr"
    yield _number(controller, "HeartbeatInterval", 300, unit="s", writable=True)
    yield _number(controller, "OfflineThreshold", 60, unit="s", writable=True)
    yield _number(controller, "MessageTimeout", 30, instance="Default", unit="s")
    yield _number(controller, "MessageAttempts", 3, instance="TransactionEvent", writable=True)
    yield _number(
        controller,
        "MessageAttemptInterval",
        10,
        instance="TransactionEvent",
        unit="s",
        writable=True,
    )


def _transaction_rows(plate: Nameplate) -> Iterator[Variable]:
    for name, points in (("TxStartPoint", START_POINTS), ("TxStopPoint", STOP_POINTS)):
        yield Variable(
            component="TxCtrlr",
            name=name,
            value="EVConnected,Authorized",
            mutability=READ_WRITE,
            data_type="MemberList",
            accepts=_is_list_of(points),
        )
    yield _number(
        "TxCtrlr", "EVConnectionTimeOut", plate.connection_timeout_s, unit="s", writable=True
    )
    yield _switch("TxCtrlr", "StopTxOnInvalidId", value=True)
    yield _switch("TxCtrlr", "StopTxOnEVSideDisconnect", value=True, writable=False)


def _metering_rows(plate: Nameplate) -> Iterator[Variable]:
    energy_and_soc = "Energy.Active.Import.Register,SoC"
    lists = {
        "TxStartedMeasurands": energy_and_soc,
        "TxUpdatedMeasurands": ",".join(MEASURANDS),
        "TxEndedMeasurands": energy_and_soc,
    }
    for name, value in lists.items():
        yield Variable(
            component="SampledDataCtrlr",
            name=name,
            value=value,
            mutability=READ_WRITE,
            data_type="MemberList",
            accepts=_is_list_of(frozenset({*MEASURANDS, ""})),  # empty: no values at all
        )
    yield Variable(
        component="SampledDataCtrlr",
        name="TxUpdatedInterval",
        value=f"{plate.meter_interval_s:g}",
        mutability=READ_WRITE,
        data_type="decimal",
        unit="s",
        accepts=_is_duration,
    )


_RATE_UNITS: Final = {Quirk.WATTS_ONLY: "W", Quirk.AMPS_ONLY: "A"}


def _smart_charging_rows(quirks: frozenset[Quirk]) -> Iterator[Variable]:
    controller = "SmartChargingCtrlr"
    available = Quirk.NO_SMART_CHARGING not in quirks
    switches_phases = Quirk.NO_PHASE_SWITCHING not in quirks
    units = [unit for quirk, unit in _RATE_UNITS.items() if quirk in quirks]
    stack_level = 0 if Quirk.STACK_LEVEL_0_ONLY in quirks else MAXIMUM_STACK_LEVEL
    yield _switch(controller, "Available", value=available, writable=False)
    yield _switch(controller, "Enabled", value=available, writable=False)
    yield Variable(
        component=controller,
        name="RateUnit",
        value=units[0] if units else "A,W",
        data_type="MemberList",
    )
    yield _number(controller, "ProfileStackLevel", stack_level)
    yield _number(controller, "Entries", 0, instance="ChargingProfiles", maximum=MAXIMUM_PROFILES)
    yield _number(controller, "PeriodsPerSchedule", MAXIMUM_PERIODS)
    yield _switch(controller, "ACPhaseSwitchingSupported", value=switches_phases, writable=False)
    yield _switch(controller, "Phases3to1", value=switches_phases, writable=False)
    yield _switch(controller, "ExternalControlSignalsEnabled", value=True)
    yield _switch(controller, "NotifyChargingLimitWithSchedules", value=True)
    yield _number(controller, "LimitChangeSignificance", 0, unit="Percent")


def _number(
    component: str,
    name: str,
    value: float,
    *,
    instance: str | None = None,
    unit: str | None = None,
    writable: bool = False,
    maximum: int | None = None,
) -> Variable:
    return Variable(
        component=component,
        name=name,
        value=f"{value:g}",
        maximum=maximum,
        instance=instance,
        mutability=READ_WRITE if writable else READ_ONLY,
        data_type="integer",
        unit=unit,
        accepts=_is_count,
    )


def _switch(component: str, name: str, *, value: bool, writable: bool = True) -> Variable:
    return Variable(
        component=component,
        name=name,
        value="true" if value else "false",
        mutability=READ_WRITE if writable else READ_ONLY,
        data_type="boolean",
        accepts=_is_boolean,
    )
