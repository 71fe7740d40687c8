"""Every document that the bridge publishes, key by key; events are in `event_payloads`.

They are TypedDicts: `mapping` builds plain dicts that mypy checks against them, pydantic makes the
JSON Schemas out of them, and at run time they cost nothing. Keys are camelCase with the unit in
the name; unknown is `null`, absent is not supported (mqtt-api.md, Documents).
"""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from bridge.domain.commands import ResultCode, ResultStatus
from bridge.domain.enums import (
    ChargePointStatus,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    Phase,
    Registration,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)

SCHEMA_VERSION: Final = 1
"""Schema major: `v1` in topics, `v` in documents."""

_TIME_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
_NAME_OF_SOURCE: Final = (
    "Who is in control: `OCPP Profile`, `API`, `Transaction`, `MQTT`, `ProximityPilot`, `Team` or "
    "`Unmanaged`; a charge controller's unknown word is passed on as it is."
)

Time = Annotated[str, Field(pattern=_TIME_PATTERN, description="RFC 3339, UTC, milliseconds.")]
StationTime = Annotated[
    str | None, Field(pattern=_TIME_PATTERN, description="The station's time; null = unknown.")
]
BridgeTime = Annotated[str, Field(pattern=_TIME_PATTERN, description="The bridge's time.")]
Moment = Annotated[
    str | None, Field(pattern=_TIME_PATTERN, description="null = has not happened.")
]
Version = Annotated[Literal[1], Field(description="Schema major.")]
RawStationId = Annotated[str, Field(description="The station's identity as it connects with.")]
EvseId = Annotated[int, Field(ge=0, description="OCPP EVSE id; 0 = the whole station.")]
SourceName = Annotated[str, Field(description=_NAME_OF_SOURCE)]
Amperes = Annotated[float | None, Field(description="A per phase.")]
Watts = Annotated[float | None, Field(description="W over all phases.")]
WattHours = Annotated[float | None, Field(description="Wh.")]
KilowattHours = Annotated[float | None, Field(description="kWh, to 1 Wh.")]
UsedPhases = Annotated[
    str | None,
    Field(
        pattern="^[01]{3}$",
        description='Phases L1 L2 L3 that carried current in this transaction; "000" before energy.',
    ),
]
AllocationState = Annotated[
    str,
    Field(
        description="Of the MQTT source: released, pending, active, standby, failsafe, "
        "suspended, recovering."
    ),
]
AllocationMode = Annotated[
    str, Field(description="`failsafe` while the failsafe value binds, else `normal`.")
]
UnixSeconds = Annotated[int, Field(ge=0, description="Unix time, s; 0 = has not happened.")]

Presence = Annotated[Literal["online", "offline"], Field(description="Plain text, no JSON.")]
PerPhase = Annotated[
    list[float | None],
    Field(min_length=3, max_length=3, description="L1, L2, L3; null where not reported."),
]
PointStatus = Annotated[
    ChargePointStatus | None,
    Field(description="OCPP 1.6, ChargePointStatus as it was sent; null = another version."),
]
Warnings = Annotated[
    list[str],
    Field(
        description="What was mended, assumed or could not be read, `code` or "
        "`code:holder.property`: repairs.md lists the codes."
    ),
]
HomeAssistantDevice = Annotated[
    dict[str, Any],
    Field(description="Home Assistant's device discovery payload, its keys abbreviated."),
]
HomeAssistantEntity = Annotated[
    dict[str, Any],
    Field(description="Home Assistant's discovery payload of one component, likewise."),
]
RawFrame = Annotated[list[Any], Field(description="An OCPP-J frame.")]


class Head(TypedDict):
    """Head of every document of a station."""

    v: Version
    ts: StationTime
    receivedAt: BridgeTime
    cs: RawStationId
    evse: EvseId


class BrokerInfo(TypedDict):
    """What the broker told about itself when the bridge connected."""

    protocol: Annotated[Literal["5", "3.1.1"], Field(description="MQTT version in use.")]
    maximumQos: Annotated[int, Field(ge=0, le=2, description="Highest QoS that it takes.")]
    receiveMaximum: Annotated[
        int | None, Field(description="QoS 1 messages it takes at once; null = not told.")
    ]
    maximumPacketSize: Annotated[int | None, Field(description="Bytes; null = not told.")]
    retainAvailable: Annotated[bool, Field(description="It keeps retained messages.")]
    wildcardSubscriptions: Annotated[bool, Field(description="It takes filters with + and #.")]
    degraded: Annotated[
        list[str], Field(description="What works less well with this broker, a sentence each.")
    ]


class BridgeInfo(TypedDict):
    """The bridge itself."""

    v: Version
    ts: BridgeTime
    bridge: Annotated[str, Field(description="Id of this bridge.")]
    version: Annotated[str, Field(description="Version of ocpp-mqtt-bridge.")]
    schemaVersion: Annotated[int, Field(description="Schema major of topics and documents.")]
    bootId: Annotated[str, Field(description="New with every start of the process.")]
    started: Annotated[Time, Field(description="When the process started.")]
    stations: Annotated[int, Field(ge=0, description="How many stations it knows.")]
    broker: BrokerInfo


class Boot(TypedDict):
    """BootNotification, as the station sent it (OCPP 2.x B01)."""

    vendorName: Annotated[str, Field(description="Manufacturer.")]
    model: Annotated[str, Field(description="Model.")]
    serialNumber: Annotated[str | None, Field(description="null = not sent.")]
    firmwareVersion: Annotated[str | None, Field(description="null = not sent.")]
    reason: Annotated[str, Field(description="BootReasonEnumType, e.g. PowerUp.")]
    warnings: Warnings


class EvseInfo(TypedDict):
    """An EVSE of a station."""

    evse: EvseId
    connectors: Annotated[list[int], Field(description="Ids of its connectors.")]
    phases: Annotated[int, Field(description="Phases that it is connected to, as configured.")]


class Capabilities(TypedDict):
    """What the station has shown that it can do; null = not known yet."""

    readsProfiles: Annotated[bool | None, Field(description="It answers GetChargingProfiles.")]
    compositeSchedule: Annotated[
        bool | None, Field(description="It answers GetCompositeSchedule.")
    ]
    txProfile: Annotated[bool | None, Field(description="It takes a TxProfile while charging.")]
    startProfile: Annotated[
        bool | None, Field(description="It takes a remote start that brings a TxProfile.")
    ]
    stationMaxProfile: Annotated[
        bool | None, Field(description="It takes a limit for the whole station (`station_max_a`).")
    ]
    defaultGovernsRunning: Annotated[
        bool | None, Field(description="A TxDefaultProfile also limits the running transaction.")
    ]
    validTo: Annotated[bool | None, Field(description="It takes profiles that end by themselves.")]
    rateUnits: Annotated[
        list[str], Field(description="Units of limits that it says it takes, A and W.")
    ]
    maxStackLevel: Annotated[int | None, Field(description="Its ProfileStackLevel.")]
    phaseSwitching: Annotated[
        bool | None, Field(description="It says that it can switch between one and three phases.")
    ]


class ExternalLimitEntry(TypedDict):
    """A limit by somebody else that the station has told of (OCPP 2.x K12, K13)."""

    evse: EvseId
    limitSource: Annotated[str, Field(description="ChargingLimitSourceEnumType, e.g. EMS, CSO.")]
    gridCritical: Annotated[bool, Field(description="The grid needs it.")]
    known: Annotated[bool, Field(description="The station has also told how much.")]
    at: Annotated[Time, Field(description="When it told.")]


class StationInfo(Head):
    """Who a station is."""

    bridge: Annotated[str, Field(description="Id of the bridge that serves the station.")]
    registration: Annotated[
        Registration, Field(description="How the bridge answers its BootNotification.")
    ]
    ocppVersion: Annotated[str | None, Field(description="Negotiated, e.g. 2.0.1.")]
    boot: Annotated[Boot | None, Field(description="null = none has come yet.")]
    bootedAt: Annotated[Moment, Field(description="When its last BootNotification came.")]
    evses: Annotated[list[EvseInfo], Field(description="The EVSEs that it has told of so far.")]
    capabilities: Annotated[Capabilities, Field(description="What it has shown that it can do.")]
    quirks: Annotated[
        list[str],
        Field(description="What is done otherwise for this device, by the names in quirks.md."),
    ]
    externalProfiles: Annotated[
        int, Field(ge=0, description="Charging profiles in it that this bridge did not install.")
    ]
    externalLimits: Annotated[
        list[ExternalLimitEntry], Field(description="Limits by others that it has told of.")
    ]


class OcppState(TypedDict):
    """The OCPP terms behind a state."""

    version: Annotated[
        str | None,
        Field(description="Negotiated, e.g. 2.0.1; null for a charge controller without OCPP."),
    ]
    chargingState: Annotated[
        ChargingState | None, Field(description="As the station sent it last.")
    ]
    operationMode: Annotated[
        str | None, Field(description="OCPP 2.1, OperationModeEnumType; null = not told.")
    ]
    status: PointStatus
    errorCode: Annotated[str | None, Field(description="OCPP 1.6; null = NoError.")]


class StateDocument(Head):
    """What an EVSE does now (mapping.md, 1 to 3)."""

    stale: Annotated[bool, Field(description="The station is offline: the last that was known.")]
    state: Annotated[SeccState, Field(description="What the EVSE does.")]
    phase: Annotated[Phase, Field(description="The finer state.")]
    vehicleStatus: Annotated[VehicleStatus, Field(description="IEC 61851-1, the vehicle.")]
    chargeControllerStatus: Annotated[
        ControllerStatus | None, Field(description="IEC 61851-1, the charge controller.")
    ]
    iecSource: Annotated[
        Literal["derived", "secc"],
        Field(description="Derived from OCPP, or measured by the charge controller."),
    ]
    connectorStatus: Annotated[
        ConnectorStatus | None, Field(description="As the station sent it last.")
    ]
    ocpp: Annotated[OcppState, Field(description="The OCPP terms behind it.")]
    plugged: Annotated[bool | None, Field(description="A vehicle is connected.")]
    charging: Annotated[bool, Field(description="Energy flows.")]
    allocationSourceName: SourceName
    offeredA: Amperes
    usedPhasesSession: UsedPhases
    transactionId: Annotated[str | None, Field(description="Of the running transaction.")]


@with_config(ConfigDict(extra="forbid"))
class SeccDocument(TypedDict):
    """Exactly the object of seed 000, with its keys and types, and no head.

    The last transaction stays visible after it ended. What no transaction has told yet is null.
    """

    state: Annotated[SeccState, Field(description="State of the EVSE.")]
    startedTime: UnixSeconds
    endedTime: UnixSeconds
    meterStart: KilowattHours
    meterStop: Annotated[KilowattHours, Field(description="kWh; = meterStart while running.")]
    vehicleStatus: Annotated[VehicleStatus, Field(description="IEC 61851-1, the vehicle.")]
    chargeControllerStatus: Annotated[
        ControllerStatus | None, Field(description="IEC 61851-1, the charge controller.")
    ]
    usedPhasesSession: UsedPhases
    startReason: Annotated[
        TriggerReason | None, Field(description="Of the first event of the transaction.")
    ]
    stopReason: Annotated[StoppedReason | None, Field(description="null while it runs.")]
    allocationSourceName: SourceName
    onePhaseLimitActive: Annotated[bool, Field(description="Held to one phase.")]
    phaseLimitSourceName: Annotated[str, Field(description="Who holds it to one phase.")]
    phaseRotationActive: Annotated[bool, Field(description="The phases are rotated.")]
    phaseRotationSourceName: Annotated[str, Field(description="Who rotates them.")]


class HashedToken(TypedDict):
    """An idToken whose value stays secret."""

    type: Annotated[str, Field(description="IdTokenEnumType, e.g. ISO14443.")]
    hash: Annotated[str, Field(description="Keyed hash: the same token, the same hash.")]


class PlainToken(TypedDict):
    """An idToken in clear, where the configuration says so."""

    type: Annotated[str, Field(description="IdTokenEnumType, e.g. ISO14443.")]
    value: Annotated[str, Field(description="The token itself.")]


PublishedToken = HashedToken | PlainToken


class TransactionDocument(Head):
    """The running or the last transaction of an EVSE."""

    connector: Annotated[int | None, Field(description="OCPP connector id; null = not told.")]
    transactionId: Annotated[str, Field(description="As the station names it.")]
    transactionUuid: Annotated[str, Field(description="Unique over all stations.")]
    active: Annotated[bool, Field(description="It still runs.")]
    chargingState: Annotated[
        ChargingState | None, Field(description="As the station sent it last.")
    ]
    startReason: Annotated[
        TriggerReason | None, Field(description="triggerReason of its first event.")
    ]
    stoppedReason: Annotated[StoppedReason | None, Field(description="null while it runs.")]
    startedAt: Time
    chargingStartedAt: Moment
    endedAt: Moment
    startedSeen: Annotated[bool, Field(description="Its Started event has arrived.")]
    complete: Annotated[bool, Field(description="False: closed without an Ended event.")]
    endedBy: Annotated[
        Literal["expires", "energyWh"] | None,
        Field(
            description="Its own limit that has ended it, by the bridge or (OCPP 2.1) the station "
            "itself: `until` (the `expires` of seed 001) or `energyWh`; null = neither."
        ),
    ]
    resumed: Annotated[
        bool, Field(description="OCPP 2.1: it went on after a restart of the station.")
    ]
    timeSpentChargingSeconds: Annotated[int | None, Field(description="s, as the station counts.")]
    remoteStartId: Annotated[int | None, Field(description="Of the `start` that began it.")]
    invoiceId: Annotated[str | None, Field(description="As given with that `start`.")]
    idToken: Annotated[PublishedToken | None, Field(description="Who charges, hashed.")]
    firstSeqNo: Annotated[int, Field(description="Sequence number of the first event that came.")]
    lastSeqNo: Annotated[int, Field(description="And of the last one.")]
    missingSeqNos: Annotated[
        list[tuple[int, int]], Field(description="Inclusive ranges that have not arrived.")
    ]
    meterStartWh: WattHours
    meterStartApproximate: Annotated[
        bool, Field(description="No reading of context Transaction.Begin: the first one serves.")
    ]
    meterLastWh: WattHours
    energyWh: Annotated[float, Field(description="Wh in this transaction so far.")]
    meterReset: Annotated[bool, Field(description="The register went backwards.")]
    usedPhasesSession: UsedPhases
    until: Annotated[Moment, Field(description="When it is ended; null = no such limit.")]
    maxA: Annotated[float | None, Field(description="Its own limit, A per phase; null = none.")]
    energyLimitWh: Annotated[
        float | None, Field(description="Wh after which it is ended; null = no such limit.")
    ]
    socStartPercent: Annotated[float | None, Field(description="%, state of charge at the start.")]
    socLastPercent: Annotated[float | None, Field(description="%, the latest reading.")]
    offline: Annotated[bool, Field(description="A part happened while the station was offline.")]


class RequestedLimit(TypedDict):
    """What controllers ask for, resolved, whether it binds or not."""

    limitA: Annotated[
        float | None, Field(description="A per phase, out of all MQTT claims; null = none.")
    ]
    limitW: Annotated[
        float | None, Field(description="W over all phases, where that claim is in watts.")
    ]
    phases: Annotated[
        int | None, Field(description="Phases to charge on, 1 or 3; null = no claim.")
    ]


class AcceptedLimit(TypedDict):
    """What the station has accepted."""

    at: Annotated[Time, Field(description="When it was written.")]
    via: Annotated[str, Field(description="ChargingProfilePurposeEnumType.")]
    profileId: Annotated[int, Field(description="Id of our charging profile at the station.")]
    limitA: Annotated[float, Field(description="A per phase.")]
    validTo: Annotated[Moment, Field(description="When it ends at the station; null = it stays.")]
    phases: Annotated[int | None, Field(description="numberPhases; null = not told.")]


class ObservedCurrent(TypedDict):
    """What the vehicle draws against the offer, as far as that is news.

    Brought up to date where `ok` changes or the current by 0.5 A; `meter` has every reading.
    """

    currentA: Annotated[float, Field(description="A, the highest of the phases.")]
    ok: Annotated[
        bool, Field(description="The limit is kept; false after 30 s (configurable) above it.")
    ]


class LimitEntry(TypedDict):
    """One valid limit that the arbiter looked at."""

    source: SourceName
    limitA: Annotated[float, Field(description="A per phase.")]
    controller: Annotated[str | None, Field(description="Whose claim; null for constraints.")]
    priority: Annotated[int | None, Field(description="Of the claim.")]
    expiresAt: Annotated[str | None, Field(pattern=_TIME_PATTERN, description="null = holds on.")]
    binding: Annotated[bool, Field(description="It is the one that counts.")]
    detail: Annotated[
        dict[str, Any] | None,
        Field(
            description="Where it comes from, e.g. `limitSource`, `team`; null = no more to say."
        ),
    ]


class PendingLimit(TypedDict):
    """What is on its way to the station."""

    limitA: Annotated[float | None, Field(description="A per phase; null = a profile is cleared.")]
    via: Annotated[str | None, Field(description="null = not sent yet.")]
    phases: Annotated[
        int | None, Field(description="To which number of phases it switches; null = as it is.")
    ]
    phasesAt: Annotated[
        Moment, Field(description="Not before then, where the switch has to wait; else null.")
    ]


class ReportedControl(TypedDict):
    """Who a charge controller says controls it."""

    allocationSourceName: Annotated[
        str | None, Field(description="In its own words; null = it does not say.")
    ]
    byUs: Annotated[bool, Field(description="It means what this bridge has written.")]
    offeredA: Annotated[
        float | None, Field(description="What all limits together leave, A per phase.")
    ]


class AllocationDocument(Head):
    """Who controls an EVSE and with which limit (allocation.md)."""

    allocationSourceName: SourceName
    computed: Annotated[
        str,
        Field(description="allocationSourceName as this bridge's arbiter has decided."),
    ]
    reported: Annotated[
        ReportedControl | None,
        Field(
            description="A charge controller's own word, which then is `allocationSourceName`;"
            " null for a station of OCPP."
        ),
    ]
    state: AllocationState
    mode: AllocationMode
    offeredA: Annotated[float, Field(description="A per phase.")]
    offeredW: Annotated[
        float,
        Field(description="W over all phases, by the voltage that watts are converted with."),
    ]
    phases: Annotated[
        int, Field(description="In use while charging, else those that it is held to or has.")
    ]
    onePhaseLimitActive: Annotated[bool, Field(description="Held to one phase.")]
    phaseLimitSourceName: Annotated[str | None, Field(description="Who holds it to one phase.")]
    phaseRotationActive: Annotated[bool, Field(description="The phases are rotated.")]
    phaseRotationSourceName: Annotated[str | None, Field(description="Who rotates them.")]
    requested: Annotated[
        RequestedLimit | None,
        Field(description="What controllers ask for, resolved; null = nothing."),
    ]
    accepted: Annotated[
        AcceptedLimit | None,
        Field(description="What the station has accepted; null = no profile of ours is in force."),
    ]
    observed: Annotated[
        ObservedCurrent | None, Field(description="What the vehicle draws; null = not measured.")
    ]
    limits: Annotated[
        list[LimitEntry], Field(description="All valid limits, the binding one first.")
    ]
    since: Annotated[Time, Field(description="Since when it is so.")]
    pending: Annotated[
        PendingLimit | None,
        Field(description="What is on its way to the station; null = nothing."),
    ]


class MeterDocument(Head):
    """Latest readings of an EVSE; `ts` is the time of the measurement."""

    energyWh: Annotated[WattHours, Field(description="Wh, register of imported active energy.")]
    powerW: Watts
    currentA: PerPhase
    voltageV: PerPhase
    frequencyHz: Annotated[float | None, Field(description="Hz.")]
    socPercent: Annotated[float | None, Field(description="%, state of charge.")]
    offeredA: Annotated[float | None, Field(description="Current.Offered by the station, A.")]
    offeredW: Annotated[float | None, Field(description="Power.Offered by the station, W.")]
    transactionId: Annotated[str | None, Field(description="Of the running transaction.")]
    transactionEnergyWh: Annotated[WattHours, Field(description="Wh in the running transaction.")]
    warnings: Warnings


class ResultError(TypedDict):
    """Why a command was not done."""

    code: Annotated[ResultCode, Field(description="The same as that of the result.")]
    message: Annotated[str, Field(description="A sentence for people.")]
    retryable: Annotated[bool, Field(description="The same command may succeed later.")]
    details: Annotated[
        dict[str, Any],
        Field(description="Facts, by code; `pointer` is a JSON Pointer into the body."),
    ]


class ResultDocument(TypedDict):
    """Answer to a command."""

    v: Version
    id: Annotated[str, Field(description="The command's id, or the one that it was given.")]
    cmd: Annotated[str, Field(description="The command's name.")]
    status: Annotated[ResultStatus, Field(description="How far it is.")]
    code: Annotated[ResultCode, Field(description="What became of it, see below.")]
    ts: BridgeTime
    cs: RawStationId
    evse: EvseId
    final: Annotated[bool, Field(description="The last answer to this command.")]
    data: Annotated[
        dict[str, Any] | None,
        Field(description="What was found or done, by command; null = nothing to tell."),
    ]
    error: Annotated[ResultError | None, Field(description="null unless it was not done.")]
