"""Who is let in, how often one may err, and what takes its time."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from bridge.domain.credentials import Access, GivenPassword, GoodPassword, LoggedIn
from bridge.domain.ids import StationId
from bridge.domain.passwords import KeyedPassword, PlainPassword, ScryptPassword, keyed_digest
from bridge.domain.settings import StationAuth
from bridge.ocpp.gate import NOT_LOOKED_AT, Claim, Gate, Proven, Verdict
from bridge.ocpp.handshake import Refusal
from bridge.ocpp.incidents import Incidents
from bridge.ocpp.slow_checks import Check, SlowChecks
from tests.ocpp_inbox import CountedIds, CountedMetrics, MemoryInbox
from tests.unit.domain.builders import T0

PLAIN = GoodPassword(PlainPassword(b"secret"))
SECRET = "ab" * 20
KEYED = KeyedPassword(b"key", "salt", keyed_digest(b"key", "salt", SECRET.encode()))


class QuietInbox(MemoryInbox):
    """For whom nobody waits."""

    def _wake(self) -> None:
        pass


class Guarded:
    """A gate, and what it has said."""

    def __init__(self, *, slow_passwords: bool = False) -> None:
        self.inbox = QuietInbox()
        self.metrics = CountedMetrics()
        self.now = 0.0
        self.gate = Gate(
            incidents=Incidents(self.inbox, CountedIds()),
            metrics=self.metrics,
            clock=lambda: self.now,
            slow_passwords=slow_passwords,
        )

    def ask(self, access: Access | None, password: bytes | None = None, **more: object) -> Verdict:
        """Return what is decided at once."""
        verdicts: list[Verdict] = []
        self.gate.ask(claim(password, **more), access, lambda: True, verdicts.append)
        (verdict,) = verdicts
        return verdict

    async def ask_slowly(
        self,
        access: Access | None,
        password: bytes | None = None,
        still_there: Callable[[], bool] = lambda: True,
        **more: object,
    ) -> Verdict:
        """Return what is decided, also where that takes a while."""
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self.gate.ask(claim(password, **more), access, still_there, verdict.set_result)
        async with asyncio.timeout(20):
            return await verdict


def claim(password: bytes | None = None, **more: object) -> Claim:
    values: dict[str, object] = {
        "station_id": StationId("CS1"),
        "remote": "192.0.2.1:1",
        "over_tls": False,
        "password": password,
        "common_name": None,
    }
    return Claim(**{**values, **more})  # type: ignore[arg-type]


def given(*, confirmed: bool = False) -> GoodPassword:
    kept = GivenPassword(salt="salt", digest=KEYED.digest, given_at=T0, confirmed=confirmed)
    return GoodPassword(KEYED, kept)


def basic(*passwords: GoodPassword, **more: object) -> Access:
    return Access(auth=StationAuth.BASIC, passwords=passwords, **more)  # type: ignore[arg-type]


def wrong(guarded: Guarded) -> list[object]:
    return [incident.details["wrong"] for _, incident in guarded.inbox.incidents]


def test_the_right_password_is_let_in_and_is_no_news() -> None:
    assert Guarded().ask(basic(PLAIN), b"secret") == Proven()


@pytest.mark.parametrize("sent", [b"Secret", b"secret ", b"", None])
def test_a_wrong_or_missing_one_is_refused(sent: bytes | None) -> None:
    guarded = Guarded()
    verdict = guarded.ask(basic(PLAIN), sent)
    assert isinstance(verdict, Refusal)
    assert (verdict.status, verdict.quiet) == (401, False)
    assert wrong(guarded) == ["credentials"]


def test_where_no_password_is_known_nobody_is_let_in() -> None:
    guarded = Guarded()
    verdict = guarded.ask(basic(), b"")
    assert isinstance(verdict, Refusal)
    assert verdict.because == "no password is known for this station: configure one"
    assert wrong(guarded) == ["no_password"]


@pytest.mark.parametrize("sent", [SECRET.encode(), bytes.fromhex(SECRET)])
def test_the_first_login_with_a_given_password_is_news(sent: bytes) -> None:
    news = LoggedIn(password=KEYED.digest, over_tls=False)
    assert Guarded().ask(basic(given(), PLAIN), sent) == Proven(news)
    assert Guarded().ask(basic(given(confirmed=True)), sent) == Proven()
    assert Guarded().ask(basic(given(), PLAIN), b"secret") == Proven()


def test_a_given_password_is_noticed_also_where_none_is_asked_for() -> None:
    open_ = Access(passwords=(given(),))
    news = LoggedIn(password=KEYED.digest, over_tls=False)
    assert Guarded().ask(open_, SECRET.encode(), over_tls=True) == Proven(news)
    assert Guarded().ask(open_, b"any") == Proven()


def test_passwords_that_are_outdated_are_to_be_forgotten_after_a_login() -> None:
    news = LoggedIn(password=None, over_tls=False, outdated=("old",))
    assert Guarded().ask(basic(PLAIN, outdated=("old",)), b"secret") == Proven(news)


def test_a_login_over_tls_is_news_once() -> None:
    news = LoggedIn(password=None, over_tls=True)
    assert Guarded().ask(basic(PLAIN), b"secret", over_tls=True) == Proven(news)
    assert Guarded().ask(basic(PLAIN, used_tls=True), b"secret", over_tls=True) == Proven()


def test_who_must_come_over_tls_is_refused_without_whatever_the_password() -> None:
    guarded = Guarded()
    access = basic(PLAIN, needs_tls=True)
    verdict = guarded.ask(access, b"secret")
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "wrong or missing credentials"
    assert "wss://" in verdict.because
    assert wrong(guarded) == ["tls"]
    assert isinstance(guarded.ask(access, b"secret", over_tls=True), Proven)
    assert isinstance(guarded.ask(Access(needs_tls=True)), Refusal)
    assert guarded.ask(Access(needs_tls=True), over_tls=True) == Proven()


class TestCertificate:
    ACCESS = Access(auth=StationAuth.MTLS, needs_tls=True, used_tls=True)

    def test_its_common_name_is_the_id(self) -> None:
        assert Guarded().ask(self.ACCESS, over_tls=True, common_name="CS1") == Proven()

    @pytest.mark.parametrize("name", [None, "CS2", "cs1", "CS1 "])
    def test_any_other_is_refused(self, name: str | None) -> None:
        guarded = Guarded()
        assert isinstance(guarded.ask(self.ACCESS, over_tls=True, common_name=name), Refusal)
        assert wrong(guarded) == ["certificate"]

    def test_a_password_does_not_replace_it(self) -> None:
        access = Access(auth=StationAuth.MTLS, needs_tls=True, passwords=(PLAIN,))
        assert isinstance(Guarded().ask(access, b"secret", over_tls=True), Refusal)


def test_an_unknown_station_is_answered_as_one_with_a_wrong_password() -> None:
    known, unknown = Guarded(), Guarded()
    for _ in range(8):
        assert known.ask(basic(PLAIN), b"wrong") == unknown.ask(None, b"wrong")
    assert known.metrics.counts == unknown.metrics.counts == {"ocpp.login_limited": 3}


def test_of_many_wrong_ones_few_are_looked_at() -> None:
    guarded = Guarded()
    verdicts = [guarded.ask(basic(PLAIN), b"wrong%d" % number) for number in range(10_000)]
    assert not any(isinstance(verdict, Proven) for verdict in verdicts)
    assert sum(verdict != NOT_LOOKED_AT for verdict in verdicts) == 5
    assert guarded.ask(basic(PLAIN), b"secret") == NOT_LOOKED_AT


class TestSlowPassword:
    SLOW = GoodPassword(ScryptPassword.made_from("chosen", b"saltsalt"))
    QUICK = GoodPassword(ScryptPassword.parse("$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$" + "A" * 22))

    async def test_it_is_checked_elsewhere_and_remembered_when_it_was_right(self) -> None:
        guarded = Guarded(slow_passwords=True)
        assert await guarded.ask_slowly(basic(self.SLOW), b"chosen") == Proven()
        assert guarded.ask(basic(self.SLOW), b"chosen") == Proven()
        guarded.gate.close()

    async def test_another_password_is_not_right_because_one_was(self) -> None:
        guarded = Guarded(slow_passwords=True)
        await guarded.ask_slowly(basic(self.SLOW), b"chosen")
        assert isinstance(await guarded.ask_slowly(basic(self.SLOW), b"other"), Refusal)
        assert isinstance(await guarded.ask_slowly(basic(self.QUICK), b"chosen"), Refusal)
        guarded.gate.close()

    @pytest.mark.parametrize("access", [basic(PLAIN), None, basic()], ids=["plain", "no", "none"])
    async def test_who_fails_elsewhere_takes_as_long(self, access: Access | None) -> None:
        guarded = Guarded(slow_passwords=True)
        said: list[Verdict] = []
        guarded.gate.ask(claim(b"wrong"), access, lambda: True, said.append)
        assert said == []
        assert isinstance(await guarded.ask_slowly(access, b"wrong"), Refusal)
        assert len(said) == 1
        guarded.gate.close()

    async def test_those_that_come_all_at_once_are_counted_one_by_one(self) -> None:
        guarded = Guarded(slow_passwords=True)
        asked = [guarded.ask_slowly(basic(self.QUICK), b"wrong") for _ in range(20)]
        verdicts = await asyncio.gather(*asked)
        assert sum(verdict == NOT_LOOKED_AT for verdict in verdicts) == 15
        guarded.gate.close()

    async def test_who_has_gone_is_told_nothing_and_costs_nothing(self) -> None:
        guarded = Guarded(slow_passwords=True)
        said: list[Verdict] = []
        there = True
        guarded.gate.ask(claim(b"wrong"), basic(self.SLOW), lambda: there, said.append)
        guarded.gate.ask(claim(b"wrong"), basic(self.SLOW), lambda: False, said.append)
        there = False
        other = await guarded.ask_slowly(basic(self.SLOW), b"chosen", remote="192.0.2.2:1")
        assert other == Proven()
        assert said == []
        assert wrong(guarded) == []
        guarded.gate.close()


class TestSlowChecks:
    async def test_they_are_made_one_after_the_other_in_another_thread(self) -> None:
        checks, threads, made = SlowChecks(), [], []
        all_made = asyncio.Event()

        def work() -> bool:
            threads.append(threading.current_thread())
            return True

        def done(right: bool) -> None:
            made.append(right)
            if len(made) == 3:
                all_made.set()

        for _ in range(3):
            checks.add(Check(wanted=lambda: True, work=work, done=done))
        await asyncio.wait_for(all_made.wait(), 10)
        assert len(set(threads)) == 1
        assert threads[0] is not threading.current_thread()
        checks.close()

    async def test_one_that_fails_is_not_right_and_holds_nobody_up(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        checks, made = SlowChecks(), []
        second = asyncio.Event()

        def fail() -> bool:
            raise MemoryError

        def done(right: bool) -> None:
            made.append(right)
            if len(made) == 2:
                second.set()

        checks.add(Check(wanted=lambda: True, work=fail, done=done))
        checks.add(Check(wanted=lambda: True, work=lambda: True, done=done))
        await asyncio.wait_for(second.wait(), 10)
        assert made == [False, True]
        assert "a password could not be checked" in caplog.text
        checks.close()

    async def test_after_the_end_nothing_is_told(self) -> None:
        checks, made = SlowChecks(), list[bool]()
        begun, go_on = threading.Event(), threading.Event()

        def work() -> bool:
            begun.set()
            return go_on.wait(10)

        checks.add(Check(wanted=lambda: True, work=work, done=made.append))
        await asyncio.to_thread(begun.wait, 10)
        checks.close()
        checks.add(Check(wanted=lambda: True, work=lambda: True, done=made.append))
        go_on.set()
        await asyncio.sleep(0)
        assert made == []
