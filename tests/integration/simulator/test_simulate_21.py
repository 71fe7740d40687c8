"""Simulated stations that speak OCPP 2.1, against a central system of the `ocpp` package."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ocpp.v21 import call

from bridge.simulator.external import parse_planned_limit
from bridge.simulator.script import Authorize, Charge, PlugIn, Script, Stop, Unplug, Wait
from tests.integration.simulator.csms import Csms, running_csms
from tests.integration.simulator.csms21 import Peer21
from tests.integration.simulator.running import charging, simulated
from tests.integration.simulator.valid import assert_all_valid

WHOLE = Script(steps=(PlugIn(), Authorize(), Charge(seconds=1), Stop(), Unplug(), Wait(seconds=9)))


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with running_csms(Peer21, "ocpp2.1") as central_system:
        yield central_system


def states(csms: Csms) -> list[str]:
    return [payload["event_data"][0]["actual_value"] for payload in csms.calls("NotifyEvent")]


def dynamic(**members: Any) -> Any:
    schedule = {
        "id": 1,
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 10.0}],
    }
    return call.SetChargingProfile(
        evse_id=1,
        charging_profile={
            "id": 7,
            "stack_level": 1,
            "charging_profile_purpose": "TxDefaultProfile",
            "charging_profile_kind": "Dynamic",
            "charging_schedule": [schedule],
            **members,
        },
    )


async def test_a_whole_session_in_order_and_every_frame_valid(csms: Csms) -> None:
    plan = (parse_planned_limit("10"),)
    async with simulated(
        csms, version="2.1", script=WHOLE, availability_events=True, external_limits=plan
    ):
        await csms.until(lambda: states(csms) == ["Available", "Occupied", "Available"])
        await csms.until(lambda: csms.events()[-1]["event_type"] == "Ended")
        report = call.GetBaseReport(request_id=1, report_base="FullInventory")
        assert (await csms.peers["SIM001"].call(report)).status == "Accepted"
        await csms.until(lambda: any(not part.get("tbc") for part in csms.calls("NotifyReport")))
    triggers = [event["trigger_reason"] for event in csms.events()]
    assert triggers[:3] == ["CablePluggedIn", "Authorized", "ChargingStateChanged"]
    assert triggers[-1] == "StopAuthorized"
    assert_all_valid("2.1", csms.frames)


async def test_a_dynamic_profile_is_updated_and_asked_for(csms: Csms) -> None:
    async with simulated(csms, version="2.1", availability_events=True, speed=5.0) as watch:
        peer = await charging(csms)
        assert (await peer.call(dynamic())).status == "Accepted"
        await watch.until_current(10.0)
        update = call.UpdateDynamicSchedule(charging_profile_id=7, schedule_update={"limit": 8.0})
        assert (await peer.call(update)).status == "Accepted"
        await watch.until_current(8.0)
        assert (await peer.call(dynamic(dyn_update_interval=1))).status == "Accepted"
        await watch.until_current(9.0)
        assert csms.calls("PullDynamicScheduleUpdate")[0] == {"charging_profile_id": 7}
        wanted = call.GetChargingProfiles(request_id=1, charging_profile={})
        assert (await peer.call(wanted)).status == "Accepted"
        await csms.until(lambda: csms.calls("ReportChargingProfiles"))
    assert_all_valid("2.1", csms.frames)


async def test_a_transaction_goes_on_after_a_reset_that_resumes(csms: Csms) -> None:
    async with simulated(csms, version="2.1", availability_events=True):
        peer = await charging(csms)
        assert (await peer.call(call.Reset(type="ImmediateAndResume"))).status == "Accepted"
        resumed = await csms.until_event("TxResumed")
    ids = {event["transaction_info"]["transaction_id"] for event in csms.events()}
    assert ids == {resumed["transaction_info"]["transaction_id"]}
    assert len(csms.calls("BootNotification")) == 2
    assert_all_valid("2.1", csms.frames)
