"""Transactions of OCPP 1.6: its sessions become the same events as those of 2.x."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import iso
from tests.acceptance.witness import Document, Witness
from tests.conformance.charge_point import OK, ChargePoint, charge_point
from tests.conformance.story import PLACE, Told, of_event

CHARGING: Final = ("Updated", "ChargingStateChanged", "Charging")


@pytest.fixture
async def point(bridge: Bridge) -> AsyncIterator[ChargePoint]:
    """A booted Charge Point."""
    async with charge_point(bridge.url) as playing:
        await playing.boot()
        yield playing


async def events(witness: Witness) -> list[Document]:
    """Return the events of transactions, all that there are by now, rightly numbered."""
    await witness.settle()
    found = witness.documents(f"{PLACE}/event/transaction")
    assert [each["seqNo"] for each in found] == list(range(len(found)))
    assert len({each["id"] for each in found}) == len(found)
    return found


async def told(witness: Witness) -> list[Told]:
    """Return what the events say."""
    return [of_event(each) for each in await events(witness)]


async def ended(witness: Witness, reason: str) -> Document:
    """Wait until the transaction has ended for this reason, and return its document."""
    await witness.until_newest(f"{PLACE}/secc", stopReason=reason)
    found: Document = await witness.until_newest(f"{PLACE}/transaction", active=False)
    assert found["stoppedReason"] == reason
    return found


@pytest.mark.conformance("TC_003_CSMS")
async def test_a_session_that_begins_with_the_cable(point: ChargePoint, witness: Witness) -> None:
    await point.status("Preparing")
    await witness.until_newest(f"{PLACE}/state", phase="awaiting_authorization")
    assert await point.authorize() == "Accepted"
    assert await point.begin(meter_wh=1000) == "Accepted"
    assert point.number > 0
    await point.status("Charging")
    await point.measure(1600)
    await witness.until_newest(f"{PLACE}/state", state="Charging", transactionId=str(point.number))
    assert await point.stop(meter_wh=2000, idTag="TAG") == OK
    await point.status("Finishing")
    await witness.until_newest(f"{PLACE}/state", state="Finishing")
    await point.status("Available")
    await witness.until_newest(f"{PLACE}/state", state="Idle", plugged=False)

    transaction = await ended(witness, "Local")
    assert (transaction["meterStartWh"], transaction["energyWh"]) == (1000, 1000)
    assert transaction["startReason"] == "Authorized"
    assert await told(witness) == [
        ("Started", "Authorized", "EVConnected"),
        CHARGING,
        ("Updated", "MeterValuePeriodic", "Charging"),
        ("Ended", "StopAuthorized", "SuspendedEVSE"),
    ]


@pytest.mark.conformance("TC_004_1_CSMS")
async def test_a_session_that_begins_with_the_tag(point: ChargePoint, witness: Witness) -> None:
    assert await point.authorize() == "Accepted"
    await point.status("Preparing")
    assert await point.begin() == "Accepted"
    await point.status("Charging")
    await witness.until_newest(f"{PLACE}/state", state="Charging")
    assert await told(witness) == [("Started", "CablePluggedIn", "EVConnected"), CHARGING]


@pytest.mark.conformance("TC_004_2_CSMS")
async def test_a_tag_without_a_car_begins_nothing(point: ChargePoint, witness: Witness) -> None:
    assert await point.authorize() == "Accepted"
    await point.status("Preparing")
    waiting = await witness.until_newest(f"{PLACE}/state", phase="awaiting_start")
    assert (waiting["transactionId"], waiting["plugged"]) == (None, False)
    await point.status("Available")
    await witness.until_newest(f"{PLACE}/state", state="Idle", phase="idle")
    assert await told(witness) == []


@pytest.mark.conformance("TC_005_1_CSMS")
async def test_a_car_that_is_unplugged_ends_the_session(
    point: ChargePoint, witness: Witness
) -> None:
    await point.charge()
    await point.status("SuspendedEV")
    await witness.until_newest(f"{PLACE}/state", state="SuspendedEV")
    assert await point.stop("EVDisconnected") == {}
    await point.status("Finishing")
    await point.status("Available")
    await ended(witness, "EVDisconnected")
    await witness.until_newest(f"{PLACE}/state", state="Idle", plugged=False)
    assert (await told(witness))[-1][:2] == ("Ended", "EVCommunicationLost")


@pytest.mark.conformance("TC_032_1_CSMS")
async def test_a_power_failure_ends_the_session_after_the_boot(
    bridge: Bridge, point: ChargePoint, witness: Witness
) -> None:
    await point.charge()
    await point.station.socket.close()
    await witness.until_text("CS1/availability", "offline")
    async with charge_point(bridge.url) as again:
        again.number, again.at = point.number, point.at
        await again.boot()
        assert await again.stop("PowerLoss", meter_wh=1500) == {}
        transaction = await ended(witness, "PowerLoss")
        assert transaction["energyWh"] == 500
        await witness.until_newest(f"{PLACE}/state", state="Idle")
        assert (await told(witness))[-1][:2] == ("Ended", "AbnormalCondition")


@pytest.mark.conformance("TC_037_1_CSMS")
async def test_a_session_that_began_offline_goes_on(
    bridge: Bridge, point: ChargePoint, witness: Witness
) -> None:
    await point.station.socket.close()
    await witness.until_text("CS1/availability", "offline")
    began_at = point.now()
    async with charge_point(bridge.url) as again:
        again.at = point.at + timedelta(minutes=2)
        await again.status("Charging")
        assert await again.begin(at=began_at) == "Accepted"
        transaction = await witness.until_newest(f"{PLACE}/transaction", active=True)
        assert transaction["startedAt"] == began_at
        await witness.until_newest(f"{PLACE}/state", state="Charging")
        assert await told(witness) == [("Started", "Authorized", "Charging")]


class TestUnknownTag:
    """A list says who may charge."""

    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"defaults": {"authorize": "list"}}}

    @pytest.mark.conformance("TC_037_3_CSMS")
    async def test_a_session_that_began_offline_with_an_invalid_tag_is_ended_by_the_station(
        self, bridge: Bridge, point: ChargePoint, witness: Witness
    ) -> None:
        await point.station.socket.close()
        await witness.until_text("CS1/availability", "offline")
        async with charge_point(bridge.url) as again:
            again.at = point.at
            await again.status("Charging")
            assert await again.begin("STRANGER") == "Invalid"
            assert again.number > 0
            assert await again.stop("DeAuthorized") == {}
            await ended(witness, "DeAuthorized")
            assert [each[:2] for each in await told(witness)] == [
                ("Started", "Authorized"),
                ("Ended", "Deauthorized"),
            ]


@pytest.mark.conformance("TC_039_CSMS")
async def test_a_session_that_was_offline_altogether_has_its_own_times(
    bridge: Bridge, point: ChargePoint, witness: Witness
) -> None:
    await witness.until_newest(f"{PLACE}/state", state="Idle")
    await point.station.socket.close()
    await witness.until_text("CS1/availability", "offline")
    began_at = point.now()
    async with charge_point(bridge.url) as again:
        again.at = point.at + timedelta(minutes=5)
        await again.status("Available")
        assert await again.begin(at=began_at) == "Accepted"
        again.at = point.at + timedelta(minutes=3)
        assert await again.stop(meter_wh=4000) == {}
        transaction = await ended(witness, "Local")
        assert transaction["startedAt"] == began_at
        assert transaction["endedAt"] == iso(point.at + timedelta(minutes=3, seconds=1))
        assert transaction["energyWh"] == 3000
        await witness.until_newest(f"{PLACE}/state", state="Idle", transactionId=None)
        assert [each[:2] for each in await told(witness)] == [
            ("Started", "Authorized"),
            ("Ended", "StopAuthorized"),
        ]


@pytest.mark.parametrize("number", [-1, 0, 4711])
@pytest.mark.conformance("OUR_1_CSMS")
async def test_a_transaction_id_that_is_none_of_ours_means_the_transaction_that_runs(
    point: ChargePoint, witness: Witness, number: int
) -> None:
    await point.charge()
    ours = str(point.number)
    await point.measure(1800, number=number)
    point.number = number
    assert await point.stop(meter_wh=2000) == {}
    transaction = await ended(witness, "Local")
    assert (transaction["transactionId"], transaction["energyWh"]) == (ours, 1000)
    found = await events(witness)
    assert {each["transaction"]["transactionId"] for each in found} == {ours}
    assert [of_event(each)[:2] for each in found[2:]] == [
        ("Updated", "MeterValuePeriodic"),
        ("Ended", "StopAuthorized"),
    ]


@pytest.mark.conformance("OUR_2_CSMS")
async def test_what_is_sent_again_is_answered_again_and_told_once(
    point: ChargePoint, witness: Witness
) -> None:
    await point.status("Preparing")
    began_at = point.now()
    assert await point.begin(at=began_at) == "Accepted"
    first = point.number
    assert await point.begin(at=began_at) == "Accepted"
    assert point.number == first
    assert await point.stop() == {}
    point.at -= timedelta(seconds=1)
    assert await point.stop() == {}
    assert [each[:2] for each in await told(witness)] == [
        ("Started", "CablePluggedIn"),
        ("Ended", "StopAuthorized"),
    ]
