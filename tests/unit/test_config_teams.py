"""[teams.NAME]: what is understood, and which sentence a mistake gets."""

from pathlib import Path

import pytest

from bridge.config import ConfigError, load_config
from bridge.domain.ids import StationId
from bridge.domain.team import MemberId, Totals


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_team_names_its_members_and_its_total(tmp_path: Path) -> None:
    text = """
        commands.default_ttl_seconds = 600
        [teams.garage]
        members = ["DE*ABC*E1/1", "DE*ABC*E1/2", "a/b/1"]
        max_a = 63
        turn_seconds = 600
    """
    [team] = load_config(write(tmp_path, text)).team_settings
    assert team.name == "garage"
    assert team.members == (
        MemberId(StationId("DE*ABC*E1"), 1),
        MemberId(StationId("DE*ABC*E1"), 2),
        MemberId(StationId("a/b"), 1),
    )
    assert team.totals == Totals(limit_a=63.0)
    assert (team.turn_seconds, team.failsafe_seconds) == (600, 7200)
    assert team.default_ttl_seconds == 600


def test_a_total_may_be_in_watts(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, '[teams.house]\nmembers = ["CS1/1"]\nmax_w = 11000'))
    assert config.team_settings[0].totals == Totals(limit_w=11_000.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[teams.a]\nmembers = ["CS1/1"]',
            "give exactly one of max_a (A per phase) and max_w (W in all)",
        ),
        (
            '[teams.a]\nmembers = ["CS1/1"]\nmax_a = 1\nmax_w = 1',
            "give exactly one of max_a (A per phase) and max_w (W in all)",
        ),
        ('[teams.a]\nmembers = ["CS1"]\nmax_a = 16', "teams.a.members[0] = 'CS1'"),
        ('[teams.a]\nmembers = ["CS1/0"]\nmax_a = 16', "teams.a.members[0] = 'CS1/0'"),
        ("[teams.a]\nmembers = []\nmax_a = 16", "teams.a.members"),
        ('[teams."a/b"]\nmembers = ["CS1/1"]\nmax_a = 16', "teams"),
        (
            '[teams.a]\nmembers = ["CS1/1"]\nmax_a = 9\n[teams.b]\nmembers = ["CS1/1"]\nmax_a = 9',
            '"CS1/1" is a member of a and of b',
        ),
        (
            '[teams.a]\nmembers = ["CS1/1", "CS1/1"]\nmax_a = 9',
            '"CS1/1" is a member of a and of a',
        ),
    ],
)
def test_what_is_wrong_with_a_team(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    [problem] = caught.value.problems
    assert sentence in problem
