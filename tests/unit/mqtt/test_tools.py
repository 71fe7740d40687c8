"""What `pub` and `sub` say before they reach a broker, and how they print."""

import argparse

import pytest

from bridge.mqtt.tools import (
    add_pub_arguments,
    add_sub_arguments,
    one_line,
    pub,
    result_topic,
    sub,
)


def pub_arguments(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_pub_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("ocpp/v1/cs/S/1/cmd/me/limit", "ocpp/v1/cs/S/1/res/me/limit"),
        ("ocpp/v1/cs/S/1/set/me/limitA", "ocpp/v1/cs/S/1/res/me/set_limitA"),
        ("ocpp/v1/cs/S/1/state", None),
        ("a", None),
    ],
)
def test_results_come_beside_the_command(command: str, result: str | None) -> None:
    assert result_topic(command) == result


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (b'{"a":1}', '{"a":1}'),
        ("Grüße".encode(), "Grüße"),
        (b"a\r\nb\x00\x1b[2J", "a\\r\\nb\\x00\\x1b[2J"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("a\u202eb".encode(), "a\\u202eb"),
    ],
)
def test_a_payload_is_one_line_that_leaves_the_terminal_alone(payload: bytes, line: str) -> None:
    assert one_line(payload) == line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a/#", "x"), "without + and #"),
        (("", "x"), "no topic to publish to"),
        (("a", "x", "--url", "http://localhost"), "schemes: mqtt, mqtts, ws, wss"),
        (("a", "x", "--url", "mqtt://localhost:99999"), "port"),
    ],
)
async def test_wrong_usage_is_explained(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await pub(pub_arguments(*arguments)) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


async def test_a_broker_that_is_not_there_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_MQTT__URL", "mqtt://user:secret@127.0.0.1:1")
    parser = argparse.ArgumentParser()
    add_sub_arguments(parser)
    assert await sub(parser.parse_args(["a"])) == 1

    error = capsys.readouterr().err
    assert "no broker at mqtt://127.0.0.1:1" in error
    assert "secret" not in error
    assert error.count("\n") == 1
