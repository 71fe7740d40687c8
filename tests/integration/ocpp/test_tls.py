"""Stations on wss, with and without a certificate of their own (security profiles 2 and 3)."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import InvalidStatus, WebSocketException

from bridge.domain.credentials import Access, GoodPassword, LoggedIn
from bridge.domain.passwords import PlainPassword
from bridge.domain.settings import StationAuth
from bridge.ocpp.security import tls_context
from tests.certificates import Authority
from tests.ocpp_inbox import RunningServer, logged_in_by, running_server

BY_CERTIFICATE: Final = Access(auth=StationAuth.MTLS, needs_tls=True)
ONLY_TLS: Final = Access(
    auth=StationAuth.BASIC, needs_tls=True, passwords=(GoodPassword(PlainPassword(b"secret")),)
)
BASIC: Final = {"Authorization": "Basic " + b64encode(b"CS1:secret").decode()}
OF_OCPP: Final = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", False),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", False),
    ("AES128-GCM-SHA256", True),
    ("AES256-GCM-SHA384", True),
]
"""Cipher suites that OCPP 2.x wants of a CSMS, and whether they need an RSA key."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("owner"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Iterator[tuple[Path, Path]]:
    return authority.server()  # type: ignore[return-value]


async def status(running: RunningServer, path: str = "CS1", **options: Any) -> int | None:
    """Return the HTTP status of an attempt to connect, None where there is not even one."""
    try:
        async with running.station(path, **options) as websocket:
            await websocket.send('[2,"a","Heartbeat",{}]')
            assert str(await websocket.recv()).startswith('[3,"a",')
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
    except (OSError, WebSocketException):  # by who is faster: alert or reset
        return None


@pytest.mark.conformance("TC_A_04_CSMS", "TC_086_CSMS")
async def test_a_station_connects_over_tls(
    authority: Authority, certificate: tuple[Path, Path]
) -> None:
    async with (
        running_server(ssl_context=tls_context(*certificate)) as running,
        running.station(ssl=authority.station()) as websocket,
    ):
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')
        tls = websocket.transport.get_extra_info("ssl_object")
        assert tls.compression() is None
        assert tls.version() == "TLSv1.3"
        await websocket.send(b"binary")
        await websocket.wait_closed()
        assert websocket.close_code == 1003


@pytest.mark.conformance("TC_A_06_CSMS")
async def test_tls_before_1_2_is_refused(
    authority: Authority, certificate: tuple[Path, Path]
) -> None:
    old = authority.station()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with running_server(ssl_context=tls_context(*certificate)) as running:
        assert await status(running, ssl=old) is None
        assert running.inbox.connections == []
        assert await status(running, ssl=authority.station()) == 101


@pytest.mark.parametrize(("suite", "rsa"), OF_OCPP)
async def test_the_suites_of_ocpp_are_spoken(authority: Authority, suite: str, rsa: bool) -> None:
    station = authority.station()
    station.maximum_version = ssl.TLSVersion.TLSv1_2
    station.set_ciphers(suite)
    context = tls_context(*authority.server(rsa=rsa))
    async with (
        running_server(ssl_context=context) as running,
        running.station(ssl=station) as websocket,
    ):
        assert websocket.transport.get_extra_info("cipher")[:2] == (suite, "TLSv1.2")


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES128-SHA256", "AES128-SHA", "AES256-SHA256"])
async def test_suites_without_authenticated_encryption_are_refused(
    authority: Authority, suite: str
) -> None:
    station = authority.station()
    station.maximum_version = ssl.TLSVersion.TLSv1_2
    station.set_ciphers(f"{suite}:@SECLEVEL=0")
    async with running_server(ssl_context=tls_context(*authority.server(rsa=True))) as running:
        assert await status(running, ssl=station) is None


def test_a_key_that_is_not_there_is_an_error(certificate: tuple[Path, Path]) -> None:
    with pytest.raises(OSError, match="No such file"):
        tls_context(certificate[0], certificate[1].with_name("missing.pem"))
    with pytest.raises(OSError, match="No such file"):
        tls_context(*certificate, certificate[1].with_name("missing.pem"))


class TestCertificateOfTheStation:
    @pytest.fixture
    def context(self, authority: Authority, certificate: tuple[Path, Path]) -> ssl.SSLContext:
        return tls_context(*certificate, authority.file)

    @pytest.mark.parametrize("subprotocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
    @pytest.mark.conformance("TC_A_07_CSMS", "TC_087_CSMS")
    async def test_one_of_its_name_lets_it_in(
        self, authority: Authority, context: ssl.SSLContext, subprotocol: str
    ) -> None:
        async with running_server(ssl_context=context, access=lambda _: BY_CERTIFICATE) as running:
            own = {"ssl": authority.station("CS1"), "subprotocols": (subprotocol,)}
            assert await status(running, "CS1", **own) == 101
            await running.inbox.until(lambda: len(running.inbox.connections) == 2)
        news = LoggedIn(password=None, over_tls=True)
        assert running.inbox.logins == [("CS1", news)]

    @pytest.mark.parametrize("path", ["DE*ABC*E1", "ocpp/DE%2AABC%2AE1", "DE%2aABC%2aE1/"])
    async def test_the_name_is_the_id_as_it_is_and_not_as_the_url_writes_it(
        self, authority: Authority, context: ssl.SSLContext, path: str
    ) -> None:
        async with running_server(ssl_context=context, access=lambda _: BY_CERTIFICATE) as running:
            assert await status(running, path, ssl=authority.station("DE*ABC*E1")) == 101
            assert await status(running, path, ssl=authority.station("DE%2AABC%2AE1")) == 401

    @pytest.mark.conformance("TC_A_08_CSMS")
    async def test_any_other_does_not(
        self, authority: Authority, stranger: Authority, context: ssl.SSLContext
    ) -> None:
        wrong = [
            (stranger.station("CS1", trusted=authority), None),
            (authority.outdated_station("CS1"), None),
            (authority.station("CS2"), 401),
            (authority.station(), 401),
        ]
        async with running_server(ssl_context=context, access=lambda _: BY_CERTIFICATE) as running:
            for station, expected in wrong:
                assert await status(running, ssl=station) == expected
            assert await status(running, ssl=authority.station(), additional_headers=BASIC) == 401
            assert running.inbox.connections == []
            whys = [incident.details["wrong"] for _, incident in running.inbox.incidents]
            assert whys == ["certificate"] * 3
            assert await status(running, ssl=authority.station("CS1")) == 101

    async def test_of_many_wrong_ones_none_gets_in_and_the_station_stays(
        self, authority: Authority, context: ssl.SSLContext
    ) -> None:
        other = authority.station("CS2")
        async with (
            running_server(ssl_context=context, access=lambda _: BY_CERTIFICATE) as running,
            running.station("CS1", ssl=authority.station("CS1")) as websocket,
        ):
            assert {await status(running, ssl=other) for _ in range(20)} == {401}
            await websocket.send('[2,"a","Heartbeat",{}]')
            assert str(await websocket.recv()).startswith('[3,"a",')
            assert running.inbox.connections == [("CS1", "2.0.1")]

    async def test_others_need_none(self, authority: Authority, context: ssl.SSLContext) -> None:
        access = logged_in_by(b"secret", only="CS1")
        async with running_server(ssl_context=context, access=access) as running:
            right = {"ssl": authority.station(), "additional_headers": BASIC}
            assert await status(running, "CS1", **right) == 101
            assert await status(running, "open", ssl=authority.station()) == 101


class TestBothListeners:
    @pytest.fixture
    def context(self, authority: Authority, certificate: tuple[Path, Path]) -> ssl.SSLContext:
        return tls_context(*certificate, authority.file)

    async def test_each_is_for_its_own(
        self, authority: Authority, context: ssl.SSLContext
    ) -> None:
        async with running_server(ssl_context=context, tls_address=("127.0.0.1", 0)) as running:
            secure = running.over_tls()
            assert running.port != secure.port
            assert await status(running, "CS1") == 101
            assert await status(secure, "CS2", ssl=authority.station()) == 101

    async def test_who_must_come_over_tls_is_refused_without(
        self,
        authority: Authority,
        context: ssl.SSLContext,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async with running_server(
            ssl_context=context, tls_address=("127.0.0.1", 0), access=lambda _: ONLY_TLS
        ) as running:
            secure = running.over_tls()
            encrypted: dict[str, Any] = {"ssl": authority.station(), "additional_headers": BASIC}
            assert await status(secure, **encrypted) == 101
            assert await status(running, additional_headers=BASIC) == 401
            (incident,) = [incident for _, incident in running.inbox.incidents]
            assert (incident.code, incident.details["wrong"]) == ("failed_login", "tls")
        reasons = [record.__dict__.get("reason") for record in caplog.records]
        assert "this station must come over wss:// (require_tls, auth)" in reasons

    async def test_a_certificate_is_no_use_without_tls(self, context: ssl.SSLContext) -> None:
        async with running_server(
            ssl_context=context, tls_address=("127.0.0.1", 0), access=lambda _: BY_CERTIFICATE
        ) as running:
            assert await status(running) == 401
