"""What happens to the controller, and that everything is right again afterwards.

After each fault the controller is well again, and then the car has to draw what is wanted, the lease
has to be there (or, where it was given up, gone), and the documents have to say so, with the true
name in control, within `CONVERGES_SECONDS`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, Final

from bench.secc_faults.car import CAR_A, Secc, Seen
from bench.secc_faults.oracle import Session
from bench.secc_faults.view import DONE, NotSeenError, View

CONVERGES_SECONDS: Final = 60.0
"""A write that was refused is repeated after 10 s, one that was refused again after 20 s."""
NOTICES_SECONDS: Final = 30.0
INSTALLATION_A: Final = 32.0
LIMITS_A: Final = (7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0)
_LOOKS_SECONDS: Final = 0.1
_MQTT: Final = "MQTT"
_UNMANAGED: Final = "Unmanaged"


class Faults:
    """A controller, what is wanted of it, and what it has been through."""

    def __init__(self, secc: Secc, view: View, chance: Random) -> None:
        """Take a controller that is switched on."""
        self._secc = secc
        self._view = view
        self._chance = chance
        self.wanted_a: float | None = None
        """The limit of the MQTT controller; None: it has given it up."""
        self.sessions: list[Session] = []

    # --- What is so ---------------------------------------------------------------------------

    async def begin(self) -> None:
        """Let a car come, and take control of it."""
        await self._until_view(lambda view: view.document("state").get("state") == "Idle")
        await self._secc.do("plug_in")
        await self._new_session()
        await self.converge()
        await self.limit()

    async def limit(self) -> None:
        """Want another limit; done at once, since nothing is wrong. Raises NotSeenError."""
        result = await self._view.ask("limit", {"limitA": self._choose()})
        if result["status"] != DONE:
            raise NotSeenError(f"a limit was not taken: {result}")
        self.wanted_a = result["data"]["requestedA"]
        await self.converge()

    async def release(self) -> None:
        """Want no limit any more: no lease is left behind. Raises NotSeenError."""
        result = await self._view.ask("release", {})
        if result["status"] != DONE:
            raise NotSeenError(f"the release was not taken: {result}")
        self.wanted_a = None
        await self.converge()

    async def end(self) -> None:
        """Give control back, and let the car go."""
        await self.release()
        await self._secc.do("unplug")
        self._session_ends()
        await self._until_view(lambda view: view.document("state").get("state") == "Idle")
        await self._until_view(lambda view: view.events[-1]["eventType"] == "Ended")

    async def converge(self) -> float:
        """Return how long it takes, in s, until all is as it should be. Raises NotSeenError."""
        began = time.monotonic()
        while True:
            wrong = self._wrong(await self._secc.look())
            if wrong is None:
                return time.monotonic() - began
            if time.monotonic() > began + CONVERGES_SECONDS:
                raise NotSeenError(f"not converged in {CONVERGES_SECONDS:g} s: {wrong}")
            await asyncio.sleep(_LOOKS_SECONDS)

    def _wrong(self, seen: Seen) -> str | None:
        """Return what is not as it should be."""
        state, allocation = self._view.document("state"), self._view.document("allocation")
        offered_a = INSTALLATION_A if self.wanted_a is None else self.wanted_a
        source = _UNMANAGED if self.wanted_a is None else _MQTT
        requested = None if self.wanted_a is None else self.wanted_a
        pairs = {
            "current": (seen.current_a, min(CAR_A, offered_a)),
            "lease": (seen.lease_a, self.wanted_a),
            "availability": (self._view.availability, "online"),
            "state": (state.get("state"), "Charging"),
            "stale": (state.get("stale"), False),
            "state.offeredA": (state.get("offeredA"), offered_a),
            "state.allocationSourceName": (state.get("allocationSourceName"), source),
            "session": (state.get("transactionId"), self.sessions[-1].id),
            "offeredA": (allocation.get("offeredA"), offered_a),
            "allocationSourceName": (allocation.get("allocationSourceName"), source),
            "requested": ((allocation.get("requested") or {}).get("limitA"), requested),
            "pending": (allocation.get("pending"), None),
        }
        wrong = [f"{name} {is_}, not {must}" for name, (is_, must) in pairs.items() if is_ != must]
        return "; ".join(wrong) or None

    async def _until_view(self, condition: Callable[[View], Any]) -> None:
        await self._view.until(condition, NOTICES_SECONDS, "not noticed")

    async def _until_stale(self) -> None:
        await self._until_view(
            lambda view: view.document("state").get("stale") and view.availability == "offline"
        )

    async def _new_session(self) -> None:
        self._session_ends()
        self.sessions.append(Session(id=(await self._secc.look()).session_id))

    def _session_ends(self) -> None:
        if self.sessions:
            self.sessions[-1].ended = True

    def _choose(self) -> float:
        return self._chance.choice([each for each in LIMITS_A if each != self.wanted_a])

    async def _misbehaves(self, *quirks: str) -> None:
        await self._secc.do("misbehave", quirks=quirks)

    # --- Faults -------------------------------------------------------------------------------

    async def killed(self) -> None:
        """It loses power, and comes back some time later, perhaps before that was noticed."""
        await self._power_off()
        if self._chance.random() < 0.5:
            await self._until_stale()
        await self._power_on()

    async def _power_off(self) -> None:
        await self._secc.look()  # the meter will go on from here
        await self._secc.kill()

    async def _power_on(self) -> None:
        await self._secc.start(plugged=True)
        await self._new_session()

    async def killed_while_limited(self) -> None:
        """It loses power while a limit is on its way; what the result says is what must be."""
        limit_a = self._choose()
        command_id = await self._view.publish("limit", {"limitA": limit_a})
        await asyncio.sleep(self._chance.uniform(0, 0.3))
        await self._power_off()
        await asyncio.sleep(self._chance.uniform(0, 3))
        await self._power_on()
        await self._takes(command_id, limit_a)

    async def _takes(self, command_id: str, limit_a: float) -> None:
        if (await self._view.final(command_id))["status"] == DONE:
            self.wanted_a = limit_a

    async def frozen(self) -> None:
        """It freezes until that is noticed, and goes on where it was."""
        self._secc.freeze()
        try:
            await self._until_stale()
        finally:
            self._secc.thaw()

    async def frozen_for_a_moment(self) -> None:
        """It freezes and goes on before anybody could say so."""
        self._secc.freeze()
        await asyncio.sleep(self._chance.uniform(0, 1))
        self._secc.thaw()

    async def frozen_while_limited(self) -> None:
        """It freezes while a limit is on its way."""
        limit_a = self._choose()
        self._secc.freeze()
        try:
            command_id = await self._view.publish("limit", {"limitA": limit_a})
            await asyncio.sleep(self._chance.uniform(0, 8))
        finally:
            self._secc.thaw()
        await self._takes(command_id, limit_a)

    async def restarted(self) -> None:
        """It restarts within a moment: no lease, another session."""
        await self._secc.do("restart")
        await self._new_session()

    async def unreachable(self) -> None:
        """It is there and says nothing."""
        await self._misbehaves("no_answer")
        await self._until_stale()

    async def unreachable_and_restarted(self) -> None:
        """It says nothing, and restarts meanwhile."""
        await self.unreachable()
        await self.restarted()

    async def another_car_meanwhile(self) -> None:
        """It says nothing; the car leaves, and another one comes."""
        await self.unreachable()
        await self._another_car()

    async def another_car(self) -> None:
        """A car is stopped and leaves, another one comes: no fault at all."""
        await self._secc.do("stop")
        self._session_ends()
        await self._until_view(lambda view: view.document("state").get("state") == "Finishing")
        await self._another_car()

    async def _another_car(self) -> None:
        await self._secc.do("unplug")
        await self._secc.do("plug_in")
        await self._new_session()

    async def half_answers(self) -> None:
        """What it says breaks off in the middle."""
        await self._misbehaves("half_answers")
        await asyncio.sleep(2)

    async def server_errors(self) -> None:
        """It answers with errors (REST), and what it says breaks off."""
        await self._misbehaves("server_errors", "half_answers")
        await asyncio.sleep(2)

    async def slow_and_limited(self) -> None:
        """It answers late, and is limited meanwhile."""
        await self._misbehaves("slow_answers")
        limit_a = self._choose()
        await self._takes(await self._view.publish("limit", {"limitA": limit_a}), limit_a)

    async def lying(self) -> None:
        """It takes the lease and charges as it likes; the name in control must say that."""
        await self._misbehaves("ignore_limits")
        await self._until_view(
            lambda view: view.document("allocation").get("allocationSourceName") != _MQTT
        )

    async def lying_about_a_new_limit(self) -> None:
        """It takes another lease and charges as it likes."""
        await self._misbehaves("ignore_limits")
        limit_a = self._choose()
        await self._takes(await self._view.publish("limit", {"limitA": limit_a}), limit_a)

    async def refusing(self) -> None:
        """It refuses another limit: what was wanted before is wanted still."""
        await self._misbehaves("refuse_limits")
        limit_a = self._choose()
        await self._takes(await self._view.publish("limit", {"limitA": limit_a}), limit_a)

    async def forgetful(self) -> None:
        """It forgets the lease."""
        await self._secc.do("write", amps=None)

    async def overwritten(self) -> None:
        """Another program writes a higher limit in the place of ours."""
        await self._secc.do("write", amps=15.0)

    async def released_meanwhile(self) -> None:
        """It says nothing, and control is given back: its lease must not stay."""
        await self.unreachable()
        await self._view.publish("release", {"defer": True})
        self.wanted_a = None

    async def limited_meanwhile(self) -> None:
        """It says nothing, and another limit is wanted."""
        await self.unreachable()
        limit_a = self._choose()
        await self._view.publish("limit", {"limitA": limit_a, "defer": True})
        self.wanted_a = limit_a

    async def healed(self) -> None:
        """It does what it should again."""
        await self._misbehaves()


FAULTS: Final[Mapping[str, Callable[[Faults], Awaitable[None]]]] = {
    each.__name__: each
    for each in (
        Faults.killed,
        Faults.killed_while_limited,
        Faults.frozen,
        Faults.frozen_for_a_moment,
        Faults.frozen_while_limited,
        Faults.restarted,
        Faults.unreachable,
        Faults.unreachable_and_restarted,
        Faults.another_car_meanwhile,
        Faults.another_car,
        Faults.half_answers,
        Faults.server_errors,
        Faults.slow_and_limited,
        Faults.lying,
        Faults.lying_about_a_new_limit,
        Faults.refusing,
        Faults.forgetful,
        Faults.overwritten,
        Faults.released_meanwhile,
        Faults.limited_meanwhile,
    )
}
