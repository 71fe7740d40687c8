"""The shipped mosquitto/, to be run by a test: its configuration with the test's paths and ports."""

import os
import re
import ssl
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from bridge.demo.broker import find_mosquitto
from tests.brokers import LOOPBACK, runs_as

SHIPPED: Final = Path(__file__).parents[1] / "mosquitto"
PLUGINS: Final = "BRIDGE_TESTS_MOSQUITTO_PLUGINS"
"""Where the plugins of Mosquitto 2.1 are, if not in /usr/lib."""
CONFIGURATIONS: Final = ("mosquitto.conf", "mosquitto-2.1.conf")
_PATIENCE_SECONDS: Final = 60


@cache
def mosquitto_version() -> tuple[int, ...]:
    """Return the version of the Mosquitto that is here; nothing where none is."""
    program = find_mosquitto()
    if program is None:
        return ()
    told = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else ()


def runnable() -> list[str]:
    """Return the shipped configurations that the Mosquitto that is here understands."""
    return list(CONFIGURATIONS[: 2 if mosquitto_version() >= (2, 1) else 1])


def configuration_for(
    directory: Path,
    port: int,
    *,
    name: str = CONFIGURATIONS[0],
    tls_port: int | None = None,
    client_certificates: bool = False,
    acl: Path = SHIPPED / "acl",
) -> str:
    """Return a shipped configuration with this test's paths and ports instead of Docker's.

    With a `tls_port`, certificates are expected in `directory/certs`.
    """
    text = (SHIPPED / name).read_text(encoding="utf-8")
    places = {
        "listener 1883": f"listener {port} {LOOPBACK}",
        "/mosquitto/auth/users": str(directory / "users"),
        "/mosquitto/config/acl": str(acl),
        "/mosquitto/data/": f"{directory}/",
    }
    if name != CONFIGURATIONS[0]:
        places["/usr/lib/"] = f"{os.environ.get(PLUGINS, '/usr/lib')}/"
    if tls_port is not None:
        text += (SHIPPED / "tls.conf").read_text(encoding="utf-8")
        places["listener 8883"] = f"listener {tls_port} {LOOPBACK}"
        places["/mosquitto/certs/"] = f"{directory}/certs/"
    if client_certificates:
        text += (SHIPPED / "client-certificates.conf").read_text(encoding="utf-8")
    for shipped, here in places.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    return "\n".join([text, *runs_as(), ""])


def make_access(*arguments: str) -> str:
    """Run mosquitto/make-access; return what it prints."""
    finished = subprocess.run(
        [str(SHIPPED / "make-access"), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    return finished.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What `make-access certificates` has made in a folder."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    def of(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key of a client."""
        return self.folder / f"client-{name}.crt", self.folder / f"client-{name}.key"

    def context(self, name: str | None = None) -> ssl.SSLContext:
        """Return what a client needs that trusts the authority, and shows who it is."""
        context = ssl.create_default_context(cafile=self.authority)
        if name is not None:
            context.load_cert_chain(*self.of(name))
        return context


def make_certificates(folder: Path, *names: str, host: str = "localhost") -> Certificates:
    """Make an authority, the broker's certificate and those of clients."""
    make_access("certificates", str(folder), host, *names)
    return Certificates(folder=folder)
