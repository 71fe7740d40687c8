"""Asking the HTTP service of a bridge that runs, for the command line."""

from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import quote

import orjson

PATIENCE_SECONDS: Final = 45.0
"""Longer than the service itself waits for a station."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # to reach it, not to listen


class NotDoneError(Exception):
    """The bridge does not answer, or says why it does not do it."""


def change_password(address: tuple[str, int] | None, station_id: str, token: str) -> None:
    """Have a station given a new password. Raises NotDoneError."""
    if address is None:
        raise NotDoneError('http.listen is "": publish the command `password`')
    host, port = address
    host = _EVERYWHERE.get(host, host)
    path = f"/api/v1/stations/{quote(station_id, safe='')}/password"
    with closing(HTTPConnection(host, port, timeout=PATIENCE_SECONDS)) as connection:
        try:
            connection.request("POST", path, headers={"x-api-key": token})
            document = orjson.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            where = f"{host}:{port} (http.listen)"
            raise NotDoneError(f"no bridge answers at {where}: {error}") from error
    if document.get("error"):
        raise NotDoneError(str(document["error"]["message"]))
