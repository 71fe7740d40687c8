"""`pub` and `sub` as a user types them, on real brokers."""

import argparse
import asyncio
import contextlib
from pathlib import Path

import orjson
import pytest

from bridge.mqtt.tools import add_pub_arguments, add_sub_arguments, follow, pub, sub
from tests.brokers import Broker, MosquittoProcess
from tests.mqtt_probe import MqttProbe


def pub_arguments(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_pub_arguments(parser)
    return parser.parse_args(arguments)


def sub_arguments(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_sub_arguments(parser)
    return parser.parse_args(arguments)


async def test_pub_publishes_and_sub_prints(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = f"{broker.root}/a"
    arguments = pub_arguments(topic, "two\nlines \x1b[31m", "--url", broker.url, "--retain")
    assert await pub(arguments) == 0
    assert await sub(sub_arguments(topic, "--url", broker.url, "--count", "1")) == 0

    (line,) = capsys.readouterr().out.splitlines()
    clock, printed, payload = line.split(" ", 2)
    assert len(clock.split(":")) == 3
    assert printed == topic
    assert payload == "two\\nlines \\x1b[31m"


async def test_sub_ends_in_time(broker: Broker) -> None:
    quiet = f"{broker.root}/quiet"
    assert await sub(sub_arguments(quiet, "--url", broker.url, "--seconds", "0.3")) == 0
    short = sub_arguments(quiet, "--url", broker.url, "--seconds", "0.3", "--count", "1")
    assert await sub(short) == 1


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("rejected", 1)])
async def test_pub_of_a_command_prints_its_results_until_the_final_one(
    broker: Broker, capsys: pytest.CaptureFixture[str], status: str, code: int
) -> None:
    place = f"{broker.root}/v1/cs/CS1/1"
    command, results = f"{place}/cmd/me/limit", f"{place}/res/me/limit"
    async with MqttProbe(broker.url, command, mqtt5=broker.mqtt5) as bridge:

        async def answer() -> None:
            await bridge.wait_for(command)
            for answer_status in ("accepted", status):
                document = {
                    "id": "x",
                    "status": answer_status,
                    "final": answer_status != "accepted",
                }
                await bridge.publish(results, {**document, "id": "another"})
                await bridge.publish(results, document)

        answering = asyncio.create_task(answer())
        body = '{"id":"x","limitA":10}'
        assert await pub(pub_arguments(command, body, "--url", broker.url)) == code
        await answering

    printed = [line.split(" ", 2) for line in capsys.readouterr().out.splitlines()]
    assert [topic for _, topic, _ in printed] == [results, results]
    statuses = [orjson.loads(payload)["status"] for _, _, payload in printed]
    assert statuses == ["accepted", status]


async def test_a_command_that_nobody_answers_is_said_to_be_so(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = f"{broker.root}/v1/cs/CS1/1/set/me/limitA"
    arguments = pub_arguments(topic, "10", "--url", broker.url, "--wait", "0.2")
    assert await pub(arguments) == 1
    assert "is the bridge running" in capsys.readouterr().err
    assert await pub(pub_arguments(topic, "10", "--url", broker.url, "--wait", "0")) == 0


async def test_follow_yields_retained_messages_first(broker: Broker) -> None:
    topic = f"{broker.root}/kept"
    protocol = "5" if broker.mqtt5 else "3.1.1"
    async with MqttProbe(broker.url, mqtt5=broker.mqtt5) as probe:
        await probe.publish(topic, "kept", retain=True)
        async with contextlib.aclosing(
            follow(broker.url, [f"{broker.root}/#"], protocol)  # type: ignore[arg-type]
        ) as messages:
            first = await anext(messages)
            await probe.publish(topic, "live")
            second = await anext(messages)

    assert (first.topic, first.payload, first.retain) == (topic, b"kept", True)
    assert (second.payload, second.retain) == (b"live", False)


@pytest.mark.mosquitto
async def test_a_wrong_password_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with MosquittoProcess(tmp_path, users={"me": "right"}) as process:
        url = f"mqtt://me:wrong-secret@127.0.0.1:{process.port}"
        assert await pub(pub_arguments("a", "b", "--url", url)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "refuses this user or password" in error
    assert "wrong-secret" not in error


@pytest.mark.mosquitto
async def test_a_broker_that_goes_away_ends_sub_with_one_line(
    mosquitto: MosquittoProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(sub(sub_arguments("a/#", "--url", mosquitto.url)))
    async with MqttProbe(mosquitto.url) as probe:
        while not capsys.readouterr().out:
            await probe.publish("a/b", "x")
    await mosquitto.kill()
    assert await running == 1
    assert "ended" in capsys.readouterr().err
