"""Recordings of independent stations: exactly these topics and payloads, told frame by frame.

`pytest tests/acceptance/test_golden.py --update-golden` writes the golden files anew. Then read
the difference against mapping.md before it is committed: they must be right, not only stable.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.domain import charge_point, upkeep
from bridge.mqtt.retained import RetainedSender
from bridge.store.secret_key import FILE_NAME as KEY_FILE
from tests.acceptance import replay
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.replay import GOLDEN, Replay, connected, connections
from tests.acceptance.witness import Witness
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe
from tests.schema_check import row_of

RECORDED = {
    "microocpp-1.6": ("microocpp-1.6", "MO16"),
    "microocpp-1.6-offline": ("microocpp-1.6-offline", "MO16"),
    "solidstudio-vcp-1.6": ("solidstudio-vcp-1.6", "VCP16"),
    "solidstudio-vcp-2.0.1": ("solidstudio-vcp-2.0.1", "VCP201"),
    "solidstudio-vcp-2.1": ("solidstudio-vcp-2.1", "VCP21"),
    "npm-ocpp-rpc": ("npm-ocpp-rpc", "RPC201"),
    "npm-ocpp-rpc-1.6": ("npm-ocpp-rpc", "RPC16"),
}
"""Recording and station by the golden file."""
PASSWORD = "s3cret:pass"


@pytest.fixture
def options() -> Options:
    known = {station: {"auth": "basic", "password": PASSWORD} for station in ("RPC201", "RPC16")}
    stations = {"unknown": "accept", "defaults": {"installation_max_a": 32}, "known": known}
    return {"stations": stations}


@pytest.fixture(autouse=True)
def deterministic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the key that tokens are hashed with, and let no document wait for its next second."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / KEY_FILE).write_bytes(bytes(32))
    monkeypatch.setattr(RetainedSender, "_waits", lambda _self, _topic: False)
    monkeypatch.setattr(upkeep, "COMPLETED_SHOWN", upkeep.COMPLETED_SHOWN / 20)
    # ids of OCPP 1.6 begin at 1 where the clock gives none
    monkeypatch.setattr(charge_point, "MAX_ID", 0)


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recording_becomes_exactly_these_messages(
    name: str,
    witness: Witness,
    bridge: Bridge,
    broker: Broker,
    request: pytest.FixtureRequest,
) -> None:
    recording, station = RECORDED[name]
    player = Replay(bridge, witness, station)
    await player.run(connections(recording, station))

    if request.config.getoption("--update-golden", default=False):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / f"{name}.jsonl").write_text(replay.dump(player.lines), encoding="utf-8")
    expected = replay.load(name)
    for number, (line, wanted) in enumerate(zip(player.lines, expected, strict=False), start=1):
        assert line == wanted, f"line {number}"
    assert len(player.lines) == len(expected)
    await _retained_is_the_newest(witness, broker)


async def _retained_is_the_newest(witness: Witness, broker: Broker) -> None:
    """Whoever comes late finds the newest of each document, and no event."""
    newest: dict[str, bytes] = {}
    for message in witness.messages:
        if row_of(message.topic, witness.root).retain:
            newest[message.topic] = message.payload
    async with MqttProbe(broker.url, f"{witness.root}/#", mqtt5=broker.mqtt5) as late:
        await late.wait_for_count(len(newest), f"{witness.root}/#")
        await late.settle()
        assert {each.topic: each.payload for each in late.messages} == newest


async def test_what_a_station_kept_while_offline_has_its_own_times_and_moves_no_live_state(
    witness: Witness, bridge: Bridge
) -> None:
    """The recorded station reports its newest status first, then its queue (charger-quirks 39)."""
    recorded = connections("microocpp-1.6-offline", "MO16")
    player = Replay(bridge, witness, "MO16")
    await player.run(recorded)

    followed: list[tuple[Any, dict[str, Any]]] = []
    for line in player.lines:
        if "sent" in line:
            followed.append((line["sent"], {}))
        elif "topic" in line and followed:
            followed[-1][1][line["topic"].rpartition("MO16/")[2]] = line["payload"]
    queued = [
        (sent[3]["meterValue"][0]["timestamp"], topics)
        for sent, topics in followed[-8:]
        if sent[2] == "MeterValues"
    ]
    assert len(queued) == 4
    newest = witness.documents("MO16/2/event/status")[-1]["ts"]
    for measured_at, topics in queued:
        # the event, and its number in the transaction: neither state, secc, meter nor allocation
        assert topics.keys() == {"2/event/transaction", "2/transaction"}
        event, transaction = topics["2/event/transaction"], topics["2/transaction"]
        assert (event["ts"], event["late"], event["gap"]) == (measured_at, True, False)
        assert measured_at < newest == transaction["ts"]
        assert (transaction["chargingState"], transaction["lastSeqNo"]) == ("Idle", event["seqNo"])
    (ended,) = [
        each
        for each in witness.documents("MO16/2/event/transaction")
        if each["eventType"] == "Ended"
    ]
    assert (ended["ts"], ended["late"]) == ("2026-11-21T01:15:00.401Z", False)
    assert witness.newest("MO16/2/transaction")["endedAt"] == ended["ts"]


async def test_answers_that_nobody_asked_for_change_nothing(
    witness: Witness, bridge: Bridge
) -> None:
    """What a station answered to another central system comes as unsolicited answers."""
    (recorded,) = connections("npm-ocpp-rpc", "RPC201")
    player = Replay(bridge, witness, "RPC201")
    async with connected(bridge, recorded) as socket:
        for raw in (*recorded.answers, '[2,"last","Heartbeat",{}]'):
            await socket.send(raw)
        assert json.loads(await socket.recv())[:2] == [3, "last"]
    await player.run([recorded])

    golden: list[Any] = [line for line in replay.load("npm-ocpp-rpc") if "sent" in line]
    assert [line for line in player.lines if "sent" in line] == golden
    assert bridge.counts["ocpp.answer_unsolicited"] == len(recorded.answers)


async def test_a_wrong_password_of_the_recorded_station_is_refused(bridge: Bridge) -> None:
    (recorded,) = connections("npm-ocpp-rpc", "RPC201")
    assert "authorization" in recorded.headers
    recorded.headers["authorization"] = "Basic UlBDMjAxOnMzY3JldA=="
    with pytest.raises(Exception, match="401"):
        async with connected(bridge, recorded):
            pass
