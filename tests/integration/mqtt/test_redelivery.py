"""A command whose acknowledgement is lost comes again, and must not be a second command."""

from typing import Any

import pytest

from bridge.engine.clock import RandomIds, SystemClock
from bridge.mqtt.settings import BrokerAddress, MqttSettings
from bridge.mqtt.subscriber import Subscriber
from bridge.mqtt.topics import Topics
from bridge.telemetry.counters import Counters
from tests.brokers import MosquittoProcess
from tests.integration.mqtt.test_link import _Proxy, linked
from tests.mqtt_probe import MqttProbe

TOPIC = "ocpp/v1/cs/S1/1/cmd/me/start"


class Inbox:
    """Takes commands and leaves them without being durable."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def command(self, station_id: str, command: Any, body_hash: str, on_durable: Any) -> None:
        self.seen.append((command.ref.id, body_hash))


@pytest.mark.mosquitto
async def test_a_command_without_an_id_keeps_the_one_it_was_given(
    mosquitto: MosquittoProcess,
) -> None:
    inbox = Inbox()
    async with (
        _Proxy(mosquitto.port) as proxy,
        MqttProbe(mosquitto.url) as probe,
        linked(f"mqtt://127.0.0.1:{proxy.port}") as (link, recorder),
    ):
        subscriber = Subscriber(
            link=link,
            inbox=inbox,  # type: ignore[arg-type]  # only what a good command needs
            topics=Topics("ocpp", "main"),
            settings=MqttSettings(address=BrokerAddress.parse(mosquitto.url)),
            clock=SystemClock(),
            ids=RandomIds(),
            metrics=Counters(),
        )
        link.add_listener(subscriber)
        await recorder.subscribe("ocpp/v1/cs/+/+/cmd/+/+")
        await probe.publish(TOPIC, {})
        await recorder.until(lambda: len(inbox.seen) == 1)
        proxy.cut()
        await recorder.until(lambda: len(inbox.seen) == 2)
        assert inbox.seen[0] == inbox.seen[1]
        await probe.publish(TOPIC, {})
        await recorder.until(lambda: len(inbox.seen) == 3)
        assert inbox.seen[2] != inbox.seen[0]
