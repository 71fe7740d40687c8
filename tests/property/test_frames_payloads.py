"""A payload that is wrong in any one place is read or refused, and never anything else."""

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.events import MeterValues, TransactionEvent
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, Unreadable, parse
from bridge.ocpp.v201.version import V201

PAYLOADS: dict[str, dict[str, Any]] = {
    "BootNotification": {
        "reason": "PowerUp",
        "chargingStation": {
            "model": "M",
            "vendorName": "V",
            "serialNumber": "S",
            "firmwareVersion": "F",
            "modem": {"iccid": "", "imsi": ""},
        },
    },
    "Authorize": {"idToken": {"idToken": "TAG1", "type": "ISO14443"}},
    "StatusNotification": {
        "timestamp": "2026-11-21T08:00:00Z",
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
    },
    "TransactionEvent": {
        "eventType": "Updated",
        "timestamp": "2026-11-21T08:00:00Z",
        "triggerReason": "Trigger",
        "seqNo": 1,
        "offline": False,
        "numberOfPhasesUsed": 3,
        "cableMaxCurrent": 32,
        "reservationId": 7,
        "transactionInfo": {
            "transactionId": "T1",
            "chargingState": "Charging",
            "timeSpentCharging": 5,
            "stoppedReason": "Local",
            "remoteStartId": 3,
        },
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "TAG1", "type": "ISO14443"},
        "meterValue": [
            {
                "timestamp": "2026-11-21T08:00:00Z",
                "sampledValue": [
                    {
                        "value": 1.5,
                        "measurand": "Power.Active.Import",
                        "phase": "L1",
                        "context": "Trigger",
                        "location": "Outlet",
                        "unitOfMeasure": {"unit": "kW", "multiplier": 0},
                        "signedMeterValue": {
                            "signedMeterData": "AA==",
                            "signingMethod": "",
                            "encodingMethod": "",
                            "publicKey": "",
                        },
                    }
                ],
            }
        ],
    },
}

Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every part of a payload."""
    if path:
        yield path
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, list):
        items = enumerate(value)
    elif isinstance(value, dict):
        items = value.items()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(payload: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    payload = deepcopy(payload)
    *parents, last = path
    part: Any = payload
    for key in parents:
        part = part[key]
    part[last] = value
    return payload


CASES = [(action, path) for action, payload in PAYLOADS.items() for path in places(payload)]
VALUES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
    | st.just([])
    | st.just({})
    | st.just("0001-01-01T00:00:00+14:00")
    | st.just("9999-12-31T23:59:59-14:00")
)
LENIENT, STRICT = Translator(V201), Translator(V201, strict=True)


def test_the_unchanged_payloads_are_read() -> None:
    for action, payload in PAYLOADS.items():
        assert isinstance(STRICT.read(Call("x", action, payload)), Reading)


@given(st.sampled_from(CASES), VALUES)
def test_one_wrong_part_is_read_or_refused(case: tuple[str, Path], value: Any) -> None:
    action, path = case
    payload = changed(PAYLOADS[action], path, value)
    call = parse(json.dumps([2, "x", action, payload]).encode())
    assert isinstance(call, Call)
    strict, lenient = STRICT.read(call), LENIENT.read(call)
    if isinstance(strict, Reading):
        assert lenient == strict, "leniency only widens"
    if isinstance(lenient, Unreadable):
        assert lenient.description.startswith("/")
        return
    message = lenient.message
    if isinstance(message, TransactionEvent | MeterValues):
        for reading in message.meter_values:
            assert reading.timestamp.utcoffset() is not None
            assert all(abs(sample.value) <= 1.8e308 for sample in reading.sampled_values)
    if isinstance(message, TransactionEvent):
        assert type(message.seq_no) is int
        assert abs(message.seq_no) < 2**53
