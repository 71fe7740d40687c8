"""Starts the bridge as an add-on: its options become settings, and the Supervisor names the broker.

Everything else can stand in /config/bridge.toml, which the options overrule.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUPERVISOR = os.environ.get("SUPERVISOR", "http://supervisor")
DATA = Path(os.environ.get("ADDON_DATA", "/data"))
CONFIGURATION = Path(os.environ.get("ADDON_CONFIG", "/config")) / "bridge.toml"
PROGRAM = "ocpp-mqtt-bridge"
NAME = "status-page"
"""Of the token."""


def main() -> None:
    """Become the bridge."""
    options = json.loads((DATA / "options.json").read_text(encoding="utf-8"))
    environment = {**settings(options, broker(options)), **os.environ}
    config = ["--config", str(CONFIGURATION)] if CONFIGURATION.is_file() else []
    if options.get("new_token"):
        token(environment, "revoke", *config)
    made = token(environment, "create", "--scope", "read,control,stations", *config)
    if made:
        print(f"token for the status page, shown once: {made}", flush=True)
    os.execvpe(PROGRAM, [PROGRAM, "run", *config], environment)  # noqa: S606  # no shell is wanted


def broker(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return address, user and password: of the options, else of Home Assistant's broker."""
    if options.get("mqtt_url"):
        return {
            "url": options["mqtt_url"],
            "username": options.get("mqtt_username"),
            "password": options.get("mqtt_password"),
        }
    request = urllib.request.Request(  # noqa: S310  # the Supervisor's address is fixed
        f"{SUPERVISOR}/services/mqtt",
        headers={"Authorization": f"Bearer {os.environ.get('SUPERVISOR_TOKEN', '')}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
            told = json.load(answer)["data"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"no broker: start the Mosquitto add-on, or set mqtt_url ({error})")
    scheme = "mqtts" if told.get("ssl") else "mqtt"
    return {
        "url": f"{scheme}://{told['host']}:{told['port']}",
        "username": told.get("username"),
        "password": told.get("password"),
    }


def settings(options: Mapping[str, Any], mqtt: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the environment that the bridge reads its settings from."""
    values = {
        "BRIDGE_BRIDGE__DATA_DIR": DATA / "bridge",
        "BRIDGE_HTTP__LISTEN": "0.0.0.0:8080",  # in a container, and with tokens
        "BRIDGE_MQTT__URL": mqtt["url"],
        "BRIDGE_MQTT__USERNAME": mqtt["username"],
        "BRIDGE_MQTT__PASSWORD": mqtt["password"],
        "BRIDGE_STATIONS__UNKNOWN": options.get("unknown_stations"),
        "BRIDGE_STATIONS__DEFAULTS__INSTALLATION_MAX_A": options.get("installation_max_a"),
        "BRIDGE_LOG__LEVEL": options.get("log_level"),
    }
    if options.get("allowed_host"):
        values["BRIDGE_HTTP__ALLOWED_HOSTS"] = json.dumps([options["allowed_host"]])
    return {name: str(value) for name, value in values.items() if value not in {None, ""}}


def token(environment: Mapping[str, str], *arguments: str) -> str:
    """Make or revoke the token of the status page; return what is told of it, "" for nothing."""
    command, *more = arguments
    called = [PROGRAM, "token", command, *(("--name",) if command == "create" else ()), NAME]
    done = subprocess.run(  # noqa: S603  # our own program
        [*called, *more], env=dict(environment), capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    main()
