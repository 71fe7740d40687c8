"""The bridge on a broker as it is shipped, by TLS and certificates: who commands is who it says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from bridge.app import application
from bridge.config import load_config
from bridge.demo.broker import free_port
from bridge.mqtt.link import LinkError
from tests.acceptance.bridges import START_SECONDS, configuration
from tests.acceptance.stations import RawStation, amperes, played
from tests.brokers import LOOPBACK, Broker, BrokerKind, MosquittoProcess
from tests.mqtt_probe import MqttProbe
from tests.shipped_mosquitto import (
    Certificates,
    configuration_for,
    make_access,
    make_certificates,
    runnable,
)

pytestmark = pytest.mark.mosquitto

EVSE: Final = "ocpp/v1/cs/CS1/1"
NAMES: Final = ("bridge", "pv", "wallboard")


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    make_access("users", str(folder), *NAMES)
    return make_certificates(folder / "certs", *NAMES)


@pytest.fixture(params=runnable())
async def broker_port(
    request: pytest.FixtureRequest, tmp_path: Path, certificates: Certificates
) -> AsyncIterator[int]:
    port, directory = free_port(), tmp_path / "mosquitto"
    text = configuration_for(
        directory, free_port(), name=request.param, tls_port=port, client_certificates=True
    )
    async with MosquittoProcess(directory, port=port, configuration=text):
        yield port


def values(tmp_path: Path, host: str, port: int, files: Certificates) -> dict[str, Any]:
    """Return what mosquitto/README.md says to write, for the bridge on this broker."""
    broker = Broker(host=host, port=port, kind=BrokerKind.MOSQUITTO)
    certificate, key = files.of("bridge")
    mqtt = {
        "url": f"mqtts://{host}:{port}",
        "ca_file": str(files.authority),
        "cert_file": str(certificate),
        "key_file": str(key),
    }
    return configuration(broker, tmp_path / "data", {"mqtt": mqtt})


@pytest.fixture
async def station(
    tmp_path: Path, broker_port: int, certificates: Certificates
) -> AsyncIterator[RawStation]:
    """A station at a bridge that shows its certificate to the broker."""
    config = load_config(overrides=values(tmp_path, "localhost", broker_port, certificates))
    async with application(config) as app:
        await app.link.wait_connected(START_SECONDS)
        async with played(f"ws://{LOOPBACK}:{app.server.port}") as played_station:
            await played_station.boot()
            yield played_station


async def test_each_role_does_what_is_its(
    station: RawStation, broker_port: int, certificates: Certificates
) -> None:
    url = f"mqtts://localhost:{broker_port}"

    def as_(name: str) -> MqttProbe:
        return MqttProbe(url, "ocpp/#", tls=certificates.context(name))

    async with as_("pv") as pv, as_("wallboard") as wallboard:
        for reader in (pv, wallboard):
            state = await reader.wait_for(f"{EVSE}/state")
            assert state.json["state"] == "Idle"

        # A reader, and a controller by the name of another: neither reaches the bridge.
        for sender, name in ((wallboard, "wallboard"), (wallboard, "pv"), (pv, "wallboard")):
            body = orjson.dumps({"id": f"{name}-no", "limitA": 6})
            await sender.publish(f"{EVSE}/cmd/{name}/limit", body)

        await pv.publish(f"{EVSE}/cmd/pv/limit", orjson.dumps({"id": "yes", "limitA": 10}))
        done = await pv.wait_for(
            f"{EVSE}/res/pv/limit", lambda each: bool(each.json["final"]), timeout=15
        )
        assert (done.json["id"], done.json["status"]) == ("yes", "done")
        assert amperes((await station.asked("SetChargingProfile"))["chargingProfile"]) == 10
        await wallboard.wait_for(
            f"{EVSE}/allocation", lambda each: each.json["offeredA"] == 10, timeout=15
        )
        assert [each.topic for each in wallboard.messages if "/res/" in each.topic] == []
        ids = {each.json["id"] for each in pv.messages if "/res/" in each.topic}
        assert ids == {"yes"}
    assert len(station.calls_of("SetChargingProfile")) == 1


async def test_the_bridge_does_not_trust_a_broker_that_it_cannot_know(
    tmp_path: Path, broker_port: int, certificates: Certificates
) -> None:
    foreign = await asyncio.to_thread(make_certificates, tmp_path / "foreign", "bridge")

    async def refuses(name: str, host: str, files: Certificates) -> None:
        config = load_config(overrides=values(tmp_path / name, host, broker_port, files))
        async with application(config) as app:
            with pytest.raises(LinkError, match="certificate verify failed"):
                await app.link.wait_connected(15)

    async with asyncio.TaskGroup() as both:
        # The broker's certificate is for localhost; and another authority has not signed it.
        both.create_task(refuses("address", LOOPBACK, certificates))
        both.create_task(refuses("authority", "localhost", foreign))
