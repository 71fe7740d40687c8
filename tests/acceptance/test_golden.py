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
