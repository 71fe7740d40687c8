"""Transactions of OCPP 2.0.1 (part 6, E): every way to begin and to end one.

Where the station begins and ends a transaction is its own configuration (TxStartPoint,
TxStopPoint); the bridge takes what comes.
"""

from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import energy, iso, played
from tests.acceptance.witness import outcome
from tests.conformance.story import ACCEPTED, DONE, PLACE, TOKEN, Story, of_event

CHARGING: Final = ("Updated", "ChargingStateChanged", "Charging")
PLUGGED: Final = ("Started", "CablePluggedIn", "EVConnected")
AUTHORIZED: Final = ("Updated", "Authorized", "EVConnected")


# --- start


@pytest.mark.parametrize(
    ("trigger", "state"),
    [
        pytest.param(
            "ChargingStateChanged",
            "SuspendedEVSE",
            marks=pytest.mark.conformance("TC_E_01_CSMS"),
            id="PowerPathClosed",
        ),
        pytest.param(
            "ChargingStateChanged",
            "Charging",
            marks=pytest.mark.conformance("TC_E_02_CSMS"),
            id="EnergyTransfer",
        ),
        pytest.param(
            "SignedDataReceived",
            None,
            marks=pytest.mark.conformance("TC_E_11_CSMS"),
            id="DataSigned",
        ),
    ],
)
async def test_a_transaction_begins_with_its_token_once_the_cable_is_in(
    story: Story, trigger: str, state: str | None
) -> None:
    assert await story.authorize() == "Accepted"
    await story.station.status("Occupied")
    waiting = await story.shows(state="SuspendedEVSE")
    assert (waiting["phase"], waiting["transactionId"]) == ("awaiting_start", None)
    members: dict[str, Any] = {"idToken": TOKEN}
    if trigger == "SignedDataReceived":
        (reading,) = energy(iso(story.session.begin), 0, "Transaction.Begin")
        signed = {
            "signedMeterData": "c2lnbmVk",
            "signingMethod": "",
            "encodingMethod": "OCMF",
            "publicKey": "",
        }
        reading["sampledValue"][0]["signedMeterValue"] = signed
        members["meterValue"] = [reading]
    assert await story.event("Started", trigger, state, **members) == ACCEPTED
    assert await story.event(*CHARGING) == {}
    shown = await story.shows(state="Charging")
    assert (shown["transactionId"], shown["plugged"]) == ("tx-1", True)
    assert await story.told() == [("Started", trigger, state), CHARGING]
    secc = await story.witness.until_newest(f"{PLACE}/secc", state="Charging")
    assert secc["startReason"] == trigger


@pytest.mark.conformance("TC_E_03_CSMS", "TC_E_09_CSMS")
async def test_the_cable_begins_a_transaction_and_the_token_lets_it_charge(story: Story) -> None:
    await story.plug_in()
    waiting = await story.shows(state="SuspendedEVSE", transactionId="tx-1")
    assert (waiting["phase"], waiting["charging"]) == ("awaiting_authorization", False)
    assert await story.authorize() == "Accepted"
    assert await story.event("Updated", "Authorized", idToken=TOKEN) == ACCEPTED
    await story.shows(phase="starting")
    assert await story.event(*CHARGING) == {}
    await story.shows(state="Charging")
    assert await story.told() == [PLUGGED, AUTHORIZED, CHARGING]
    secc = await story.witness.until_newest(f"{PLACE}/secc", state="Charging")
    assert secc["startReason"] == "CablePluggedIn"


@pytest.mark.conformance("TC_E_04_CSMS", "TC_E_10_CSMS")
async def test_the_token_begins_a_transaction_before_there_is_a_cable(story: Story) -> None:
    assert await story.authorize() == "Accepted"
    # no EVSE is chosen yet, so none is named (E01.FR.16)
    answer = await story.event("Started", "Authorized", evse=None, idToken=TOKEN)
    assert answer == ACCEPTED
    waiting = await story.shows(transactionId="tx-1")
    assert (waiting["state"], waiting["phase"], waiting["plugged"]) == (
        "Idle",
        "awaiting_start",
        False,
    )
    await story.station.status("Occupied")
    evse = {"id": 1, "connectorId": 1}
    assert await story.event("Updated", "CablePluggedIn", "EVConnected", evse=evse) == {}
    await story.shows(state="SuspendedEVSE", phase="starting")
    assert await story.event(*CHARGING) == {}
    await story.shows(state="Charging")
    assert await story.told() == [
        ("Started", "Authorized", None),
        ("Updated", "CablePluggedIn", "EVConnected"),
        CHARGING,
    ]


@pytest.mark.conformance("TC_E_12_CSMS")
async def test_a_car_in_the_bay_begins_a_transaction_and_is_not_plugged_in(story: Story) -> None:
    assert await story.event("Started", "EVDetected") == {}
    parked = await story.shows(transactionId="tx-1")
    assert (parked["state"], parked["plugged"], parked["charging"]) == ("Idle", False, False)
    assert await story.told() == [("Started", "EVDetected", None)]
    secc = await story.witness.until_newest(f"{PLACE}/secc", startReason="EVDetected")
    assert secc["vehicleStatus"] == "A"


@pytest.mark.conformance("TC_E_38_CSMS")
async def test_a_car_that_is_not_ready_suspends_the_transaction(story: Story) -> None:
    assert await story.event("Started", "Authorized", idToken=TOKEN) == ACCEPTED
    await story.station.status("Occupied")
    assert await story.event("Updated", "CablePluggedIn", "EVConnected") == {}
    assert await story.event("Updated", "ChargingStateChanged", "SuspendedEV") == {}
    shown = await story.shows(state="SuspendedEV")
    assert (shown["vehicleStatus"], shown["chargeControllerStatus"]) == ("B", "B2")
    assert (await story.told())[-1] == ("Updated", "ChargingStateChanged", "SuspendedEV")


# --- stop


async def ended(story: Story, reason: str, trigger: str, state: str | None) -> None:
    """Send the end of a transaction, and see how it is told."""
    before = len(await story.events())
    assert await story.event("Ended", trigger, state, info={"stoppedReason": reason}) == {}
    secc = await story.witness.until_newest(f"{PLACE}/secc", stopReason=reason)
    assert secc["endedTime"] >= secc["startedTime"] > 0
    transaction = await story.witness.until_newest(f"{PLACE}/transaction", active=False)
    assert (transaction["stoppedReason"], transaction["missingSeqNos"]) == (reason, [])
    (last,) = (await story.events())[before:]
    assert (last["type"], last["triggerReason"]) == ("transaction.ended", trigger)
    assert last["transaction"]["stoppedReason"] == reason
    await story.told()


@pytest.mark.conformance("TC_E_07_CSMS", "TC_E_15_CSMS")
async def test_the_driver_stops_and_the_transaction_ends(story: Story) -> None:
    await story.charge()
    await ended(story, "Local", "StopAuthorized", None)
    await story.shows(state="Finishing", phase="stopped", transactionId=None)


@pytest.mark.conformance("TC_E_08_CSMS")
async def test_the_driver_stops_and_the_transaction_ends_with_the_energy(story: Story) -> None:
    await story.charge()
    stopping = await story.event("Updated", "StopAuthorized", "EVConnected", idToken=TOKEN)
    assert stopping == ACCEPTED
    await story.shows(state="SuspendedEVSE", transactionId="tx-1")
    await ended(story, "Local", "ChargingStateChanged", "EVConnected")
    await story.shows(state="Finishing", phase="stopped")


@pytest.mark.conformance("TC_E_14_CSMS")
async def test_the_cable_is_pulled_at_the_station_after_the_stop(story: Story) -> None:
    await story.charge()
    assert await story.event("Updated", "StopAuthorized", "EVConnected", idToken=TOKEN) == ACCEPTED
    await story.unplug()
    await story.shows(state="Idle", plugged=False)
    secc = await story.witness.until_newest(
        f"{PLACE}/secc", state="Idle", stopReason="EVDisconnected"
    )
    assert secc["vehicleStatus"] == "A"


@pytest.mark.conformance("TC_E_17_CSMS", "TC_E_20_CSMS")
async def test_the_cable_is_pulled_at_the_car_while_suspended(story: Story) -> None:
    await story.charge()
    assert await story.event("Updated", "ChargingStateChanged", "SuspendedEV") == {}
    await story.shows(state="SuspendedEV")
    await ended(story, "EVDisconnected", "EVCommunicationLost", "Idle")
    await story.station.status("Available")
    await story.shows(state="Idle", plugged=False)


@pytest.mark.conformance("TC_E_19_CSMS")
async def test_the_transaction_ends_when_the_car_leaves_the_bay(story: Story) -> None:
    await story.charge()
    lost = await story.event("Updated", "EVCommunicationLost", "Idle")
    assert lost == {}
    await story.station.status("Available")
    lingering = await story.shows(phase="lingering")
    assert (lingering["state"], lingering["transactionId"]) == ("Finishing", "tx-1")
    await ended(story, "Local", "EVDeparted", None)
    await story.shows(state="Idle", phase="completed")


@pytest.mark.conformance("TC_E_22_CSMS")
async def test_the_car_ends_the_transaction(story: Story) -> None:
    await story.charge()
    await ended(story, "StoppedByEV", "ChargingStateChanged", "SuspendedEV")
    await story.shows(state="Finishing")


@pytest.mark.conformance("TC_E_21_CSMS", "TC_012_CSMS")
async def test_a_stop_by_mqtt_ends_the_transaction_that_it_names(story: Story) -> None:
    await story.charge()
    body = {"transactionId": "tx-1"}
    assert outcome(await story.witness.ask("stop", body, place=PLACE)) == DONE
    assert story.station.calls == [("RequestStopTransaction", {"transactionId": "tx-1"})]
    await ended(story, "Remote", "RemoteStop", None)


@pytest.mark.conformance("TC_E_26_CSMS")
async def test_a_transaction_survives_that_the_car_is_unplugged_for_a_while(story: Story) -> None:
    await story.charge()
    assert await story.event("Updated", "ChargingStateChanged", "SuspendedEV") == {}
    assert await story.event("Updated", "EVCommunicationLost", "Idle") == {}
    await story.station.status("Available")
    away = await story.shows(phase="lingering", connectorStatus="Available")
    assert (away["plugged"], away["transactionId"]) == (False, "tx-1")
    await story.station.status("Occupied")
    assert await story.event("Updated", "CablePluggedIn", "EVConnected") == {}
    assert await story.event(*CHARGING) == {}
    back = await story.witness.until_newest(
        f"{PLACE}/transaction", chargingState="Charging", lastSeqNo=6
    )
    assert back["active"]
    uuids = {each["transaction"]["transactionUuid"] for each in await story.events()}
    assert uuids == {back["transactionUuid"]}
    assert (await story.told())[-3:] == [
        ("Updated", "EVCommunicationLost", "Idle"),
        ("Updated", "CablePluggedIn", "EVConnected"),
        CHARGING,
    ]


@pytest.mark.conformance("TC_E_39_CSMS")
async def test_a_driver_who_brings_no_car_in_time_loses_the_authorization(story: Story) -> None:
    assert await story.authorize() == "Accepted"
    assert await story.event("Started", "Authorized", idToken=TOKEN) == ACCEPTED
    await story.shows(transactionId="tx-1", phase="awaiting_start")
    await ended(story, "Timeout", "EVConnectTimeout", None)
    shown = await story.shows(transactionId=None, state="Idle")
    assert shown["plugged"] is False


class TestUnknownToken:
    """A list says who may charge."""

    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"defaults": {"authorize": "list"}}}

    @pytest.mark.conformance("TC_E_16_CSMS")
    async def test_a_station_ends_the_transaction_whose_token_is_refused(
        self, story: Story
    ) -> None:
        answer = await story.event("Started", "Authorized", idToken=TOKEN)
        assert answer["idTokenInfo"]["status"] in {"Invalid", "Unknown"}
        reason = {"stoppedReason": "DeAuthorized"}
        assert await story.event("Ended", "Deauthorized", info=reason) == {}
        secc = await story.witness.until_newest(f"{PLACE}/secc", stopReason="DeAuthorized")
        assert secc["startReason"] == "Authorized"
        assert [each[:2] for each in await story.told()] == [
            ("Started", "Authorized"),
            ("Ended", "Deauthorized"),
        ]


# --- status of a transaction


async def asked(story: Story, answer: dict[str, bool], *, place: str = PLACE) -> Any:
    """Ask for the status of a transaction, which the station answers so; return the result."""
    story.station.answer_with("GetTransactionStatus", lambda _payload: answer)
    results = await story.witness.ask("transactionStatus", place=place)
    assert outcome(results) == DONE
    return results[-1]["data"]


@pytest.mark.conformance("TC_E_30_CSMS")
async def test_the_status_of_the_running_transaction(story: Story) -> None:
    await story.charge()
    told = await asked(story, {"ongoingIndicator": True, "messagesInQueue": False})
    assert story.station.calls == [("GetTransactionStatus", {"transactionId": "tx-1"})]
    assert told == {"transactionId": "tx-1", "ongoingIndicator": True, "messagesInQueue": False}


@pytest.mark.conformance("TC_E_34_CSMS")
async def test_whether_messages_wait_at_all(story: Story) -> None:
    told = await asked(story, {"messagesInQueue": False}, place="CS1/0")
    assert story.station.calls == [("GetTransactionStatus", {})]
    assert told == {"transactionId": None, "ongoingIndicator": None, "messagesInQueue": False}


@pytest.mark.parametrize(
    ("place", "answer", "named"),
    [
        pytest.param(
            PLACE,
            {"ongoingIndicator": True, "messagesInQueue": True},
            {"transactionId": "tx-1"},
            marks=pytest.mark.conformance("TC_E_29_CSMS"),
            id="of the transaction",
        ),
        pytest.param(
            "CS1/0",
            {"messagesInQueue": True},
            {},
            marks=pytest.mark.conformance("TC_E_33_CSMS"),
            id="of the station",
        ),
    ],
)
async def test_messages_that_wait_after_an_outage_come_and_are_told_as_offline(
    bridge: Bridge,
    story: Story,
    place: str,
    answer: dict[str, bool],
    named: dict[str, str],
) -> None:
    await story.charge()
    await story.station.socket.close()
    await story.witness.until_text("CS1/availability", "offline")
    async with played(bridge.url) as story.station:
        told = await asked(story, answer, place=place)
        assert story.station.calls == [("GetTransactionStatus", named)]
        assert told["messagesInQueue"] is True
        reading = energy(iso(story.session.begin), 1200)
        sent = await story.event("Updated", "MeterValuePeriodic", offline=True, meterValue=reading)
        assert sent == {}
        event = await story.witness.until_newest(
            f"{PLACE}/event/transaction", triggerReason="MeterValuePeriodic"
        )
        assert (event["offline"], event["gap"], event["late"]) == (True, False, False)
        assert event["meter"]["energyWh"] == 1200


@pytest.mark.conformance("TC_E_31_CSMS")
async def test_events_that_come_after_the_end_are_history_and_close_the_gap(
    bridge: Bridge, story: Story
) -> None:
    await story.charge()
    await story.station.socket.close()
    await story.witness.until_text("CS1/availability", "offline")
    first = story.session.event("Updated", "StopAuthorized") | {"offline": True}
    second = story.session.event(
        "Updated", "ChargingStateChanged", info={"chargingState": "EVConnected"}
    ) | {"offline": True}
    async with played(bridge.url) as story.station:
        reason = {"stoppedReason": "EVDisconnected"}
        end = await story.event("Ended", "EVCommunicationLost", "Idle", offline=True, info=reason)
        assert end == {}
        before = await story.witness.until_newest(f"{PLACE}/transaction", active=False)
        assert before["missingSeqNos"] == [[3, 4]]
        told = await asked(story, {"ongoingIndicator": False, "messagesInQueue": True})
        assert told == {
            "transactionId": "tx-1",
            "ongoingIndicator": False,
            "messagesInQueue": True,
        }
        await story.station.status("Available")
        idle = await story.shows(state="Idle", connectorStatus="Available")

        for payload in (first, second):
            assert await story.station.call("TransactionEvent", payload) == {}

        late = (await story.events())[4:]
        assert [(each["seqNo"], each["late"], each["offline"]) for each in late] == [
            (3, True, True),
            (4, True, True),
        ]
        assert [each["ts"] for each in late] == [first["timestamp"], second["timestamp"]]
        after = await story.witness.until_newest(
            f"{PLACE}/transaction", active=False, missingSeqNos=[]
        )
        assert after == before | {"missingSeqNos": [], "receivedAt": after["receivedAt"]}
        states = story.witness.documents(f"{PLACE}/state")
        assert {each["state"] for each in states[states.index(idle) :]} == {"Idle"}


@pytest.mark.conformance("TC_E_53_CSMS")
async def test_each_transaction_numbers_its_events_from_0(story: Story) -> None:
    for name in ("first", "second"):
        story.next_session(name)
        await story.charge()
        await story.unplug()
        await story.witness.until_newest(f"{PLACE}/transaction", transactionId=name, active=False)
    events = await story.events()
    numbers = [(each["transaction"]["transactionId"], each["seqNo"]) for each in events]
    assert numbers == [(name, seq_no) for name in ("first", "second") for seq_no in range(4)]
    assert len({each["id"] for each in events}) == 8
    await story.told()
    assert [of_event(each) for each in events[:4]] == [of_event(each) for each in events[4:]]
