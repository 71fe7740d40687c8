"""What the documentation shows is valid: commands, configuration, documents, links.

A block after `<!-- wrong on purpose -->` shows a mistake, and must be one.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from pydantic import ValidationError

from bridge import cli
from bridge.api import commands
from bridge.config import load_config
from bridge.domain import mqtt_state
from bridge.mqtt.topics import Topics
from tests.schema_check import check_document

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *ROOT.glob("*.md"),
    ROOT / "examples/README.md",
    ROOT / "mosquitto/README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
WRONG: Final = "<!-- wrong on purpose -->"
PROGRAM: Final = "ocpp-mqtt-bridge"
FOREIGN: Final = frozenset(
    ". apt-get cat chown cp createdb createuser curl docker install journalctl jq mkdir "
    "mosquitto_passwd mosquitto_pub mosquitto_sub node-red npm openssl pg_dump pip psql python3 sed "
    "sort sqlite3 sudoedit systemctl tee useradd".split()
)
"""Other programs that the documentation may ask for."""
_BLOCK: Final = re.compile(
    rf"(?P<wrong>{WRONG}\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEREDOC: Final = re.compile(
    r"^(?P<command>.*<<'(?P<end>\w+)')\n(?P<text>.*?)^(?P=end)$", re.MULTILINE | re.DOTALL
)
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_FILE_KEY: Final = re.compile(r'^\w+_file = "(?P<path>[^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    heading: str
    language: str
    text: str
    wrong: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.heading}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match["language"] in languages:
                heading = [each[1] for each in _HEADING.finditer(text, 0, match.start())][-1]
                wrong = match["wrong"] is not None
                found.append(Block(page, heading, match["language"], match["text"], wrong))
    return found


# --- sh


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_each_command_line_can_be_typed(block: Block) -> None:
    script = _HEREDOC.sub(lambda match: match["command"], block.text).replace("\\\n", " ")
    for line in script.splitlines():
        for part in re.split(r" \| ", line):
            words = shlex.split(part, comments=True)
            if words:
                check_command(without_wrapping(words), wrong=block.wrong)


def without_wrapping(words: list[str]) -> list[str]:
    """Return a command line without its environment and `sudo`."""
    while words and ("=" in words[0] or words[0] == "sudo"):
        words = words[1:]
        if words[:1] == ["-u"]:
            words = words[2:]
    return words


def check_command(words: list[str], *, wrong: bool) -> None:
    program, *arguments = words
    name = program.rpartition("/")[2]
    if name == PROGRAM:
        check_ours(arguments, wrong=wrong)
    elif name == "python" and arguments[:1] == ["-m"]:
        assert (ROOT / f"{arguments[1].replace('.', '/')}.py").is_file(), words
    elif name == "python":
        assert (ROOT / arguments[0]).is_file(), words
    elif program.startswith(("script/", "examples/", "mosquitto/")):
        assert (ROOT / program).stat().st_mode & 0o111, program
        if name == "demo":
            check_ours(["demo", *arguments], wrong=wrong)
    elif program == "docker" and PROGRAM in arguments:
        check_ours(arguments[arguments.index(PROGRAM) + 1 :], wrong=wrong)
    else:
        assert name in FOREIGN, words


def check_ours(arguments: list[str], *, wrong: bool) -> None:
    """Hold a command line to the parser, and what is published to the API."""
    namespace = cli._parser(arguments).parse_args(arguments)
    if namespace.command.name != "pub":
        return
    problem = problem_with(namespace.topic, namespace.message)
    assert (problem is not None) is wrong, problem or f"{arguments} is right"


def problem_with(topic: str, message: str) -> str | None:
    """Return what is wrong with a command, None for other topics too."""
    table = Topics("ocpp", "main")
    if not table.is_command(topic):
        return None
    found = table.parse_command(topic)
    if found.problem is not None:
        return found.problem
    try:
        if found.scalar:
            commands.SCALARS[found.name].read(message)
        else:
            commands.COMMAND_MODELS[found.name].model_validate(json.loads(message))
    except (KeyError, ValueError, ValidationError) as error:
        return str(error)
    return None


# --- toml


def toml_texts() -> Iterator[tuple[str, str]]:
    for block in blocks("toml"):
        yield str(block), block.text
    for block in blocks("sh"):
        for match in _HEREDOC.finditer(block.text):
            if ".toml" in match["command"]:
                yield str(block), match["text"]


@pytest.mark.parametrize(("place", "text"), list(toml_texts()))
def test_each_piece_of_configuration_is_accepted(
    place: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text.replace("/etc/", f"{tmp_path}/etc/")
    for match in _FILE_KEY.finditer(text):
        file = tmp_path / match["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("secret\n", encoding="utf-8")
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    load_config(path)


# --- json


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_each_document_and_body_fits_its_schema(block: Block) -> None:
    document = json.loads(block.text)
    model = commands.COMMAND_MODELS.get(block.heading)
    if model is None:
        check_document("result", document)
    else:
        model.model_validate(document)


# --- links


def links(page: Path) -> list[str]:
    """Return where a page leads to within the repository."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [
        target
        for target in _LINK.findall(text)
        if "://" not in target and not target.startswith("NNNN")
    ]


@cache
def anchors(page: Path) -> frozenset[str]:
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))
    return frozenset(map(anchor_of, headings))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def anchor_of(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_the_states_of_mqtt_are_drawn_from_their_table() -> None:
    (block,) = blocks("mermaid")
    assert block.page.name == "arbitration.md"
    assert block.text == mqtt_state.diagram()
    for row in mqtt_state.TABLE:
        assert f"\n* `{row.state}`: " in block.page.read_text(encoding="utf-8")


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs") for page in ROOT.glob("docs/**/*.md")]
    led_to = {target.partition("#")[0] for target in _LINK.findall(index)}
    assert {str(page) for page in pages if page.parts[0] != "adr"} - led_to == {"index.md"}
