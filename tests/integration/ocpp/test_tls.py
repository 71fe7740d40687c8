"""Stations on wss (security profile 2)."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from bridge.ocpp.security import tls_context
from tests.ocpp_inbox import running_server

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl to make a certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *(str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def trusting(cert: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(cert))


@pytest.mark.conformance("TC_A_04_CSMS", "TC_086_CSMS")
async def test_a_station_connects_over_tls(certificate: tuple[Path, Path]) -> None:
    context = tls_context(*certificate)
    async with (
        running_server(ssl_context=context) as running,
        running.station(ssl=trusting(certificate[0])) as websocket,
    ):
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')
        await websocket.send(b"binary")
        await websocket.wait_closed()
        assert websocket.close_code == 1003


@pytest.mark.conformance("TC_A_06_CSMS")
async def test_tls_before_1_2_is_refused(certificate: tuple[Path, Path]) -> None:
    old = trusting(certificate[0])
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with running_server(ssl_context=tls_context(*certificate)) as running:
        with pytest.raises(OSError):  # noqa: PT011  # an SSLError or a reset, by who is faster
            async with running.station(ssl=old):
                pass
        async with running.station(ssl=trusting(certificate[0])):
            assert running.inbox.connections == [("CS1", "2.0.1")]


def test_a_key_that_is_not_there_is_an_error(certificate: tuple[Path, Path]) -> None:
    with pytest.raises(OSError, match="No such file"):
        tls_context(certificate[0], certificate[1].with_name("missing.pem"))
