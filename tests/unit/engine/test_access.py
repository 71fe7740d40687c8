"""What is asked of a station: the configuration, and what its record remembers."""

import pytest

from bridge.domain import credentials
from bridge.domain.credentials import Access, LoggedIn
from bridge.domain.model import Station
from bridge.domain.passwords import Password, PlainPassword
from bridge.domain.records import replace
from bridge.domain.settings import StationAuth, StationSettings
from bridge.engine.access import AccessRules
from tests.unit.engine.ports import CS, START, ManualClock

BASIC = StationSettings(auth=StationAuth.BASIC)
CONFIGURED = PlainPassword(b"configured")


class Owner:
    """A configuration that changes, and the rules made of it."""

    def __init__(self, *, tls: bool = True) -> None:
        self.password: Password | None = CONFIGURED
        self.chance = 0
        self.station = Station(id=CS)
        self.rules = AccessRules(
            key=b"key",
            configured=lambda _: self.password,
            random=self.random,
            clock=ManualClock(),
            tls=tls,
        )

    def random(self, number: int) -> bytes:
        self.chance += 1
        return bytes([self.chance]) * number

    def access(self, settings: StationSettings = BASIC) -> Access:
        return self.rules.of(CS, self.station, settings)

    def give(self) -> str:
        new = self.rules.new_password(CS)
        known = credentials.given(self.station.credentials, new.given)
        self.station = replace(self.station, credentials=known)
        return new.secret

    def log_in(self, secret: str) -> None:
        (found,) = [
            each for each in self.access().passwords if each.password.matches(secret.encode())
        ]
        assert found.given is not None
        self.used(LoggedIn(password=found.given.digest, over_tls=False))

    def used(self, login: LoggedIn) -> None:
        known = credentials.used(self.station.credentials, login)
        self.station = replace(self.station, credentials=known)

    def lets_in(self, secret: str) -> bool:
        return any(each.password.matches(secret.encode()) for each in self.access().passwords)


def test_a_new_password_is_random_and_only_its_digest_is_kept() -> None:
    owner = Owner()
    first, second = owner.rules.new_password(CS), owner.rules.new_password(CS)
    assert len(bytes.fromhex(first.secret)) == 20
    assert first.secret != second.secret
    assert first.given.salt != second.given.salt
    assert first.given.given_at == START
    assert first.secret not in repr((first, first.given))
    assert "configured" not in repr(first.given)


def test_both_are_good_until_the_new_one_is_used() -> None:
    owner = Owner()
    secret = owner.give()
    assert owner.lets_in(secret)
    assert owner.lets_in("configured")
    owner.log_in(secret)
    assert owner.lets_in(secret)
    assert not owner.lets_in("configured")


def test_another_configured_password_takes_the_place_of_all() -> None:
    owner = Owner()
    secret = owner.give()
    owner.log_in(secret)
    owner.password = PlainPassword(b"Configured")
    assert owner.lets_in("Configured")
    assert not owner.lets_in(secret)
    assert len(owner.access().outdated) == 1
    owner.used(LoggedIn(password=None, over_tls=False, outdated=owner.access().outdated))
    owner.password = None
    assert not owner.lets_in(secret)


def test_a_password_that_is_no_more_in_the_configuration_leaves_the_given_one() -> None:
    owner = Owner()
    secret = owner.give()
    owner.log_in(secret)
    owner.password = None
    assert owner.lets_in(secret)
    assert not owner.lets_in("configured")


@pytest.mark.parametrize(
    ("tls", "used_tls", "settings", "needs_tls"),
    [
        (True, False, BASIC, False),
        (True, True, BASIC, True),
        (False, True, BASIC, False),
        (True, True, replace(BASIC, require_tls=False), False),
        (True, False, replace(BASIC, require_tls=True), True),
        (True, False, StationSettings(auth=StationAuth.MTLS), True),
        (True, False, StationSettings(auth=StationAuth.MTLS, require_tls=False), True),
    ],
)
def test_who_has_come_over_tls_must_go_on_to(
    tls: bool, used_tls: bool, settings: StationSettings, needs_tls: bool
) -> None:
    owner = Owner(tls=tls)
    owner.used(LoggedIn(password=None, over_tls=used_tls))
    assert owner.access(settings).needs_tls is needs_tls


def test_of_a_station_that_was_never_here_the_configuration_says_all() -> None:
    access = Owner().rules.of(CS, None, BASIC)
    assert [each.password for each in access.passwords] == [CONFIGURED]
    assert (access.auth, access.used_tls, access.outdated) == (StationAuth.BASIC, False, ())
