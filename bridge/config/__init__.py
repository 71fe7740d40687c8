"""The configuration: one schema for file, environment, check and documentation."""

from bridge.config.errors import ConfigError
from bridge.config.load import load_config
from bridge.config.model import Config

__all__ = ["Config", "ConfigError", "load_config"]
