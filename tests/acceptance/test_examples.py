"""The examples do what they say: the programs with a bridge, the YAML file against the schemas."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import yaml

from bridge.api import commands
from bridge.mqtt import topics
from bridge.mqtt.asyncapi import payload_schemas
from tests.acceptance.bridges import Bridge
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness
from tests.brokers import Broker
from tests.schema_check import row_of

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
PATIENCE_SECONDS: Final = 20.0


@pytest.fixture
async def car(bridge: Bridge, witness: Witness) -> AsyncIterator[Watch]:
    async with simulated(bridge.url) as watch:
        await watch.until_current(16)
        await witness.until("SIM001/1/state", state="Charging")
        yield watch


# --- shell/limit.sh

needs_clients = pytest.mark.skipif(
    shutil.which("mosquitto_sub") is None, reason="needs mosquitto-clients"
)


async def run_limit(broker: Broker, *arguments: str) -> tuple[int | None, list[dict[str, Any]]]:
    """Run the script; return its exit code and the results that it printed."""
    process = await asyncio.create_subprocess_exec(
        str(EXAMPLES / "shell/limit.sh"),
        *arguments,
        env={
            **os.environ,
            "BROKER": broker.host,
            "PORT": str(broker.port),
            "TOPIC_ROOT": broker.root,
        },
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        output, _ = await process.communicate()
    return process.returncode, [orjson.loads(line) for line in output.splitlines()]


@needs_clients
async def test_the_shell_script_sets_a_limit_and_tells_the_results(
    broker: Broker, car: Watch
) -> None:
    code, results = await run_limit(broker, "SIM001", "1", "10")
    assert (code, [each["status"] for each in results]) == (0, ["accepted", "done"])
    await car.until_current(10)


@needs_clients
async def test_the_shell_script_fails_where_the_bridge_refuses(broker: Broker, car: Watch) -> None:
    code, results = await run_limit(broker, "SIM001", "7", "10")
    assert (code, [each["code"] for each in results]) == (1, ["unknown_evse"])


@pytest.mark.parametrize("arguments", ["", "SIM001 1", "SIM001 1 ten", "SIM001 1 10 A"])
async def test_the_shell_script_explains_its_usage(broker: Broker, arguments: str) -> None:
    assert await run_limit(broker, *arguments.split()) == (2, [])


# --- limit_by_solar.py


@pytest.fixture
async def solar(broker: Broker) -> AsyncIterator[str]:
    """The solar program at work; the topic that it takes the surplus from."""
    surplus = f"solar-{broker.root}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "limit_by_solar.py"),
        *("--broker", broker.host, "--port", str(broker.port), "--root", broker.root),
        *("--station", "SIM001", "--surplus-topic", surplus, "--seconds", "0.5"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    yield surplus
    process.terminate()
    await process.wait()


async def test_the_solar_program_asks_for_what_is_left_and_its_limit_lapses(
    car: Watch, solar: str, witness: Witness
) -> None:
    # retained, because it does not matter then when the program has subscribed
    await witness.publish(solar, b"-3000", retain=True)
    first = await witness.until("SIM001/1/res/solar/limit", status="done")
    assert first["data"]["allocationSourceName"] == "MQTT"
    # 3 x 230 V x 16 A = 11 kW, less the 3 kW that come from the grid
    assert first["data"]["appliedA"] == pytest.approx(11.6, abs=0.5)
    await car.until(lambda snapshot: 0 < snapshot.evses[0].current_a < 12.5)

    await witness.publish(solar, b"unavailable", retain=True)
    await witness.until("SIM001/1/allocation", allocationSourceName="MQTT")
    witness.forget()
    await witness.until("SIM001/1/allocation", allocationSourceName="Unmanaged", state="released")
    await car.until_current(16)
    await witness.publish(solar, b"", retain=True)


# --- home_assistant.yaml

ENTITIES: Final = [
    (platform, entity)
    for group in yaml.safe_load((EXAMPLES / "home_assistant.yaml").read_text())["mqtt"]
    for platform, entities in group.items()
    for entity in entities
]
_KEY: Final = re.compile(r"value_json\.(\w+)")


def entity_id(value: Any) -> str | None:
    return str(value["unique_id"]) if isinstance(value, Mapping) else None


def read_topics(entity: Mapping[str, Any]) -> Iterator[str]:
    yield from (each["topic"] for each in entity["availability"])
    if "state_topic" in entity:
        yield entity["state_topic"]


@pytest.mark.parametrize(("platform", "entity"), ENTITIES, ids=entity_id)
def test_an_entity_reads_keys_that_its_document_has(
    platform: str, entity: Mapping[str, Any]
) -> None:
    schemas = payload_schemas()
    rows = [row_of(topic, "ocpp") for topic in read_topics(entity)]
    assert all(row.retain for row in rows), "what is not retained is unknown after a restart"
    if "state_topic" in entity:
        keys = _KEY.findall(entity["value_template"])
        assert keys
        assert set(keys) <= schemas[rows[-1].name]["properties"].keys()


@pytest.mark.parametrize(("platform", "entity"), ENTITIES, ids=entity_id)
def test_an_entity_commands_what_can_be_commanded(
    platform: str, entity: Mapping[str, Any]
) -> None:
    if "command_topic" not in entity:
        return
    found = topics.Topics("ocpp", "main").parse_command(entity["command_topic"])
    assert (found.problem, found.controller) == (None, "homeassistant")
    assert entity["qos"] == 1
    for payload in sent_payloads(entity):
        if found.scalar:
            commands.SCALARS[found.name].read(payload)
        else:
            commands.COMMAND_MODELS[found.name].model_validate(orjson.loads(payload))


def sent_payloads(entity: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Home Assistant would send, the template filled in by hand."""
    template = entity.get("command_template", "")
    for value in (entity["min"], entity["max"]) if template else ():
        now = "2026-11-21T05:00:00.000000+00:00"
        filled = template.replace("{{ value }}", str(float(value)))
        yield filled.replace("{{ utcnow().isoformat() }}", now)
    yield from (entity[key] for key in entity if key.startswith("payload_"))


def test_every_entity_has_an_id_of_its_own() -> None:
    ids = [entity["unique_id"] for _, entity in ENTITIES]
    assert len(ids) == len(set(ids)) == 10
