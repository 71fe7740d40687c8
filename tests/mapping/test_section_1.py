"""Section 1: which of several things that are known decides on the state, the first match first."""

import pytest

from tests.mapping.charger import VERSIONS, Charger2, Charger16, charger

FAULTED = {
    "1.6": ("status", "Faulted", "GroundFailure"),
    "2.0.1": ("status", "Faulted"),
    "2.1": ("status", "Faulted"),
}
PLUGGED_IN = {"1.6": "Preparing", "2.0.1": "Occupied", "2.1": "Occupied"}


@pytest.fixture(params=VERSIONS)
def told(request: pytest.FixtureRequest) -> Charger2 | Charger16:
    return charger(request.param)


def version_of(told: Charger2 | Charger16) -> str:
    return told.translator.version.name


def test_0_offline_keeps_the_last_and_says_that_it_is_stale(told: Charger2 | Charger16) -> None:
    told.charge()
    before = told.row
    told.disconnect()
    assert told.row == before
    assert told.state["stale"] is True


def test_0_offline_is_no_news_of_an_idle_evse_either(told: Charger2 | Charger16) -> None:
    told.status("Available")
    told.disconnect()
    assert (told.row, told.state["stale"]) == (("Idle", "idle", "A", "A1"), True)


def test_1_a_faulted_connector_comes_before_its_transaction(told: Charger2 | Charger16) -> None:
    told.charge()
    told.play(FAULTED[version_of(told)])
    assert told.row == ("Faulted", "faulted", "F", "F1")
    assert told.transaction["active"] is True


@pytest.mark.parametrize("status", ["Unavailable", "Reserved"])
def test_2_a_transaction_comes_before_unavailable_and_reserved(
    told: Charger2 | Charger16, status: str
) -> None:
    # ChangeAvailability is Scheduled while a transaction runs
    told.charge()
    told.status(status)
    assert told.row == ("Charging", "charging", "C", "C2")


@pytest.mark.parametrize(
    ("status", "row"),
    [
        ("Unavailable", ("Unavailable", "unavailable", "B", None)),
        ("Reserved", ("Reserved", "reserved", "A", "A1")),
    ],
    ids=["3 Unavailable", "4 Reserved"],
)
def test_they_come_before_an_ev_that_is_connected(
    told: Charger2 | Charger16, status: str, row: tuple[str, str, str, str | None]
) -> None:
    told.status("Available")
    told.status(PLUGGED_IN[version_of(told)])
    told.status(status)
    assert told.row == row


def test_5_an_ev_that_is_connected_comes_before_idle(told: Charger2 | Charger16) -> None:
    told.status("Available")
    told.status(PLUGGED_IN[version_of(told)])
    assert told.row == ("SuspendedEVSE", "awaiting_authorization", "B", "B1")


def test_6_idle(told: Charger2 | Charger16) -> None:
    told.status("Available")
    assert told.row == ("Idle", "idle", "A", "A1")
