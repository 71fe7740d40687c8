"""Stations that send invalid OCPP, by all quirks at once: charging is seen, and so is what was wrong.

The simulated station hangs nothing on the answers: what is refused shows in the bridge's counters.
"""

from typing import Any

import pytest

from bridge.simulator.invalid import INVALID
from bridge.simulator.quirks import Quirk
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.simulation import simulated
from tests.acceptance.witness import Witness
from tests.mqtt_probe import Received

PLACE = "SIM001/1"
AT_ONCE = INVALID - {Quirk.LOCAL_TIMES}
"""A station two hours ahead whose readings have no time would have taken them in the past."""

VERSIONS = ("1.6", "2.0.1", "2.1")
EXPECTED = {
    "empty_dropped",
    "number_as_text",
    "phase_in_measurand",
    "stray_comma",
    "timestamp_missing",
    "value_spelling",
}


@pytest.fixture
def options() -> Options:
    return {"stations": {"unknown": "accept", "defaults": {"installation_max_a": 32}}}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_of_invalid_frames_is_told_as_if_they_were_valid(
    version: str, bridge: Bridge, witness: Witness
) -> None:
    async with simulated(bridge.url, version=version, quirks=AT_ONCE) as watch:
        await watch.until_current(16.0)
        state = await witness.until(f"{PLACE}/state", state="Charging")
        assert state["ocpp"]["version"] == version
        meter = await witness.until(f"{PLACE}/meter", currentA=[16.0] * 3)
        assert meter["powerW"] == pytest.approx(11_000, rel=0.05)
        assert meter["voltageV"] == [pytest.approx(230, abs=5)] * 3
        event = await _event_with_readings(witness)
        told = await witness.wait_for(
            witness.address("SIM001/info"), lambda each: each.json["boot"], timeout=15
        )
    boot = told.json["boot"]
    assert boot["serialNumber"] == "SIM001".ljust(40, "0")
    assert "too_long" in codes(boot)
    assert codes(event) >= EXPECTED
    assert {phase(each) for each in event["meterValue"][0]["sampledValue"]} >= {
        ("Current.Import", "L1"),
        ("Energy.Active.Import.Register", None),
        ("Voltage", "L3-N"),
    }
    for code in EXPECTED:
        assert bridge.counts.get(f"ocpp.warning.{code}"), code
    assert not bridge.counts.get("ocpp.call_refused")
    assert not bridge.counts.get("ocpp.frame_refused")


async def _event_with_readings(witness: Witness) -> Any:
    """Return an event of the car that charges, with all its readings."""

    def fits(message: Received) -> bool:
        values = message.json["meterValue"]
        return bool(values) and any(each["phase"] for each in values[0]["sampledValue"])

    message = await witness.wait_for(
        witness.address(f"{PLACE}/event/transaction"), fits, timeout=15
    )
    return message.json


def codes(document: Any) -> set[str]:
    return {each.partition(":")[0] for each in document["warnings"]}


def phase(sample: Any) -> tuple[str, str | None]:
    return sample["measurand"], sample["phase"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_local_times_are_taken_as_utc_and_said_to_be(
    version: str, bridge: Bridge, witness: Witness
) -> None:
    async with simulated(bridge.url, version=version, quirks=frozenset({Quirk.LOCAL_TIMES})):
        await witness.until(f"{PLACE}/state", state="Charging")
        event = await _event_with_readings(witness)
    assert codes(event) == {"time_zone_missing"}
    assert bridge.counts.get("ocpp.warning.time_zone_missing")
    assert not bridge.counts.get("ocpp.call_refused")
