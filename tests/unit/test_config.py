"""What people may write into the configuration, and what they read where it is wrong."""

import json
import os
import tomllib
from pathlib import Path

import jsonschema
import pytest

from bridge.api.commands import COMMAND_MODELS
from bridge.config import Config, ConfigError, load_config
from bridge.config.model import config_json_schema
from bridge.config.reference import reference
from bridge.config.render import as_toml
from bridge.domain.ids import StationId
from bridge.domain.passwords import PlainPassword
from bridge.domain.settings import (
    BelowMinimum,
    ProfileKind,
    RateUnit,
    StationSettings,
    UnknownStations,
)

REPOSITORY = Path(__file__).parents[2]
GARAGE = StationId("DE*ABC*E1")


@pytest.fixture(autouse=True)
def no_bridge_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("BRIDGE_"):
            monkeypatch.delenv(name)


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    return list(caught.value.problems)


# --- Sources ------------------------------------------------------------------------------


def test_nothing_at_all_is_a_configuration() -> None:
    config = load_config()

    assert config.mqtt.endpoint.host == "localhost"
    assert config.mqtt.endpoint.port == 1883
    assert config.ocpp.address == ("0.0.0.0", 9000)
    assert config.stations.unknown is UnknownStations.PENDING
    assert config.mqtt_client_id == "ocpp-mqtt-bridge-main"


def test_environment_wins_over_file_and_command_line_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text('[mqtt]\nurl = "mqtt://file"\nroot = "file"\n[log]\nlevel = "error"\n')
    monkeypatch.setenv("BRIDGE_MQTT__URL", "mqtt://environment")
    monkeypatch.setenv("BRIDGE_LOG__LEVEL", "warning")

    config = load_config(path, overrides={"log": {"level": "debug"}})

    assert config.mqtt.url == "mqtt://environment"
    assert config.mqtt.root == "file"
    assert config.log.level == "debug"


def test_tables_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {GARAGE: {"installation_max_a": 32}}
    monkeypatch.setenv("BRIDGE_STATIONS__KNOWN", json.dumps(known))

    assert load_config().station_settings(GARAGE).installation_max_a == 32


def test_the_environment_says_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_OCPP__CALL_TIMEOUT_SECONDS", "soon")

    with pytest.raises(ConfigError, match=r"\(from BRIDGE_OCPP__CALL_TIMEOUT_SECONDS\)"):
        load_config()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "BRIDGE_MQQT__URL",
            "mqqt.url: there is no such key; did you mean mqtt.url? (from BRIDGE_MQQT__URL)",
        ),
        (
            "BRIDGE_MQTT__ULR",
            "mqtt.ulr: there is no such key; did you mean mqtt.url? (from BRIDGE_MQTT__ULR)",
        ),
        (
            "BRIDGE_STORE__URL",
            (
                "store.url = 'x': must be postgresql://, a host and a database, e.g."
                ' "postgresql://db.local/bridge" (from BRIDGE_STORE__URL)'
            ),
        ),
    ],
)
def test_a_misspelt_variable_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(ConfigError) as caught:
        load_config()

    assert caught.value.problems == (sentence,)


def test_a_list_in_the_environment_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_OCPP__VERSIONS", "ocpp2.0.1")

    with pytest.raises(ConfigError, match="lists and tables are JSON there"):
        load_config()


def test_other_variables_of_that_prefix_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_PYTHON", "python3.12")

    assert load_config().bridge.id == "main"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load_config(tmp_path / "absent.toml")
    [sentence] = problems(tmp_path, "[mqtt\n")
    assert "is no valid TOML" in sentence
    assert "line 1" in sentence


# --- Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mqt = 3", "mqt: there is no such key; did you mean mqtt?"),
        ("[mqtt]\nulr = 1", "mqtt.ulr: there is no such key; did you mean mqtt.url?"),
        ("[mqtt]\nlisten = 1", "mqtt.listen: there is no such key; did you mean http.listen?"),
        ("[mqtt]\nqqqqq = 1", "mqtt.qqqqq: there is no such key"),
        (
            "[store]\nurl = 'postgresql://me:CANARY@db'",
            ("store.url = 'postgresql://***@db': must be postgresql://, a host and a database,"
            ' e.g. "postgresql://db.local/bridge"'),
        ),
        (
            "[store]\nurl = 'postgresql://me:CAN@ARY/CANARY@db/bridge'",
            ("store.url = 'postgresql://***@db/bridge': has more than one @: in a user or password"
            " it is written %40"),
        ),
        (
            "[store]\nurl = 'postgresql://[::1]:5432,db:99999/bridge'",
            ("store.url = 'postgresql://[::1]:5432,db:99999/bridge': has a port that is no number"
            " from 1 to 65535"),
        ),
        (
            "[store]\nurl = 'postgresql://db/bridge?password=CANARY'",
            ("store.url = 'postgresql://db/bridge?password=***': has a password behind the ?: it belongs before the host,"
            " user:password@"),
        ),
        (
            '[stations.known."DE*ABC*E1"]\nupstream = "ws://x"',
            'stations.known."DE*ABC*E1".upstream: not available in this version',
        ),
        (
            "[stations.known.E1]\ninstalation_max_a = 1",
            ("stations.known.E1.instalation_max_a: there is no such key;"
            " did you mean stations.known.E1.installation_max_a?"),
        ),
        (
            "[ocpp]\nversions = ['ocpp2.1', 'ocpp2.0']",
            "ocpp.versions[1] = 'ocpp2.0': must be 'ocpp1.6', 'ocpp2.0.1' or 'ocpp2.1'",
        ),
        (
            "[stations.defaults]\nauth = 'tls'",
            "stations.defaults.auth = 'tls': must be 'none', 'basic' or 'mtls'",
        ),
        (
            "[ocpp]\ncall_timeout_seconds = 0",
            "ocpp.call_timeout_seconds = 0: must be greater than or equal to 1",
        ),
        (
            "[stations.defaults]\nbelow_minimum = 'stop'",
            "stations.defaults.below_minimum = 'stop': must be 'pause', 'floor' or 'reject'",
        ),
        ("[stations.defaults]\nfailsafe_a = nan", "stations.defaults.failsafe_a = nan: must be a finite number"),
        ("mqtt = 3", "mqtt = 3: must be a table, e.g. [section] and lines of key = value"),
        ("[mqtt]\npassword = 3", "mqtt.password = ***: must be a valid string"),
        (
            "[stations.defaults]\ninstallation_max_a = 5",
            "stations: defaults: minimum_a = 6 is above installation_max_a = 5",
        ),
        (
            "[stations.known.E1]\nstation_max_a = 12",
            'stations: known."E1": installation_max_a = 16, of one EVSE, is above station_max_a = 12',
        ),
        (
            "[stations.known.E1]\nfailsafe_a = 17",
            'stations: known."E1": failsafe_a = 17 is above installation_max_a = 16',
        ),
        (
            "[stations.known.E1]\nfallback_a = 17",
            'stations: known."E1": fallback_a = 17 is above installation_max_a = 16',
        ),
        (
            "[stations.defaults]\nrate_unit = 'kW'",
            "stations.defaults.rate_unit = 'kW': must be 'A', 'W' or 'auto'",
        ),
        (
            "[stations.defaults]\ncall_timeouts = { getLog = 120 }",
            ("stations.defaults.call_timeouts.getLog = 'getLog': must match pattern"
            " '^[A-Z][A-Za-z0-9]{1,49}$'"),
        ),
        (
            "[stations.defaults]\nprofile_kind = 'Recurring'",
            "stations.defaults.profile_kind = 'Recurring': must be 'Absolute' or 'Relative'",
        ),
        (
            "[commands]\nmin_increase_interval_seconds = 901",
            ("commands.min_increase_interval_seconds = 901:"
            " must be less than or equal to 900"),
        ),
        (
            "[stations.defaults]\nauth = 'basic'",
            ("stations: defaults.auth is basic, and a station that is not known has no password"
            ' here: set unknown = "refuse"'),
        ),
        ("[ocpp]\ntls_cert_file = '/absent'", "ocpp.tls_cert_file = '/absent': there is no such file"),
    ],
)  # fmt: skip
def test_an_error_names_the_key_and_what_is_allowed(
    tmp_path: Path, text: str, sentence: str
) -> None:
    assert problems(tmp_path, text) == [sentence]


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "htp = 1\n[mqtt]\nulr = 1\n[log]\nlevel = 'loud'\n")) == 3


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "http://x",
        "mqtt://",
        "mqtt://h:0",
        "mqtt://h:99999",
        "mqtt://h:x",
        "mqtt://h/t",
    ],
)
def test_urls_that_lead_nowhere(tmp_path: Path, url: str) -> None:
    [sentence] = problems(tmp_path, f"[mqtt]\nurl = '{url}'")

    assert sentence.startswith("mqtt.url = ")


def test_no_secret_is_in_an_error(tmp_path: Path) -> None:
    sentences = problems(
        tmp_path,
        """
        [mqtt]
        url = "mqtt://me:canary@host:99999"
        [stations.known.E1]
        password = ["canary"]
        """,
    )

    assert len(sentences) == 2
    assert "canary" not in str(sentences)


# --- Meaning ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "port", "tls", "path"),
    [
        ("mqtt://h", 1883, False, None),
        ("mqtt://h:1884/", 1884, False, None),
        ("mqtts://h", 8883, True, None),
        ("ws://h", 80, False, "/mqtt"),
        ("wss://h:9001/broker", 9001, True, "/broker"),
    ],
)
def test_a_url_says_how_to_reach_the_broker(
    tmp_path: Path, url: str, port: int, tls: bool, path: str | None
) -> None:
    endpoint = loaded(tmp_path, f"[mqtt]\nurl = '{url}'").mqtt.endpoint

    assert (endpoint.host, endpoint.port, endpoint.tls) == ("h", port, tls)
    assert endpoint.websocket_path == path


def test_the_login_stands_in_the_url_or_beside_it(tmp_path: Path) -> None:
    url = 'url = "mqtt://me:p%40ss@h"\n'

    both = loaded(tmp_path, f"[mqtt]\n{url}").mqtt.endpoint
    beside = loaded(tmp_path, f'[mqtt]\n{url}username = "you"\npassword = "other"\n').mqtt.endpoint

    assert (both.username, both.password) == ("me", "p@ss")
    assert (beside.username, beside.password) == ("you", "other")
    assert "p@ss" not in repr(both)


def test_a_password_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")

    config = loaded(tmp_path, f"[mqtt]\npassword_file = '{secret}'")

    assert config.mqtt.endpoint.password == "from the file"


def test_the_url_of_the_store_may_be_kept_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://me:CANARY@db.local/bridge?sslmode=verify-full\n")

    config = loaded(tmp_path, f"[store]\nurl_file = '{secret}'")

    assert config.store.url == "postgresql://me:CANARY@db.local/bridge?sslmode=verify-full"
    shown = as_toml(config)
    assert 'url = "postgresql://***@db.local/bridge?sslmode=verify-full"' in shown
    assert "CANARY" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///bridge",
        "postgres://db/bridge",
        "postgresql://me@[::1]:5432/bridge",
        "postgresql://one:5432,two/bridge?target_session_attrs=read-write",
        "postgresql:///bridge?host=/run/postgresql",
    ],
)
def test_urls_of_databases(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, f"[store]\nurl = '{url}'").store.url == url


def test_without_a_url_the_store_is_a_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").store.url is None
    assert loaded(tmp_path, "[store]\nurl = ''").store.url is None


@pytest.mark.parametrize(
    ("content", "extra", "sentence"),
    [
        (None, "", "cannot be read"),
        ("\n", "", "is empty"),
        ("x", "password = 'y'", "give password or password_file, not both"),
    ],
)
def test_a_password_file_that_does_not_serve(
    tmp_path: Path, content: str | None, extra: str, sentence: str
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content)

    [problem] = problems(tmp_path, f"[mqtt]\npassword_file = '{secret}'\n{extra}")

    assert sentence in problem


def test_a_known_station_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [commands]
        default_ttl_seconds = 900
        [stations]
        unknown = "accept"
        [stations.defaults]
        installation_max_a = 20
        below_minimum = "floor"
        [stations.known."DE*ABC*E1"]
        installation_max_a = 32
        phases = 1
        """,
    )

    assert config.station_settings(GARAGE) == StationSettings(
        installation_max_a=32,
        phases=1,
        below_minimum=BelowMinimum.FLOOR,
        default_ttl_seconds=900,
        known=True,
        unknown_stations=UnknownStations.ACCEPT,
    )
    unknown = config.station_settings(StationId("other"))
    assert (unknown.known, unknown.installation_max_a, unknown.phases) == (False, 20, 3)


def test_how_limits_reach_a_station(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [commands]
        min_increase_interval_seconds = 60
        [stations.defaults]
        automatic_calls = false
        increase_hold_seconds = 20.5
        rate_unit = "W"
        [stations.known."DE*ABC*E1"]
        fallback_a = 6
        mirror_leases = false
        min_decrease_interval_seconds = 2
        observe_seconds = 45
        phase_switching = true
        profile_kind = "Relative"
        rate_unit = "auto"
        stack_level = 8
        """,
    )

    settings = config.station_settings(GARAGE)

    assert settings == StationSettings(
        automatic_calls=False,
        fallback_a=6,
        increase_hold_seconds=20.5,
        min_decrease_interval_seconds=2,
        min_increase_interval_seconds=60,
        mirror_leases=False,
        observe_seconds=45,
        phase_switching=True,
        profile_kind=ProfileKind.RELATIVE,
        rate_unit=None,
        stack_level=8,
        known=True,
        explicit=frozenset({"profile_kind", "rate_unit", "stack_level"}),
    )
    assert config.station_settings(StationId("other")).rate_unit is RateUnit.WATT


def test_a_controller_may_not_let_stations_in_or_call_them_unless_it_says_so(
    tmp_path: Path,
) -> None:
    config = loaded(tmp_path, "[controllers.pv]\n[controllers.expert]\ncommands = ['call']")

    assert set(config.controllers["pv"].commands) == set(COMMAND_MODELS) - {
        "approve",
        "call",
        "password",
    }
    assert config.controllers["expert"].commands == ("call",)
    assert not config.commands.allow_call


def test_the_defaults_are_those_of_the_domain() -> None:
    assert load_config().station_settings(GARAGE) == StationSettings()


def test_passwords_of_stations(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [stations]
        unknown = "refuse"
        [stations.defaults]
        auth = "basic"
        [stations.known.E1]
        password = "päss"
        [stations.known.E2]
        auth = "none"
        """,
    )

    assert config.stations.password(StationId("E1")) == PlainPassword("päss".encode())
    assert config.stations.password(StationId("E2")) is None
    assert config.stations.password(StationId("E3")) is None


def test_empty_means_not_set(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "[mqtt]\nca_file = ''\nusername = ''\npassword = ''\nclient_id = ''\n[ocpp]\ntls_cert_file = ''",
    )

    assert config.mqtt.endpoint.username is None
    assert config.mqtt.endpoint.password is None
    assert config.ocpp.tls_cert_file is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[mqtt]\ncert_file = '{file}'", "mqtt: cert_file and key_file go together"),
        (
            "[mqtt]\nca_file = '{file}'",
            "mqtt: ca_file and cert_file need an mqtts:// or wss:// url",
        ),
        (
            "[ocpp]\ntls_key_file = '{file}'",
            "ocpp: tls_cert_file and tls_key_file go together",
        ),
    ],
)
def test_certificates_come_with_what_they_need(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "some.pem"
    file.write_text("")

    assert problems(tmp_path, text.format(file=file)) == [sentence]


@pytest.mark.parametrize("protocol", ['"5"', "5", '"3.1.1"'])
def test_the_protocol_may_be_a_number(tmp_path: Path, protocol: str) -> None:
    assert loaded(tmp_path, f"[mqtt]\nprotocol = {protocol}").mqtt.protocol == protocol.strip('"')


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::]:9000", ("::", 9000)),
        ("host.lan:1", ("host.lan", 1)),
    ],
)
def test_addresses_to_listen_on(tmp_path: Path, listen: str, address: tuple[str, int]) -> None:
    assert loaded(tmp_path, f"[ocpp]\nlisten = '{listen}'").ocpp.address == address


@pytest.mark.parametrize("listen", ["9000", ":9000", "h:", "h:70000", "::1:9000", "ws://h:1"])
def test_addresses_that_are_none(tmp_path: Path, listen: str) -> None:
    [sentence] = problems(tmp_path, f"[ocpp]\nlisten = '{listen}'")

    assert 'must be "host:port"' in sentence


# --- What is printed and published --------------------------------------------------------


FULL = """
[mqtt]
url = "mqtts://me:canary@broker"
password = "canary"
[stations.known."DE*ABC*E1"]
name = "Gar\\"age\\u007f"
password = "canary"
auth = "basic"
installation_max_a = 32
call_timeouts = { GetLog = 120 }
[stations.known.E2]
[controllers.pv]
commands = ["limit"]
"""


def test_the_effective_configuration_shows_no_secret(tmp_path: Path) -> None:
    text = as_toml(loaded(tmp_path, FULL))

    assert "canary" not in text
    assert 'password = "***"' in text
    assert 'url = "mqtts://***@broker"' in text


def test_the_effective_configuration_is_one(tmp_path: Path) -> None:
    config = loaded(tmp_path, FULL)

    again = loaded(tmp_path, as_toml(config))

    assert as_toml(again) == as_toml(config)
    assert again.station_settings(GARAGE) == config.station_settings(GARAGE)
    assert again.station_settings(GARAGE).call_timeouts == {"GetLog": 120.0}
    assert set(tomllib.loads(as_toml(config))["stations"]["known"]["E2"]) == set()


def test_the_schema_accepts_what_the_bridge_accepts() -> None:
    jsonschema.Draft202012Validator.check_schema(config_json_schema())
    jsonschema.validate(tomllib.loads(FULL), config_json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"mqtt": {"ulr": 1}}, config_json_schema())


def test_the_published_schema_is_up_to_date() -> None:
    committed = (REPOSITORY / "schemas" / "config.schema.json").read_text(encoding="utf-8")

    assert json.loads(committed) == config_json_schema(), "run: ocpp-mqtt-bridge export-schemas"


def test_the_reference_page_is_up_to_date() -> None:
    committed = (REPOSITORY / "docs" / "reference" / "configuration.md").read_text("utf-8")

    assert committed == reference(), (
        "run: python -m bridge.config.reference > docs/reference/configuration.md"
    )
