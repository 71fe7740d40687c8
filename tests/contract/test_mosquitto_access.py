"""The shipped mosquitto/ on a real Mosquitto: who may do what (mqtt-api.md, Access)."""

from collections.abc import AsyncIterator

import aiomqtt
import pytest
import pytest_asyncio

from bridge.demo.broker import free_port
from tests.brokers import LOOPBACK, MosquittoProcess
from tests.mqtt_probe import MqttProbe
from tests.shipped_mosquitto import SHIPPED, configuration_for, runnable

pytestmark = [pytest.mark.mosquitto, pytest.mark.mqtt5]

EVSE = "ocpp/v1/cs/DE=2AABC=2AE1/1"
TEAM = "ocpp/v1/team/garage"
USERS = {
    "bridge": "pw-bridge",
    "pv": "pw-pv",
    "homeassistant": "pw-ha",
    "wallboard": "pw-wallboard",
    "newcomer": "pw-newcomer",  # has a password and no line in the ACL
    "+": "pw-plus",  # CVE-2017-7650: a wildcard in place of %u
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=runnable())
async def broker_with_acl(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[MosquittoProcess]:
    """One broker for all tests of this module: nothing in them is retained."""
    directory = tmp_path_factory.mktemp("mosquitto")
    port = free_port()
    configuration = configuration_for(directory, port, name=request.param)
    async with MosquittoProcess(
        directory, port=port, users=USERS, configuration=configuration
    ) as process:
        yield process


@pytest.fixture
async def bridge(broker_with_acl: MosquittoProcess) -> AsyncIterator[MqttProbe]:
    """The bridge's user, who sees everything."""
    async with MqttProbe(broker_with_acl.url_of("bridge"), "ocpp/#") as probe:
        yield probe


async def sees(broker: MosquittoProcess, bridge: MqttProbe, user: str, *topics: str) -> list[str]:
    """Return which of `topics`, published by the bridge, reach `user`, who subscribes to all.

    The last message is one that its reader may see, so all that was let through came before it.
    """
    fence = f"ocpp/v1/client/{user}/fence" if user == "newcomer" else f"{EVSE}/state"
    async with MqttProbe(broker.url_of(user), "ocpp/#", "homeassistant/#") as probe:
        for topic in topics:
            await bridge.publish(topic, "x")
        await bridge.publish(fence, "fence")
        await probe.wait_for(fence, lambda message: message.text == "fence")
        return [message.topic for message in probe.messages if message.text != "fence"]


async def gets_through(
    broker: MosquittoProcess, bridge: MqttProbe, user: str, *topics: str
) -> list[str]:
    """Return which of `topics`, published by `user`, reach the bridge."""
    bridge.forget()
    async with MqttProbe(broker.url_of(user)) as probe:
        for topic in topics:
            await probe.publish(topic, "x")
    await bridge.publish("ocpp/fence", "")
    await bridge.wait_for("ocpp/fence")
    return [message.topic for message in bridge.messages if message.topic != "ocpp/fence"]


PUBLIC = (
    "ocpp/v1/bridge/main/state",
    "ocpp/v1/bridge/main/info",
    "ocpp/v1/cs/DE=2AABC=2AE1/availability",
    "ocpp/v1/cs/DE=2AABC=2AE1/info",
    f"{EVSE}/state",
    f"{EVSE}/secc",
    f"{EVSE}/transaction",
    f"{EVSE}/allocation",
    f"{EVSE}/meter",
    f"{EVSE}/event/transaction",
    f"{EVSE}/val/powerW",
    f"{TEAM}/state",
)
RAW = "ocpp/v1/raw/DE=2AABC=2AE1/rx/BootNotification"


def test_the_shipped_configuration_starts_without_a_complaint(
    broker_with_acl: MosquittoProcess,
) -> None:
    complaints = [
        line
        for line in broker_with_acl.log.splitlines()
        if ("Warning" in line and "run as root" not in line) or "Error" in line
    ]
    assert complaints == []


@pytest.mark.parametrize("user", ["pv", "homeassistant", "wallboard"])
async def test_every_role_reads_what_is_public(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe, user: str
) -> None:
    assert await sees(broker_with_acl, bridge, user, *PUBLIC) == list(PUBLIC)


async def test_a_reader_cannot_command(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    commands = [
        f"{EVSE}/{kind}/{name}/limit" for kind in ("cmd", "set") for name in ("wallboard", "pv")
    ]
    commands += [f"{TEAM}/cmd/wallboard/limit", f"{TEAM}/cmd/pv/limit"]
    assert await gets_through(broker_with_acl, bridge, "wallboard", *commands) == []


async def test_a_reader_sees_neither_commands_nor_others_results_nor_raw_frames(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    hidden = (f"{EVSE}/cmd/pv/limit", f"{EVSE}/set/pv/limitA", f"{EVSE}/res/pv/limit", RAW)
    assert await sees(broker_with_acl, bridge, "wallboard", *hidden) == []


async def test_a_controller_commands_under_its_own_name(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    commands = [f"{EVSE}/cmd/pv/limit", f"{EVSE}/set/pv/limitA", f"{TEAM}/cmd/pv/limit"]
    assert await gets_through(broker_with_acl, bridge, "pv", *commands) == commands


async def test_a_controller_cannot_command_under_another_name(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    commands = [
        f"{EVSE}/cmd/homeassistant/limit",
        f"{EVSE}/set/homeassistant/limitA",
        f"{TEAM}/cmd/homeassistant/limit",
    ]
    assert await gets_through(broker_with_acl, bridge, "pv", *commands) == []


async def test_a_controller_reads_its_own_results_only(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    own = [f"{EVSE}/res/pv/limit", f"{TEAM}/res/pv/limit", "ocpp/v1/client/pv/answer"]
    others = [
        f"{EVSE}/res/homeassistant/limit",
        f"{TEAM}/res/homeassistant/limit",
        "ocpp/v1/client/homeassistant/answer",
        f"{EVSE}/cmd/homeassistant/limit",
        RAW,
    ]
    assert await sees(broker_with_acl, bridge, "pv", *own, *others) == own


@pytest.mark.parametrize("user", ["pv", "homeassistant", "wallboard", "newcomer"])
async def test_only_the_bridge_writes_what_is_public(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe, user: str
) -> None:
    topics = (*PUBLIC, f"{EVSE}/res/{user}/limit", f"ocpp/v1/client/{user}/answer", RAW)
    assert await gets_through(broker_with_acl, bridge, user, *topics) == []


async def test_home_assistant_reads_its_discovery_and_tells_of_its_birth(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    discovery = "homeassistant/device/ocpp_1/config"
    await bridge.subscribe("homeassistant/status")
    assert await sees(broker_with_acl, bridge, "homeassistant", discovery) == [discovery]
    written = await gets_through(
        broker_with_acl, bridge, "homeassistant", "homeassistant/status", discovery
    )
    assert written == ["homeassistant/status"]


async def test_a_user_without_a_section_sees_nothing_but_its_own_results(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    assert await sees(broker_with_acl, bridge, "newcomer", *PUBLIC, RAW) == []


async def test_a_name_that_is_a_wildcard_opens_nothing(
    broker_with_acl: MosquittoProcess, bridge: MqttProbe
) -> None:
    assert await gets_through(broker_with_acl, bridge, "+", f"{EVSE}/cmd/pv/limit") == []


@pytest.mark.parametrize("credentials", ["", "pv:wrong@", "nobody:pw-pv@"])
async def test_who_has_no_password_does_not_get_in(
    broker_with_acl: MosquittoProcess, credentials: str
) -> None:
    url = f"mqtt://{credentials}{LOOPBACK}:{broker_with_acl.port}"
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await MqttProbe(url).__aenter__()


def test_the_example_names_a_user_for_each_section_of_the_acl() -> None:
    acl = (SHIPPED / "acl").read_text(encoding="utf-8").splitlines()
    example = (SHIPPED / "users.example").read_text(encoding="utf-8").splitlines()
    sections = [line.removeprefix("user ") for line in acl if line.startswith("user ")]
    assert [line.partition(":")[0] for line in example] == sections
