"""What the reference page says of the warnings in documents: docs/reference/repairs.md."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from bridge.domain.annotations import Remark


class RemarkHelp(NamedTuple):
    """What a code means."""

    sent: str
    """What the station did."""
    made: str
    """What the bridge makes of it."""
    quirk: str = ""
    """Items of charger-quirks in the design."""


TEXT: Final[Mapping[Remark, RemarkHelp]] = {
    Remark.STRAY_COMMA: RemarkHelp(
        "Invalid JSON: a comma before the first element of a list or an object, or behind the "
        "last one.",
        "The comma is passed over. An element that is missing between two others is not.",
        "28",
    ),
    Remark.PAYLOAD_NULL: RemarkHelp("`null` instead of a payload.", "An empty payload.", "44"),
}
"""In the text of a frame."""

MENDED: Final[Mapping[Remark, RemarkHelp]] = {
    Remark.NUMBER_AS_TEXT: RemarkHelp(
        "A number in quotation marks, perhaps with spaces or a decimal comma.", "The number.", "21"
    ),
    Remark.TEXT_AS_NUMBER: RemarkHelp(
        "A number where OCPP has text: an id, a `value` of OCPP 1.6.", "Its digits.", "21, 24"
    ),
    Remark.BOOLEAN_AS_TEXT: RemarkHelp('"true", "false", 0 or 1.', "The boolean."),
    Remark.NUMBER_ROUNDED: RemarkHelp(
        "A fraction where OCPP has a whole number of Wh, A or s (`meterStart`, `meterStop`, "
        "`cableMaxCurrent`, `timeSpentCharging`).",
        "The nearest whole number. Any other fraction is refused.",
        "21",
    ),
    Remark.NULL_DROPPED: RemarkHelp("`null` for what is optional.", "It is not there.", "44"),
    Remark.EMPTY_DROPPED: RemarkHelp(
        "An empty text for an optional word, number or time.", "It is not there.", "21, 44"
    ),
    Remark.SINGLE_FOR_LIST: RemarkHelp(
        "One object where OCPP has a list of them.", "A list of one."
    ),
    Remark.VALUE_SPELLING: RemarkHelp(
        "A word of an enumeration in other letters, in quotation marks, or with spaces, `_` or `-`.",
        "The word, as that enumeration spells it.",
        "9, 21",
    ),
    Remark.PHASE_IN_MEASURAND: RemarkHelp(
        "`Current.Import.L1`, `Voltage.L1-N`.",
        "Measurand and phase. A `phase` that was sent as well counts.",
        "21",
    ),
    Remark.DEFAULT_ASSUMED: RemarkHelp(
        "A required property is missing, null or empty: `errorCode` of OCPP 1.6, `reason`, vendor "
        "and model of a BootNotification.",
        "`NoError`; `Unknown`; an empty text.",
        "27, 44",
    ),
    Remark.TIMESTAMP_MISSING: RemarkHelp(
        "No time, or an empty one.",
        "Of readings: the time of the message that they are in, where it has one. Else the time "
        "of arrival. A station that repeats such an event makes another one of it, as nothing "
        "tells them apart.",
        "21, 29",
    ),
    Remark.TIME_ZONE_MISSING: RemarkHelp(
        "A time without `Z` or offset.",
        "Taken as UTC, which OCPP wants: local time cannot be told from it, unless the station's"
        " `time_zone` is configured.",
        "29",
    ),
    Remark.TIME_FORMAT: RemarkHelp(
        "A time in another format of ISO 8601: `+03`, a space for `T`.", "The same moment.", "29"
    ),
    Remark.SAMPLE_DROPPED: RemarkHelp(
        "A sampled value without a number: none, an empty text, a word, signed data.",
        "This sample is left out, the others of its message are not.",
        "21",
    ),
}
"""The schema of OCPP was broken; the payload was mended."""

KEPT: Final[Mapping[Remark, RemarkHelp]] = {
    Remark.VALUE_UNKNOWN: RemarkHelp(
        "A word that is not in its enumeration: a measurand, a context, a unit, a reason.",
        "Kept as it is in readings and fault codes. A reason to stop becomes `Other`, a charging "
        "state that nobody knows changes nothing. An unknown status, event type or trigger is "
        "refused.",
        "21",
    ),
    Remark.TOO_LONG: RemarkHelp("A text is longer than OCPP allows.", "Kept whole.", "26, 27"),
    Remark.TOO_SHORT: RemarkHelp("A text is shorter than OCPP allows.", "Kept."),
    Remark.OUT_OF_RANGE: RemarkHelp("A number is below or above what OCPP allows.", "Kept."),
    Remark.LIST_SIZE: RemarkHelp("A list has too few or too many elements.", "Kept whole."),
    Remark.PROPERTY_UNKNOWN: RemarkHelp(
        "A property that OCPP does not have; the warning names what holds it.", "Not read."
    ),
    Remark.TIME_UNREADABLE: RemarkHelp(
        "A time that is none.",
        "Not read where it is optional, or where the bridge has no use for it. Else the message is "
        "refused.",
        "29",
    ),
}
"""The schema of OCPP was broken, and what was sent is kept as it is."""

ASSUMED: Final[Mapping[Remark, RemarkHelp]] = {
    Remark.EMPTY_TEXT: RemarkHelp(
        "An empty name in a BootNotification.",
        "Not told, or told empty where it is required.",
        "27, 44",
    ),
    Remark.MEASURAND_MISSING: RemarkHelp(
        "No `measurand`.", "`Energy.Active.Import.Register`, as OCPP says.", "21"
    ),
    Remark.CONTEXT_MISSING: RemarkHelp("No `context`.", "`Sample.Periodic`, as OCPP says.", "21"),
    Remark.UNIT_MISSING: RemarkHelp(
        "No unit, or an empty one.",
        "The base unit of the measurand: Wh, varh, W, var, A, V, Hz, %. The number is not changed: "
        "whether it was in kWh, or was seconds, cannot be known.",
        "21",
    ),
    Remark.PHASE_MISSING: RemarkHelp(
        "A current or a voltage without `phase`.",
        "Published as it is; in the meter document it is that of L1.",
        "21",
    ),
    Remark.PHASE_TO_NEUTRAL: RemarkHelp("`L1-N` for a current.", "`L1`.", "21"),
    Remark.UNIT_SCALED: RemarkHelp(
        "kW, kWh, kvar, kVA, mHz ...", "Multiplied: W, Wh, var, VA, Hz.", "21"
    ),
    Remark.UNIT_OF_ENERGY: RemarkHelp("A power in Wh or kWh.", "In W.", "21"),
    Remark.UNIT_SPELLING: RemarkHelp("A unit in other letters: `KWh`.", "The unit.", "21"),
    Remark.NUMBER_SPELLING: RemarkHelp(
        "OCPP 1.6: a `value` with spaces around it or a decimal comma.", "The number.", "21"
    ),
}
"""OCPP allows it; what the bridge has assumed or converted."""

KNOWN: Final[Mapping[Remark, RemarkHelp]] = {
    Remark.EVSE_UNKNOWN: RemarkHelp(
        "An event of a transaction does not tell which of several EVSEs it concerns, nor did an "
        "earlier one.",
        "Published at EVSE 0; the transaction moves to its EVSE when an event names it.",
        "32, 36",
    ),
    Remark.STARTED_MISSING: RemarkHelp(
        "The `Started` event of the transaction has not come (yet).",
        "The transaction begins with the first event that came.",
        "23",
    ),
    Remark.ODD_START: RemarkHelp(
        "A transaction starts by a trigger by which none can.", "Published as it is."
    ),
}
"""What the bridge knows of the transaction."""

_PAGE: Final = """\
# Repairs and warnings

<!-- Generated by `python -m bridge.reference`; a test fails where it is out of date. -->

Lenient in, strict out: what a charging station sends and OCPP does not allow is read wherever it
can mean only one thing, and whatever the bridge sends is valid. What was repaired, assumed or kept
although it is wrong is listed in `warnings`: of `event/transaction` and `event/status`, of the
`meter` document (for the last message with readings), and of `boot` in a station's `info`.

A warning is a code, and where it is about one property `code:holder.property`, by the names of
OCPP: `unit_missing:sampledValue.unit`. Each is listed once per message, whatever the number of
samples. Codes are stable; readers must tolerate new ones. The counter `ocpp.warning.CODE` counts
the messages with each of them, also of messages that have no place for warnings.

A valid frame is not touched. Another one is mended once and validated again; what is then still
wrong is answered by a CALLERROR that names the property. A frame with more than {limit} faults is
not mended.

Items are those of charger-quirks in the design.

{tables}
## What is not repaired

* A connector, an EVSE, a transaction id, a token, a sequence number, an event type: a guess would
  count for somebody else.
* A limit in a charging schedule, or its end, that is null or empty: without it there would be none.
* A unit that was sent. Seconds that are labelled kWh cannot be told from energy.
* A reading without a unit that is out of proportion to the others: it is published as it was sent,
  with `unit_missing`.
* A time that is none, or a number for a time: the message is refused.
* Frames of other types than CALL are read as leniently, but nothing is published of them. The
  answers of stations count in `ocpp.warning.CODE`.
"""

_TABLES: Final = (
    ("In the text of a frame", TEXT),
    ("The schema is broken, and is mended", MENDED),
    ("The schema is broken, and what was sent is kept", KEPT),
    ("OCPP allows it, and something is assumed or converted", ASSUMED),
    ("Of the transaction", KNOWN),
)


def page(limit: int) -> str:
    """Return docs/reference/repairs.md; `limit` is how many faults of a frame are mended."""
    return _PAGE.format(limit=limit, tables="".join(_table(*each) for each in _TABLES))


def _table(title: str, rows: Mapping[Remark, RemarkHelp]) -> str:
    lines = [f"| `{code}` | {row.sent} | {row.made} | {row.quirk} |" for code, row in rows.items()]
    head = "| code | sent | made of it | item |\n|---|---|---|---|"
    return "\n".join([f"## {title}", "", head, *lines, "", ""])
