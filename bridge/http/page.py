"""The status page at `/`: files of this package, which hold no data and so ask for no token.

The page asks the API like any other client, with the token that its user has typed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from bridge.http.problems import HttpCode, RequestError

ROUTER: Final = APIRouter(include_in_schema=False)
_INDEX: Final = "index.html"
_KINDS: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_RULES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # No text becomes HTML or a program, whichever way a script tries.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
_POLICY: Final = "; ".join(_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    body: bytes
    kind: str
    tag: str
    """Of this content, for who has it already (`ETag`)."""


@cache
def _files() -> Mapping[str, _File]:
    """Read all files once: there are few, they are small, and none comes later."""
    found = {}
    for each in files("bridge.http").joinpath("static").iterdir():
        kind = _KINDS.get(each.name.rpartition(".")[2])
        if kind is not None:
            body = each.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[each.name] = _File(body=body, kind=kind, tag=tag)
    return found


@ROUTER.api_route("/", methods=["GET", "HEAD"])
async def show_page(if_none_match: Annotated[str, Header()] = "") -> Response:
    """Return the page."""
    return _answer(_INDEX, if_none_match)


@ROUTER.api_route("/static/{name}", methods=["GET", "HEAD"])
async def show_part(
    name: Annotated[str, Path(max_length=100)], if_none_match: Annotated[str, Header()] = ""
) -> Response:
    """Return what the page is made of."""
    return _answer(name, if_none_match)


def _answer(name: str, known: str) -> Response:
    file = _files().get(name)
    if file is None:
        raise RequestError(HttpCode.NOT_FOUND, f"there is no file {name!r}")
    headers = {
        "content-type": file.kind,
        "content-security-policy": _POLICY,
        "cache-control": "no-cache",  # may be kept, and is asked for again
        "etag": file.tag,
    }
    if known == file.tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.body, headers=headers)
