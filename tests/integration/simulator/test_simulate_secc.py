"""The simulated SECC over real sockets: REST, WebSocket, MQTT, the program."""

import asyncio
import json
import math
import signal
import sys
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from bridge.demo.broker import free_port
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe
from tests.seccs import NOBODY, SimulatedSecc, simulated_secc

WAIT_S: Final = 20.0


async def get(secc: SimulatedSecc, topic: str) -> Any:
    async with httpx.AsyncClient(base_url=secc.url) as client:
        return json.loads((await client.get(f"/api/v1/{topic}")).text)


async def put(secc: SimulatedSecc, body: str) -> int:
    async with httpx.AsyncClient(base_url=secc.url) as client:
        return (await client.put("/api/v1/limits", content=body)).status_code


async def test_rest_reads_and_limits() -> None:
    async with simulated_secc() as secc:
        await secc.until_current(16)
        assert (await get(secc, "transaction"))["state"] == "Charging"
        assert (await get(secc, "configuration"))["effectiveAmperageLimit"] == 32
        assert await put(secc, '{"enabled": true, "setAmperageLimit": 10}') == 200
        await secc.until_current(10)
        assert (await get(secc, "charging"))["availableAmperage"] == 10
        assert (await get(secc, "limits"))["amperageLimit"] == 10
        assert await put(secc, '{"setAmperageLimit": NaN}') == 200
        assert math.isnan((await get(secc, "limits"))["amperageLimit"])
        await secc.until_current(16)
        for body in ("{", "[]", '{"amperageLimit": 100}'):
            assert await put(secc, body) == 400
        async with httpx.AsyncClient(base_url=secc.url) as client:
            assert (await client.get("/api/v1/other")).status_code == 404


async def test_rest_quirks_of_the_way() -> None:
    async with simulated_secc(quirks=["server_errors"]) as secc:
        async with httpx.AsyncClient(base_url=secc.url) as client:
            codes = [(await client.get("/api/v1/limits")).status_code for _ in range(4)]
        assert codes == [503, 200, 503, 200]
    async with simulated_secc(quirks=["half_answers"]) as secc:
        with pytest.raises(ValueError, match=r".+"):
            await get(secc, "limits")
        assert (await get(secc, "limits"))["enabled"] is False
    async with (
        simulated_secc(quirks=["no_answer"]) as secc,
        httpx.AsyncClient(base_url=secc.url) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/api/v1/limits", timeout=0.3)
    async with simulated_secc(quirks=["slow_answers"], answer_delay_s=0.3) as secc:
        began = asyncio.get_running_loop().time()
        await get(secc, "limits")
        assert asyncio.get_running_loop().time() - began >= 0.3


class Pushes:
    """What a WebSocket client has been told."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def until(self, topic: str, **values: Any) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while True:
                pushed = json.loads(await self._socket.recv())
                message: dict[str, Any] = pushed["message"]
                if pushed["topic"] == topic and values.items() <= message.items():
                    return message


async def test_websocket_pushes_and_takes_commands() -> None:
    async with simulated_secc() as secc:
        url = f"{secc.url.replace('http', 'ws')}/api/ws"
        async with connect(url, proxy=None) as socket:
            pushes = Pushes(socket)
            await pushes.until("configuration", effectiveAmperageLimit=32)
            await pushes.until("transaction", state="Charging")
            await socket.send("setEnabled\ntrue")
            await socket.send("setCurrentLimit\n8.5")
            await pushes.until("limits", enabled=True, amperageLimit=8.5)
            await secc.until_current(8.5)
            await socket.send("set1p3p\ntrue")
            await pushes.until("transaction", onePhaseLimitActive=True)
            await secc.until(lambda seen: seen.phases == 1)


async def test_mqtt_publishes_and_takes_limits(broker: Broker) -> None:
    root = f"{broker.root}/pulsatrix"
    async with (
        MqttProbe(broker.url, f"{root}/#", mqtt5=broker.mqtt5) as probe,
        simulated_secc(mqtt_url=broker.url, mqtt_prefix=root, client_id="S1") as secc,
    ):
        status = f"{root}/S1/charging/status"
        await probe.wait_for(status, lambda each: each.json["vehicleStatus"] == "C", WAIT_S)
        await probe.publish(f"{root}/S1/charging/amperageLimit", "9")
        await secc.until_current(9)
        await probe.wait_for(status, lambda each: each.json["availableAmperage"] == 9, WAIT_S)
        await probe.publish(f"{root}/S1/charging/amperageLimit", "NaN")
        await secc.until_current(16)
        for topic in ("chargingPoint/status", "tx/status", "meter/fiscal", "meter/grid"):
            await probe.wait_for(f"{root}/S1/{topic}", timeout=WAIT_S)


async def test_a_clients_lease_runs_out_by_itself() -> None:
    async with simulated_secc(script=NOBODY) as secc:
        await put(secc, '{"enabled": true, "amperageLimit": 10, "timeout": 300}')
        await secc.until(lambda seen: seen.api == (True, 10.0))
        await secc.until(lambda seen: seen.api == (False, None))


async def test_the_program_listens_and_ends_when_told() -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "simulate", "--secc"),
        *("--listen", f"127.0.0.1:{port}", "--stations", "1", "--quirk", "upper_snake"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(WAIT_S):
            while f":{port}" not in (line := (await process.stderr.readline()).decode()):
                assert line, "it has ended"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            said = json.loads((await client.get("/api/v1/transaction")).text)
        assert said["state"] in {"IDLE", "SUSPENDED_EVSE", "CHARGING"}
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WAIT_S):
            await process.communicate()
    assert process.returncode == 0


async def test_wrong_usage_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    from bridge.cli import main  # noqa: PLC0415  # the one test that runs it in this process

    assert await asyncio.to_thread(main, ["simulate", "--quirk", "upper_snake"]) == 2
    assert await asyncio.to_thread(main, ["simulate", "--secc", "--quirk", "no_composite"]) == 2
    assert await asyncio.to_thread(main, ["simulate", "--secc", "--listen", "8081"]) == 2
    assert await asyncio.to_thread(main, ["simulate", "--secc", "--mqtt-url", "x"]) == 2
    told = capfd.readouterr().err
    assert "'upper_snake' is not a valid Quirk" in told
