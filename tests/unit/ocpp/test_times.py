"""Timestamps of stations."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.ocpp.times import format_timestamp, parse_timestamp

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
