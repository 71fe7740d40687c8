"""The link against real brokers: what is sent arrives, what is refused is told, and it comes back."""

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from bridge.engine.clock import RandomIds
from bridge.mqtt.link import Link, LinkError
from bridge.mqtt.settings import BrokerAddress, MqttSettings, Protocol
from bridge.mqtt.traffic import Incoming, Outgoing, PublishOutcome
from bridge.telemetry.counters import Counters
from tests.brokers import Broker, MosquittoProcess
from tests.mqtt_probe import MqttProbe

PROTOCOLS = [pytest.param(Protocol.V5, marks=pytest.mark.mqtt5), Protocol.V311]


class Recorder:
    """Remembers what a link tells."""

    def __init__(self, link: Link) -> None:
        self.greetings: list[bool] = []
        self.endings: list[str] = []
        self.messages: list[Incoming] = []
        self.outcomes: list[tuple[str, PublishOutcome, str]] = []
        self._link = link
        self._changed = asyncio.Condition()
        link.add_listener(self)

    def on_connected(self, *, session_present: bool) -> None:
        self.greetings.append(session_present)
        self._notify()

    def on_disconnected(self, reason: str) -> None:
        self.endings.append(reason)
        self._notify()

    def on_writable(self) -> None:
        self._notify()

    def on_message(self, message: Incoming) -> None:
        self.messages.append(message)
        self._notify()

    def publish(self, name: str, message: Outgoing) -> bool:
        def done(outcome: PublishOutcome, reason: str) -> None:
            self.outcomes.append((name, outcome, reason))
            self._notify()

        return self._link.publish(message, done)

    async def subscribe(self, topic_filter: str) -> None:
        """Subscribe, and return when the broker has got as far as that."""
        self._link.subscribe([topic_filter])
        self.publish("subscribed", Outgoing(topic="elsewhere", payload=b"x"))
        await self.until(lambda: self.outcomes)
        self.outcomes.clear()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(15), self._changed:
            await self._changed.wait_for(condition)

    def _notify(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._task = asyncio.get_running_loop().create_task(notify())


@asynccontextmanager
async def linked(
    url: str, *, wait: bool = True, **changes: Any
) -> AsyncIterator[tuple[Link, Recorder]]:
    values: dict[str, Any] = {
        "address": BrokerAddress.parse(url),
        "backoff_min_seconds": 0.05,
        "client_id": f"link-{id(changes):x}",
    }
    settings = MqttSettings(**values | changes)
    will = Outgoing(topic=f"{settings.root}/will", payload=b"offline", retain=True, json=False)
    link = Link(settings, ids=RandomIds(), metrics=Counters(), will=will)
    recorder = Recorder(link)
    link.start()
    try:
        if wait:
            await link.wait_connected(5)
            await recorder.until(lambda: recorder.greetings)
        yield link, recorder
    finally:
        await link.stop()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_messages_arrive_and_are_acknowledged(broker: Broker, protocol: Protocol) -> None:
    topic = f"{broker.root}/out"
    async with (
        MqttProbe(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5) as probe,
        linked(broker.url, protocol=protocol) as (_, recorder),
    ):
        assert recorder.publish("one", Outgoing(topic=topic, payload=b'{"n":1}'))
        assert recorder.publish("zero", Outgoing(topic=topic, payload=b"0", qos=0, json=False))
        assert len(await probe.wait_for_count(2, topic)) == 2
        await recorder.until(lambda: len(recorder.outcomes) == 2)
        assert {outcome for _, outcome, _ in recorder.outcomes} == {PublishOutcome.ACKNOWLEDGED}


@pytest.mark.mqtt5
async def test_properties_of_mqtt_5_arrive(broker: Broker) -> None:
    topic = f"{broker.root}/out"
    async with (
        MqttProbe(broker.url, topic) as probe,
        linked(broker.url) as (_, recorder),
    ):
        recorder.publish(
            "one", Outgoing(topic=topic, payload=b"{}", expiry_seconds=300, correlation=b"\x00c")
        )
        message = await probe.wait_for(topic)
    assert message.properties["ContentType"] == "application/json"
    assert message.properties["CorrelationData"] == b"\x00c"
    assert 295 <= message.properties["MessageExpiryInterval"] <= 300


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_many_messages_keep_their_order_within_the_window(
    broker: Broker, protocol: Protocol
) -> None:
    total = 2000
    topic = f"{broker.root}/out"
    async with (
        MqttProbe(broker.url, topic, mqtt5=broker.mqtt5) as probe,
        linked(broker.url, protocol=protocol, window=7, window_311=7) as (link, recorder),
    ):
        sent = 0
        while sent < total:
            assert 0 <= link.room <= 7
            if link.room:
                recorder.publish(str(sent), Outgoing(topic=topic, payload=str(sent).encode()))
                sent += 1
            else:
                await recorder.until(lambda: link.room)
        received = await probe.wait_for_count(total, topic, timeout=30)
    assert [int(message.payload) for message in received] == list(range(total))


async def test_nothing_is_taken_beyond_the_window(broker: Broker) -> None:
    protocol = Protocol.V5 if broker.mqtt5 else Protocol.V311
    message = Outgoing(topic=f"{broker.root}/out", payload=b"x")
    async with linked(broker.url, protocol=protocol, window=2, window_311=2) as (link, recorder):
        assert recorder.publish("one", message)
        assert recorder.publish("two", message)
        assert not recorder.publish("three", message)
        await recorder.until(lambda: link.room == 2)
        assert [name for name, _, _ in recorder.outcomes] == ["one", "two"]


@pytest.mark.parametrize(
    "topic", ["a/+/b", "a/#", "a/\x00", "a/\n", "a/\x7f", "a/\ud800", "a/\x85", "", "x" * 65_536]
)
async def test_a_topic_that_no_broker_takes_is_refused_and_costs_no_connection(
    broker: Broker, topic: str
) -> None:
    protocol = Protocol.V5 if broker.mqtt5 else Protocol.V311
    async with linked(broker.url, protocol=protocol) as (link, recorder):
        assert recorder.publish("bad", Outgoing(topic=topic, payload=b"x"))
        assert recorder.outcomes == []  # never from within
        recorder.publish("good", Outgoing(topic=f"{broker.root}/out", payload=b"x"))
        await recorder.until(lambda: len(recorder.outcomes) == 2)
        assert {name: outcome for name, outcome, _ in recorder.outcomes} == {
            "bad": PublishOutcome.REFUSED,
            "good": PublishOutcome.ACKNOWLEDGED,
        }
        assert link.connected


@pytest.mark.mosquitto
async def test_a_publish_that_the_acl_denies_is_refused_with_its_reason(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("user bridge\ntopic readwrite good/#\n")
    acl.chmod(0o600)
    async with (
        MosquittoProcess(tmp_path, users={"bridge": "secret"}, acl=acl) as process,
        linked(process.url_of("bridge")) as (_, recorder),
    ):
        recorder.publish("bad", Outgoing(topic="bad/topic", payload=b"x"))
        recorder.publish("good", Outgoing(topic="good/topic", payload=b"x"))
        await recorder.until(lambda: len(recorder.outcomes) == 2)
    assert recorder.outcomes[0] == ("bad", PublishOutcome.REFUSED, "Not authorized")
    assert recorder.outcomes[1][:2] == ("good", PublishOutcome.ACKNOWLEDGED)


@pytest.mark.mosquitto
async def test_the_limits_of_the_broker_are_obeyed(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    process = MosquittoProcess(tmp_path / "broker")
    process = MosquittoProcess(
        tmp_path / "broker",
        port=process.port,
        configuration=(
            f"listener {process.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            "max_inflight_messages 5\nmax_packet_size 2000\nretain_available false\n"
            "max_qos 1\n"
        ),
    )
    async with process, linked(process.url, wait=False) as (link, recorder):
        # its Will is retained, which this broker does not take
        with contextlib.suppress(LinkError):
            await link.wait_connected(3)
        if link.capabilities is None:
            assert "retain" in str(await _why_not(link)).lower()
            return
        assert link.room == 5
        recorder.publish("large", Outgoing(topic="t", payload=b"x" * 2000))
        await recorder.until(lambda: recorder.outcomes)
        assert recorder.outcomes[0][1] is PublishOutcome.REFUSED


async def _why_not(link: Link) -> LinkError:
    """Return what the first attempt came to."""
    async with asyncio.timeout(30):
        while True:
            with pytest.raises(LinkError) as caught:
                await link.wait_connected(0.05)
            if "still connecting" not in str(caught.value):
                return caught.value


@pytest.mark.mosquitto
async def test_a_killed_broker_is_found_again_and_what_was_in_flight_is_lost(
    mosquitto: MosquittoProcess,
) -> None:
    async with linked(mosquitto.url) as (link, recorder):
        mosquitto.freeze()
        for number in range(3):
            recorder.publish(str(number), Outgoing(topic="t", payload=b"x"))
        await asyncio.sleep(0.05)
        await mosquitto.kill()
        await recorder.until(lambda: recorder.endings)
        assert [(name, outcome) for name, outcome, _ in recorder.outcomes] == [
            (str(number), PublishOutcome.LOST) for number in range(3)
        ]
        assert not link.connected
        assert link.room == 0
        assert not recorder.publish("now", Outgoing(topic="t", payload=b"x"))
        await mosquitto.start()
        await recorder.until(lambda: len(recorder.greetings) == 2)
        assert recorder.greetings == [False, False]  # it has forgotten the session
        recorder.publish("again", Outgoing(topic="t", payload=b"x"))
        await recorder.until(lambda: recorder.outcomes[-1][0] == "again")
        assert recorder.outcomes[-1][1] is PublishOutcome.ACKNOWLEDGED


@pytest.mark.mosquitto
async def test_a_frozen_broker_is_noticed_by_keepalive(mosquitto: MosquittoProcess) -> None:
    async with linked(mosquitto.url, keepalive_seconds=1) as (_, recorder):
        mosquitto.freeze()
        recorder.publish("one", Outgoing(topic="t", payload=b"x"))
        await recorder.until(lambda: recorder.endings)
        assert recorder.outcomes == [("one", PublishOutcome.LOST, recorder.endings[0])]
        mosquitto.thaw()
        await recorder.until(lambda: len(recorder.greetings) == 2)


@pytest.mark.mosquitto
async def test_messages_without_end_to_a_broker_that_does_not_read_are_bounded(
    mosquitto: MosquittoProcess,
) -> None:
    message = Outgoing(topic="t", payload=b"x" * 10_000, qos=0)
    async with linked(mosquitto.url) as (_, recorder):
        mosquitto.freeze()
        taken = 0
        for _ in range(2000):
            taken += recorder.publish("many", message)
            await asyncio.sleep(0)
        assert taken < 1000
        mosquitto.thaw()
        await recorder.until(lambda: len(recorder.outcomes) == taken)


@pytest.mark.mosquitto
async def test_the_session_is_resumed_within_the_process(mosquitto: MosquittoProcess) -> None:
    async with (
        _Proxy(mosquitto.port) as proxy,
        linked(f"mqtt://127.0.0.1:{proxy.port}") as (link, recorder),
        MqttProbe(mosquitto.url) as probe,
    ):
        await recorder.subscribe("commands/#")
        await probe.publish("commands/first", b"1")
        await recorder.until(lambda: recorder.messages)
        link.acknowledge(recorder.messages[0])
        await asyncio.sleep(0.05)
        proxy.cut()
        await recorder.until(lambda: recorder.endings)
        await probe.publish("commands/meanwhile", b"2")
        await recorder.until(lambda: len(recorder.messages) == 2)
        assert recorder.greetings == [False, True]
        assert [message.topic for message in recorder.messages] == [
            "commands/first",
            "commands/meanwhile",
        ]


@pytest.mark.mosquitto
async def test_what_was_not_acknowledged_comes_again(mosquitto: MosquittoProcess) -> None:
    async with (
        _Proxy(mosquitto.port) as proxy,
        linked(f"mqtt://127.0.0.1:{proxy.port}") as (link, recorder),
        MqttProbe(mosquitto.url) as probe,
    ):
        await recorder.subscribe("commands/#")
        await probe.publish("commands/x", b"1")
        await recorder.until(lambda: recorder.messages)
        proxy.cut()
        await recorder.until(lambda: len(recorder.messages) == 2)
        link.acknowledge(recorder.messages[0])  # of the connection before: without effect
        link.acknowledge(recorder.messages[1])
        await asyncio.sleep(0.05)
        proxy.cut()
        await recorder.until(lambda: len(recorder.greetings) == 3)
        await probe.publish("commands/y", b"2")
        await recorder.until(lambda: len(recorder.messages) == 3)
        assert [message.payload for message in recorder.messages] == [b"1", b"1", b"2"]


@pytest.mark.mqtt5
async def test_a_live_retained_message_is_seen_as_one(broker: Broker) -> None:
    async with (
        linked(broker.url) as (_, recorder),
        MqttProbe(broker.url) as probe,
    ):
        await recorder.subscribe(f"{broker.root}/commands/#")
        await probe.publish(f"{broker.root}/commands/x", b"1", retain=True)
        await probe.publish(f"{broker.root}/commands/y", b"1", ResponseTopic="a/b")
        await recorder.until(lambda: len(recorder.messages) == 2)
        assert [message.retain for message in recorder.messages] == [True, False]
        assert recorder.messages[1].response_topic == "a/b"
        await probe.publish(f"{broker.root}/commands/x", b"", retain=True)


@pytest.mark.mosquitto
@pytest.mark.parametrize("graceful", [True, False])
async def test_the_will_is_published_only_where_we_vanish(
    mosquitto: MosquittoProcess, graceful: bool
) -> None:
    async with MqttProbe(mosquitto.url, "ocpp/will") as probe, _Proxy(mosquitto.port) as proxy:
        async with linked(f"mqtt://127.0.0.1:{proxy.port}", will_delay_seconds=1) as (_, recorder):
            if not graceful:
                proxy.close_listener()
                proxy.cut()
                await recorder.until(lambda: recorder.endings)
                message = await probe.wait_for("ocpp/will")
                assert (message.text, message.qos) == ("offline", 1)
        if graceful:
            await asyncio.sleep(1.5)
            assert probe.messages == []


async def test_a_port_where_nobody_listens_is_said_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with caplog.at_level(logging.WARNING):
        async with linked(f"mqtt://127.0.0.1:{port}", wait=False) as (link, _):
            assert re.search(f"127.0.0.1:{port}.*refused", str(await _why_not(link)))
            await asyncio.sleep(0.5)
    assert len(caplog.records) == 1  # said once, not with every attempt


async def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        async with linked(url, wait=False, connect_timeout_seconds=0.3) as (link, _):
            assert "does not answer: is it an MQTT broker" in str(await _why_not(link))


@pytest.mark.mosquitto
async def test_a_wrong_password_is_said(tmp_path: Path) -> None:
    async with MosquittoProcess(tmp_path, users={"bridge": "secret"}) as process:
        url = f"mqtt://bridge:wrong@127.0.0.1:{process.port}"
        async with linked(url, wait=False) as (link, _):
            complaint = str(await _why_not(link))
            assert re.search(r"(?i)not authorized|password", complaint)
            assert "wrong" not in complaint


@pytest.mark.mosquitto
async def test_tls_with_an_own_authority(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    port = MosquittoProcess(tmp_path).port
    configuration = (
        f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
        "allow_anonymous true\nuser root\n"
    )
    async with MosquittoProcess(tmp_path, port=port, configuration=configuration):
        async with linked(f"mqtts://localhost:{port}", ca_file=certificate) as (_, recorder):
            recorder.publish("one", Outgoing(topic="t", payload=b"x" * 200_000))
            await recorder.until(lambda: recorder.outcomes)
            assert recorder.outcomes[0][1] is PublishOutcome.ACKNOWLEDGED
        async with linked(f"mqtts://localhost:{port}", wait=False) as (link, _):
            assert "certificate" in str(await _why_not(link))


@pytest.mark.mosquitto
async def test_a_websocket(tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    directory.mkdir()
    spare = MosquittoProcess(directory)
    with socket.create_server(("127.0.0.1", 0)) as server:
        web_port = server.getsockname()[1]
    configuration = (
        f"listener {spare.port} 127.0.0.1\nlistener {web_port} 127.0.0.1\n"
        "protocol websockets\nallow_anonymous true\nuser root\n"
    )
    async with (
        MosquittoProcess(directory, port=spare.port, configuration=configuration) as process,
        MqttProbe(process.url, "t") as probe,
        linked(f"ws://127.0.0.1:{web_port}/mqtt") as (_, recorder),
    ):
        await recorder.subscribe("back")
        recorder.publish("one", Outgoing(topic="t", payload=b"x" * 3000))
        assert len((await probe.wait_for("t")).payload) == 3000
        await probe.publish("back", b"y" * 3000)
        await recorder.until(lambda: recorder.outcomes and recorder.messages)
        assert recorder.messages[0].payload == b"y" * 3000


async def test_stopping_while_connecting_does_not_wait() -> None:
    loop = asyncio.get_running_loop()
    # 192.0.2.0/24 answers nobody (RFC 5737)
    async with linked("mqtt://192.0.2.1:1883", wait=False):
        await asyncio.sleep(0.05)
        began = loop.time()
    assert loop.time() - began < 1


# --- Helpers --------------------------------------------------------------------------------


class _Proxy:
    """Lets bytes through to a port until it cuts its connections."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close_listener()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close_listener(self) -> None:
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, upstream]
        for source, sink in ((reader, upstream), (upstream_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                sink.write(piece)
        sink.close()


def _certificate(directory: Path) -> tuple[Path, Path]:
    import subprocess  # noqa: PLC0415

    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    return certificate, key
