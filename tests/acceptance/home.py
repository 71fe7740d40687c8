"""A Home Assistant for tests: it follows discovery messages, reads states and presses controls.

Templates are filled in by Jinja2, as there; every discovery message is held to the rules.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import jinja2
import orjson

from tests.acceptance.witness import Witness
from tests.discovery_rules import components, problems_together
from tests.mqtt_probe import Received

PATIENCE_SECONDS: Final = 20.0
_ENVIRONMENT: Final = jinja2.Environment(autoescape=False)
_ENVIRONMENT.globals["utcnow"] = lambda: datetime.now(UTC)


class PlayedHome:
    """What Home Assistant would make of everything below a discovery prefix."""

    def __init__(self, witness: Witness, prefix: str) -> None:
        """Take a client that hears all of the bridge; `begin` subscribes it to the prefix too."""
        self._witness = witness
        self.prefix = prefix

    async def begin(self) -> None:
        await self._witness.subscribe(f"{self.prefix}/#")

    def said(self) -> list[Received]:
        """Return the configuration messages so far."""
        return [
            each
            for each in self._witness.messages
            if each.topic.startswith(f"{self.prefix}/") and each.topic.endswith("/config")
        ]

    @property
    def configurations(self) -> dict[str, bytes]:
        """What the configuration topics say now."""
        newest = {
            message.topic: message.payload
            for message in self.said()
            if b"migrate_discovery" not in message.payload
        }
        return {topic: payload for topic, payload in newest.items() if payload}

    @property
    def entities(self) -> dict[str, dict[str, Any]]:
        """Options of each entity by the id that it would like to have."""
        found = {}
        configurations = self.configurations
        assert problems_together(configurations) == []
        for topic, payload in configurations.items():
            for options in components(topic, payload).values():
                found[options["default_entity_id"]] = options
        return found

    async def until_known(self, *entity_ids: str) -> None:
        """Wait until these entities are announced."""
        await self._wait(lambda: set(entity_ids) <= self.entities.keys())

    async def until_gone(self) -> None:
        """Wait until nothing is announced."""
        await self._wait(lambda: not self.configurations)

    async def until_shown(self, entity_id: str, value: str) -> None:
        """Wait until an entity shows a value."""
        await self._wait(lambda: self.shown(entity_id) == value)

    async def until_above(self, entity_id: str, least: float) -> None:
        """Wait until an entity shows a number above this."""

        def above() -> bool:
            shown = self.shown(entity_id)
            return shown not in {None, "None"} and float(shown or 0) > least

        await self._wait(above)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        def fits(_message: Received) -> bool:
            return condition()

        await self._witness.wait_for("#", fits, timeout=PATIENCE_SECONDS)

    def shown(self, entity_id: str) -> str | None:
        """Return what an entity shows; None where nothing has come for it."""
        options = self.entities[entity_id]
        messages = self._witness.matching(options["state_topic"])
        if not messages:
            return None
        if "value_template" not in options:
            return messages[-1].text
        template = _ENVIRONMENT.from_string(options["value_template"])
        return template.render(value_json=orjson.loads(messages[-1].payload))

    def available(self, entity_id: str) -> bool:
        """Say whether an entity can be used: every one of its topics says online."""
        topics = [each["t"] for each in self.entities[entity_id]["availability"]]
        newest = [self._witness.matching(topic)[-1:] for topic in topics]
        return all(found and found[0].text == "online" for found in newest)

    async def until_available(self, entity_id: str, *, available: bool) -> None:
        await self._wait(lambda: self.available(entity_id) is available)

    async def press(self, entity_id: str, value: object = "PRESS") -> None:
        """Use a control."""
        options = self.entities[entity_id]
        payload = str(value)
        if "command_template" in options:
            template = _ENVIRONMENT.from_string(options["command_template"])
            payload = template.render(value=value)
        await self._witness.publish(options["command_topic"], payload, qos=options["qos"])

    async def is_born(self) -> None:
        """Say that it has come up, as Home Assistant does it."""
        await self._witness.publish(f"{self.prefix}/status", b"online", qos=0)
