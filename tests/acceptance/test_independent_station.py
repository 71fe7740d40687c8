"""Commands against a station made of the `ocpp` package, which knows nothing of our code.

It validates every frame that the bridge sends against the OCPP schemas, and answers as told.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.peer import PLACE, Peer, connected
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker

DONE = [("accepted", "ok"), ("done", "ok")]


@pytest.fixture
def options() -> Options:
    return {"ocpp": {"listen": "127.0.0.1:0", "call_timeout_seconds": 1}}


@pytest.fixture
async def peer(bridge: Bridge, witness: Witness) -> AsyncIterator[Peer]:
    """A booted station with a free connector."""
    async with connected(bridge.url) as station:
        await witness.until(f"{PLACE}/state", state="Idle")
        yield station


@pytest.fixture
async def charging(peer: Peer, witness: Witness) -> Peer:
    """The station while it charges."""
    await peer.charge()
    await witness.until(f"{PLACE}/state", state="Charging")
    return peer


def profile_of(payload: Document) -> Document:
    """Return the charging profile without its time, which must be a little in the past."""
    profile: Document = payload["charging_profile"]
    (schedule,) = profile["charging_schedule"]
    started = datetime.fromisoformat(schedule.pop("start_schedule"))
    assert timedelta(0) < datetime.now(tz=UTC) - started < timedelta(minutes=2)
    return profile


async def test_a_limit_is_a_profile_of_the_transaction(
    charging: Peer, witness: Witness, broker: Broker
) -> None:
    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)

    assert outcome(results) == DONE
    ((action, payload),) = charging.asked
    assert (action, payload["evse_id"]) == ("SetChargingProfile", 1)
    profile = profile_of(payload)
    assert profile == {
        "id": 1297154049,
        "stack_level": 0,
        "charging_profile_purpose": "TxProfile",
        "charging_profile_kind": "Absolute",
        "transaction_id": "peer-tx",
        "charging_schedule": [
            {
                "id": 1297154049,
                "charging_rate_unit": "A",
                "charging_schedule_period": [{"start_period": 0, "limit": 10.0}],
            }
        ],
    }
    allocation = await witness.retained(broker, f"{PLACE}/allocation")
    assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("MQTT", 10)
    assert allocation["accepted"]["profileId"] == 1297154049

    assert outcome(await witness.ask("release", place=PLACE)) == DONE
    assert charging.asked[1:] == [("ClearChargingProfile", {"charging_profile_id": 1297154049})]
    assert (await witness.retained(broker, f"{PLACE}/secc"))["allocationSourceName"] == "Unmanaged"


async def test_without_a_transaction_a_limit_is_the_default_profile(
    peer: Peer, witness: Witness
) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
    profile = profile_of(peer.asked[0][1])
    assert profile["charging_profile_purpose"] == "TxDefaultProfile"
    assert "transaction_id" not in profile
    allocation = await witness.until(f"{PLACE}/allocation", allocationSourceName="MQTT")
    assert allocation["accepted"]["via"] == "TxDefaultProfile"


async def test_pause_resume_stop_and_start_are_the_calls_of_the_standard(
    charging: Peer, witness: Witness
) -> None:
    assert outcome(await witness.ask("pause", place=PLACE)) == DONE
    (schedule,) = profile_of(charging.asked[0][1])["charging_schedule"]
    assert schedule["charging_schedule_period"] == [{"start_period": 0, "limit": 0.0}]
    await charging.event("Updated", "ChargingStateChanged", {"charging_state": "SuspendedEVSE"})
    state = await witness.until(f"{PLACE}/state", state="SuspendedEVSE")
    assert (state["offeredA"], state["transactionId"]) == (0, "peer-tx")

    assert outcome(await witness.ask("resume", place=PLACE)) == DONE
    assert charging.asked[1][0] == "ClearChargingProfile"

    assert outcome(await witness.ask("stop", place=PLACE)) == DONE
    assert charging.asked[2] == ("RequestStopTransaction", {"transaction_id": "peer-tx"})
    await charging.event("Ended", "RemoteStop", {"stopped_reason": "Remote"})
    await witness.until(f"{PLACE}/secc", stopReason="Remote")

    token = {"value": "ME", "type": "Central"}
    results = await witness.ask("start", {"idToken": token}, place=PLACE)
    assert outcome(results) == DONE
    assert charging.asked[3] == (
        "RequestStartTransaction",
        {
            "evse_id": 1,
            "remote_start_id": results[-1]["data"]["remoteStartId"],
            "id_token": {"id_token": "ME", "type": "Central"},
        },
    )


async def test_a_refusal_of_the_station_changes_nothing(
    charging: Peer, witness: Witness, broker: Broker
) -> None:
    charging.status = "Rejected"
    before = await witness.retained(broker, f"{PLACE}/allocation")

    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    assert results[-1]["error"]["details"] == {
        "status": "Rejected",
        "reasonCode": "NoReason",
        "additionalInfo": None,
    }
    after = await witness.until(f"{PLACE}/allocation", state="released", pending=None)
    assert after["allocationSourceName"] == before["allocationSourceName"] == "Unmanaged"
    assert after["offeredA"] == before["offeredA"]
    stop = await witness.ask("stop", place=PLACE)
    assert outcome(stop)[-1] == ("rejected", "station_rejected")


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
    limits = [
        profile_of(payload)["charging_schedule"][0]["charging_schedule_period"][0]["limit"]
        for _, payload in charging.asked
    ]
    assert limits == [10.0, 13.0]
