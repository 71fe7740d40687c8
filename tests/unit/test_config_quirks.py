"""Quirks in the configuration: what may be named, and what counts more."""

from pathlib import Path

import pytest

from bridge.config import Config, ConfigError, load_config
from bridge.config.render import as_toml
from bridge.domain.events import BootNotification
from bridge.domain.ids import StationId
from bridge.domain.quirks import Quirk, effective


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    [sentence] = caught.value.problems
    return sentence


def test_an_unknown_quirk_is_refused_with_those_there_are(tmp_path: Path) -> None:
    sentence = problem(tmp_path, "[stations.known.E1]\nquirks = ['no_such_thing']")

    assert "there is no quirk 'no_such_thing'; there are: " in sentence
    assert all(quirk.value in sentence for quirk in Quirk)


OLD_WALLBOX = BootNotification(
    vendor_name="Wall Box Chargers", model="PLP1", reason="PowerUp", firmware_version="5.17.87"
)


@pytest.mark.parametrize(
    ("text", "level", "unit"),
    [
        ("", 0, None),
        ("[stations.known.E1]", 0, None),
        ("[stations.known.E1]\nquirks = []", None, None),
        ("[stations.known.E1]\nquirks = ['watts_only']", None, "W"),
        ("[stations.known.E1]\nquirks = ['watts_only']\nrate_unit = 'A'", None, "A"),
        ("[stations.known.E1]\nquirks = ['watts_only']\nrate_unit = 'auto'", None, None),
        ("[stations.known.E1]\nstack_level = 4", 4, None),
        ("[stations.defaults]\nstack_level = 5", 5, None),
        ("[stations.defaults]\nstack_level = 5\n[stations.known.E1]\nstack_level = 4", 4, None),
        (
            "[stations.defaults]\nstack_level = 5\n[stations.known.E1]\nquirks = ['no_pongs']",
            5,
            None,
        ),
    ],
)
def test_what_counts_of_the_quirks_and_the_configuration(
    tmp_path: Path, text: str, level: int | None, unit: str | None
) -> None:
    settings = effective(loaded(tmp_path, text).station_settings(StationId("E1")), OLD_WALLBOX)

    assert (settings.stack_level, settings.rate_unit) == (level, unit)


def test_defaults_that_are_not_said_are_printed_as_comments(tmp_path: Path) -> None:
    text = as_toml(loaded(tmp_path, "[stations.defaults]\nphases = 1"))

    assert "\nphases = 1\n" in text
    assert '\n# rate_unit = "auto"\n' in text


def test_quirks_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    sentence = problem(tmp_path, "[stations.known.E1]\nquirks = ['watts_only', 'amperes_only']")

    assert sentence.endswith("watts_only and amperes_only contradict each other")


def test_quirks_belong_to_one_station(tmp_path: Path) -> None:
    assert problem(tmp_path, "[stations.defaults]\nquirks = []") == (
        'stations.defaults.quirks: there is no such key; did you mean stations.known."*".quirks?'
    )


def test_a_time_zone_is_one_that_there_is(tmp_path: Path) -> None:
    sentence = problem(tmp_path, "[stations.known.E1]\ntime_zone = 'Mars/Olympus'")

    assert sentence == (
        "stations.known.E1.time_zone = 'Mars/Olympus': there is no such time zone on this machine"
    )
    for zone in ("Europe/Berlin", "local", ""):
        config = loaded(tmp_path, f"[stations.known.E1]\ntime_zone = '{zone}'")
        assert config.station_settings(StationId("E1")).time_zone == zone
