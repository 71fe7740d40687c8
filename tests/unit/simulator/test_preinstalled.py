import pytest

from bridge.simulator.preinstalled import Preinstalled, parse_preinstalled
from bridge.simulator.profiles import Purpose
from tests.unit.simulator.rig import Rig, profile


def rig_with(*texts: str) -> Rig:
    rig = Rig(installed_profiles=tuple(parse_preinstalled(text) for text in texts))
    rig.charge()
    return rig


@pytest.mark.parametrize(
    ("text", "preinstalled"),
    [
        ("max=20", Preinstalled(purpose=Purpose.STATION_MAX, limit=20.0)),
        (
            "default/3=11000W",
            Preinstalled(purpose=Purpose.TX_DEFAULT, limit=11_000.0, unit="W", stack_level=3),
        ),
        (
            "default=10.5A,evse=1",
            Preinstalled(purpose=Purpose.TX_DEFAULT, limit=10.5, evse_id=1),
        ),
    ],
)
def test_a_profile_is_written_in_one_word(text: str, preinstalled: Preinstalled) -> None:
    assert parse_preinstalled(text) == preinstalled


@pytest.mark.parametrize("text", ["", "10", "max", "tx=10", "max=20,evse=1", "default=-1"])
def test_what_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no profile|whole station"):
        parse_preinstalled(text)


def test_profiles_of_somebody_else_hold_from_the_beginning() -> None:
    assert rig_with("max=12").evse.circuit.current_a == 12.0
    assert rig_with("default=10,evse=1").evse.circuit.current_a == 10.0
    assert rig_with("default=4140W").evse.circuit.current_a == 6.0


def test_they_are_reported_like_those_of_a_csms_with_ids_of_their_own() -> None:
    rig = rig_with("max=20", "default/2=10,evse=1")
    rig.ask("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
    assert [
        (
            report["chargingLimitSource"],
            report["evseId"],
            report["chargingProfile"][0]["id"],
            report["chargingProfile"][0]["chargingProfilePurpose"],
            report["chargingProfile"][0]["stackLevel"],
        )
        for report in rig.calls("ReportChargingProfiles")
    ] == [
        ("CSO", 0, 800_001, "ChargingStationMaxProfile", 0),
        ("CSO", 1, 800_002, "TxDefaultProfile", 2),
    ]


def test_they_are_in_the_way_of_a_twin_and_can_be_cleared() -> None:
    rig = rig_with("default=10,evse=1")
    twin = {"evseId": 1, "chargingProfile": profile(limit=12.0)}
    refused = rig.ask("SetChargingProfile", twin)
    assert refused["statusInfo"]["reasonCode"] == "DuplicateProfile"
    assert rig.ask("ClearChargingProfile", {"chargingProfileId": 800_001})["status"] == "Accepted"
    assert rig.ask("SetChargingProfile", twin) == {"status": "Accepted"}
