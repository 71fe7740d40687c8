"""[store]: where the bridge keeps what it knows, what of it, and for how long."""

import re
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.config.fields import OptionalFile, Section, none_if_empty, with_content_of_file

MOST_DAYS: Final = 36_500
_SCHEMES: Final = {"postgresql", "postgres"}
_PORT: Final = re.compile(r":([^\]:]*)$")
_MAX_PORT: Final = 65_535
_SECRETS: Final = {"password", "sslpassword"}


def _checked_url(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or parts.path in {"", "/"}:
        raise ValueError(
            'must be postgresql://, a host and a database, e.g. "postgresql://db.local/bridge"'
        )
    if not _has_sound_ports(parts.netloc):
        raise ValueError("has a port that is no number from 1 to 65535")
    if text.partition("?")[0].count("@") > 1:
        raise ValueError("has more than one @: in a user or password it is written %40")
    if _SECRETS & parse_qs(parts.query).keys():
        raise ValueError("has a password behind the ?: it belongs before the host, user:password@")
    return text


def _has_sound_ports(netloc: str) -> bool:
    """Say whether the ports can be ports; there may be several hosts, with commas between them."""
    hosts = netloc.rpartition("@")[2].split(",")
    ports = [match[1] for match in map(_PORT.search, hosts) if match is not None]
    return all(port.isdecimal() and 0 < int(port) <= _MAX_PORT for port in ports)


class StoreSection(Section):
    """The store: events, transactions, the audit."""

    url: Annotated[str | None, BeforeValidator(none_if_empty), AfterValidator(_checked_url)] = (
        Field(
            default=None,
            description="PostgreSQL database, `postgresql://user:password@host:5432/database`,"
            " special characters as %XX; parameters such as `?sslmode=verify-full` may follow."
            " Needs the extra `postgres`. Empty: SQLite in `bridge.data_dir`.",
        )
    )
    url_file: OptionalFile = Field(
        default=None, description="File whose content is `url`, since a password is part of it."
    )

    retention_days: int = Field(
        default=0,
        ge=0,
        le=MOST_DAYS,
        description="After how many days events, ended transactions and the audit are deleted;"
        " 0 = never. What the broker has not had yet stays.",
    )
    thin_after_days: int = Field(
        default=0,
        ge=0,
        le=MOST_DAYS,
        description="After how many days only one of the periodic meter events of a transaction is"
        " kept per `thin_to_minutes`; 0 = all are kept. Where the disk is nearly full, it is done"
        " at once.",
    )
    thin_to_minutes: int = Field(
        default=15, ge=1, le=1440, description="min. See `thin_after_days`."
    )
    outbox_max_events: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="So many events may wait for the broker: beyond, the oldest periodic meter"
        " events are kept but not published any more; 0 = all are published at last.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_url_file(cls, values: Any) -> Any:
        return with_content_of_file(values, "url")
