"""Carrying out what the CSMS asks, in the vocabulary of the version that the station speaks.

A handler changes the station and returns the CALLRESULT payload; what follows from it (a
TransactionEvent, a report) is queued and leaves after the answer. A payload that lacks what
the schema demands raises KeyError, TypeError or ValueError, which `answer` turns into the
CALLERROR of the standard (part 4, table 8).
"""

from datetime import datetime
from typing import Final

from bridge.simulator.quirks import takes_away
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.v2 import commands as v2
from bridge.simulator.v16 import commands as v16
from bridge.simulator.v21 import commands as v21
from bridge.simulator.vocabulary import Handler, Vocabulary
from bridge.simulator.wire import CallRefusedError, JsonObject

VOCABULARIES: Final[dict[str, Vocabulary]] = {
    "1.6": v16.VOCABULARY,
    "2.0.1": v2.VOCABULARY,
    "2.1": v21.VOCABULARY,
}
"""By the name of the version."""


def vocabulary_of(station: StationModel) -> Vocabulary:
    """Return what a station may be asked."""
    return VOCABULARIES[station.options.version]


def answer(station: StationModel, action: str, payload: JsonObject, now: datetime) -> JsonObject:
    """Carry out one CALL of the CSMS and return the payload of its CALLRESULT.

    Raises:
        CallRefusedError: it is answered with a CALLERROR, of a code of OCPP 2.0.1.
    """
    vocabulary = vocabulary_of(station)
    handler = vocabulary.handlers.get(action)
    if handler is None or takes_away(station.quirks, action):
        known = handler is not None or action in vocabulary.not_supported
        raise CallRefusedError("NotSupported" if known else "NotImplemented", action)
    if station.boot is not Boot.ACCEPTED and action not in vocabulary.before_acceptance:
        if action in vocabulary.rejected_while_pending:
            return vocabulary.rejected_while_pending[action]
        raise CallRefusedError("SecurityError", "the boot is not accepted yet")
    return _guarded(handler, station, payload, now)


def _guarded(
    handler: Handler, station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    try:
        return handler(station, payload, now)
    except KeyError as error:
        raise CallRefusedError(
            "OccurrenceConstraintViolation", f"not there or not known: {error}"
        ) from error
    except (TypeError, AttributeError, IndexError) as error:
        raise CallRefusedError("TypeConstraintViolation", str(error)) from error
    except (ValueError, OverflowError) as error:
        raise CallRefusedError("PropertyConstraintViolation", str(error)) from error
