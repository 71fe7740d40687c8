"""Security: who gets in (OCPP 2.0.1 part 6, A). TLS is tested in tests/integration/ocpp."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import InvalidStatus

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import Answer, Json, RawStation, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import LOOPBACK
from tests.certificates import Authority
from tests.conformance.charge_point import BOOT_16
from tests.conformance.story import DONE

PASSWORD: Final = "correct:horse-battery"
VERSIONS: Final = ("1.6", "2.0.1", "2.1")


@pytest.fixture
def options() -> Options:
    return {"stations": {"known": {"CS1": {"auth": "basic", "password": PASSWORD}}}}


def basic(user: str, password: str | bytes) -> dict[str, str]:
    """Return the header of a station that logs in."""
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + b64encode(user.encode() + b":" + secret).decode()}


async def status(url: str, password: str | bytes, version: str = "2.0.1", **more: Any) -> int:
    """Return the HTTP status of an attempt of CS1 to log in."""
    headers = basic("CS1", password)
    try:
        async with played(url, version=version, additional_headers=headers, **more):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.conformance("TC_A_01_CSMS", "TC_085_CSMS")
async def test_the_right_password_lets_a_station_in(
    bridge: Bridge, witness: Witness, version: str
) -> None:
    headers = basic("CS1", PASSWORD)
    async with played(bridge.url, version=version, additional_headers=headers) as station:
        if version == "1.6":
            assert (await station.call("BootNotification", BOOT_16))["status"] == "Accepted"
        else:
            await station.boot()
            await witness.until_newest("CS1/1/state", state="Idle")
        info = await witness.until_newest("CS1/info", registration="Accepted", ocppVersion=version)
        assert info["cs"] == "CS1"
        await witness.until_text("CS1/availability", "online")


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param(
            "OTHER", PASSWORD, marks=pytest.mark.conformance("TC_A_02_CSMS"), id="other user"
        ),
        pytest.param(
            "CS1", "wrong", marks=pytest.mark.conformance("TC_A_03_CSMS"), id="wrong password"
        ),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_name_or_password_is_refused_before_the_upgrade(
    bridge: Bridge, witness: Witness, version: str, user: str, password: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with played(bridge.url, version=version, additional_headers=basic(user, password)):
            pass
    assert refused.value.response.status_code == 401
    await witness.settle()
    assert not witness.documents("CS1/info")
    assert not witness.matching(witness.address("CS1/availability"))


# --- another password


def written(status: str) -> Mapping[str, Answer]:
    """Answer what writes a password so, in each version."""

    def set_variables(payload: Json) -> Json:
        (each,) = payload["setVariableData"]
        return {
            "setVariableResult": [
                {
                    "component": each["component"],
                    "variable": each["variable"],
                    "attributeStatus": status,
                }
            ]
        }

    return {
        "ChangeConfiguration": lambda _payload: {"status": status},
        "SetVariables": set_variables,
    }


async def given(station: RawStation, version: str) -> tuple[str, str | bytes]:
    """Return the password that the station was given last, and how it will send it."""
    if version == "1.6":
        payload = await station.asked("ChangeConfiguration")
        assert payload["key"] == "AuthorizationKey"
        return payload["value"], bytes.fromhex(payload["value"])
    (each,) = (await station.asked("SetVariables"))["setVariableData"]
    assert each["component"] == {"name": "SecurityCtrlr"}
    assert each["variable"] == {"name": "BasicAuthPassword"}
    secret: str = each["attributeValue"]
    return secret, secret


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.conformance("TC_073_CSMS", "TC_A_09_CSMS")
async def test_a_new_password_takes_the_place_of_the_old_one_when_it_is_used(
    bridge: Bridge, witness: Witness, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    old = basic("CS1", PASSWORD)
    async with played(
        bridge.url, version=version, additional_headers=old, answers=written("Accepted")
    ) as station:
        await witness.until_text("CS1/availability", "online")
        results = await witness.ask("password", place="CS1/0")
        assert outcome(results) == DONE
        assert results[-1]["data"] == {"status": "Accepted"}
        secret, sent = await given(station, version)
    assert len(secret) == 40
    assert await status(bridge.url, PASSWORD, version) == 101
    assert await status(bridge.url, sent, version) == 101
    event = await witness.until("CS1/0/event/security", code="password_changed")
    assert event["alarm"] is False
    await bridge.at_rest()
    assert await status(bridge.url, PASSWORD, version) == 401
    assert await status(bridge.url, sent, version) == 101
    await witness.settle()
    assert len(witness.documents("CS1/0/event/security")) == 2  # and the failed login
    assert secret not in "".join(message.text for message in witness.messages)
    assert secret not in caplog.text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.conformance("TC_A_10_CSMS")
async def test_a_password_that_the_station_refuses_leaves_the_old_one(
    bridge: Bridge, witness: Witness, version: str
) -> None:
    old = basic("CS1", PASSWORD)
    async with played(
        bridge.url, version=version, additional_headers=old, answers=written("Rejected")
    ) as station:
        await witness.until_text("CS1/availability", "online")
        results = await witness.ask("password", place="CS1/0")
        assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
        _, sent = await given(station, version)
    assert await status(bridge.url, sent, version) == 401
    assert await status(bridge.url, PASSWORD, version) == 101


# --- another security profile


class TestUpgrade:
    """A station that is told to come over TLS from now on (profile 1 to 2)."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture
    def options(self, authority: Authority) -> Options:
        cert, key = authority.server()
        return {
            "ocpp": {
                "tls_cert_file": str(cert),
                "tls_key_file": str(key),
                "listen_tls": f"{LOOPBACK}:0",
            },
            "commands": {"allow_call": True},
            "stations": {"known": {"CS1": {"auth": "basic", "password": PASSWORD}}},
        }

    @pytest.mark.conformance("TC_A_19_CSMS")
    async def test_once_it_has_come_over_tls_it_does_not_get_in_without(
        self, bridge: Bridge, witness: Witness, authority: Authority
    ) -> None:
        secure_url = f"wss://{LOOPBACK}:{bridge.app.server.tls_port}"
        headers = basic("CS1", PASSWORD)
        profile = {
            "configurationSlot": 1,
            "connectionData": {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": secure_url,
                "messageTimeout": 30,
                "securityProfile": 2,
                "ocppInterface": "Wired0",
            },
        }
        priority = {
            "component": "OCPPCommCtrlr",
            "variable": "NetworkConfigurationPriority",
            "value": "1,0",
        }
        async with played(
            bridge.url, additional_headers=headers, answers=written("Accepted")
        ) as station:
            await station.boot()
            body = {"action": "SetNetworkProfile", "payload": profile}
            assert outcome(await witness.ask("call", body, place="CS1/0")) == DONE
            results = await witness.ask("setVariables", {"variables": [priority]}, place="CS1/0")
            assert outcome(results) == DONE
            assert outcome(await witness.ask("reset", {"type": "OnIdle"}, place="CS1/0")) == DONE
            assert [action for action, _ in station.calls] == [
                "SetNetworkProfile",
                "SetVariables",
                "Reset",
            ]
        trust = authority.station()
        async with played(secure_url, additional_headers=headers, ssl=trust) as station:
            await station.boot()
            await witness.until_newest("CS1/info", registration="Accepted")
        await bridge.at_rest()
        assert await status(bridge.url, PASSWORD) == 401
        event = await witness.until("CS1/0/event/security", code="failed_login")
        assert event["details"]["wrong"] == "tls"
        assert await status(secure_url, PASSWORD, ssl=trust) == 101


# --- security events and logs


@pytest.mark.parametrize(
    ("version", "event"),
    [
        pytest.param(
            "1.6",
            "InvalidChargePointCertificate",
            marks=pytest.mark.conformance("TC_077_CSMS"),
        ),
        pytest.param(
            "1.6",
            "InvalidCentralSystemCertificate",
            marks=pytest.mark.conformance("TC_078_CSMS"),
        ),
        ("2.0.1", "InvalidCsmsCertificate"),
    ],
)
async def test_a_security_event_is_answered(bridge: Bridge, version: str, event: str) -> None:
    headers = basic("CS1", PASSWORD)
    async with played(bridge.url, version=version, additional_headers=headers) as station:
        payload = {"type": event, "timestamp": "2026-11-21T08:00:00Z"}
        assert await station.call("SecurityEventNotification", payload) == {}


class TestLog:
    """The log of a station is asked for by `call`."""

    @pytest.fixture
    def options(self) -> Options:
        return {"commands": {"allow_call": True}}

    @pytest.mark.conformance("TC_079_CSMS")
    async def test_the_security_log_is_asked_for(self, bridge: Bridge, witness: Witness) -> None:
        async with played(bridge.url, version="1.6") as station:
            await station.call("BootNotification", BOOT_16)
            log = {"remoteLocation": "https://logs.example/upload"}
            payload = {"logType": "SecurityLog", "requestId": 1, "log": log}
            body = {"action": "GetLog", "payload": payload}
            assert outcome(await witness.ask("call", body, place="CS1/0")) == DONE
            assert station.calls == [("GetLog", payload)]
            for status in ("Uploading", "Uploaded"):
                said = {"status": status, "requestId": 1}
                assert await station.call("LogStatusNotification", said) == {}
