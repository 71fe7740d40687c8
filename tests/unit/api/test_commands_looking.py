"""The commands that only look, as people and programs write them."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from bridge.api.incoming import Accepted, Arrival, Refused, read, right_needed
from bridge.domain.calls import ProfileCriteria
from bridge.domain.commands import Arguments, ReadComposite, ReadProfiles, ResultCode
from bridge.domain.settings import RateUnit
from bridge.mqtt.topics import Topics
from tests.schema_check import check_message

NOW = datetime(2026, 1, 10, 10, 0, 0, tzinfo=UTC)
TABLE = Topics("ocpp", "main")


def taken(name: str, body: dict[str, Any]) -> Accepted | Refused:
    return read(
        Arrival(
            address=TABLE.parse_command(f"ocpp/v1/cs/S1/1/cmd/me/{name}"),
            payload=orjson.dumps(body),
            received_at=NOW,
            fresh_id="fresh",
        )
    )


@pytest.mark.parametrize(
    ("name", "body", "arguments"),
    [
        ("getProfiles", {}, ReadProfiles(criteria=ProfileCriteria())),
        (
            "getProfiles",
            {
                "profileIds": [7, -1],
                "purpose": "TxProfile",
                "stackLevel": 0,
                "limitSources": ["CSO", "EMS"],
                "stationOnly": True,
            },
            ReadProfiles(
                criteria=ProfileCriteria(
                    profile_ids=(7, -1),
                    purpose="TxProfile",
                    stack_level=0,
                    limit_sources=("CSO", "EMS"),
                ),
                station_only=True,
            ),
        ),
        ("getComposite", {}, ReadComposite(duration_seconds=3600)),
        (
            "getComposite",
            {"durationSeconds": 60, "unit": "W"},
            ReadComposite(duration_seconds=60, unit=RateUnit.WATT),
        ),
    ],
)
def test_a_question_is_read(name: str, body: dict[str, Any], arguments: Arguments) -> None:
    found = taken(name, body)
    assert isinstance(found, Accepted)
    assert found.command.arguments == arguments
    assert right_needed(found.command) == name
    check_message(f"ocpp/v1/cs/S1/1/cmd/me/{name}", orjson.dumps(body))


@pytest.mark.parametrize(
    ("name", "body", "pointer", "hint"),
    [
        ("getProfiles", {"purpose": "Tx"}, "/purpose", "TxProfile"),
        ("getProfiles", {"profileIds": []}, "/profileIds", "least 1"),
        ("getProfiles", {"evse": 1}, "/evse", "unknown argument"),
        ("getComposite", {"unit": "kW"}, "/unit", "W"),
        ("getComposite", {"durationSeconds": 0}, "/durationSeconds", "greater than"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    name: str, body: dict[str, Any], pointer: str, hint: str
) -> None:
    found = taken(name, body)
    assert isinstance(found, Refused)
    assert found.refusal.code is ResultCode.INVALID_ARGUMENT
    assert found.refusal.details["pointer"] == pointer
    assert hint in found.refusal.message
