"""The key by which this bridge hashes idTokens; whoever has it could try all card numbers."""

import os
import secrets
from pathlib import Path
from typing import Final

from bridge.ports import StoreError

FILE_NAME: Final = "token.key"
_BYTES: Final = 32


def secret_key(data_dir: Path) -> bytes:
    """Return the key of a data directory, made at the first use and then kept."""
    path = data_dir / FILE_NAME
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(_BYTES)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        return key


def known_key(data_dir: Path) -> bytes:
    """Return the key of a data directory in which a bridge has run. Raises StoreError."""
    path = data_dir / FILE_NAME
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"there is no {FILE_NAME} in {data_dir} ({error.strerror}): has the bridge run with"
            " this data_dir?"
        ) from error
