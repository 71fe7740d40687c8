"""The Mosquitto that other tests kill, freeze and restart."""

import asyncio
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.brokers import LOOPBACK, MosquittoProcess
from tests.mqtt_probe import MqttProbe

pytestmark = pytest.mark.mosquitto


def lasting_session(process: MosquittoProcess) -> aiomqtt.Client:
    """Return a client whose subscriptions the broker keeps while it is away."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    return aiomqtt.Client(
        LOOPBACK,
        process.port,
        identifier="lasting",
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=properties,
    )


async def test_it_comes_back_on_the_same_port_and_has_forgotten(
    mosquitto: MosquittoProcess,
) -> None:
    port = mosquitto.port
    async with MqttProbe(mosquitto.url) as probe:
        await probe.publish("a", "x", retain=True)
    await mosquitto.restart()
    assert mosquitto.port == port
    async with MqttProbe(mosquitto.url, "a") as probe:
        await probe.settle()
        assert probe.messages == []


async def test_a_kill_cuts_the_clients_off(mosquitto: MosquittoProcess) -> None:
    async with MqttProbe(mosquitto.url, "a") as probe:
        waiting = asyncio.create_task(probe.wait_for("a", timeout=20))
        await mosquitto.kill()
        with pytest.raises(aiomqtt.MqttError):
            await waiting
        assert not mosquitto.running
        await mosquitto.start()


async def test_a_persistent_one_keeps_messages_over_a_restart(tmp_path: Path) -> None:
    async with MosquittoProcess(tmp_path, persistent=True) as process:
        async with lasting_session(process) as client:
            await client.subscribe("a", qos=1)
        async with MqttProbe(process.url) as probe:
            await probe.publish("a", "kept", retain=True)
        await process.restart()
        async with lasting_session(process) as client, asyncio.timeout(5):
            message = await anext(client.messages)
        assert message.payload == b"kept"


async def test_a_frozen_broker_answers_again_when_it_thaws(mosquitto: MosquittoProcess) -> None:
    async with MqttProbe(mosquitto.url, "a") as probe:
        mosquitto.freeze()
        publishing = asyncio.create_task(probe.publish("a", "x"))
        done, _pending = await asyncio.wait([publishing], timeout=0.2)
        assert not done
        mosquitto.thaw()
        await publishing
        assert (await probe.wait_for("a")).text == "x"


async def test_passwords_are_asked_for_and_kept_out_of_the_file(tmp_path: Path) -> None:
    users = {"bridge": "p@ss:w/rd"}
    async with MosquittoProcess(tmp_path, users=users) as process:
        async with MqttProbe(process.url_of("bridge"), "a") as probe:
            await probe.publish("a", "x")
            await probe.wait_for("a")
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await MqttProbe(process.url).__aenter__()
    assert "p@ss" not in (tmp_path / "users").read_text(encoding="utf-8")


async def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no_such_option"):
        await MosquittoProcess(tmp_path, configuration="no_such_option 1\n").start()
