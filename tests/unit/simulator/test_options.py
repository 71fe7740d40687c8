import argparse
from pathlib import Path

import pytest

from bridge.simulator import SimulatorOptions, add_arguments, options_from
from bridge.simulator.external import parse_planned_limit
from bridge.simulator.preinstalled import parse_preinstalled
from bridge.simulator.quirks import QUIRKS, Quirk
from bridge.simulator.script import Script, Wait


def parse(*arguments: str) -> SimulatorOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_from(parser.parse_args(arguments))


def test_without_arguments_the_defaults_hold() -> None:
    assert parse() == SimulatorOptions()


def test_every_argument_arrives(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('[{"step":"wait","seconds":1}]')
    options = parse(
        *"--url ws://bridge:9000/ocpp --version 2.0.1 --stations 20 --id-prefix CS".split(),
        *"--password secret --evses 2 --phases 1 --station-max-a 16 --cable-max-a 20".split(),
        *"--car-max-a 10 --battery-kwh 50 --soc-percent 5 --meter-interval 0.2".split(),
        *"--car-phases 2 --external-limit 16@30..90 --external-limit SO:10".split(),
        *"--installed-profile max=20 --quirk no_composite --quirk slow_answers".split(),
        *"--answer-delay 7 --vendor ACME --model M1 --firmware 2.0".split(),
        *f"--speed 60 --seed 3 --id-token ME --script {tmp_path / 'script.json'}".split(),
    )
    assert options == SimulatorOptions(
        url="ws://bridge:9000/ocpp",
        stations=20,
        id_prefix="CS",
        vendor="ACME",
        model="M1",
        firmware="2.0",
        password="secret",
        evses=2,
        phases=1,
        car_phases=2,
        external_limits=(parse_planned_limit("16@30..90"), parse_planned_limit("SO:10")),
        installed_profiles=(parse_preinstalled("max=20"),),
        quirks=frozenset({Quirk.NO_COMPOSITE, Quirk.SLOW_ANSWERS}),
        answer_delay_s=7.0,
        station_max_a=16.0,
        cable_max_a=20.0,
        car_max_a=10.0,
        battery_kwh=50.0,
        soc_percent=5.0,
        meter_interval_s=0.2,
        speed=60.0,
        seed=3,
        id_token="ME",
        script=Script(steps=(Wait(seconds=1),)),
    )


def test_stations_are_numbered_or_named() -> None:
    assert parse("--stations", "3").ids == ("SIM001", "SIM002", "SIM003")
    assert parse("--station-id", "DE*ABC*E1", "--station-id", "b").ids == ("DE*ABC*E1", "b")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version", "1.5"],
        ["--version", "2.2"],
        ["--url", "http://bridge"],
        ["--stations", "0"],
        ["--phases", "2"],
        ["--speed", "0"],
        ["--speed", "inf"],
        ["--speed", "nan"],
        ["--soc-percent", "101"],
        ["--battery-kwh", "-1"],
        ["--script", "/nowhere.json"],
        ["--external-limit", "16@30"],
        ["--installed-profile", "tx=10"],
        ["--quirk", "perfect"],
        ["--answer-delay", "0"],
        ["--car-phases", "4"],
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_help_has_a_line_for_every_quirk() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    lines = parser.format_help().splitlines()
    for quirk, meaning in QUIRKS.items():
        assert any(line.split() == [quirk, *meaning.split()] for line in lines)


def test_a_wrong_quirk_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--quirk", "perfect")
    complaint = capsys.readouterr().err
    assert "perfect is not one of refuse_profiles, refuse_tx_profile" in complaint
