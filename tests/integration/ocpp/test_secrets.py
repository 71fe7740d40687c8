"""No secret leaves by the log or the raw frames."""

import json
import logging
from base64 import b64encode
from typing import Any

import pytest

from bridge.domain.calls import RequestStartTransaction
from bridge.domain.events import IdToken
from bridge.domain.ids import StationId
from tests.ocpp_inbox import logged_in_by, running_server

PASSWORD = "canary-password"
TOKEN = "CANARYTAG"


async def test_canaries_are_in_no_log_and_no_raw_frame(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[tuple[str, str, str, bytes]] = []
    async with running_server(
        access=logged_in_by(PASSWORD.encode()),
        on_frame=lambda *frame: shown.append(frame),
    ) as running:
        credentials = b64encode(f"CS1:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        async with running.station("CS1", additional_headers=headers) as websocket:
            token = {"idToken": TOKEN, "type": "ISO14443"}
            payloads: list[tuple[str, Any]] = [
                ("Authorize", {"idToken": token}),
                ("Authorize", {"idToken": token | {"type": 7}}),
                ("Authorize", {"idToken": token | {"type": PASSWORD}}),
                (
                    "NotifyReport",
                    {
                        "requestId": 1,
                        "generatedAt": "2026-11-21T08:00:00Z",
                        "seqNo": 0,
                        "reportData": [
                            {
                                "component": {"name": "SecurityCtrlr"},
                                "variable": {"name": "BasicAuthPassword"},
                                "variableAttribute": [{"value": PASSWORD}],
                            }
                        ],
                    },
                ),
            ]
            for action, payload in payloads:
                await websocket.send(json.dumps([2, action, action, payload]))
                await websocket.recv()
            await websocket.send(f'[2,"x","{"Unknown/#" * 10_000}",{{}}]')
            await websocket.recv()
            await websocket.send(f'[2,"x","Heartbeat",{{"password":"{PASSWORD}"')
            await websocket.recv()
            running.server.call(
                StationId("CS1"),
                RequestStartTransaction(
                    evse_id=1, remote_start_id=1, id_token=IdToken(value=TOKEN, type="Central")
                ),
                lambda _: None,
            )
            await websocket.recv()
    raw = b"".join(frame for *_, frame in shown).decode()
    logged = "".join(str(record.__dict__) for record in caplog.records if _ours(record))
    # The type of the third Authorize is where nobody keeps a password.
    assert PASSWORD not in raw.replace(f'"type":"{PASSWORD}"', "")
    assert TOKEN not in raw
    assert PASSWORD not in logged
    assert TOKEN not in logged
    assert credentials not in logged
    assert "Unknown/#" in logged
    assert "Unknown/#" * 10 not in logged
    assert [(direction, action) for _, direction, action, _ in shown[:2]] == [
        ("rx", "Authorize"),
        ("tx", "Authorize"),
    ]
    assert {action for _, _, action, _ in shown} == {
        "Authorize",
        "NotifyReport",
        "RequestStartTransaction",
    }
    assert ("CS1", "tx", "RequestStartTransaction") in {frame[:3] for frame in shown}


def _ours(record: logging.LogRecord) -> bool:
    return record.name.startswith("bridge.")
