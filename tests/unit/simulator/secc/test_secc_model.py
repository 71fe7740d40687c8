"""The simulated SECC, by what its documents say: rules of the public description and seed 000."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.simulator.script import parse_script
from bridge.simulator.secc import SECC_QUIRKS, SeccOptions, SeccQuirk, documents, writing
from bridge.simulator.secc.driver import SeccDriver
from bridge.simulator.secc.model import SeccModel, TxState
from bridge.simulator.secc.run import describe_changes

START: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
PAGE: Final = Path(__file__).parents[4] / "docs/how-to/simulate-a-secc.md"


class Rig:
    """A SECC with a clock in the test's hand."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        ids = iter(f"session-{number}" for number in range(100))
        self.model = SeccModel(
            "SECC001", SeccOptions(**options), now=START, new_id=lambda: next(ids)
        )

    def wait(self, seconds: float) -> None:
        for _ in range(10):
            self.now += timedelta(seconds=seconds / 10)
            self.model.tick(self.now)

    def charge(self) -> None:
        self.model.plug_in()
        self.model.authorize()
        self.wait(10)

    def says(self, topic: str) -> dict[str, Any]:
        said: dict[str, Any] = documents.document(self.model, topic)
        return said


def rig(*quirks: SeccQuirk, **options: Any) -> Rig:
    return Rig(quirks=frozenset(quirks), **options)


def test_a_session_as_seed_000_tells_it() -> None:
    secc = rig()
    idle = secc.says("transaction")
    assert (idle["state"], idle["vehicleStatus"], idle["chargeControllerStatus"]) == (
        "Idle",
        "A",
        "A1",
    )
    secc.model.plug_in()
    waiting = secc.says("transaction")
    assert (waiting["state"], waiting["vehicleStatus"]) == ("SuspendedEVSE", "B")
    assert waiting["startedTime"] == 0
    secc.wait(5)
    secc.model.authorize()
    secc.wait(3600)
    charging = secc.says("transaction")
    assert (charging["state"], charging["chargeControllerStatus"]) == ("Charging", "C2")
    assert charging["startedTime"] == int(START.timestamp()) + 5
    assert charging["endedTime"] == 0
    assert charging["meterStop"] == charging["meterStart"]
    assert charging["usedPhasesSession"] == "111"
    secc.model.stop("Local")
    stopped = secc.says("transaction")
    assert (stopped["state"], stopped["stopReason"]) == ("Finishing", "Local")
    assert stopped["endedTime"] == int(secc.now.timestamp())
    assert 10.9 < stopped["meterStop"] - stopped["meterStart"] < 11.1
    secc.model.unplug()
    assert secc.model.state is TxState.COMPLETED
    secc.wait(3)
    again = secc.says("transaction")
    assert again["state"] == "Idle"
    assert again["stopReason"] == "Local"  # the last transaction stays visible
    assert again["endedTime"] == stopped["endedTime"]


def test_the_session_id_changes_with_each_session() -> None:
    secc = rig()
    ids = [secc.says("configuration")["sessionId"]]
    for _ in range(2):
        secc.model.plug_in()
        ids.append(secc.says("configuration")["sessionId"])
        secc.model.unplug()
    secc.model.restart()
    ids.append(secc.says("configuration")["sessionId"])
    assert len(set(ids)) == 4


def test_the_lowest_limit_holds_and_names_who_is_in_control() -> None:
    secc = rig(cable_max_a=20.0)
    assert secc.says("transaction")["allocationSourceName"] == "Unmanaged"
    secc.charge()
    assert secc.says("transaction")["allocationSourceName"] == "ProximityPilot"
    assert secc.says("charging")["availableAmperage"] == 20
    assert writing.write_limits(secc.model, {"enabled": True, "amperageLimit": 8.5})
    assert secc.says("transaction")["allocationSourceName"] == "API"
    secc.wait(5)
    assert secc.says("charging")["amperage"] == [8.5] * 3
    secc.model.limits.others["Team"] = 7.0
    secc.wait(5)
    assert secc.says("transaction")["allocationSourceName"] == "Team"
    assert secc.says("charging")["availableAmperage"] == 7
    writing.mqtt_write(secc.model, "charging/amperageLimit", "6.5")
    assert secc.says("transaction")["allocationSourceName"] == "MQTT"
    writing.mqtt_write(secc.model, "charging/amperageLimit", "NaN")
    assert secc.says("transaction")["allocationSourceName"] == "Team"


def test_limits_count_only_while_enabled_and_not_longer_than_their_time_out() -> None:
    secc = rig()
    secc.charge()
    writing.write_limits(secc.model, {"amperageLimit": 10})
    assert secc.says("charging")["availableAmperage"] == 32
    writing.write_limits(secc.model, {"enabled": True, "timeout": 60_000})
    assert secc.says("charging")["availableAmperage"] == 10
    secc.wait(50)
    writing.write_limits(secc.model, {"enabled": True})
    secc.wait(59)
    assert secc.says("limits") == {
        "amperageLimit": 10.0,
        "powerLimit": pytest.approx(math.nan, nan_ok=True),
        "timeout": 60_000,
        "enabled": True,
    }
    secc.wait(2)
    assert secc.says("limits")["enabled"] is False
    assert math.isnan(secc.says("limits")["amperageLimit"])
    assert secc.says("charging")["availableAmperage"] == 32


def test_below_6_a_is_0_and_a_power_is_divided_by_voltage_and_phases() -> None:
    secc = rig()
    secc.charge()
    writing.write_limits(secc.model, {"enabled": True, "amperageLimit": 5.9})
    assert secc.says("charging")["availableAmperage"] == 0
    assert secc.says("limits")["amperageLimit"] == 0
    secc.wait(5)
    assert secc.says("transaction")["state"] == "SuspendedEVSE"
    writing.write_limits(secc.model, {"amperageLimit": 20, "powerLimit": 6900})
    assert secc.says("charging")["availableAmperage"] == 10


@pytest.mark.parametrize(
    "given",
    [
        {"amperageLimit": 81},
        {"amperageLimit": -1},
        {"amperageLimit": "10"},
        {"amperageLimit": True},
        {"powerLimit": 55_201},
        {"enabled": "true"},
    ],
)
def test_what_is_out_of_bounds_is_refused(given: dict[str, Any]) -> None:
    secc = rig()
    assert not writing.write_limits(secc.model, {"enabled": True, **given})
    assert secc.says("limits")["enabled"] is False


def test_two_line_commands() -> None:
    secc = rig()
    secc.charge()
    for text in ("setEnabled\ntrue", "setCurrentLimit\n8.5", "set1p3p\ntrue"):
        writing.command(secc.model, text)
    secc.wait(5)
    assert secc.says("limits")["enabled"] is True
    assert secc.says("charging")["amperage"] == [8.5, 0, 0]
    assert secc.says("transaction")["onePhaseLimitActive"] is True
    writing.command(secc.model, "setCurrentLimit\nNaN")
    assert secc.says("charging")["availableAmperage"] == 32
    for nonsense in ("", "setEnabled", "setEnabled\nperhaps", "setCurrentLimit\nten", "boom\n1"):
        writing.command(secc.model, nonsense)
    assert secc.says("limits")["enabled"] is True


def test_mqtt_topics_and_their_oddities() -> None:
    secc = rig()
    secc.charge()
    told = documents.mqtt_documents(secc.model)
    assert set(told) == {
        "chargingPoint/status",
        "charging/status",
        "tx/status",
        "meter/fiscal",
        "meter/grid",
    }
    assert told["chargingPoint/status"] == {"evse": {"id": 1}, "connectorStatus": "Occupied"}
    assert told["tx/status"]["state"] == "CHARGING"
    assert told["tx/status"]["meterStop"] == told["tx/status"]["meterStart"]
    assert told["charging/status"]["plugRetentionLock"] is True
    secc.model.break_down("CpShortCircuit")
    told = documents.mqtt_documents(secc.model)
    assert told["charging/status"]["recentCpErrorCause"] == "CpShortCircuit"
    assert told["chargingPoint/status"]["connectorStatus"] == "Faulted"
    for topic in writing.MQTT_WRITABLE:
        writing.mqtt_write(secc.model, topic, "not a number")
    assert secc.model.limits.mqtt.enabled is False


def test_a_restart_loses_leases_and_gives_a_car_another_session() -> None:
    secc = rig()
    secc.charge()
    writing.write_limits(secc.model, {"enabled": True, "amperageLimit": 10})
    before = secc.says("configuration")["sessionId"]
    register = secc.says("charging")["energyImported"]
    secc.model.restart()
    assert secc.says("configuration")["sessionId"] != before
    assert secc.says("limits")["enabled"] is False
    assert secc.says("charging")["energyImported"] == register
    assert secc.says("transaction")["meterStart"] == register


# --- Quirks ---------------------------------------------------------------------------------


def _state(quirk: SeccQuirk) -> str:
    return str(rig(quirk).says("transaction")["state"])


def test_quirks_of_wording() -> None:
    assert _state(SeccQuirk.UPPER_SNAKE) == "IDLE"
    swapped = rig(SeccQuirk.SWAPPED_STATUS).says("transaction")
    assert (swapped["vehicleStatus"], swapped["chargeControllerStatus"]) == ("A1", "A")
    assert "onePhaseLimitActive" not in rig(SeccQuirk.OLD_TRANSACTION).says("transaction")
    other = rig(SeccQuirk.OTHER_NAMES).says("configuration")
    assert {"powerDomainName", "controllerName", "hasPhaseShutoff"} <= other.keys()
    assert "sessionId" not in rig(SeccQuirk.NO_SESSION_ID).says("configuration")


def test_quirks_of_numbers() -> None:
    plain = rig()
    assert '"amperageLimit": NaN' in documents.text_of(plain.model, plain.says("limits"))
    null = rig(SeccQuirk.NULL_FOR_NAN)
    assert '"amperageLimit": null' in documents.text_of(null.model, null.says("limits"))
    strings = rig(SeccQuirk.NUMBERS_AS_STRINGS)
    read = json.loads(documents.text_of(strings.model, strings.says("charging")))
    assert all(isinstance(volts, str) for volts in read["voltage"])
    assert isinstance(read["availableAmperage"], str)


def _set(secc: Rig, **given: Any) -> bool:
    return writing.write_limits(secc.model, {"enabled": True, **given})


@pytest.mark.parametrize(
    ("quirk", "given", "accepted", "shown"),
    [
        (SeccQuirk.PLAIN_KEYS_ONLY, {"setAmperageLimit": 10}, True, math.nan),
        (SeccQuirk.PLAIN_KEYS_ONLY, {"amperageLimit": 10}, True, 10),
        (SeccQuirk.SET_KEYS_ONLY, {"amperageLimit": 10}, True, math.nan),
        (SeccQuirk.SET_KEYS_ONLY, {"setAmperageLimit": 10}, True, 10),
        (SeccQuirk.NO_NAN, {"amperageLimit": math.nan}, False, math.nan),
        (SeccQuirk.REFUSE_LIMITS, {"amperageLimit": 10}, False, math.nan),
        (SeccQuirk.FORGET_LIMITS, {"amperageLimit": 10}, True, math.nan),
        (SeccQuirk.IGNORE_LIMITS, {"amperageLimit": 10}, True, 10),
    ],
)
def test_quirks_of_limits(
    quirk: SeccQuirk, given: dict[str, Any], accepted: bool, shown: float
) -> None:
    secc = rig(quirk)
    assert _set(secc, **given) is accepted
    assert secc.says("limits")["amperageLimit"] == pytest.approx(shown, nan_ok=True)


def test_a_lying_secc_shows_the_limit_and_charges_on() -> None:
    secc = rig(SeccQuirk.IGNORE_LIMITS)
    secc.charge()
    _set(secc, amperageLimit=8)
    secc.wait(5)
    assert secc.says("limits")["amperageLimit"] == 8
    assert secc.says("charging")["amperage"] == [16.0] * 3
    assert secc.says("transaction")["allocationSourceName"] == "Unmanaged"


def test_a_car_that_keeps_drawing() -> None:
    secc = rig(SeccQuirk.KEEPS_DRAWING)
    secc.charge()
    _set(secc, amperageLimit=10)
    secc.wait(5)
    assert secc.says("charging")["amperage"][0] == pytest.approx(14)


def test_disabling_stops_the_charging_where_it_means_that() -> None:
    secc = rig(SeccQuirk.ENABLED_STOPS_CHARGING)
    secc.charge()
    assert secc.says("transaction")["state"] == "Charging"
    writing.write_limits(secc.model, {"enabled": False})
    secc.wait(5)
    assert secc.says("charging")["amperage"] == [0, 0, 0]


def test_a_secc_without_relays_stays_on_three_phases() -> None:
    secc = rig(SeccQuirk.NO_PHASE_SWITCHING)
    secc.charge()
    writing.command(secc.model, "set1p3p\ntrue")
    assert secc.says("configuration")["hasPhaseStShutoff"] is False
    assert secc.says("transaction")["onePhaseLimitActive"] is False


# --- Script, log, page ------------------------------------------------------------------------


def test_a_script_is_carried_out() -> None:
    script = parse_script(
        [
            {"step": "plug_in", "soc_percent": 50},
            {"step": "wait", "seconds": 2},
            {"step": "authorize"},
            {"step": "charge", "kwh": 0.1},
            {"step": "external_limit", "limit_a": 10, "source": "EMS"},
            {"step": "fault", "error_code": "OtherError"},
            {"step": "wait", "seconds": 2},
            {"step": "fault"},
            {"step": "external_limit", "source": "EMS"},
            {"step": "stop"},
            {"step": "unplug"},
            {"step": "wait", "seconds": 10},
        ]
    )
    secc = rig(script=script)
    driver = SeccDriver(script=script, model=secc.model, speed=1, begins_at=START)
    seen: list[str] = []
    before = secc.model.snapshot
    for _ in range(600):
        secc.wait(0.5)
        driver.tick(secc.now)
        after = secc.model.snapshot
        seen += describe_changes(before, after)
        before = after
        if after.state is TxState.COMPLETED:
            break
    states = [line for line in seen if "->" in line]
    assert states == [
        "IDLE -> AWAITING_AUTHORIZATION",
        "AWAITING_AUTHORIZATION -> CHARGING",
        "CHARGING -> FAILED",
        "FAILED -> COMPLETED",
    ]
    assert "10 A available (Team)" in seen


def test_the_page_tells_every_quirk_as_help_does() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows == {str(quirk): meaning for quirk, meaning in SECC_QUIRKS.items()}
