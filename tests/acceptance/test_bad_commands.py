"""Bad commands, end to end: each gets the answer that the API names, and the station none of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import RawStation, Session, iso, played
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe, Received

DONE = [("accepted", "ok"), ("done", "ok")]


@pytest.fixture
async def station(bridge: Bridge, witness: Witness) -> AsyncIterator[RawStation]:
    """A charging station CS1 that no bad command may reach."""
    async with played(bridge.url) as played_station:
        await played_station.boot()
        await played_station.call("TransactionEvent", Session().started())
        await witness.until("CS1/1/state", state="Charging")
        yield played_station


def ago(seconds: float) -> str:
    return iso(datetime.now(tz=UTC) - timedelta(seconds=seconds))


async def refusal(
    witness: Witness, name: str, payload: Any, *, topic: str = "", answer: str = ""
) -> Document:
    """Publish and return the only result, which must be a final refusal."""
    address = topic or f"CS1/1/cmd/me/{name}"
    result_at = witness.address(answer or address.replace("/cmd/", "/res/"))
    await witness.publish(witness.address(address), payload)
    await witness.wait_for(result_at)
    await witness.settle()
    (result,) = [message.json for message in witness.matching(result_at)]
    assert result["final"]
    assert result["data"] is None
    assert result["error"]["code"] == result["code"]
    assert result["error"]["message"]
    return dict(result)


BODIES = {
    "NaN": ('{"limitA":NaN}', "invalid_json", None),
    "Infinity": ('{"limitA":Infinity}', "invalid_json", None),
    "1e309": ('{"limitA":1e309}', "invalid_json", None),
    "no JSON": ("ten amperes", "invalid_json", None),
    "no UTF-8": (b'{"limitA":"\xff"}', "invalid_json", None),
    "5,000 levels": ("[" * 5_000 + "]" * 5_000, "invalid_json", None),
    "a key twice": ('{"limitA":6,"limitA":32}', "invalid_json", "/limitA"),
    "an array": ("[10]", "invalid_argument", ""),
    "1e308": ('{"limitA":1e308}', "invalid_argument", "/limitA"),
    "a number of 5,000 digits": (
        '{"limitA":' + "9" * 5_000 + "}",
        "invalid_json",
        None,
    ),
    "below zero": ('{"limitA":-1}', "invalid_argument", "/limitA"),
    "text for a number": ('{"limitA":"10"}', "invalid_argument", "/limitA"),
    "boolean for a number": ('{"limitA":true}', "invalid_argument", "/limitA"),
    "unknown argument": ('{"limitA":10,"limitB":1}', "invalid_argument", "/limitB"),
    "two limits": ('{"limitA":10,"limitW":1000}', "invalid_argument", ""),
    "no limit": ("{}", "invalid_argument", ""),
    "lease of no time": ('{"limitA":10,"ttlSeconds":0}', "invalid_argument", "/ttlSeconds"),
    "two phases": ('{"limitA":10,"phases":2}', "invalid_argument", "/phases"),
    "id of 65 characters": (f'{{"limitA":10,"id":"{"i" * 65}"}}', "invalid_argument", "/id"),
    "time without zone": (
        '{"limitA":10,"ts":"2026-01-10T10:00:00"}',
        "invalid_argument",
        "/ts",
    ),
}


@pytest.mark.parametrize(("payload", "code", "pointer"), BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_is_refused_by_name(
    station: RawStation, witness: Witness, payload: Any, code: str, pointer: str | None
) -> None:
    result = await refusal(witness, "limit", payload)
    assert (result["status"], result["code"]) == ("rejected", code), result
    assert result["error"]["details"].get("pointer") == pointer, result
    assert not result["error"]["retryable"]
    assert not station.calls


TOPICS = {
    "unknown station": ("NOBODY/1/cmd/me/limit", "NOBODY/1/res/me/limit", "unknown_station"),
    "station not as we write it": (
        "CS=31/1/cmd/me/limit",
        "CS=3D31/1/res/me/limit",
        "unknown_station",
    ),
    "unknown EVSE": ("CS1/7/cmd/me/limit", "CS1/7/res/me/limit", "unknown_evse"),
    "EVSE that is no number": ("CS1/x/cmd/me/limit", "CS1/0/res/me/limit", "unknown_evse"),
    "controller's name": ("CS1/1/cmd/m.e/limit", "CS1/1/res/m=2Ee/limit", "invalid_argument"),
    "no such command": ("CS1/1/cmd/me/limitt", "CS1/1/res/me/limitt", "unsupported"),
    "no id": ("CS1/1/cmd/me/unlock", "CS1/1/res/me/unlock", "missing_id"),
    "no such value": ("CS1/1/set/me/limitB", "CS1/1/res/me/set_limitB", "unsupported"),
    "not a number": ("CS1/1/set/me/limitA", "CS1/1/res/me/set_limitA", "invalid_argument"),
    "not a switch": ("CS1/1/set/me/charging", "CS1/1/res/me/set_charging", "invalid_argument"),
}


@pytest.mark.parametrize(("topic", "answer", "code"), TOPICS.values(), ids=TOPICS.keys())
async def test_a_wrong_address_is_answered_too(
    station: RawStation, witness: Witness, topic: str, answer: str, code: str
) -> None:
    result = await refusal(witness, "", '{"limitA":10}', topic=topic, answer=answer)
    assert (result["status"], result["code"]) == ("rejected", code), result
    assert not station.calls


async def test_commands_out_of_time_are_not_carried_out(
    station: RawStation, witness: Witness
) -> None:
    cases: list[tuple[str, Document, str, str, str]] = [
        ("limit", {"ts": ago(31), "limitA": 10}, "rejected", "stale_command", "ageSeconds"),
        ("stop", {"ts": ago(61)}, "rejected", "stale_command", "ageSeconds"),
        ("limit", {"ts": ago(-40), "limitA": 10}, "rejected", "clock_skew", "aheadSeconds"),
        ("limit", {"expiresAt": ago(2), "limitA": 10}, "expired", "expired", "expiredSeconds"),
    ]
    for name, body, status, code, fact in cases:
        witness.forget()
        result = await refusal(witness, name, body)
        assert (result["status"], result["code"]) == (status, code)
        assert abs(result["error"]["details"][fact]) >= 2
    assert not station.calls
    fresh = {"ts": ago(29), "expiresAt": ago(-5), "limitA": 10}
    assert outcome(await witness.ask("limit", fresh, place="CS1/1")) == DONE


@pytest.mark.mqtt5
async def test_a_retained_command_is_refused_and_cleared(
    station: RawStation, witness: Witness, broker: Broker
) -> None:
    topic = witness.address("CS1/1/cmd/me/limit")
    await witness.publish(topic, {"id": "kept", "limitA": 6}, retain=True)
    results = await witness.results("limit", "kept", place="CS1/1")
    assert outcome(results) == [("rejected", "retained_command")]
    await witness.wait_for(topic, lambda each: each.payload == b"")
    async with MqttProbe(broker.url, topic) as late:
        await late.settle()
        assert not late.messages
    assert not station.calls


async def test_an_empty_payload_says_nothing(station: RawStation, witness: Witness) -> None:
    await witness.publish(witness.address("CS1/1/cmd/me/limit"), b"")
    await witness.ask("get", place="CS1/1")
    await witness.settle()
    assert not witness.matching(witness.address("CS1/1/res/me/limit"))


async def test_an_id_is_good_for_one_command(station: RawStation, witness: Witness) -> None:
    body = {"id": "once", "limitA": 10}
    first = await witness.ask("limit", body, place="CS1/1")
    assert outcome(first) == DONE

    again = await witness.ask("limit", {"limitA": 10, "id": "once"}, place="CS1/1")
    assert outcome(again) == DONE  # the first two are among them
    results = await _all_results(witness, 3)
    assert outcome(results)[2:] == [("done", "duplicate")]
    assert results[2]["data"] == first[-1]["data"]

    await witness.ask("limit", {"id": "once", "limitA": 16}, place="CS1/1")
    results = await _all_results(witness, 4)
    assert outcome(results)[3:] == [("rejected", "id_conflict")]
    assert len(station.calls) == 1
    # another controller's ids are its own
    other = await witness.ask("limit", body, place="CS1/1", controller="pv")
    assert outcome(other)[-1][0] == "done"


async def _all_results(witness: Witness, count: int) -> list[Document]:
    topic = witness.address("CS1/1/res/me/limit")
    return [each.json for each in await witness.wait_for_count(count, topic)]


async def test_who_talks_too_much_is_told_so_and_others_are_heard(
    station: RawStation, witness: Witness
) -> None:
    topic = witness.address("CS1/1/cmd/noisy/get")
    for number in range(90):
        await witness.publish(topic, {"id": f"n{number}", "what": "availability"}, qos=0)

    def final(message: Received) -> bool:
        return bool(message.json["final"])

    answers = await witness.wait_for_count(
        90, witness.address("CS1/1/res/noisy/get"), final, timeout=15
    )
    codes = [message.json["code"] for message in answers]
    assert 50 <= codes.count("ok") <= 75
    limited = [each.json for each in answers if each.json["code"] == "rate_limited"]
    assert len(limited) == 90 - codes.count("ok")
    assert all(each["error"]["retryable"] for each in limited)
    assert outcome(await witness.ask("get", place="CS1/1", controller="calm")) == DONE


async def test_a_station_that_is_offline_can_be_told_later(
    bridge: Bridge, witness: Witness
) -> None:
    async with played(bridge.url) as station:
        await station.boot()
    await witness.until_text("CS1/availability", "offline")

    for name, body in (("limit", {"limitA": 8}), ("stop", {}), ("start", {})):
        results = await witness.ask(name, body, place="CS1/1")
        assert outcome(results) == [("rejected", "station_offline")]
        assert results[0]["error"]["retryable"]
    assert outcome(await witness.ask("get", place="CS1/1")) == DONE
    results = await witness.ask("start", {"defer": True}, place="CS1/1")
    assert outcome(results) == [("rejected", "invalid_argument")]

    topic = witness.address("CS1/1/cmd/me/limit")
    await witness.publish(topic, {"id": "later", "limitA": 8, "defer": True})
    suspended = await witness.until("CS1/1/allocation", state="suspended")
    assert suspended["allocationSourceName"] == "Unmanaged"
    async with played(bridge.url) as station:
        results = await witness.results("limit", "later", place="CS1/1")
        assert outcome(results) == DONE
        profile = await station.asked("SetChargingProfile")
        assert profile["chargingProfile"]["chargingProfilePurpose"] == "TxDefaultProfile"
    await witness.until("CS1/1/allocation", state="suspended", allocationSourceName="MQTT")


class TestWithConfiguredControllers:
    """`[controllers]` names who may do what; nobody else may do anything."""

    @pytest.fixture
    def options(self) -> Options:
        return {
            "controllers": {
                "me": {"max_priority": 50},
                "pv": {"commands": ["limit", "release"]},
                "guest": {"stations": ["OTHER"]},
            }
        }

    @pytest.mark.parametrize(
        ("controller", "name", "body", "details"),
        [
            ("stranger", "limit", {"limitA": 10}, {}),
            ("guest", "limit", {"limitA": 10}, {}),
            ("pv", "stop", {}, {}),
            ("pv", "pause", {}, {}),
            ("me", "limit", {"limitA": 10, "priority": 51}, {"maxPriority": 50}),
        ],
    )
    async def test_what_is_not_theirs_is_refused(
        self,
        station: RawStation,
        witness: Witness,
        controller: str,
        name: str,
        body: Document,
        details: Document,
    ) -> None:
        results = await witness.ask(name, body, place="CS1/1", controller=controller)
        assert outcome(results) == [("rejected", "not_authorised")]
        assert results[0]["error"]["details"] == details
        assert not station.calls

    async def test_what_is_theirs_is_done(self, station: RawStation, witness: Witness) -> None:
        results = await witness.ask("limit", {"limitA": 10}, place="CS1/1", controller="pv")
        assert outcome(results) == DONE
        results = await witness.ask("limit", {"limitA": 9}, place="CS1/1")
        assert outcome(results)[-1][0] == "done"
        allocation = await witness.until("CS1/1/allocation", allocationSourceName="MQTT")
        priorities = {
            limit["controller"]: limit["priority"]
            for limit in allocation["limits"]
            if limit["controller"]
        }
        assert priorities["pv"] == 100
        assert priorities.get("me", 50) == 50
