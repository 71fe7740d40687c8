"""Tokens that come back with time."""

from itertools import pairwise

from bridge.ocpp.buckets import Buckets


def taken(buckets: Buckets[str], now: float, key: str = "a") -> bool:
    """Take a token where one is left."""
    if not buckets.allows(key, now):
        return False
    buckets.take(key, now)
    return True


def test_a_bucket_holds_so_many_and_one_comes_back_in_its_time() -> None:
    buckets: Buckets[str] = Buckets(burst=3, every_seconds=10.0)
    assert [taken(buckets, 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert not taken(buckets, 9.9)
    assert taken(buckets, 10.0)
    assert not taken(buckets, 10.0)
    assert taken(buckets, 0.0, "b")


def test_who_goes_on_pays_more_up_to_a_bound() -> None:
    buckets: Buckets[str] = Buckets(burst=2, every_seconds=10.0, longest_seconds=50.0)
    moments = [float(now) for now in range(400) if taken(buckets, float(now))]
    assert moments[:2] == [0.0, 1.0]
    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 50


def test_a_bucket_that_was_full_again_begins_anew() -> None:
    buckets: Buckets[str] = Buckets(burst=2, every_seconds=10.0, longest_seconds=80.0)
    for _ in range(5):
        buckets.take("a", 0.0)
    assert buckets.knows("a", 100.0)
    assert not buckets.knows("a", 1000.0)
    assert [taken(buckets, 1000.0) for _ in range(3)] == [True, True, False]


def test_a_bucket_can_be_filled() -> None:
    buckets: Buckets[str] = Buckets(burst=1, every_seconds=10.0)
    buckets.take("a", 0.0)
    buckets.refill("a")
    buckets.refill("never used")
    assert taken(buckets, 0.0)


def test_memory_is_bounded() -> None:
    buckets: Buckets[str] = Buckets(burst=1, every_seconds=10.0, remembered=10)
    for number in range(100):
        buckets.take(str(number), 0.0)
    assert sum(buckets.knows(str(number), 0.0) for number in range(100)) == 10
