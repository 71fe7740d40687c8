"""The adapter against the simulated SECC over real sockets: reading, limits, leases, faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.demo.broker import free_port
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    RequestStopTransaction,
)
from bridge.domain.enums import SeccState
from bridge.secc.settings import SeccType
from bridge.simulator.secc import SeccQuirk
from tests.brokers import Broker
from tests.integration.secc.rig import Rig, reading
from tests.seccs import SimulatedSecc, simulated_secc

REST, WEBSOCKET, MQTT = SeccType.REST, SeccType.WEBSOCKET, SeccType.MQTT
KINDS = list(SeccType)


@asynccontextmanager
async def both(
    kind: SeccType, broker: Broker | None, *quirks: str, **options: Any
) -> AsyncIterator[tuple[SimulatedSecc, Rig]]:
    """Run a SECC with these quirks and its adapter."""
    faces: dict[str, Any] = {}
    more: dict[str, Any] = {}
    if kind is MQTT:
        assert broker is not None
        prefix = f"secc/{broker.root}"
        faces = {"mqtt_url": broker.url, "mqtt_prefix": prefix, "client_id": "S1"}
        more = {"url": broker.url, "topic_prefix": prefix}
    async with AsyncExitStack() as stack:
        secc = await stack.enter_async_context(simulated_secc(quirks=quirks, **faces))
        target: SimulatedSecc | str = more.pop("url", secc)
        rig = await stack.enter_async_context(reading(kind, target, **more, **options))
        yield secc, rig


def accepted(answer: CallOutcome) -> bool:
    return isinstance(answer, CallResult) and answer.accepted


def lease_of(kind: SeccType, secc: SimulatedSecc) -> Any:
    return secc.model.limits.mqtt if kind is MQTT else secc.model.limits.api


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_read_limited_renewed_and_released(kind: SeccType, broker: Broker) -> None:
    async with both(kind, broker, lease_seconds=3.0) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        assert rig.inbox.presence == ["online"]
        assert rig.inbox.reports[0].first is True

        answer = await rig.limit(10)
        assert answer == CallResult(accepted=True, status="Accepted")
        lease = lease_of(kind, secc)
        assert (lease.amps, lease.timeout_ms) == (10, 3000)
        await secc.until_current(10)
        renewed_at = lease.renewed_at
        await secc.until(lambda _seen: lease.renewed_at > renewed_at)
        await secc.until(lambda _seen: lease.renewed_at - renewed_at > timedelta(seconds=3))
        assert lease.amps == 10  # it has outlived its own time-out

        answer = await rig.clear()
        assert answer == CallResult(accepted=True, status="Accepted")
        await secc.until_current(16)
        assert lease.amps is None
        assert all(report.limits_kept for report in rig.inbox.reports[-3:])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_ends_with_what_it_is_wanted_for(kind: SeccType, broker: Broker) -> None:
    async with both(kind, broker, lease_seconds=60.0) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10, seconds=2)
        assert lease_of(kind, secc).timeout_ms < 3000
        await secc.until(lambda _seen: lease_of(kind, secc).amps is None)


@pytest.mark.parametrize("kind", KINDS)
async def test_stopping_the_bridge_leaves_no_lease_behind_for_long(
    kind: SeccType, broker: Broker
) -> None:
    async with both(kind, broker, lease_seconds=1.5) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10)
        await rig.stations.stop()
        assert rig.inbox.presence == ["online", "offline"]
        assert lease_of(kind, secc).amps == 10  # wanted after a restart, too
        await secc.until(lambda _seen: lease_of(kind, secc).amps is None)


@pytest.mark.parametrize("prefix", ["pulsatrix/secc", "/pulsatrix/secc"])
async def test_the_usual_prefix_is_found_with_and_without_a_slash(
    prefix: str, broker: Broker
) -> None:
    client_id = f"S-{broker.root}"
    async with (
        simulated_secc(mqtt_url=broker.url, mqtt_prefix=prefix, client_id=client_id) as secc,
        reading(MQTT, broker.url, client_id=client_id) as rig,
    ):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        assert accepted(await rig.limit(10))
        await secc.until_current(10)
        assert accepted(await rig.clear())
        await secc.until_current(16)


async def test_pauses_are_0_a_and_low_currents_too() -> None:
    async with both(REST, None) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        for amps in (0, 4):
            assert accepted(await rig.limit(amps))
            await secc.until_current(0)
        assert accepted(await rig.limit(80))
        await secc.until_current(16)


async def test_one_phase_by_websocket() -> None:
    async with both(WEBSOCKET, None) as (secc, rig):
        report = await rig.inbox.until_report(state=SeccState.CHARGING)
        assert report.phase_switching is True
        assert accepted(await rig.limit(12, number_phases=1))
        await secc.until(lambda seen: (seen.phases, seen.current_a) == (1, 12))
        assert accepted(await rig.limit(12, number_phases=3))
        await secc.until(lambda seen: (seen.phases, seen.current_a) == (3, 12))


async def test_phases_without_relays_are_refused() -> None:
    async with both(WEBSOCKET, None, "no_phase_switching") as (_secc, rig):
        report = await rig.inbox.until_report(state=SeccState.CHARGING)
        assert report.phase_switching is False
        answer = await rig.limit(12, number_phases=1)
        assert isinstance(answer, CallResult)
        assert (answer.accepted, answer.reason_code) == (False, "NotShown")
    async with both(REST, None) as (_secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        answer = await rig.limit(12, number_phases=1)
        assert isinstance(answer, CallResult)
        assert (answer.accepted, answer.reason_code) == (False, "Refused")


# --- What goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "quirk"),
    [
        *((REST, quirk) for quirk in ("upper_snake", "swapped_status", "old_transaction")),
        *((REST, quirk) for quirk in ("other_names", "numbers_as_strings", "null_for_nan")),
        *((REST, quirk) for quirk in ("no_session_id", "plain_keys_only", "set_keys_only")),
        *((REST, quirk) for quirk in ("no_nan", "half_answers", "server_errors")),
        *((WEBSOCKET, quirk) for quirk in ("half_answers", "prefixed_pushes", "silent_pushes")),
        *((WEBSOCKET, quirk) for quirk in ("upper_snake", "numbers_as_strings", "no_nan")),
        *((MQTT, quirk) for quirk in ("half_answers", "silent_pushes", "swapped_status")),
    ],
)
async def test_it_works_all_the_same(kind: SeccType, quirk: str, broker: Broker) -> None:
    async with both(kind, broker, quirk) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        assert accepted(await rig.limit(10))
        await secc.until_current(10)
        assert accepted(await rig.clear())
        await secc.until_current(16)
        assert rig.inbox.presence == ["online"]


async def test_where_nan_is_not_taken_the_limit_is_disabled() -> None:
    async with both(REST, None, "no_nan") as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10)
        await rig.clear()
        assert secc.seen.api == (False, 10)


async def test_releasing_does_not_stop_the_charging_where_enabled_means_that() -> None:
    async with both(REST, None, "enabled_stops_charging") as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10)
        await secc.until_current(10)
        await rig.clear()
        await secc.until_current(16)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_that_does_not_show_is_not_accepted(kind: SeccType, broker: Broker) -> None:
    async with both(kind, broker, "forget_limits") as (_secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        answer = await rig.limit(10)
        assert isinstance(answer, CallResult)
        assert (answer.accepted, answer.reason_code) == (False, "NotShown")
        await rig.inbox.until_report(limits_kept=False)


@pytest.mark.parametrize(("kind", "reason"), [(REST, "Refused"), (WEBSOCKET, "NotShown")])
async def test_a_limit_that_is_refused(kind: SeccType, reason: str) -> None:
    async with both(kind, None, "refuse_limits") as (_secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        answer = await rig.limit(10)
        assert isinstance(answer, CallResult)
        assert (answer.accepted, answer.reason_code) == (False, reason)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_controller_that_restarts_has_lost_its_limit(
    kind: SeccType, broker: Broker
) -> None:
    async with both(kind, broker) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10)
        before = secc.seen.session_id
        secc.model.restart()
        report = await rig.inbox.until_report(limits_kept=False)
        assert report.session_id != before
        await rig.limit(10)
        await secc.until_current(10)


async def test_somebody_elses_limit_in_its_place_is_noticed() -> None:
    async with both(REST, None) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10)
        secc.model.limits.api.amps = 14.0
        await rig.inbox.until_report(limits_kept=False)


async def test_a_lower_limit_of_somebody_else_is_noticed_where_nobody_is_named(
    broker: Broker,
) -> None:
    async with both(MQTT, broker) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        assert accepted(await rig.limit(10))
        secc.model.limits.others["Team"] = 7.0
        report = await rig.inbox.until_report(source_name="OCPP Profile", available_a=7.0)
        assert (report.own_source, report.limits_kept) == (False, True)
        del secc.model.limits.others["Team"]
        await rig.inbox.until_report(source_name=None, available_a=10.0)


async def test_it_does_not_answer_and_then_it_does() -> None:
    port = free_port()
    async with reading(REST, f"http://127.0.0.1:{port}") as rig:
        answer = await rig.limit(10)
        assert answer == CallFailed(failure=CallFailure.DISCONNECTED)
        async with simulated_secc(port=port) as secc:
            await rig.inbox.until_report(state=SeccState.CHARGING)
            await rig.limit(10)
            await secc.until_current(10)
        await rig.inbox.until(lambda inbox: inbox.presence == ["online", "offline"])
        async with simulated_secc(port=port):
            report = await rig.inbox.until_report(state=SeccState.CHARGING)
            assert (report.first, report.limits_kept) == (True, False)
        assert rig.inbox.presence == ["online", "offline", "online"]


async def test_slow_answers_are_answers() -> None:
    async with (
        simulated_secc(quirks=["slow_answers"], answer_delay_s=0.7) as secc,
        # four documents take longer than both the silence and the confirmation may
        reading(REST, secc, offline_after_seconds=2.0, confirm_seconds=1.0) as rig,
    ):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        assert accepted(await rig.limit(10))
        await secc.until_current(10)
        assert accepted(await rig.clear())
        await secc.until_current(16)
        assert rig.inbox.presence == ["online"]


async def test_what_goes_away_is_not_waited_for() -> None:
    async with both(REST, None, confirm_seconds=1.0, slow_seconds=60.0) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        secc.model.quirks = frozenset({SeccQuirk.NO_ANSWER})
        answer = await rig.limit(10)
        assert isinstance(answer, CallFailed)
        assert answer.failure is CallFailure.TIMEOUT


async def test_a_short_silence_is_no_absence() -> None:
    async with both(REST, None, offline_after_seconds=10.0) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        secc.model.quirks = frozenset({SeccQuirk.SERVER_ERRORS, SeccQuirk.HALF_ANSWERS})
        await rig.counts.until("secc.read_failed")
        secc.model.quirks = frozenset()
        await rig.inbox.until_report(state=SeccState.CHARGING)
        assert rig.inbox.presence == ["online"]


async def test_no_answer_at_all_is_offline_in_time() -> None:
    async with both(REST, None) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        secc.model.quirks = frozenset({SeccQuirk.NO_ANSWER})
        await rig.inbox.until(lambda inbox: inbox.presence == ["online", "offline"])
        answer = await rig.limit(10)
        assert answer == CallFailed(failure=CallFailure.DISCONNECTED)


async def test_a_renewal_that_fails_for_too_long_is_told() -> None:
    async with both(REST, None, lease_seconds=1.5) as (secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        await rig.limit(10)
        secc.model.quirks = frozenset({SeccQuirk.REFUSE_LIMITS})
        await rig.inbox.until_report(limits_kept=False)
        assert rig.counts.seen["secc.renewal_failed"] >= 1


async def test_what_could_not_be_stored_is_told_again() -> None:
    async with both(REST, None) as (_secc, rig):
        rig.inbox.storing = False
        await rig.inbox.until(lambda inbox: len(inbox.reports) >= 3)
        assert all(report.first for report in rig.inbox.reports)
        rig.inbox.storing = True
        await rig.inbox.until_report(first=False)


async def test_what_it_cannot_do_and_what_is_too_late() -> None:
    async with both(REST, None) as (_secc, rig):
        await rig.inbox.until_report(state=SeccState.CHARGING)
        answer = await rig.ask(RequestStopTransaction(transaction_id="1"))
        assert isinstance(answer, CallFailed)
        assert answer.failure is CallFailure.UNSUPPORTED
        assert "RequestStopTransaction" in answer.description
        past = datetime.now(UTC) - timedelta(seconds=1)
        slow = asyncio.ensure_future(rig.limit(10))
        late = await rig.ask(ClearChargingProfile(profile_id=1), past)
        assert late == CallFailed(failure=CallFailure.EXPIRED)
        await slow
