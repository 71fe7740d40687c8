"""Home Assistant as a program on the loopback, and a client that sees what its users see."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect

from bridge.demo.broker import free_port
from tests.brokers import LOOPBACK, Broker

EXAMPLE: Final = Path(__file__).parents[2] / "examples/home_assistant.yaml"
"""Entities that are configured by hand."""
START_SECONDS: Final = 180.0
PATIENCE_SECONDS: Final = 60.0
_CONFIGURATION: Final = """\
homeassistant:
  name: Test
  latitude: 0
  longitude: 0
  unit_system: metric
  time_zone: UTC
  packages:
    example: !include {example}
automation: !include automations.yaml
http:
  server_host: {host}
  server_port: {port}
logger:
  default: warning
"""
_COMPLAINT: Final = re.compile(r" (?:WARNING|ERROR|CRITICAL) \(")
_ENVIRONMENT: Final = ("[homeassistant.bootstrap]", "[aiohttp_fast_zlib]", ".img_util]")
"""Loggers that miss packages, which our tests need not have."""
States = Mapping[str, Mapping[str, Any]]


class HomeAssistantProcess:
    """The program, with a config entry for a broker; `start` returns when it can be logged in."""

    def __init__(self, programs: Path, directory: Path, broker: Broker, protocol: str) -> None:
        """Write its configuration."""
        self.port = free_port()
        self._programs = programs
        self._directory = directory
        self._log = directory / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        (directory / ".storage").mkdir(parents=True)
        (directory / "configuration.yaml").write_text(
            _CONFIGURATION.format(host=LOOPBACK, port=self.port, example=EXAMPLE)
        )
        (directory / "automations.yaml").write_text("[]")
        entry = {
            "entry_id": "0" * 32,
            "version": 1,
            "minor_version": 1,
            "domain": "mqtt",
            "title": "mqtt",
            "data": {"broker": broker.host, "port": broker.port, "protocol": protocol},
            "options": {},
            "pref_disable_new_entities": False,
            "pref_disable_polling": False,
            "source": "user",
            "unique_id": None,
            "disabled_by": None,
        }
        storage = {"version": 1, "minor_version": 1, "key": "core.config_entries"}
        (directory / ".storage" / "core.config_entries").write_text(
            json.dumps({**storage, "data": {"entries": [entry]}})
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def complaints(self) -> list[str]:
        """What it has logged, warnings and worse, apart from what its environment lacks."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [
            line
            for line in lines
            if _COMPLAINT.search(line) and not any(name in line for name in _ENVIRONMENT)
        ]

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  # returns at once
                [str(self._programs / "hass"), "--config", str(self._directory), "--skip-pip"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": f"{self._programs}:{os.environ['PATH']}"},
            )
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
            while not await self._answers(client):
                assert self._process.poll() is None, self._log.read_text()[-4000:]
                await asyncio.sleep(0.5)

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        with suppress(httpx.HTTPError):
            return (await client.get(f"{self.url}/api/onboarding")).is_success
        return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


async def token_of_the_owner(url: str) -> str:
    """Make the first user, as the welcome page does, and return an access token."""
    client_id = f"{url}/"
    user = {"name": "Owner", "username": "owner", "password": "test", "language": "en"}
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client:
        made = await client.post("/api/onboarding/users", json={**user, "client_id": client_id})
        code = made.raise_for_status().json()["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
        given = await client.post("/auth/token", data=form)
        return str(given.raise_for_status().json()["access_token"])


class HomeAssistant:
    """A user of Home Assistant: knows all states as they change, uses controls."""

    def __init__(self, socket: ClientConnection) -> None:
        """Take a connection that is logged in."""
        self.states: dict[str, dict[str, Any]] = {}
        """By entity id, as the API has them."""
        self.history: list[tuple[str, str]] = []
        """Entity id and state of each change."""
        self.names: list[tuple[str, str]] = []
        """Entity id and friendly name of each change."""
        self.unloaded: list[str] = []
        """Entity ids, in the order in which they went."""
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        """Take what comes, until the connection ends."""
        async for text in self._socket:
            message = json.loads(text)
            if message["type"] == "result":
                answer = self._answers.pop(message["id"])
                if message["success"]:
                    answer.set_result(message["result"])
                else:
                    answer.set_exception(AssertionError(message["error"]))
            elif message["type"] == "event":
                await self._take(message["event"]["data"])

    async def _take(self, change: Any) -> None:
        async with self._changed:
            if change["new_state"] is None:
                self.states.pop(change["entity_id"], None)
                self.unloaded.append(change["entity_id"])
            else:
                self.states[change["entity_id"]] = change["new_state"]
                new = change["new_state"]
                self.history.append((new["entity_id"], new["state"]))
                self.names.append((new["entity_id"], new["attributes"].get("friendly_name", "")))
            self._changed.notify_all()

    async def ask(self, kind: str, **arguments: Any) -> Any:
        """Give a command of the WebSocket API and return its result."""
        self._number += 1
        number = self._number
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "type": kind, **arguments}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._answers[number]

    async def use(self, service: str, entity_id: str, **fields: Any) -> None:
        """Use a service on an entity, e.g. `number.set_value`."""
        domain, name = service.split(".")
        await self.ask(
            "call_service",
            domain=domain,
            service=name,
            service_data=fields,
            target={"entity_id": entity_id},
        )

    async def entities(self) -> dict[str, str]:
        """Return the ids of all entities of MQTT by their unique ids."""
        found = await self.ask("config/entity_registry/list")
        return {
            each["unique_id"]: each["entity_id"] for each in found if each["platform"] == "mqtt"
        }

    async def until(self, what: str, condition: Callable[[States], bool]) -> None:
        """Wait until the states fulfil a condition."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: condition(self.states))
        except TimeoutError:
            listed = "\n".join(f"  {name} {each['state']}" for name, each in self.states.items())
            raise AssertionError(f"{what}; the states are:\n{listed}") from None

    async def until_more(self, seen: int) -> None:
        """Wait until more changes have come than these, or a second has passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1), self._changed:
                await self._changed.wait_for(lambda: len(self.history) > seen)

    async def until_state(self, entity_id: str, *wanted: str) -> None:
        """Wait until an entity has one of these states."""
        await self.until(
            f"{entity_id} is not {wanted}",
            lambda states: entity_id in states and states[entity_id]["state"] in wanted,
        )


@asynccontextmanager
async def user_of(url: str, token: str) -> AsyncIterator[HomeAssistant]:
    """Log in to a running Home Assistant."""
    address = url.replace("http", "ws", 1) + "/api/websocket"
    async with connect(address, max_size=None, proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "auth_required"
        await socket.send(json.dumps({"type": "auth", "access_token": token}))
        assert json.loads(await socket.recv())["type"] == "auth_ok"
        user = HomeAssistant(socket)
        reading = asyncio.create_task(user.read())
        try:
            await user.ask("subscribe_events", event_type="state_changed")
            for each in await user.ask("get_states"):
                user.states.setdefault(each["entity_id"], each)
            yield user
        finally:
            reading.cancel()
            await asyncio.wait([reading])
