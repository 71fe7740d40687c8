"""Commands about transactions: begin, end, move the end, ask."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from bridge.api.commands.base import (
    MAX_ENERGY_WH,
    MAX_LIMIT_A,
    MAX_NUMBER,
    Body,
    Command,
    Identifier,
    Time,
)
from bridge.domain import commands as domain
from bridge.domain.events import IdToken
from bridge.domain.queries import TransactionMoment, TransactionQuery

MAX_PAGE: Final = 100
MAX_OFFSET: Final = 1_000_000_000


class Token(Body):
    """IdTokenType of OCPP 2.x."""

    value: Annotated[Identifier, Field(description="At most 36 characters (OCPP 2.0.1).")]
    type: Annotated[
        Literal[
            "Central",
            "eMAID",
            "ISO14443",
            "ISO15693",
            "KeyCode",
            "Local",
            "MacAddress",
            "NoAuthorization",
        ],
        Field(description="IdTokenEnumType of OCPP 2.0.1."),
    ] = "Central"


class Start(Command):
    """Begin a transaction (RequestStartTransaction)."""

    description: ClassVar[str] = "Begin a transaction."
    default_account: ClassVar[str] = "MQTT"

    id_token: Annotated[
        Token | None,
        Field(
            description="On whose account; absent: a Central token, named after the way that the "
            "command came: `MQTT` or `API`."
        ),
    ] = None
    invoice_id: Annotated[
        Identifier | None, Field(description="Carried along to the transaction document.")
    ] = None
    connector: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_NUMBER,
            description="Which connector of the EVSE. OCPP 2.x has no word for it and starts on "
            "the EVSE.",
        ),
    ] = None
    until: Annotated[
        Time | None, Field(description="When the transaction is to end; `extend` moves it.")
    ] = None
    max_a: Annotated[
        float | None,
        Field(gt=0, le=MAX_LIMIT_A, description="Limit of this transaction, A per phase."),
    ] = None
    energy_wh: Annotated[
        float | None,
        Field(
            gt=0,
            le=MAX_ENERGY_WH,
            description="Energy after which it is to end, Wh. A station of OCPP 2.1 is told.",
        ),
    ] = None

    def arguments(self) -> domain.Start:
        """Return what the station model understands."""
        token = self.id_token or Token(value=self.default_account)
        return domain.Start(
            id_token=IdToken(value=token.value, type=token.type),
            invoice_id=self.invoice_id,
            connector_id=self.connector,
            until=self.until,
            max_a=self.max_a,
            energy_wh=self.energy_wh,
        )


class ApiStart(Start):
    """Begin a transaction, by HTTP."""

    default_account: ClassVar[str] = "API"


class Stop(Command):
    """End a transaction (RequestStopTransaction)."""

    description: ClassVar[str] = "End the named transaction, else the current one."

    transaction_id: Annotated[Identifier | None, Field(description="As the station names it.")] = (
        None
    )
    transaction_uuid: Annotated[
        Identifier | None, Field(description="As the bridge names it.")
    ] = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if self.transaction_id is not None and self.transaction_uuid is not None:
            raise ValueError("give transactionId or transactionUuid, not both")
        return self

    def arguments(self) -> domain.Stop:
        """Return what the station model understands."""
        return domain.Stop(
            transaction_id=self.transaction_id, transaction_uuid=self.transaction_uuid
        )


class Extend(Command):
    """Move the end of the running transaction."""

    description: ClassVar[str] = "Move the moment at which the running transaction is to end."

    until: Annotated[Time | None, Field(description="When it is to end; null: at no given time.")]

    def arguments(self) -> domain.Extend:
        """Return what the station model understands."""
        return domain.Extend(until=self.until)


class Transactions(Command):
    """Read the record of transactions."""

    description: ClassVar[str] = (
        "Transactions of this EVSE, or with EVSE 0 of the station, out of the record that the "
        "bridge keeps: a page of at most `limit` from `offset` on."
    )

    from_: Annotated[
        Time | None, Field(alias="from", description="The moment is not before this.")
    ] = None
    to: Annotated[Time | None, Field(description="The moment is before this.")] = None
    filter_by: Annotated[
        Literal["StartAt", "EndAt", "InsertedAt"],
        Field(description="Which moment. By InsertedAt, none is missed that came in late."),
    ] = "StartAt"
    order_by: Annotated[
        Literal["StartAt", "EndAt", "InsertedAt", "TransactionID"],
        Field(description="By what they are sorted."),
    ] = "StartAt"
    order: Annotated[Literal["asc", "desc"], Field(description="desc: the newest first.")] = "desc"
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET, description="How many to pass over.")] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many to tell.")] = 20

    def arguments(self) -> domain.ListTransactions:
        """Return what the station model understands."""
        return domain.ListTransactions(
            query=TransactionQuery(
                since=self.from_,
                before=self.to,
                filter_by=TransactionMoment(self.filter_by),
                order_by=self.order_by,
                descending=self.order == "desc",
                offset=self.offset,
                limit=self.limit,
            )
        )


class TransactionStatus(Command):
    """Ask the station about a transaction (GetTransactionStatus)."""

    description: ClassVar[str] = (
        "Ask the station whether a transaction runs, and whether it has messages left to send."
    )

    transaction_id: Annotated[
        Identifier | None,
        Field(description="As the station names it; absent: the EVSE's current one."),
    ] = None

    def arguments(self) -> domain.AskTransactionStatus:
        """Return what the station model understands."""
        return domain.AskTransactionStatus(transaction_id=self.transaction_id)
