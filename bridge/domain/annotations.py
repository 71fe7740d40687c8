"""What is remarked on a message that was not as OCPP wants it: the `warnings` of documents.

A warning is a code, and where it is about one property `code:holder.property`, both by their names
in OCPP: `unit_missing:sampledValue.unit`. Indices are left out, and the same is not said twice:
so a warning never holds a word of the station, and there are only so many of them.
"""

from collections.abc import Sequence
from enum import StrEnum


class Remark(StrEnum):
    """What was wrong; docs/reference/repairs.md says what the bridge makes of each."""

    # the text of the frame
    STRAY_COMMA = "stray_comma"
    PAYLOAD_NULL = "payload_null"
    # the schema of the message was broken, and mended
    NUMBER_AS_TEXT = "number_as_text"
    TEXT_AS_NUMBER = "text_as_number"
    BOOLEAN_AS_TEXT = "boolean_as_text"
    NUMBER_ROUNDED = "number_rounded"
    NULL_DROPPED = "null_dropped"
    EMPTY_DROPPED = "empty_dropped"
    SINGLE_FOR_LIST = "single_for_list"
    VALUE_SPELLING = "value_spelling"
    PHASE_IN_MEASURAND = "phase_in_measurand"
    DEFAULT_ASSUMED = "default_assumed"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIME_ZONE_MISSING = "time_zone_missing"
    TIME_FORMAT = "time_format"
    SAMPLE_DROPPED = "sample_dropped"
    # the schema was broken, and what was sent is kept as it is
    VALUE_UNKNOWN = "value_unknown"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    OUT_OF_RANGE = "out_of_range"
    LIST_SIZE = "list_size"
    PROPERTY_UNKNOWN = "property_unknown"
    TIME_UNREADABLE = "time_unreadable"
    # the schema allows it: what was assumed or converted
    EMPTY_TEXT = "empty_text"
    MEASURAND_MISSING = "measurand_missing"
    CONTEXT_MISSING = "context_missing"
    UNIT_MISSING = "unit_missing"
    PHASE_MISSING = "phase_missing"
    PHASE_TO_NEUTRAL = "phase_to_neutral"
    UNIT_SCALED = "unit_scaled"
    UNIT_OF_ENERGY = "unit_of_energy"
    UNIT_SPELLING = "unit_spelling"
    NUMBER_SPELLING = "number_spelling"
    # what the bridge knows of the transaction
    EVSE_UNKNOWN = "evse_unknown"
    STARTED_MISSING = "started_missing"
    ODD_START = "odd_start"


def warning(remark: Remark, field: str = "") -> str:
    """Return the warning that a document has; `field` is `property` or `holder.property`."""
    return f"{remark}:{field}" if field else remark.value


def remark_of(text: str) -> str:
    """Return the code of a warning."""
    return text.partition(":")[0]


def distinct(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return each warning once, in the order of the first."""
    return tuple(dict.fromkeys(warnings)) if warnings else ()
