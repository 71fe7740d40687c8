"""Who may use the HTTP service, by the configuration."""

import pytest

from bridge.adapter_settings import http_settings
from bridge.config import ConfigError, load_config
from bridge.config.model import Config


def config(**http: object) -> Config:
    return load_config(overrides={"http": http})


@pytest.mark.parametrize(
    ("listen", "auth", "needs_token"),
    [
        ("127.0.0.1:8080", "auto", False),
        ("127.9.9.9:8080", "auto", False),
        ("[::1]:8080", "auto", False),
        ("localhost:8080", "auto", False),
        ("0.0.0.0:8080", "auto", True),
        ("[::]:8080", "auto", True),
        ("192.168.1.5:8080", "auto", True),
        ("garage:8080", "auto", True),
        ("127.0.0.1:8080", "token", True),
        ("127.0.0.1:8080", "none", False),
    ],
)
def test_who_has_to_show_a_token(listen: str, auth: str, needs_token: bool) -> None:
    settings = http_settings(config(listen=listen, auth=auth))
    assert settings is not None
    assert settings.needs_token is needs_token


def test_who_comes_through_a_proxy_has_to_show_one() -> None:
    settings = http_settings(config(allowed_hosts=["charging.example.org"]))
    assert settings is not None
    assert settings.needs_token


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "garage:80"])
def test_nobody_needs_one_beyond_the_loopback_only_where_that_is_said(listen: str) -> None:
    with pytest.raises(ConfigError, match='auth = "none" lets everybody command'):
        config(listen=listen, auth="none")
    settings = http_settings(config(listen=listen, auth="none", allow_anonymous=True))
    assert settings is not None
    assert not settings.needs_token


def test_an_empty_listen_is_none() -> None:
    assert http_settings(config(listen="")) is None


@pytest.mark.parametrize("listen", ["8080", "host", "host:99999", ":8080"])
def test_an_address_that_is_none(listen: str) -> None:
    with pytest.raises(ConfigError, match=r'http\.listen = .*must be "host:port"'):
        config(listen=listen)


def test_names_of_the_service_are_names() -> None:
    assert config(allowed_hosts=["Charge.Example"]).http.allowed_hosts == ("charge.example",)
    with pytest.raises(ConfigError, match=r"http\.allowed_hosts"):
        config(allowed_hosts=["http://charge.example"])
