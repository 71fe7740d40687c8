"""The key by which this bridge hashes idTokens; whoever has it could try all card numbers."""

import os
import secrets
from pathlib import Path
from typing import Final

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
