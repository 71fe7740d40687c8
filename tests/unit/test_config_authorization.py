"""[authorization] and `authorize`: what is understood, and which sentence a mistake gets."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.config import Config, ConfigError, load_config
from bridge.config.render import as_toml
from bridge.domain.enums import AuthorizationStatus
from bridge.domain.ids import StationId, token_hash
from bridge.domain.settings import AuthorizationSettings, AuthorizeMode
from bridge.domain.tokens import Verdict

KEY = b"key"
NOW = datetime(2026, 1, 10, tzinfo=UTC)
FULL = """
[stations.defaults]
authorize = "ask"
[stations.known.GARAGE]
authorize = "list"
[authorization]
ask_timeout_seconds = 20
ask_default = "accept"
stop_refused = false
concurrent_transactions = false
[[authorization.tokens]]
id_token = "04A2B3C4"
type = "ISO14443"
group = "FAMILY"
valid_until = 2027-01-01T00:00:00Z
[[authorization.tokens]]
hash = "0123456789abcdef"
status = "Blocked"
"""


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_a_station_has_its_own_mode_and_all_have_the_same_tokens(tmp_path: Path) -> None:
    config = loaded(tmp_path, FULL)
    rules = config.authorization.settings(KEY)
    garage = config.station_settings(StationId("GARAGE"), rules)
    other = config.station_settings(StationId("OTHER"), rules)
    assert garage.authorize is AuthorizeMode.LIST
    assert other.authorize is AuthorizeMode.ASK
    assert garage.authorization is other.authorization is rules
    assert rules.ask_timeout_seconds == 20
    assert rules.ask_default is AuthorizationStatus.ACCEPTED
    assert not rules.stop_refused
    assert not rules.concurrent_transactions


def test_tokens_are_found_by_value_and_by_hash(tmp_path: Path) -> None:
    tokens = loaded(tmp_path, FULL).authorization.settings(KEY).tokens
    assert tokens.verdict("04a2b3c4", "ISO14443", NOW) == Verdict(
        group="FAMILY", valid_until=datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert tokens.verdict("04a2b3c4", "eMAID", NOW) is None
    assert set(tokens.entries) == {token_hash(KEY, "04A2B3C4"), "0123456789abcdef"}
    assert "04A2B3C4" not in repr(tokens)


def test_without_a_word_everybody_may_charge(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")
    assert config.station_settings(StationId("X")).authorize is AuthorizeMode.ACCEPT
    assert config.authorization.settings(b"") == AuthorizationSettings()


def test_the_effective_configuration_shows_no_token(tmp_path: Path) -> None:
    text = as_toml(loaded(tmp_path, FULL))
    assert "04A2B3C4" not in text
    assert '{id_token = "***", type = "ISO14443", status = "Accepted", group = "FAMILY", ' in text
    assert '{hash = "0123456789abcdef", status = "Blocked"}' in text
    assert "04A2B3C4" not in repr(loaded(tmp_path, FULL))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[[authorization.tokens]]\nstatus = 'Blocked'",
            "authorization.tokens[0]: give exactly one of id_token and hash",
        ),
        (
            "[[authorization.tokens]]\nid_token = 'CANARY'\nhash = '0123456789abcdef'",
            "authorization.tokens[0]: give exactly one of id_token and hash",
        ),
        (
            "[[authorization.tokens]]\nid_token = ''",
            (
                "authorization.tokens[0].id_token = ***: must have at least 1 item after"
                " validation, not 0"
            ),
        ),
        (
            "authorization.tokens = [{id_token = 'CANARY'}, {id_token = 'canary'}]",
            "authorization: tokens[1] is there twice",
        ),
        (
            "[[authorization.tokens]]\nid_token = 'CANARY'\nvalid_until = 2027-01-01T00:00:00",
            ("authorization.tokens[0].valid_until = 2027-01-01 00:00:00: must have timezone info"),
        ),
        (
            "[[authorization.tokens]]\nid_token = 'CANARY'\nstate = 'Blocked'",
            (
                "authorization.tokens[0].state: there is no such key; did you mean"
                " authorization.tokens[0].status?"
            ),
        ),
        (
            "[stations.defaults]\nauthorize = 'nobody'",
            "stations.defaults.authorize = 'nobody': must be 'accept', 'list' or 'ask'",
        ),
    ],
)
def test_a_mistake_is_explained_without_the_token(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert "canary" not in str(caught.value).lower()
    assert str(caught.value) == sentence
