"""compose.yaml, Dockerfiles, the unit and the add-on: what they name exists, and can be said.

There is no Docker engine here. What can be run without one is run by
tests/acceptance/test_packaging.py.
"""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import bridge
from bridge import cli
from bridge.config import load_config

ROOT: Final = Path(__file__).parents[2]
ADDON: Final = ROOT / "addon/ocpp_mqtt_bridge"
UNIT: Final = ROOT / "examples/ocpp-mqtt-bridge.service"
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::[-?][^}]*)?\}")


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile and their arguments."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def check_ours(command: str) -> None:
    """Hold arguments of our program to its parser."""
    arguments = shlex.split(command)
    cli._parser(arguments).parse_args(arguments)


# --- compose.yaml


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs docker-compose")
def test_compose_itself_understands_the_file_with_all_profiles() -> None:
    profiles = [word for name in ("demo", "nodered", "postgres") for word in ("--profile", name)]
    checked = subprocess.run(
        ["docker-compose", "-f", str(ROOT / "compose.yaml"), *profiles, "config", "--quiet"],
        env={**os.environ, "BRIDGE_MQTT_PASSWORD": "secret"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_compose_mounts_files_that_exist_and_volumes_that_it_declares() -> None:
    sources = [
        volume.partition(":")[0]
        for service in services().values()
        for volume in service.get("volumes", ())
    ]
    files = [source for source in sources if source.startswith("./")]
    assert files
    assert [source for source in files if not (ROOT / source).is_file()] == []
    assert set(sources) - set(files) == set(compose()["volumes"])


def test_compose_publishes_to_the_network_only_what_stations_need() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == ["9000:9000"]


def test_what_is_not_asked_for_by_a_profile_is_the_broker_and_the_bridge() -> None:
    profiles = {name: service.get("profiles") for name, service in services().items()}
    assert profiles == {
        "mosquitto": None,
        "bridge": None,
        "charger": ["demo"],
        "nodered": ["nodered"],
        "postgres": ["postgres"],
    }


def test_services_wait_for_services_that_exist_in_their_profile() -> None:
    for service in services().values():
        for other in service.get("depends_on", ()):
            assert "profiles" not in services()[other]


def test_the_settings_in_compose_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "BRIDGE_MQTT_PASSWORD": "s%40cret",
        "BRIDGE_STATIONS_UNKNOWN": "accept",
        "BRIDGE_STORE_URL": "postgresql://bridge:x@postgres:5432/bridge",
    }
    for name, text in services()["bridge"]["environment"].items():
        monkeypatch.setenv(name, _VARIABLE.sub(lambda match: values[match[1]], text))
    config = load_config()
    assert config.mqtt.endpoint.password == "s@cret"
    assert (config.mqtt.endpoint.username, config.mqtt.endpoint.host) == ("bridge", "mosquitto")
    assert config.stations.unknown == "accept"
    assert config.store.url == values["BRIDGE_STORE_URL"]


def test_the_settings_in_compose_may_be_left_at_their_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRIDGE_STATIONS__UNKNOWN", "pending")
    monkeypatch.setenv("BRIDGE_STORE__URL", "")
    assert load_config().store.url is None


def test_the_example_of_env_has_every_variable_of_compose() -> None:
    used = set(_VARIABLE.findall((ROOT / "compose.yaml").read_text(encoding="utf-8")))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?(\w+)=", example, re.MULTILINE)) - {"BRIDGE_STORE_URL"} == used - {
        "BRIDGE_STORE_URL"
    }
    assert "BRIDGE_STORE_URL=" in example


def test_the_simulated_charger_is_called_as_the_program_wants() -> None:
    command = services()["charger"]["command"]
    check_ours(command)
    assert "ws://bridge:9000" in command


def test_the_mounts_are_where_mosquitto_conf_looks() -> None:
    text = (ROOT / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    targets = [volume.split(":")[1] for volume in services()["mosquitto"]["volumes"]]
    for option in ("password_file", "acl_file", "persistence_location"):
        path = re.search(rf"^{option} (\S+)$", text, re.MULTILINE)
        assert path is not None
        assert any(path[1].startswith(target) for target in targets), path[1]


# --- Dockerfile


def test_the_dockerfile_copies_what_exists_and_drops_root() -> None:
    found = instructions(ROOT / "Dockerfile")
    copied = [
        name
        for instruction, arguments in found
        if instruction == "COPY" and not arguments.startswith("--from")
        for name in arguments.split()[:-1]
    ]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [name for name in copied if f"!{name}" not in allowed] == []
    last_stage = found[max(at for at, each in enumerate(found) if each[0] == "FROM") :]
    assert ("USER", "bridge") in last_stage
    assert [name for name, _ in last_stage if name == "RUN"] == ["RUN"]  # makes the user


def test_the_image_says_which_ports_compose_publishes() -> None:
    exposed = dict(instructions(ROOT / "Dockerfile"))["EXPOSE"].split()
    published = {port.rpartition(":")[2] for port in services()["bridge"]["ports"]}
    assert published == set(exposed)


# --- systemd


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    parser.read(UNIT, encoding="utf-8")
    return parser


def test_the_unit_starts_the_program_as_it_wants() -> None:
    program, _, arguments = unit()["Service"]["ExecStart"].partition(" ")
    assert program == "/opt/ocpp-mqtt-bridge/bin/ocpp-mqtt-bridge"
    check_ours(arguments)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    # It looks for program and user, which an installation makes.
    text = UNIT.read_text(encoding="utf-8").replace(
        "/opt/ocpp-mqtt-bridge/bin/ocpp-mqtt-bridge",
        str(Path(shutil.which("true") or "").resolve()),
    )
    here = tmp_path / UNIT.name
    here.write_text(text, encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ours = [line for line in checked.stderr.splitlines() if UNIT.name in line]
    assert ours == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_little_that_the_unit_leaves_open() -> None:
    """Its figure is from 0, nothing, to 10; a unit that says nothing of it has 9.6."""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]


# --- the add-on of Home Assistant


def addon(name: str) -> Any:
    return yaml.safe_load((ADDON / name).read_text(encoding="utf-8"))


def test_the_add_on_says_what_the_supervisor_requires() -> None:
    config = addon("config.yaml")
    assert {"name", "version", "slug", "description", "arch"} <= config.keys()
    assert config["slug"] == ADDON.name
    assert config["version"] == bridge.__version__
    assert set(addon("build.yaml")["build_from"]) == set(config["arch"])
    assert set(config["ports"]) == set(config["ports_description"]) == {"9000/tcp", "8080/tcp"}


def test_every_option_of_the_add_on_is_explained_and_its_default_allowed() -> None:
    config = addon("config.yaml")
    schema: dict[str, str] = config["schema"]
    assert addon("translations/en.yaml")["configuration"].keys() == schema.keys()
    assert config["options"].keys() == {name for name, kind in schema.items() if kind[-1] != "?"}
    for name, kind in schema.items():
        choices = re.fullmatch(r"list\((.*)\)", kind)
        if choices:
            assert config["options"][name] in choices[1].split("|")


def test_the_add_on_copies_what_script_addon_puts_there() -> None:
    copied = [
        arguments.split()[0]
        for name, arguments in instructions(ADDON / "Dockerfile")
        if name == "COPY"
    ]
    assert copied == ["*.whl", "start.py"]
    assert (ADDON / "start.py").is_file()
