"""Every event that the bridge publishes, key by key, in the manner of `payloads`."""

# ruff: noqa: N815  # keys of JSON: it does not see across modules that these are TypedDicts

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bridge.api.payloads import (
    AllocationMode,
    AllocationState,
    BridgeTime,
    Head,
    Moment,
    PointStatus,
    PublishedToken,
    SourceName,
    Time,
    Warnings,
    WattHours,
    Watts,
)
from bridge.domain.control import ChangeReason
from bridge.domain.enums import (
    AuthorizationStatus,
    ChargingState,
    ConnectorStatus,
    EventType,
    SecurityCode,
    StoppedReason,
    TriggerReason,
)


class SampledValueEntry(TypedDict):
    """A reading in its base unit (W, Wh, A, V, Hz, %), with the station's own labels."""

    measurand: Annotated[str, Field(description="MeasurandEnumType, e.g. Power.Active.Import.")]
    value: Annotated[float, Field(description="In the unit beside.")]
    unit: Annotated[str | None, Field(description="Base unit: W, Wh, A, V, Hz, Percent ...")]
    phase: Annotated[str | None, Field(description="PhaseEnumType; null = all or not told.")]
    context: Annotated[str, Field(description="ReadingContextEnumType.")]
    location: Annotated[str, Field(description="LocationEnumType.")]
    signed: Annotated[
        dict[str, Any] | None, Field(description="signedMeterValue, byte-exact (OCPP 2.x J).")
    ]


class MeterValueEntry(TypedDict):
    """Readings of one moment."""

    timestamp: Annotated[Time, Field(description="When it was measured.")]
    sampledValue: Annotated[list[SampledValueEntry], Field(description="The readings.")]


class EventTransaction(TypedDict):
    """The transaction after the event."""

    transactionUuid: Annotated[str, Field(description="Unique over all stations.")]
    transactionId: Annotated[str, Field(description="As the station names it.")]
    chargingState: Annotated[ChargingState | None, Field(description="null = not known then.")]
    stoppedReason: Annotated[StoppedReason | None, Field(description="null before the end.")]
    timeSpentChargingSeconds: Annotated[int | None, Field(description="s, as the station counts.")]
    remoteStartId: Annotated[int | None, Field(description="Of the `start` that began it.")]
    resumed: Annotated[
        bool, Field(description="OCPP 2.1: it went on after a restart of the station.")
    ]


class EventMeter(TypedDict):
    """The two readings that everyone wants."""

    energyWh: WattHours
    powerW: Watts


class EventTransactionLimit(TypedDict):
    """Limits that the station keeps to by itself (OCPP 2.1, TransactionLimitType)."""

    maxCost: Annotated[float | None, Field(description="In the currency of the tariff.")]
    maxEnergyWh: WattHours
    maxTimeSeconds: Annotated[int | None, Field(description="s.")]
    maxSocPercent: Annotated[int | None, Field(description="%, state of charge.")]


class EventOcpp(TypedDict):
    """What OCPP 2.1 tells beside; null = not told by this event."""

    operationMode: Annotated[str | None, Field(description="OperationModeEnumType.")]
    preconditioningStatus: Annotated[
        str | None, Field(description="PreconditioningStatusEnumType, of the EV's battery.")
    ]
    evseSleep: Annotated[bool | None, Field(description="The electronics of the EVSE sleep.")]
    tariffId: Annotated[str | None, Field(description="By which tariff it is paid.")]
    transactionLimit: Annotated[
        EventTransactionLimit | None, Field(description="Limits in force at the station.")
    ]
    costDetails: Annotated[
        dict[str, Any] | None, Field(description="CostDetailsType, as the station sent it.")
    ]


class StatusOcpp(TypedDict):
    """The OCPP term behind a status."""

    status: PointStatus


class EventHead(Head):
    """Head of every event."""

    id: Annotated[
        str, Field(description="The same where it is delivered again: drop duplicates by it.")
    ]
    insertedAt: Annotated[BridgeTime, Field(description="When it was stored.")]
    connector: Annotated[int | None, Field(description="OCPP connector id; null = not told.")]


class TransactionEventDocument(EventHead):
    """A TransactionEvent (OCPP 2.x E), or its equal of OCPP 1.6."""

    type: Annotated[
        Literal["transaction.started", "transaction.updated", "transaction.ended"],
        Field(description="What it is."),
    ]
    eventType: Annotated[EventType, Field(description="TransactionEventEnumType.")]
    triggerReason: Annotated[TriggerReason, Field(description="Why it was sent.")]
    seqNo: Annotated[int, Field(description="The station's own count, as it sent it.")]
    offline: Annotated[bool, Field(description="It happened while the station was offline.")]
    transaction: Annotated[EventTransaction, Field(description="The transaction after the event.")]
    idToken: Annotated[
        PublishedToken | None, Field(description="Where the event carried one; hashed.")
    ]
    meter: Annotated[EventMeter, Field(description="The two readings that everyone wants.")]
    meterValue: Annotated[
        list[MeterValueEntry], Field(description="All readings of the event, in base units.")
    ]
    ocpp: Annotated[
        EventOcpp | None, Field(description="What OCPP 2.1 tells beside; null = nothing.")
    ]
    allocationSourceName: SourceName
    gap: Annotated[bool, Field(description="Sequence numbers before this one are missing.")]
    duplicate: Annotated[bool, Field(description="Always false: a resend is not published again.")]
    late: Annotated[bool, Field(description="History: it did not move the live state.")]
    warnings: Warnings


class StatusEventDocument(EventHead):
    """A connector changed its status (OCPP 2.x G01)."""

    type: Annotated[Literal["status"], Field(description="What it is.")]
    connectorStatus: Annotated[ConnectorStatus, Field(description="The new status.")]
    previousStatus: Annotated[
        ConnectorStatus | None, Field(description="null = the first that came.")
    ]
    ocpp: Annotated[StatusOcpp, Field(description="The OCPP term behind it.")]
    errorCode: Annotated[str | None, Field(description="OCPP 1.6; null = NoError.")]
    warnings: Warnings


_Names = TypedDict(
    "_Names",
    {
        "from": Annotated[
            SourceName | None, Field(description="Who was in control; null = nobody yet.")
        ],
        "to": SourceName,
    },
)


class AllocationEventDocument(EventHead, _Names):
    """Control of an EVSE or its offered current has changed (allocation.md)."""

    type: Annotated[Literal["allocation"], Field(description="What it is.")]
    previousOfferedA: Annotated[
        float | None, Field(description="A per phase, before; null = nothing was offered yet.")
    ]
    offeredA: Annotated[float, Field(description="A per phase, from now on.")]
    state: AllocationState
    mode: AllocationMode
    onePhaseLimitActive: Annotated[bool, Field(description="Held to one phase.")]
    phaseLimitSourceName: Annotated[str | None, Field(description="Who holds it to one phase.")]
    reason: Annotated[ChangeReason, Field(description="What led to it.")]
    controller: Annotated[
        str | None, Field(description="Whose command, or whose claim ran out; null = nobody's.")
    ]
    commandId: Annotated[str | None, Field(description="`id` of that command.")]


class SecurityEventDocument(EventHead):
    """Something concerns the identity or the security of a station; `evse` is 0."""

    type: Annotated[Literal["security"], Field(description="What it is.")]
    code: Annotated[
        SecurityCode,
        Field(
            description="`duplicate`: a newer connection took the place of one that was alive. "
            "`duplicate_refused`: two addresses fight, and the newer was refused. "
            "`failed_login`: wrong or missing credentials, or no TLS where there must be. "
            "`password_changed`: the station has logged in with the password that the bridge has "
            "given it. `station_event`: reported by the station (SecurityEventNotification)."
        ),
    ]
    message: Annotated[str, Field(description="A sentence for people.")]
    alarm: Annotated[bool, Field(description="Somebody should look at it now.")]
    details: Annotated[
        dict[str, Any],
        Field(
            description="By code: `remote` (address and port of the newer connection, or of who "
            "failed), `present` (of the other connection), `limited` (no more is tried from "
            "there for now), `wrong` (what it failed by: `credentials`, `certificate`, `tls`, or `no_password`: "
            "the bridge knows none), "
            "`leftOut` (of this code, not told since the last one); of a "
            "`station_event` its `type` and `techInfo`."
        ),
    ]


class FaultEventDocument(EventHead):
    """Something is wrong with an EVSE, as the station says or the bridge has observed."""

    type: Annotated[Literal["fault"], Field(description="What it is.")]
    code: Annotated[
        str,
        Field(
            description="By the station: `connector_faulted`, `connector_warning`, "
            "`abnormal_condition`. By the bridge: `limit_not_observed`, `phase_switch_failed`, `station_max_refused`."
        ),
    ]
    message: Annotated[str, Field(description="A sentence for people.")]
    details: Annotated[dict[str, Any], Field(description="Facts, by code.")]


class AuthorizeEventDocument(EventHead):
    """Controllers are asked about a token, or that is over (OCPP 2.x C01, 1.6 4.1)."""

    type: Annotated[
        Literal["authorize.asked", "authorize.decided"], Field(description="What it is.")
    ]
    request: Annotated[str, Field(description="To be named by the command `authorize`.")]
    idToken: Annotated[PublishedToken, Field(description="Whose; hashed.")]
    transactionIds: Annotated[
        list[str],
        Field(description="Transactions that run on it; empty where the station waits."),
    ]
    answerBy: Annotated[Moment, Field(description="An answer counts until then; null = decided.")]
    status: Annotated[
        AuthorizationStatus | None,
        Field(
            description="The verdict. While it is asked: what the station was told meanwhile; "
            "null = it waits."
        ),
    ]
    decidedBy: Annotated[
        Literal["controller", "default"] | None,
        Field(description="`default`: nobody has answered in time; null = not decided."),
    ]
    controller: Annotated[str | None, Field(description="Who has decided; null = nobody.")]
    commandId: Annotated[str | None, Field(description="`id` of that command.")]
