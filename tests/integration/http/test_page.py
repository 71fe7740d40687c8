"""The files of the status page: there, closed to programs of others, and nothing beside them."""

import re
from pathlib import Path
from typing import Final

import httpx
import pytest

STATIC: Final = Path(__file__).parents[3] / "bridge/http/static"
NAMES: Final = sorted(each.name for each in STATIC.iterdir())
KINDS: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def test_the_files_are_few_and_known_by_their_names() -> None:
    assert {"index.html", "main.js", "page.css", "icon.svg"} <= set(NAMES)
    assert {name.rpartition(".")[2] for name in NAMES} == KINDS.keys()


@pytest.mark.parametrize("name", NAMES)
async def test_each_file_is_served_as_it_is(client: httpx.AsyncClient, name: str) -> None:
    path = "/" if name == "index.html" else f"/static/{name}"
    answer = await client.get(path)
    assert (answer.status_code, answer.content) == (200, (STATIC / name).read_bytes())
    assert answer.headers["content-type"] == KINDS[name.rpartition(".")[2]]
    assert answer.headers["x-content-type-options"] == "nosniff"

    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    asked = await client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == str(len(answer.content))


async def test_the_policy_lets_only_our_own_files_run(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/")).headers
    policy = dict(
        rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-cache")


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".html")])
def test_a_page_needs_nothing_that_the_policy_forbids(name: str) -> None:
    html = (STATIC / name).read_text(encoding="utf-8")
    assert re.findall(r"\son\w+=|\sstyle=|<style|javascript:", html) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    for reference in re.findall(r'(?:src|href)="([^"]+)"', html):
        part = reference.removeprefix("static/")
        assert part in NAMES or reference in {"../", "../openapi.json"}, reference


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_no_program_makes_html_out_of_text(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b"
    assert re.findall(forbidden, text) == []


@pytest.mark.parametrize(
    "path", ["/static/", "/static/page.py", "/static/..%2fpage.py", "/static/__init__.py"]
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/", "/static/main.js"])
async def test_a_foreign_name_gets_nothing(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Host": "evil.test"})
    assert answer.status_code == 421
