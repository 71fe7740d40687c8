"""TLS by the shipped mosquitto/ and its script, on a real Mosquitto: who gets in, and as whom."""

import asyncio
import ssl
import stat
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest
import pytest_asyncio

from bridge.demo.broker import free_port
from tests.brokers import MosquittoProcess
from tests.mqtt_probe import MqttProbe
from tests.shipped_mosquitto import (
    SHIPPED,
    Certificates,
    configuration_for,
    make_access,
    make_certificates,
    runnable,
)

pytestmark = [pytest.mark.mosquitto, pytest.mark.mqtt5]

EVSE = "ocpp/v1/cs/SIM001/1"
CONNECT = bytes.fromhex("100c 0004 4d515454 04 02 003c 0000")
"""Of MQTT 3.1.1, with a clean session and without a client id."""
NAMES = ("bridge", "pv", "wallboard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypted:
    """A broker that speaks TLS, what clients need for it, and the passwords of users."""

    process: MosquittoProcess
    certificates: Certificates
    passwords: dict[str, str]

    @property
    def url(self) -> str:
        return f"mqtts://localhost:{self.process.port}"

    def as_user(self, name: str, *filters: str) -> MqttProbe:
        """Return a client that shows a password."""
        url = f"mqtts://{name}:{self.passwords[name]}@localhost:{self.process.port}"
        return MqttProbe(url, *filters, tls=self.certificates.context())

    def as_owner(self, name: str, *filters: str) -> MqttProbe:
        """Return a client that shows a certificate."""
        return MqttProbe(self.url, *filters, tls=self.certificates.context(name))


@asynccontextmanager
async def encrypted(
    directory: Path, *, name: str, client_certificates: bool = False
) -> AsyncIterator[Encrypted]:
    certificates = await asyncio.to_thread(make_certificates, directory / "certs", *NAMES)
    told = await asyncio.to_thread(make_access, "users", str(directory), *NAMES)
    port = free_port()
    text = configuration_for(
        directory,
        free_port(),
        name=name,
        tls_port=port,
        client_certificates=client_certificates,
    )
    async with MosquittoProcess(directory, port=port, configuration=text) as process:
        yield Encrypted(
            process=process,
            certificates=certificates,
            passwords=dict(line.split() for line in told.splitlines()),
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=runnable())
async def by_password(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Encrypted]:
    async with encrypted(tmp_path_factory.mktemp("tls"), name=request.param) as broker:
        yield broker


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=runnable())
async def by_certificate(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Encrypted]:
    folder = tmp_path_factory.mktemp("mtls")
    async with encrypted(folder, name=request.param, client_certificates=True) as broker:
        yield broker


async def gets_through(sender: MqttProbe, receiver: MqttProbe, *topics: str) -> list[str]:
    """Return which of `topics` reach the bridge's user."""
    for topic in topics:
        await sender.publish(topic, "x")
    await receiver.publish("ocpp/fence", "")
    await receiver.wait_for("ocpp/fence")
    return [each.topic for each in receiver.messages if each.topic != "ocpp/fence"]


async def connack(broker: Encrypted, context: ssl.SSLContext | None) -> bytes | None:
    """Return what the broker answers to a CONNECT, None where it hangs up."""
    reader, writer = await asyncio.open_connection("localhost", broker.process.port, ssl=context)
    try:
        writer.write(CONNECT)
        async with asyncio.timeout(20):
            return await reader.readexactly(4)
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()
        with suppress(ssl.SSLError, ConnectionError):
            await writer.wait_closed()


COMMANDS = (f"{EVSE}/cmd/pv/limit", f"{EVSE}/cmd/wallboard/limit", f"{EVSE}/state")


def complaints(broker: Encrypted) -> list[str]:
    return [
        line
        for line in broker.process.log.splitlines()
        if ("Warning" in line and "run as root" not in line) or "deprecated" in line
    ]


async def test_users_of_the_script_get_in_over_tls_and_have_their_rights(
    by_password: Encrypted,
) -> None:
    assert complaints(by_password) == []
    async with (
        by_password.as_user("bridge", "ocpp/#") as bridge,
        by_password.as_user("pv") as pv,
    ):
        assert await gets_through(pv, bridge, *COMMANDS) == [COMMANDS[0]]


async def test_a_password_is_needed_over_tls_too(by_password: Encrypted) -> None:
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await by_password.as_owner("pv").__aenter__()


async def test_plain_mqtt_is_not_spoken_on_the_port_of_tls(by_password: Encrypted) -> None:
    assert await connack(by_password, None) is None


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_tls_is_refused(by_password: Encrypted, newest: ssl.TLSVersion) -> None:
    context = by_password.certificates.context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what it is about
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("localhost", by_password.process.port, ssl=context)


async def test_a_client_does_not_trust_a_broker_of_another_authority(
    by_password: Encrypted, tmp_path: Path
) -> None:
    foreign = await asyncio.to_thread(make_certificates, tmp_path / "foreign")
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("localhost", by_password.process.port, ssl=foreign.context())


async def test_a_client_does_not_trust_the_broker_by_another_name(
    by_password: Encrypted,
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        await asyncio.open_connection(  # the certificate is for localhost
            "127.0.0.1", by_password.process.port, ssl=by_password.certificates.context()
        )


async def test_the_name_in_a_certificate_is_the_user(by_certificate: Encrypted) -> None:
    assert complaints(by_certificate) == []
    async with (
        by_certificate.as_owner("bridge", "ocpp/#") as bridge,
        by_certificate.as_owner("pv", f"{EVSE}/state", f"{EVSE}/res/#") as pv,
        by_certificate.as_owner("wallboard") as wallboard,
    ):
        assert await gets_through(wallboard, bridge, *COMMANDS) == []
        assert await gets_through(pv, bridge, *COMMANDS) == [COMMANDS[0]]
        for topic in (f"{EVSE}/res/wallboard/limit", f"{EVSE}/res/pv/limit", f"{EVSE}/state"):
            await bridge.publish(topic, "x")
        await pv.wait_for(f"{EVSE}/state")
        assert [each.topic for each in pv.messages] == [f"{EVSE}/res/pv/limit", f"{EVSE}/state"]


async def test_who_shows_no_certificate_does_not_get_in(by_certificate: Encrypted) -> None:
    assert await connack(by_certificate, by_certificate.certificates.context("pv")) is not None
    assert await connack(by_certificate, by_certificate.certificates.context()) is None


async def test_a_certificate_of_another_authority_does_not_get_in(
    by_certificate: Encrypted, tmp_path: Path
) -> None:
    foreign = await asyncio.to_thread(make_certificates, tmp_path / "foreign", "pv")
    context = by_certificate.certificates.context()
    context.load_cert_chain(*foreign.of("pv"))
    assert await connack(by_certificate, context) is None


# --- the script


def test_users_are_those_of_the_acl_where_none_is_named(tmp_path: Path) -> None:
    told = dict(line.split() for line in make_access("users", str(tmp_path)).splitlines())
    acl = (SHIPPED / "acl").read_text(encoding="utf-8").splitlines()
    assert list(told) == [line.removeprefix("user ") for line in acl if line.startswith("user ")]
    assert len(set(told.values())) == len(told)
    assert {len(password) for password in told.values()} == {24}
    kept = (tmp_path / "users").read_text(encoding="utf-8")
    assert all(password not in kept for password in told.values())


def test_another_user_is_added_and_the_others_are_left(tmp_path: Path) -> None:
    make_access("users", str(tmp_path), "bridge", "pv")
    before = (tmp_path / "users").read_text(encoding="utf-8").splitlines()
    make_access("users", str(tmp_path), "pv", "car")
    after = (tmp_path / "users").read_text(encoding="utf-8").splitlines()
    assert [line.partition(":")[0] for line in after] == ["bridge", "pv", "car"]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_what_it_makes_is_for_its_owner_only(tmp_path: Path) -> None:
    make_access("users", str(tmp_path), "bridge")
    make_certificates(tmp_path / "certs", "bridge")
    made = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(made) == 8
    assert {stat.S_IMODE(each.stat().st_mode) for each in made} == {0o600}


def test_certificates_can_be_added_later(tmp_path: Path) -> None:
    first = make_certificates(tmp_path, "bridge")
    before = first.authority.read_bytes(), first.of("bridge")[0].read_bytes()
    told = make_access("certificates", str(tmp_path), "localhost", "bridge", "pv")
    assert told.splitlines() == [str(tmp_path / "client-pv.crt")]
    assert (first.authority.read_bytes(), first.of("bridge")[0].read_bytes()) == before
    verified = ["openssl", "verify", "-CAfile", str(first.authority), str(first.of("pv")[0])]
    assert subprocess.run(verified, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["users"],
        ["groups", "x"],
        ["certificates", "x"],
        ["users", "x", "a:b"],
        ["users", "x", "+"],
        ["certificates", "x", "localhost", "../pv"],
    ],
)
def test_wrong_usage_makes_nothing(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        make_access(*[each.replace("x", str(tmp_path / "new")) for each in arguments])
    assert failed.value.returncode == 2
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
