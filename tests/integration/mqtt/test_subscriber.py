"""Commands over real brokers: taken, refused and cleared."""

from typing import Any

import pytest

from bridge.domain.commands import Release, ResultCode, SetLimit
from bridge.mqtt.settings import Protocol
from tests.brokers import Broker, MosquittoProcess
from tests.integration.mqtt.rig import Gate, eventually, running
from tests.mqtt_probe import MqttProbe


def protocol_of(broker: Broker) -> Protocol:
    return Protocol.V5 if broker.mqtt5 else Protocol.V311


async def test_commands_and_plain_values_are_taken(broker: Broker) -> None:
    place = f"{broker.root}/v1/cs/CS=2A1/1"
    async with (
        running(broker.url, root=broker.root, protocol=protocol_of(broker)) as rig,
        MqttProbe(broker.url, mqtt5=broker.mqtt5) as probe,
    ):
        await rig.until_idle()
        await probe.publish(f"{place}/cmd/me/limit", {"id": "x", "limitA": 10})
        await probe.publish(f"{place}/set/me/limitA", "16")
        await probe.publish(f"{place}/cmd/me/fly", {})
        await eventually(lambda: len(rig.inbox.commands) == 2 and rig.inbox.refusals)

    assert [(station_id, each.arguments) for station_id, each in rig.inbox.commands] == [
        ("CS*1", SetLimit(limit_a=10)),
        ("CS*1", SetLimit(limit_a=16)),
    ]
    ((_, _, refusal),) = rig.inbox.refusals
    assert refusal.code is ResultCode.UNSUPPORTED


async def test_a_retained_command_is_refused_once_and_cleared(broker: Broker) -> None:
    topic = f"{broker.root}/v1/cs/CS1/1/cmd/me/limit"
    options: dict[str, Any] = {"root": broker.root, "protocol": protocol_of(broker)}
    async with MqttProbe(broker.url, mqtt5=broker.mqtt5) as probe:
        await probe.publish(topic, {"id": "old", "limitA": 10}, retain=True)
        async with running(broker.url, **options) as rig:
            await eventually(lambda: rig.inbox.refusals)
            await eventually(lambda: rig.count("mqtt.commands_retained"))
            await rig.until_acknowledged()
        assert rig.inbox.commands == []
        ((_, ref, refusal),) = rig.inbox.refusals
        assert (ref.id, refusal.code) == ("old", ResultCode.RETAINED_COMMAND)

        async with running(broker.url, **options) as again:
            await again.until_idle()
            await probe.publish(f"{broker.root}/v1/cs/CS1/1/cmd/me/release", {})
            await eventually(lambda: again.inbox.commands)
        assert again.inbox.refusals == []
        assert [each.arguments for _, each in again.inbox.commands] == [Release()]


@pytest.mark.mqtt5
async def test_a_live_retained_command_is_refused_too(broker: Broker) -> None:
    topic = f"{broker.root}/v1/cs/CS1/1/cmd/me/limit"
    async with (
        running(broker.url, root=broker.root) as rig,
        MqttProbe(broker.url) as probe,
    ):
        await rig.until_idle()
        await probe.publish(topic, {"limitA": 10}, retain=True)
        await eventually(lambda: rig.inbox.refusals)
        assert rig.inbox.commands == []
        await rig.until_acknowledged()
        await probe.subscribe(topic)
        await probe.settle()
        assert [message for message in probe.messages if message.payload] == []


@pytest.mark.mqtt5
async def test_response_topic_and_correlation_data_are_kept(broker: Broker) -> None:
    answers = f"{broker.root}/v1/client/me/answers"
    async with (
        running(broker.url, root=broker.root) as rig,
        MqttProbe(broker.url) as probe,
    ):
        await rig.until_idle()
        await probe.publish(
            f"{broker.root}/v1/cs/CS1/1/cmd/me/release",
            {},
            ResponseTopic=answers,
            CorrelationData=b"\x00\x01",
        )
        await eventually(lambda: rig.inbox.commands)

    reply_to = rig.inbox.commands[0][1].ref.reply_to
    assert (reply_to.topic, reply_to.correlation) == (answers, "0001")


@pytest.mark.mosquitto
async def test_commands_are_taken_again_after_the_broker_was_killed(
    mosquitto: MosquittoProcess,
) -> None:
    async with running(mosquitto.url) as rig:
        await mosquitto.kill()
        await mosquitto.start()
        await eventually(lambda: rig.count("mqtt.connected") == 2)
        await rig.until_idle()
        async with MqttProbe(mosquitto.url) as probe:
            await probe.publish("ocpp/v1/cs/CS1/1/cmd/me/release", {})
            await eventually(lambda: rig.inbox.commands)


@pytest.mark.mosquitto
async def test_the_broker_delivers_again_what_could_not_be_stored(
    mosquitto: MosquittoProcess,
) -> None:
    async with Gate(mosquitto.port) as gate, running(gate.url) as rig:
        await rig.until_idle()
        rig.inbox.full = True
        async with MqttProbe(mosquitto.url) as probe:
            await probe.publish("ocpp/v1/cs/CS1/1/cmd/me/limit", {"id": "x", "limitA": 6})
            await eventually(lambda: rig.inbox.turned_away)
        rig.inbox.full = False
        gate.shut()  # the connection dies, the session lives on
        gate.open()
        await eventually(lambda: rig.inbox.commands)

    assert rig.inbox.commands[0][1].ref.id == "x"
