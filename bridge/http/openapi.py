"""The OpenAPI document, generated from the routes and the models of commands.

Deterministic, as the AsyncAPI document: a test holds the committed file to it. FastAPI knows the
routes and their answers; what it does not know is added here: the bodies of commands, which are
read by the rules of MQTT, the tokens, and the one shape of errors.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from bridge.api import commands
from bridge.api.explained import EXAMPLES
from bridge.http.auth import Requires
from bridge.ports import Scope

Document = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_VALIDATION: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own shape of errors, which nobody gets to see."""
_ERROR: Final[Document] = {
    "content": {_JSON: {"schema": {"$ref": _REFERENCE.format(model="ErrorDocument")}}}
}
_ANSWERS: Final[Document] = {
    "wrong": {**_ERROR, "description": "The request is wrong: `error` says how."},
    "unknown": {**_ERROR, "description": "No token is shown, or a wrong one."},
    "unavailable": {**_ERROR, "description": "The store cannot be read or written."},
}
_SECURITY: Final[Document] = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
_DESCRIPTION: Final = """\
Tokens are made by `ocpp-mqtt-bridge token create`; where `http.auth` asks for none, they may be
left out. `error` has the codes of the MQTT API. `/api/v1/transaction/ws` is a WebSocket that sends
what `GET /api/v1/transaction` returns, now and whenever it changes.
"""


def document_of(application: FastAPI, routers: Iterable[APIRouter]) -> Document:
    """Return the document of an application that has these routers."""
    document: Document = application.openapi()
    document["info"]["description"] = _DESCRIPTION
    components: Document = document["components"]
    components["securitySchemes"] = _SECURITY
    components["responses"] = _ANSWERS
    for name in _VALIDATION:
        components["schemas"].pop(name, None)
    scopes = _scopes(routers)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _tell_errors(operation, scopes.get((path, method.upper())))
    for path, model in _command_paths():
        body = _body(path, model, components["schemas"])
        document["paths"][path]["post"]["requestBody"] = body
    return {name: _without_titles(part) for name, part in document.items()} | {
        "info": document["info"]
    }


def _without_titles(part: Any) -> Any:
    """Return a part of the document without titles, which only repeat the names of keys."""
    if isinstance(part, dict):
        return {
            key: _without_titles(inner)
            for key, inner in part.items()
            if not (key == "title" and isinstance(inner, str))
        }
    return [_without_titles(inner) for inner in part] if isinstance(part, list) else part


def _tell_errors(operation: Document, scope: Scope | None) -> None:
    """Add what any request can be answered, and what it takes to be let in."""
    answers: Document = operation["responses"]
    answers.pop("422", None)
    answers.setdefault("4XX", _answer("wrong"))
    if scope is not None:
        answers["401"] = _answer("unknown")
        if "5XX" not in answers:
            answers.setdefault("503", _answer("unavailable"))
        operation["security"] = [{name: []} for name in _SECURITY]
        operation["x-scope"] = scope.value
    operation["responses"] = dict(sorted(answers.items()))


def _answer(name: str) -> Document:
    return {"$ref": f"#/components/responses/{name}"}


def _scopes(routers: Iterable[APIRouter]) -> Mapping[tuple[str, str], Scope]:
    """Return the scope that each operation needs, by path and method."""
    return {
        (route.path_format, method): scope
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
        for scope in _needed(route.dependant)
    }


def _needed(dependant: Dependant) -> Iterator[Scope]:
    for each in dependant.dependencies:
        if isinstance(each.call, Requires):
            yield each.call.scope
        yield from _needed(each)


# --- Bodies of commands ---------------------------------------------------------------------


def _command_paths() -> Iterator[tuple[str, type[commands.Command]]]:
    for name, model in commands.API_MODELS.items():
        yield f"/api/v1/stations/{{station}}/evses/{{evse}}/commands/{name}", model
    for name, model in commands.TEAM_MODELS.items():
        yield f"/api/v1/teams/{{team}}/commands/{name}", model


def _body(path: str, model: type[commands.Command], schemas: Document) -> Document:
    """Return the body of a command; parts of it that have a name go to `schemas`."""
    schema = TypeAdapter(model).json_schema(ref_template=_REFERENCE)
    for name, part in schema.pop("$defs", {}).items():
        if schemas.setdefault(name, part) != part:
            raise ValueError(f"{name} names two schemas: {path} and another")
    content: Document = {"schema": schema}
    example = EXAMPLES.get(path.rpartition("/")[2])
    if example is not None:
        content["example"] = TypeAdapter(dict[str, Any]).validate_json(example)
    return {"required": bool(schema.get("required")), "content": {_JSON: content}}
