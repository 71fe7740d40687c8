"""[http]: the HTTP service, and who is let in."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bridge.config.fields import Address, Section, parse_address

HostName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9._-]{1,253}$")]


def _checked_listen(text: str) -> str:
    if text:
        parse_address(text)
    return text


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches a host that is listened to."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class HttpSection(Section):
    """The HTTP service: documents, commands, health and metrics."""

    listen: Annotated[str, AfterValidator(_checked_listen)] = Field(
        default="127.0.0.1:8080",
        description='`host:port`; port 0 for any free one, `""` = no HTTP service.',
    )
    auth: Literal["auto", "token", "none"] = Field(
        default="auto",
        description="`token`: who asks must show one (`ocpp-mqtt-bridge token create`); `none`:"
        " nobody must; `auto`: nobody on a loopback address without `allowed_hosts`, everybody"
        " elsewhere.",
    )
    allow_anonymous: bool = Field(
        default=False,
        description='Let `auth = "none"` hold beyond the loopback too: whoever reaches the port'
        " may then command every station.",
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        default=(),
        description="Names by which clients may call the service (`Host` of the request), besides"
        " the address that is listened to: of a reverse proxy, or of this machine in the network.",
    )

    secc_disabled: Literal["release", "pause"] = Field(
        default="release",
        description="What a client of the charge controller's API means by `enabled` = false:"
        " `release`, its limits count no more; `pause`, nothing may be charged, until it enables"
        " them, gives them up or its time-out is over (evcc stops charging so).",
    )

    @model_validator(mode="after")
    def _is_not_open_to_all(self) -> Self:
        address = self.address
        everybody = self.auth == "none" and not self.allow_anonymous
        if everybody and address is not None and not is_loopback(address.host):
            raise ValueError(
                f'auth = "none" lets everybody command who reaches {self.listen}: use tokens'
                ' (auth = "auto"), or set allow_anonymous = true'
            )
        return self

    @property
    def address(self) -> Address | None:
        """Host and port of `listen`; None where the service is off."""
        return parse_address(self.listen) if self.listen else None

    @property
    def needs_token(self) -> bool:
        """Whether who asks must show a token."""
        if self.auth != "auto" or self.address is None:
            return self.auth == "token"
        # another name means a proxy, behind which is everybody
        return bool(self.allowed_hosts) or not is_loopback(self.address.host)
