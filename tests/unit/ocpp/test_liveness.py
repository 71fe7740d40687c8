"""Asking whether a station is there; pings and silence are tried over sockets."""

import asyncio

from bridge.domain.settings import StationSettings
from bridge.ocpp.liveness import Liveness


class Link:
    """A connection of which the test says how it is."""

    is_open = True
    is_paused = False
    is_busy = False
    needs = StationSettings()

    def __init__(self) -> None:
        self.pings = 0

    def ping(self) -> None:
        self.pings += 1

    def end_silence(self) -> None:
        raise AssertionError("nobody minds silence here")


async def asked(link: Link, liveness: Liveness, within_seconds: float) -> asyncio.Future[bool]:
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    liveness.ask(within_seconds, answer.set_result)
    assert not answer.done()
    return answer


async def test_whoever_says_anything_is_there() -> None:
    link = Link()
    liveness = Liveness(link, 0.0)
    first, second = await asked(link, liveness, 60), await asked(link, liveness, 60)
    assert link.pings == 2
    liveness.heard()
    assert (await first, await second) == (True, True)
    liveness.heard()
    liveness.stop()


async def test_whoever_says_nothing_is_not_unless_it_is_us_who_do_not_listen() -> None:
    link = Link()
    liveness = Liveness(link, 0.0)
    assert await (await asked(link, liveness, 0.0)) is False
    link.is_busy = True
    assert await (await asked(link, liveness, 0.0)) is True


async def test_of_a_connection_that_ends_or_has_ended_nobody_is_there() -> None:
    link = Link()
    liveness = Liveness(link, 0.0)
    answer = await asked(link, liveness, 60)
    liveness.stop()
    assert await answer is False
    link.is_open = False
    assert await (await asked(link, liveness, 60)) is False
    assert link.pings == 1
