"""Vocabularies: stations' casing in, the canonical spelling out."""

import pytest

from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    SeccState,
    StoppedReason,
    Term,
    TriggerReason,
)


@pytest.mark.parametrize(
    ("vocabulary", "text", "canonical"),
    [
        (TriggerReason, "Deauthorized", "Deauthorized"),
        (TriggerReason, "DeAuthorized", "Deauthorized"),
        (StoppedReason, "DeAuthorized", "DeAuthorized"),
        (StoppedReason, "Deauthorized", "DeAuthorized"),
        (StoppedReason, "SoCLimitReached", "SOCLimitReached"),
        (TriggerReason, "SOCLimitReached", "SoCLimitReached"),
        (ChargingState, "charging", "Charging"),
        (ChargingState, "SUSPENDEDEVSE", "SuspendedEVSE"),
        (SeccState, "IDLE", "Idle"),
    ],
)
def test_a_term_is_read_in_any_casing_and_said_in_its_own(
    vocabulary: type[Term], text: str, canonical: str
) -> None:
    found = vocabulary.read(text)
    assert found is not None
    assert found.value == canonical
    assert isinstance(found, vocabulary)


@pytest.mark.parametrize("text", ["", "Bored", "Charging "])
def test_an_unknown_term_is_none(text: str) -> None:
    assert ChargingState.read(text) is None


def test_the_closed_lists_of_the_seeds_are_complete() -> None:
    assert [state.value for state in SeccState] == [
        "Idle",
        "Charging",
        "SuspendedEVSE",
        "SuspendedEV",
        "Finishing",
        "Reserved",
        "Unavailable",
        "Faulted",
    ]
    assert {source.value for source in AllocationSource} == {
        "OCPP Profile",
        "API",
        "Transaction",
        "MQTT",
        "ProximityPilot",
        "Team",
        "Unmanaged",
    }
    assert len(StoppedReason) == 19
    assert [reason.value for reason in TriggerReason][20] == "ResetCommand"
