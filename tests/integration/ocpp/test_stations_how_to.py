"""The certificates of docs/how-to/secure-the-stations.md, made as it says: stations get in by them."""

import re
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Final

import pytest

from bridge.domain.credentials import Access
from bridge.domain.settings import StationAuth
from bridge.ocpp.security import tls_context
from tests.ocpp_inbox import running_server

PAGE: Final = (Path(__file__).parents[3] / "docs/how-to/secure-the-stations.md").read_text("utf-8")
BLOCK: Final = re.compile(r"^```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
STATION: Final = "MY-CHARGER-ID"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the commands of the page make."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("how-to")
    for text in BLOCK.findall(PAGE):
        if "openssl" in text:
            script = text.replace("192.168.1.20", "127.0.0.1")
            subprocess.run(["bash", "-ec", script], cwd=folder, check=True, capture_output=True)
    return folder / "tls"


async def test_a_charger_gets_in_by_the_certificate_of_the_page(tls: Path) -> None:
    context = tls_context(tls / "bridge.pem", tls / "bridge.key", tls / "ca.pem")
    station = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    station.load_cert_chain(tls / f"{STATION}.pem", tls / f"{STATION}.key")
    access = Access(auth=StationAuth.MTLS, needs_tls=True)
    async with (
        running_server(ssl_context=context, access=lambda _: access) as running,
        running.station(STATION, ssl=station) as websocket,
    ):
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')
