"""Security: who gets in (OCPP 2.0.1 part 6, A). TLS is tested in tests/integration/ocpp."""

from base64 import b64encode
from typing import Final

import pytest
from websockets.exceptions import InvalidStatus

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import played
from tests.acceptance.witness import Witness, outcome
from tests.conformance.charge_point import BOOT_16
from tests.conformance.story import DONE

PASSWORD: Final = "correct:horse-battery"
VERSIONS: Final = ("1.6", "2.0.1", "2.1")


@pytest.fixture
def options() -> Options:
    return {"stations": {"known": {"CS1": {"auth": "basic", "password": PASSWORD}}}}


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of a station that logs in."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


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
