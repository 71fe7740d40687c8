"""Simulated stations against a central system of the `ocpp` package, over real sockets."""

import asyncio
import base64
from itertools import groupby

import pytest
from ocpp.v201 import call
from websockets.asyncio.server import serve

from bridge.simulator.script import Authorize, Charge, PlugIn, Script, Stop, Unplug, Wait
from tests.integration.simulator.csms import Csms
from tests.integration.simulator.running import charging, simulated, transaction_id, tx_profile
from tests.integration.simulator.valid import assert_all_valid


async def test_a_station_boots_and_a_car_charges_from_plug_to_unplug(csms: Csms) -> None:
    steps = (PlugIn(), Authorize(), Charge(seconds=1), Stop(), Unplug(), Wait(seconds=60))
    async with simulated(csms, script=Script(steps=steps)):
        await csms.until(lambda: len(csms.calls("StatusNotification")) == 3)
    assert csms.heard[0][0] == "BootNotification"
    statuses = [payload["connector_status"] for payload in csms.calls("StatusNotification")]
    assert statuses == ["Available", "Occupied", "Available"]
    events = csms.events()
    assert [event["seq_no"] for event in events] == list(range(len(events)))
    triggers = [event["trigger_reason"] for event in events]
    assert triggers[:3] == ["CablePluggedIn", "Authorized", "ChargingStateChanged"]
    assert triggers[-1] == "StopAuthorized"
    assert 3 <= triggers.count("MeterValuePeriodic") <= 5
    assert events[-1]["transaction_info"]["stopped_reason"] == "Local"
    assert_all_valid("2.0.1", csms.frames)


async def test_a_limit_is_drawn_and_given_back(csms: Csms) -> None:
    async with simulated(csms, speed=5.0) as watch:
        peer = await charging(csms)
        answer = await peer.call(tx_profile(csms, 10.0))
        assert answer.status == "Accepted"
        await csms.until_event("MeterValuePeriodic")
        await watch.until_current(10.0)
        assert watch.seen["SIM001"].evses[0].offered_a == 10.0
        answer = await peer.call(call.ClearChargingProfile(charging_profile_id=7))
        assert answer.status == "Accepted"
        await watch.until_current(16.0)


async def test_a_pause_keeps_the_transaction_open_at_nothing(csms: Csms) -> None:
    async with simulated(csms) as watch:
        peer = await charging(csms)
        paused = asyncio.create_task(csms.until_event("ChargingStateChanged"))
        await asyncio.sleep(0)
        await peer.call(tx_profile(csms, 0.0))
        event = await paused
        assert event["transaction_info"]["charging_state"] == "SuspendedEVSE"
        await watch.until_current(0.0)
        assert watch.seen["SIM001"].evses[0].transaction_id == transaction_id(csms)


async def test_stop_and_start_from_afar(csms: Csms) -> None:
    async with simulated(csms):
        peer = await charging(csms)
        first = transaction_id(csms)
        answer = await peer.call(call.RequestStopTransaction(transaction_id=first))
        assert answer.status == "Accepted"
        await csms.until(lambda: csms.events()[-1]["event_type"] == "Ended")
        assert csms.events()[-1]["transaction_info"]["stopped_reason"] == "Remote"
        request = call.RequestStartTransaction(
            remote_start_id=5, id_token={"id_token": "ME", "type": "Central"}
        )
        answer = await peer.call(request)
        assert answer.status == "Accepted"
        await csms.until(lambda: csms.events()[-1]["transaction_info"]["transaction_id"] != first)
        started = next(e for e in csms.events() if e["trigger_reason"] == "RemoteStart")
        assert started["event_type"] == "Started"
        assert started["transaction_info"]["remote_start_id"] == 5


async def test_reports_profiles_and_schedules_are_valid_to_a_strict_peer(csms: Csms) -> None:
    async with simulated(csms):
        peer = await charging(csms)
        await peer.call(tx_profile(csms, 9.0))
        request = call.GetChargingProfiles(request_id=1, charging_profile={})
        assert (await peer.call(request)).status == "Accepted"
        request = call.GetBaseReport(request_id=2, report_base="FullInventory")
        assert (await peer.call(request)).status == "Accepted"
        await csms.until(lambda: any(not part.get("tbc") for part in csms.calls("NotifyReport")))
        (report,) = csms.calls("ReportChargingProfiles")
        assert report["charging_profile"][0]["id"] == 7
        composite = await peer.call(call.GetCompositeSchedule(duration=60, evse_id=1))
        assert composite.schedule["charging_schedule_period"][0]["limit"] == 9.0
        request = call.TriggerMessage(requested_message="MeterValues", evse={"id": 1})
        assert (await peer.call(request)).status == "Accepted"
        await csms.until(lambda: csms.calls("MeterValues"))
    assert_all_valid("2.0.1", csms.frames)


async def test_what_happened_in_an_outage_arrives_first_in_order_and_marked(csms: Csms) -> None:
    async with simulated(csms) as watch:
        await charging(csms)
        await csms.close()
        known = len(csms.events())
        await watch.until(lambda snapshot: snapshot.waiting >= 8)
        await csms.open()
        await csms.until(
            lambda: any("offline" not in event for event in csms.events()[known + 5 :])
        )
    events = csms.events()
    numbers = [event["seq_no"] for event in events]
    assert sorted(set(numbers)) == list(range(numbers[-1] + 1)), "nothing is missing"
    assert numbers == sorted(numbers), "and nothing out of order"
    marked = [event.get("offline", False) for event in events]
    assert [flag for flag, _ in groupby(marked)] == [False, True, False]
    assert sum(marked) >= 5
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert len(csms.calls("BootNotification")) == 1, "a reconnect is no boot"


async def test_an_event_without_an_answer_comes_again_after_the_connection_broke(
    csms: Csms,
) -> None:
    async with simulated(csms):
        peer = await charging(csms)
        peer.socket.transport.abort()
        begin = len(csms.heard)
        await csms.until(lambda: len(csms.heard) > begin + 5)
    numbers = [event["seq_no"] for event in csms.events()]
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    assert len(csms.calls("BootNotification")) == 1


async def test_a_reset_closes_comes_back_and_boots(csms: Csms) -> None:
    async with simulated(csms):
        peer = await charging(csms)
        assert (await peer.call(call.Reset(type="Immediate"))).status == "Accepted"
        await csms.until(lambda: len(csms.calls("BootNotification")) == 2)
    assert csms.calls("BootNotification")[1]["reason"] == "RemoteReset"
    ended = next(e for e in csms.events() if e["event_type"] == "Ended")
    assert ended["transaction_info"]["stopped_reason"] == "ImmediateReset"


async def test_many_stations_run_in_one_process(csms: Csms) -> None:
    async with simulated(csms, stations=20, speed=20.0) as watch:
        await csms.until(
            lambda: sum(event["event_type"] == "Started" for event in csms.events()) == 20
        )
        assert set(csms.peers) == {f"SIM{number:03d}" for number in range(1, 21)}
    assert all(not snapshot.connected for snapshot in watch.seen.values())


async def test_credentials_and_an_id_of_every_character(csms: Csms) -> None:
    async with simulated(csms, station_ids=("DE*ABC/E1 ü",), password="p" * 16):
        await csms.until(lambda: csms.calls("BootNotification"))
        assert list(csms.peers) == ["DE*ABC/E1 ü"]
    header = csms.requests[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(header).decode() == f"DE*ABC/E1 ü:{'p' * 16}"


async def test_credentials_of_the_url_are_used(csms: Csms) -> None:
    url = csms.url.replace("//", "//user:secret@")
    async with simulated(csms, url=url):
        await csms.until(lambda: csms.calls("BootNotification"))
    header = csms.requests[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(header) == b"user:secret"


async def test_it_keeps_trying_where_nobody_listens_or_speaks_its_version(
    csms: Csms, caplog: pytest.LogCaptureFixture
) -> None:
    await csms.close()
    async with simulated(csms):
        await asyncio.sleep(0.3)
    assert caplog.text.count("cannot connect") >= 2
    async with serve(lambda _: asyncio.sleep(1), "127.0.0.1", 0) as mute:
        port = next(iter(mute.sockets)).getsockname()[1]
        async with simulated(csms, url=f"ws://127.0.0.1:{port}"):
            await asyncio.sleep(0.3)
    assert "does not speak ocpp2.0.1" in caplog.text
