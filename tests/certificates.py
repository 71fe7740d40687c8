"""Certificates of tests: an authority, the bridge's certificate, those of stations."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from tests.brokers import LOOPBACK


@dataclass(frozen=True)
class Authority:
    """Somebody whom others trust, and the files of what was issued."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)

    @property
    def file(self) -> Path:
        """Return the authority's own certificate (PEM)."""
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return path

    def server(self, *, rsa: bool = False) -> tuple[Path, Path]:
        """Return files of a certificate of this machine, and of its key."""
        kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
        issued = self.ca.issue_cert(LOOPBACK, "localhost", key_type=kind)
        cert, key = self.folder / f"{kind.name}.pem", self.folder / f"{kind.name}.key"
        issued.private_key_pem.write_to_path(str(key))
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(cert), append=number > 0)
        return cert, key

    def station(
        self, name: str | None = None, *, trusted: "Authority | None" = None, **issue: Any
    ) -> ssl.SSLContext:
        """Return what a station connects with: whom it trusts, and a certificate of its name."""
        context = ssl.create_default_context(cafile=str((trusted or self).file))
        if name is not None:
            self.ca.issue_cert(common_name=name, **issue).configure_cert(context)
        return context

    def outdated_station(self, name: str) -> ssl.SSLContext:
        """Return what a station connects with whose certificate has expired."""
        now = datetime.now(tz=UTC)
        begin, end = now - timedelta(days=9), now - timedelta(days=1)
        return self.station(name, not_before=begin, not_after=end)
