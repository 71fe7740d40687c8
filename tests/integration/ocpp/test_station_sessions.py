"""Independent stations, played by the `ocpp` package's ChargePoint, on a real socket."""

import asyncio
from typing import Any

import ocpp.v21
import ocpp.v201
import pytest
from ocpp.routing import on

from bridge.domain import calls, events
from bridge.domain.calls import CallOutcome, CallResult
from bridge.domain.ids import StationId
from tests.ocpp_inbox import running_server


@pytest.mark.parametrize(("version", "package"), [("2.0.1", ocpp.v201), ("2.1", ocpp.v21)])
async def test_a_station_boots_and_reports_a_transaction(version: str, package: Any) -> None:
    call, subprotocol = package.call, f"ocpp{version}"
    async with (
        running_server(versions=(subprotocol,)) as running,
        running.station("any/prefix/CS1", subprotocols=(subprotocol,)) as websocket,
    ):
        station = package.ChargePoint("CS1", websocket)
        reading = asyncio.create_task(station.start())
        boot = await station.call(
            call.BootNotification(
                charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp"
            )
        )
        assert (boot.status, boot.interval) == ("Accepted", 300)
        started = await station.call(
            call.TransactionEvent(
                event_type="Started",
                timestamp="2026-11-21T08:00:00Z",
                trigger_reason="Authorized",
                seq_no=0,
                transaction_info={"transactionId": "T1"},
                id_token={"idToken": "TAG1", "type": "ISO14443"},
            )
        )
        assert started.id_token_info == {"status": "Accepted"}
        updated: Any = await station.call(
            call.TransactionEvent(
                event_type="Updated",
                timestamp="2026-11-21T08:00:10Z",
                trigger_reason="MeterValuePeriodic",
                seq_no=1,
                transaction_info={"transactionId": "T1"},
            )
        )
        assert updated.id_token_info is None
        reading.cancel()
    kinds = [type(message) for _, message in running.inbox.messages]
    assert kinds == [events.BootNotification, events.TransactionEvent, events.TransactionEvent]
    assert running.inbox.connections == [("CS1", version), ("CS1", "gone")]


class DynamicStation(ocpp.v21.ChargePoint):  # type: ignore[misc]
    """A station that takes a limit of a Dynamic profile, and no other."""

    @on("UpdateDynamicSchedule")  # type: ignore[untyped-decorator]
    def update(self, charging_profile_id: int, schedule_update: Any, **_: Any) -> Any:
        known = (charging_profile_id, schedule_update) == (7, {"limit": 6.5})
        return ocpp.v21.call_result.UpdateDynamicSchedule(
            status="Accepted" if known else "Rejected"
        )


async def test_an_independent_2_1_station_answers() -> None:
    async with (
        running_server(versions=("ocpp2.1",)) as running,
        running.station(subprotocols=("ocpp2.1",)) as websocket,
    ):
        reading = asyncio.create_task(DynamicStation("CS1", websocket).start())
        outcomes: list[CallOutcome] = []
        for profile_id in (7, 8):
            answered: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
            request = calls.UpdateDynamicSchedule(profile_id=profile_id, limit=6.5)
            running.server.call(StationId("CS1"), request, answered.set_result)
            outcomes.append(await asyncio.wait_for(answered, 5))
        reading.cancel()
    assert outcomes == [
        CallResult(accepted=True, status="Accepted"),
        CallResult(accepted=False, status="Rejected"),
    ]
