"""The OpenAPI document is what is committed, and holds together."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from bridge.api import commands
from bridge.http.app import openapi
from bridge.http.commands import SCOPES
from bridge.mqtt.schemas import render

COMMITTED: Final = Path(__file__).parents[3] / "schemas/openapi.json"
OPEN: Final = {"/healthz", "/readyz"}
EVSE: Final = "/api/v1/stations/{station}/evses/{evse}"


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in openapi()["paths"].items():
        for operation in methods.values():
            yield path, operation


def test_committed_file_is_up_to_date() -> None:
    committed = COMMITTED.read_text(encoding="utf-8")
    assert committed == render(openapi()), "run: ocpp-mqtt-bridge export-schemas"


def test_every_reference_leads_somewhere() -> None:
    for reference in references(openapi()):
        part = openapi()
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (each for key, each in part.items() if key == "$ref")
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def test_what_asks_for_no_token() -> None:
    assert {path for path, operation in operations() if "security" not in operation} == OPEN


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", commands.API_MODELS)
def test_each_command_is_there_with_its_body_and_its_scope(name: str) -> None:
    operation = openapi()["paths"][f"{EVSE}/commands/{name}"]["post"]
    assert operation["x-scope"] == SCOPES[name]
    content = operation["requestBody"]["content"]["application/json"]
    schema = content["schema"] | {"components": openapi()["components"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content["example"], schema)
    names = set(commands.API_MODELS[name].argument_names())
    assert schema["properties"].keys() == names
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content["example"], "no such argument": 1}, schema)


def test_every_answer_that_is_an_error_has_one_shape() -> None:
    text = json.dumps(openapi())
    assert "HTTPValidationError" not in text
    assert '"422"' not in text
