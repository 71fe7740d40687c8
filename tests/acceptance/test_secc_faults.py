"""A charge controller that dies, freezes, restarts or lies, again and again: all converges.

What must hold after each fault: the documents say what the controller does, the limit that is
wanted is at the controller, and no transaction has begun or ended that has not.
"""

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from bridge.demo.broker import free_port
from bridge.simulator.secc import SeccQuirk
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker
from tests.seccs import NOBODY, SimulatedSecc, simulated_secc

NAME: Final = "carport"
PLACE: Final = f"{NAME}/1"
ROUNDS: Final = 20
SEED: Final = 6
DONE: Final = ("done", "ok")
QUICK: Final[dict[str, Any]] = {
    "poll_seconds": 0.2,
    "meter_interval_seconds": 1,
    "offline_after_seconds": 1,
}
WAIT_SECONDS: Final = 20.0


def transactions(witness: Witness) -> list[Document]:
    return witness.documents(f"{PLACE}/event/transaction")


def lives(witness: Witness) -> dict[str, list[str]]:
    """Return the begin and the end of each transaction, in the order of the transactions."""
    found: dict[str, list[str]] = {}
    for event in transactions(witness):
        told = found.setdefault(event["transaction"]["transactionId"], [])
        if event["eventType"] != "Updated":
            told.append(event["eventType"])
    return found


def _told(events: list[Document]) -> list[tuple[str, ...]]:
    return [
        (e["transaction"]["transactionId"][:4], e["ts"], e["eventType"], e["triggerReason"])
        for e in events
    ]


def events_are_sound(witness: Witness) -> None:
    """Each transaction begins and ends once; its events have ids and numbers of their own."""
    events = transactions(witness)
    assert len({event["id"] for event in events}) == len(events)
    for transaction, told in lives(witness).items():
        assert told in (["Started"], ["Started", "Ended"]), (transaction, _told(events))
    numbers: dict[str, list[int]] = {}
    for event in events:
        numbers.setdefault(event["transaction"]["transactionUuid"], []).append(event["seqNo"])
    for told_numbers in numbers.values():
        assert told_numbers == list(range(len(told_numbers)))
    still_open = [key for key, told in lives(witness).items() if told == ["Started"]]
    assert len(still_open) <= 1


# --- In this process: faults by the dozen -------------------------------------------------------


@pytest.fixture(params=["rest", "websocket"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def secc() -> AsyncIterator[SimulatedSecc]:
    async with simulated_secc(script=NOBODY) as running:
        yield running


@pytest.fixture
def options(kind: str, secc: SimulatedSecc) -> Options:
    return {
        "secc": {NAME: {"type": kind, "url": secc.url, **QUICK}},
        "stations": {"defaults": {"observe_seconds": 1}},
    }


_UNREACHABLE: Final = {
    "rest": (SeccQuirk.SERVER_ERRORS, SeccQuirk.HALF_ANSWERS),
    "websocket": (SeccQuirk.NO_ANSWER,),
}


class Faults:
    """What happens to a SECC, and the sessions that it has had."""

    def __init__(self, kind: str, secc: SimulatedSecc, witness: Witness) -> None:
        self._kind = kind
        self._secc = secc
        self._witness = witness
        self.sessions = [secc.seen.session_id]

    def _have(self, *quirks: SeccQuirk) -> None:
        self._secc.model.quirks = frozenset(quirks)
        self._secc.model.limits.deaf = SeccQuirk.IGNORE_LIMITS in quirks

    async def _until_stale(self) -> None:
        await self._witness.until_newest(f"{PLACE}/state", stale=True)

    async def unreachable(self) -> None:
        # REST: what is no error breaks off; WebSocket: taken, and nothing is told
        self._have(*_UNREACHABLE[self._kind])
        for socket in self._secc.runner.sockets:
            await socket.close()
        await self._until_stale()

    async def restarted(self) -> None:
        self._secc.model.restart()
        self._secc.model.authorize()
        self.sessions.append(self._secc.seen.session_id)

    async def unreachable_and_restarted(self) -> None:
        await self.unreachable()
        await self.restarted()

    async def half_answers(self) -> None:
        self._have(SeccQuirk.HALF_ANSWERS)
        await self._witness.settle()

    async def lying(self) -> None:
        """Take limits, show them, and let the car draw what it likes."""
        self._have(SeccQuirk.IGNORE_LIMITS)
        await self._secc.until_current(16)

    async def somebody_else(self) -> None:
        self._secc.model.limits.api.amps = 15.0

    async def forgetful(self) -> None:
        self._secc.model.limits.api.amps = None

    def healed(self) -> None:
        self._have()


@pytest.mark.timeout(180)
async def test_twenty_faults_and_all_converges_each_time(
    kind: str, secc: SimulatedSecc, bridge: Bridge, witness: Witness
) -> None:
    await witness.until(f"{PLACE}/state", state="Idle")
    secc.model.plug_in()
    secc.model.authorize()
    await secc.until_current(16)
    await witness.until(f"{PLACE}/state", state="Charging")
    assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE))[-1] == DONE
    faults = Faults(kind, secc, witness)
    kinds = [
        *(faults.unreachable, faults.restarted, faults.unreachable_and_restarted),
        *(faults.half_answers, faults.lying, faults.somebody_else, faults.forgetful),
    ]
    order = random.Random(SEED)  # the same faults in the same order in every run
    for _ in range(ROUNDS):
        await order.choice(kinds)()
        faults.healed()
        await secc.until(lambda seen: (seen.current_a, seen.api) == (10, (True, 10)))
        await witness.until_newest(
            f"{PLACE}/state",
            state="Charging",
            stale=False,
            offeredA=10,
            allocationSourceName="MQTT",
            transactionId=secc.seen.session_id,
        )
    await witness.settle()
    events_are_sound(witness)
    assert list(lives(witness)) == faults.sessions

    assert outcome(await witness.ask("release", place=PLACE))[-1] == DONE
    assert secc.seen.api[1] is None  # no lease is left behind
    secc.model.unplug()
    await witness.until_newest(f"{PLACE}/state", state="Idle")
    await witness.settle()
    assert set(map(tuple, lives(witness).values())) == {("Started", "Ended")}


@pytest.mark.parametrize("kind", ["rest"])
async def test_a_controller_that_accepts_a_limit_and_ignores_it_is_told_of(
    kind: str, secc: SimulatedSecc, bridge: Bridge, witness: Witness
) -> None:
    await witness.until(f"{PLACE}/state", state="Idle")
    secc.model.plug_in()
    secc.model.authorize()
    await secc.until_current(16)
    secc.model.limits.deaf = True
    assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE))[-1] == DONE
    fault = await witness.until(f"{PLACE}/event/fault", code="limit_not_observed")
    assert fault["details"]["currentA"] == 16
    # MQTT was accepted; the controller says otherwise
    await witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="Unmanaged", computed="MQTT"
    )
    secc.model.limits.deaf = False
    await secc.until_current(8)
    await witness.until_newest(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=8)
    assert Counter(each["code"] for each in witness.documents(f"{PLACE}/event/fault")) == {
        "limit_not_observed": 1
    }


# --- In a process of its own: killed and frozen --------------------------------------------------


class Program:
    """`simulate --secc` as a process that can be killed and frozen."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "simulate", "--secc", "--speed", "10"),
            *("--listen", f"127.0.0.1:{self._port}"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self.send(signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def program(port: int) -> AsyncIterator[Program]:
    running = Program(port)
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


class TestInAProcessOfItsOwn:
    @pytest.fixture
    def kind(self) -> str:
        return "rest"

    @pytest.fixture
    def port(self) -> int:
        return free_port()

    @pytest.fixture
    def options(self, kind: str, port: int) -> Options:
        return {"secc": {NAME: {"type": kind, "url": f"http://127.0.0.1:{port}", **QUICK}}}

    async def test_frozen_and_thawed_nothing_has_begun_or_ended(
        self, port: int, bridge: Bridge, witness: Witness, broker: Broker
    ) -> None:
        async with program(port) as secc:
            charging = await witness.until(f"{PLACE}/state", state="Charging")
            assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE))[-1] == DONE
            for _ in range(5):
                secc.send(signal.SIGSTOP)
                try:
                    await witness.until_newest(f"{PLACE}/state", stale=True)
                    await witness.until_text(f"{NAME}/availability", "offline")
                finally:
                    secc.send(signal.SIGCONT)
                await witness.until_newest(
                    f"{PLACE}/state", stale=False, state="Charging", offeredA=10
                )
            await witness.settle()
            events_are_sound(witness)
            assert lives(witness) == {charging["transactionId"]: ["Started"]}

    async def test_killed_and_started_again_each_session_is_told_once(
        self, port: int, bridge: Bridge, witness: Witness
    ) -> None:
        async with program(port) as secc:
            await witness.until(f"{PLACE}/state", state="Charging")
            assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE))[-1] == DONE
            for _ in range(4):
                before = witness.newest(f"{PLACE}/state")["transactionId"]
                await secc.kill()
                await witness.until_newest(f"{PLACE}/state", stale=True)
                await secc.start()
                ended = await witness.until_newest(f"{PLACE}/state", stale=False, state="Charging")
                assert ended["transactionId"] != before
                await witness.until_newest(f"{PLACE}/meter", currentA=[10.0] * 3)
            await witness.settle()
            events_are_sound(witness)
            assert len(lives(witness)) == 5
