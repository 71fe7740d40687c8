"""What a charge controller says, read field by field: the traps of its JSON, and garbage."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.enums import (
    ConnectorStatus,
    ControllerStatus,
    Phase,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)
from bridge.secc import payloads
from bridge.secc.payloads import Reading, parse, reading_of, understand
from bridge.secc.websocket import pushed_document
from bridge.simulator.secc import SeccOptions, SeccQuirk
from bridge.simulator.secc.documents import TOPICS, document, mqtt_documents, text_of
from bridge.simulator.secc.model import SeccModel

SEED: Final[dict[str, Any]] = {
    "state": "IDLE",
    "startedTime": 1699359776,
    "endedTime": 1699359816,
    "meterStart": 0.302999973,
    "meterStop": 0.302999973,
    "vehicleStatus": "A",
    "chargeControllerStatus": "A1",
    "usedPhasesSession": "111",
    "startReason": "Authorized",
    "stopReason": "DeAuthorized",
    "allocationSourceName": "OCPP Profile",
    "onePhaseLimitActive": False,
    "phaseLimitSourceName": "API",
    "phaseRotationActive": False,
    "phaseRotationSourceName": "API",
}
"""The example of seed 000."""


def transaction(**changes: Any) -> Reading:
    return reading_of([understand({**SEED, **changes}, payloads.TRANSACTION).fields])


def test_the_example_of_seed_000() -> None:
    reading = transaction()
    assert reading.state is SeccState.IDLE
    assert reading.started_at == datetime(2023, 11, 7, 12, 22, 56, tzinfo=UTC)
    assert (reading.meter_start_wh, reading.meter_stop_wh) == (303, 303)
    assert (reading.vehicle_status, reading.controller_status) == ("A", "A1")
    assert (reading.start_reason, reading.stop_reason) == (
        TriggerReason.AUTHORIZED,
        StoppedReason.DE_AUTHORIZED,
    )
    assert (reading.source_name, reading.one_phase, reading.phases_used) == (
        "OCPP Profile",
        False,
        3,
    )


@pytest.mark.parametrize(
    ("text", "state"),
    [
        *((state.value, state) for state in SeccState),
        ("IDLE", SeccState.IDLE),
        ("SUSPENDED_EVSE", SeccState.SUSPENDED_EVSE),
        ("SUSPENDED_EV", SeccState.SUSPENDED_EV),
        ("suspendedev", SeccState.SUSPENDED_EV),
        ("Dancing", None),
        (7, None),
    ],
)
def test_states_in_camel_case_and_in_capitals(text: Any, state: SeccState | None) -> None:
    assert transaction(state=text).state is state


def test_codes_that_are_exchanged_are_told_apart_by_their_shape() -> None:
    swapped = transaction(vehicleStatus="A1", chargeControllerStatus="A")
    assert (swapped.vehicle_status, swapped.controller_status) == (
        VehicleStatus.DISCONNECTED,
        ControllerStatus.STANDBY,
    )
    for controller in ControllerStatus:
        reading = transaction(vehicleStatus="B", chargeControllerStatus=controller.value)
        assert reading.controller_status is controller
    odd = transaction(vehicleStatus="Z", chargeControllerStatus="A3")
    assert (odd.vehicle_status, odd.controller_status) == (None, None)


@pytest.mark.parametrize("nothing", [0, "0", None, "NaN", -1, 1e300, "yesterday", True, []])
def test_times_that_are_none(nothing: Any) -> None:
    assert transaction(startedTime=nothing).started_at is None


def test_numbers_as_strings_and_kwh_as_floats_of_32_bits() -> None:
    reading = transaction(meterStart="0.302999973", startedTime="1699359776")
    assert (reading.meter_start_wh, reading.started_at) == (303, transaction().started_at)
    assert transaction(onePhaseLimitActive="true").one_phase is True
    assert transaction(onePhaseLimitActive=1).one_phase is True


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_bare_constants_are_nothing(text: str) -> None:
    read = parse(f'{{"amperageLimit": {text}, "enabled": true, "timeout": 300000}}')
    assert read is not None
    reading = reading_of([understand(read, payloads.LIMITS).fields])
    assert (reading.limit_a, reading.limit_enabled, reading.limits_read) == (None, True, True)
    assert reading.limit_timeout_ms == 300_000


@pytest.mark.parametrize(
    "keys",
    [
        ("pdName", "ctrlrName", "hasPhaseStShutoff"),
        ("powerDomainName", "controllerName", "hasPhaseShutoff"),
    ],
)
def test_the_configuration_by_both_names(keys: tuple[str, str, str]) -> None:
    told = dict(zip(keys, ("Home", "Garage", True), strict=True))
    told |= {"sessionId": "018ba9bc", "effectiveAmperageLimit": 32}
    reading = reading_of([understand(told, payloads.CONFIGURATION).fields])
    assert (reading.name, reading.phase_shutoff, reading.session_id, reading.effective_a) == (
        "Garage",
        True,
        "018ba9bc",
        32,
    )


def test_what_cannot_be_read_is_named_and_spoils_nothing() -> None:
    found = understand({**SEED, "meterStart": "much", "state": "Dancing"}, payloads.TRANSACTION)
    assert set(found.unread) == {"meterStart", "state"}
    assert found.fields["stop_reason"] is StoppedReason.DE_AUTHORIZED
    assert understand({"startedTime": 0, "meterStart": None}, payloads.TRANSACTION).unread == ()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"x"', "nonsense", "[" * 50_000, "{" * 5000])
def test_what_is_no_object(text: str) -> None:
    assert parse(text) is None


def test_what_is_too_long_is_not_looked_at() -> None:
    assert parse(json.dumps({"a": "x" * payloads.MAX_TEXT})) is None


@pytest.mark.parametrize(
    ("raw", "topic"),
    [
        ('{"topic":"limits","message":{"enabled":true}}', "limits"),
        (b'{"topic":"limits","message":{"enabled":true}}', "limits"),
        ('limits\n{"enabled":true}', "limits"),
        ('{"topic":"weather","message":{}}', None),
        ('{"enabled":true}', None),
        ('{"topic":["limits"],"message":{}}', None),
        ("hello", None),
        (b"\xff\xfe", None),
    ],
)
def test_pushes(raw: str | bytes, topic: str | None) -> None:
    pushed = pushed_document(raw)
    assert (None if pushed is None else pushed[0]) == topic


# --- Against the simulator, which was written after the description alone ----------------------


def simulated(*quirks: SeccQuirk) -> SeccModel:
    ids = iter(["first", "second"])
    options = SeccOptions(quirks=frozenset(quirks))
    now = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
    model = SeccModel("SECC001", options, now=now, new_id=lambda: next(ids))
    model.plug_in()
    model.authorize()
    model.tick(now.replace(minute=30))
    return model


def read_all(model: SeccModel) -> Reading:
    found = []
    for topic in TOPICS:
        told = parse(text_of(model, document(model, topic)))
        assert told is not None
        understood = understand(told, payloads.TOPICS[topic])
        assert understood.unread == ()
        found.append(understood.fields)
    return reading_of(found)


@pytest.mark.parametrize(
    "quirk",
    [
        SeccQuirk.UPPER_SNAKE,
        SeccQuirk.SWAPPED_STATUS,
        SeccQuirk.OTHER_NAMES,
        SeccQuirk.NUMBERS_AS_STRINGS,
        SeccQuirk.NULL_FOR_NAN,
    ],
)
def test_a_quirk_of_wording_changes_nothing(quirk: SeccQuirk) -> None:
    assert read_all(simulated(quirk)) == read_all(simulated())


def test_the_topics_of_mqtt_tell_the_same() -> None:
    model = simulated()
    told = mqtt_documents(model)
    found = reading_of(
        [understand(told[topic], table).fields for topic, table in payloads.MQTT_TOPICS.items()]
    )
    rest = read_all(model)
    assert (found.phase, found.connector_status) == (Phase.CHARGING, ConnectorStatus.OCCUPIED)
    for name in (
        *("session_id", "effective_a", "vehicle_status", "controller_status", "started_at"),
        *("meter_start_wh", "phases_used", "start_reason", "available_a", "signaled_a"),
        *("voltage_v", "amperage_a", "energy_wh", "power_w", "frequency_hz"),
    ):
        assert getattr(found, name) == getattr(rest, name), name
    assert found.limits_read is False


# --- Garbage -------------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_keys = sorted(
    {key for table in payloads.TOPICS.values() for keys, _ in table.values() for key in keys}
    | {"state", "id", "vehicleStatus", "chargeControllerStatus", "recentCpErrorCause"}
)
_tables = list({**payloads.TOPICS, **payloads.MQTT_TOPICS}.values())


@given(st.dictionaries(st.sampled_from(_keys), _json), st.sampled_from(_tables))
def test_no_value_breaks_the_reading(told: dict[str, Any], table: payloads.Table) -> None:
    reading = reading_of([understand(told, table).fields])
    for name in ("effective_a", "available_a", "limit_a", "energy_wh", "meter_start_wh"):
        value = getattr(reading, name)
        assert value is None or 0 <= value < 1e12


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_no_text_breaks_the_parser(text: str | bytes) -> None:
    pushed_document(text)
    if isinstance(text, str):
        parse(text)


@given(st.integers(0, 400))
def test_every_half_of_a_document_is_none_or_whole(length: int) -> None:
    text = json.dumps(SEED)
    assert parse(text[:length]) is None or length >= len(text)
