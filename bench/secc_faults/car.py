"""A simulated charge controller with its car, as a process that can be killed and frozen.

`python -m bench.secc_faults.car` is the process; `Secc` is the harness' hand on it. A controller that
was killed starts again with another session, its meter where it was, and the car still there.
"""

import argparse
import asyncio
import signal
from dataclasses import dataclass
from typing import Any, Final

from bench.control import Worker, serve
from bench.process import LOOPBACK
from bridge.demo.broker import free_port
from bridge.simulator.script import Script
from bridge.simulator.secc import SeccOptions, SeccQuirk, SeccRunner

CLIENT_ID: Final = "S1"
CAR_A: Final = 16.0
"""What the car draws where nothing limits it, A per phase."""
_NOBODY: Final = Script(steps=(), repeat=False)
_SLOW_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the controller and its car do."""

    session_id: str
    state: str
    current_a: float
    phases: int
    register_wh: float
    lease_a: float | None
    """The limit of the face that is used, where it counts."""
    limit_a: float | None
    """The same, also where it does not count."""


class Secc:
    """A controller that is reached by one of its APIs (`face`)."""

    def __init__(self, face: str, mqtt_url: str, mqtt_prefix: str) -> None:
        """Set it up; `start` runs it."""
        self.face = face
        self.port = free_port()
        self._mqtt = (mqtt_url, mqtt_prefix) if face == "mqtt" else ("", "unused")
        self._worker: Worker | None = None
        self._register_wh: float | None = None

    async def start(self, *, plugged: bool) -> None:
        """Switch it on, with a car that charges or without one."""
        url, prefix = self._mqtt
        arguments = ["--port", str(self.port), "--mqtt-url", url, "--mqtt-prefix", prefix]
        if self._register_wh is not None:
            arguments += ["--register-wh", str(self._register_wh)]
        if plugged:
            arguments.append("--plugged")
        self._worker = await Worker.start("bench.secc_faults.car", *arguments)

    async def look(self) -> Seen:
        """Return what it does now."""
        seen = Seen(**await self._process.ask("look", face=self.face))
        self._register_wh = seen.register_wh
        return seen

    async def do(self, name: str, **arguments: Any) -> None:
        """Have something done to it (`_Hand`)."""
        await self._process.ask(name, face=self.face, **arguments)

    def freeze(self) -> None:
        """Stop the process where it is; its connections stay open and silent."""
        self._process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._process.send(signal.SIGCONT)

    async def kill(self) -> None:
        """Take its power away."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.send(signal.SIGKILL)
            await worker.stop()

    @property
    def _process(self) -> Worker:
        if self._worker is None:
            raise RuntimeError("the controller has no power")
        return self._worker


class _Hand:
    """What the harness asks of the process."""

    def __init__(self, runner: SeccRunner) -> None:
        self._runner = runner
        self._model = runner.model

    async def look(self, request: dict[str, Any]) -> dict[str, Any]:
        self._runner.advance()
        seen, lease = self._model.snapshot, self._lease(request)
        return {
            "session_id": seen.session_id,
            "state": seen.state.value,
            "current_a": seen.current_a,
            "phases": seen.phases,
            "register_wh": seen.energy_wh,
            "lease_a": lease.amps if lease.enabled else None,
            "limit_a": lease.amps,
        }

    def _lease(self, request: dict[str, Any]) -> Any:
        limits = self._model.limits
        return limits.mqtt if request["face"] == "mqtt" else limits.api

    async def plug_in(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._model.plug_in()
        self._model.authorize()
        return {}

    async def stop(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._model.stop("Local")
        return {}

    async def unplug(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._model.unplug()
        return {}

    async def restart(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Lose power for a moment: leases are gone, the car gets another session."""
        self._model.restart()
        self._model.authorize()
        return {}

    async def write(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let another program overwrite the limit, or the controller forget it (null)."""
        self._lease(request).amps = request["amps"]
        return {}

    async def misbehave(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have these quirks from now on, and no others."""
        quirks = frozenset(SeccQuirk(name) for name in request["quirks"])
        self._model.quirks = quirks
        self._model.limits.deaf = SeccQuirk.IGNORE_LIMITS in quirks
        if SeccQuirk.NO_ANSWER in quirks:
            for socket in self._runner.sockets:
                await socket.close()
        return {}


async def _run(arguments: argparse.Namespace) -> None:
    runner = SeccRunner(
        SeccOptions(
            host=LOOPBACK,
            port=arguments.port,
            mqtt_url=arguments.mqtt_url,
            mqtt_prefix=arguments.mqtt_prefix,
            client_id=CLIENT_ID,
            car_max_a=CAR_A,
            script=_NOBODY,
            push_interval_s=0.3,
            answer_delay_s=_SLOW_SECONDS,
        )
    )
    if arguments.register_wh is not None:
        runner.model.circuit.register_wh = arguments.register_wh
    hand = _Hand(runner)
    if arguments.plugged:
        await hand.plug_in({})
    await runner.start()
    running = asyncio.create_task(runner.run())
    names = ("look", "plug_in", "stop", "unplug", "restart", "write", "misbehave")
    await serve({name: getattr(hand, name) for name in names})
    running.cancel()
    await asyncio.wait([running], timeout=5)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mqtt-url", default="")
    parser.add_argument("--mqtt-prefix", default="")
    parser.add_argument("--register-wh", type=float)
    parser.add_argument("--plugged", action="store_true")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
