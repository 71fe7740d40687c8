"""Timestamps of stations."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.ocpp.times import format_timestamp, in_utc, parse_timestamp

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00z",
        "2026-11-21t12:00:00Z",
        "2026-11-21T12:00:00.000Z",
        "2026-11-21T12:00:00.0000000Z",
        "2026-11-21T12:00:00+00:00",
        "2026-11-21T15:00:00+03",
        "2026-11-21T15:00:00+0300",
        "2026-11-21T06:30:00-05:30",
        "2026-11-21T12:00:00",
        "2026-11-21 12:00:00Z",
        "2026-11-21T12:00Z",
        " 2026-11-21T12:00:00Z\n",
    ],
)
def test_what_stations_write(text: str) -> None:
    moment = parse_timestamp(text)
    assert moment == NOON
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1000000",
        "2026-11-21",
        "20261121T120000Z",
        "2026-W47-6",
        "2026-13-01T00:00:00Z",
        "2026-11-21T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-21T12:00:00Zulu",
    ],
)
def test_what_means_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        parse_timestamp(text)
    assert not text or text not in str(error.value)


def test_what_stations_can_read() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=1))) + timedelta(microseconds=5)
    assert format_timestamp(local) == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize(
    ("sent", "means"),
    [
        ("2026-07-10T12:00:00", "2026-07-10T10:00:00.000Z"),
        ("2026-01-10 12:00:00.25", "2026-01-10T11:00:00.250Z"),
        ("2026-07-10T12:00:00Z", "2026-07-10T12:00:00Z"),
        ("2026-07-10T12:00:00+02:00", "2026-07-10T12:00:00+02:00"),
        ("2026-07-10", "2026-07-10"),
        ("2026-99-10T12:00:00", "2026-99-10T12:00:00"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00"),
        ("SN-2026", "SN-2026"),
    ],
)
def test_item_29_local_times_are_put_right_where_the_zone_is_known(sent: str, means: str) -> None:
    payload = {"a": sent, "b": [{"c": sent, "d": 1, "e": None}]}

    assert in_utc(payload, "Europe/Berlin") == {"a": means, "b": [{"c": means, "d": 1, "e": None}]}


@pytest.fixture
def in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_india")
def test_item_29_the_zone_may_be_that_of_the_machine() -> None:
    assert in_utc("2026-07-10T12:00:00", "local") == "2026-07-10T06:30:00.000Z"
