"""What the HTTP service is told; `bridge.app` builds it from the configuration."""

from dataclasses import dataclass, field
from typing import Final

from bridge.api.rights import CommandRules

MAX_BODY_BYTES: Final = 65_536
"""As of an MQTT command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Everything that the HTTP service is told."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 = any free one; see `HttpServer.port`."""
    needs_token: bool = False
    """Whether who asks must show a token; else everybody has every right."""
    allowed_hosts: tuple[str, ...] = ()
    """Names in lower case by which clients may call us, besides the address."""
    rules: CommandRules = field(default_factory=CommandRules)
    """What every command must obey, and who may give which."""
    max_body_bytes: int = MAX_BODY_BYTES
    opening_timeout_seconds: float = 10.0
    """How long a new connection may take to send its first request, or a body to arrive."""
    closing_timeout_seconds: int = 1
    max_connections: int = 500
    secc_disabled_pauses: bool = False
    """Of a client of the charge controller's API, `enabled` = false means 0 A, and not only that
    its limits count no more."""
