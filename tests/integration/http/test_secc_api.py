"""The API of a charge controller, for a station of OCPP: documents, limits and their rules."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.app import Application, application
from bridge.config import load_config
from bridge.engine.clock import SystemClock
from bridge.ports import Scope
from bridge.store.tokens import create_token
from tests.acceptance.bridges import AT_ONCE, Options, merged
from tests.acceptance.stations import (
    RawStation,
    Session,
    amperes,
    currents,
    energy,
    iso,
    played,
    reject,
)

LOOPBACK = "127.0.0.1"
API = "/api/v1"
LIMITS = f"{API}/limits"
BASE = "/secc/CS1/1/api/v1"
TOPICS = ("configuration", "transaction", "charging", "limits")
NOTHING_SET = {"amperageLimit": None, "powerLimit": None, "timeout": 300_000, "enabled": False}
ALLOCATION = f"{API}/stations/CS1/evses/1/allocation"
JSON = {"content-type": "application/json"}
PATIENCE_SECONDS = 30


async def put(client: httpx.AsyncClient, body: str, path: str = LIMITS) -> Any:
    """Write limits, which has to succeed; return the document that is answered."""
    answer = await client.put(path, content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def source(client: httpx.AsyncClient) -> str:
    name: str = (await client.get(f"{API}/transaction")).json()["allocationSourceName"]
    return name


def profiles(station: RawStation) -> list[float | None]:
    """Return the limits that the station was given so far; None: one was taken away."""
    return [
        amperes(payload["chargingProfile"]) if action == "SetChargingProfile" else None
        for action, payload in station.calls
        if action in {"SetChargingProfile", "ClearChargingProfile"}
    ]


# --- Documents


async def test_the_documents_of_an_idle_charger_at_both_places(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    expected: dict[str, Any] = {
        "configuration": {
            "pdName": "main",
            "powerDomainName": "main",
            "ctrlrName": "CS1/1",
            "controllerName": "CS1/1",
            "sessionId": None,
            "effectiveAmperageLimit": 32,
            "hasPhaseRotation": False,
            "hasPhaseStShutoff": False,
            "hasPhaseShutoff": False,
            "hasPhaseSTTurnon": False,
        },
        "charging": {
            "voltage": [None] * 3,
            "amperage": [0.0] * 3,
            "allocatedAmperage": 32.0,
            "commandedAmperage": None,
            "availableAmperage": 32.0,
            "signaledAmperage": 0.0,
            "frequency": None,
            "energyImported": None,
            "lastActivePower": 0.0,
        },
        "limits": NOTHING_SET,
    }
    for topic, document in expected.items():
        for path in (f"{API}/{topic}", f"{BASE}/{topic}", f"{API}/{topic}?station=CS1&evse=1"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (
                200,
                "application/json",
            )
            assert list(answer.json().items()) == list(document.items())
    below = await client.get(f"{BASE}/transaction")
    assert below.json() == (await client.get(f"{API}/transaction")).json()


async def test_the_documents_while_it_charges(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await station.status("Occupied")
    session = Session()
    reading = energy(iso(session.begin), 12_345.678, "Transaction.Begin")
    await station.call("TransactionEvent", session.started() | {"meterValue": reading})
    await station.event(session, "Updated", "MeterValuePeriodic", meterValue=currents(16, 15.9, 0))

    charging = (await client.get(f"{API}/charging")).json()
    assert charging["amperage"] == [16.0, 15.9, 0.0]
    assert charging["lastActivePower"] == 7337.0  # at the nominal voltage: none was measured
    assert charging["energyImported"] == 12.346
    assert charging["signaledAmperage"] == 32.0
    session_id = (await client.get(f"{API}/configuration")).json()["sessionId"]
    transaction = (await client.get(f"{API}/stations/CS1/evses/1/transaction")).json()
    assert session_id == transaction["transactionUuid"]

    await station.event(session, "Ended", info={"chargingState": "EVConnected"})
    charging = (await client.get(f"{API}/charging")).json()
    assert (charging["amperage"], charging["lastActivePower"]) == ([0.0] * 3, 0.0)


async def test_the_evse_is_named_by_the_query_or_the_path(
    client: httpx.AsyncClient, bridge: Application, station: RawStation
) -> None:
    async with played(f"ws://{LOOPBACK}:{bridge.server.port}", "DE*ABC*E2") as other:
        await other.boot()
        await other.status("Available", evse_id=2)
        for topic in ("configuration", "charging", "limits"):
            answer = await client.get(f"{API}/{topic}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ambiguous")
        for path in ("/secc/DE*ABC*E2/2", "/secc/DE%2AABC%2AE2/2"):
            found = await client.get(f"{path}/api/v1/configuration")
            assert found.json()["ctrlrName"] == "DE*ABC*E2/2"
        query = "?station=DE*ABC*E2&evse=2"
        await put(client, '{"amperageLimit": 10, "enabled": true}', f"{LIMITS}{query}")
        assert (profiles(station), profiles(other)) == ([], [10.0])
        for path, code in (("CS1/2", "unknown_evse"), ("CS9/1", "unknown_station")):
            answer = await client.get(f"/secc/{path}/api/v1/limits")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


class TestInCapitals:
    @pytest.fixture
    def options(self) -> Options:
        return {"mqtt": {"secc_uppercase_state": True}}

    async def test_the_state_as_in_the_example_of_the_seed(
        self, client: httpx.AsyncClient, station: RawStation
    ) -> None:
        for path in (API, BASE):
            assert (await client.get(f"{path}/transaction")).json()["state"] == "IDLE"


# --- Limits


async def test_the_rules_of_the_limits(client: httpx.AsyncClient, station: RawStation) -> None:
    """Each write, what is shown after it, what the station has then, and who is in control."""
    rules: list[tuple[str, dict[str, Any], float | None, str]] = [
        # it counts only once it is enabled
        ('{"amperageLimit": 8.5}', {"amperageLimit": 8.5}, None, "Unmanaged"),
        ('{"enabled": true}', {"enabled": True}, 8.5, "API"),
        # both spellings; the lower of current and power holds; 6900 W are 10 A on three phases
        ('{"setPowerLimit": 6900}', {"powerLimit": 6900}, 8.5, "API"),
        ('{"setAmperageLimit": 12}', {"amperageLimit": 12.0}, 10.0, "API"),
        ('{"sePowerLimit": 4830}', {"powerLimit": 4830}, 7.0, "API"),
        # NaN and null give one up
        ('{"powerLimit": NaN}', {"powerLimit": None}, 12.0, "API"),
        ('{"amperageLimit": null}', {"amperageLimit": None}, None, "Unmanaged"),
        # below 6 A is 0 A, above the effective limit that limit
        ('{"amperageLimit": 5.9}', {"amperageLimit": 0.0}, 0.0, "API"),
        ('{"amperageLimit": 6}', {"amperageLimit": 6.0}, 6.0, "API"),
        ('{"amperageLimit": 80}', {"amperageLimit": 32.0}, 32.0, "API"),
        # disabled, they do not count, and are known still
        ('{"enabled": false}', {"enabled": False}, None, "Unmanaged"),
        ('{"enabled": true, "amperageLimit": 16}', {"enabled": True, "amperageLimit": 16.0}, 16.0,
         "API"),
        ('{"setTimeout": 60000}', {"timeout": 60_000}, 16.0, "API"),
    ]  # fmt: skip
    shown, held = dict(NOTHING_SET), None
    for body, changes, limit, name in rules:
        shown |= changes
        assert await put(client, body) == shown, body
        assert (await client.get(LIMITS)).json() == shown
        if limit != held:
            assert profiles(station)[-1] == limit, body
        held = limit
        assert await source(client) == name, body
    assert profiles(station) == [8.5, 10, 7, 12, None, 0, 6, 32, None, 16]


async def test_a_write_renews_the_lease_and_it_is_a_claim_of_the_api(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await put(client, '{"amperageLimit": 10, "enabled": true, "timeout": 90000}')
    first = (await client.get(ALLOCATION)).json()["limits"][0]
    assert (first["source"], first["controller"], first["limitA"]) == ("API", "secc", 10.0)
    await put(client, '{"enabled": true}')
    again = (await client.get(ALLOCATION)).json()["limits"][0]
    assert again["expiresAt"] > first["expiresAt"]
    assert profiles(station) == [10.0]  # the station's own copy of the lease lasts longer


async def test_each_client_has_a_lease_of_its_own(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    limit = f"{API}/stations/CS1/evses/1/commands/limit"
    assert (await client.post(limit, json={"limitA": 9, "ttlSeconds": 60})).status_code == 200
    assert (await client.get(LIMITS)).json() == NOTHING_SET  # that was the controller `http`
    await put(client, '{"amperageLimit": 10, "enabled": true}')
    assert (await client.get(f"{API}/charging")).json()["commandedAmperage"] == 9.0
    assert await put(client, '{"amperageLimit": NaN}') == NOTHING_SET | {"enabled": True}
    assert await source(client) == "API"
    assert profiles(station) == [9.0]


async def test_a_write_that_says_nothing_usable(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    for body, pointer in (
        ('{"amperageLimit": -1}', "/amperageLimit"),
        ('{"setAmperageLimit": "x"}', "/setAmperageLimit"),
        ('{"timeout": 0}', "/timeout"),
        ("{}", ""),
        ("x", ""),
    ):
        answer = await client.put(LIMITS, content=body, headers=JSON)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_argument")
        assert error["details"] == {"pointer": pointer}
    assert (await client.get(LIMITS)).json() == NOTHING_SET


async def test_what_the_station_refuses_does_not_count(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    station.answer_with("SetChargingProfile", reject)
    body = '{"amperageLimit": 10, "enabled": true}'
    answer = await client.put(LIMITS, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "station_rejected")
    assert (await client.get(LIMITS)).json() == NOTHING_SET | {"amperageLimit": 10.0}
    answer = await client.put(LIMITS, content='{"setPhaseRotation": true}', headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "unsupported")


async def test_a_slow_station_is_not_waited_for_long(
    client: httpx.AsyncClient, station: RawStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.http.secc_api.PATIENCE_SECONDS", 0.1)
    station.answer_with("SetChargingProfile", None)
    shown = await put(client, '{"amperageLimit": 10, "enabled": true}')
    assert shown == NOTHING_SET | {"amperageLimit": 10.0, "enabled": True}
    assert await source(client) == "Unmanaged"  # it has not accepted anything yet


async def test_a_station_that_is_offline_does_not_answer(
    client: httpx.AsyncClient, bridge: Application
) -> None:
    async with played(f"ws://{LOOPBACK}:{bridge.server.port}") as station:
        await station.boot()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await client.get(LIMITS)).status_code == 200:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)
    for topic in TOPICS:
        answer = await client.get(f"{BASE}/{topic}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "station_offline")
    answer = await client.put(LIMITS, content='{"amperageLimit": 10}', headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "station_offline")
    assert (await client.get(f"{API}/transaction")).status_code == 200  # the last that is known


# --- Phases


class TestPhases:
    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"defaults": {"phase_switching": True}}}

    async def test_one_phase_is_claimed_and_given_up(
        self, client: httpx.AsyncClient, station: RawStation
    ) -> None:
        configuration = (await client.get(f"{API}/configuration")).json()
        assert configuration["hasPhaseStShutoff"] is True
        await put(client, '{"setOnePhaseLimit": true}')
        profile = (await station.asked("SetChargingProfile"))["chargingProfile"]
        (schedule,) = profile["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"][0]["numberPhases"] == 1
        transaction = (await client.get(f"{API}/transaction")).json()
        assert transaction["onePhaseLimitActive"] is True
        assert transaction["phaseLimitSourceName"] == "API"
        # it is apart from the limits
        await put(client, '{"amperageLimit": 10, "enabled": true}')
        await put(client, '{"enabled": false}')
        allocation = (await client.get(ALLOCATION)).json()
        assert allocation["requested"]["phases"] == 1
        await put(client, '{"setOnePhaseLimit": false}')
        assert (await client.get(ALLOCATION)).json()["requested"] is None

    async def test_it_is_given_up_without_a_heartbeat(
        self, client: httpx.AsyncClient, station: RawStation
    ) -> None:
        await put(client, '{"setOnePhaseLimit": true, "timeout": 1000}')
        await station.asked("SetChargingProfile")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await client.get(ALLOCATION)).json()["requested"]:  # noqa: ASYNC110  # likewise
                await asyncio.sleep(0.02)


# --- Disabled means paused


class TestPause:
    @pytest.fixture
    def options(self) -> Options:
        return {"http": {"secc_disabled": "pause"}}

    async def test_disabled_is_nothing_at_all_until_it_is_given_up(
        self, client: httpx.AsyncClient, station: RawStation
    ) -> None:
        await put(client, '{"enabled": false}')
        assert (profiles(station), await source(client)) == ([0.0], "API")
        shown = await put(client, '{"amperageLimit": 10}')
        assert shown == NOTHING_SET | {"amperageLimit": 10.0}
        await put(client, '{"enabled": true}')
        assert (await client.get(LIMITS)).json() == shown | {"enabled": True}
        assert profiles(station)[-1] == 10.0
        assert None not in profiles(station)  # at no moment it was free
        await put(client, '{"enabled": false}')
        assert profiles(station)[-1] == 0.0
        await put(client, '{"enabled": false, "amperageLimit": NaN}')
        assert (profiles(station)[-1], await source(client)) == (None, "Unmanaged")


# --- Who may


class TestTokens:
    @pytest.fixture
    def options(self) -> Options:
        rights = {"evcc": {"stations": ["CS1"]}, "guest": {"stations": ["CS2"]}}
        return {"http": {"auth": "token"}, "controllers": rights}

    async def test_scopes_names_and_rights(
        self, client: httpx.AsyncClient, data_dir: Path, station: RawStation
    ) -> None:
        def token(name: str, scope: Scope) -> dict[str, str]:
            shown = create_token(data_dir, name, [scope], expires_at=None, clock=SystemClock())
            return JSON | {"x-api-key": shown}

        body = '{"amperageLimit": 10, "enabled": true}'
        evcc, viewer = token("evcc", Scope.CONTROL), token("viewer", Scope.READ)
        guest = token("guest", Scope.CONTROL)
        for headers, status, code in (
            (JSON, 401, "not_authenticated"),
            (viewer, 403, "not_authorised"),
            (guest, 403, "not_authorised"),
        ):
            answer = await client.put(LIMITS, content=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert (await client.get(LIMITS)).status_code == 401
        assert (await client.put(LIMITS, content=body, headers=evcc)).status_code == 200
        allocation = (await client.get(ALLOCATION, headers=viewer)).json()
        assert allocation["limits"][0]["controller"] == "evcc"
        # who controls sees their own; who may only look, what holds
        shown = (await client.get(LIMITS, headers=viewer)).json()
        assert shown == NOTHING_SET | {"amperageLimit": 10.0, "enabled": True}

    async def test_the_token_in_the_url(
        self, client: httpx.AsyncClient, data_dir: Path, station: RawStation
    ) -> None:
        shown = create_token(
            data_dir, "evcc", [Scope.CONTROL], expires_at=None, clock=SystemClock()
        )
        for user in ("evcc", ""):
            answer = await client.get(LIMITS, auth=(user, shown))
            assert answer.json() == NOTHING_SET
        for headers in ("Basic", "Basic !", "Basic \xe9", "Basic " + "eA=="):
            answer = await client.get(LIMITS, headers=[(b"authorization", headers.encode())])
            assert answer.status_code == 401
        answer = await client.get(LIMITS, auth=(shown, "x"))
        assert answer.status_code == 401


async def test_a_page_of_another_site_cannot_write(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    body = '{"amperageLimit": 10, "enabled": true}'
    for path in (LIMITS, f"{BASE}/limits"):
        for headers in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await client.put(path, content=body, headers=JSON | headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_origin")
    assert profiles(station) == []


async def test_what_a_body_is_called_does_not_matter(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    body = '{"amperageLimit": NaN, "timeout": 60000}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"content-type": kind} if kind else {}
        answer = await client.put(LIMITS, content=body, headers=headers)
        assert (answer.status_code, answer.json()["timeout"]) == (200, 60_000)


# --- Restart


async def test_the_lease_outlives_a_restart_of_the_bridge(data_dir: Path) -> None:
    values = {
        "bridge": {"data_dir": str(data_dir)},
        "mqtt": {"url": f"mqtt://{LOOPBACK}:1"},
        "ocpp": {"listen": f"{LOOPBACK}:0"},
        "http": {"listen": f"{LOOPBACK}:0"},
        "stations": {"unknown": "accept", "defaults": {"automatic_calls": False}},
    }
    shown: list[Any] = []
    for body in ('{"amperageLimit": 10, "enabled": true, "timeout": 90000}', '{"enabled": true}'):
        async with (
            application(load_config(overrides=merged(values, AT_ONCE))) as bridge,
            played(f"ws://{LOOPBACK}:{bridge.server.port}") as station,
        ):
            await station.boot()
            assert bridge.http is not None
            url = f"http://{LOOPBACK}:{bridge.http.port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                shown += [(await client.get(LIMITS)).json(), await put(client, body)]
    lease = {"amperageLimit": 10.0, "powerLimit": None, "timeout": 90_000, "enabled": True}
    assert shown == [NOTHING_SET, lease, lease, lease]
