"""What of a frame may be shown."""

import json
from typing import Any

import pytest

from bridge.ocpp.security import Redactor

REDACTOR = Redactor(b"key")


def shown(payload: Any) -> Any:
    return json.loads(REDACTOR.frame(json.dumps([2, "a", "X", payload]).encode()))[3]


@pytest.mark.parametrize(
    ("payload", "redacted"),
    [
        ({"evseId": 1, "list": [1, "two", {"three": 3}]}, None),
        ({"password": "p", "Password": "p"}, {"password": "***", "Password": "***"}),
        ({"connectionData": {"vpn": {"key": "p"}}}, {"connectionData": {"vpn": "***"}}),
        (
            {
                "setVariableData": [
                    {"variable": {"name": "BasicAuthPassword"}, "attributeValue": "p"}
                ]
            },
            {
                "setVariableData": [
                    {"variable": {"name": "BasicAuthPassword"}, "attributeValue": "***"}
                ]
            },
        ),
        (
            {"variable": {"name": "HeartbeatInterval"}, "attributeValue": "300"},
            None,
        ),
        ({"key": "AuthorizationKey", "value": "p"}, {"key": "AuthorizationKey", "value": "***"}),
        ({"variable": {"name": 7}, "key": ["unhashable"]}, None),
    ],
)
def test_secrets_are_masked(payload: Any, redacted: Any) -> None:
    assert shown(payload) == (payload if redacted is None else redacted)


def test_id_tokens_become_keyed_hashes() -> None:
    token = shown({"idToken": {"idToken": "TAG1", "type": "ISO14443"}})["idToken"]
    again = shown({"idTag": "TAG1"})["idTag"]
    assert token["type"] == "ISO14443"
    assert token["idToken"] == again != "TAG1"
    other = Redactor(b"other").frame(b'[2,"a","X",{"idTag":"TAG1"}]')
    assert again.encode() not in other


@pytest.mark.parametrize(
    "payload",
    [
        {"idTagInfo": {"status": "Accepted", "parentIdTag": "TAG1"}},
        {"idTokenInfo": {"groupIdToken": {"idToken": "TAG1", "type": "Central"}}},
        {"groupIdToken": "TAG1", "groupId": "TAG1"},
        {"localAuthorizationList": [{"idToken": {"idToken": "TAG1"}}, {"idTag": "TAG1"}]},
        {"variable": {"name": "MasterPassGroupId"}, "attributeValue": "TAG1"},
    ],
)
def test_no_token_and_no_group_is_shown_wherever_it_stands(payload: Any) -> None:
    assert "TAG1" not in json.dumps(shown(payload))
