"""README.md and docs/tutorial.md, typed word by word: each command works, each answer appears."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from bridge.demo.broker import free_port
from tests.acceptance.simulation import simulated
from tests.brokers import LOOPBACK, MosquittoProcess
from tests.node_red import installed
from tests.typed_pages import ROOT, Desk, Instead, missing, steps

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.timeout(400),  # the first time Node-RED is installed
    pytest.mark.skipif(
        bool(missing("curl", "jq", "mosquitto_sub")),
        reason="needs curl, jq and mosquitto-clients",
    ),
]

PATIENCE_SECONDS: Final = 60
README: Final = ROOT / "README.md"
TUTORIAL: Final = ROOT / "docs/tutorial.md"
SEVERAL: Final = ROOT / "docs/how-to/several-chargers.md"
_PROGRAMS: Final = "mosquitto mosquitto_sub mosquitto_pub curl jq"
_VENV: Final = Instead(
    line="python3 -m venv ~/ocpp-mqtt-bridge",
    typed="python3 -m venv ~/ocpp-mqtt-bridge && "
    'cp "$PACKAGES" ~/ocpp-mqtt-bridge/lib/python3.*/site-packages/',
    reason="what the bridge depends on is installed once, for the tests; "
    "test_packaging.py installs all of it",
)

_INSTALLED: Final = [
    Instead(
        line=_VENV.line,
        typed='ln -s "$PWD/.venv" ~/ocpp-mqtt-bridge',
        reason="the tutorial installs it by the same lines: ten seconds are enough once",
    ),
    Instead(line="pip install .", typed="true", reason="the same"),
]
_SUITE: Final = Instead(
    line="script/test",
    typed="script/test --version",
    reason="all tests, of which this is one",
)


def ports() -> dict[int, int]:
    """Return a free port for each that the pages name: MQTT, stations, HTTP, Node-RED."""
    return {written: free_port() for written in (1883, 9000, 8080, 1880)}


def settings(used: dict[int, int]) -> dict[str, str]:
    """Return what makes these ports the default ones of the bridge, and it less patient."""
    return {
        "BRIDGE_MQTT__URL": f"mqtt://{LOOPBACK}:{used[1883]}",
        "BRIDGE_OCPP__LISTEN": f"{LOOPBACK}:{used[9000]}",
        "BRIDGE_HTTP__LISTEN": f"{LOOPBACK}:{used[8080]}",
        "BRIDGE_STATIONS__DEFAULTS__INCREASE_HOLD_SECONDS": "1",
    }


@pytest.mark.npm
async def test_the_tutorial(mosquitto: MosquittoProcess, tmp_path: Path) -> None:
    used = ports() | {1883: mosquitto.port}
    instead = [
        _VENV,
        Instead(line="sudo apt-get update", typed="true", reason="needs root"),
        Instead(
            line="sudo apt-get install -y mosquitto mosquitto-clients python3-venv curl jq",
            typed=f"command -v {_PROGRAMS} && python3 -c 'import venv, ensurepip'",
            reason="needs root; a test that needs them is not run without them",
        ),
        Instead(
            line="sudo apt-get install -y nodejs npm",
            typed="command -v node npm",
            reason="needs root; a test that needs them is not run without them",
        ),
        Instead(
            line="npm install --prefix ~/node-red --no-audit --no-fund node-red@4",
            typed=f"mkdir ~/node-red && ln -s '{installed() / 'node_modules'}' ~/node-red/",
            reason="half a minute and 100 MB: it is installed once, for all tests",
        ),
    ]
    desk = Desk(tmp_path / "desk", used, instead=instead, environment=settings(used))
    flows = desk.checkout / "examples/node-red/flows.json"
    flows.write_text(desk.with_ports(flows.read_text(encoding="utf-8")), encoding="utf-8")
    async with desk:
        await desk.follow(steps(TUTORIAL))
        await each_address_answers(desk, TUTORIAL)


async def each_address_answers(desk: Desk, page: Path) -> None:
    """Open what the page says can be opened in a browser."""
    addresses = re.findall(r"<(http://127\.0\.0\.1:\d+/)>", page.read_text(encoding="utf-8"))
    assert addresses
    async with httpx.AsyncClient() as client:
        for address in map(desk.with_ports, addresses):
            answer = await client.get(address)
            assert answer.status_code == 200
            assert "text/html" in answer.headers["content-type"]


async def test_readme_runs_the_demo(tmp_path: Path) -> None:
    used = ports()
    arguments = f"--mqtt-port {used[1883]} --ocpp-port {used[9000]} --http-port {used[8080]}"
    demo = Instead(
        line="script/demo",
        typed=f"script/demo --plain {arguments}",
        reason="lines can be compared, a live picture cannot",
    )
    instead = [demo, _SUITE]
    async with Desk(tmp_path / "desk", used, instead=instead, environment=settings(used)) as desk:
        await asyncio.to_thread(set_up, desk)
        first, *others = [
            each for each in steps(README) if each.heading != "Use it with your charger"
        ]
        await desk.follow([first])
        await desk.terminals["demo"].shows("SIM001/1 state Charging")
        await desk.follow(others)


async def test_readme_connects_a_charger(mosquitto: MosquittoProcess, tmp_path: Path) -> None:
    used = ports() | {1883: mosquitto.port}
    assert {each.line for each in _INSTALLED} <= set(TUTORIAL.read_text("utf-8").splitlines())
    async with Desk(
        tmp_path / "desk", used, instead=_INSTALLED, environment=settings(used)
    ) as desk:
        await asyncio.to_thread(set_up, desk)
        await desk.follow(
            each for each in steps(README) if each.heading == "Use it with your charger"
        )
        url = desk.with_ports("ws://127.0.0.1:9000")
        async with simulated(url, station_ids=("MY-CHARGER-ID",)):
            await desk.terminals["bridge"].shows(
                "... station connected ... station=MY-CHARGER-ID ..."
            )


async def test_several_chargers(mosquitto: MosquittoProcess, tmp_path: Path) -> None:
    used = ports() | {1883: mosquitto.port}
    async with Desk(tmp_path / "desk", used, environment=settings(used)) as desk:
        await asyncio.to_thread(set_up, desk)
        await desk.follow(steps(SEVERAL))


def set_up(desk: Desk) -> None:
    """Leave a checkout as its first start of any script does: with `.venv`.

    Installing takes half a minute and a network; `script/_venv` is what CI itself begins with.
    """
    environment = desk.checkout / ".venv"
    command = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)
    python = environment / "bin/python"
    (packages,) = environment.glob("lib/python3.*/site-packages")
    text = desk.packages.read_text(encoding="utf-8")
    (packages / "tests.pth").write_text(f"{desk.checkout}\n{text}", encoding="utf-8")
    program = environment / "bin/ocpp-mqtt-bridge"
    program.write_text(f"#!{python}\nfrom bridge.cli import main\nraise SystemExit(main())\n")
    program.chmod(0o755)
    checksum = subprocess.check_output(
        ["cksum", "pyproject.toml"], cwd=desk.checkout, text=True, timeout=PATIENCE_SECONDS
    )
    stamp = f"{desk.checkout.resolve()}\n{sys.version}\n{checksum}"
    (environment / "stamp").write_text(stamp, encoding="utf-8")
