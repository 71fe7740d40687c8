"""The broker of the demo: chosen in the documented order, gone when the demo is."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from bridge.demo import broker as demo
from bridge.demo.broker import BrokerError, demo_broker, free_port
from bridge.mqtt import tools
from tests.brokers import LOOPBACK, Broker, MosquittoProcess
from tests.mqtt_probe import MqttProbe


@pytest.fixture
def no_mosquitto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_mosquitto", lambda: None)


async def can_connect(url: str) -> bool:
    try:
        _reader, writer = await asyncio.open_connection(LOOPBACK, int(url.rpartition(":")[2]))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def assert_messages_pass(handle: demo.BrokerHandle) -> None:
    async with MqttProbe(handle.url, "demo/#", mqtt5=handle.mqtt5) as probe:
        await probe.publish("demo/a", "x")
        assert (await probe.wait_for("demo/a")).qos == 1


@pytest.mark.mosquitto
async def test_mosquitto_is_taken_where_it_is_installed() -> None:
    log: list[str] = []
    port = free_port()
    async with demo_broker(port=port, on_log=log.append) as handle:
        assert (handle.url, handle.kind) == (f"mqtt://{LOOPBACK}:{port}", "mosquitto")
        assert handle.mqtt5
        assert handle.persistent
        await assert_messages_pass(handle)
    assert not await can_connect(handle.url)
    assert "mosquitto" in log[0]


@pytest.mark.usefixtures("no_mosquitto")
async def test_amqtt_is_taken_where_there_is_no_mosquitto() -> None:
    log: list[str] = []
    async with demo_broker(port=free_port(), on_log=log.append) as handle:
        assert handle.kind == "amqtt"
        assert not handle.mqtt5
        assert not handle.persistent
        await assert_messages_pass(handle)
    assert not await can_connect(handle.url)
    assert "MQTT 3.1.1 only" in log[0]


async def test_a_given_broker_is_used_and_left_running(broker: Broker) -> None:
    async with demo_broker(broker.url) as handle:
        assert (handle.url, handle.kind) == (broker.url, "given")
        assert handle.mqtt5 == broker.mqtt5
    async with demo_broker(broker.url) as again:
        await assert_messages_pass(again)


async def test_the_port_is_the_usual_one_where_it_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = free_port()
    monkeypatch.setattr(demo, "_USUAL_PORT", usual)
    async with demo_broker() as first:
        assert first.url == f"mqtt://{LOOPBACK}:{usual}"
        async with demo_broker() as second:
            assert second.url != first.url
    async with demo_broker() as third:
        assert third.url == first.url


async def test_a_taken_port_says_which_options_there_are() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"{port} is taken: .*--mqtt-port.*--broker"):
            await demo_broker(port=port).__aenter__()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://localhost", "expected a broker's URL such as mqtt://"),
        ("mqtt://", "expected a broker's URL"),
        ("mqtt://host:99999", "the port in the broker's URL"),
        (f"mqtt://me:secret@{LOOPBACK}:1", f"no broker at mqtt://{LOOPBACK}:1: .*Is it running"),
    ],
)
async def test_a_wrong_url_is_explained_without_its_password(url: str, message: str) -> None:
    with pytest.raises(BrokerError, match=message) as caught:
        await demo_broker(url).__aenter__()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x00", b""])
async def test_what_is_no_mqtt_broker_is_told_apart(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "CONNECT_SECONDS", 0.3)

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(reply, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError, match=r"no broker at"):
            await demo_broker(f"mqtt://{LOOPBACK}:{port}").__aenter__()


@pytest.mark.mosquitto
async def test_a_refused_password_says_how_to_give_it(tmp_path: Path) -> None:
    async with MosquittoProcess(tmp_path, users={"bridge": "p@ss:w/rd" * 20}) as process:
        async with demo_broker(process.url_of("bridge")) as handle:
            assert handle.mqtt5
        with pytest.raises(BrokerError, match="refuses this user or password"):
            await demo_broker(f"mqtt://bridge:wrong@{LOOPBACK}:{process.port}").__aenter__()


async def test_a_mosquitto_that_ends_at_once_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_mosquitto", lambda: "/bin/false")
    with pytest.raises(BrokerError, match=r"ended at once \(exit code 1\)"):
        await demo_broker(port=free_port()).__aenter__()


@pytest.mark.usefixtures("no_mosquitto")
async def test_without_any_broker_the_ways_to_get_one_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(BrokerError, match=r"apt install mosquitto.*\[demo\].*--broker"):
        await demo_broker(port=free_port()).__aenter__()
