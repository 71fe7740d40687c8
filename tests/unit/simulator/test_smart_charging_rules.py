"""Requirements of block K as OCPP 2.0.1 names them; what follows is in test_commands.py."""

from typing import Any

import pytest

from bridge.simulator.quirks import Quirk
from bridge.simulator.wire import JsonObject
from tests.unit.simulator.rig import Rig, profile

STATION_MAX = "ChargingStationMaxProfile"
EXTERNAL = "ChargingStationExternalConstraints"


def connected(**options: Any) -> Rig:
    rig = Rig(**options)
    rig.connect()
    return rig


def charging(**options: Any) -> Rig:
    rig = Rig(**options)
    rig.charge()
    return rig


def install(rig: Rig, evse_id: int = 1, **members: Any) -> str:
    """Return "Accepted", or the reason code of the refusal."""
    request = {"evseId": evse_id, "chargingProfile": profile(**members)}
    answer = rig.ask("SetChargingProfile", request)
    if answer["status"] == "Accepted":
        return "Accepted"
    return str(answer["statusInfo"]["reasonCode"])


def install_for_transaction(rig: Rig, **members: Any) -> str:
    members = {"transactionId": rig.transaction_id, **members}
    return install(rig, chargingProfilePurpose="TxProfile", **members)


def schedule(rig: Rig, evse_id: int = 1, duration: int = 600, **members: Any) -> JsonObject:
    request = {"evseId": evse_id, "duration": duration, **members}
    answer: JsonObject = rig.ask("GetCompositeSchedule", request)
    return answer


def limits(answer: JsonObject) -> list[tuple[int, float]]:
    periods = answer["schedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


def current_a(rig: Rig) -> float:
    rig.pass_time(6)
    return round(rig.evse.circuit.current_a, 2)


# K01 SetChargingProfile


def test_k01_fr_03_and_33_a_tx_profile_names_the_transaction_of_its_evse() -> None:
    rig = charging(evses=2)
    assert install(rig, chargingProfilePurpose="TxProfile") == "TxNotFound"
    assert install_for_transaction(rig, transactionId="other") == "TxNotFound"
    assert install_for_transaction(rig) == "Accepted"


def test_k01_fr_05_the_same_id_replaces() -> None:
    rig = charging()
    assert install(rig, id=7, limit=8.0) == "Accepted"
    assert install(rig, id=7, limit=9.0, stackLevel=3) == "Accepted"
    assert current_a(rig) == 9.0


def test_k01_fr_06_and_39_two_profiles_of_one_kind_do_not_hold_at_once() -> None:
    rig = charging()
    assert install(rig, id=1) == "Accepted"
    assert install(rig, id=2) == "DuplicateProfile"
    assert install(rig, id=2, stackLevel=1) == "Accepted"
    assert install_for_transaction(rig, id=3) == "Accepted"
    assert install_for_transaction(rig, id=4) == "DuplicateProfile"


def test_k01_fr_09_without_a_transaction_there_is_no_tx_profile() -> None:
    rig = connected()
    refused = install(rig, chargingProfilePurpose="TxProfile", transactionId="t")
    assert refused == "TxNotFound"


def test_k01_fr_16_a_tx_profile_is_for_one_evse() -> None:
    rig = charging()
    refused = install(rig, 0, chargingProfilePurpose="TxProfile", transactionId=rig.transaction_id)
    assert refused == "InvalidValue"


def test_k01_fr_22_external_constraints_are_not_for_a_csms_to_set() -> None:
    assert install(connected(), 0, chargingProfilePurpose=EXTERNAL) == "InvalidValue"


def test_k01_fr_28_an_unknown_evse() -> None:
    assert install(connected(), 2) == "UnknownEvse"


def test_k01_fr_38_the_station_is_not_limited_relative_to_a_transaction() -> None:
    refused = install(
        connected(),
        0,
        chargingProfilePurpose=STATION_MAX,
        chargingProfileKind="Relative",
        startSchedule=None,
    )
    assert refused == "InvalidProfile"


def test_k01_fr_52_and_53_a_default_for_all_is_a_default_for_each() -> None:
    rig = connected(evses=2)
    assert install(rig, 1, id=1) == "Accepted"
    assert install(rig, 2, id=2) == "Accepted"
    assert install(rig, 0, id=3) == "DuplicateProfile"
    assert install(rig, 0, id=3, stackLevel=1) == "Accepted"
    assert install(rig, 1, id=4, stackLevel=1) == "DuplicateProfile"


def test_of_every_purpose_the_lowest_limit_holds() -> None:
    rig = charging(station_max_a=32, car_max_a=32)
    assert install(rig, 0, id=1, chargingProfilePurpose=STATION_MAX, limit=20.0) == "Accepted"
    assert current_a(rig) == 20.0
    assert install(rig, 1, id=2, limit=14.0) == "Accepted"
    assert current_a(rig) == 14.0
    assert install_for_transaction(rig, id=3, limit=24.0) == "Accepted"
    assert current_a(rig) == 20.0, "the TxProfile replaces the default, not the station's limit"
    assert install_for_transaction(rig, id=3, limit=7.0) == "Accepted"
    assert current_a(rig) == 7.0


def test_valid_from_valid_to_and_duration_take_effect_at_their_moment() -> None:
    rig = charging()
    begin = "2026-01-10T10:00:00Z"
    install(rig, id=1, stackLevel=1, limit=12.0, startSchedule=begin, duration=30)
    rig.pass_time(1)
    install(
        rig,
        id=2,
        stackLevel=2,
        limit=8.0,
        validFrom="2026-01-10T10:00:40Z",
        validTo="2026-01-10T10:00:50Z",
    )
    offered: list[tuple[int, float]] = []
    for seconds in range(10, 60):
        amps = rig.evse.offer.amps
        if not offered or offered[-1][1] != amps:
            offered.append((seconds, amps))
        rig.pass_time(1)
    assert offered == [(10, 12.0), (30, 32.0), (40, 8.0), (50, 32.0)]


def test_a_relative_profile_counts_from_the_begin_of_the_transaction() -> None:
    rig = connected()
    rig.pass_time(100)
    periods = [{"startPeriod": 0, "limit": 8.0}, {"startPeriod": 30, "limit": 12.0}]
    kind: dict[str, Any] = {"chargingProfileKind": "Relative", "startSchedule": None}
    assert install(rig, periods=periods, **kind) == "Accepted"
    rig.plug_in()
    rig.present_token()
    rig.pass_time(29)
    assert rig.evse.offer.amps == 8.0
    rig.pass_time(1)
    assert rig.evse.offer.amps == 12.0


def test_a_daily_profile_holds_at_its_hours() -> None:
    rig = charging()
    daily: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    install(rig, limit=8.0, startSchedule="2026-01-01T10:00:20Z", duration=10, **daily)
    rig.pass_time(15)
    assert rig.evse.offer.amps == 8.0
    rig.pass_time(10)
    assert rig.evse.offer.amps == 32.0


# K08 GetCompositeSchedule


def test_k08_fr_05_an_unknown_evse_has_no_schedule() -> None:
    answer = schedule(connected(), evse_id=2)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "UnknownEvse")


def test_the_schedule_is_the_least_of_all_purposes_at_each_moment() -> None:
    rig = charging()
    install(rig, 0, id=1, chargingProfilePurpose=STATION_MAX, limit=20.0)
    steps = [{"startPeriod": 0, "limit": 10.0}, {"startPeriod": 60, "limit": 25.0}]
    now = rig.now.isoformat()
    install_for_transaction(rig, id=2, periods=steps, startSchedule=now, duration=120)
    install(rig, 1, id=3, limit=13.0)
    assert limits(schedule(rig)) == [(0, 10.0), (60, 20.0), (120, 13.0)]


def test_the_schedule_is_in_the_unit_that_was_asked_for() -> None:
    rig = charging()
    install(rig, chargingRateUnit="W", limit=6_900.0)
    amps, watts = schedule(rig), schedule(rig, chargingRateUnit="W")
    assert (limits(amps), amps["schedule"]["chargingRateUnit"]) == ([(0, 10.0)], "A")
    assert (limits(watts), watts["schedule"]["chargingRateUnit"]) == ([(0, 6_900.0)], "W")


def test_k08_fr_07_a_unit_that_the_station_does_not_know_is_rejected() -> None:
    rig = connected(quirks=frozenset({Quirk.WATTS_ONLY}))
    answer = schedule(rig, chargingRateUnit="A")
    assert answer["statusInfo"]["reasonCode"] == "UnsupportedRateUnit"
    assert schedule(rig)["schedule"]["chargingRateUnit"] == "W"


def test_the_schedule_is_as_long_as_it_was_asked_for() -> None:
    answer = schedule(connected(), duration=90)
    assert answer["schedule"]["duration"] == 90
    assert answer["schedule"]["scheduleStart"] == "2026-01-10T10:00:00.000Z"


# K09 GetChargingProfiles, K10 ClearChargingProfile


def test_the_device_model_counts_the_profiles() -> None:
    rig = connected()
    install(rig, id=1)
    install(rig, id=2, stackLevel=1)
    wanted = {
        "component": {"name": "SmartChargingCtrlr"},
        "variable": {"name": "Entries", "instance": "ChargingProfiles"},
    }
    answer = rig.ask("GetVariables", {"getVariableData": [wanted]})
    assert answer["getVariableResult"][0]["attributeValue"] == "2"


@pytest.mark.parametrize(("evse_id", "ids"), [(None, [1, 2, 3]), (0, [3]), (1, [1]), (2, [2])])
def test_k09_evse_0_means_the_station_and_none_means_all(
    evse_id: int | None, ids: list[int]
) -> None:
    rig = connected(evses=2)
    install(rig, 1, id=1)
    install(rig, 2, id=2)
    install(rig, 0, id=3, chargingProfilePurpose=STATION_MAX)
    request: JsonObject = {"requestId": 9, "chargingProfile": {}}
    if evse_id is not None:
        request["evseId"] = evse_id
    assert rig.ask("GetChargingProfiles", request) == {"status": "Accepted"}
    reports = rig.calls("ReportChargingProfiles")
    assert [report["chargingProfile"][0]["id"] for report in reports] == ids
    assert [report["tbc"] for report in reports] == [True] * (len(ids) - 1) + [False]


def test_clearing_gives_way_to_the_next_lower_profile() -> None:
    rig = charging()
    install(rig, id=1, limit=8.0)
    install(rig, id=2, limit=12.0, stackLevel=1)
    assert current_a(rig) == 12.0
    criteria = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    answer = rig.ask("ClearChargingProfile", {"chargingProfileCriteria": criteria})
    assert answer == {"status": "Accepted"}
    assert current_a(rig) == 8.0
