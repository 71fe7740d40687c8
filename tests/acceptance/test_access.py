"""Who may connect, over the life of a bridge: passwords that change, and stations that wait."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from bridge.cli import main
from bridge.demo.broker import free_port
from tests.acceptance.bridges import Bridge, BridgeProgram, Options, running_bridge
from tests.acceptance.stations import BOOT, Answer, Json, RawStation, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import LOOPBACK, Broker
from tests.certificates import Authority

PASSWORD: Final = "as configured"
DONE: Final = [("accepted", "ok"), ("done", "ok")]
SILENT: Final[Mapping[str, Answer | None]] = {"SetVariables": None}


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"CS1:{secret}".encode()).decode()}


async def status(url: str, secret: str, **more: Any) -> int:
    """Return the HTTP status of an attempt of CS1 to log in."""
    try:
        async with played(url, additional_headers=basic(secret), **more):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def secret_of(station: RawStation) -> str:
    (each,) = (await station.asked("SetVariables"))["setVariableData"]
    secret: str = each["attributeValue"]
    return secret


def written(payload: Json, status: str) -> Json:
    results = [
        {"component": each["component"], "variable": each["variable"], "attributeStatus": status}
        for each in payload["setVariableData"]
    ]
    return {"setVariableResult": results}


def accepted(payload: Json) -> Json:
    return written(payload, "Accepted")


def rejected(payload: Json) -> Json:
    return written(payload, "Rejected")


class TestPassword:
    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"known": {"CS1": {"auth": "basic", "password": PASSWORD}}}}

    async def test_a_bridge_that_is_killed_before_the_answer_lets_both_in(
        self, program: BridgeProgram, witness: Witness
    ) -> None:
        await program.start()
        headers = basic(PASSWORD)
        async with played(program.url, additional_headers=headers, answers=SILENT) as station:
            await witness.until_text("CS1/availability", "online")
            await witness.publish(witness.address("CS1/0/cmd/me/password"), {"id": "new"})
            secret = await secret_of(station)
            await program.kill()
        await program.start()
        results = await witness.results("password", "new", place="CS1/0")
        assert outcome(results)[0] == ("accepted", "ok")  # it may have come twice
        assert outcome(results)[-1] == ("unknown", "unknown")
        # the station may or may not have taken it
        assert await status(program.url, PASSWORD) == 101
        assert await status(program.url, secret) == 101
        await witness.until("CS1/0/event/security", code="password_changed")
        assert await status(program.url, PASSWORD) == 401
        assert secret not in program.log.read_text()

    async def test_another_password_in_the_configuration_counts_again(
        self, broker: Broker, witness: Witness, tmp_path: Path, options: Options
    ) -> None:
        async with running_bridge(broker, tmp_path, options) as bridge:
            headers = basic(PASSWORD)
            async with played(bridge.url, additional_headers=headers, answers=SILENT) as station:
                await witness.until_text("CS1/availability", "online")
                await witness.publish(witness.address("CS1/0/cmd/me/password"), {"id": "new"})
                secret = await secret_of(station)
            assert await status(bridge.url, secret) == 101
            await bridge.at_rest()
        async with running_bridge(broker, tmp_path, options) as bridge:
            assert await status(bridge.url, PASSWORD) == 401
            assert await status(bridge.url, secret) == 101
        for password, good in (("by the owner", "by the owner"), ("", None), (PASSWORD, PASSWORD)):
            known = {"CS1": {"auth": "basic", "password": password}}
            async with running_bridge(broker, tmp_path, {"stations": {"known": known}}) as bridge:
                assert await status(bridge.url, secret) == 401
                if good is not None:
                    assert await status(bridge.url, good) == 101
                    await bridge.at_rest()

    async def test_a_station_without_a_password_is_given_its_first_one(
        self, broker: Broker, witness: Witness, tmp_path: Path
    ) -> None:
        async with running_bridge(broker, tmp_path) as bridge:
            async with played(bridge.url, answers=SILENT) as station:
                await witness.until_text("CS1/availability", "online")
                await witness.publish(witness.address("CS1/0/cmd/me/password"), {"id": "new"})
                secret = await secret_of(station)
            await bridge.at_rest()
        known = {"CS1": {"auth": "basic"}}
        async with running_bridge(broker, tmp_path, {"stations": {"known": known}}) as bridge:
            assert await status(bridge.url, "any") == 401
            assert await status(bridge.url, secret) == 101


class TestCommandLine:
    @pytest.fixture
    def options(self) -> Options:
        return {"http": {"listen": f"{LOOPBACK}:{free_port()}", "auth": "token"}}

    async def change(self, tmp_path: Path, options: Options, station: str = "CS1") -> int:
        """Run the command beside the bridge; return its exit code."""
        listen = str(options["http"]["listen"])
        config = tmp_path / "cli.toml"
        config.write_text(f'http.listen = "{listen}"\n')
        words = ["stations", "password", station, "--config", str(config)]
        return await asyncio.to_thread(main, [*words, "--data-dir", str(tmp_path / "data")])

    async def test_it_has_the_bridge_change_the_password(
        self,
        bridge: Bridge,
        witness: Witness,
        tmp_path: Path,
        options: Options,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        async with played(bridge.url, answers={"SetVariables": accepted}) as station:
            await witness.until_text("CS1/availability", "online")
            assert await self.change(tmp_path, options) == 0
            secret = await secret_of(station)
            told = capsys.readouterr().out
            assert told.startswith("CS1 has a new password; the present one is good too")
            assert secret not in told
            station.answer_with("SetVariables", rejected)
            assert await self.change(tmp_path, options) == 1
            assert capsys.readouterr().err == "error: the station answered Rejected\n"
        await witness.until("CS1/0/res/ocpp-mqtt-bridge/password", status="done")
        assert await self.change(tmp_path, options, "CS9") == 1
        assert "no station 'CS9' has ever connected" in capsys.readouterr().err


class TestDowngrade:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture
    def options(self, authority: Authority) -> Options:
        cert, key = authority.server()
        files = {"tls_cert_file": str(cert), "tls_key_file": str(key)}
        known = {"CS1": {"auth": "basic", "password": PASSWORD}}
        return {
            "ocpp": {**files, "listen_tls": f"{LOOPBACK}:0"},
            "stations": {"known": known},
        }

    async def test_who_has_come_over_tls_is_refused_without_also_after_a_restart(
        self, broker: Broker, tmp_path: Path, options: Options, authority: Authority
    ) -> None:
        data = tmp_path / "data"
        async with running_bridge(broker, data, options) as bridge:
            secure = f"wss://{LOOPBACK}:{bridge.app.server.tls_port}"
            assert await status(bridge.url, PASSWORD) == 101
            assert await status(secure, PASSWORD, ssl=authority.station()) == 101
            await bridge.at_rest()
            assert await status(bridge.url, PASSWORD) == 401
        async with running_bridge(broker, data, options) as bridge:
            assert await status(bridge.url, PASSWORD) == 401
        # the owner may go back
        async with running_bridge(broker, data, {"stations": options["stations"]}) as bridge:
            assert await status(bridge.url, PASSWORD) == 101

    async def test_anybody_over_tls_does_not_lock_out_who_needs_no_password(
        self, broker: Broker, tmp_path: Path, options: Options, authority: Authority
    ) -> None:
        open_ = {"ocpp": options["ocpp"]}
        async with running_bridge(broker, tmp_path / "data", open_) as bridge:
            secure = f"wss://{LOOPBACK}:{bridge.app.server.tls_port}"
            assert await status(secure, "any", ssl=authority.station()) == 101
            await bridge.at_rest()
            assert await status(bridge.url, "any") == 101


class TestApproval:
    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"unknown": "pending"}, "http": {"listen": f"{LOOPBACK}:0"}}

    async def test_by_http_while_it_is_connected(self, bridge: Bridge, witness: Witness) -> None:
        assert bridge.app.http is not None
        base = f"http://{LOOPBACK}:{bridge.app.http.port}/api/v1/stations"
        async with (
            httpx.AsyncClient(base_url=base) as client,
            played(bridge.url) as station,
        ):
            assert (await station.call("BootNotification", BOOT))["status"] == "Pending"
            await bridge.at_rest()
            answer = await client.post(f"{base}/CS1/approve")
            assert answer.status_code == 200
            assert answer.json()["data"] == {"registration": "Accepted"}
            await station.asked("TriggerMessage")
            await station.boot()
            await witness.until_newest("CS1/info", registration="Accepted")
            unknown = await client.post(f"{base}/CS9/approve")
            assert (unknown.status_code, unknown.json()["error"]["code"]) == (
                404,
                "unknown_station",
            )

    async def test_by_the_command_line_while_it_is_connected(
        self, bridge: Bridge, witness: Witness, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async with played(bridge.url) as station:
            assert (await station.call("BootNotification", BOOT))["status"] == "Pending"
            await bridge.at_rest()
            words = ["stations", "approve", "CS1", "--data-dir", str(tmp_path / "data")]
            assert await asyncio.to_thread(main, words) == 0
            assert capsys.readouterr().out.startswith("CS1 is let in")
            assert await station.asked("TriggerMessage") == {
                "requestedMessage": "BootNotification"
            }
            await station.boot()
            await witness.until_newest("CS1/info", registration="Accepted")
