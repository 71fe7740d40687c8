"""Remote control: start, stop, unlock, trigger (OCPP 2.0.1 part 6, F; 1.6 core profile)."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import Json, energy, iso
from tests.acceptance.witness import Document, Witness, outcome
from tests.conformance.charge_point import ChargePoint, charge_point
from tests.conformance.story import ACCEPTED, DONE, PLACE, Story

WHOLE: Final = "CS1/0"
ME: Final = {"value": "ME", "type": "Central"}
CENTRAL: Final = {"idToken": "ME", "type": "Central"}
REJECTED: Final = [("accepted", "ok"), ("rejected", "station_rejected")]


# --- start


async def started(story: Story, answer: Json | None = None) -> int:
    """Give the command `start`; return the remoteStartId of the request."""
    story.station.answer_with(
        "RequestStartTransaction", lambda _payload: answer or {"status": "Accepted"}
    )
    results = await story.witness.ask("start", {"idToken": ME}, place=PLACE)
    assert outcome(results) == DONE
    ((action, payload),) = story.station.calls
    assert action == "RequestStartTransaction"
    number: int = results[-1]["data"]["remoteStartId"]
    assert payload == {"evseId": 1, "remoteStartId": number, "idToken": CENTRAL}
    return number


@pytest.mark.conformance("TC_F_01_CSMS")
async def test_a_start_gives_the_plugged_in_car_its_token(story: Story) -> None:
    await story.plug_in()
    await story.shows(phase="awaiting_authorization", transactionId="tx-1")
    number = await started(story, {"status": "Accepted", "transactionId": "tx-1"})
    info = {"remoteStartId": number}
    assert await story.event("Updated", "RemoteStart", info=info, idToken=CENTRAL) == ACCEPTED
    assert await story.event("Updated", "ChargingStateChanged", "Charging") == {}
    await story.shows(state="Charging")
    transaction = await story.witness.until_newest(f"{PLACE}/transaction", remoteStartId=number)
    assert (transaction["transactionId"], transaction["startReason"]) == ("tx-1", "CablePluggedIn")
    assert [each[:2] for each in await story.told()] == [
        ("Started", "CablePluggedIn"),
        ("Updated", "RemoteStart"),
        ("Updated", "ChargingStateChanged"),
    ]


@pytest.mark.parametrize(
    "authorizes",
    [
        pytest.param(True, marks=pytest.mark.conformance("TC_F_02_CSMS")),
        pytest.param(False, marks=pytest.mark.conformance("TC_F_03_CSMS")),
    ],
)
async def test_a_start_before_there_is_a_car(story: Story, *, authorizes: bool) -> None:
    number = await started(story)
    if authorizes:  # AuthorizeRemoteStart: the station asks what it has just been told
        assert await story.authorize(CENTRAL) == "Accepted"
    info = {"remoteStartId": number}
    answer = await story.event("Started", "RemoteStart", info=info, idToken=CENTRAL)
    assert answer == ACCEPTED
    await story.shows(transactionId="tx-1", phase="awaiting_start", plugged=False)
    await story.station.status("Occupied")
    assert await story.event("Updated", "CablePluggedIn", "EVConnected") == {}
    assert await story.event("Updated", "ChargingStateChanged", "Charging") == {}
    await story.shows(state="Charging")
    secc = await story.witness.until_newest(f"{PLACE}/secc", state="Charging")
    assert secc["startReason"] == "RemoteStart"
    assert {each["transaction"]["remoteStartId"] for each in await story.events()} == {number}


@pytest.mark.conformance("TC_F_04_CSMS")
async def test_a_start_to_which_no_car_comes(story: Story) -> None:
    number = await started(story)
    info = {"remoteStartId": number}
    await story.event("Started", "RemoteStart", info=info, idToken=CENTRAL)
    assert await story.event("Updated", "EVConnectTimeout") == {}
    shown = await story.shows(transactionId="tx-1")
    assert (shown["state"], shown["plugged"], shown["charging"]) == ("Idle", False, False)
    assert [each[:2] for each in await story.told()] == [
        ("Started", "RemoteStart"),
        ("Updated", "EVConnectTimeout"),
    ]


# --- unlock and trigger


@pytest.mark.conformance("TC_F_06_CSMS")
async def test_unlock_without_a_transaction(story: Story) -> None:
    story.station.answer_with("UnlockConnector", lambda _payload: {"status": "Unlocked"})
    results = await story.witness.ask("unlock", {"connector": 1}, place=PLACE)
    assert outcome(results) == DONE
    assert results[-1]["data"] == {"status": "Unlocked"}
    assert story.station.calls == [("UnlockConnector", {"evseId": 1, "connectorId": 1})]


async def triggered(story: Story, message: str, place: str) -> Json:
    """Give the command `trigger`; return the payload of the request."""
    results = await story.witness.ask("trigger", {"message": message}, place=place)
    assert outcome(results) == DONE
    assert results[-1]["data"] == {"status": "Accepted"}
    ((action, payload),) = story.station.calls
    assert action == "TriggerMessage"
    return payload


@pytest.mark.parametrize(
    ("place", "request_"),
    [
        pytest.param(PLACE, {"evse": {"id": 1}}, marks=pytest.mark.conformance("TC_F_11_CSMS")),
        pytest.param(WHOLE, {}, marks=pytest.mark.conformance("TC_F_12_CSMS")),
    ],
    ids=["EVSE", "all"],
)
async def test_triggered_meter_values(story: Story, place: str, request_: Json) -> None:
    wanted = {"requestedMessage": "MeterValues", **request_}
    assert await triggered(story, "MeterValues", place) == wanted
    values = {"evseId": 1, "meterValue": energy(iso(story.session.begin), 4711, "Trigger")}
    assert await story.station.call("MeterValues", values) == {}
    meter = await story.witness.until_newest(f"{PLACE}/meter", energyWh=4711)
    assert meter["ts"] == iso(story.session.begin)


@pytest.mark.parametrize(
    ("place", "request_"),
    [
        pytest.param(PLACE, {"evse": {"id": 1}}, marks=pytest.mark.conformance("TC_F_13_CSMS")),
        pytest.param(WHOLE, {}, marks=pytest.mark.conformance("TC_F_14_CSMS")),
    ],
    ids=["EVSE", "all"],
)
async def test_a_triggered_event_of_the_transaction(
    story: Story, place: str, request_: Json
) -> None:
    await story.charge()
    wanted = {"requestedMessage": "TransactionEvent", **request_}
    assert await triggered(story, "TransactionEvent", place) == wanted
    reading = energy(iso(story.session.begin), 900, "Trigger")
    assert await story.event("Updated", "Trigger", "Charging", meterValue=reading) == {}
    assert (await story.told())[-1] == ("Updated", "Trigger", "Charging")
    assert (await story.events())[-1]["meter"]["energyWh"] == 900


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        pytest.param(
            "LogStatusNotification",
            {"status": "Idle"},
            marks=pytest.mark.conformance("TC_F_15_CSMS"),
        ),
        pytest.param(
            "FirmwareStatusNotification",
            {"status": "Idle"},
            marks=pytest.mark.conformance("TC_F_18_CSMS"),
        ),
        pytest.param("Heartbeat", {}, marks=pytest.mark.conformance("TC_F_20_CSMS")),
    ],
)
async def test_a_triggered_message_that_only_wants_its_answer(
    story: Story, message: str, answer: Json
) -> None:
    assert await triggered(story, message, WHOLE) == {"requestedMessage": message}
    assert set(await story.station.call(message, answer)) <= {"currentTime"}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Available", marks=pytest.mark.conformance("TC_F_23_CSMS")),
        pytest.param("Occupied", marks=pytest.mark.conformance("TC_F_24_CSMS")),
    ],
)
async def test_a_triggered_status_is_the_one_that_is_known(story: Story, status: str) -> None:
    await story.station.status(status)
    before = await story.shows(connectorStatus=status)
    body = {"message": "StatusNotification", "connector": 1}
    assert outcome(await story.witness.ask("trigger", body, place=PLACE)) == DONE
    wanted = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
    assert story.station.calls == [("TriggerMessage", wanted)]
    await story.witness.settle()
    known = len(story.witness.documents(f"{PLACE}/event/status"))
    await story.station.status(status)
    await story.witness.settle()
    assert len(story.witness.documents(f"{PLACE}/event/status")) == known
    assert story.witness.newest(f"{PLACE}/state")["state"] == before["state"]


@pytest.mark.parametrize("answer", ["NotImplemented", "Rejected"])
@pytest.mark.conformance("TC_F_27_CSMS")
async def test_a_trigger_that_the_station_does_not_know(story: Story, answer: str) -> None:
    story.station.answer_with("TriggerMessage", lambda _payload: {"status": answer})
    results = await story.witness.ask("trigger", {"message": "MeterValues"}, place=PLACE)
    assert outcome(results) == REJECTED
    assert results[-1]["error"]["details"]["status"] == answer


# --- OCPP 1.6


@pytest.fixture
async def point(bridge: Bridge) -> AsyncIterator[ChargePoint]:
    """A booted Charge Point of OCPP 1.6."""
    async with charge_point(bridge.url) as playing:
        await playing.boot()
        yield playing


async def asked(point: ChargePoint, witness: Witness, name: str, **body: Any) -> list[Document]:
    """Give a command and return its results."""
    results: list[Document] = await witness.ask(name, body, place=PLACE)
    return results


@pytest.mark.parametrize(
    "cable_first",
    [
        pytest.param(True, marks=pytest.mark.conformance("TC_010_CSMS")),
        pytest.param(False, marks=pytest.mark.conformance("TC_011_1_CSMS")),
    ],
)
async def test_a_start_in_1_6(point: ChargePoint, witness: Witness, *, cable_first: bool) -> None:
    if cable_first:
        await point.status("Preparing")
    results = await asked(point, witness, "start", idToken=ME)
    assert outcome(results) == DONE
    assert point.station.calls == [("RemoteStartTransaction", {"connectorId": 1, "idTag": "ME"})]
    assert await point.authorize("ME") == "Accepted"
    if not cable_first:
        await point.status("Preparing")
    assert await point.begin("ME") == "Accepted"
    await point.status("Charging")
    await witness.until_newest(f"{PLACE}/state", state="Charging")
    secc = await witness.until_newest(f"{PLACE}/secc", state="Charging")
    assert secc["startReason"] == "RemoteStart"
    number = results[-1]["data"]["remoteStartId"]
    await witness.until_newest(f"{PLACE}/transaction", remoteStartId=number)


@pytest.mark.conformance("TC_011_2_CSMS")
async def test_a_start_to_which_no_car_comes_in_1_6(point: ChargePoint, witness: Witness) -> None:
    assert outcome(await asked(point, witness, "start", idToken=ME)) == DONE
    await point.status("Preparing")
    await witness.until_newest(f"{PLACE}/state", phase="awaiting_start", plugged=False)
    await point.status("Available")
    await witness.until_newest(f"{PLACE}/state", connectorStatus="Available", transactionId=None)
    await witness.settle()
    assert not witness.documents(f"{PLACE}/event/transaction")


@pytest.mark.conformance("TC_012_CSMS")
async def test_a_stop_in_1_6(point: ChargePoint, witness: Witness) -> None:
    await point.charge()
    assert outcome(await asked(point, witness, "stop")) == DONE
    wanted = ("RemoteStopTransaction", {"transactionId": point.number})
    assert point.station.calls == [wanted]
    assert await point.stop("Remote") == {}
    await point.status("Finishing")
    await witness.until_newest(f"{PLACE}/secc", stopReason="Remote", state="Finishing")
    await witness.settle()
    (end,) = [
        each
        for each in witness.documents(f"{PLACE}/event/transaction")
        if each["eventType"] == "Ended"
    ]
    assert end["triggerReason"] == "RemoteStop"


@pytest.mark.parametrize(
    ("name", "action"),
    [
        pytest.param(
            "start", "RemoteStartTransaction", marks=pytest.mark.conformance("TC_026_CSMS")
        ),
        pytest.param(
            "stop", "RemoteStopTransaction", marks=pytest.mark.conformance("TC_028_CSMS")
        ),
    ],
)
async def test_a_refused_start_or_stop_in_1_6(
    point: ChargePoint, witness: Witness, name: str, action: str
) -> None:
    if name == "stop":
        await point.charge()
    point.station.answer_with(action, lambda _payload: {"status": "Rejected"})
    assert outcome(await asked(point, witness, name)) == REJECTED
    assert len(point.station.calls_of(action)) == 1
    await witness.settle()
    open_ = [each["active"] for each in witness.documents(f"{PLACE}/transaction")][-1:]
    assert open_ == ([True] if name == "stop" else [])


@pytest.mark.parametrize("message", ["MeterValues", "Heartbeat", "StatusNotification"])
@pytest.mark.conformance("TC_054_CSMS")
async def test_a_trigger_in_1_6(point: ChargePoint, witness: Witness, message: str) -> None:
    results = await asked(point, witness, "trigger", message=message)
    assert outcome(results) == DONE
    wanted = {"requestedMessage": message, "connectorId": 1}
    assert point.station.calls == [("TriggerMessage", wanted)]


@pytest.mark.parametrize("answer", ["Rejected", "NotImplemented"])
@pytest.mark.conformance("TC_055_CSMS")
async def test_a_refused_trigger_in_1_6(point: ChargePoint, witness: Witness, answer: str) -> None:
    point.station.answer_with("TriggerMessage", lambda _payload: {"status": answer})
    results = await asked(point, witness, "trigger", message="MeterValues")
    assert outcome(results) == REJECTED
    assert results[-1]["error"]["details"]["status"] == answer
