"""One quirk of each family, as a central system of the `ocpp` package meets it."""

import asyncio
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v201 import call
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bridge.simulator.external import parse_planned_limit
from bridge.simulator.quirks import Quirk
from tests.integration.simulator.csms import Csms
from tests.integration.simulator.running import (
    charging,
    simulated,
    tx_profile,
)


def quirks(*names: Quirk) -> dict[str, Any]:
    return {"quirks": frozenset(names)}


async def test_a_refusal_names_its_reason_and_changes_nothing(csms: Csms) -> None:
    async with simulated(csms, **quirks(Quirk.REFUSE_TX_PROFILE)) as watch:
        peer = await charging(csms)
        answer = await peer.call(tx_profile(csms, 10.0))
        assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", "InvalidProfile")
        await watch.until_current(16.0)


async def test_what_is_missing_is_an_error_and_the_connection_stays(csms: Csms) -> None:
    async with simulated(csms, **quirks(Quirk.NO_GET_PROFILES, Quirk.NO_COMPOSITE)):
        peer = await charging(csms)
        for request in (
            call.GetChargingProfiles(request_id=1, charging_profile={}),
            call.GetCompositeSchedule(duration=60, evse_id=1),
        ):
            with pytest.raises(OCPPError, match="GetC"):
                await peer.call(request, suppress=False)
        assert (await peer.call(tx_profile(csms, 10.0))).status == "Accepted"


async def test_disobedience_shows_in_the_meter_only(csms: Csms) -> None:
    async with simulated(csms, **quirks(Quirk.KEEPS_DRAWING)) as watch:
        peer = await charging(csms)
        assert (await peer.call(tx_profile(csms, 10.0))).status == "Accepted"
        composite = await peer.call(call.GetCompositeSchedule(duration=60, evse_id=1))
        assert composite.schedule["charging_schedule_period"][0]["limit"] == 10.0
        await watch.until_current(16.0)
        event = await csms.until_event("MeterValuePeriodic")
        currents = [
            sample["value"]
            for sample in event["meter_value"][0]["sampled_value"]
            if sample["measurand"] == "Current.Import"
        ]
        assert currents == [16.0, 16.0, 16.0]


async def test_a_mute_station_goes_on_charging_and_telling(csms: Csms) -> None:
    async with simulated(csms, **quirks(Quirk.NO_ANSWER)):
        peer = await charging(csms)
        peer._response_timeout = 0.5
        with pytest.raises(asyncio.TimeoutError):
            await peer.call(call.ClearCache())
        await csms.until_event("MeterValuePeriodic")


async def test_a_slow_answer_comes_while_the_station_goes_on(csms: Csms) -> None:
    async with simulated(csms, **quirks(Quirk.SLOW_ANSWERS), answer_delay_s=1.0):
        peer = await charging(csms)
        loop = asyncio.get_running_loop()
        asked_at, events = loop.time(), len(csms.events())
        assert (await peer.call(call.ClearCache())).status == "Accepted"
        assert 0.9 < loop.time() - asked_at < 3.0
        assert len(csms.events()) >= events + 2


async def test_events_that_leave_things_out_are_still_valid(csms: Csms) -> None:
    left_out = (Quirk.NO_CHARGING_STATE, Quirk.NO_EVSE_IN_UPDATES, Quirk.SEQ_NO_ZERO)
    async with simulated(csms, **quirks(*left_out)):
        await charging(csms)
        await csms.until_event("MeterValuePeriodic")
    started, *updates = csms.events()
    assert started["evse"] == {"id": 1, "connector_id": 1}
    assert not any("evse" in event for event in updates)
    assert not any("charging_state" in event["transaction_info"] for event in csms.events())
    assert {event["seq_no"] for event in csms.events()} == {0}


async def test_profiles_that_a_reset_removed_are_not_reported(csms: Csms) -> None:
    async with simulated(csms, **quirks(Quirk.FORGETS_PROFILES_ON_BOOT)):
        peer = await charging(csms)
        default = tx_profile(csms, 10.0)
        default.charging_profile["charging_profile_purpose"] = "TxDefaultProfile"
        del default.charging_profile["transaction_id"]
        assert (await peer.call(default)).status == "Accepted"
        request = call.GetChargingProfiles(request_id=1, charging_profile={})
        assert (await peer.call(request)).status == "Accepted"
        await peer.call(call.Reset(type="Immediate"))
        await csms.until(lambda: len(csms.calls("BootNotification")) == 2)
        await csms.until(lambda: csms.peers.get("SIM001", peer) is not peer)
        assert (await csms.peers["SIM001"].call(request)).status == "NoProfiles"


async def test_one_phase_is_metered_as_one_phase(csms: Csms) -> None:
    async with simulated(csms, speed=5.0) as watch:
        peer = await charging(csms)
        await watch.until_current(16.0)
        answer = await peer.call(tx_profile(csms, 10.0, number_phases=1))
        assert answer.status == "Accepted"
        await watch.until(
            lambda seen: (seen.evses[0].phases, seen.evses[0].current_a) == (1, 10.0)
        )
        event = await csms.until_event("MeterValuePeriodic")
        values = event["meter_value"][0]["sampled_value"]
        currents = [each["value"] for each in values if each["measurand"] == "Current.Import"]
        assert currents == [10.0, 0.0, 0.0]


async def test_a_limit_of_somebody_else_comes_and_goes(csms: Csms) -> None:
    plan = (parse_planned_limit("SO:10@2..4"),)
    async with simulated(csms, external_limits=plan) as watch:
        await charging(csms)
        await csms.until(lambda: csms.calls("NotifyChargingLimit"))
        await watch.until_current(10.0)
        await csms.until(lambda: csms.calls("ClearedChargingLimit"))
        await watch.until_current(16.0)
    (notice,) = csms.calls("NotifyChargingLimit")
    assert notice["charging_limit"] == {
        "charging_limit_source": "SO",
        "is_grid_critical": False,
    }
    period = notice["charging_schedule"][0]["charging_schedule_period"][0]
    assert period == {"start_period": 0, "limit": 10.0}
    assert csms.calls("ClearedChargingLimit") == [{"charging_limit_source": "SO"}]


async def test_an_early_call_ends_the_connection_of_a_station_that_does_not_bear_it(
    csms: Csms,
) -> None:
    closed: asyncio.Queue[int | None] = asyncio.Queue()

    async def ask_at_once(socket: ServerConnection) -> None:
        await socket.send('[2,"early","ClearCache",{}]')
        await socket.wait_closed()
        closed.put_nowait(socket.close_code)

    async with serve(ask_at_once, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        options = quirks(Quirk.HANGS_UP_ON_EARLY_CALLS)
        async with simulated(csms, url=url, version="1.6", **options), asyncio.timeout(10):
            assert [await closed.get(), await closed.get()] == [1000, 1000], "and it dials again"
