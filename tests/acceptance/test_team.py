"""Three charging stations on one line: they share it, and a controller lowers what it carries."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bridges import Bridge, BridgeProgram, Options
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Document, Witness, contains, outcome
from tests.brokers import Broker
from tests.mqtt_probe import Received

STATIONS = ("SIM001", "SIM002", "SIM003")
DONE = [("accepted", "ok"), ("done", "ok")]


@pytest.fixture
def options() -> Options:
    return {"teams": {"garage": {"members": [f"{cs}/1" for cs in STATIONS], "max_a": 30}}}


@pytest.fixture
async def cars(bridge: Bridge, witness: Witness) -> AsyncIterator[Watch]:
    """Three cars that have settled at 10 A each."""
    async with simulated(bridge.url, stations=3) as watch:
        await each_offers(witness, 10)
        yield watch


async def each_offers(witness: Witness, amps: float, stations: Sequence[str] = STATIONS) -> None:
    """Wait until every EVSE is offered exactly this, by the team."""
    for cs in stations:
        await witness.until(
            f"{cs}/1/allocation",
            allocationSourceName="Team",
            offeredA=amps,
            pending=None,
        )


async def told(witness: Witness, **expected: Any) -> Document:
    """Wait until the team's state says this."""
    message = await witness.wait_for(
        f"{witness.root}/v1/team/garage/state",
        lambda each: bool(each.payload) and contains(each.json, expected),
        timeout=15,
    )
    document: Document = message.json
    return document


async def ask(witness: Witness, name: str, body: Document, team: str = "garage") -> list[Document]:
    """Give a command to a team and return its results."""
    place = f"{witness.root}/v1/team/{team}"

    def final(message: Received) -> bool:
        return bool(message.json["id"] == body["id"] and message.json["final"])

    before = len(witness.matching(f"{place}/res/grid/{name}"))
    await witness.publish(f"{place}/cmd/grid/{name}", body)
    finals = len(witness.matching(f"{place}/res/grid/{name}", final))
    await witness.wait_for_count(finals + 1, f"{place}/res/grid/{name}", final)
    return [message.json for message in witness.matching(f"{place}/res/grid/{name}")[before:]]


async def test_the_team_is_in_control_of_each(cars: Watch, witness: Witness) -> None:
    for cs in STATIONS:
        await cars.until(lambda snapshot: snapshot.evses[0].current_a == 10, cs)
    state = await told(witness, reservedA=30.0)
    assert (state["totalA"], state["source"], state["controller"]) == (30, "configuration", None)
    assert [(m["cs"], m["shareA"], m["reason"]) for m in state["members"]] == [
        (cs, 10, "served") for cs in STATIONS
    ]
    allocation = witness.newest("SIM001/1/allocation")
    assert [limit for limit in allocation["limits"] if limit["binding"]] == [
        {
            "source": "Team",
            "limitA": 10.0,
            "controller": None,
            "priority": None,
            "expiresAt": None,
            "binding": True,
            "detail": {"team": "garage"},
        }
    ]


async def test_a_lowered_total_lowers_the_stations(cars: Watch, witness: Witness) -> None:
    witness.forget()
    results = await ask(witness, "limit", {"id": "low", "limitA": 18, "ttlSeconds": 600})
    assert outcome(results) == DONE
    assert results[-1]["data"] | {"expiresAt": None} == {
        "totalA": 18.0,
        "totalW": None,
        "controller": "grid",
        "requestedA": 18.0,
        "requestedW": None,
        "expiresAt": None,
    }
    state = await told(witness, totalA=18.0, reservedA=18.0)
    assert (state["source"], state["controller"], state["mode"]) == ("MQTT", "grid", "normal")
    await each_offers(witness, 6)
    for cs in STATIONS:
        await cars.until(lambda snapshot: snapshot.evses[0].current_a == 6, cs)

    assert outcome(
        await ask(witness, "limit", {"id": "low", "limitA": 18, "ttlSeconds": 600})
    ) == [("done", "duplicate")]
    witness.forget()
    assert outcome(await ask(witness, "release", {"id": "free"})) == DONE
    await each_offers(witness, 10)


async def test_who_comes_last_waits_until_the_others_have_made_room(
    bridge: Bridge, witness: Witness
) -> None:
    async with simulated(bridge.url, station_ids=STATIONS[:2]):
        await each_offers(witness, 15, STATIONS[:2])
        witness.forget()
        async with simulated(bridge.url, station_ids=STATIONS[2:]):
            await each_offers(witness, 10)
        offered = [
            (message.topic.split("/")[-3], message.json["offeredA"])
            for message in witness.messages
            if message.topic.endswith("/1/allocation")
        ]
        last = offered.index(("SIM003", 10))
        assert offered.index(("SIM001", 10)) < last
        assert offered.index(("SIM002", 10)) < last


@pytest.mark.parametrize(
    ("team", "name", "body", "code"),
    [
        ("house", "limit", {"limitA": 10}, "unknown_team"),
        ("garage", "limit", {"limitA": 10, "phases": 1}, "invalid_argument"),
        ("garage", "limit", {"limitA": 10, "ts": "2020-01-01T00:00:00Z"}, "stale_command"),
    ],
)
async def test_refused_with_a_reason(
    bridge: Bridge, witness: Witness, team: str, name: str, body: Document, code: str
) -> None:
    results = await ask(witness, name, {"id": "x", **body}, team)
    assert outcome(results) == [("rejected", code)]


async def test_a_lowered_total_outlives_a_kill(
    program: BridgeProgram, witness: Witness, broker: Broker, tmp_path: Path
) -> None:
    await program.start()
    async with simulated(program.url, stations=3):
        await each_offers(witness, 10)
        assert outcome(await ask(witness, "limit", {"id": "low", "limitA": 18})) == DONE
        await each_offers(witness, 6)
        await program.kill()
        witness.forget()
        await program.start()
        state = await told(witness, totalA=18.0, reservedA=18.0)
        assert state["controller"] == "grid"
        for cs in STATIONS:
            await witness.until(f"{cs}/1/state", stale=False, offeredA=6)
        offered = {
            document["offeredA"]
            for cs in STATIONS
            for document in witness.documents(f"{cs}/1/allocation")
        }
        assert offered == {6}
