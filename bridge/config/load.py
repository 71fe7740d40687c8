"""From file, environment and command line to one checked configuration."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from bridge.config.errors import ConfigError, explained, unknown_key, without_userinfo
from bridge.config.model import ENV_DELIMITER, ENV_PREFIX, Config


def load_config(
    path: Path | None = None, *, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Config:
    """Return the configuration; of what is said twice, the first of these counts.

    1. `overrides` by section and key (the command line), 2. the environment
    (`BRIDGE_MQTT__URL`), 3. the TOML file, 4. the defaults. Raises ConfigError.
    """
    values = {} if path is None else _read(path)
    _check_environment()

    class Loaded(Config):
        """The schema with this call's sources."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base's signature
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                InitSettingsSource(settings_cls, dict(overrides or {})),
                env_settings,
                InitSettingsSource(settings_cls, values),
            )

    try:
        return Loaded()
    except ValidationError as error:
        raise explained(error, os.environ) from None  # the cause may show a secret
    except SettingsError as error:
        sentence = f"environment: {without_userinfo(str(error))}; lists and tables are JSON there"
        raise ConfigError([sentence]) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is no valid TOML: {error}"]) from error


def _check_environment() -> None:
    """Refuse `BRIDGE_MQQT__URL`, which pydantic-settings would not even look at."""
    problems = []
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and ENV_DELIMITER in name:
            location = tuple(name.removeprefix(ENV_PREFIX).lower().split(ENV_DELIMITER))
            if location[0] not in Config.model_fields:
                problems.append(f"{unknown_key(location)} (from {name})")
    if problems:
        raise ConfigError(problems)
