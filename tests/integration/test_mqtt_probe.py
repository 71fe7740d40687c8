"""The probe that other tests lean on, against whichever broker the session has."""

import asyncio

import pytest

from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe


async def test_what_is_published_arrives_with_its_qos_and_payload(broker: Broker) -> None:
    async with MqttProbe(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5) as probe:
        await probe.publish(f"{broker.root}/a", {"limitA": 10})
        message = await probe.wait_for(f"{broker.root}/+")
    assert message.topic == f"{broker.root}/a"
    assert message.json == {"limitA": 10}
    assert message.qos == 1
    assert not message.retain


async def test_it_waits_for_a_message_that_comes_later(broker: Broker) -> None:
    async with MqttProbe(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5) as probe:
        waiting = asyncio.create_task(
            probe.wait_for(f"{broker.root}/a", lambda message: message.text == "second")
        )
        await probe.publish(f"{broker.root}/a", "first")
        await probe.publish(f"{broker.root}/a", "second")
        assert (await waiting).text == "second"
        assert [message.text for message in probe.messages] == ["first", "second"]


async def test_a_retained_message_is_there_for_who_comes_late(broker: Broker) -> None:
    async with MqttProbe(broker.url, mqtt5=broker.mqtt5) as early:
        await early.publish(f"{broker.root}/state", "online", retain=True)
    async with MqttProbe(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5) as late:
        message = await late.wait_for(f"{broker.root}/state")
    assert message.text == "online"
    assert message.retain


async def test_a_message_that_does_not_come_fails_with_what_came_instead(broker: Broker) -> None:
    async with MqttProbe(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5) as probe:
        await probe.publish(f"{broker.root}/other", "x")
        await probe.settle()
        with pytest.raises(AssertionError, match=rf"0 of 1 .*\n  {broker.root}/other b'x'"):
            await probe.wait_for(f"{broker.root}/never", timeout=0.05)


async def test_after_settling_what_has_not_come_will_not_come(broker: Broker) -> None:
    async with MqttProbe(broker.url, f"{broker.root}/seen", mqtt5=broker.mqtt5) as probe:
        await probe.publish(f"{broker.root}/seen", "x")
        await probe.publish(f"{broker.root}/unseen", "y")
        await probe.settle()
        assert [message.topic for message in probe.messages] == [f"{broker.root}/seen"]
        probe.forget()
        assert probe.messages == []


async def test_every_test_has_a_root_of_its_own(broker: Broker) -> None:
    assert broker.with_root("other").url == broker.url
    async with MqttProbe(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5) as probe:
        await probe.settle()
        assert probe.messages == []


@pytest.mark.mqtt5
async def test_mqtt_5_properties_arrive(broker: Broker) -> None:
    async with MqttProbe(broker.url, f"{broker.root}/#") as probe:
        await probe.publish(
            f"{broker.root}/a",
            {},
            ContentType="application/json",
            ResponseTopic=f"{broker.root}/answer",
            CorrelationData=b"\x00\x01",
            UserProperty=[("schema", "v1")],
        )
        message = await probe.wait_for(f"{broker.root}/a")
    assert message.properties == {
        "ContentType": "application/json",
        "ResponseTopic": f"{broker.root}/answer",
        "CorrelationData": b"\x00\x01",
        "UserProperty": [("schema", "v1")],
    }


@pytest.mark.mqtt5
async def test_a_live_retained_message_shows_its_flag_on_request(broker: Broker) -> None:
    async with MqttProbe(broker.url, f"{broker.root}/#", retain_as_published=True) as probe:
        await probe.publish(f"{broker.root}/a", "x", retain=True)
        assert (await probe.wait_for(f"{broker.root}/a")).retain
