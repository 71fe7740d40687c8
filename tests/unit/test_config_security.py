"""TLS, certificates and passwords of stations: what is understood, and what is refused."""

from pathlib import Path

import pytest

from bridge.config import Config, ConfigError, load_config
from bridge.config.render import as_toml
from bridge.domain.ids import StationId
from bridge.domain.passwords import PlainPassword, ScryptPassword
from bridge.domain.settings import StationAuth

HASH = "$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"
TLS = "tls_cert_file = '{file}'\ntls_key_file = '{file}'\n"


def loaded(tmp_path: Path, text: str) -> Config:
    (tmp_path / "some.pem").touch()
    path = tmp_path / "bridge.toml"
    path.write_text(text.replace("{file}", str(tmp_path / "some.pem")), encoding="utf-8")
    return load_config(path)


def test_both_listeners_and_their_authorities(tmp_path: Path) -> None:
    text = f"[ocpp]\n{TLS}tls_client_ca_file = '{{file}}'\nlisten_tls = '[::]:9443'"
    ocpp = loaded(tmp_path, text).ocpp
    assert ocpp.address == ("0.0.0.0", 9000)
    assert ocpp.tls_address == ("::", 9443)
    assert ocpp.tls_client_ca_file == tmp_path / "some.pem"


def test_one_listener_unless_another_is_asked_for(tmp_path: Path) -> None:
    assert loaded(tmp_path, f"[ocpp]\n{TLS}listen_tls = ''").ocpp.tls_address is None


def test_how_a_station_proves_itself_is_among_its_settings(tmp_path: Path) -> None:
    text = f"""
        [ocpp]
        {TLS}
        tls_client_ca_file = '{{file}}'
        [stations.defaults]
        auth = "mtls"
        [stations.known.E1]
        auth = "basic"
        password = "secret"
        require_tls = true
    """
    config = loaded(tmp_path, text)
    one, other = (config.station_settings(StationId(name)) for name in ("E1", "E2"))
    assert (one.auth, one.require_tls) == (StationAuth.BASIC, True)
    assert (other.auth, other.require_tls) == (StationAuth.MTLS, None)


def test_a_password_as_text_as_bytes_and_as_a_hash(tmp_path: Path) -> None:
    (tmp_path / "some.pem").write_text("from a file\n")
    text = f"""
        [stations.known.E1]
        password = "text"
        [stations.known.E2]
        password_hex = "00fF"
        [stations.known.E3]
        password_hash = "{HASH}"
        [stations.known.E4]
        auth = "basic"
    """
    stations = loaded(tmp_path, text).stations
    passwords = [stations.password(StationId(f"E{number}")) for number in range(1, 6)]
    assert passwords == [
        PlainPassword(b"text"),
        PlainPassword(b"\x00\xff", hexadecimal=True),
        ScryptPassword.parse(HASH),
        None,
        None,
    ]
    assert stations.has_slow_passwords
    assert stations.hides_ids


def test_where_nobody_proves_anything_nothing_is_hidden(tmp_path: Path) -> None:
    stations = loaded(tmp_path, "[stations.known.E1]\npassword = 'text'").stations
    assert not stations.hides_ids
    assert not stations.has_slow_passwords


def test_passwords_are_masked(tmp_path: Path) -> None:
    text = f"""
        [stations.known.E1]
        password_hex = "c0ffee"
        [stations.known.E2]
        password_hash = "{HASH}"
    """
    config = loaded(tmp_path, text)
    assert 'password_hex = "***"' in as_toml(config)
    assert "c0ffee" not in as_toml(config)
    assert HASH not in as_toml(config)
    assert "c0ffee" not in repr(config.stations)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[stations.known.E1]\nauth = 'mtls'",
            'stations.known."E1": auth is mtls, so give ocpp.tls_client_ca_file',
        ),
        (
            "[stations.defaults]\nrequire_tls = true",
            "stations.defaults: require_tls needs ocpp.tls_cert_file",
        ),
        ("[ocpp]\nlisten_tls = '[::]:9443'", "ocpp: listen_tls needs tls_cert_file"),
        ("[ocpp]\ntls_client_ca_file = '{file}'", "ocpp: tls_client_ca_file needs tls_cert_file"),
        ("[ocpp]\nlisten_tls = '9443'", "ocpp.listen_tls = '9443': must be \"host:port\""),
        ("[stations.known.E1]\npassword_hex = 'abc'", "stations.known.E1.password_hex = ***"),
        (
            "[stations.known.E1]\npassword_hash = 'x'",
            "as `ocpp-mqtt-bridge stations hash-password`",
        ),
        (
            f"[stations.known.E1]\npassword = 'x'\npassword_hash = '{HASH}'",
            "stations.known.E1: give one of password and password_hash",
        ),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        loaded(tmp_path, text)
    assert len(wrong.value.problems) == 1
    assert sentence in wrong.value.problems[0]
