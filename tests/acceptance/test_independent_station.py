"""Commands against stations made of the `ocpp` package, which knows nothing of our code.

There is one of each version of OCPP. It validates every frame that the bridge sends against the
OCPP schemas, and answers as told. What the versions differ in is said in tables.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.peer import PEERS, PLACE, Peer, Peer21, connected
from tests.acceptance.stations import iso
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker

DONE: Final = [("accepted", "ok"), ("done", "ok")]
PROFILE_ID: Final = 1297154049
DEFAULT_ID: Final = 1297186817
STOP: Final = {
    "1.6": "RemoteStopTransaction",
    "2.0.1": "RequestStopTransaction",
    "2.1": "RequestStopTransaction",
}


@pytest.fixture
def options() -> Options:
    return {"ocpp": {"listen": "127.0.0.1:0", "call_timeout_seconds": 1}}


@pytest.fixture(params=PEERS)
async def peer(
    request: pytest.FixtureRequest, bridge: Bridge, witness: Witness
) -> AsyncIterator[Peer]:
    """A booted station with a free connector."""
    async with connected(bridge.url, request.param) as station:
        await witness.until(f"{PLACE}/state", state="Idle")
        yield station


@pytest.fixture
async def charging(peer: Peer, witness: Witness) -> Peer:
    """The station while it charges."""
    await peer.charge()
    await witness.until(f"{PLACE}/state", state="Charging")
    return peer


# --- what the bridge asks, in the words of each version


def limit_call(peer: Peer, amps: float, *, default: bool = False, **more: Any) -> Document:
    """Return the SetChargingProfile of a limit, without its times."""
    profile_id = DEFAULT_ID if default else PROFILE_ID
    schedule: Document = {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": amps}],
    }
    profile: Document = {
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile" if default else "TxProfile",
        "charging_profile_kind": "Absolute",
        **more,
    }
    if not default:
        profile["transaction_id"] = peer.transaction_id
    if peer.version == "1.6":
        profile |= {"charging_profile_id": profile_id, "charging_schedule": schedule}
        return {"connector_id": 1, "cs_charging_profiles": profile}
    profile |= {"id": profile_id, "charging_schedule": [{"id": profile_id, **schedule}]}
    return {"evse_id": 1, "charging_profile": profile}


def clear_call(peer: Peer) -> Document:
    """Return the ClearChargingProfile of the bridge's own profile."""
    return {"id" if peer.version == "1.6" else "charging_profile_id": PROFILE_ID}


def start_call(peer: Peer, remote_start_id: int) -> tuple[str, Document]:
    """Return the remote start of a token ME."""
    if peer.version == "1.6":
        return "RemoteStartTransaction", {"connector_id": 1, "id_tag": "ME"}
    token = {"id_token": "ME", "type": "Central"}
    body = {"evse_id": 1, "remote_start_id": remote_start_id, "id_token": token}
    return "RequestStartTransaction", body


def stop_call(peer: Peer) -> tuple[str, Document]:
    """Return the remote stop of the running transaction."""
    return STOP[peer.version], {"transaction_id": peer.transaction_id}


def without_times(peer: Peer, call: tuple[str, Document]) -> Document:
    """Return a SetChargingProfile without its start, which must be a little in the past."""
    action, payload = call
    assert action == "SetChargingProfile"
    started = datetime.fromisoformat(peer.schedule_in(payload).pop("start_schedule"))
    assert timedelta(0) < datetime.now(tz=UTC) - started < timedelta(minutes=2)
    return payload


# --- a session


def told(peer: Peer, *, begun_by: str = "Authorized", ended_by: str = "Local") -> list[Document]:
    """Return the events of a session, without what the bridge's clock and ids add."""
    trigger = {"Local": "StopAuthorized", "Remote": "RemoteStop"}[ended_by]
    # OCPP 1.6 does not tell a state with the end: no current flows any more is what is known
    last_state = "SuspendedEVSE" if peer.version == "1.6" else "EVConnected"
    rows = [
        ("Started", begun_by, "EVConnected", 1000.0),
        ("Updated", "ChargingStateChanged", "Charging", None),
        ("Updated", "MeterValuePeriodic", "Charging", 1500.0),
        ("Ended", trigger, last_state, 2000.0),
    ]
    return [
        {
            "v": 1,
            "type": f"transaction.{event_type.lower()}",
            "ts": iso(peer.told[seq_no]),
            "cs": "PEER",
            "evse": 1,
            "connector": 1,
            "eventType": event_type,
            "triggerReason": reason,
            "seqNo": seq_no,
            "offline": False,
            "chargingState": state,
            "stoppedReason": ended_by if event_type == "Ended" else None,
            "transactionId": str(peer.transaction_id),
            "energyWh": energy_wh,
            "ocpp": None,
            "allocationSourceName": "Unmanaged",
            "gap": False,
            "duplicate": False,
            "late": False,
            "warnings": [],
        }
        for seq_no, (event_type, reason, state, energy_wh) in enumerate(rows)
    ]


def flat(event: Document) -> Document:
    """Return an event of a transaction as `told` has it."""
    dropped = {"id", "receivedAt", "insertedAt", "transaction", "meter", "meterValue", "idToken"}
    facts = {key: value for key, value in event.items() if key not in dropped}
    about = ("chargingState", "stoppedReason", "transactionId")
    facts |= {key: event["transaction"][key] for key in about}
    return facts | {"energyWh": event["meter"]["energyWh"]}


async def test_a_session_becomes_the_same_events_and_documents_in_every_version(
    peer: Peer, bridge: Bridge, witness: Witness, broker: Broker
) -> None:
    await peer.charge()
    await peer.draw(16, energy_wh=1500)
    running = await witness.until(f"{PLACE}/secc", state="Charging", usedPhasesSession="111")
    await peer.end(energy_wh=2000)
    await witness.until(f"{PLACE}/state", state="Finishing", phase="stopped")
    await peer.unplug()
    await witness.until(f"{PLACE}/state", state="Idle", phase="completed")
    await bridge.at_rest()
    await witness.settle()

    events = witness.documents(f"{PLACE}/event/transaction")
    assert [flat(event) for event in events] == told(peer)
    assert len({event["id"] for event in events}) == 4
    token = {"1.6": "Central"}.get(peer.version, "ISO14443")
    assert [event["idToken"] and event["idToken"]["type"] for event in events] == [
        token,
        *[None] * 3,
    ]
    (uuid,) = {event["transaction"]["transactionUuid"] for event in events}
    (measured,) = events[2]["meterValue"]
    assert measured["timestamp"] == iso(
        peer.told[2] if peer.version == "1.6" else _before(peer, 2)
    )
    assert [each["value"] for each in measured["sampledValue"]] == [16, 16, 16, 1500]
    statuses = witness.documents(f"{PLACE}/event/status")
    assert [(each["previousStatus"], each["connectorStatus"]) for each in statuses] == [
        (None, "Available"),
        ("Available", "Occupied"),
        ("Occupied", "Available"),
    ]
    assert (running["startedTime"], running["endedTime"]) == (int(peer.told[1].timestamp()), 0)
    kept = await witness.retained(broker, f"{PLACE}/secc")
    assert kept == running | {
        "state": "Idle",
        "endedTime": int(peer.told[3].timestamp()),
        "meterStop": 2.0,
        "vehicleStatus": "A",
        "chargeControllerStatus": "A1",
        "stopReason": "Local",
    }
    assert (running["meterStart"], running["startReason"]) == (1.0, "Authorized")
    transaction = await witness.retained(broker, f"{PLACE}/transaction")
    assert (transaction["transactionUuid"], transaction["active"]) == (uuid, False)
    assert (transaction["energyWh"], transaction["lastSeqNo"]) == (1000.0, 3)
    assert not peer.asked


def _before(peer: Peer, number: int) -> datetime:
    """Return the time of a 2.x station's reading, which it takes before it tells it."""
    return peer.told[number] - timedelta(seconds=1)


async def test_a_remote_start_begins_a_session_that_a_remote_stop_ends(
    peer: Peer, witness: Witness
) -> None:
    token = {"value": "ME", "type": "Central"}
    results = await witness.ask("start", {"idToken": token}, place=PLACE)
    assert outcome(results) == DONE
    remote_start_id = results[-1]["data"]["remoteStartId"]
    assert peer.asked == [start_call(peer, remote_start_id)]
    await peer.charge("ME", remote_start_id)
    await peer.draw(16, energy_wh=1500)
    await witness.until(f"{PLACE}/state", state="Charging")

    assert outcome(await witness.ask("stop", place=PLACE)) == DONE
    assert peer.asked[1:] == [stop_call(peer)]
    await peer.end("Remote", energy_wh=2000)
    secc = await witness.until(f"{PLACE}/secc", stopReason="Remote")
    assert secc["startReason"] == "RemoteStart"
    await witness.wait_for_count(4, witness.address(f"{PLACE}/event/transaction"))
    events = witness.documents(f"{PLACE}/event/transaction")
    expected = told(peer, begun_by="RemoteStart", ended_by="Remote")
    assert [flat(event) for event in events] == expected
    assert {event["transaction"]["remoteStartId"] for event in events} == {remote_start_id}


async def test_a_station_of_2_1_ends_a_session_at_its_limits_by_itself(
    bridge: Bridge, witness: Witness
) -> None:
    async with connected(bridge.url, "2.1") as peer:
        assert isinstance(peer, Peer21)
        await witness.until(f"{PLACE}/state", state="Idle")
        begins = peer.at + timedelta(seconds=1)
        body = {"energyWh": 20000, "until": iso(begins + timedelta(hours=2))}
        results = await witness.ask("start", body, place=PLACE)
        assert outcome(results) == DONE
        await peer.charge("ME", results[-1]["data"]["remoteStartId"])
        lasts = (begins + timedelta(hours=2) - peer.told[0]).total_seconds()
        assert peer.limits == [{"max_energy": 20000, "max_time": pytest.approx(lasts, abs=1)}]

        await witness.ask("extend", {"until": None}, place=PLACE)
        await peer.draw(16, energy_wh=1500)
        assert peer.limits[1:] == [{"max_energy": 20000, "max_time": 365 * 86_400}]
        await peer.reach("EnergyLimitReached", "EnergyLimitReached")
        ended = await witness.until(f"{PLACE}/transaction", active=False)
        assert ended["endedBy"] == "energyWh"
        events = witness.documents(f"{PLACE}/event/transaction")
        assert [event["triggerReason"] for event in events].count("LimitSet") == 2
        assert "RequestStopTransaction" not in dict(peer.asked)


# --- limits


@pytest.mark.conformance("TC_K_60_CSMS", "TC_K_05_CSMS", "TC_057_CSMS", "TC_067_CSMS")
async def test_a_limit_is_a_profile_of_the_transaction(
    charging: Peer, witness: Witness, broker: Broker
) -> None:
    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)

    assert outcome(results) == DONE
    (call,) = charging.asked
    assert without_times(charging, call) == limit_call(charging, 10.0)
    allocation = await witness.retained(broker, f"{PLACE}/allocation")
    assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("MQTT", 10)
    assert allocation["accepted"]["profileId"] == PROFILE_ID

    assert outcome(await witness.ask("release", place=PLACE)) == DONE
    assert charging.asked[1:] == [("ClearChargingProfile", clear_call(charging))]
    assert (await witness.retained(broker, f"{PLACE}/secc"))["allocationSourceName"] == "Unmanaged"


@pytest.mark.conformance("TC_K_01_CSMS", "TC_K_02_CSMS", "TC_056_CSMS")
async def test_without_a_transaction_a_limit_is_the_default_profile(
    peer: Peer, witness: Witness
) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
    (call,) = peer.asked
    assert without_times(peer, call) == limit_call(peer, 8.0, default=True)
    allocation = await witness.until(f"{PLACE}/allocation", allocationSourceName="MQTT")
    assert allocation["accepted"]["via"] == "TxDefaultProfile"


async def test_a_lease_ends_at_the_station_too(charging: Peer, witness: Witness) -> None:
    results = await witness.ask("limit", {"limitA": 9, "ttlSeconds": 600}, place=PLACE)
    assert outcome(results) == DONE
    (call,) = charging.asked
    profile = charging.profile_in(without_times(charging, call))
    ends_at = datetime.fromisoformat(profile.pop("valid_to"))
    told_end = datetime.fromisoformat(results[-1]["data"]["expiresAt"])
    # a lease that is renewed in time needs no new profile: it outlasts the lease by its length
    assert timedelta(seconds=598) < ends_at - told_end <= timedelta(seconds=600)
    more: Document = {"max_offline_duration": 1200} if charging.version == "2.1" else {}
    assert call[1] == limit_call(charging, 9.0, **more)


async def test_pause_and_resume_keep_the_transaction_open(
    charging: Peer, bridge: Bridge, witness: Witness
) -> None:
    assert outcome(await witness.ask("pause", place=PLACE)) == DONE
    assert without_times(charging, charging.asked[0]) == limit_call(charging, 0.0)
    await charging.suspend()
    state = await witness.until(f"{PLACE}/state", state="SuspendedEVSE", offeredA=0)
    assert state["transactionId"] == str(charging.transaction_id)
    assert state["allocationSourceName"] == "MQTT"

    assert outcome(await witness.ask("resume", place=PLACE)) == DONE
    assert charging.asked[1:] == [("ClearChargingProfile", clear_call(charging))]
    await bridge.at_rest()
    await witness.settle()
    events = witness.documents(f"{PLACE}/event/transaction")
    assert "Ended" not in {event["eventType"] for event in events}


# --- the station itself

RESETS: Final = {
    ("1.6", "Immediate"): {"type": "Hard"},
    ("1.6", "OnIdle"): {"type": "Soft"},
    ("2.0.1", "Immediate"): {"type": "Immediate"},
    ("2.0.1", "OnIdle"): {"type": "OnIdle"},
    ("2.1", "Immediate"): {"type": "Immediate"},
    ("2.1", "OnIdle"): {"type": "OnIdle"},
}
TRIGGER: Final = {
    "1.6": {"requested_message": "StatusNotification", "connector_id": 1},
    "2.0.1": {"requested_message": "StatusNotification", "evse": {"id": 1, "connector_id": 1}},
    "2.1": {"requested_message": "StatusNotification", "evse": {"id": 1, "connector_id": 1}},
}


async def test_reset_and_trigger_are_the_calls_of_the_standard(
    peer: Peer, witness: Witness
) -> None:
    for kind in ("Immediate", "OnIdle"):
        results = await witness.ask("reset", {"type": kind}, place="PEER/0")
        assert outcome(results) == DONE
        assert results[-1]["data"] == {"status": "Accepted"}
    assert peer.asked == [
        ("Reset", RESETS[peer.version, kind]) for kind in ("Immediate", "OnIdle")
    ]

    body = {"message": "StatusNotification", "connector": 1}
    results = await witness.ask("trigger", body, place=PLACE)
    assert outcome(results) == DONE
    assert peer.asked[2:] == [("TriggerMessage", TRIGGER[peer.version])]
    await peer.unplug()
    await witness.until(f"{PLACE}/state", state="Idle")


# --- refusals, errors, silence


async def test_a_refusal_of_the_station_changes_nothing(
    charging: Peer, witness: Witness, broker: Broker
) -> None:
    charging.status = "Rejected"
    before = await witness.retained(broker, f"{PLACE}/allocation")

    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    assert results[-1]["error"]["details"] == {
        "status": "Rejected",
        "reasonCode": None if charging.version == "1.6" else "NoReason",
        "additionalInfo": None,
    }
    after = await witness.until(f"{PLACE}/allocation", state="released", pending=None)
    assert after["allocationSourceName"] == before["allocationSourceName"] == "Unmanaged"
    assert after["offeredA"] == before["offeredA"]
    names = {each["allocationSourceName"] for each in witness.documents(f"{PLACE}/allocation")}
    assert names == {"Unmanaged"}
    for name, body in (
        ("stop", {}),
        ("reset", {"type": "OnIdle"}),
        ("trigger", {"message": "Heartbeat"}),
    ):
        place = "PEER/0" if name == "reset" else PLACE
        refused = await witness.ask(name, body, place=place)
        assert outcome(refused)[-1] == ("rejected", "station_rejected"), name
    running = await witness.retained(broker, f"{PLACE}/transaction")
    assert running["active"]


async def test_a_refused_start_begins_nothing(
    peer: Peer, bridge: Bridge, witness: Witness
) -> None:
    peer.status = "Rejected"
    results = await witness.ask("start", place=PLACE)
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    assert len(peer.asked) == 1
    await bridge.at_rest()
    await witness.settle()
    assert not witness.documents(f"{PLACE}/event/transaction")
    assert witness.newest(f"{PLACE}/state")["state"] == "Idle"


async def test_an_error_and_silence_of_the_station_are_told_apart(
    charging: Peer, witness: Witness
) -> None:
    charging.fails = True
    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
    assert outcome(results)[-1] == ("failed", "station_error")
    assert results[-1]["error"]["details"]["code"] == "InternalError"
    assert results[-1]["error"]["retryable"]

    charging.fails = False
    charging.silent.clear()
    results = await witness.ask("stop", place=PLACE)
    assert outcome(results)[-1] == ("failed", "timeout")
    charging.silent.set()
    # its late answer belongs to the call that timed out, not to the next one
    charging.status = "Rejected"
    results = await witness.ask("limit", {"limitA": 9}, place=PLACE)
    assert outcome(results)[-1] == ("rejected", "station_rejected")


async def test_of_commands_in_a_hurry_the_newest_counts(charging: Peer, witness: Witness) -> None:
    charging.silent.clear()
    topic = witness.address(f"{PLACE}/cmd/me/limit")
    for amps in (10, 11, 12, 13):
        await witness.publish(topic, {"id": f"hurry-{amps}", "limitA": amps})
    await witness.results("limit", "hurry-12", place=PLACE)
    charging.silent.set()
    last = await witness.results("limit", "hurry-13", place=PLACE)
    assert outcome(last) == DONE
    assert last[-1]["data"]["appliedA"] == 13
    results = {
        amps: outcome(await witness.results("limit", f"hurry-{amps}", place=PLACE))
        for amps in (10, 11, 12)
    }
    superseded = [("accepted", "ok"), ("superseded", "superseded")]
    assert results == {10: DONE, 11: superseded, 12: superseded}
    assert charging.profiles() == [("TxProfile", 10.0), ("TxProfile", 13.0)]
