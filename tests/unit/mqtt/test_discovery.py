"""What Home Assistant is told: every message by the rules, every template with real documents."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jinja2
import orjson
import pytest

from bridge.api import commands
from bridge.api.rights import CommandRules, ControllerRights
from bridge.domain.enums import AllocationSource, Registration, SeccState
from bridge.domain.events import BootNotification
from bridge.domain.ids import StationId
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, EvseView, Station, Transaction
from bridge.domain.settings import NumberPhases, StationSettings
from bridge.mqtt.discovery import Discovery, object_part
from bridge.mqtt.settings import DiscoverySettings, DiscoveryStyle
from bridge.mqtt.topics import MAX_TOPIC_BYTES, Topics
from tests.discovery_rules import components, problems_together
from tests.records import replace
from tests.schema_check import row_of
from tests.unit.mqtt.example_station import DOCUMENTS, EVSE, NOW, STATION

TOPICS: Final = Topics("ocpp", "main")
SWITCHING: Final = StationSettings(phase_switching=True)
FIRMWARE: Final = BootNotification(
    vendor_name="V", model="M", reason="PowerUp", serial_number="1", firmware_version="1.2"
)
FULL: Final = replace(STATION, boot=FIRMWARE)
STYLES: Final = [DiscoveryStyle.DEVICE, DiscoveryStyle.ENTITY]
EVSE_DEVICE: Final = "homeassistant/device/ocpp__DE_2AABC_2AE1__1/config"
STATION_DEVICE: Final = "homeassistant/device/ocpp__DE_2AABC_2AE1/config"

Entities = Mapping[str, Mapping[str, Any]]


def discovery(
    style: DiscoveryStyle = DiscoveryStyle.DEVICE,
    *,
    rules: CommandRules = CommandRules(),  # noqa: B008  # frozen
    station_settings: StationSettings = SWITCHING,
    **settings: Any,
) -> Discovery:
    return Discovery(
        topic_table=Topics("ocpp", "main", settings.get("prefix", "homeassistant")),
        settings=DiscoverySettings(style=style, **settings),
        rules=rules,
        settings_for=lambda _: station_settings,
    )


def messages(station: Station = FULL, maker: Discovery | None = None) -> dict[str, bytes]:
    """Return everything that is announced of a station, by topic."""
    maker = maker or discovery()
    return {
        maker.address(station.id, place): orjson.dumps(maker.payload(station, place))
        for place in maker.places(station)
    }


def entities(station: Station = FULL, maker: Discovery | None = None) -> Entities:
    """Return the entities by `platform.key`, as Home Assistant understands them."""
    return {
        f"{options['platform']}.{key}": options
        for topic, payload in messages(station, maker).items()
        for key, options in components(topic, payload).items()
    }


# --- By the rules ---------------------------------------------------------------------------

TWO_EVSES: Final = replace(FULL, evses={1: EVSE, 2: replace(EVSE, id=2)})
STRANGE: Final = replace(
    FULL, id=StationId("a/b+c#d$ü__.=\n"), boot=replace(FIRMWARE, vendor_name="", model="")
)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "station",
    [FULL, STATION, TWO_EVSES, STRANGE, replace(FULL, evses={}), replace(FULL, boot=None)],
)
def test_every_message_is_one_that_home_assistant_takes(
    station: Station, style: DiscoveryStyle
) -> None:
    assert problems_together(messages(station, discovery(style))) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "settings",
    [
        StationSettings(),
        StationSettings(phases=1, minimum_a=0, installation_max_a=500),
        StationSettings(minimum_a=16, installation_max_a=16),
        StationSettings(phases=2, installation_max_a=7.5),
    ],
)
def test_and_with_any_settings(settings: StationSettings, style: DiscoveryStyle) -> None:
    made = messages(FULL, discovery(style, station_settings=settings))
    assert problems_together(made) == []


def test_both_styles_announce_the_same_entities_with_the_same_ids() -> None:
    device, entity = entities(), entities(FULL, discovery(DiscoveryStyle.ENTITY))
    assert device == entity
    assert len(device) == 30
    unique = {options["unique_id"] for options in device.values()}
    assert "ocpp__DE_2AABC_2AE1__1__power" in unique


def test_the_topics_of_both_styles() -> None:
    assert list(messages()) == [STATION_DEVICE, EVSE_DEVICE]
    topics = list(messages(FULL, discovery(DiscoveryStyle.ENTITY)))
    assert topics[0] == "homeassistant/binary_sensor/ocpp__DE_2AABC_2AE1/connectivity/config"
    assert "homeassistant/number/ocpp__DE_2AABC_2AE1__1/limit/config" in topics
    assert messages(FULL, discovery(prefix="ha/south")).keys() == {
        f"ha/south/device/ocpp__DE_2AABC_2AE1{evse}/config" for evse in ("", "__1")
    }


def test_the_longest_station_id_stays_within_what_brokers_take() -> None:
    longest = replace(FULL, id=StationId("*" * 48), evses={999_999: replace(EVSE, id=999_999)})
    for style in STYLES:
        assert max(map(len, messages(longest, discovery(style)))) <= MAX_TOPIC_BYTES


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("CP-1", "CP-1"),
        ("a_b", "a_5Fb"),
        ("DE*ABC", "DE_2AABC"),
        ("ü", "_C3_BC"),
        ("a__b", "a_5F_5Fb"),
    ],
)
def test_ids_have_only_what_home_assistant_takes(text: str, part: str) -> None:
    assert object_part(text) == part


def test_a_station_that_waits_for_approval_is_not_announced() -> None:
    assert messages(replace(FULL, registration=Registration.PENDING)) == {}


# --- Devices --------------------------------------------------------------------------------


def test_each_evse_is_a_device_that_is_reached_by_its_station() -> None:
    found = messages()
    station, evse = orjson.loads(found[STATION_DEVICE]), orjson.loads(found[EVSE_DEVICE])
    assert station["dev"] == {
        "ids": ["ocpp__DE_2AABC_2AE1"],
        "name": "DE*ABC*E1 station",
        "mf": "V",
        "mdl": "M",
        "sn": "1",
        "sw": "1.2",
    }
    assert evse["dev"]["ids"] == ["ocpp__DE_2AABC_2AE1__1"]
    assert evse["dev"]["via_device"] == "ocpp__DE_2AABC_2AE1"
    assert evse["dev"]["name"] == "DE*ABC*E1"
    assert evse["o"]["name"] == "ocpp-mqtt-bridge"


def test_devices_and_entities_have_the_name_that_the_owner_gave() -> None:
    maker = discovery(name_of=lambda _: "Garage Süd")
    names = [orjson.loads(each)["dev"]["name"] for each in messages(TWO_EVSES, maker).values()]
    assert names == ["Garage Süd station", "Garage Süd 1", "Garage Süd 2"]
    assert (
        entities(FULL, maker)["sensor.power"]["default_entity_id"] == "sensor.garage_sud_1_power"
    )


def test_an_entity_is_available_while_bridge_and_station_are() -> None:
    bridge, station = (
        {"t": "ocpp/v1/bridge/main/state"},
        {"t": "ocpp/v1/cs/DE=2AABC=2AE1/availability"},
    )
    for name, options in entities().items():
        wanted = [bridge] if name == "binary_sensor.connectivity" else [bridge, station]
        assert options["availability"] == wanted, name
        assert options["availability_mode"] == "all"


def test_what_this_bridge_wrote_is_told_from_what_others_did() -> None:
    maker = discovery()
    theirs = Discovery(
        topic_table=Topics("ocpp", "other"),
        settings=DiscoverySettings(),
        rules=CommandRules(),
        settings_for=lambda _: SWITCHING,
    )
    for style in STYLES:
        for payload in messages(FULL, discovery(style)).values():
            assert maker.is_ours("ocpp__DE_2AABC_2AE1", orjson.loads(payload))
            assert not maker.is_ours("zigbee__X", orjson.loads(payload))
            assert not theirs.is_ours("ocpp__DE_2AABC_2AE1", orjson.loads(payload))
    assert not maker.is_ours("ocpp__X", {"availability_topic": "x"})


# --- What a station has ---------------------------------------------------------------------

EVERYTHING: Final = set(entities())


@pytest.mark.parametrize(
    ("maker", "station", "missing"),
    [
        (discovery(station_settings=StationSettings()), FULL, {"select.phases"}),
        (
            discovery(station_settings=replace(SWITCHING, number_phases=NumberPhases.NEVER)),
            FULL,
            {"select.phases"},
        ),
        (discovery(), replace(FULL, learnt=Learnt(phase_switching=False)), {"select.phases"}),
        (
            discovery(station_settings=replace(SWITCHING, phases=1)),
            FULL,
            {
                "select.phases",
                *(f"sensor.{kind}_l{n}" for kind in ("current", "voltage") for n in (2, 3)),
            },
        ),
        (discovery(), STATION, {"update.firmware"}),
        (
            discovery(station_settings=replace(SWITCHING, secc=True)),
            FULL,
            {f"button.{name}" for name in ("start", "stop", "unlock", "reset")},
        ),
        (
            discovery(rules=CommandRules(require_ttl=True)),
            FULL,
            {"number.limit", "switch.allowed"},
        ),
        (discovery(rules=CommandRules(require_ts=True)), FULL, {"switch.allowed"}),
        (
            discovery(
                rules=CommandRules(
                    controllers={"homeassistant": ControllerRights(commands=("limit", "pause"))}
                )
            ),
            FULL,
            {
                "switch.allowed",
                "select.phases",
                *(f"button.{name}" for name in ("start", "stop", "release", "unlock", "reset")),
            },
        ),
        (
            discovery(rules=CommandRules(controllers={"pv": ControllerRights()})),
            FULL,
            {
                "number.limit",
                "switch.allowed",
                "select.phases",
                *(f"button.{name}" for name in ("start", "stop", "release", "unlock", "reset")),
            },
        ),
    ],
)
def test_what_is_of_no_use_is_taken_back(
    maker: Discovery, station: Station, missing: set[str]
) -> None:
    assert EVERYTHING - set(entities(station, maker)) == missing
    taken_back = {
        f"{options['p']}.{key}"
        for payload in messages(station, maker).values()
        for key, options in orjson.loads(payload)["cmps"].items()
        if options.keys() == {"p"}
    }
    assert taken_back == missing


def test_the_limit_goes_from_the_least_to_the_most_that_there_is() -> None:
    settings = StationSettings(minimum_a=6, installation_max_a=32)
    limit = entities(FULL, discovery(station_settings=settings))["number.limit"]
    assert (limit["min"], limit["max"], limit["step"]) == (6, 32, 1)


# --- Templates ------------------------------------------------------------------------------

DOCUMENT_OF: Final = {
    "state": DOCUMENTS.state,
    "transaction": DOCUMENTS.transaction,
    "allocation": DOCUMENTS.allocation,
    "meter": lambda *of: DOCUMENTS.of_evse("meter", *of),
}
ENVIRONMENT: Final = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
ENVIRONMENT.globals["utcnow"] = lambda: datetime(2026, 1, 10, 10, tzinfo=UTC)


def shown(name: str, station: Station = FULL, maker: Discovery | None = None) -> str:
    """Return what Home Assistant makes of the document that an entity reads."""
    options = entities(station, maker)[name]
    row = row_of(options["state_topic"])
    assert row.retain is not name.startswith("event."), "only what is retained survives a restart"
    evse = station.evses[1]
    if row.name == "availability":
        return "online"
    if row.name == "stationInfo":
        document: Any = DOCUMENTS.station_info(station, NOW)
    else:
        document = DOCUMENT_OF[row.name](station, evse, NOW)
    value = orjson.loads(orjson.dumps(document))
    return ENVIRONMENT.from_string(options["value_template"]).render(value_json=value)


def with_evse(**changes: Any) -> Station:
    return replace(FULL, evses={1: replace(EVSE, **changes)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sensor.state", "Charging"),
        ("sensor.vehicle_status", "C"),
        ("sensor.allocation_source", "MQTT"),
        ("sensor.offered_current", "10.0"),
        ("sensor.power", "6900.0"),
        ("sensor.energy", "1.302"),
        ("sensor.session_energy", "1.0"),
        ("sensor.current_l1", "9.8"),
        ("sensor.current_l3", "None"),
        ("sensor.voltage_l1", "None"),
        ("sensor.soc", "None"),
        ("sensor.lease_expiry", "2026-01-10T10:00:01.123Z"),
        ("sensor.session_start", "2026-01-10T10:00:00.123Z"),
        ("binary_sensor.plugged", "ON"),
        ("binary_sensor.charging", "ON"),
        ("binary_sensor.problem", "OFF"),
        ("number.limit", "10.0"),
        ("switch.allowed", "true"),
        ("select.phases", "auto"),
        ("update.firmware", '{"installed_version": "1.2"}'),
    ],
)
def test_a_value_is_read_from_its_document(name: str, value: str) -> None:
    assert shown(name) == value


ALLOCATION: Final = EVSE.allocation
assert ALLOCATION is not None


@pytest.mark.parametrize(
    ("name", "changes", "value"),
    [
        ("number.limit", {"allocation": replace(ALLOCATION, offered_a=0.0)}, "None"),
        ("switch.allowed", {"allocation": replace(ALLOCATION, offered_a=0.0)}, "false"),
        ("select.phases", {"allocation": replace(ALLOCATION, requested_phases=1)}, "1"),
        ("select.phases", {"allocation": replace(ALLOCATION, requested_a=None)}, "auto"),
        ("sensor.lease_expiry", {"allocation": replace(ALLOCATION, limits=())}, "None"),
        ("binary_sensor.plugged", {"view": EvseView(plugged=None)}, "None"),
        ("binary_sensor.plugged", {"view": EvseView(plugged=False)}, "OFF"),
        ("binary_sensor.charging", {"view": EvseView()}, "OFF"),
        ("binary_sensor.problem", {"view": EvseView(state=SeccState.FAULTED)}, "ON"),
    ],
)
def test_a_value_follows_its_document(name: str, changes: Any, value: str) -> None:
    assert shown(name, with_evse(**changes)) == value


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("sensor.state", "state", SeccState),
        ("sensor.allocation_source", "allocationSourceName", AllocationSource),
    ],
)
def test_a_word_is_an_option_or_unknown(name: str, key: str, words: Any) -> None:
    options = entities()[name]
    template = ENVIRONMENT.from_string(options["value_template"])
    assert options["options"] == [word.value for word in words]
    for word in words:
        assert template.render(value_json={key: word.value}) == word.value
    assert template.render(value_json={key: "SomethingNew"}) == "None"


def test_a_transaction_becomes_an_event_of_home_assistant() -> None:
    options = entities()["event.transaction"]
    assert options["event_types"] == ["started", "updated", "ended"]
    document = {
        "id": "e1",
        "ts": "2026-01-10T10:00:00.000Z",
        "eventType": "Ended",
        "triggerReason": "EVDeparted",
        "transaction": {"transactionId": "t", "chargingState": None, "stoppedReason": "Local"},
        "meter": {"energyWh": 7.5, "powerW": None},
        "offline": False,
    }
    template = ENVIRONMENT.from_string(options["value_template"])
    event = orjson.loads(template.render(value_json=document))
    assert event == {
        "event_type": "ended",
        "id": "e1",
        "ts": "2026-01-10T10:00:00.000Z",
        "triggerReason": "EVDeparted",
        "transactionId": "t",
        "chargingState": None,
        "stoppedReason": "Local",
        "energyWh": 7.5,
        "powerW": None,
        "offline": False,
    }


# --- Commands -------------------------------------------------------------------------------

PRESSED: Final = {
    "number.limit": ["10", "10.5"],
    "switch.allowed": ["true", "false"],
    "select.phases": ["auto", "1", "3"],
}
CONTROLS: Final = [name for name, options in entities().items() if "command_topic" in options]


def test_the_controls_are_those_of_the_design() -> None:
    assert set(CONTROLS) == set(PRESSED) | {
        f"button.{name}" for name in ("start", "stop", "release", "unlock", "reset")
    }


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_sends_a_command_that_the_bridge_takes(name: str) -> None:
    options = entities()[name]
    address = TOPICS.parse_command(options["command_topic"])
    assert (address.problem, address.controller) == (None, "homeassistant")
    assert address.evse_id == (0 if name == "button.reset" else 1)
    assert (options["qos"], options["message_expiry_interval"]) == (1, 30)
    for value in PRESSED.get(name, ["PRESS"]):
        if address.scalar:
            commands.SCALARS[address.name].read(value)
            continue
        template = ENVIRONMENT.from_string(options["command_template"])
        body = orjson.loads(template.render(value=value))
        command = commands.COMMAND_MODELS[address.name].model_validate(body)
        assert command.ts == datetime(2026, 1, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_reads_back_what_the_bridge_says(name: str) -> None:
    options = entities()[name]
    assert "optimistic" not in options
    if not name.startswith("button."):
        assert row_of(options["state_topic"]).name == "allocation"


def test_the_controller_has_the_name_that_the_owner_gave() -> None:
    limit = entities(FULL, discovery(controller="ha"))["number.limit"]
    assert limit["command_topic"] == "ocpp/v1/cs/DE=2AABC=2AE1/1/cmd/ha/limit"


def test_before_anything_was_measured_nothing_is_known() -> None:
    # documents that do not exist yet leave an entity unknown; those that do must not break it
    bare = replace(FULL, evses={1: Evse(id=1)})
    for name in ("sensor.state", "binary_sensor.plugged", "binary_sensor.problem"):
        assert shown(name, bare) in {"Unavailable", "None", "OFF"}
    unread = Transaction(
        id="t", uuid="u", started_at=NOW, last_event_at=NOW, started_seen=True, energy_wh=0.0
    )
    assert shown("sensor.session_energy", with_evse(transaction=unread)) == "0.0"
