from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.simulator import script as script_module
from bridge.simulator.script import (
    Authorize,
    Charge,
    ImposeLimit,
    PlugIn,
    Script,
    ScriptError,
    Stop,
    Unplug,
    Wait,
    load_script,
    parse_script,
)
from tests.unit.simulator.rig import Rig, token_answer


def test_the_documented_example_is_a_script() -> None:
    doc = script_module.__doc__ or ""
    example = doc[doc.index('{"repeat"') : doc.rindex("or only")]
    assert parse_script(orjson.loads(example)) == Script(
        steps=(
            PlugIn(soc_percent=40),
            Authorize(id_token="SIMULATOR"),
            Charge(seconds=1800, until_soc_percent=80),
            Stop(),
            Unplug(),
            Wait(seconds=20),
        )
    )


def test_somebody_else_can_take_part() -> None:
    steps = [{"step": "external_limit", "limit_a": 10, "source": "SO"}, {"step": "external_limit"}]
    assert parse_script(steps).steps == (
        ImposeLimit(limit_a=10, source="SO"),
        ImposeLimit(limit_a=None, source="EMS"),
    )


def test_a_list_alone_repeats(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('[{"step":"wait","seconds":1}]')
    assert load_script(path) == Script(steps=(Wait(seconds=1),), repeat=True)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "at least one step"),
        ({"steps": [], "loop": True}, "a script is"),
        ({"steps": [{"step": "stop"}], "repeat": 1}, "a script is"),
        ("plug_in", "a script is"),
        ([{"step": "stop"}, {"step": "fly"}], 'step 2: "step" is one of plug_in'),
        ([{"step": []}], 'step 1: "step" is one of'),
        (["stop"], 'step 1: "step" is one of'),
        ([{"step": "stop", "hard": True}], r"step 1 \(stop\): no argument 'hard'; known: none"),
        ([{"step": "charge", "second": 1}], "known: seconds, kwh, until_soc_percent"),
        ([{"step": "charge", "seconds": "1"}], "seconds is not a number"),
        ([{"step": "charge", "seconds": True}], "seconds is not a number"),
        ([{"step": "wait", "seconds": -1}], "seconds is not a number"),
        ([{"step": "authorize", "id_token": 1}], "id_token is not a text"),
        ([{"step": "external_limit", "source": "CSO"}], "source is not one of EMS, SO, Other"),
        (
            [{"step": "fault", "error_code": "Broken"}],
            "error_code is not one of ConnectorLockFailure",
        ),
        ([{"step": "external_limit", "limit_a": "8"}], "limit_a is not a number"),
        ([{"step": "wait"}], r"step 1 \(wait\): seconds is missing"),
    ],
)
def test_a_bad_script_is_told_by_its_step(document: Any, complaint: str) -> None:
    with pytest.raises(ScriptError, match=complaint):
        parse_script(document)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"none\.json"):
        load_script(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("[")
    with pytest.raises(ScriptError, match=r"bad\.json"):
        load_script(tmp_path / "bad.json")


def run(*steps: script_module.Step, seconds: float, repeat: bool = False, **options: Any) -> Rig:
    rig = Rig(script=Script(steps=steps, repeat=repeat), start_delay_s=2, **options)
    rig.connect()
    rig.pass_time(seconds)
    return rig


def test_the_driver_comes_two_seconds_after_the_boot_and_not_before() -> None:
    rig = run(PlugIn(), seconds=1.5)
    assert rig.statuses() == ["Available"]
    rig.pass_time(0.5)
    assert rig.statuses() == ["Available", "Occupied"]


def test_a_whole_session_by_script() -> None:
    rig = run(
        PlugIn(), Authorize(), Charge(seconds=60), Stop(), Unplug(), Wait(seconds=9), seconds=70
    )
    assert rig.story() == [
        ("Started", "CablePluggedIn"),
        ("Updated", "Authorized"),
        ("Updated", "ChargingStateChanged"),
        ("Ended", "StopAuthorized"),
    ]
    assert rig.statuses() == ["Available", "Occupied", "Available"]


def test_a_script_begins_anew() -> None:
    steps = (PlugIn(), Authorize(), Charge(seconds=10), Unplug(), Wait(seconds=10))
    rig = run(*steps, seconds=41, repeat=True)
    assert [kind for kind, _ in rig.story()].count("Started") == 2
    assert len({event["transactionInfo"]["transactionId"] for event in rig.events()}) == 2


def test_charging_ends_at_an_energy_and_at_a_state_of_charge() -> None:
    rig = run(PlugIn(), Authorize(), Charge(kwh=0.5), Unplug(), seconds=180)
    begin, end = (rig.events()[at]["meterValue"][0]["sampledValue"][0] for at in (0, -1))
    assert 500 <= end["value"] - begin["value"] < 505
    rig = run(
        PlugIn(soc_percent=70), Authorize(), Charge(until_soc_percent=71), Unplug(), seconds=240
    )
    assert rig.events()[-1]["meterValue"][0]["sampledValue"][1]["value"] == 71.0


def test_charging_without_a_condition_fills_the_battery() -> None:
    rig = run(PlugIn(soc_percent=99.9), Authorize(), Charge(), Unplug(), seconds=60)
    assert rig.story()[-1] == ("Ended", "EVCommunicationLost")
    assert rig.events()[-1]["meterValue"][0]["sampledValue"][1]["value"] == 100.0


def test_a_full_car_stays_connected_while_the_seconds_last() -> None:
    rig = run(PlugIn(soc_percent=99.9), Authorize(), Charge(seconds=90), Unplug(), seconds=80)
    assert rig.events()[-1]["transactionInfo"]["chargingState"] == "SuspendedEV"


def test_a_refused_token_does_not_hold_up_the_script() -> None:
    rig = Rig(script=Script(steps=(PlugIn(), Authorize(), Charge(kwh=5), Unplug()), repeat=False))
    rig.answers["Authorize"] = lambda _: token_answer("Invalid")
    rig.connect()
    rig.pass_time(5)
    assert rig.story() == [("Started", "CablePluggedIn"), ("Ended", "EVCommunicationLost")]


def test_speed_makes_script_and_battery_faster_but_not_the_clock() -> None:
    rig = run(PlugIn(), Authorize(), Charge(seconds=600), Unplug(), seconds=12, speed=60.0)
    begin, end = (rig.events()[at] for at in (0, -1))
    assert end["eventType"] == "Ended"
    energy = [event["meterValue"][0]["sampledValue"][0]["value"] for event in (begin, end)]
    assert energy[1] - energy[0] == pytest.approx(11_000 * 600 / 3600, rel=0.1)
    assert end["timestamp"] < "2026-01-10T10:00:13Z"
