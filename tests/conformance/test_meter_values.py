"""Meter values (OCPP 2.0.1 part 6, J): clock-aligned and sampled, in and out of transactions."""

from typing import Any, Final

import pytest

from tests.acceptance.stations import Json, energy, iso
from tests.conformance.story import ACCEPTED, PLACE, TOKEN, Story

SIGNED: Final = {
    "signedMeterData": "T0NNRnx7IkZWIjoiMS4wIn18e30=",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkwEwYHKoZIzj0CAQYI",
}


def reading(story: Story, wh: float, context: str) -> list[Json]:
    """Return a meterValue of the register."""
    return energy(iso(story.session.begin), wh, context)


@pytest.mark.conformance("TC_J_01_CSMS")
async def test_readings_by_the_clock_without_a_transaction(story: Story) -> None:
    payload = {"evseId": 1, "meterValue": reading(story, 700, "Sample.Clock")}
    assert await story.station.call("MeterValues", payload) == {}
    meter = await story.witness.until_newest(f"{PLACE}/meter", energyWh=700)
    assert (meter["ts"], meter["transactionId"]) == (iso(story.session.begin), None)
    assert await story.told() == []


@pytest.mark.parametrize(
    ("trigger", "context"),
    [
        pytest.param(
            "MeterValueClock", "Sample.Clock", marks=pytest.mark.conformance("TC_J_02_CSMS")
        ),
        pytest.param(
            "MeterValuePeriodic", "Sample.Periodic", marks=pytest.mark.conformance("TC_J_09_CSMS")
        ),
    ],
)
async def test_readings_of_a_transaction(story: Story, trigger: str, context: str) -> None:
    await story.charge()
    values = reading(story, 900, context)
    assert await story.event("Updated", trigger, "Charging", meterValue=values) == {}
    (event,) = (await story.events())[3:]
    assert (event["triggerReason"], event["meter"]["energyWh"]) == (trigger, 900)
    (measured,) = event["meterValue"]
    assert measured["timestamp"] == iso(story.session.begin)
    assert measured["sampledValue"][0]["context"] == context


@pytest.mark.parametrize(
    "contexts",
    [
        pytest.param(
            ["Sample.Clock", "Sample.Clock", "Transaction.End"],
            marks=pytest.mark.conformance("TC_J_03_CSMS"),
        ),
        pytest.param(
            ["Transaction.Begin", "Sample.Periodic", "Transaction.End"],
            marks=pytest.mark.conformance("TC_J_10_CSMS"),
        ),
    ],
    ids=["clock", "sampled"],
)
async def test_readings_with_the_end(story: Story, contexts: list[str]) -> None:
    begin = reading(story, 1000, "Transaction.Begin")
    started = await story.event(
        "Started", "Authorized", "Charging", idToken=TOKEN, meterValue=begin
    )
    assert started == ACCEPTED
    values: list[Json] = []
    for number, context in enumerate(contexts):
        values += reading(story, 1000 + 400 * number, context)
    info = {"stoppedReason": "Local"}
    ended = await story.event("Ended", "StopAuthorized", info=info, meterValue=values)
    assert ended == {}
    transaction = await story.witness.until_newest(f"{PLACE}/transaction", active=False)
    assert (transaction["meterStartWh"], transaction["meterLastWh"]) == (1000, 1800)
    assert transaction["energyWh"] == 800
    end = (await story.events())[-1]
    assert [each["sampledValue"][0]["context"] for each in end["meterValue"]] == contexts


@pytest.mark.conformance("TC_J_07_CSMS")
async def test_the_first_reading_comes_with_the_start(story: Story) -> None:
    values = reading(story, 1234, "Transaction.Begin")
    started = await story.event("Started", "CablePluggedIn", "EVConnected", meterValue=values)
    assert started == {}
    transaction = await story.witness.until_newest(f"{PLACE}/transaction", meterStartWh=1234)
    assert transaction["meterStartApproximate"] is False
    secc = await story.witness.until_newest(f"{PLACE}/secc", meterStart=1.234)
    assert secc["meterStop"] == 1.234


@pytest.mark.conformance("TC_J_08_CSMS")
async def test_the_first_reading_comes_with_the_evse(story: Story) -> None:
    await story.station.status("Available", evse_id=2)
    assert await story.event("Started", "Authorized", evse=None, idToken=TOKEN) == ACCEPTED
    await story.witness.settle()
    assert not story.witness.documents(f"{PLACE}/event/transaction")
    values = reading(story, 1234, "Transaction.Begin")
    evse = {"id": 1, "connectorId": 1}
    plugged = await story.event(
        "Updated", "CablePluggedIn", "EVConnected", evse=evse, meterValue=values
    )
    assert plugged == {}
    transaction = await story.witness.until_newest(f"{PLACE}/transaction", meterStartWh=1234)
    assert (transaction["startReason"], transaction["transactionId"]) == ("Authorized", "tx-1")


@pytest.mark.parametrize(
    "context",
    [
        pytest.param("Sample.Clock", marks=pytest.mark.conformance("TC_J_04_CSMS")),
        pytest.param("Transaction.Begin", marks=pytest.mark.conformance("TC_J_11_CSMS")),
    ],
)
async def test_signed_readings_are_passed_on_as_they_are(story: Story, context: str) -> None:
    await story.charge()
    values: list[dict[str, Any]] = reading(story, 900, context)
    values[0]["sampledValue"][0]["signedMeterValue"] = SIGNED
    assert await story.event("Updated", "MeterValueClock", meterValue=values) == {}
    event = (await story.events())[-1]
    assert event["meterValue"][0]["sampledValue"][0]["signed"] == SIGNED
