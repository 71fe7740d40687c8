"""What real charge controllers do wrong, as switches: `simulate --secc --quirk NAME`."""

from enum import StrEnum
from typing import Final


class SeccQuirk(StrEnum):
    """A way to depart from the description, or from what was accepted."""

    UPPER_SNAKE = "upper_snake"
    SWAPPED_STATUS = "swapped_status"
    OLD_TRANSACTION = "old_transaction"
    OTHER_NAMES = "other_names"
    NUMBERS_AS_STRINGS = "numbers_as_strings"
    NULL_FOR_NAN = "null_for_nan"
    NO_SESSION_ID = "no_session_id"
    PLAIN_KEYS_ONLY = "plain_keys_only"
    SET_KEYS_ONLY = "set_keys_only"
    NO_NAN = "no_nan"
    ENABLED_STOPS_CHARGING = "enabled_stops_charging"
    REFUSE_LIMITS = "refuse_limits"
    FORGET_LIMITS = "forget_limits"
    IGNORE_LIMITS = "ignore_limits"
    KEEPS_DRAWING = "keeps_drawing"
    NO_PHASE_SWITCHING = "no_phase_switching"
    SLOW_ANSWERS = "slow_answers"
    HALF_ANSWERS = "half_answers"
    SERVER_ERRORS = "server_errors"
    NO_ANSWER = "no_answer"
    SILENT_PUSHES = "silent_pushes"
    PREFIXED_PUSHES = "prefixed_pushes"


SECC_QUIRKS: Final[dict[SeccQuirk, str]] = {
    SeccQuirk.UPPER_SNAKE: "REST and WebSocket: the state is written as on MQTT, e.g. IDLE",
    SeccQuirk.SWAPPED_STATUS: "vehicleStatus and chargeControllerStatus are exchanged",
    SeccQuirk.OLD_TRANSACTION: "the transaction says nothing of phase limits and phase rotation",
    SeccQuirk.OTHER_NAMES: "the configuration uses the names of the value list, not the example's",
    SeccQuirk.NUMBERS_AS_STRINGS: "numbers are sent as strings",
    SeccQuirk.NULL_FOR_NAN: "what is not known is null instead of NaN",
    SeccQuirk.NO_SESSION_ID: "no id of the charging session is told",
    SeccQuirk.PLAIN_KEYS_ONLY: "PUT of limits takes amperageLimit, not setAmperageLimit",
    SeccQuirk.SET_KEYS_ONLY: "PUT of limits takes setAmperageLimit, not amperageLimit",
    SeccQuirk.NO_NAN: "a limit of NaN is refused, or without an answer ignored",
    SeccQuirk.ENABLED_STOPS_CHARGING: "enabled false also stops the charging",
    SeccQuirk.REFUSE_LIMITS: "PUT of limits is answered 400, commands and topics are ignored",
    SeccQuirk.FORGET_LIMITS: "limits are accepted and not kept",
    SeccQuirk.IGNORE_LIMITS: "limits are accepted and shown, and change nothing",
    SeccQuirk.KEEPS_DRAWING: "the car draws more than is signalled, except where it is nothing",
    SeccQuirk.NO_PHASE_SWITCHING: "it has no relay for it: set1p3p changes nothing",
    SeccQuirk.SLOW_ANSWERS: "each REST answer comes --answer-delay seconds late",
    SeccQuirk.HALF_ANSWERS: "every other REST answer, every third push, breaks off in the middle",
    SeccQuirk.SERVER_ERRORS: "every other REST request is answered 503",
    SeccQuirk.NO_ANSWER: "requests, WebSockets and topics are taken, and nothing is said or done",
    SeccQuirk.SILENT_PUSHES: "WebSocket and MQTT tell only what has changed, not every few seconds",
    SeccQuirk.PREFIXED_PUSHES: "WebSocket: a push is the topic, a new line, and the document",
}
"""What each quirk does."""
