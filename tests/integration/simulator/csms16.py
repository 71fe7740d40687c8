"""The small central system for OCPP 1.6J, of the `ocpp` package as well."""

from itertools import count
from typing import Any, Final

from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection

from tests.integration.simulator.csms import Csms, answers, now

ACCEPTED: Final = {"status": "Accepted"}


class Peer16(ChargePoint):  # type: ignore[misc]  # the package has no types
    """One station as the central system sees it; validates every frame in both directions."""

    def __init__(self, station_id: str, socket: ServerConnection, csms: Csms) -> None:
        super().__init__(station_id, socket)
        self.csms = csms
        self.socket = socket
        self._numbers = count(4711)

    async def route_message(self, raw_msg: str) -> None:
        self.csms.frames.append(raw_msg)
        await super().route_message(raw_msg)

    @answers("BootNotification")
    def on_boot(self, **payload: Any) -> Any:
        self.csms.hear("BootNotification", payload)
        return call_result.BootNotification(current_time=now(), interval=300, status="Accepted")

    @answers("StatusNotification")
    def on_status(self, **payload: Any) -> Any:
        self.csms.hear("StatusNotification", payload)
        return call_result.StatusNotification()

    @answers("Heartbeat")
    def on_heartbeat(self, **payload: Any) -> Any:
        self.csms.hear("Heartbeat", payload)
        return call_result.Heartbeat(current_time=now())

    @answers("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        self.csms.hear("Authorize", payload)
        return call_result.Authorize(id_tag_info=ACCEPTED)

    @answers("StartTransaction")
    def on_start(self, **payload: Any) -> Any:
        self.csms.hear("StartTransaction", payload)
        return call_result.StartTransaction(
            transaction_id=next(self._numbers), id_tag_info=ACCEPTED
        )

    @answers("MeterValues")
    def on_meter_values(self, **payload: Any) -> Any:
        self.csms.hear("MeterValues", payload)
        return call_result.MeterValues()

    @answers("StopTransaction")
    def on_stop(self, **payload: Any) -> Any:
        self.csms.hear("StopTransaction", payload)
        return call_result.StopTransaction()

    @answers("DiagnosticsStatusNotification")
    def on_diagnostics(self, **payload: Any) -> Any:
        self.csms.hear("DiagnosticsStatusNotification", payload)
        return call_result.DiagnosticsStatusNotification()

    @answers("FirmwareStatusNotification")
    def on_firmware(self, **payload: Any) -> Any:
        self.csms.hear("FirmwareStatusNotification", payload)
        return call_result.FirmwareStatusNotification()
