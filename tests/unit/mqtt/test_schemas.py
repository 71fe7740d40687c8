"""The committed schemas are what the topic table and its models say."""

from pathlib import Path

import jsonschema
import pytest

from bridge.mqtt.asyncapi import asyncapi
from bridge.mqtt.schemas import all_schemas, export, render
from bridge.mqtt.topics import TOPICS

COMMITTED = Path(__file__).parents[3] / "schemas"
SEED_KEYS = [
    "state",
    "startedTime",
    "endedTime",
    "meterStart",
    "meterStop",
    "vehicleStatus",
    "chargeControllerStatus",
    "usedPhasesSession",
    "startReason",
    "stopReason",
    "allocationSourceName",
    "onePhaseLimitActive",
    "phaseLimitSourceName",
    "phaseRotationActive",
    "phaseRotationSourceName",
]


@pytest.mark.parametrize("name", all_schemas())
def test_committed_file_is_up_to_date(name: str) -> None:
    committed = (COMMITTED / name).read_text(encoding="utf-8")
    assert committed == render(all_schemas()[name]), "run: ocpp-mqtt-bridge export-schemas"


def test_no_file_is_left_over() -> None:
    expected = {Path(name) for name in all_schemas() if name.startswith("payloads/")}
    assert {path.relative_to(COMMITTED) for path in COMMITTED.glob("payloads/*")} == expected


def test_export_writes_every_document(tmp_path: Path) -> None:
    written = export(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in written} == set(all_schemas())
    for path in written:
        assert path.read_text(encoding="utf-8") == (
            COMMITTED / path.relative_to(tmp_path)
        ).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in all_schemas() if "/" in name])
def test_a_payload_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(all_schemas()[name])


def test_the_secc_schema_has_exactly_the_keys_of_the_seed_in_its_order() -> None:
    schema = all_schemas()["payloads/secc.json"]
    assert list(schema["properties"]) == schema["required"] == SEED_KEYS
    assert schema["additionalProperties"] is False


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in _references(document):
        part = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_every_row_is_a_channel_with_all_its_parameters() -> None:
    channels = asyncapi()["channels"]
    for row in TOPICS:
        channel = channels[row.name]
        assert channel["address"] == row.address
        assert {f"{{{name}}}" for name in channel["parameters"]} == {
            part for part in row.address.split("/") if part.startswith("{")
        }


def _references(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [value for key, value in part.items() if key == "$ref"]
        return own + [found for value in part.values() for found in _references(value)]
    if isinstance(part, list):
        return [found for value in part for found in _references(value)]
    return []
