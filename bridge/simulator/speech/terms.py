"""What a station says, apart from how a version of OCPP words it.

The model tells what happens in its own terms; a `Speech` turns it into CALLs of one version
and reads what matters in their answers. One implementation per version: beside this module.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from bridge.simulator.evse import Evse
from bridge.simulator.metering import MeterValue
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.outbox import Outgoing
from bridge.simulator.transaction import TransactionEvent
from bridge.simulator.wire import JsonObject


class Saying(NamedTuple):
    """One CALL to make: an action and its payload."""

    action: str
    payload: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorReport:
    """The status of one connector, or with number 0 of the station itself (1.6)."""

    number: int
    """Of the connector in 1.6, of the EVSE in 2.x; each EVSE has one connector."""
    status: str
    """As the version names it."""
    at: datetime
    serial: int
    """How many the station made before."""
    fault: str | None = None
    """A ChargePointErrorCode of OCPP 1.6; None: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an answer about a transaction says to the station."""

    token: str = "Accepted"  # noqa: S105  a status
    """AuthorizationStatusEnumType; an answer that says nothing accepts."""
    number: int | None = None
    """The transactionId that an OCPP 1.6 central system gave."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """transactionLimit of OCPP 2.1: maxEnergy in Wh, maxTime in s, maxSoC in percent."""


class Speech(Protocol):
    """How one version of OCPP says it."""

    defaults: Mapping[tuple[str, str], str]
    """Values of (component, variable) where this version has others than the table."""
    replaces_profiles: bool
    """Whether a profile takes the place of another one of its purpose and stackLevel."""
    takes_dynamic_profiles: bool
    """Whether a profile may be Dynamic."""
    abilities: tuple[tuple[str, str, str], ...]
    """(component, variable, value) of what only this version's device model has."""
    tells_limits: bool
    """Whether it has words for the limits of somebody else."""

    def boot(self, station_id: str, reason: str, options: SimulatorOptions) -> Saying:
        """Say that the station has started; `reason` is a BootReasonEnumType."""

    def authorize(self, id_token: JsonObject) -> Saying:
        """Ask for the verdict on a token."""

    def statuses(self, evses: Iterable[Evse], options: SimulatorOptions) -> dict[int, str]:
        """Return the status of every connector by its number, in the order of telling."""

    def status(self, report: ConnectorReport, options: SimulatorOptions) -> Saying:
        """Tell the status of a connector."""

    def transaction(self, event: TransactionEvent, options: SimulatorOptions) -> list[Saying]:
        """Tell what happened in a transaction; an event may have no words in a version."""

    def meter_values(self, evse: Evse, values: tuple[MeterValue, ...]) -> Saying:
        """Tell meter values that were asked for, in or out of a transaction."""

    def finished(self, outgoing: Outgoing, options: SimulatorOptions) -> JsonObject:
        """Return the payload as it leaves now, with what was not known when it was queued."""

    def token_status(self, answer: JsonObject) -> str:
        """Read the answer to an Authorize."""

    def verdict(self, answer: JsonObject) -> Verdict:
        """Read the answer to what told of a transaction."""
