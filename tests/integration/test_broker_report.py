"""What a run without a full broker says about the tests that it left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONE_TEST_OF_MQTT_5 = "tests/integration/test_mqtt_probe.py::test_mqtt_5_properties_arrive"
ONE_TEST_OF_POSTGRESQL = (
    "tests/integration/store/test_postgres.py::test_an_event_is_one_row_and_no_more"
)
NOT_RUN = "not run: 1 test that needs MQTT 5 (install mosquitto)"


def run_pytest(
    test: str = ONE_TEST_OF_MQTT_5, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if "BRIDGE_TESTS" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_what_amqtt_cannot_run_is_reported_as_not_run() -> None:
    run = run_pytest(BRIDGE_TESTS_BROKER="amqtt")
    assert run.returncode == 0
    assert NOT_RUN in run.stdout


def test_a_run_that_requires_mosquitto_fails_if_a_test_was_not_run() -> None:
    run = run_pytest(BRIDGE_TESTS_BROKER="amqtt", BRIDGE_TESTS_REQUIRE="mosquitto")
    assert run.returncode == 1
    assert "needs MQTT 5: install mosquitto (BRIDGE_TESTS_REQUIRE)" in run.stdout


def test_what_needs_a_database_is_reported_without_one() -> None:
    run = run_pytest(
        ONE_TEST_OF_POSTGRESQL, BRIDGE_TESTS_POSTGRES="/nowhere", BRIDGE_TESTS_REQUIRE="mosquitto"
    )
    assert run.returncode == 0
    need = "a PostgreSQL server of their own (install postgresql)"
    assert f"not run: 1 test that needs {need}" in run.stdout


def test_a_run_that_requires_a_database_fails_without_one() -> None:
    run = run_pytest(
        ONE_TEST_OF_POSTGRESQL,
        BRIDGE_TESTS_POSTGRES="/nowhere",
        BRIDGE_TESTS_REQUIRE="mosquitto postgres",
    )
    assert run.returncode == 1
    assert "needs a PostgreSQL server of their own: install postgresql" in run.stdout


@pytest.mark.mosquitto
def test_nothing_is_reported_where_mosquitto_is_there() -> None:
    run = run_pytest(BRIDGE_TESTS_BROKER="mosquitto", BRIDGE_TESTS_REQUIRE="mosquitto")
    assert run.returncode == 0
    assert "not run" not in run.stdout


@pytest.mark.parametrize(
    ("name", "value"), [("BRIDGE_TESTS_BROKER", "rabbit"), ("BRIDGE_TESTS_REQUIRE", "amqtt")]
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    run = run_pytest(**{name: value})
    assert run.returncode != 0
    assert name in run.stdout + run.stderr
