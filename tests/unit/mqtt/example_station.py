"""A station that charges, whose documents the tests look at."""

from datetime import UTC, datetime, timedelta

from bridge.domain.calls import ProfilePurpose
from bridge.domain.control import Allocation, InstalledProfile, Limit
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    Phase,
    Registration,
    SeccState,
    TriggerReason,
    VehicleStatus,
)
from bridge.domain.events import (
    BootNotification,
    IdToken,
)
from bridge.domain.ids import StationId
from bridge.domain.model import Connector, Evse, EvseView, Meter, Station, Transaction
from bridge.domain.settings import StationSettings
from bridge.mqtt.mapping import (
    Documents,
    MessagePresenter,
    TokenMask,
)
from bridge.mqtt.topics import Topics

AT = datetime(2026, 1, 10, 10, 0, 0, 123_000, tzinfo=UTC)
NOW = AT + timedelta(seconds=1)
STATION_ID = StationId("DE*ABC*E1")
TOKEN = IdToken(value="04E1F2", type="ISO14443")

DOCUMENTS = Documents("main", TokenMask(b"k" * 32), lambda _: StationSettings())
PRESENTER = MessagePresenter(Topics("ocpp", "main"), DOCUMENTS)

TRANSACTION = Transaction(
    id="tx-1",
    uuid="0b5c",
    started_at=AT,
    last_event_at=AT + timedelta(seconds=60),
    started_seen=True,
    connector_id=1,
    start_reason=TriggerReason.AUTHORIZED,
    charging_started_at=AT + timedelta(seconds=30),
    charging_state=ChargingState.CHARGING,
    id_token=TOKEN,
    meter_start_wh=302.999973,
    meter_last_wh=1302.5,
    energy_wh=999.5,
)
EVSE = Evse(
    id=1,
    connectors={1: Connector(status=ConnectorStatus.OCCUPIED, at=AT)},
    transaction=TRANSACTION,
    meter=Meter(at=AT, energy_wh=1302.5, power_w=6900.0, current_a=(9.8, 9.9, None)),
    view=EvseView(
        state=SeccState.CHARGING,
        phase=Phase.CHARGING,
        vehicle_status=VehicleStatus.CHARGE_REQUEST,
        controller_status=ControllerStatus.CHARGING,
        connector_status=ConnectorStatus.OCCUPIED,
        charging_state=ChargingState.CHARGING,
        plugged=True,
        charging=True,
        used_phases="111",
        transaction_id="tx-1",
    ),
    allocation=Allocation(
        source=AllocationSource.MQTT,
        offered_a=10.0,
        since=AT,
        state="active",
        limits=(
            Limit(
                source=AllocationSource.MQTT,
                limit_a=10.0,
                controller="pv",
                priority=100,
                expires_at=NOW,
                binding=True,
            ),
            Limit(source=AllocationSource.UNMANAGED, limit_a=32.0),
        ),
        accepted=InstalledProfile(
            profile_id=7, purpose=ProfilePurpose.TX, limit_a=10.0, at=AT, transaction_id="tx-1"
        ),
        requested_a=10.0,
    ),
)
STATION = Station(
    id=STATION_ID,
    registration=Registration.ACCEPTED,
    online=True,
    version="2.0.1",
    boot=BootNotification(vendor_name="V", model="M", reason="PowerUp", serial_number="1"),
    booted_at=AT,
    evses={1: EVSE},
)
