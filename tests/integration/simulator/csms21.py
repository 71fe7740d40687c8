"""The small central system for OCPP 2.1, of the `ocpp` package as well."""

from typing import Any, Final

from ocpp.v21 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection

from tests.integration.simulator.csms import Csms, answers, now

ACCEPTED: Final = {"status": "Accepted"}


class Peer21(ChargePoint):  # type: ignore[misc]  # the package has no types
    """One station as the central system sees it; validates every frame in both directions."""

    def __init__(self, station_id: str, socket: ServerConnection, csms: Csms) -> None:
        super().__init__(station_id, socket)
        self.csms = csms
        self.socket = socket

    async def route_message(self, raw_msg: str) -> None:
        self.csms.frames.append(raw_msg)
        await super().route_message(raw_msg)

    @answers("BootNotification")
    def on_boot(self, **payload: Any) -> Any:
        self.csms.hear("BootNotification", payload)
        return call_result.BootNotification(current_time=now(), interval=300, status="Accepted")

    @answers("NotifyEvent")
    def on_event(self, **payload: Any) -> Any:
        self.csms.hear("NotifyEvent", payload)
        return call_result.NotifyEvent()

    @answers("Heartbeat")
    def on_heartbeat(self, **payload: Any) -> Any:
        self.csms.hear("Heartbeat", payload)
        return call_result.Heartbeat(current_time=now())

    @answers("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        self.csms.hear("Authorize", payload)
        return call_result.Authorize(id_token_info=ACCEPTED)

    @answers("TransactionEvent")
    def on_transaction_event(self, **payload: Any) -> Any:
        self.csms.hear("TransactionEvent", payload)
        return call_result.TransactionEvent()

    @answers("NotifyChargingLimit")
    def on_limit(self, **payload: Any) -> Any:
        self.csms.hear("NotifyChargingLimit", payload)
        return call_result.NotifyChargingLimit()

    @answers("ReportChargingProfiles")
    def on_profiles(self, **payload: Any) -> Any:
        self.csms.hear("ReportChargingProfiles", payload)
        return call_result.ReportChargingProfiles()

    @answers("NotifyReport")
    def on_report(self, **payload: Any) -> Any:
        self.csms.hear("NotifyReport", payload)
        return call_result.NotifyReport()

    @answers("PullDynamicScheduleUpdate")
    def on_pull(self, **payload: Any) -> Any:
        self.csms.hear("PullDynamicScheduleUpdate", payload)
        return call_result.PullDynamicScheduleUpdate(
            status="Accepted", schedule_update={"limit": 9.0}
        )
