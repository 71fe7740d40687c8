"""A device that is in the table of quirks is spoken to as it needs it, unless the owner says else."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bridges import ASKING, Bridge, BridgeProgram, Options, merged, running_bridge
from tests.acceptance.simulation import simulated
from tests.acceptance.stations import RawStation, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker

DONE = [("accepted", "ok"), ("done", "ok")]
OLD_WALLBOX = {"vendor": "Wall Box Chargers", "model": "PLP1-0-2-4", "firmware": "5.17.87"}
OLD_WALLBOX_QUIRKS = ["relative_profiles", "default_skips_running", "stack_level_zero"]
STATUS = {
    "timestamp": "2026-01-10T10:00:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}


async def boot(station: RawStation, vendor: str, model: str, firmware: str = "1") -> None:
    await station.call(
        "BootNotification",
        {
            "reason": "PowerUp",
            "chargingStation": {
                "vendorName": vendor,
                "model": model,
                "firmwareVersion": firmware,
            },
        },
    )
    await station.call("StatusNotification", STATUS)


async def limited(station: RawStation, witness: Witness, number: int = 1) -> dict[str, Any]:
    """Set a limit of 10 A; return the charging profile that has come of it."""
    results = await witness.ask("limit", {"id": f"limit-{number}", "limitA": 10}, place="CS1/1")
    assert outcome(results) == DONE
    payload = await station.asked("SetChargingProfile", number)
    profile: dict[str, Any] = payload["chargingProfile"]
    return profile


# --- On the wire ------------------------------------------------------------------------------


async def test_item_18_a_huawei_is_sent_watts(bridge: Bridge, witness: Witness) -> None:
    async with played(bridge.url) as station:
        await boot(station, "", "ACChargePoint")
        info = await witness.until("CS1/info", quirks=["watts_only"])
        assert info["boot"]["vendorName"] == ""

        (schedule,) = (await limited(station, witness))["chargingSchedule"]

        assert schedule["chargingRateUnit"] == "W"
        assert schedule["chargingSchedulePeriod"][0]["limit"] == 6900


async def test_item_16_an_old_wallbox_is_sent_stack_level_0_and_relative_profiles(
    bridge: Bridge, witness: Witness
) -> None:
    async with played(bridge.url) as station:
        await boot(station, "Wall Box Chargers", "PLP1-0-2-4", "5.17.87")
        await witness.until("CS1/info", quirks=OLD_WALLBOX_QUIRKS)

        profile = await limited(station, witness)

        assert (profile["stackLevel"], profile["chargingProfileKind"]) == (0, "Relative")
        assert "startSchedule" not in profile["chargingSchedule"][0]


async def test_a_device_of_which_nothing_is_known_is_treated_as_ever(
    bridge: Bridge, witness: Witness
) -> None:
    async with played(bridge.url) as station:
        await boot(station, "ACME", "One")
        await witness.until("CS1/info", quirks=[])

        profile = await limited(station, witness)

        assert profile["chargingProfileKind"] == "Absolute"
        assert profile["chargingSchedule"][0]["chargingRateUnit"] == "A"


async def test_another_firmware_has_other_quirks_at_once(bridge: Bridge, witness: Witness) -> None:
    async with played(bridge.url) as station:
        await boot(station, "Wall Box Chargers", "PLP1-0-2-4", "5.17.87")
        await witness.until("CS1/info", quirks=OLD_WALLBOX_QUIRKS)
        witness.forget()

        await boot(station, "ACME", "One")

        info = await witness.until("CS1/info", quirks=[])
        assert info["boot"]["vendorName"] == "ACME"

        assert (await limited(station, witness))["chargingProfileKind"] == "Absolute"


# --- The simulator ----------------------------------------------------------------------------


class TestSimulatedStation:
    """A whole station that takes nothing else."""

    @pytest.fixture
    def options(self) -> Options:
        return ASKING

    async def test_it_charges_as_it_is_told(self, bridge: Bridge, witness: Witness) -> None:
        async with simulated(bridge.url, version="1.6", **OLD_WALLBOX) as station:
            info = await witness.until("SIM001/info", quirks=OLD_WALLBOX_QUIRKS)
            assert info["boot"]["firmwareVersion"] == OLD_WALLBOX["firmware"]
            await station.until_current(16)

            results = await witness.ask("limit", {"limitA": 10}, place="SIM001/1")

            assert outcome(results) == DONE
            await station.until_current(10)


# --- The configuration ------------------------------------------------------------------------


OWN_WORD: Options = {
    "stations": {
        "known": {
            "CS1": {"stack_level": 3, "profile_kind": "Absolute"},
        }
    }
}
NAMED: Options = {"stations": {"known": {"CS1": {"quirks": ["watts_only"]}}}}
NONE: Options = {"stations": {"known": {"CS1": {"quirks": []}}}}


@pytest.mark.parametrize(
    ("options", "quirks", "level", "kind", "unit"),
    [
        (OWN_WORD, ["default_skips_running"], 3, "Absolute", "A"),
        (NAMED, ["watts_only"], 0, "Absolute", "W"),
        (NONE, [], 0, "Absolute", "A"),
    ],
)
async def test_the_owner_has_the_last_word(
    broker: Broker,
    tmp_path: Path,
    witness: Witness,
    options: Options,
    quirks: list[str],
    level: int,
    kind: str,
    unit: str,
) -> None:
    async with (
        running_bridge(broker, tmp_path / "data", options) as bridge,
        played(bridge.url) as station,
    ):
        await boot(station, "Wall Box Chargers", "PLP1-0-2-4", "5.17.87")
        await witness.until("CS1/info", quirks=quirks, registration="Accepted")

        profile = await limited(station, witness)

        assert (profile["stackLevel"], profile["chargingProfileKind"]) == (level, kind)
        assert profile["chargingSchedule"][0]["chargingRateUnit"] == unit


# --- Restarts ---------------------------------------------------------------------------------


async def test_after_a_kill_the_stored_boot_still_tells(
    program: BridgeProgram, witness: Witness
) -> None:
    await program.start()
    async with played(program.url) as station:
        await boot(station, "", "ACChargePoint")
        await witness.until("CS1/info", quirks=["watts_only"])
    await witness.until_text("CS1/availability", "offline")
    await program.kill()
    witness.forget()

    await program.start()
    async with played(program.url) as station:  # which sees no reason to boot
        await witness.until("CS1/info", quirks=["watts_only"])
        await witness.until_text("CS1/availability", "online")
        (schedule,) = (await limited(station, witness))["chargingSchedule"]
        assert schedule["chargingRateUnit"] == "W"


# --- 7: nothing before the boot ---------------------------------------------------------------


class TestQuietUntilBoot:
    """A station that falls over early questions, as it is asked from its second connection on."""

    @pytest.fixture
    def options(self) -> Options:
        return merged(ASKING, {"stations": {"defaults": {"quiet_seconds": 600}}})

    async def test_item_7_a_command_waits_for_the_boot(
        self, bridge: Bridge, witness: Witness
    ) -> None:
        async with played(bridge.url) as station:
            await station.call("StatusNotification", STATUS)
            await witness.until("CS1/1/state", state="Idle")
            refused = await witness.ask("limit", {"id": "early", "limitA": 10}, place="CS1/1")
            assert outcome(refused) == [("rejected", "station_offline")]
            assert refused[-1]["error"]["retryable"]
            assert station.calls == []

            await boot(station, "ACME", "One")

            profile = await limited(station, witness)
            assert profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 10
