"""The benchmark's own MQTT client against a real broker."""

import asyncio

from bench.mqtt_wire import Message, MqttSession
from tests.brokers import Broker


async def test_messages_reach_a_subscriber_and_are_acknowledged(broker: Broker) -> None:
    received: asyncio.Queue[Message] = asyncio.Queue()
    reader = await MqttSession.connect(
        broker.url, f"{broker.root}-reader", on_message=received.put_nowait
    )
    await reader.subscribe(f"{broker.root}/#")
    writer = await MqttSession.connect(broker.url, f"{broker.root}-writer")
    acknowledged = asyncio.Event()

    writer.publish(f"{broker.root}/one", b"x" * 300, acknowledged.set)
    await acknowledged.wait()
    message = await received.get()

    assert (message.topic, message.payload) == (f"{broker.root}/one", b"x" * 300)
    assert (message.qos, message.retain, message.duplicate) == (1, False, False)
    for session in (reader, writer):
        session.close()
        await session.lost.wait()
