"""Commands to the station itself: availability, cables, restarts, its variables, raw calls."""

from typing import Annotated, Any, ClassVar, Final, Literal, Self

import orjson
from pydantic import Field, field_validator, model_validator

from bridge.api.commands.base import MAX_NUMBER, Body, Command, OnceCommand
from bridge.domain import commands as domain
from bridge.domain.calls import ResetType, VariableName

MAX_VARIABLES: Final = 50
"""In one command; a station may take fewer in one request (ItemsPerMessage) and says so."""

Connector = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
Name = Annotated[str, Field(min_length=1, max_length=50)]


class Availability(Command):
    """Make a station or an EVSE operative or not (ChangeAvailability)."""

    description: ClassVar[str] = (
        "Make the EVSE (EVSE 0: the whole station) ready for use or not; during a transaction "
        "the station does it afterwards (`Scheduled`)."
    )

    operative: Annotated[bool, Field(description="true: ready for use.")]

    def arguments(self) -> domain.SetAvailability:
        """Return what the station model understands."""
        return domain.SetAvailability(operative=self.operative)


class Unlock(OnceCommand):
    """Unlock a cable (UnlockConnector)."""

    description: ClassVar[str] = "Unlock the cable."

    connector: Annotated[
        Connector | None,
        Field(description="Which connector of the EVSE; absent: the one in use, else the first."),
    ] = None

    def arguments(self) -> domain.Unlock:
        """Return what the station model understands."""
        return domain.Unlock(connector_id=self.connector)


class Reset(OnceCommand):
    """Restart a station or an EVSE (Reset)."""

    description: ClassVar[str] = (
        "Restart the EVSE (EVSE 0: the whole station), ending transactions (`Immediate`), "
        "waiting for their end (`OnIdle`) or, in OCPP 2.1, going on with them afterwards "
        "(`ImmediateAndResume`)."
    )

    type: Annotated[
        Literal["Immediate", "ImmediateAndResume", "OnIdle"],
        Field(description="ResetEnumType of OCPP 2.1."),
    ]

    def arguments(self) -> domain.ResetStation:
        """Return what the station model understands."""
        return domain.ResetStation(type=ResetType(self.type))


class Trigger(OnceCommand):
    """Ask for a message (TriggerMessage)."""

    description: ClassVar[str] = "Have the station send a message now."

    message: Annotated[
        Literal[
            "BootNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "LogStatusNotification",
            "MeterValues",
            "PublishFirmwareStatusNotification",
            "SignChargingStationCertificate",
            "SignCombinedCertificate",
            "SignV2GCertificate",
            "StatusNotification",
            "TransactionEvent",
        ],
        Field(description="MessageTriggerEnumType of OCPP 2.0.1."),
    ]
    connector: Annotated[
        Connector | None, Field(description="Which connector of the EVSE; absent: not named.")
    ] = None

    def arguments(self) -> domain.Trigger:
        """Return what the station model understands."""
        return domain.Trigger(message=self.message, connector_id=self.connector)


class Variable(Body):
    """Which variable of which component of the device model (OCPP 2.x, part 2 appendices)."""

    component: Annotated[Name, Field(description="Component, e.g. `SmartChargingCtrlr`.")]
    variable: Annotated[Name, Field(description="Variable of it, e.g. `RateUnit`.")]
    evse: Annotated[
        int | None,
        Field(ge=1, le=MAX_NUMBER, description="The component's EVSE, where it belongs to one."),
    ] = None
    connector: Annotated[
        Connector | None, Field(description="The component's connector; needs `evse`.")
    ] = None
    component_instance: Annotated[
        Name | None, Field(description="Which one, where the station has several.")
    ] = None
    variable_instance: Annotated[
        Name | None, Field(description="Which one, where the component has several.")
    ] = None
    attribute: Annotated[
        Literal["Actual", "Target", "MinSet", "MaxSet"],
        Field(description="AttributeEnumType of OCPP 2.0.1."),
    ] = "Actual"

    @model_validator(mode="after")
    def _connector_of_an_evse(self) -> Self:
        if self.connector is not None and self.evse is None:
            raise ValueError("a connector belongs to an EVSE: give evse too")
        return self

    def name(self) -> VariableName:
        """Return what the station model understands."""
        return VariableName(
            component=self.component,
            variable=self.variable,
            evse_id=self.evse,
            connector_id=self.connector,
            component_instance=self.component_instance,
            variable_instance=self.variable_instance,
            attribute=self.attribute,
        )


class ValuedVariable(Variable):
    """A variable and what it is to be set to."""

    value: Annotated[
        str,
        Field(max_length=1000, description="New value, always a text, e.g. `true` or `16`."),
    ]


class ReadVariables(Command):
    """Read variables (GetVariables)."""

    description: ClassVar[str] = (
        "Read variables of the station. It is `done` where the station answers; each variable "
        "has a status of its own."
    )

    variables: Annotated[
        list[Variable],
        Field(min_length=1, max_length=MAX_VARIABLES, description="Which ones."),
    ]

    def arguments(self) -> domain.ReadVariables:
        """Return what the station model understands."""
        return domain.ReadVariables(names=tuple(each.name() for each in self.variables))


class WriteVariables(Command):
    """Write variables (SetVariables)."""

    description: ClassVar[str] = (
        "Write variables of the station; each has a status of its own in the result. OCPP 1.6 "
        "writes them one after the other."
    )

    variables: Annotated[
        list[ValuedVariable],
        Field(min_length=1, max_length=MAX_VARIABLES, description="Which ones, and their values."),
    ]

    def arguments(self) -> domain.WriteVariables:
        """Return what the station model understands."""
        return domain.WriteVariables(
            values=tuple((each.name(), each.value) for each in self.variables)
        )


class Call(OnceCommand):
    """Send any OCPP request."""

    description: ClassVar[str] = (
        "Send an OCPP request of the station's version as it is; off unless "
        "`commands.allow_call`. It is held to the schema of OCPP. Charging profiles are set and "
        "cleared this way only below the bridge's own: with a stackLevel between, never above the "
        "installation maximum, at a station that tells its profiles; else use `limit`."
    )

    action: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9]{1,50}$", description="The action, e.g. `ClearCache`.")
    ]
    payload: Annotated[
        dict[str, Any],
        Field(description="Its payload, as the OCPP version of the station has it."),
    ]

    @field_validator("payload")
    @classmethod
    def _can_be_sent(cls, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            orjson.dumps(payload)
        except orjson.JSONEncodeError as error:
            raise ValueError(f"cannot be sent: {error}") from None
        return payload

    def arguments(self) -> domain.CallStation:
        """Return what the station model understands."""
        return domain.CallStation(action=self.action, payload=self.payload)
