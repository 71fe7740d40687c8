"""A page of the documentation as somebody types it: every command, in order, in its terminals.

A `sh` block is typed into the terminal that a comment above it names (`<!-- terminal: bridge -->`),
else into the first one. There each line has to succeed before the next block, except after
`<!-- wrong on purpose -->`; a program in a terminal with a name goes on running. A `text` block is
what the page says appears in its terminal: whole lines, in any order and among others, in which
`...` is anything. They stand below those of the block before.
"""

import asyncio
import os
import re
import shutil
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[1]
FIRST: Final = "first"
"""The terminal of blocks that name none."""
PATIENCE_SECONDS: Final = 90
_BLOCK: Final = re.compile(
    r"(?:^<!-- (?:terminal: (?P<terminal>[\w-]+)|(?P<wrong>wrong on purpose)) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$|^## (?P<heading>[^\n]*)$",
    re.MULTILINE | re.DOTALL,
)
_SYSTEM: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin"
_SHIPPED: Final = (
    *("bridge", "docs", "examples", "mosquitto", "schemas", "script"),
    *("pyproject.toml", "README.md", "LICENSE"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A fenced block of a page."""

    heading: str
    terminal: str
    language: str
    text: str
    wrong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """What is typed instead of a line that a test cannot type, and why it cannot."""

    line: str
    typed: str
    reason: str


def steps(page: Path) -> Iterator[Step]:
    """Yield the fenced blocks of a page in their order."""
    heading = ""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match["heading"]:
            heading = match["heading"]
        else:
            yield Step(
                heading=heading,
                terminal=match["terminal"] or FIRST,
                language=match["language"],
                text=match["text"],
                wrong=match["wrong"] is not None,
            )


def pattern_of(line: str) -> re.Pattern[str]:
    """Return what matches a line of a `text` block, in which `...` is anything."""
    return re.compile(".*".join(map(re.escape, line.split("..."))))


def missing(*programs: str) -> str:
    """Return which of these programs are not here, where that lets a test be left out.

    Nothing where CI says that all has to be run (`BRIDGE_TESTS_REQUIRE`): then the test fails.
    """
    if os.environ.get("BRIDGE_TESTS_REQUIRE"):
        return ""
    return " ".join(each for each in programs if shutil.which(each) is None)


# --- a terminal


class Terminal:
    """A shell that goes on from block to block; what it shows is kept."""

    def __init__(self, name: str, directory: Path, environment: Mapping[str, str]) -> None:
        self._name, self._directory, self._environment = name, directory, environment
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._lines: list[str] = []
        self._seen = 0
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *("bash", "--noprofile", "--norc"),
            cwd=self._directory,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=2**20,  # one line
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reading is not None
        self._process.stdin.close()
        # bash and what it runs are one group; a program ends as by Ctrl-C
        for number in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 10)
                break
        await self._reading

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._lines.append(line.decode(errors="replace").rstrip("\n"))
            self._more.set()

    def type(self, text: str) -> None:
        """Type commands, and do not wait for their end."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())

    async def run(self, text: str, *, wrong: bool) -> None:
        """Type commands, and wait until the last has ended: all well, or `wrong`."""
        number = next(self._numbers)
        self._seen = len(self._lines)
        self.type(f"failed=; trap 'failed=$BASH_COMMAND' ERR\n{text}")
        self.type(f"printf '\\nend {number} %s\\n' \"$failed\"\n")
        prompt = f"end {number} "
        place = await self._until(
            partial(self._place_of, lambda line: line.startswith(prompt), self._seen), "the prompt"
        )
        failed = self._lines[place - 1].removeprefix(prompt)
        assert bool(failed) is wrong, f"{self._story()}\nfailed: {failed!r}"

    async def shows(self, text: str) -> None:
        """Wait until all these lines have appeared below those that were waited for before."""
        begin = self._seen
        for expected in filter(None, text.splitlines()):
            fits = pattern_of(expected).fullmatch
            place = await self._until(partial(self._place_of, fits, begin), expected)
            self._seen = max(self._seen, place)

    def _place_of(self, fits: Callable[[str], object], begin: int) -> int | None:
        """Return the place below the first line from `begin` on that fits."""
        places = (place for place, line in enumerate(self._lines[begin:], begin + 1) if fits(line))
        return next(places, None)

    async def _until(self, look: Callable[[], int | None], what: str) -> int:
        """Return what is seen as soon as it is not None."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (seen := look()) is None:
                    self._more.clear()
                    await self._more.wait()
                return seen
        except TimeoutError:
            raise AssertionError(f"{self._story()}\nnever came: {what}") from None

    def _story(self) -> str:
        return "\n".join([f"--- terminal {self._name}", *self._lines])


# --- a page


class Desk:
    """A home, a checkout and terminals of its own, and free ports for those that a page names.

    Async context manager: at its end every terminal is closed, and every line that is to be
    replaced must have been there.
    """

    def __init__(
        self,
        directory: Path,
        ports: Mapping[int, int],
        *,
        instead: Sequence[Instead] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Make the home and the checkout below `directory`.

        Args:
            directory: An empty folder.
            ports: The port that is used, by the one that is written.
            instead: Lines that cannot be typed here.
            environment: Variables besides those that everybody has.
        """
        self.home, self.checkout = directory / "home", directory / "checkout"
        self._ports, self._instead = ports, {each.line: each.typed for each in instead}
        self._replaced: set[str] = set()
        self.terminals: dict[str, Terminal] = {}
        self._stack = AsyncExitStack()
        programs = directory / "bin"
        programs.mkdir(parents=True)
        (programs / "python3").symlink_to(_system_python())
        self.packages = directory / "packages.pth"
        """For a virtual environment that shall have the packages of the tests' own."""
        self.packages.write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        self._environment = {
            **_plain_environment(),
            **(environment or {}),
            "HOME": str(self.home),
            "PATH": f"{programs}:{self.checkout}/.venv/bin:{_SYSTEM}",
            "PACKAGES": str(self.packages),
        }
        self._furnish()

    def _furnish(self) -> None:
        for name in _SHIPPED:
            source, target = ROOT / name, self.checkout / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        defaults = self.home / ".config"
        defaults.mkdir(parents=True)
        for program in ("mosquitto_sub", "mosquitto_pub"):
            (defaults / program).write_text(f"-p {self._ports[1883]}\n", encoding="utf-8")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()
        if exception == (None, None, None):
            assert self._replaced == self._instead.keys()

    async def follow(self, each_step: Iterable[Step]) -> None:
        """Type what is to be typed, and wait for what is to appear."""
        for step in each_step:
            if step.language == "sh":
                await self._type(step)
            elif step.language == "text":
                await self.terminals[step.terminal].shows(self.with_ports(step.text))

    async def _type(self, step: Step) -> None:
        name = step.terminal
        if name not in self.terminals:
            terminal = Terminal(name, self.checkout, self._environment)
            self.terminals[name] = await self._stack.enter_async_context(terminal)
        if name == FIRST:
            await self.terminals[name].run(self._typed(step), wrong=step.wrong)
        else:
            self.terminals[name].type(self._typed(step))

    def _typed(self, step: Step) -> str:
        lines = step.text.splitlines()
        self._replaced |= self._instead.keys() & set(lines)
        text = "".join(f"{self._instead.get(line, line)}\n" for line in lines)
        return self.with_ports(text)

    def with_ports(self, text: str) -> str:
        """Return a text with the ports that are used instead of those that are written."""
        for written, used in self._ports.items():
            text = re.sub(rf"\b{written}\b", str(used), text)
        return text


def _system_python() -> Path:
    """Return the interpreter that the tests' environment was made from."""
    return Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def _plain_environment() -> dict[str, str]:
    """Return the environment without our settings, and without an activated environment's.

    What pip knows of its registry, and has fetched before, it goes on knowing in another home.
    """
    ours = ("BRIDGE_", "PYTHON", "VIRTUAL_ENV", "XDG_", "npm_config_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache/pip"))
    for name in (".config/pip/pip.conf", ".pip/pip.conf"):
        if (Path.home() / name).is_file():
            kept.setdefault("PIP_CONFIG_FILE", str(Path.home() / name))
    return kept
