"""What a user of Home Assistant sees of a simulated station: entities, states, controls, absence.

Home Assistant itself, at a real Mosquitto, over MQTT 5 and 3.1.1, in both styles of discovery.
"""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.acceptance.bridges import merged, running_bridge
from tests.acceptance.simulation import Watch, simulated
from tests.brokers import Broker
from tests.home_assistant.conftest import Running
from tests.home_assistant.server import EXAMPLE, PATIENCE_SECONDS, HomeAssistant, States

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(300)]
SWITCHING: Final[Mapping[str, Any]] = {"stations": {"defaults": {"phase_switching": True}}}
EXAMPLES: Final = Path(__file__).parents[2] / "examples/home-assistant"
AUTOMATIONS: Final = [path for path in sorted(EXAMPLES.glob("*.yaml")) if "card" not in path.stem]
ENTITIES: Final = 30
"""Of a station with one EVSE that can switch phases and tells its firmware."""


def discovery(mode: str, style: str = "device") -> dict[str, Any]:
    return merged(SWITCHING, {"mqtt": {"discovery": mode, "discovery_style": style}})


class Charger:
    """The entities of the simulated station, by the ids that Home Assistant gave them."""

    def __init__(self, user: HomeAssistant, broker: Broker) -> None:
        self.user = user
        self._prefix = f"{broker.root}__SIM001"
        self._ids: dict[str, str] = {}

    async def until_complete(self) -> None:
        """Wait until all entities are there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self._ids) < ENTITIES:
            assert time.monotonic() < deadline, f"only {sorted(self._ids)} are there"
            seen = len(self.user.history)
            found = await self.user.entities()
            self._ids = {
                name.removeprefix(f"{self._prefix}__"): entity_id
                for name, entity_id in found.items()
                if name.startswith(f"{self._prefix}__")
            }
            if len(self._ids) < ENTITIES:
                await self.user.until_more(seen)
        assert len(self._ids) == ENTITIES, sorted(self._ids)

    def __getitem__(self, name: str) -> str:
        return self._ids[name]

    def attributes(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.user.states[self[name]]["attributes"]
        return found

    async def until_number(self, name: str, *, least: float) -> None:
        entity_id = self[name]

        def is_above(states: States) -> bool:
            with suppress(KeyError, ValueError):  # unloaded or unknown, for a moment
                return float(states[entity_id]["state"]) >= least
            return False

        await self.user.until(f"{name} is below {least}", is_above)

    async def until(self, name: str, *wanted: str) -> None:
        await self.user.until_state(self[name], *wanted)


async def look_at(charger: Charger) -> None:
    """Look at states, units and classes while the car charges with 16 A."""
    await charger.until("1__state", "Charging")
    assert "SuspendedEVSE" in charger.attributes("1__state")["options"]
    await charger.until("1__plugged", "on")
    await charger.until("1__charging", "on")
    await charger.until("1__problem", "off")
    await charger.until("connectivity", "on")
    await charger.until("1__allocation_source", "Unmanaged")
    await charger.until_number("1__power", least=10_000)
    assert charger.attributes("1__power")["unit_of_measurement"] == "W"
    energy = charger.attributes("1__energy")
    assert (energy["unit_of_measurement"], energy["state_class"]) == ("kWh", "total_increasing")
    await charger.until_number("1__energy", least=11)
    await charger.until("1__current_l1", "16.0")
    await charger.until_number("1__voltage_l3", least=200)
    start = charger["1__session_start"]
    await charger.user.until(
        "no start of the session is shown", lambda states: states[start]["state"][:2] == "20"
    )
    await charger.until("1__lease_expiry", "unknown")
    firmware = charger["firmware"]
    await charger.user.until(
        "no version of the firmware is shown",
        lambda states: bool(states[firmware]["attributes"].get("installed_version")),
    )
    limit = charger.attributes("1__limit")
    assert (limit["min"], limit["max"]) == (6, 32)


async def use(charger: Charger, car: Watch) -> None:
    """Use the controls; each shows what the bridge says."""
    user = charger.user
    await user.use("number.set_value", charger["1__limit"], value=10)
    await charger.until("1__limit", "10.0")
    await charger.until("1__allocation_source", "MQTT")
    await charger.until("1__offered_current", "10.0")
    await car.until_current(10)
    await user.use("switch.turn_off", charger["1__allowed"])
    await charger.until("1__allowed", "off")
    await charger.until("1__limit", "unknown")
    await charger.until("1__state", "SuspendedEVSE")
    await car.until_current(0)
    await user.use("switch.turn_on", charger["1__allowed"])
    await charger.until("1__allowed", "on")
    await charger.until("1__limit", "10.0")
    await user.use("select.select_option", charger["1__phases"], option="3")
    await charger.until("1__phases", "3")
    await user.use("button.press", charger["1__release"])
    await charger.until("1__limit", "32.0")
    await charger.until("1__allocation_source", "Unmanaged")
    await user.use("button.press", charger["1__stop"])
    event = charger["1__transaction"]
    await user.until(
        "no transaction has ended",
        lambda states: states[event]["attributes"].get("event_type") == "ended",
    )
    assert charger.attributes("1__transaction")["stoppedReason"] == "Remote"


async def until_gone(charger: Charger) -> None:
    """Wait until Home Assistant has forgotten the station."""
    ids = {charger["1__power"], charger["connectivity"]}
    await charger.user.until("the station is still there", lambda states: not ids & states.keys())


@pytest.mark.parametrize("style", ["device", "entity"])
async def test_a_charging_car_is_seen_and_controlled(
    running: Running, user: HomeAssistant, broker: Broker, tmp_path: Path, style: str
) -> None:
    charger = Charger(user, broker)
    async with running_bridge(broker, tmp_path, discovery("on", style)) as bridge:
        async with simulated(bridge.url) as car:
            await car.until_current(16)
            await charger.until_complete()
            await look_at(charger)
            await use(charger, car)
        # the station goes, then the bridge
        await charger.until("1__power", "unavailable")
        await charger.until("1__limit", "unavailable")
        await charger.until("connectivity", "off")
    await charger.until("connectivity", "unavailable")
    async with running_bridge(broker, tmp_path, discovery("off")):
        await until_gone(charger)
    assert running.process.complaints == []


async def test_one_device_is_reached_by_the_other(
    user: HomeAssistant, broker: Broker, tmp_path: Path
) -> None:
    charger = Charger(user, broker)
    run = running_bridge(broker, tmp_path, discovery("on"))
    async with run as bridge, simulated(bridge.url):
        await charger.until_complete()
        devices = {
            each["identifiers"][0][1]: each
            for each in await user.ask("config/device_registry/list")
            if each["identifiers"] and each["identifiers"][0][0] == "mqtt"
        }
        station = devices[f"{broker.root}__SIM001"]
        evse = devices[f"{broker.root}__SIM001__1"]
        assert evse["via_device_id"] == station["id"]
        assert (evse["name"], station["name"]) == ("SIM001", "SIM001 station")
        assert evse["manufacturer"] == station["manufacturer"] != ""
    async with running_bridge(broker, tmp_path, discovery("off")):
        await until_gone(charger)


async def test_entities_keep_their_settings_when_the_style_changes(
    running: Running, user: HomeAssistant, broker: Broker, tmp_path: Path
) -> None:
    charger = Charger(user, broker)
    run = running_bridge(broker, tmp_path, discovery("on", "entity"))
    async with run as bridge, simulated(bridge.url):
        await charger.until_complete()
        await charger.until("1__state", "Charging")
    power = charger["1__power"]
    await charger.until("connectivity", "unavailable")
    await user.ask("config/entity_registry/update", entity_id=power, name="My power")
    user.unloaded.clear()

    run = running_bridge(broker, tmp_path, discovery("on", "device"))
    async with run as bridge, simulated(bridge.url):
        await user.until("it was not moved", lambda _states: power in user.unloaded)
        user.names.clear()
        await charger.until_number("1__power", least=10_000)
        await charger.until("1__state", "Charging")
        assert (await user.entities())[f"{broker.root}__SIM001__1__power"] == power
        assert {name for entity_id, name in user.names if entity_id == power} == {"My power"}
    assert running.process.complaints == []
    async with running_bridge(broker, tmp_path, discovery("off")):
        await until_gone(charger)


@pytest.mark.parametrize("path", AUTOMATIONS, ids=lambda path: path.stem)
async def test_an_example_is_an_automation(user: HomeAssistant, path: Path) -> None:
    automation = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = {
        name: automation[name]
        for name in ("triggers", "conditions", "actions")
        if name in automation
    }
    found = await user.ask("validate_config", **parts)
    assert found == {name: {"valid": True, "error": None} for name in parts}


class Owner:
    """Somebody who writes automations, and whose sensors tell what a test wants."""

    def __init__(self, running: Running) -> None:
        headers = {"Authorization": f"Bearer {running.token}"}
        self.client = httpx.AsyncClient(
            base_url=running.process.url, headers=headers, timeout=PATIENCE_SECONDS
        )

    async def tell(self, sensor: str, value: str) -> None:
        answer = await self.client.post(f"/api/states/{sensor}", json={"state": value})
        answer.raise_for_status()

    async def write(self, name: str, charger: Charger, root: str) -> None:
        """Copy an example, with the entities of a charger in place of those that it names."""
        text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
        text = re.sub(r"\w+\.sim001_1_(\w+)", lambda match: charger[f"1__{match[1]}"], text)
        text = text.replace("ocpp/v1/", f"{root}/v1/")
        body = yaml.safe_load(text)
        answer = await self.client.post(f"/api/config/automation/config/{name}", json=body)
        answer.raise_for_status()
        # what happens before it is on triggers nothing
        entity_id = f"automation.{body['alias'].lower().replace(' ', '_')}"
        await charger.user.until_state(entity_id, "on")

    async def remove(self, name: str) -> None:
        answer = await self.client.delete(f"/api/config/automation/config/{name}")
        answer.raise_for_status()


def is_night() -> bool:
    """Say whether it is between 22:00 and 06:00 where Home Assistant is (UTC)."""
    return not 6 <= datetime.now(UTC).hour < 22  # hours


async def test_the_automations_follow_the_sun_the_price_and_the_clock(
    running: Running, user: HomeAssistant, broker: Broker, tmp_path: Path
) -> None:
    charger, owner = Charger(user, broker), Owner(running)
    run = running_bridge(broker, tmp_path, discovery("on"))
    async with owner.client, run as bridge, simulated(bridge.url) as car:
        await charger.until_complete()
        await charger.until_number("1__power", least=10_000)
        await owner.tell("sensor.electricity_price", "0.15")
        await owner.tell("sensor.grid_power", "4000")
        await owner.write("pv-surplus", charger, broker.root)
        # 11 kW that the car draws, less 4 kW that come from the grid; it runs every 20 s
        await charger.until("1__allocation_source", "MQTT")
        await car.until(lambda snapshot: 9.5 < snapshot.evses[0].current_a < 10.7)
        await owner.tell("sensor.grid_power", "unavailable")

        await owner.write("cheap-hours", charger, broker.root)
        await charger.until("1__allowed", "on")
        await owner.tell("sensor.electricity_price", "0.31")
        await charger.until("1__allowed", "off")
        await car.until_current(0)
        await owner.tell("sensor.electricity_price", "0.15")
        await charger.until("1__allowed", "on")

        await owner.write("pause-at-night", charger, broker.root)
        before, after = ("on", "off") if is_night() else ("off", "on")
        await user.use(f"switch.turn_{before}", charger["1__allowed"])
        await charger.until("1__allowed", before)
        await user.use("automation.trigger", "automation.pause_at_night")
        await charger.until("1__allowed", after)
        for path in AUTOMATIONS:
            await owner.remove(path.stem)
    async with running_bridge(broker, tmp_path, discovery("off")):
        await until_gone(charger)
    assert running.process.complaints == []


async def test_the_example_of_a_card_can_be_filled_in(running: Running) -> None:
    card = yaml.safe_load((EXAMPLES / "in-control-card.yaml").read_text(encoding="utf-8"))
    headers = {"Authorization": f"Bearer {running.token}"}
    async with httpx.AsyncClient(base_url=running.process.url, headers=headers) as client:
        body = {"template": card["cards"][0]["content"]}
        answer = await client.post("/api/template", json=body)
    assert answer.raise_for_status().text.split() == "The charger cannot be reached.".split()


async def test_the_example_of_entities_by_hand_makes_them(
    running: Running, user: HomeAssistant
) -> None:
    wanted = re.findall(r"unique_id: (\w+)", EXAMPLE.read_text(encoding="utf-8"))
    assert len(wanted) == 10
    assert set(wanted) <= (await user.entities()).keys()
    assert running.process.complaints == []
