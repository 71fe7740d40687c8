"""Section 5: stopReason, all 19, and the casing traps between reasons and triggers."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.commands import Start, Stop
from bridge.domain.enums import StoppedReason, TriggerReason
from bridge.domain.events import IdToken
from tests.mapping.charger import VERSIONS_2, Charger2
from tests.unit.domain.builders import command

REASONS = [
    "DeAuthorized",
    "EmergencyStop",
    "EnergyLimitReached",
    "EVDisconnected",
    "GroundFault",
    "ImmediateReset",
    "Local",
    "LocalOutOfCredit",
    "MasterPass",
    "Other",
    "OvercurrentFault",
    "PowerLoss",
    "PowerQuality",
    "Reboot",
    "Remote",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
    "Timeout",
]


def test_all_19_reasons_are_there() -> None:
    assert sorted(REASONS) == sorted(reason.value for reason in StoppedReason)
    assert len(REASONS) == 19


def stop_reason(version: str, sent: str | None, trigger: str = "ChargingStateChanged") -> str:
    """Return the stopReason of a transaction that ends with a stoppedReason."""
    told = Charger2(version)
    told.charge()
    assert told.secc["stopReason"] is None
    told.event("Ended", trigger, {} if sent is None else {"stoppedReason": sent})
    event = told.published("transaction")[-1]
    found = told.secc["stopReason"]
    assert event["transaction"]["stoppedReason"] == found
    assert told.transaction["stoppedReason"] == found
    return str(found)


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_is_told_as_it_is(version: str, reason: str) -> None:
    assert stop_reason(version, reason) == reason


@pytest.mark.parametrize("version", VERSIONS_2)
def test_an_omitted_reason_is_local(version: str) -> None:
    assert stop_reason(version, None) == "Local"


@pytest.mark.parametrize("version", VERSIONS_2)
def test_an_omitted_reason_of_a_remote_stop_is_remote(version: str) -> None:
    assert stop_reason(version, None, "RemoteStop") == "Remote"


def test_a_reason_of_2_1_is_other() -> None:
    assert stop_reason("2.1", "ReqEnergyTransferRejected") == "Other"


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("SOCLimitReached", "SOCLimitReached"),
        ("SoCLimitReached", "SOCLimitReached"),
        ("DeAuthorized", "DeAuthorized"),
        ("Deauthorized", "DeAuthorized"),
        ("LOCAL", "Local"),
        ("evdisconnected", "EVDisconnected"),
        ("NobodyKnows", "Other"),
    ],
)
def test_a_reason_is_read_in_any_casing(version: str, sent: str, told: str) -> None:
    assert stop_reason(version, sent) == told


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("SoCLimitReached", "SoCLimitReached"),
        ("SOCLimitReached", "SoCLimitReached"),
        ("Deauthorized", "Deauthorized"),
        ("DeAuthorized", "Deauthorized"),
        ("meterValuePeriodic", "MeterValuePeriodic"),
    ],
)
def test_a_trigger_is_read_in_any_casing(sent: str, told: str) -> None:
    charger = Charger2("2.1")
    charger.charge()
    charger.event("Updated", sent)
    assert charger.published("transaction")[-1]["triggerReason"] == told


def test_each_is_canonical_in_its_own_enumeration() -> None:
    assert StoppedReason.read("SoCLimitReached") is StoppedReason.SOC_LIMIT_REACHED
    assert TriggerReason.read("SOCLimitReached") is TriggerReason.SOC_LIMIT_REACHED
    assert StoppedReason.SOC_LIMIT_REACHED.value == "SOCLimitReached"
    assert TriggerReason.SOC_LIMIT_REACHED.value == "SoCLimitReached"
    assert StoppedReason.DE_AUTHORIZED.value == "DeAuthorized"
    assert TriggerReason.DEAUTHORIZED.value == "Deauthorized"


# --- Stops that a command has caused --------------------------------------------------------


def begun(told: Charger2, **arguments: Any) -> None:
    """Start transaction T1 remotely, and let it charge."""
    told.status("Available")
    token = IdToken(value="TAG1", type="Central")
    told.tell(command(Start(id_token=token, **arguments), "c1", at=told.now))
    told.answer()
    told.status("Occupied")
    info = {"chargingState": "Charging", "remoteStartId": 1}
    told.event("Started", "RemoteStart", info, token="TAG1")
    assert told.secc["startReason"] == "RemoteStart"


def stopped(told: Charger2) -> tuple[str, str | None]:
    told.answer()
    told.event("Ended", "RemoteStop", {"stoppedReason": "Remote"})
    ended_by: str | None = told.transaction["endedBy"]
    return told.secc["stopReason"], ended_by


def test_the_command_stop() -> None:
    told = Charger2()
    begun(told)
    told.tell(command(Stop(), "c2", at=told.now))
    assert stopped(told) == ("Remote", None)


def test_a_transaction_that_expires() -> None:
    told = Charger2()
    begun(told, until=told.now + timedelta(seconds=60))
    assert told.transaction["endedBy"] is None
    told.wait(60)
    assert stopped(told) == ("Remote", "expires")


def test_a_transaction_that_reaches_its_energy() -> None:
    told = Charger2()
    begun(told, energy_wh=500.0)

    def register(value: float) -> dict[str, Any]:
        return {"timestamp": told.time, "sampledValue": [{"value": value}]}

    told.event("Updated", "MeterValuePeriodic", meterValue=[register(1000.0)])
    told.event("Updated", "MeterValuePeriodic", meterValue=[register(1500.0)])
    assert stopped(told) == ("Remote", "energyWh")


def test_a_driver_who_stops_it_after_all() -> None:
    told = Charger2()
    begun(told, until=told.now + timedelta(seconds=60))
    told.wait(60)
    told.event("Ended", "StopAuthorized", {"stoppedReason": "Local"})
    assert (told.secc["stopReason"], told.transaction["endedBy"]) == ("Local", None)
