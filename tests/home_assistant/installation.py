"""Home Assistant in an environment of its own, `.venv-home-assistant`, made once.

Its newest release that the newest Python here can run; BRIDGE_HOME_ASSISTANT_PYTHON names another
interpreter. A change of Python makes it anew; delete the folder to have a newer release.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = ROOT / ".venv-home-assistant"
OLDEST: Final = (3, 12)
"""Python that a Home Assistant with device discovery needs (2024.11)."""
COMPONENTS: Final = ("frontend", "mqtt")
"""Without the first it starts in its recovery mode."""
_STAMP: Final = ENVIRONMENT / "stamp"
_REQUIREMENTS: Final = """
import json, pathlib, sys, homeassistant
folder = pathlib.Path(homeassistant.__file__).parent / "components"
todo, seen, found = sys.argv[1:], set(), set()
while todo:
    name = todo.pop()
    if name not in seen:
        seen.add(name)
        manifest = json.loads((folder / name / "manifest.json").read_text())
        found |= set(manifest.get("requirements", ()))
        todo += manifest.get("dependencies", ())
print("\\n".join(sorted(found)))
"""
"""Home Assistant would install these when it starts; it tells of them in its manifests."""


class NoHomeAssistantError(Exception):
    """It cannot be installed here; the message says why."""


def install() -> Path:
    """Return the folder of Home Assistant's programs; installs it where it is not yet.

    Raises:
        NoHomeAssistantError: There is no Python that it runs on, or pip cannot install it.
    """
    python = _newest_python()
    programs = ENVIRONMENT / "bin"
    stamp = f"{python}\n{_version(python)}\n"
    if _STAMP.exists() and _STAMP.read_text() == stamp:
        return programs
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    _run(str(python), "-m", "venv", str(ENVIRONMENT))
    own = str(programs / "python")
    _run(own, "-m", "pip", "install", "--quiet", "homeassistant")
    requirements = _run(own, "-c", _REQUIREMENTS, *COMPONENTS).split()
    _run(own, "-m", "pip", "install", "--quiet", *requirements)
    _STAMP.write_text(stamp)
    return programs


def _newest_python() -> Path:
    found = {version: path for path in _pythons() if (version := _version(path)) >= OLDEST}
    if not found:
        raise NoHomeAssistantError(
            f"no Python {OLDEST[0]}.{OLDEST[1]} or newer is here"
            " (BRIDGE_HOME_ASSISTANT_PYTHON names one)"
        )
    return found[max(found)]


def _pythons() -> Iterator[Path]:
    """Yield interpreters that may be new enough, those of pyenv too."""
    wanted = os.environ.get("BRIDGE_HOME_ASSISTANT_PYTHON")
    if wanted:
        yield Path(wanted)
        return
    for name in ("python3", "python3.12", "python3.13", "python3.14"):
        program = shutil.which(name)
        if program:
            yield Path(program)
    yield from Path.home().glob(".pyenv/versions/3.*/bin/python")


def _version(python: Path) -> tuple[int, ...]:
    """Return the version of an interpreter, () where it is none that runs."""
    words = "import sys; print(*sys.version_info[:3])"
    try:
        done = subprocess.run([python, "-c", words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in done.stdout.split())


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoHomeAssistantError(f"{' '.join(command[:5])} ...: {done.stderr[-2000:]}")
    return done.stdout
