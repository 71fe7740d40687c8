"""Home Assistant itself: only with `script/test --home-assistant`."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.home_assistant.installation import NoHomeAssistantError, install
from tests.home_assistant.server import (
    HomeAssistant,
    HomeAssistantProcess,
    token_of_the_owner,
    user_of,
)


@dataclass(frozen=True)
class Running:
    """A Home Assistant that runs, and the token of its owner."""

    process: HomeAssistantProcess
    token: str


@pytest.fixture(scope="session")
def programs() -> Path:
    try:
        return install()
    except NoHomeAssistantError as error:
        pytest.fail(f"Home Assistant cannot be installed: {error}", pytrace=False)


@pytest.fixture(scope="module", params=["5", "3.1.1"])
def running(
    request: pytest.FixtureRequest,
    programs: Path,
    session_broker: Broker | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """Home Assistant at the broker of the session, by MQTT 5 and by 3.1.1."""
    assert session_broker is not None, "needs a broker such as Mosquitto"
    directory = tmp_path_factory.mktemp("home-assistant")
    process = HomeAssistantProcess(programs, directory, session_broker, request.param)

    async def start() -> str:
        await process.start()
        return await token_of_the_owner(process.url)

    try:
        yield Running(process, asyncio.run(start()))
    finally:
        process.stop()


@pytest.fixture
async def user(running: Running) -> AsyncIterator[HomeAssistant]:
    """Its owner, logged in."""
    async with user_of(running.process.url, running.token) as logged_in:
        yield logged_in


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these out unless they are asked for: the first run fetches some 100 MB."""
    if config.getoption("--home-assistant"):
        return
    folder = Path(__file__).parent
    skip = pytest.mark.skip(reason="opt-in: script/test --home-assistant")
    for item in items:
        if folder in item.path.parents:
            item.add_marker(skip)
