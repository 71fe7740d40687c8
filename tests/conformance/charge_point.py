"""A Charge Point of OCPP 1.6J, played frame by frame."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.acceptance.stations import Answer, Json, RawStation, iso, played

BOOT_16: Final = {"chargePointModel": "Hand", "chargePointVendor": "Played"}
OK: Final = {"idTagInfo": {"status": "Accepted"}}
TAG: Final = "TAG"


class ChargePoint:
    """One connector; its clock began ten minutes ago and moves a second with each message."""

    def __init__(self, station: RawStation) -> None:
        """Speak over a connection."""
        self.station = station
        self.at = datetime.now(tz=UTC).replace(microsecond=0) - timedelta(minutes=10)
        self.number: Any = None
        """transactionId of the transaction that began last."""

    async def boot(self) -> None:
        """Boot with a free connector."""
        answer = await self.station.call("BootNotification", BOOT_16)
        assert answer["status"] == "Accepted"
        await self.status("Available")

    async def status(self, status: str, error: str = "NoError", connector: int = 1) -> None:
        """Report the status of the connector."""
        payload = {"connectorId": connector, "errorCode": error, "status": status}
        said = payload | {"timestamp": self.now()}
        assert await self.station.call("StatusNotification", said) == {}

    async def authorize(self, tag: str = TAG) -> str:
        """Show a token; return what the bridge says of it."""
        answer = await self.station.call("Authorize", {"idTag": tag})
        return str(answer["idTagInfo"]["status"])

    async def begin(self, tag: str = TAG, meter_wh: int = 1000, at: str | None = None) -> str:
        """Begin a transaction, return the status of its token."""
        payload = {
            "connectorId": 1,
            "idTag": tag,
            "meterStart": meter_wh,
            "timestamp": at or self.now(),
        }
        answer = await self.station.call("StartTransaction", payload)
        self.number = answer["transactionId"]
        return str(answer["idTagInfo"]["status"])

    async def measure(self, wh: float, *, number: int | None = None) -> None:
        """Report the register of the meter."""
        sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        payload = {
            "connectorId": 1,
            "transactionId": self.number if number is None else number,
            "meterValue": [{"timestamp": self.now(), "sampledValue": [sample]}],
        }
        assert await self.station.call("MeterValues", payload) == {}

    async def stop(self, reason: str | None = "Local", meter_wh: int = 2000, **more: Any) -> Json:
        """End the transaction and return the answer."""
        payload = {"transactionId": self.number, "meterStop": meter_wh, "timestamp": self.now()}
        if reason is not None:
            payload["reason"] = reason
        return await self.station.call("StopTransaction", payload | more)

    async def charge(self) -> None:
        """Plug a car in, show the tag, charge."""
        await self.status("Preparing")
        assert await self.authorize() == "Accepted"
        assert await self.begin() == "Accepted"
        await self.status("Charging")

    def now(self) -> str:
        """Return the next moment of its clock."""
        self.at += timedelta(seconds=1)
        return iso(self.at)


@asynccontextmanager
async def charge_point(
    url: str, answers: Mapping[str, Answer | None] | None = None
) -> AsyncIterator[ChargePoint]:
    """Connect a Charge Point CS1 while in the context; it has not booted."""
    async with played(url, version="1.6", answers=answers) as station:
        yield ChargePoint(station)
