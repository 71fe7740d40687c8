"""What a log line shows, and what it never shows."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.telemetry.logs import LogFormat, configure_logging
from bridge.telemetry.redaction import escaped

log = logging.getLogger("bridge.somewhere")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_of(log_format: LogFormat, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, log_format, stream)
    return stream


def log_failure(text: str) -> None:
    try:
        raise ValueError(text)  # noqa: TRY301 - it must have a traceback
    except ValueError:
        log.exception("failed")


def test_a_line_for_people_has_message_and_facts() -> None:
    stream = lines_of("human")

    log.warning("station %s connected", "E1", extra={"remote": "10.0.0.7", "count": 3})

    [line] = stream.getvalue().splitlines()
    assert "[warning  ] station E1 connected" in line
    assert "[bridge.somewhere] count=3 remote=10.0.0.7" in line
    assert "\x1b" not in line, "no colours but on a terminal"


def test_a_json_line_has_the_facts_as_fields() -> None:
    stream = lines_of("json")

    log.info("connected", extra={"station": "Zoë", "count": 3, "nested": {"a": [1, None]}})

    record = json.loads(stream.getvalue())
    assert record.pop("ts").endswith("Z")
    assert record == {
        "event": "connected",
        "level": "info",
        "logger": "bridge.somewhere",
        "station": "Zoë",
        "count": 3,
        "nested": {"a": [1, None]},
    }


def test_the_level_is_the_least_that_is_shown() -> None:
    stream = lines_of("json", "warning")

    log.info("no")
    log.warning("yes")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_configuring_again_replaces() -> None:
    before = lines_of("human")
    after = lines_of("human")

    log.info("once")

    assert before.getvalue() == ""
    assert after.getvalue().count("once") == 1


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_no_secret_is_shown(log_format: LogFormat) -> None:
    stream = lines_of(log_format)

    log.info(
        "to %s",
        "mqtt://me:canary@broker",
        extra={
            "password": "canary",
            "BasicAuthPassword": "canary",
            "Authorization": "Basic canary",
            "idToken": {"idToken": "canary", "type": "ISO14443"},
            "frame": {"customData": [{"AuthorizationKey": "canary"}], "url": "ws://u:canary@h"},
            "urls": ["mqtt://canary@h"],
        },
    )
    log_failure("mqtt://u:canary@h")

    assert "canary" not in stream.getvalue()
    assert "broker" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["human", "json"])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_one_record_is_one_line(log_format: LogFormat, text: str) -> None:
    stream = lines_of(log_format)

    log.info("from %s", text, extra={"station": text, "parts": [text], "by": {text: text}})

    line = stream.getvalue()
    assert line.endswith("\n")
    assert len(line[:-1].splitlines() or [""]) == 1
    assert line[:-1] == escaped(line[:-1])


def test_a_traceback_cannot_pose_as_a_record() -> None:
    stream = lines_of("human")

    log_failure("x\n2026-01-01 00:00:00 [info] all is well\x1b[2J")

    first, *rest = stream.getvalue().splitlines()
    assert "failed" in first
    assert all(line.startswith("  | ") for line in rest)
    assert "\x1b" not in stream.getvalue()


def test_json_keeps_text_as_it_was() -> None:
    stream = lines_of("json")

    log.info("x", extra={"station": "a\n\x1b\x9b\x7f"})

    assert json.loads(stream.getvalue())["station"] == "a\n\x1b\x9b\x7f"
