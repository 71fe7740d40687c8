"""The reusable states of OCPP 2.0.1 part 6, told by a station that is played frame by frame."""

from typing import Any, Final

from tests.acceptance.stations import Json, RawStation, Session
from tests.acceptance.witness import Document, Witness

PLACE: Final = "CS1/1"
TOKEN: Final = {"idToken": "TAG", "type": "ISO14443"}
DONE: Final = [("accepted", "ok"), ("done", "ok")]
ACCEPTED: Final = {"idTokenInfo": {"status": "Accepted"}}

Told = tuple[str, str, str | None]
"""eventType, triggerReason and chargingState of an event on MQTT."""


class Story:
    """One EVSE: what its station says of a session, and what comes of it on MQTT."""

    def __init__(self, station: RawStation, witness: Witness) -> None:
        """Begin with a booted station whose connector is free."""
        self.station = station
        self.witness = witness
        self.session = Session()

    # --- what the station says --------------------------------------------------------------

    async def event(
        self,
        event_type: str,
        trigger: str,
        state: str | None = None,
        *,
        info: Json | None = None,
        **members: Any,
    ) -> Json:
        """Send the next TransactionEvent and return its answer; `evse=None` leaves it out."""
        about = {"chargingState": state} if state else {}
        payload = self.session.event(event_type, trigger, info={**about, **(info or {})})
        payload |= members
        sent = {name: value for name, value in payload.items() if value is not None}
        return await self.station.call("TransactionEvent", sent)

    async def authorize(self, token: Json = TOKEN) -> str:
        """Show a token; return what the bridge says of it."""
        answer = await self.station.call("Authorize", {"idToken": token})
        return str(answer["idTokenInfo"]["status"])

    async def plug_in(self) -> None:
        """EVConnectedPreSession: the cable begins the transaction."""
        await self.station.status("Occupied")
        assert await self.event("Started", "CablePluggedIn", "EVConnected") == {}

    async def charge(self) -> None:
        """EnergyTransferStarted: plugged in, authorized, charging."""
        await self.plug_in()
        assert await self.event("Updated", "Authorized", idToken=TOKEN) == ACCEPTED
        assert await self.event("Updated", "ChargingStateChanged", "Charging") == {}

    async def unplug(self) -> None:
        """EVDisconnected: the end of a transaction whose car leaves."""
        reason = {"stoppedReason": "EVDisconnected"}
        assert await self.event("Ended", "EVCommunicationLost", "Idle", info=reason) == {}
        await self.station.status("Available")

    def next_session(self, name: str) -> None:
        """Begin another transaction; its seqNo begins at 0 again."""
        self.session = Session(name)

    # --- what comes of it on MQTT -----------------------------------------------------------

    async def events(self) -> list[Document]:
        """Return the events of transactions on MQTT, all that there are by now."""
        await self.witness.settle()
        return self.witness.documents(f"{PLACE}/event/transaction")

    async def told(self) -> list[Told]:
        """Return what those events say; none may be late, doubled or out of order."""
        events = await self.events()
        odd = [event for event in events for flag in ("late", "duplicate", "gap") if event[flag]]
        assert not odd
        return [of_event(event) for event in events]

    async def shows(self, **expected: Any) -> Document:
        """Wait until the EVSE's newest state has these values, and return it."""
        found: Document = await self.witness.until_newest(f"{PLACE}/state", **expected)
        return found


def of_event(event: Document) -> Told:
    """Return eventType, triggerReason and chargingState of an event."""
    return event["eventType"], event["triggerReason"], event["transaction"]["chargingState"]
