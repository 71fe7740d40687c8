"""Field types that several sections share."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

_LISTEN: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s/]+):(?P<port>\d{1,5})")
_MAX_PORT: Final = 65_535


class Address(NamedTuple):
    """Where to listen; port 0 means any free one."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """Return host and port of `host:port` or `[IPv6]:port`. Raises ValueError for another form."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > _MAX_PORT:
        raise ValueError(
            'must be "host:port" with a port of 0 to 65535, e.g. "0.0.0.0:9000" or "[::]:9000"'
        )
    return Address(host=match["host"].strip("[]"), port=int(match["port"]))


def _checked_address(text: str) -> str:
    parse_address(text)
    return text


def none_if_empty(value: Any) -> Any:
    """Read "" as not set: a line of the example that is left empty."""
    return None if value == "" else value


def _existing_file(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError("there is no such file")
    return path


ListenAddress = Annotated[str, AfterValidator(_checked_address)]
OptionalFile = Annotated[
    Path | None, BeforeValidator(none_if_empty), AfterValidator(_existing_file)
]
OptionalListenAddress = Annotated[ListenAddress | None, BeforeValidator(none_if_empty)]
OptionalText = Annotated[str | None, BeforeValidator(none_if_empty)]


class Section(BaseModel):
    """A table of the configuration file: its keys and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SectionWithPassword(Section):
    """A section with a secret that may be kept in a file of its own."""

    password: Annotated[SecretStr | None, BeforeValidator(none_if_empty)] = Field(
        default=None, description="Password. Better kept in `password_file`."
    )
    password_file: OptionalFile = Field(
        default=None,
        description="File whose content is the password; a newline at its end does not count.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_password_file(cls, values: Any) -> Any:
        return with_content_of_file(values, "password")


def with_content_of_file(values: Any, key: str) -> Any:
    """Return a section's values with what the file of `key`_file holds as the value of `key`.

    Raises ValueError where both are given, or the file cannot be read.
    """
    file_key = f"{key}_file"
    if not isinstance(values, dict) or not values.get(file_key):
        return values
    if values.get(key):
        raise ValueError(f"give {key} or {file_key}, not both")
    path = Path(str(values[file_key]))
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file_key} {path} cannot be read: {error}") from error
    if not secret:
        raise ValueError(f"{file_key} {path} is empty")
    return {**values, key: secret}
