"""What is read by the short way is valid, and is read alike by the way that all messages take."""

import json
from copy import deepcopy
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.frames import transaction_event
from bridge.ocpp.actions import OcppVersion
from bridge.ocpp.frames import Call, parse
from bridge.ocpp.v2.frequent import transaction_events
from bridge.ocpp.v21.version import V21
from bridge.ocpp.v201.version import V201
from bridge.ocpp.validation import PayloadError, Schemas

SCHEMA: Final = "TransactionEventRequest"
VERSIONS: Final = {
    version.name: (
        version,
        Schemas(version.schemas),
        transaction_events(Schemas(version.schemas).document(SCHEMA)),
    )
    for version in (V201, V21)
}
TYPICAL: Final = transaction_event("Updated", "tx-1", 3, 1200)

Path = tuple[str | int, ...]


def paths(payload: Any, path: Path = ()) -> list[Path]:
    """Return where everything in a payload is."""
    found = [path] if path else []
    steps = payload.items() if isinstance(payload, dict) else enumerate(payload)
    for step, each in steps:
        found += paths(each, (*path, step)) if isinstance(each, dict | list) else [(*path, step)]
    return found


MOMENTS: Final = (
    *(
        "2026-01-02T03:04:05Z",
        "2026-01-02t03:04:05z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05",
    ),
    *("2026-01-02T03:04:05.1234567890Z", "2026-02-30T03:04:05Z", "2026-01-02T24:00:00Z"),
    *("2026-01-02T03:04:60Z", "2026-01-02T03:04:05+02:00", "0000-01-02T03:04:05Z", "12:34:56Z"),
    *(
        "2026-01-02T03:04:05.5Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05Z\n",
        "2026-01-02T::::::::Z",
    ),
)
WORDS: Final = (
    *(
        "Ended",
        "Started",
        "updated",
        "Charging",
        "Idle",
        "SuspendedEV",
        "Discharging",
        "RunningCost",
    ),
    *(
        "OperationModeChanged",
        "TxResumed",
        "MeterValueClock",
        "Sample.Clock",
        "Other",
        "L1",
        "L2-N",
    ),
    *(
        "L1-L2",
        "N",
        "SoC",
        "Voltage",
        "Current.Import",
        "Frequency",
        "Power.Offered",
        "Display.PresentSOC",
    ),
    *(
        "kWh",
        "W",
        "Wh",
        "A",
        "V",
        "Percent",
        "%",
        "Hz",
        "wh",
        "varh",
        "Cable",
        "Upstream",
        "x" * 40,
        "",
    ),
)
NUMBERS: Final = (0, 1, 3, 4, 230, -1, 1.0, 0.5, 2**53, -(2**53), 2**70, 1e24, 1e30)
VALUES: st.SearchStrategy[Any] = (
    st.sampled_from((*MOMENTS, *WORDS, *NUMBERS, None, True, False, [], {}))
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
ALIKE: dict[type, st.SearchStrategy[Any]] = {
    str: st.sampled_from((*MOMENTS, *WORDS)),
    int: st.sampled_from(NUMBERS),
    float: st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}
NEW_FIELDS: Final = (
    *("idToken", "customData", "reservationId", "signedMeterValue", "multiplier", "stoppedReason"),
    *("remoteStartId", "timeSpentCharging", "connectorId", "cableMaxCurrent", "phase", "location"),
    *("numberOfPhasesUsed", "operationMode", "evseSleep", "unit", "context", "offline"),
)


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Make a typical event with a few things in it taken away, added or different."""
    payload = deepcopy(TYPICAL)
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(paths(payload)))
        place: Any = payload
        for step in way:
            place = place[step]
        match draw(st.sampled_from(["change", "change", "take away", "add"])):
            case "take away":
                del place[last]
            case "add" if isinstance(place, dict):
                place[draw(st.sampled_from(NEW_FIELDS))] = draw(VALUES)
            case _:
                place[last] = draw(st.one_of(ALIKE.get(type(place[last]), VALUES), VALUES))
    return payload


def call(payload: dict[str, Any], message_id: str = "m-1") -> bytes:
    return json.dumps([2, message_id, "TransactionEvent", payload]).encode()


@pytest.mark.parametrize("version", VERSIONS)
@given(payload=payloads())
def test_it_is_valid_and_read_alike(version: str, payload: dict[str, Any]) -> None:
    spoken, schemas, quick = VERSIONS[version]
    text = call(payload)
    found = quick(text)
    if found is not None:
        as_received = orjson.loads(text)[3]
        assert not schemas.faults(SCHEMA, as_received)
        assert found == ("m-1", read_as_all_are(spoken, as_received))


@given(data=st.data())
def test_a_mutilated_text_is_read_as_all_are_or_not_at_all(data: st.DataObject) -> None:
    spoken, schemas, quick = VERSIONS[V201.name]
    text = bytearray(call(TYPICAL))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b'"', b"]", b"}", b",", b"\\", b"0", b"\xff"])
        )
    found = quick(bytes(text))
    if found is not None:
        frame = parse(bytes(text))
        assert isinstance(frame, Call)
        assert (frame.action, frame.warnings) == ("TransactionEvent", ())
        assert not schemas.faults(SCHEMA, frame.payload)
        assert found == (frame.message_id, read_as_all_are(spoken, frame.payload))


def read_as_all_are(version: OcppVersion, payload: dict[str, Any]) -> object:
    try:
        return version.station_actions["TransactionEvent"].read(payload)
    except PayloadError as error:
        return error


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("event_type", ["Started", "Updated"])
def test_a_typical_event_goes_the_short_way(version: str, event_type: str) -> None:
    _, _, quick = VERSIONS[version]
    assert quick(call(transaction_event(event_type, "tx-1", 3, 1200))) is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "unusual",
    [
        call(TYPICAL | {"idToken": {"idToken": "1", "type": "Central"}}),
        call(TYPICAL, message_id=""),
        call(TYPICAL, message_id="x" * 256),
        call(TYPICAL)[:-1],
        call(TYPICAL)[:-1] + b",1]",
        call(TYPICAL)[:-1] + b",]",
        call(TYPICAL).replace(b"[2,", b"[6,", 1),
    ],
)
def test_an_unusual_event_goes_the_long_way(version: str, unusual: bytes) -> None:
    _, _, quick = VERSIONS[version]
    assert quick(unusual) is None
