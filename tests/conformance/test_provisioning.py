"""Provisioning: boot, versions, variables, restarts (OCPP 2.0.1 part 6, B; 1.6 core profile)."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from bridge.domain.ids import StationId
from bridge.engine.clock import SystemClock
from bridge.store.admin import approve_station
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import BOOT, Json, played
from tests.acceptance.witness import Witness, outcome
from tests.conformance.charge_point import BOOT_16, ChargePoint, charge_point
from tests.conformance.story import DONE, PLACE, Story

WHOLE: Final = "CS1/0"
BOOTS: Final = {"1.6": BOOT_16, "2.0.1": BOOT, "2.1": BOOT}
FREE: Final[dict[str, Json]] = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "2.0.1": {
        "timestamp": "2026-11-21T08:00:00Z",
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
    },
}
FREE["2.1"] = FREE["2.0.1"]


# --- boot


@pytest.mark.parametrize("version", BOOTS)
@pytest.mark.conformance("TC_B_01_CSMS", "TC_001_CSMS")
async def test_a_known_station_is_accepted_when_it_boots(
    bridge: Bridge, witness: Witness, version: str
) -> None:
    async with played(bridge.url, version=version) as station:
        answer = await station.call("BootNotification", BOOTS[version])
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        assert answer["currentTime"].endswith("Z")
        assert await station.call("StatusNotification", FREE[version]) == {}
        assert (await station.call("Heartbeat", {})).keys() == {"currentTime"}
        info = await witness.until_newest("CS1/info", registration="Accepted", ocppVersion=version)
        assert info["cs"] == "CS1"
        booted = await witness.until_newest(
            "CS1/info", evses=[{"evse": 1, "connectors": [1], "phases": 3}]
        )
        assert (booted["boot"]["vendorName"], booted["boot"]["model"]) == ("Played", "Hand")
        state = await witness.until_newest(f"{PLACE}/state", state="Idle")
        assert state["connectorStatus"] == "Available"
        assert not station.calls


class TestUnknownStation:
    """The owner has not let this station in yet."""

    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"unknown": "pending"}}

    @pytest.mark.parametrize("version", BOOTS)
    @pytest.mark.conformance("TC_B_02_CSMS")
    async def test_it_is_pending_until_it_is_approved_on_the_same_connection(
        self, bridge: Bridge, witness: Witness, tmp_path: Any, version: str
    ) -> None:
        async with played(bridge.url, version=version) as station:
            pending = await station.call("BootNotification", BOOTS[version])
            assert pending["status"] == "Pending"
            assert pending["interval"] > 0
            await witness.until_newest("CS1/info", registration="Pending")
            assert approve_station(tmp_path / "data", StationId("CS1"), SystemClock())
            accepted = await station.call("BootNotification", BOOTS[version])
            assert accepted["status"] == "Accepted"
            assert await station.call("StatusNotification", FREE[version]) == {}
            await witness.until_newest("CS1/info", registration="Accepted")
            await witness.until_newest(f"{PLACE}/state", state="Idle")

    @pytest.mark.parametrize("version", BOOTS)
    @pytest.mark.conformance("TC_B_31_CSMS")
    async def test_it_is_asked_to_boot_when_a_controller_lets_it_in(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        async with played(bridge.url, version=version) as station:
            pending = await station.call("BootNotification", BOOTS[version])
            assert pending["status"] == "Pending"
            await witness.until_newest("CS1/info", registration="Pending")
            assert outcome(await witness.ask("approve", place="CS1/0")) == DONE
            assert await station.asked("TriggerMessage") == {
                "requestedMessage": "BootNotification"
            }
            accepted = await station.call("BootNotification", BOOTS[version])
            assert accepted["status"] == "Accepted"
            await witness.until_newest("CS1/info", registration="Accepted")

    @pytest.mark.parametrize("version", BOOTS)
    @pytest.mark.conformance("TC_B_30_CSMS")
    async def test_what_it_says_before_that_is_a_security_error(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        async with played(bridge.url, version=version) as station:
            pending = await station.call("BootNotification", BOOTS[version])
            assert pending["status"] == "Pending"
            said = f'[2,"early","StatusNotification",{json.dumps(FREE[version])}]'
            assert (await station.exchange(said))[:3] == [4, "early", "SecurityError"]
            await witness.until_newest("CS1/info", registration="Pending")
            await witness.settle()
            assert not witness.matching(witness.address(f"{PLACE}/#"))
            results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
            assert outcome(results)[-1][0] == "rejected"
            assert not station.calls_of("SetChargingProfile")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp0.1", "ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp0.1", "ocpp1.6"], "ocpp1.6"),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "ocpp2.1"),
    ],
)
@pytest.mark.conformance("TC_B_58_CSMS", "TC_088_CSMS")
async def test_of_a_mixed_offer_the_first_known_version_is_spoken(
    bridge: Bridge, offered: list[str], chosen: str
) -> None:
    names = [Subprotocol(each) for each in offered]
    async with connect(f"{bridge.url}/CS1", subprotocols=names) as socket:
        assert socket.subprotocol == chosen
        version = chosen.removeprefix("ocpp")
        await socket.send(f'[2,"boot","BootNotification",{json.dumps(BOOTS[version])}]')
        assert '"Accepted"' in str(await socket.recv())


@pytest.mark.parametrize("offered", [["ocpp0.1"], ["ocpp0.1", "mqtt"]])
@pytest.mark.conformance("TC_B_58_CSMS", "TC_088_CSMS")
async def test_an_offer_without_a_known_version_is_not_upgraded(
    bridge: Bridge, witness: Witness, offered: list[str]
) -> None:
    names = [Subprotocol(each) for each in offered]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{bridge.url}/CS1", subprotocols=names):
            pass
    assert refused.value.response.status_code == 400
    await witness.settle()
    assert not witness.matching(witness.address("CS1/#"))


# --- variables

UNIT: Final = {"component": "SmartChargingCtrlr", "variable": "RateUnit"}
INTERVAL: Final = {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}


def named(variable: Json) -> Json:
    """Return a variable as OCPP 2.x names it."""
    return {
        "component": {"name": variable["component"]},
        "variable": {"name": variable["variable"]},
    }


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param([UNIT], marks=pytest.mark.conformance("TC_B_06_CSMS"), id="one"),
        pytest.param([UNIT, INTERVAL], marks=pytest.mark.conformance("TC_B_07_CSMS"), id="two"),
    ],
)
async def test_variables_are_read(story: Story, variables: list[Json]) -> None:
    story.station.answer_with(
        "GetVariables",
        lambda payload: {
            "getVariableResult": [
                each | {"attributeStatus": "Accepted", "attributeValue": "A"}
                for each in payload["getVariableData"]
            ]
        },
    )
    results = await story.witness.ask("getVariables", {"variables": variables}, place=WHOLE)
    assert outcome(results) == DONE
    ((_, payload),) = story.station.calls
    assert [each["component"]["name"] for each in payload["getVariableData"]] == [
        each["component"] for each in variables
    ]
    found = [(each["variable"], each["value"]) for each in results[-1]["data"]["variables"]]
    assert found == [(each["variable"], "A") for each in variables]


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param([UNIT], marks=pytest.mark.conformance("TC_B_09_CSMS"), id="one"),
        pytest.param([UNIT, INTERVAL], marks=pytest.mark.conformance("TC_B_10_CSMS"), id="two"),
    ],
)
async def test_variables_are_written(story: Story, variables: list[Json]) -> None:
    story.station.answer_with(
        "SetVariables",
        lambda payload: {
            "setVariableResult": [
                {name: each[name] for name in ("component", "variable")}
                | {"attributeStatus": "Accepted"}
                for each in payload["setVariableData"]
            ]
        },
    )
    body = {"variables": [each | {"value": "1"} for each in variables]}
    results = await story.witness.ask("setVariables", body, place=WHOLE)
    assert outcome(results) == DONE
    ((action, payload),) = story.station.calls
    assert action == "SetVariables"
    sent = [
        (named(each), each_sent["attributeValue"])
        for each, each_sent in zip(variables, payload["setVariableData"], strict=True)
    ]
    assert sent == [(named(each), "1") for each in variables]
    statuses = [each["status"] for each in results[-1]["data"]["variables"]]
    assert statuses == ["Accepted"] * len(variables)


class TestReports:
    """Reports and profiles of the network are asked for by `call`."""

    @pytest.fixture
    def options(self) -> Options:
        return {"commands": {"allow_call": True}}

    @pytest.mark.parametrize(
        "base",
        [
            pytest.param("ConfigurationInventory", marks=pytest.mark.conformance("TC_B_12_CSMS")),
            pytest.param("FullInventory", marks=pytest.mark.conformance("TC_B_13_CSMS")),
            pytest.param("SummaryInventory", marks=pytest.mark.conformance("TC_B_14_CSMS")),
        ],
    )
    async def test_a_report_in_parts_is_asked_for_and_answered(
        self, story: Story, base: str
    ) -> None:
        payload = {"requestId": 7, "reportBase": base}
        body = {"action": "GetBaseReport", "payload": payload}
        assert outcome(await story.witness.ask("call", body, place=WHOLE)) == DONE
        assert story.station.calls == [("GetBaseReport", payload)]
        for number, more in enumerate((True, False)):
            part = {
                "requestId": 7,
                "generatedAt": "2026-11-21T08:00:00Z",
                "seqNo": number,
                "tbc": more,
                "reportData": [
                    {**named(UNIT), "variableAttribute": [{"type": "Actual", "value": "A"}]}
                ],
            }
            assert await story.station.call("NotifyReport", part) == {}

    @pytest.mark.conformance("TC_B_18_CSMS")
    async def test_a_report_of_some_components_is_asked_for(self, story: Story) -> None:
        criteria = {"componentVariable": [{"component": {"name": "EVSE"}}]}
        payload = {"requestId": 8, **criteria}
        body = {"action": "GetReport", "payload": payload}
        assert outcome(await story.witness.ask("call", body, place=WHOLE)) == DONE
        assert story.station.calls == [("GetReport", payload)]

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param("Accepted", marks=pytest.mark.conformance("TC_B_42_CSMS")),
            pytest.param("Failed", marks=pytest.mark.conformance("TC_B_44_CSMS")),
        ],
    )
    async def test_a_profile_of_the_network_is_set(self, story: Story, answer: str) -> None:
        story.station.answer_with("SetNetworkProfile", lambda _payload: {"status": answer})
        connection = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "ws://bridge.example:9000",
            "messageTimeout": 30,
            "securityProfile": 1,
            "ocppInterface": "Wired0",
        }
        payload = {"configurationSlot": 1, "connectionData": connection}
        body = {"action": "SetNetworkProfile", "payload": payload}
        results = await story.witness.ask("call", body, place=WHOLE)
        assert story.station.calls == [("SetNetworkProfile", payload)]
        assert results[-1]["data"]["payload"] == {"status": answer}


# --- restarts


@pytest.mark.parametrize(
    ("kind", "place", "charging"),
    [
        pytest.param("OnIdle", WHOLE, False, marks=pytest.mark.conformance("TC_B_20_CSMS")),
        pytest.param("OnIdle", WHOLE, True, marks=pytest.mark.conformance("TC_B_21_CSMS")),
        pytest.param("Immediate", WHOLE, True, marks=pytest.mark.conformance("TC_B_22_CSMS")),
        pytest.param("OnIdle", PLACE, False, marks=pytest.mark.conformance("TC_B_25_CSMS")),
        pytest.param("OnIdle", PLACE, True, marks=pytest.mark.conformance("TC_B_26_CSMS")),
        pytest.param("Immediate", PLACE, True, marks=pytest.mark.conformance("TC_B_27_CSMS")),
    ],
)
async def test_a_restart_of_the_station_or_an_evse(
    story: Story, kind: str, place: str, *, charging: bool
) -> None:
    if charging:
        await story.charge()
    scheduled = charging and kind == "OnIdle"
    answer = {"status": "Scheduled" if scheduled else "Accepted"}
    story.station.answer_with("Reset", lambda _payload: answer)
    results = await story.witness.ask("reset", {"type": kind}, place=place)
    assert outcome(results) == DONE
    assert results[-1]["data"] == answer
    where = {} if place == WHOLE else {"evseId": 1}
    assert story.station.calls == [("Reset", {"type": kind, **where})]
    if charging:
        reason = "Local" if scheduled else "ImmediateReset"
        trigger = "StopAuthorized" if scheduled else "ResetCommand"
        assert await story.event("Ended", trigger, info={"stoppedReason": reason}) == {}
        await story.witness.until_newest(f"{PLACE}/secc", stopReason=reason)


@pytest.mark.conformance("TC_B_103_CSMS", "TC_B_104_CSMS")
async def test_a_restart_after_which_the_transaction_goes_on(
    bridge: Bridge, witness: Witness
) -> None:
    async with played(bridge.url, version="2.1") as station:
        await station.boot()
        story = Story(station, witness)
        await story.charge()
        body = {"type": "ImmediateAndResume"}
        assert outcome(await witness.ask("reset", body, place=WHOLE)) == DONE
        assert station.calls == [("Reset", body)]
    async with played(bridge.url, version="2.1") as story.station:
        assert (await story.station.call("BootNotification", BOOT))["status"] == "Accepted"
        assert await story.event("Updated", "TxResumed", "Charging") == {}
        await witness.until_newest(f"{PLACE}/transaction", resumed=True, active=True)
        assert "Ended" not in {each["eventType"] for each in await story.events()}


# --- configuration keys of OCPP 1.6


@pytest.fixture
async def point(bridge: Bridge) -> AsyncIterator[ChargePoint]:
    """A booted Charge Point of OCPP 1.6."""
    async with charge_point(bridge.url) as playing:
        await playing.boot()
        yield playing


class TestKeys:
    """All keys are asked for by `call`, some by `getVariables`."""

    @pytest.fixture
    def options(self) -> Options:
        return {"commands": {"allow_call": True}}

    @pytest.mark.conformance("TC_019_1_CSMS")
    async def test_all_keys_are_read(self, point: ChargePoint, witness: Witness) -> None:
        keys = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False}]}
        point.station.answer_with("GetConfiguration", lambda _payload: keys)
        body = {"action": "GetConfiguration", "payload": {}}
        results = await witness.ask("call", body, place=WHOLE)
        assert outcome(results) == DONE
        assert point.station.calls == [("GetConfiguration", {})]
        assert results[-1]["data"]["payload"] == keys


def key(name: str) -> Json:
    """Return a configuration key as commands name it."""
    return {"component": "ChargePoint", "variable": name}


@pytest.mark.conformance("TC_019_2_CSMS")
async def test_keys_are_read(point: ChargePoint, witness: Witness) -> None:
    answer = {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Nothing"],
    }
    point.station.answer_with("GetConfiguration", lambda _payload: answer)
    body = {"variables": [key("HeartbeatInterval"), key("Nothing")]}
    results = await witness.ask("getVariables", body, place=WHOLE)
    assert outcome(results) == DONE
    assert point.station.calls == [("GetConfiguration", {"key": ["HeartbeatInterval", "Nothing"]})]
    found = [(e["variable"], e["status"], e["value"]) for e in results[-1]["data"]["variables"]]
    assert found == [
        ("HeartbeatInterval", "Accepted", "300"),
        ("Nothing", "UnknownVariable", None),
    ]


@pytest.mark.conformance("TC_021_CSMS")
async def test_keys_are_written_one_after_the_other(point: ChargePoint, witness: Witness) -> None:
    answers = {"HeartbeatInterval": "Accepted", "Nothing": "NotSupported"}
    point.station.answer_with(
        "ChangeConfiguration", lambda payload: {"status": answers[payload["key"]]}
    )
    body = {"variables": [key(name) | {"value": "60"} for name in answers]}
    results = await witness.ask("setVariables", body, place=WHOLE)
    assert outcome(results) == DONE
    assert point.station.calls == [
        ("ChangeConfiguration", {"key": name, "value": "60"}) for name in answers
    ]
    found = [(each["variable"], each["status"]) for each in results[-1]["data"]["variables"]]
    assert found == list(answers.items())


@pytest.mark.parametrize("answer", ["NotSupported", "Rejected"])
@pytest.mark.conformance("TC_040_CSMS")
async def test_a_key_that_is_refused(point: ChargePoint, witness: Witness, answer: str) -> None:
    point.station.answer_with("ChangeConfiguration", lambda _payload: {"status": answer})
    body = {"variables": [key("Nothing") | {"value": "60"}]}
    results = await witness.ask("setVariables", body, place=WHOLE)
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    (refused,) = results[-1]["error"]["details"]["variables"]
    assert (refused["variable"], refused["status"]) == ("Nothing", answer)
