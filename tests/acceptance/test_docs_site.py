"""`script/docs`: the documentation as a site that opens from the disk and is whole."""

import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest

from tests.typed_pages import ROOT

pytestmark = pytest.mark.timeout(240)  # whichever comes first builds the site
PATIENCE_SECONDS: Final = 180
DOCS: Final = ROOT / "docs"
BUILD: Final = [sys.executable, "-m", "properdocs", "build", "--strict", "-f", "mkdocs.yml"]


class Page(HTMLParser):
    """What a page of the site leads to, what it loads, and its places."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in {"script", "link", "img"}:
            self.loaded.append(values.get("src") or values.get("href") or "")


@cache
def parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [*BUILD, "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert built.returncode == 0, built.stderr
    return folder


def pages(site: Path) -> list[Path]:
    return [path for path in site.rglob("*.html") if path.name != "404.html"]


def test_every_page_of_docs_is_in_the_site_and_its_menu(site: Path) -> None:
    expected = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    assert {path.relative_to(site) for path in pages(site)} >= expected
    menu = {link.partition("#")[0] for link in parsed(site / "index.html").links}
    in_menu = {str(path) for path in expected if path.parts[0] != "adr"} | {"adr/index.html"}
    assert in_menu <= menu | {"index.html"}


def test_every_link_leads_to_a_file_of_the_site_and_a_place_in_it(site: Path) -> None:
    broken = []
    for path in pages(site):
        for link in parsed(path).links:
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            there = (path.parent / name).resolve() if name else path
            if not there.is_file() or (anchor and anchor not in parsed(there).anchors):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in pages(site):
        for name in parsed(path).loaded:
            assert not re.match(r"[a-z]+:|//", name), f"{path.relative_to(site)}: {name}"


def test_code_in_a_list_is_code(site: Path) -> None:
    text = (site / "how-to/home-assistant.html").read_text(encoding="utf-8")
    assert "```" not in text
    assert 'discovery = "on"' in text
