"""[secc.NAME]: which charge controllers there are, and what is wrong with a table."""

from pathlib import Path
from typing import Any

import pytest

from bridge.adapter_settings import mqtt_settings, secc_settings
from bridge.config import Config, ConfigError, load_config
from bridge.domain.ids import StationId
from bridge.secc.settings import SeccType


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)
    return str(raised.value)


def test_the_example_of_the_design(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[secc.carport]\ntype = "rest"\nurl = "http://192.168.1.20"\ninstallation_max_a = 20\n',
    )
    settings = config.station_settings(StationId("carport"))
    assert (settings.installation_max_a, settings.minimum_a) == (20, 6)
    assert (settings.known, settings.secc) == (True, True)
    (adapter,) = secc_settings(config)
    assert (adapter.station_id, adapter.type, adapter.url) == (
        "carport",
        SeccType.REST,
        "http://192.168.1.20",
    )
    assert (adapter.poll_seconds, adapter.lease_seconds) == (5, 300)
    assert config.station_settings(StationId("other")).secc is False


def test_what_a_table_leaves_out_is_as_for_all_stations(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[secc.a]\ntype = "websocket"\nurl = "http://a"\n'
        "[stations.defaults]\ninstallation_max_a = 25\nphases = 1\n",
    )
    settings = config.station_settings(StationId("a"))
    assert (settings.installation_max_a, settings.phases) == (25, 1)


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ('url = "mqtt://broker:1884"', "mqtt://broker:1884"),
        ('url = "mqtt://me:p%40ss@broker"', "mqtt://me:p%40ss@broker"),
        ('url = "mqtt://broker"\nusername = "me"', "mqtt://me@broker"),
    ],
)
def test_mqtt_uses_the_bridges_broker_where_none_is_named(
    tmp_path: Path, broker: str, url: str
) -> None:
    config = read(tmp_path, f'[secc.a]\ntype = "mqtt"\nclient_id = "S1"\n[mqtt]\n{broker}\n')
    (adapter,) = secc_settings(config)
    assert (adapter.url, adapter.client_id, adapter.host) == (url, "S1", "broker")


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('type = "rest"', "url is missing"),
        ('type = "rest"\nurl = "192.168.1.20"', "http:// or https://"),
        ('type = "rest"\nurl = "http://a"\nclient_id = "S1"', 'are for type = "mqtt"'),
        ('type = "websocket"\nurl = "mqtt://a"', "ws://"),
        ('type = "mqtt"', "client_id is missing"),
        ('type = "mqtt"\nclient_id = "a/b"', "client_id is missing"),
        ('type = "mqtt"\nclient_id = "a"\ntopic_prefix = "a/#"', "topic_prefix is no topic"),
        ('type = "mqtt"\nclient_id = "a"\n[mqtt]\nurl = "ws://a"', "url is missing"),
        ('type = "modbus"\nurl = "http://a"', "modbus"),
        ('type = "rest"\nurl = "http://a"\nminimum_a = 20', "above installation_max_a"),
        ('type = "rest"\nurl = "http://a"\n[stations.known.a]', "can be one only"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, table: str, complaint: str) -> None:
    assert complaint in problem(tmp_path, f"[secc.a]\n{table}\n")


def test_a_name_must_be_a_station_id(tmp_path: Path) -> None:
    told = problem(tmp_path, '[secc."a/b"]\ntype = "rest"\nurl = "http://a"\n')
    assert "a/b" in told


def test_a_password_in_an_url_is_not_shown(tmp_path: Path) -> None:
    from bridge.config.render import as_toml  # noqa: PLC0415  # beside its only use

    config: Any = read(
        tmp_path, '[secc.a]\ntype = "mqtt"\nclient_id = "a"\nurl = "mqtt://me:secret@b"\n'
    )
    assert "secret" not in as_toml(config)


# --- [secc_topics.NAME] ---------------------------------------------------------------------------


def test_no_evse_has_a_controllers_topics_by_itself() -> None:
    assert mqtt_settings(load_config(), b"key").secc_topics == ()


def test_an_evse_gets_them_by_a_table(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[secc_topics.garage]\nstation = "DE*ABC*E1"\n'
        '[secc_topics.A0123B4567C8]\nstation = "x"\nevse = 2\ntopic_prefix = "/pulsatrix/secc"\n'
        'controller = "hems"\n',
    )
    first, second = mqtt_settings(config, b"key").secc_topics
    assert (first.station_id, first.evse_id, first.controller) == ("DE*ABC*E1", 1, "secc")
    assert (first.topic_prefix, first.client_id) == ("pulsatrix/secc", "garage")
    assert (second.topic_prefix, second.evse_id) == ("/pulsatrix/secc", 2)
    assert (second.client_id, second.controller) == ("A0123B4567C8", "hems")


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("", "station"),
        ('station = "a"\ntopic_prefix = "ocpp/x"', "mqtt.root"),
        ('station = "a"\ntopic_prefix = "a/#"', "topic_prefix"),
        ('station = "a"\ntopic_prefix = "$SYS/x"', "topic_prefix"),
        ('station = "a"\nevse = 0', "evse"),
        ('station = "a"\ncontroller = "a b"', "controller"),
    ],
)
def test_what_is_wrong_with_such_a_table(tmp_path: Path, lines: str, word: str) -> None:
    assert word in problem(tmp_path, f"[secc_topics.garage]\n{lines}\n")
