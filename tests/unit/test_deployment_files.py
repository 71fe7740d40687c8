"""compose.yaml and the Dockerfile cannot be run here: at least what they name must exist."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_compose_mounts_files_that_exist_and_volumes_that_it_declares() -> None:
    content = compose()
    sources = [
        volume.partition(":")[0]
        for service in content["services"].values()
        for volume in service["volumes"]
    ]
    files = [source for source in sources if source.startswith("./")]
    assert files
    assert [source for source in files if not (ROOT / source).is_file()] == []
    assert set(sources) - set(files) == set(content["volumes"])


def test_compose_publishes_plain_mqtt_on_the_loopback_only() -> None:
    assert compose()["services"]["mosquitto"]["ports"] == ["127.0.0.1:1883:1883"]


def test_the_mounts_are_where_mosquitto_conf_looks() -> None:
    text = (ROOT / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    volumes = compose()["services"]["mosquitto"]["volumes"]
    targets = [volume.split(":")[1] for volume in volumes]
    for option in ("password_file", "acl_file", "persistence_location"):
        path = re.search(rf"^{option} (\S+)$", text, re.MULTILINE)
        assert path is not None
        assert any(path[1].startswith(target) for target in targets), path[1]


def test_the_dockerfile_copies_what_exists_and_drops_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert "USER bridge" in lines
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [name for name in copied if f"!{name}" not in allowed] == []
