"""Simulated stations that speak OCPP 1.6J, against a central system of the `ocpp` package."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ocpp.v16 import call

from bridge.simulator.script import Authorize, Charge, PlugIn, Script, Stop, Unplug, Wait
from tests.integration.simulator.csms import Csms, running_csms
from tests.integration.simulator.csms16 import Peer16
from tests.integration.simulator.running import simulated
from tests.integration.simulator.valid import assert_all_valid

WHOLE = Script(
    steps=(
        PlugIn(),
        Authorize(),
        Charge(seconds=1),
        Stop(),
        Wait(seconds=1),
        Unplug(),
        Wait(seconds=60),
    )
)


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with running_csms(Peer16, "ocpp1.6") as central_system:
        yield central_system


async def charging(csms: Csms) -> Any:
    """Return the station once it charges and has said so."""
    await csms.until(lambda: csms.calls("MeterValues"))
    return csms.peers["SIM001"]


def limit(amps: float, purpose: str = "TxDefaultProfile") -> Any:
    return call.SetChargingProfile(
        connector_id=1,
        cs_charging_profiles={
            "charging_profile_id": 7,
            "stack_level": 0,
            "charging_profile_purpose": purpose,
            "charging_profile_kind": "Relative",
            "charging_schedule": {
                "charging_rate_unit": "A",
                "charging_schedule_period": [{"start_period": 0, "limit": amps}],
            },
        },
    )


async def test_a_whole_session_in_order_and_every_frame_valid(csms: Csms) -> None:
    async with simulated(csms, version="1.6", script=WHOLE):
        await csms.until(
            lambda: (
                [each["status"] for each in csms.calls("StatusNotification")][-1:] == ["Available"]
                and csms.calls("StopTransaction")
            )
        )
    said = [
        payload["status"] if action == "StatusNotification" else action
        for action, payload in csms.heard
        if action != "MeterValues"
    ]
    assert said == [
        "BootNotification",
        "Available",
        "Available",
        "Preparing",
        "Authorize",
        "StartTransaction",
        "Charging",
        "StopTransaction",
        "Finishing",
        "Available",
    ]
    assert csms.calls("StopTransaction")[0]["transaction_id"] == 4711
    assert {each["transaction_id"] for each in csms.calls("MeterValues")} == {4711}
    assert_all_valid("1.6", csms.frames)


@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "TxProfile"])
async def test_a_limit_is_drawn_and_given_back(csms: Csms, purpose: str) -> None:
    async with simulated(csms, version="1.6", speed=5.0) as watch:
        peer = await charging(csms)
        assert (await peer.call(limit(10.0, purpose))).status == "Accepted"
        await watch.until_current(10.0)
        composite = await peer.call(call.GetCompositeSchedule(connector_id=1, duration=60))
        period = composite.charging_schedule["charging_schedule_period"][0]
        assert float(period["limit"]) == 10.0
        assert (await peer.call(call.ClearChargingProfile(id=7))).status == "Accepted"
        await watch.until_current(16.0)
    assert_all_valid("1.6", csms.frames)


async def test_stop_and_start_from_afar(csms: Csms) -> None:
    async with simulated(csms, version="1.6"):
        peer = await charging(csms)
        answer = await peer.call(call.RemoteStopTransaction(transaction_id=4711))
        assert answer.status == "Accepted"
        await csms.until(lambda: csms.calls("StopTransaction"))
        assert csms.calls("StopTransaction")[0]["reason"] == "Remote"
        await csms.until(lambda: csms.calls("StatusNotification")[-1]["status"] == "Finishing")
        answer = await peer.call(call.RemoteStartTransaction(id_tag="ME", connector_id=1))
        assert answer.status == "Accepted"
        await csms.until(lambda: len(csms.calls("StartTransaction")) == 2)
    assert csms.calls("StartTransaction")[1]["id_tag"] == "ME"


async def test_configuration_triggers_and_a_reset(csms: Csms) -> None:
    async with simulated(csms, version="1.6"):
        peer = await charging(csms)
        rows = await peer.call(call.GetConfiguration(key=["NumberOfConnectors"]))
        assert rows.configuration_key[0]["value"] == "1"
        change = call.ChangeConfiguration(key="HeartbeatInterval", value="60")
        assert (await peer.call(change)).status == "Accepted"
        for message in ("Heartbeat", "DiagnosticsStatusNotification"):
            trigger = call.TriggerMessage(requested_message=message)
            assert (await peer.call(trigger)).status == "Accepted"
            await csms.until(lambda message=message: csms.calls(message))  # type: ignore[misc]
        assert (await peer.call(call.Reset(type="Hard"))).status == "Accepted"
        await csms.until(lambda: len(csms.calls("BootNotification")) == 2)
    assert csms.calls("StopTransaction")[0]["reason"] == "HardReset"
    assert_all_valid("1.6", csms.frames)


async def test_what_happened_in_an_outage_arrives_once_and_in_order(csms: Csms) -> None:
    steps = (Wait(seconds=0.5), PlugIn(), Authorize(), Charge(seconds=3600))
    async with simulated(csms, version="1.6", script=Script(steps=steps)) as watch:
        await csms.until(lambda: len(csms.calls("StatusNotification")) == 2)
        await csms.close()
        await watch.until(lambda snapshot: snapshot.waiting >= 4)
        await csms.open()
        await csms.until(lambda: len(csms.calls("MeterValues")) >= 5)
    assert len(csms.calls("StartTransaction")) == 1
    values = csms.calls("MeterValues")
    assert {each["transaction_id"] for each in values} == {4711}
    times = [each["meter_value"][0]["timestamp"] for each in values]
    assert times == sorted(times)
    assert len(csms.calls("BootNotification")) == 1, "a reconnect is no boot"
