"""What real stations do, seen on MQTT: no boot, a second connection, late and doubled events."""

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import Session, played
from tests.acceptance.witness import Witness
from tests.brokers import Broker


async def test_a_station_that_sees_no_reason_to_boot_is_shown_all_the_same(
    bridge: Bridge, witness: Witness, broker: Broker
) -> None:
    """Reconnecting without BootNotification is what OCPP wants (2.0.1 part 4, 5.4)."""
    session = Session()
    async with played(bridge.url) as station:
        await station.call("TransactionEvent", session.started())
        event = await witness.until("CS1/1/event/transaction", eventType="Started")
        state = await witness.until("CS1/1/state", state="Charging")
        assert state["transactionId"] == event["transaction"]["transactionId"]
        assert (await witness.retained(broker, "CS1/1/secc"))["state"] == "Charging"
