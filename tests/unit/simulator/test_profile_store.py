from datetime import timedelta

import pytest

from bridge.simulator.profile_store import (
    MAXIMUM_PERIODS,
    MAXIMUM_PROFILES,
    Limit,
    ProfileStore,
    Subject,
)
from bridge.simulator.profiles import ProfileRejectedError, parse_profile
from tests.unit.simulator.rig import BEGIN, profile

SUBJECT = Subject(evse_id=1, phases=3, transaction_id="t1", transaction_start=BEGIN)
TX = {"chargingProfilePurpose": "TxProfile", "transactionId": "t1"}
STATION = {"chargingProfilePurpose": "ChargingStationMaxProfile"}


def store(*items: tuple[int, dict[str, object]]) -> ProfileStore:
    profiles = ProfileStore()
    for number, (evse_id, members) in enumerate(items, start=1):
        payload = profile(**{"id": number, **members})
        profiles.install(evse_id, parse_profile(payload), "t1", BEGIN)
    return profiles


def limit_a(
    profiles: ProfileStore, seconds: float = 0, subject: Subject = SUBJECT
) -> float | None:
    limit = profiles.evse_limit(subject, BEGIN + timedelta(seconds=seconds))
    return None if limit is None else limit.amps


def test_without_profiles_there_is_no_limit() -> None:
    assert ProfileStore().evse_limit(SUBJECT, BEGIN) is None
    assert ProfileStore().station_limit(3, BEGIN) is None


def test_the_highest_stack_level_decides_even_with_a_higher_limit() -> None:
    profiles = store((1, {"limit": 6.0}), (1, {"limit": 20.0, "stackLevel": 5}))
    assert limit_a(profiles) == 20.0


def test_a_lower_stack_level_takes_over_where_the_higher_is_silent() -> None:
    profiles = store((1, {"limit": 6.0}), (1, {"limit": 20.0, "stackLevel": 5, "duration": 60}))
    assert (limit_a(profiles, 59), limit_a(profiles, 60)) == (20.0, 6.0)


def test_a_transaction_profile_replaces_every_default_profile() -> None:
    profiles = store((1, {"limit": 6.0, "stackLevel": 9}), (1, {"limit": 20.0, **TX}))
    assert limit_a(profiles) == 20.0


def test_a_default_profile_of_the_evse_replaces_that_of_the_station() -> None:
    profiles = store((0, {"limit": 6.0, "stackLevel": 9}), (1, {"limit": 20.0}))
    assert limit_a(profiles) == 20.0
    other = Subject(evse_id=2, phases=3, transaction_id=None, transaction_start=BEGIN)
    assert limit_a(profiles, subject=other) == 6.0


def test_watts_are_shared_by_the_phases_in_use() -> None:
    three = store((1, {"chargingRateUnit": "W", "limit": 6_900.0}))
    assert three.evse_limit(SUBJECT, BEGIN) == Limit(amps=10.0, phases=3, watts=6_900.0)
    periods = [{"startPeriod": 0, "limit": 2_300.0, "numberPhases": 1}]
    one = store((1, {"chargingRateUnit": "W", "periods": periods}))
    assert one.evse_limit(SUBJECT, BEGIN) == Limit(amps=10.0, phases=1, watts=2_300.0)


def test_the_profiles_of_a_transaction_end_with_it() -> None:
    profiles = store((1, {"limit": 8.0}), (1, {"limit": 20.0, **TX}))
    profiles.end_transaction("t1")
    assert limit_a(profiles) == 8.0


def test_the_same_id_replaces() -> None:
    profiles = store((1, {"limit": 8.0}))
    profiles.install(1, parse_profile(profile(limit=12.0, stackLevel=3)), None, BEGIN)
    assert limit_a(profiles) == 12.0
    assert len(profiles.select(lambda _: True)) == 1


@pytest.mark.parametrize(
    ("evse_id", "members", "reason_code"),
    [
        (0, TX, "InvalidValue"),
        (1, {**TX, "transactionId": "other"}, "TxNotFound"),
        (1, {"chargingProfilePurpose": "TxProfile"}, "TxNotFound"),
        (1, STATION, "InvalidValue"),
        (
            0,
            {**STATION, "chargingProfileKind": "Relative", "startSchedule": None},
            "InvalidProfile",
        ),
        (1, {"stackLevel": 11}, "InvalidStackLevel"),
        (1, {"stackLevel": -1}, "InvalidStackLevel"),
        (1, {"chargingRateUnit": "VA"}, "UnsupportedRateUnit"),
        (
            1,
            {
                "periods": [
                    {"startPeriod": second, "limit": 6.0} for second in range(MAXIMUM_PERIODS + 1)
                ]
            },
            "InvalidSchedule",
        ),
        (1, {"id": 2}, "DuplicateProfile"),
        (0, {"id": 2}, "DuplicateProfile"),
        (1, {"chargingProfilePurpose": "ChargingStationExternalConstraints"}, "InvalidValue"),
    ],
)
def test_a_profile_that_does_not_fit_the_station_is_rejected(
    evse_id: int, members: dict[str, object], reason_code: str
) -> None:
    profiles = store((1, {}))
    with pytest.raises(ProfileRejectedError) as caught:
        profiles.install(evse_id, parse_profile(profile(**members)), "t1", BEGIN)
    assert caught.value.reason_code == reason_code


def test_a_twin_that_is_valid_at_another_time_is_no_duplicate() -> None:
    profiles = store((1, {"limit": 8.0, "validTo": "2026-01-10T11:00:00Z"}))
    later = profile(id=2, limit=12.0, validFrom="2026-01-10T11:00:00Z")
    profiles.install(1, parse_profile(later), None, BEGIN)
    assert (limit_a(profiles), limit_a(profiles, 3_600)) == (8.0, 12.0)


def test_the_store_is_bounded_but_a_full_one_still_replaces() -> None:
    profiles = store(*[(number, {}) for number in range(1, MAXIMUM_PROFILES + 1)])
    profiles.install(2, parse_profile(profile(id=2, limit=7.0)), None, BEGIN)
    with pytest.raises(ProfileRejectedError, match="TooManyElements"):
        profiles.install(99, parse_profile(profile(id=99)), None, BEGIN)
