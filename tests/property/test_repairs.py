"""Whatever is wrong with a payload, mending it never raises, and what is right is left alone."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.annotations import Remark, remark_of
from bridge.ocpp import repairs
from bridge.ocpp.actions import OcppVersion, Reading, Translator
from bridge.ocpp.frames import Call, Unreadable
from bridge.ocpp.v16.version import V16
from bridge.ocpp.v21.version import V21
from bridge.ocpp.v201.version import V201
from bridge.ocpp.validation import Schemas
from tests.ocpp_payloads import Payloads
from tests.property.test_frames_payloads import PAYLOADS, VALUES, Path, changed, places

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
VERSIONS = (V16, V201, V21)
PAYLOADS_16: dict[str, dict[str, Any]] = {
    "StatusNotification": {
        "connectorId": 1,
        "errorCode": "NoError",
        "status": "Available",
        "timestamp": "2026-11-21T08:00:00Z",
    },
    "StopTransaction": {
        "transactionId": 1,
        "idTag": "TAG1",
        "meterStop": 5,
        "timestamp": "2026-11-21T08:00:00Z",
        "reason": "Local",
        "transactionData": [
            {
                "timestamp": "2026-11-21T08:00:00Z",
                "sampledValue": [
                    {
                        "value": "1.5",
                        "measurand": "Power.Active.Import",
                        "phase": "L1",
                        "context": "Trigger",
                        "location": "Outlet",
                        "unit": "kW",
                    }
                ],
            }
        ],
    },
}
CASES: list[tuple[OcppVersion, str, dict[str, Any]]] = [
    *((V16, action, payload) for action, payload in PAYLOADS_16.items()),
    *((V201, action, payload) for action, payload in PAYLOADS.items()),
    *((V21, action, payload) for action, payload in PAYLOADS.items()),
]
SPOTS: list[tuple[OcppVersion, str, dict[str, Any], Path]] = [
    (version, action, payload, path)
    for version, action, payload in CASES
    for path in places(payload)
]
SPOILED: st.SearchStrategy[Any] = VALUES | st.sampled_from(
    [
        "",
        " ",
        "'",
        "None",
        "1",
        " 1,5 ",
        "1e99",
        "9" * 30,
        "Current.Import.L1",
        "L1",
        "available",
        "2026-11-21T08:00:00",
        "2026-11-21 08:00:00+03",
        "1",
        [None],
        [{}],
        [[]],
        {"value": "1"},
    ]
)
SCHEMAS = {version.name: Schemas(version.schemas) for version in VERSIONS}
TRANSLATORS = {version.name: Translator(version, now=lambda: NOW) for version in VERSIONS}
STRICT = {version.name: Translator(version, strict=True) for version in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_the_smallest_valid_request_of_each_action_is_untouched(version: OcppVersion) -> None:
    payloads, schemas = Payloads(version.schemas), SCHEMAS[version.name]
    for action in version.station_actions:
        name = f"{action}{version.request_suffix}"
        payload = payloads.smallest(name)
        assert not schemas.faults(name, payload)
        before = json.dumps(payload)
        reading = TRANSLATORS[version.name].read(Call("x", action, payload))
        if isinstance(reading, Reading):
            assert reading.tolerated is None
        assert json.dumps(payload) == before


@pytest.mark.parametrize(("version", "action", "payload"), CASES)
def test_a_valid_payload_means_the_same_to_the_strict_and_the_lenient(
    version: OcppVersion, action: str, payload: dict[str, Any]
) -> None:
    call = Call("x", action, payload)
    strict, lenient = STRICT[version.name].read(call), TRANSLATORS[version.name].read(call)
    assert isinstance(strict, Reading)
    assert strict == lenient
    assert strict.tolerated is None


@given(st.lists(st.tuples(st.sampled_from(SPOTS), SPOILED), min_size=1, max_size=1), st.data())
def test_mending_never_raises_and_never_touches_what_came(
    wrong: list[tuple[tuple[OcppVersion, str, dict[str, Any], Path], Any]], data: st.DataObject
) -> None:
    ((version, action, payload, path), value) = wrong[0]
    payload = changed(payload, path, value)
    for _ in range(data.draw(st.integers(0, 3))):
        more = data.draw(st.sampled_from(list(places(payload))))
        payload = changed(payload, more, data.draw(SPOILED))
    before = json.dumps(payload)
    name = f"{action}{version.request_suffix}"
    schemas = SCHEMAS[version.name]
    faults = schemas.faults(name, payload)
    mended, warnings = repairs.repaired(name, schemas.document(name), payload, faults, lambda: NOW)
    assert json.dumps(payload) == before
    assert {remark_of(each) for each in warnings} <= set(Remark)
    if not faults:
        assert (mended, warnings) == (payload, ())
    if mended != payload:
        assert warnings
    reading = TRANSLATORS[version.name].read(Call("x", action, payload))
    if isinstance(reading, Unreadable):
        assert reading.description.startswith("/")
    elif faults:
        assert reading.tolerated is not None
        assert reading.warnings


@given(st.sampled_from(SPOTS), st.sampled_from(["drop", "null", "empty"]))
def test_what_is_optional_may_be_missing_null_or_empty(
    spot: tuple[OcppVersion, str, dict[str, Any], Path], way: str
) -> None:
    """A null, and an empty text where no text may be, say as little as nothing at all does."""
    version, action, payload, path = spot
    name = f"{action}{version.request_suffix}"
    without = _without(payload, path)
    schemas, translator = SCHEMAS[version.name], TRANSLATORS[version.name]
    said = translator.read(Call("x", action, without))
    if schemas.faults(name, without) or not isinstance(path[-1], str) or way == "drop":
        return  # required, or nothing to compare with
    spoiled = changed(payload, path, None if way == "null" else "")
    if not schemas.faults(name, spoiled):
        return  # an empty text may be meant
    found = translator.read(Call("x", action, spoiled))
    assert isinstance(found, Reading)
    assert isinstance(said, Reading)
    assert _meaning(found) == _meaning(said)


def _without(payload: dict[str, Any], path: Path) -> dict[str, Any]:
    copy = json.loads(json.dumps(payload))
    part = copy
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return copy  # type: ignore[no-any-return]  # JSON of an object


def _meaning(reading: Reading) -> str:
    message = reading.message
    fields = {name: getattr(message, name) for name in type(message).__struct_fields__}
    return repr({name: value for name, value in fields.items() if name != "warnings"})


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_no_enumeration_has_two_words_that_are_read_alike(version: OcppVersion) -> None:
    payloads = Payloads(version.schemas)
    for item in payloads.folder.iterdir():
        if item.name.endswith(".json"):
            for words in _enumerations(payloads.schema(item.name.removesuffix(".json"))):
                assert len({repairs.folded(word) for word in words}) == len(words), item.name


def _enumerations(part: Any) -> list[list[str]]:
    if isinstance(part, list):
        return [found for each in part for found in _enumerations(each)]
    if not isinstance(part, dict):
        return []
    own = [part["enum"]] if isinstance(part.get("enum"), list) else []
    return own + [found for each in part.values() for found in _enumerations(each)]
