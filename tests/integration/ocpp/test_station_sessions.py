"""Independent stations, played by the `ocpp` package's ChargePoint, on a real socket."""

import asyncio
from typing import Any

from ocpp.v201 import ChargePoint, call
from ocpp.v201.datatypes import IdTokenType

from bridge.domain import events
from tests.ocpp_inbox import running_server


async def test_a_station_boots_and_reports_a_transaction() -> None:
    async with running_server() as running, running.station("any/prefix/CS1") as websocket:
        station = ChargePoint("CS1", websocket)
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
                id_token=IdTokenType(id_token="TAG1", type="ISO14443"),
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
    assert running.inbox.connections == [("CS1", "2.0.1"), ("CS1", "gone")]
