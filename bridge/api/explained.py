"""What the reference page says of codes and statuses, and an example of each command."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from bridge.domain.commands import ResultCode


class CodeHelp(NamedTuple):
    """What a code means, and what who commands can do about it."""

    meaning: str
    remedy: str


CODES: Final[Mapping[ResultCode, CodeHelp]] = {
    ResultCode.OK: CodeHelp("Taken on (`accepted`), or carried out (`done`).", ""),
    ResultCode.ALREADY_STARTED: CodeHelp(
        "A transaction runs already; `data` names it.", "Nothing, or `stop` it first."
    ),
    ResultCode.ALREADY_STOPPED: CodeHelp("No transaction runs that could be stopped.", "Nothing."),
    ResultCode.CLIPPED: CodeHelp(
        "Carried out with the installation's maximum, which is less than was asked for.",
        "Read `appliedA`; raise `installation_max_a` if fuse and cable allow it.",
    ),
    ResultCode.BELOW_MINIMUM_PAUSED: CodeHelp(
        "The limit lies between 0 A and the least that cars charge with (`minimum_a`, 6 A): the "
        "charging pauses.",
        "Ask for 6 A or more, or configure `below_minimum`.",
    ),
    ResultCode.STANDBY: CodeHelp(
        "The claim is held, but another limit is lower or has a higher priority.",
        "Read `limits` of the allocation document; it takes effect when the other one goes.",
    ),
    ResultCode.DUPLICATE: CodeHelp(
        "This id with this body was there before; nothing was carried out again.",
        "Read the result: it is the earlier command's.",
    ),
    ResultCode.SUPERSEDED: CodeHelp(
        "A newer command of the same controller came before this one was sent to the station.",
        "Nothing: the newer one counts.",
    ),
    ResultCode.UNKNOWN: CodeHelp(
        "The bridge was restarted between asking the station and its answer. It does not ask "
        "twice.",
        "Look at `state` and `transaction`, then decide.",
    ),
    ResultCode.INVALID_JSON: CodeHelp(
        "The payload is no JSON, has a key twice, holds NaN, or is too large.",
        "Correct it; `message` says where.",
    ),
    ResultCode.INVALID_ARGUMENT: CodeHelp(
        "An argument is unknown, missing, of the wrong type or out of bounds; "
        "`details.pointer` says which.",
        "Correct it.",
    ),
    ResultCode.UNSUPPORTED: CodeHelp(
        "There is no such command or argument, or this version cannot carry it out yet.",
        "See below which there are.",
    ),
    ResultCode.UNKNOWN_STATION: CodeHelp(
        "No station of this id has ever connected, it waits for approval, or the id in the topic "
        "is not escaped as it should be.",
        "Compare with the topics that there are; `ocpp-mqtt-bridge stations list`.",
    ),
    ResultCode.UNKNOWN_EVSE: CodeHelp(
        "The station has not told of this EVSE.", "`details.known` lists those that there are."
    ),
    ResultCode.UNKNOWN_TEAM: CodeHelp(
        "The configuration has no team of this name.", "See `[teams.NAME]` in the configuration."
    ),
    ResultCode.UNKNOWN_TEAM: CodeHelp(
        "No team of this name is configured.", "`details.known` lists those that there are."
    ),
    ResultCode.STATION_OFFLINE: CodeHelp(
        "The station is not connected, or the connection was lost before it answered.",
        'Try again when `availability` is `online`, or send `"defer": true`.',
    ),
    ResultCode.NOT_AUTHORISED: CodeHelp(
        "The configuration does not give this controller the right to it.",
        "See `[controllers.NAME]` in the configuration.",
    ),
    ResultCode.RETAINED_COMMAND: CodeHelp(
        "The command was published with the retain flag. It was cleared from the broker.",
        "Publish it without.",
    ),
    ResultCode.STALE_COMMAND: CodeHelp(
        "`ts` is too long ago.", "Send it again with a new `ts`; compare the clocks."
    ),
    ResultCode.EXPIRED: CodeHelp(
        "`expiresAt` passed before it could be carried out; or what it answers (`authorize`) was "
        "over.",
        "Send it again if it is still wanted; answer sooner.",
    ),
    ResultCode.CLOCK_SKEW: CodeHelp(
        "`ts` lies more than 30 s in the bridge's future.", "Set the clocks."
    ),
    ResultCode.MISSING_ID: CodeHelp("The command needs an `id`.", "Give it one."),
    ResultCode.ID_CONFLICT: CodeHelp(
        "This id was there before with another body.", "Use a new id for every new command."
    ),
    ResultCode.RATE_LIMITED: CodeHelp(
        "More than 10 commands per second (50 at once) from this controller.",
        "Wait a moment. Send changes, not repetitions.",
    ),
    ResultCode.QUEUE_FULL: CodeHelp("Too much waits for this station.", "Wait a moment."),
    ResultCode.STATION_REJECTED: CodeHelp(
        "The station answered, and not with Accepted; `details` has its status and reasonCode. "
        "What held before still holds.",
        "Ask the station's manual why; not every station takes charging profiles.",
    ),
    ResultCode.STATION_ERROR: CodeHelp(
        "The station answered with a CALLERROR; `details.code` is its code.",
        "Try again once; then look at the station's firmware.",
    ),
    ResultCode.TIMEOUT: CodeHelp(
        "The station did not answer within `ocpp.call_timeout_seconds`. It may have carried it "
        "out all the same.",
        "Look at the documents, then try again.",
    ),
    ResultCode.PHASE_SWITCH_BLOCKED: CodeHelp(
        "The number of phases cannot be changed, or not now; `message` says why.",
        "Wait where it is too soon; else see `phase_switching` in the configuration.",
    ),
    ResultCode.TRANSACTION_NOT_FOUND: CodeHelp(
        "The named transaction is not one of this EVSE.", "Take the id from `transaction`."
    ),
    ResultCode.TRANSACTION_ENDED: CodeHelp("The named transaction is over.", "Nothing."),
    ResultCode.INTERNAL: CodeHelp("A fault of the bridge.", "Report it with the log."),
}
"""Every code, in the order of the table."""

RESERVED_CODES: Final = frozenset({ResultCode.INTERNAL})
"""Codes of the API that this version never gives."""

EXAMPLES: Final[Mapping[str, str]] = {
    "limit": '{"limitA": 10, "ttlSeconds": 120, "onExpire": "failsafe"}',
    "release": "{}",
    "pause": '{"ttlSeconds": 900}',
    "resume": "{}",
    "phases": '{"phases": 1}',
    "start": '{"id": "start-1", "idToken": {"value": "ME", "type": "Central"}, "maxA": 10}',
    "stop": "{}",
    "extend": '{"until": "2026-01-10T18:00:00Z"}',
    "authorize": '{"request": "0190f3c2-0d5e-5b6c-9d52-4d5154540001", "status": "Accepted"}',
    "transactions": '{"from": "2026-01-01T00:00:00Z", "filterBy": "InsertedAt", "limit": 20}',
    "availability": '{"operative": false}',
    "unlock": '{"id": "unlock-1"}',
    "reset": '{"id": "reset-1", "type": "OnIdle"}',
    "trigger": '{"id": "trigger-1", "message": "StatusNotification"}',
    "getVariables": '{"variables": [{"component": "SmartChargingCtrlr", "variable": "RateUnit"}]}',
    "setVariables": '{"variables": [{"component": "OCPPCommCtrlr", '
    '"variable": "HeartbeatInterval", "value": "300"}]}',
    "transactionStatus": "{}",
    "getProfiles": '{"purpose": "TxProfile"}',
    "getComposite": '{"durationSeconds": 3600, "unit": "A"}',
    "get": '{"what": "allocation"}',
    "approve": "{}",
    "password": '{"id": "password-1"}',
    "call": '{"id": "call-1", "action": "ClearCache", "payload": {}}',
}
"""A body of each command."""

STATUSES: Final = {
    "accepted": "Taken on and stored. Not final.",
    "done": "Carried out: the station has accepted it.",
    "rejected": "Refused, by the bridge or by the station. Nothing was changed.",
    "failed": "Tried, and the station gave no usable answer.",
    "expired": "It came too late: `expiresAt` passed first, or what it answers was over.",
    "superseded": "A newer command of the same controller took its place.",
    "unknown": "The bridge died between asking and the answer.",
}
"""What each status of a result means."""
