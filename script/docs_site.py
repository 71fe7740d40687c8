"""What ProperDocs needs to show pages that are written for a forge (mkdocs.yml, hooks).

On a forge pages lead to any file of the repository, a list may be indented by two spaces, and
anchors are made by other rules. Here the files that pages lead to become part of the site, below
`repository/`, and the pages are adapted. The pages themselves know nothing of it.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from properdocs.config.defaults import ProperDocsConfig
from properdocs.structure.files import File, Files
from properdocs.structure.pages import Page

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
DECISIONS: Final = DOCS / "adr"
TEMPLATE: Final = "0000-template.md"
PLACEHOLDER: Final = "NNNN"
"""What a template leads to."""
ELSEWHERE: Final = "repository"
_LINK: Final = re.compile(r"(?P<text>\[[^]]*\])\((?P<target>[^)\s]+)\)")
_FENCE: Final = re.compile(r"^ *```")
_ITEM: Final = re.compile(r"(?:\d+\.|[*-]) ")


def on_config(config: ProperDocsConfig) -> ProperDocsConfig:
    """Make anchors as forges do."""
    config.mdx_configs["toc"] = {"slugify": anchor_of}
    return config


def anchor_of(heading: str, separator: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    """Add what pages lead to, and contents of folders that have none."""
    for path in sorted(_reached() | {DECISIONS / "index.md"}):
        place = place_of(path)
        if files.get_file_from_path(place) is not None:
            continue
        if path.is_file():
            files.append(File.generated(config, place, abs_src_path=str(path)))
        else:
            files.append(File.generated(config, place, content=_contents(path.parent)))
    return files


def on_page_markdown(markdown: str, page: Page, **_others: Any) -> str:
    """Lead from a page to places of the site, and indent lists as Markdown's first author has it."""
    place = page.file.src_uri
    adapted = _with_links(markdown, source_of(place), posixpath.dirname(place))
    return "\n".join(_with_lists(adapted.splitlines()))


# --- places


def place_of(path: Path) -> str:
    """Return where a file or folder of the repository is in the site."""
    if path.is_dir():
        path = path / ("index.md" if path.is_relative_to(DOCS) else "README.md")
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return posixpath.join(ELSEWHERE, path.relative_to(ROOT).as_posix())


def source_of(place: str) -> Path:
    """Return the file of the repository that is in a place of the site."""
    if place.startswith(f"{ELSEWHERE}/"):
        return ROOT / place.removeprefix(f"{ELSEWHERE}/")
    return DOCS / place


def _reached() -> frozenset[Path]:
    """Return the files of the repository that can be reached from its pages.

    A page that is not there stands for the contents of its folder.
    """
    reached: set[Path] = set()
    waiting = list(DOCS.glob("**/*.md"))
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix == ".md":
            leads_to = _targets(page) if page.is_file() else page.parent.iterdir()
            waiting += [source_of(place_of(path)) for path in leads_to]
    return frozenset(reached)


def _targets(page: Path) -> Iterator[Path]:
    for line in _outside_fences(page.read_text(encoding="utf-8").splitlines()):
        for match in _LINK.finditer(line):
            path = _path_of(match["target"], page)
            if path is not None:
                yield path


def _path_of(target: str, page: Path) -> Path | None:
    """Return the file that a link means, None where it leads elsewhere or nowhere."""
    name = target.partition("#")[0]
    if not name or "://" in target or name.startswith("mailto:"):
        return None
    path = (page.parent / name).resolve()
    return path if path.exists() and path.is_relative_to(ROOT) else None


def _outside_fences(lines: list[str]) -> Iterator[str]:
    within = False
    for line in lines:
        if _FENCE.match(line):
            within = not within
        elif not within:
            yield line


def _contents(folder: Path) -> str:
    """Return a page that leads to each file of a folder: a decision by its title."""
    lines = [f"# {'Decisions' if folder == DECISIONS else folder.relative_to(ROOT)}", ""]
    for path in sorted(folder.iterdir()):
        title = path.name
        if path.suffix == ".md":
            title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        if path.name != TEMPLATE:
            lines.append(f"* [{title}]({path.name})")
    return "\n".join([*lines, ""])


# --- text


def _with_links(markdown: str, source: Path, folder: str) -> str:
    def led(match: re.Match[str]) -> str:
        if match["target"].startswith(PLACEHOLDER):
            return match["text"]
        path = _path_of(match["target"], source)
        if path is None:
            return match[0]
        _, hash_, anchor = match["target"].partition("#")
        place = posixpath.relpath(place_of(path), folder or ".")
        return f"{match['text']}({place}{hash_}{anchor})"

    return _each_line(markdown, lambda line: _LINK.sub(led, line))


def _each_line(markdown: str, change: Callable[[str], str]) -> str:
    """Change the lines that are not within a fenced block."""
    changed, within = [], False
    for line in markdown.splitlines():
        fence = _FENCE.match(line) is not None
        within ^= fence
        changed.append(line if within or fence else change(line))
    return "\n".join(changed)


def _with_lists(lines: list[str]) -> Iterator[str]:
    """Indent what belongs to an item of a list by four spaces."""
    depth = 0
    for line in lines:
        item = _ITEM.match(line)
        if item:
            depth = item.end()
        elif line and not line.startswith(" "):
            depth = 0
        if depth and not item and line.startswith(" " * depth):
            yield f"    {line[depth:]}"
        else:
            yield line
