"""What real stations do wrong, as switches of the simulated one: `--quirk NAME`.

`QUIRKS` says in one sentence what each does. Where a quirk only takes actions away, the table
below is all there is of it; the others are asked for where the station decides or speaks
(`Quirk.X in options.quirks`).
"""

import re
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from bridge.simulator.wire import parse_time


class Quirk(StrEnum):
    """A way to depart from OCPP or from what was accepted."""

    REFUSE_PROFILES = "refuse_profiles"
    REFUSE_TX_PROFILE = "refuse_tx_profile"
    REFUSE_VALID_TO = "refuse_valid_to"
    REFUSE_START_PROFILE = "refuse_start_profile"
    IGNORE_START_PROFILE = "ignore_start_profile"
    STACK_LEVEL_0_ONLY = "stack_level_0_only"
    WATTS_ONLY = "watts_only"
    AMPS_ONLY = "amps_only"
    NO_SMART_CHARGING = "no_smart_charging"
    NO_GET_PROFILES = "no_get_profiles"
    NO_COMPOSITE = "no_composite"
    IGNORE_PROFILES = "ignore_profiles"
    IGNORE_TX_DEFAULT_IN_TRANSACTION = "ignore_tx_default_in_transaction"
    KEEPS_DRAWING = "keeps_drawing"
    ZERO_NOT_HONOURED = "zero_not_honoured"
    NO_PHASE_SWITCHING = "no_phase_switching"
    FORGETS_PROFILES_ON_BOOT = "forgets_profiles_on_boot"
    COMPOSITE_MINUS_ONE = "composite_minus_one"
    LIMIT_WITHOUT_SCHEDULE = "limit_without_schedule"
    NO_CHARGING_STATE = "no_charging_state"
    NO_EVSE_IN_UPDATES = "no_evse_in_updates"
    SEQ_NO_ZERO = "seq_no_zero"
    TRIGGERS_NOTHING = "triggers_nothing"
    UNLOCK_FAILS = "unlock_fails"
    AVAILABLE_WITH_CABLE = "available_with_cable"
    REFUSES_SECOND_START = "refuses_second_start"
    BOOTS_ONLY_WHEN_ASKED = "boots_only_when_asked"
    HANGS_UP_ON_EARLY_CALLS = "hangs_up_on_early_calls"
    DOUBLE_STATUS = "double_status"
    ENDS_TWICE = "ends_twice"
    VALUES_AFTER_END = "values_after_end"
    METER_VALUES_APART = "meter_values_apart"
    MINUS_ONE_AFTER_OFFLINE_START = "minus_one_after_offline_start"
    SESSION_REGISTER = "session_register"
    BARE_METER_VALUES = "bare_meter_values"
    KILO_UNITS = "kilo_units"
    LOCAL_TIMES = "local_times"
    NO_READING_TIMES = "no_reading_times"
    LEADING_COMMA = "leading_comma"
    NUMBERS_AS_TEXT = "numbers_as_text"
    LOWER_CASE_WORDS = "lower_case_words"
    EMPTY_WORDS = "empty_words"
    PHASE_IN_MEASURAND = "phase_in_measurand"
    LONG_BOOT_FIELDS = "long_boot_fields"
    UNSUPPORTED_UNANSWERED = "unsupported_unanswered"
    SLOW_ANSWERS = "slow_answers"
    NO_ANSWER = "no_answer"


QUIRKS: Final[dict[Quirk, str]] = {
    Quirk.REFUSE_PROFILES: "SetChargingProfile is answered Rejected",
    Quirk.REFUSE_TX_PROFILE: "a TxProfile is answered Rejected",
    Quirk.REFUSE_VALID_TO: "a profile with validTo is answered Rejected",
    Quirk.REFUSE_START_PROFILE: "a remote start with a profile is answered Rejected",
    Quirk.IGNORE_START_PROFILE: "the profile of a remote start is ignored",
    Quirk.STACK_LEVEL_0_ONLY: "ProfileStackLevel is 0, any higher stackLevel is answered Rejected",
    Quirk.WATTS_ONLY: "RateUnit is W, a profile in A is answered Rejected",
    Quirk.AMPS_ONLY: "RateUnit is A, a profile in W is answered Rejected",
    Quirk.NO_SMART_CHARGING: "all about charging profiles is answered NotSupported",
    Quirk.NO_GET_PROFILES: "2.x: GetChargingProfiles is answered NotSupported",
    Quirk.NO_COMPOSITE: "GetCompositeSchedule is answered NotSupported",
    Quirk.IGNORE_PROFILES: "profiles are accepted and reported, and change nothing",
    Quirk.IGNORE_TX_DEFAULT_IN_TRANSACTION: (
        "a TxDefaultProfile changes nothing in the transaction that runs"
    ),
    Quirk.KEEPS_DRAWING: "the car draws more than is offered, except where nothing is offered",
    Quirk.ZERO_NOT_HONOURED: "a limit below 6 A is taken for 6 A",
    Quirk.NO_PHASE_SWITCHING: "Phases3to1 is false, numberPhases is accepted and ignored",
    Quirk.FORGETS_PROFILES_ON_BOOT: "a Reset removes all profiles",
    Quirk.COMPOSITE_MINUS_ONE: "the composite schedule says -1 instead of a limit",
    Quirk.LIMIT_WITHOUT_SCHEDULE: "2.x: NotifyChargingLimit does not say how much",
    Quirk.NO_CHARGING_STATE: (
        "a TransactionEvent has no chargingState; 1.6: Charging as long as the transaction"
    ),
    Quirk.NO_EVSE_IN_UPDATES: "2.x: a TransactionEvent Updated or Ended has no evse",
    Quirk.SEQ_NO_ZERO: "2.x: seqNo of every TransactionEvent is 0",
    Quirk.TRIGGERS_NOTHING: "TriggerMessage is answered Accepted, and nothing follows",
    Quirk.UNLOCK_FAILS: "UnlockConnector is answered UnlockFailed",
    Quirk.AVAILABLE_WITH_CABLE: "a connector with a cable in it, and no transaction, is Available",
    Quirk.REFUSES_SECOND_START: "after a transaction nothing starts before the car is unplugged",
    Quirk.BOOTS_ONLY_WHEN_ASKED: "no BootNotification, except for a TriggerMessage",
    Quirk.HANGS_UP_ON_EARLY_CALLS: "a CALL before the boot is accepted ends the connection",
    Quirk.DOUBLE_STATUS: "each status is told twice",
    Quirk.ENDS_TWICE: "the end of a transaction is told twice, with another seqNo",
    Quirk.VALUES_AFTER_END: "meter values of a transaction come once more after its end",
    Quirk.METER_VALUES_APART: "2.x: meter values come as MeterValues, not in a TransactionEvent",
    Quirk.MINUS_ONE_AFTER_OFFLINE_START: "1.6: transactionId is -1 all along where the start was offline",
    Quirk.SESSION_REGISTER: "the energy register begins at 0 with each transaction",
    Quirk.BARE_METER_VALUES: "meter values are energy only, without measurand, unit and context",
    Quirk.KILO_UNITS: "meter values are in kWh and kW",
    Quirk.LOCAL_TIMES: "timestamps are two hours ahead of UTC and do not say so",
    Quirk.NO_READING_TIMES: "meter values do not say when they were taken",
    Quirk.LEADING_COMMA: "invalid JSON: a list of sampled values begins with a comma",
    Quirk.NUMBERS_AS_TEXT: "all numbers are sent as text",
    Quirk.LOWER_CASE_WORDS: "statuses, reasons, measurands and the like are in lower case",
    Quirk.EMPTY_WORDS: (
        "a sampled value leaves nothing out: phase, location and the measurand of energy are empty"
        " texts"
    ),
    Quirk.PHASE_IN_MEASURAND: "Current.Import.L1 and Voltage.L1-N instead of a phase",
    Quirk.LONG_BOOT_FIELDS: "the serial number in BootNotification is longer than OCPP has them",
    Quirk.UNSUPPORTED_UNANSWERED: "a CALL that is not supported gets no answer at all",
    Quirk.SLOW_ANSWERS: "each CALL is carried out and answered --answer-delay seconds late",
    Quirk.NO_ANSWER: "no CALL is carried out or answered; everything else goes on",
}
"""What each quirk does."""

_PROFILE_ACTIONS: Final = frozenset(
    {
        "ClearChargingProfile",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "SetChargingProfile",
    }
)

_UNSUPPORTED: Final[dict[Quirk, frozenset[str]]] = {
    Quirk.NO_SMART_CHARGING: _PROFILE_ACTIONS,
    Quirk.NO_GET_PROFILES: frozenset({"GetChargingProfiles"}),
    Quirk.NO_COMPOSITE: frozenset({"GetCompositeSchedule"}),
}


def takes_away(quirks: Collection[Quirk], action: str) -> bool:
    """Tell whether a quirk has an action of the CSMS answered NotSupported."""
    return any(action in _UNSUPPORTED.get(quirk, ()) for quirk in quirks)


LOCAL_OFFSET: Final = timedelta(hours=2)
"""Of the clock that says local time for UTC."""

_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def in_local_time(value: Any) -> Any:
    """Return JSON with all its timestamps in local time, without a zone."""
    if isinstance(value, dict):
        return {name: in_local_time(each) for name, each in value.items()}
    if isinstance(value, list):
        return [in_local_time(each) for each in value]
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        local = parse_time(value) + LOCAL_OFFSET
        return local.replace(tzinfo=None).isoformat(timespec="seconds")
    return value
