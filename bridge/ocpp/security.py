"""TLS for stations, and what of a payload may be shown."""

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from bridge.domain.ids import token_hash
from bridge.ocpp.frames import read_json

_log = logging.getLogger(__name__)

_MASK: Final = "***"

_SECRET_VARIABLES: Final = frozenset(
    {"basicauthpassword", "authorizationkey", "masterpassgroupid", "password"}
)
"""Variables and configuration keys whose value is a secret; compared in lower case."""

_SECRET_KEYS: Final = _SECRET_VARIABLES | {"apn", "vpn"}
"""Properties that are or hold a secret, in any payload; compared in lower case."""

_VALUE_KEYS: Final = frozenset({"attributevalue", "value", "variableattribute"})
"""Where the value of a named variable is found; compared in lower case."""

_TOKEN_KEYS: Final = frozenset(
    {"idToken", "additionalIdToken", "groupIdToken", "groupId", "idTag", "parentIdTag"}
)
"""Properties that hold the number of somebody's card, where they are strings."""


CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384:!aNULL"
"""Of TLS 1.2: those that OCPP wants, two with ECDHE-ECDSA and two with RSA alone, and the others
with ECDHE that are as good. TLS 1.3 has its own."""


_UNTRUSTED: Final = "the station does not trust the bridge's certificate (ocpp.tls_cert_file)"
_FAILURES: Final[Mapping[str, str]] = {
    "HTTP_REQUEST": "it comes by ws://, and this port takes wss:// (TLS)",
    "TLSV1_ALERT_UNKNOWN_CA": _UNTRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _UNTRUSTED,
    "CERTIFICATE_VERIFY_FAILED": "the station's certificate is outdated, or of nobody in "
    "ocpp.tls_client_ca_file",
    "UNSUPPORTED_PROTOCOL": "the station speaks no TLS 1.2 or later",
    "NO_SHARED_CIPHER": "the station knows no cipher suite that is taken here",
}
"""What OpenSSL means, by its reason (`ssl.SSLError.reason`)."""


class _ToldConnection(ssl.SSLObject):
    """A TLS connection whose failure is logged; asyncio would not say a word."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise  # it goes on
        except ssl.SSLError as error:
            reason = _FAILURES.get(error.reason, error.reason)
            _log.warning("TLS handshake failed", extra={"reason": reason})
            raise


def tls_context(
    cert_file: Path, key_file: Path | None, client_ca_file: Path | None = None
) -> ssl.SSLContext:
    """Return a server's context: TLS 1.2 or later (security profiles 2 and 3, A00.FR.313).

    With the authorities of station certificates, a station that shows one must show one of
    theirs; whether it must show one is asked once it has said who it is.

    Raises OSError or ssl.SSLError where the files cannot be read or do not match.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _ToldConnection
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(cert_file, key_file)
    if client_ca_file is not None:
        context.load_verify_locations(client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


class Redactor:
    """Makes frames fit to be shown: secrets masked, id tokens replaced by a keyed hash."""

    def __init__(self, key: bytes) -> None:
        """Take the key of the installation, by which published documents hash tokens too."""
        self._key = key

    def frame(self, text: bytes) -> bytes:
        """Return a readable frame without its secrets; its depth is bounded by the codec."""
        return orjson.dumps(self._any(read_json(text)))

    def _any(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return [self._any(item) for item in value]
        return value

    def _object(self, item: Mapping[str, Any]) -> dict[str, Any]:
        secret = _SECRET_KEYS | (_VALUE_KEYS if _names_secret(item) else frozenset())
        return {key: self._property(key, value, secret) for key, value in item.items()}

    def _property(self, key: str, value: Any, secret: frozenset[str]) -> Any:
        if key.lower() in secret:
            return _MASK
        if key in _TOKEN_KEYS and isinstance(value, str):
            return token_hash(self._key, value)
        return self._any(value)


def _names_secret(item: Mapping[str, Any]) -> bool:
    """Say whether an entry of Get/SetVariables or a 1.6 key names a secret variable."""
    variable = item.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else item.get("key")
    return isinstance(name, str) and name.lower() in _SECRET_VARIABLES
