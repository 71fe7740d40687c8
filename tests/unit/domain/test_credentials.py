"""Which passwords are good, from the moment that one is given until the station uses it."""

from datetime import timedelta

from bridge.domain.credentials import (
    MOST_PASSWORDS,
    NO_CREDENTIALS,
    Credentials,
    GivenPassword,
    LoggedIn,
    given,
    good,
    refused,
    used,
)
from tests.unit.domain.builders import T0


def password(digest: str, instead_of: str | None = None) -> GivenPassword:
    at = T0 + timedelta(seconds=len(digest))
    return GivenPassword(salt="s", digest=digest, given_at=at, instead_of=instead_of)


def with_given(*digests: str, instead_of: str | None = None) -> Credentials:
    known = NO_CREDENTIALS
    for digest in digests:
        known = given(known, password(digest, instead_of))
    return known


def login(digest: str | None = None, **more: bool) -> LoggedIn:
    return LoggedIn(password=digest, over_tls=more.get("over_tls", False))


def digests(known: Credentials, configured: str | None = None) -> tuple[list[str], bool]:
    found, also_configured = good(known, configured)
    return [each.digest for each in found], also_configured


def test_without_any_given_one_the_configured_one_is_good() -> None:
    assert digests(NO_CREDENTIALS, "config") == ([], True)
    assert digests(NO_CREDENTIALS) == ([], False)


def test_one_that_was_given_is_good_beside_the_configured_one() -> None:
    assert digests(with_given("a", instead_of="config"), "config") == (["a"], True)


def test_the_older_ones_are_over_once_the_station_has_used_one() -> None:
    known = used(with_given("a", "b", "c", instead_of="config"), login("b"))
    assert digests(known, "config") == (["b", "c"], False)
    known = used(known, login("c"))
    assert digests(known, "config") == (["c"], False)


def test_one_that_the_station_has_refused_is_forgotten() -> None:
    known = refused(used(with_given("a", "b"), login("a")), "b")
    assert digests(known) == (["a"], False)


def test_one_that_is_in_use_is_not_forgotten_by_a_refusal() -> None:
    known = used(with_given("a"), login("a"))
    assert refused(known, "a") == known


def test_one_that_is_configured_later_is_the_only_one() -> None:
    known = used(with_given("a", "b", instead_of="config"), login("a"))
    assert digests(known, "new config") == ([], True)
    assert (
        used(known, LoggedIn(password=None, over_tls=False, outdated=("a", "b"))).passwords == ()
    )


def test_those_that_were_given_stay_good_when_the_configured_one_is_removed() -> None:
    known = used(with_given("a", instead_of="config"), login("a"))
    assert digests(known, None) == (["a"], False)


def test_a_login_that_tells_nothing_new_changes_nothing() -> None:
    known = used(with_given("a"), login("a", over_tls=True))
    assert known.used_tls
    assert used(known, login("a", over_tls=True)) is known
    assert used(known, login("unknown")) is known
    assert used(NO_CREDENTIALS, login()) is NO_CREDENTIALS


def test_those_that_are_never_used_do_not_gather() -> None:
    known = used(with_given("first"), login("first"))
    for number in range(20):
        known = given(known, password(str(number)))
    found, _ = digests(known)
    assert len(found) == MOST_PASSWORDS
    assert found[0] == "first"
    assert found[-1] == "19"
