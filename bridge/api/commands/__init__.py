"""What may be written to `cmd/...` and `set/...`: strict models, and their domain arguments.

Inside a schema major documents only gain fields and readers ignore unknown ones; commands are the
other way round: an argument that is not known is refused, because it may have been meant.
"""

from collections.abc import Mapping
from typing import Final

from bridge.api.commands.access import Approve, Password
from bridge.api.commands.base import Command, DeferrableCommand, OnceCommand
from bridge.api.commands.claims import Limit, Pause, Phases, Release, Resume
from bridge.api.commands.documents import Get
from bridge.api.commands.looking import ReadComposite, ReadProfiles
from bridge.api.commands.scalars import SCALARS, Scalar
from bridge.api.commands.service import (
    Availability,
    Call,
    ReadVariables,
    Reset,
    Trigger,
    Unlock,
    WriteVariables,
)
from bridge.api.commands.teams import TEAM_MODELS
from bridge.api.commands.tokens import Authorize
from bridge.api.commands.transactions import (
    ApiStart,
    Extend,
    Start,
    Stop,
    Transactions,
    TransactionStatus,
)

__all__ = [
    "API_MODELS",
    "COMMAND_MODELS",
    "DEFAULT_MAX_AGE_SECONDS",
    "MAX_AGE_SECONDS",
    "MAX_AHEAD_SECONDS",
    "SCALARS",
    "TEAM_MODELS",
    "Command",
    "DeferrableCommand",
    "Limit",
    "OnceCommand",
    "Release",
    "Scalar",
]

COMMAND_MODELS: Final[Mapping[str, type[Command]]] = {
    "limit": Limit,
    "release": Release,
    "pause": Pause,
    "resume": Resume,
    "phases": Phases,
    "start": Start,
    "stop": Stop,
    "extend": Extend,
    "authorize": Authorize,
    "availability": Availability,
    "unlock": Unlock,
    "reset": Reset,
    "trigger": Trigger,
    "getVariables": ReadVariables,
    "setVariables": WriteVariables,
    "approve": Approve,
    "password": Password,
    "transactionStatus": TransactionStatus,
    "getProfiles": ReadProfiles,
    "getComposite": ReadComposite,
    "transactions": Transactions,
    "get": Get,
    "call": Call,
}
"""Commands that can be carried out, by the last segment of their topic."""

API_MODELS: Final[Mapping[str, type[Command]]] = {**COMMAND_MODELS, "start": ApiStart}
"""The same of HTTP."""

MAX_AGE_SECONDS: Final[Mapping[str, int]] = {"start": 60, "stop": 60}
"""Largest age by `ts`; 30 s for commands that are not named here."""
DEFAULT_MAX_AGE_SECONDS: Final = 30
MAX_AHEAD_SECONDS: Final = 30
"""How far `ts` may lie in the future."""
