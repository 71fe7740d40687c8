"""Sections 2 and 3b from the controller's own words to what is published, with nothing between cut.

What a charge controller says (as its REST, WebSocket or MQTT API words it) goes through the reader,
the mapping and the station, to the documents `state` and `secc`, and to the events.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from bridge.api.documents import Documents, TokenMask, secc
from bridge.domain import station as rules
from bridge.domain.events import CONTROLLER, Connected
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.settings import StationSettings
from bridge.secc import payloads
from bridge.secc.mapping import Circumstances, report_of

T0: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
SETTINGS: Final = StationSettings(known=True, secc=True, composite_schedule=False)
DOCUMENTS: Final = Documents("main", TokenMask(b"key"), lambda _station: SETTINGS)


class Told:
    """A charge controller that says one thing after the other."""

    def __init__(self) -> None:
        self.station = Station(id=StationId("carport"))
        self.now = T0
        self._tell(Connected(version=CONTROLLER, connection_id="c", remote="secc"))

    def _tell(self, message: Any) -> None:
        self.now += timedelta(seconds=1)
        self.station = rules.handle(self.station, message, self.now, SETTINGS).station

    def says(self, table: payloads.Table, **document: Any) -> None:
        found = payloads.understand(document, table).fields
        known = Circumstances(
            now=self.now, own_name="API", switches_phases=False, limits_kept=True, first=False
        )
        self._tell(report_of(payloads.reading_of([found]), known))

    @property
    def evse(self) -> Evse:
        return self.station.evses[1]

    @property
    def state(self) -> Any:
        return DOCUMENTS.state(self.station, self.evse, self.now)

    @property
    def seed_000(self) -> Any:
        return secc(self.station, self.evse, self.now)


SECTION_2: Final = [
    ("IDLE", "idle", "Idle"),
    ("AWAITING_START", "awaiting_start", "SuspendedEVSE"),
    ("AWAITING_AUTHORIZATION", "awaiting_authorization", "SuspendedEVSE"),
    ("STARTING", "starting", "SuspendedEVSE"),
    ("SUSPENDED_EVSE", "suspended_evse", "SuspendedEVSE"),
    ("SUSPENDED_EV", "suspended_ev", "SuspendedEV"),
    ("CHARGING", "charging", "Charging"),
    ("FAILED", "failed", "Faulted"),
    ("STOPPED", "stopped", "Finishing"),
    ("LINGERING", "lingering", "Finishing"),
    ("COMPLETED", "completed", "Idle"),
]


@pytest.mark.parametrize(("said", "phase", "state"), SECTION_2, ids=[row[0] for row in SECTION_2])
def test_section_2_a_state_of_tx_status(said: str, phase: str, state: str) -> None:
    told = Told()
    told.says(payloads.TX_STATUS, state="CHARGING", id="1")
    told.says(payloads.TX_STATUS, state=said, id="1")
    assert (told.state["phase"], told.state["state"]) == (phase, state)
    assert told.seed_000["state"] == state


SECTION_3B: Final = [
    # chargeControllerStatus, vehicleStatus, seed state, 2.x chargingState, ConnectorStatus
    ("A1", "A", "Idle", None, "Available"),
    ("B1", "B", "SuspendedEVSE", "EVConnected", "Occupied"),
    ("B2", "B", "SuspendedEV", "SuspendedEV", "Occupied"),
    ("C1", "C", "SuspendedEVSE", "EVConnected", "Occupied"),
    ("C2", "C", "Charging", "Charging", "Occupied"),
    ("D1", "D", "SuspendedEVSE", "EVConnected", "Occupied"),
    ("D2", "D", "Charging", "Charging", "Occupied"),
    ("E1", "E", "Faulted", None, "Faulted"),
    ("F1", "F", "Faulted", None, "Faulted"),
    ("S1", "S", "Unavailable", None, "Unavailable"),
    ("R1", "R", "Faulted", None, "Faulted"),
]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("row", SECTION_3B, ids=[row[0] for row in SECTION_3B])
def test_section_3b_codes_without_a_state(row: tuple[str, ...], swapped: bool) -> None:
    controller, vehicle, state, charging, connector = row
    keys = ["chargeControllerStatus", "vehicleStatus"]
    if swapped:
        keys.reverse()
    told = Told()
    told.says(payloads.TRANSACTION, **dict(zip(keys, (controller, vehicle), strict=True)))
    shown = told.state
    assert (shown["chargeControllerStatus"], shown["vehicleStatus"]) == (controller, vehicle)
    assert (shown["state"], shown["connectorStatus"]) == (state, connector)
    assert shown["ocpp"]["chargingState"] == charging
    assert shown["iecSource"] == "secc"


@pytest.mark.parametrize("code", ["B1", "C1", "D1", "E1", "F1", "R1"])
def test_section_3b_after_energy_a_pause_is_the_evses(code: str) -> None:
    told = Told()
    told.says(payloads.TRANSACTION, chargeControllerStatus="C2", vehicleStatus="C")
    told.says(payloads.TRANSACTION, chargeControllerStatus=code, vehicleStatus=code[0])
    assert told.state["ocpp"]["chargingState"] == "SuspendedEVSE"


@pytest.mark.parametrize("row", SECTION_3B, ids=[row[0] for row in SECTION_3B])
@pytest.mark.parametrize("state", ["Idle", "Charging", "Finishing", "Reserved", "FAULTED"])
def test_section_3b_a_state_of_its_own_beats_every_code(row: tuple[str, ...], state: str) -> None:
    told = Told()
    told.says(
        payloads.TRANSACTION, state=state, chargeControllerStatus=row[0], vehicleStatus=row[1]
    )
    assert told.state["state"].casefold() == state.casefold()
    assert told.state["chargeControllerStatus"] == row[0]
