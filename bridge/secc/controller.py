"""The life of one charge controller: read it, tell the engine, carry out what it asks.

Theory of operation. One task reads, by whatever link; each reading becomes a report, which is
handed in when it says something new, one at a time, until it is stored. A controller is connected
from its first whole reading on, and offline once nothing could be read for some seconds. A second
task carries out requests, one after the other: a limit is written as a lease and counts as accepted
when the controller shows it. A third renews that lease at a third of its time-out. Where a lease
does not show any more (the controller has restarted, or somebody else writes), the next report
says so, and the domain has it written again at its own pace. When the bridge ends, its lease is
left to run out: a limit that controllers want is wanted after a restart, too.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    SetChargingProfile,
    StationRequest,
)
from bridge.domain.effects import Reply
from bridge.domain.events import CONTROLLER, ControllerReport
from bridge.ports import Clock, IdSource, Inbox, Metrics
from bridge.secc import lease as leases
from bridge.secc import mapping
from bridge.secc.lease import Lease
from bridge.secc.link import LinkError, RefusedError, SeccLink
from bridge.secc.payloads import Reading
from bridge.secc.settings import SeccSettings

_log = logging.getLogger(__name__)

QUEUE_LIMIT: Final = 20
HURRY_SECONDS: Final = 0.3
"""Between two readings while it is waited for a limit to show."""
FIRST_RETRY_SECONDS: Final = 1.0
TOLD_SECONDS: Final = 2.0
"""How long an answer waits for the reading that it rests on to be stored."""
UNSUPPORTED: Final = "the charge controller's own API has no such request"
ACCEPTED: Final = CallResult(accepted=True, status="Accepted")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that waits for its turn."""

    request: StationRequest
    on_answer: Callable[[CallOutcome], None]
    expires_at: datetime | None


class SeccController:
    """One charge controller; `run` lives until it is cancelled."""

    def __init__(
        self,
        settings: SeccSettings,
        link: SeccLink,
        *,
        inbox: Inbox,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
    ) -> None:
        """Plug in the link and the ports."""
        self._settings = settings
        self._link = link
        self._inbox = inbox
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._calls: asyncio.Queue[Call] = asyncio.Queue(QUEUE_LIMIT)
        self._writing = asyncio.Lock()
        self._reading: Reading | None = None
        self._reading_of: float = 0.0
        """Not before when the last reading was taken, by the monotonic clock."""
        self._news = asyncio.Event()
        self._poll_now = asyncio.Event()
        self._hurry = False
        self._dwell = mapping.Dwell()
        self._connection_id: str | None = None
        """None while it counts as offline."""
        self._offline_at: asyncio.TimerHandle | None = None
        self._failures = 0
        self._lease: Lease | None = None
        self._lease_changed = asyncio.Event()
        self._kept = False
        """What the domain believes to be in force has been written, or given up, by this run."""
        self._told: ControllerReport | None = None
        self._told_at = 0.0
        self._handing_in: ControllerReport | None = None
        self._more_to_tell = False
        self._all_told = asyncio.Event()
        self._all_told.set()

    # --- Requests -----------------------------------------------------------------------------

    def call(
        self,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None,
    ) -> None:
        """Queue a request; `on_answer` is called exactly once, later."""
        refusal = self._refusal(request)
        if refusal is None:
            self._calls.put_nowait(Call(request, on_answer, expires_at))
        else:
            asyncio.get_running_loop().call_soon(on_answer, refusal)

    def _refusal(self, request: StationRequest) -> CallFailed | None:
        if not isinstance(request, SetChargingProfile | ClearChargingProfile):
            description = f"{UNSUPPORTED} ({type(request).__name__})"
            return CallFailed(failure=CallFailure.UNSUPPORTED, description=description)
        if self._connection_id is None:
            return CallFailed(failure=CallFailure.DISCONNECTED)
        return CallFailed(failure=CallFailure.QUEUE_FULL) if self._calls.full() else None

    # --- Life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read, carry out and renew until cancelled."""
        try:
            while True:
                try:
                    await self._live()
                except Exception:  # noqa: BLE001  # task boundary: one bug must not end it for good
                    _log.exception("reading failed", extra=self._fields())
                    self._metrics.count("secc.failed")
                self._went_away()
                await self._link.close()
                await asyncio.sleep(self._retry_seconds())
        finally:
            self._went_away()
            while not self._calls.empty():
                failed = CallFailed(failure=CallFailure.DISCONNECTED)
                self._calls.get_nowait().on_answer(failed)
            await self._link.close()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._carry_out())
            tasks.create_task(self._keep())

    async def _watch(self) -> None:
        while True:
            try:
                await self._link.open()
                await self._read_on()
            except LinkError as error:
                self._metrics.count("secc.read_failed")
                level = logging.DEBUG if self._failures else logging.WARNING
                _log.log(level, "cannot read: %s", error, extra=self._fields())
            await self._link.close()
            await asyncio.sleep(self._retry_seconds())

    async def _read_on(self) -> None:
        while True:
            began = self._clock.monotonic()
            reading = await self._link.reading()
            if not reading.tells_state:
                raise LinkError("it says nothing of its state")
            self._failures = 0
            self._take(reading, began)
            if self._link.poll_seconds:
                await self._pause()

    async def _pause(self) -> None:
        """Wait for the next poll, a tenth more or less, or shorter where somebody waits."""
        seconds = HURRY_SECONDS if self._hurry else self._poll_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poll_now.wait()
        self._poll_now.clear()

    def _poll_seconds(self) -> float:
        return self._link.poll_seconds * (0.9 + 0.2 * self._ids.jitter())

    def _retry_seconds(self) -> float:
        ceiling = FIRST_RETRY_SECONDS * 2.0 ** min(self._failures, 16)
        self._failures += 1
        return min(ceiling, self._settings.retry_max_seconds) * (0.5 + 0.5 * self._ids.jitter())

    def _fields(self) -> dict[str, str]:
        return {"station": self._settings.station_id}

    # --- Readings --------------------------------------------------------------------------------

    def _take(self, reading: Reading, began: float) -> None:
        self._reading = reading
        # of what is pushed it is not known when it was so: not before it was asked for, at least
        self._reading_of = began if self._link.poll_seconds else self._clock.monotonic()
        self._dwell = self._dwell.after(reading, self._clock.now())
        self._look_for_lease(reading)
        self._be_online(reading_took=self._clock.monotonic() - self._reading_of)
        self._hand_in()
        self._news.set()

    def _be_online(self, reading_took: float) -> None:
        """Count as connected, until there is no other reading in time: slow answers are answers."""
        if self._offline_at is not None:
            self._offline_at.cancel()
        loop = asyncio.get_running_loop()
        patience = self._settings.offline_after_seconds + reading_took
        self._offline_at = loop.call_later(patience, self._went_away)
        if self._connection_id is None:
            self._connection_id = self._ids.new_id()
            self._told = None
            self._inbox.connected(
                self._settings.station_id, CONTROLLER, self._connection_id, self._settings.host
            )
            _log.info("connected", extra=self._fields())

    def _went_away(self) -> None:
        if self._offline_at is not None:
            self._offline_at.cancel()
            self._offline_at = None
        connection_id, self._connection_id = self._connection_id, None
        if connection_id is not None:
            self._inbox.disconnected(self._settings.station_id, connection_id)
            _log.warning("offline", extra=self._fields())
            self._news.set()

    # --- Reports ----------------------------------------------------------------------------------

    def _hand_in(self) -> None:
        """Tell the engine what is new, once what was told before is stored."""
        if self._handing_in is not None:
            self._more_to_tell = True
            return
        if self._connection_id is None or self._reading is None:
            return
        report = mapping.report_of(self._reading, self._circumstances(self._reading))
        if not self._is_news(report):
            return
        self._handing_in = report
        self._all_told.clear()
        self._inbox.receive(self._settings.station_id, report, self._stored)

    def _is_news(self, report: ControllerReport) -> bool:
        told = self._told
        if told is None or mapping.news_of(report) != mapping.news_of(told):
            return True
        due = self._told_at + self._settings.meter_interval_seconds
        return bool(report.meter_values) and self._clock.monotonic() >= due

    def _circumstances(self, reading: Reading) -> mapping.Circumstances:
        lease = self._lease
        return mapping.Circumstances(
            now=self._clock.now(),
            own_name=self._link.own_name,
            switches_phases=self._link.switches_phases,
            limits_kept=self._kept,
            undercut=lease is not None and lease.is_undercut_in(reading, self._reading_of),
            first=self._told is None,
            serial_number=self._settings.client_id or None,
            dwell=self._dwell,
        )

    def _stored(self, reply: Reply | None) -> None:
        """Go on after a report; one that could not be stored is told with the next reading."""
        if reply is not None and self._connection_id is not None:
            self._told, self._told_at = self._handing_in, self._clock.monotonic()
        self._handing_in = None
        more, self._more_to_tell = self._more_to_tell, False
        if more and reply is not None:
            self._hand_in()
        if self._handing_in is None:
            self._all_told.set()

    # --- Carrying out -------------------------------------------------------------------------------

    async def _carry_out(self) -> None:
        while True:
            call = await self._calls.get()
            outcome: CallOutcome = CallFailed(failure=CallFailure.DISCONNECTED)
            try:
                outcome = await self._outcome_of(call)
            finally:
                call.on_answer(outcome)

    async def _outcome_of(self, call: Call) -> CallOutcome:
        if call.expires_at is not None and call.expires_at <= self._clock.now():
            return CallFailed(failure=CallFailure.EXPIRED)
        if self._connection_id is None:
            return CallFailed(failure=CallFailure.DISCONNECTED)
        async with self._writing:
            before = self._lease
            self._hold(None)
            try:
                if isinstance(call.request, SetChargingProfile):
                    await self._set(call.request)
                else:
                    await self._give_up()
            except RefusedError as error:
                self._hold(before)  # nothing has changed
                return _rejected("Refused", str(error))
            except LinkError as error:
                self._kept = False  # nobody knows what is in force now
                return _failed(error)
            finally:
                self._hurry = False
            await self._until_told()
            return ACCEPTED

    async def _set(self, request: SetChargingProfile) -> None:
        """Write a limit as a lease, and wait until the controller shows it."""
        await self._switch(request.number_phases)
        lease = self._lease_of(request.limit_a, request.valid_to)
        await self._link.set_limit(lease.limit_a, lease.timeout_ms)
        shown = f"{lease.limit_a:g} A was written and does not show"
        await self._until(
            lambda reading: lease.is_shown_in(reading, reads_limits=self._link.reads_limits),
            since=lease.written_at,
            otherwise=shown,
        )
        self._hold(lease if self._reading is None else lease.as_taken(self._reading))
        self._kept = True

    def _lease_of(
        self, limit_a: float, valid_to: datetime | None, before: Lease | None = None
    ) -> Lease:
        """Return a lease that begins now; `before` is the one that it renews."""
        return leases.written(
            limit_a,
            lease_seconds=self._settings.lease_seconds
            if before is None
            else before.timeout_seconds,
            monotonic=self._clock.monotonic(),
            now=self._clock.now(),
            valid_to=valid_to,
            set_at=None if before is None else before.set_at,
        )

    async def _switch(self, number_phases: int | None) -> None:
        """Charge on one phase or on all, where that is asked and not so already."""
        active = number_phases == 1
        known = self._reading.one_phase if self._reading else None
        if number_phases is None or known is active:
            return
        written_at = self._clock.monotonic()
        await self._link.hold_to_one_phase(active=active)
        wanted = "one phase" if active else "all phases"
        await self._until(
            lambda reading: reading.one_phase is active,
            since=written_at,
            otherwise=f"{wanted} was written and does not show",
        )

    async def _give_up(self) -> None:
        """Give the limit up, and wait until the controller shows that."""
        for give_up in (self._link.release, self._link.disable):
            written_at = self._clock.monotonic()
            with contextlib.suppress(RefusedError, _NotShownError):
                await give_up()
                if self._link.reads_limits:
                    gone = "the limit was given up and still shows"
                    await self._until(leases.given_up, since=written_at, otherwise=gone)
                self._kept = True
                return
        raise LinkError("the controller does not give the limit up: it runs out by itself")

    async def _until(
        self, shows: Callable[[Reading], bool], *, since: float, otherwise: str
    ) -> None:
        """Wait until a reading of after a moment shows something. Raises _NotShownError."""
        self._hurry = True
        self._poll_now.set()
        for patience in (self._settings.confirm_seconds, self._settings.slow_seconds):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._shown(shows, since)
                    return
            if self._is_fresh(since):
                break  # else its answers are slow: nothing was read that could show it
        raise _NotShownError(otherwise)

    async def _shown(self, shows: Callable[[Reading], bool], since: float) -> None:
        while True:
            reading = self._reading
            if reading is not None and self._is_fresh(since) and shows(reading):
                return
            if self._connection_id is None:
                raise LinkError("it went away before it showed what was written")
            self._news.clear()
            await self._news.wait()

    def _is_fresh(self, since: float) -> bool:
        """Say whether the last reading is not older than this; of what is pushed all are news."""
        return self._reading_of >= since or not self._link.poll_seconds

    async def _until_told(self) -> None:
        """Let the engine have the reading that an answer rests on before the answer."""
        self._hand_in()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOLD_SECONDS):
                await self._all_told.wait()

    # --- The lease -----------------------------------------------------------------------------------

    def _hold(self, lease: Lease | None) -> None:
        self._lease = lease
        self._lease_changed.set()

    async def _keep(self) -> None:
        """Renew the lease at a third of its time-out, for as long as there is one."""
        while True:
            self._lease_changed.clear()
            lease = self._lease
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_renewal(lease)):
                    await self._lease_changed.wait()
                    continue
            async with self._writing:
                if lease is not None and lease is self._lease:
                    await self._renew(lease)

    def _seconds_to_renewal(self, lease: Lease | None) -> float | None:
        return None if lease is None else max(0.0, lease.renew_at - self._clock.monotonic())

    async def _renew(self, lease: Lease) -> None:
        if lease.valid_to is not None and lease.valid_to <= self._clock.now():
            self._hold(None)
            return
        again = self._lease_of(lease.limit_a, lease.valid_to, lease)
        try:
            await self._link.set_limit(again.limit_a, again.timeout_ms)
        except LinkError as error:
            self._metrics.count("secc.renewal_failed")
            _log.warning("cannot renew the limit: %s", error, extra=self._fields())
            now = self._clock.monotonic()
            if lease.has_run_out(now):
                self._lose("it could not be renewed in time")
            else:
                self._hold(replace(lease, renew_at=now + leases.RETRY_SECONDS))
        else:
            self._hold(again)

    def _look_for_lease(self, reading: Reading) -> None:
        """Find out whether the controller still has what was written."""
        lease = self._lease
        if lease is None or self._writing.locked():
            return
        if self._reading_of < lease.written_at + leases.SHOWS_AFTER_SECONDS:
            return
        if self._link.reads_limits and not reading.limits_read:
            return
        if not lease.is_shown_in(reading, reads_limits=self._link.reads_limits):
            self._lose("the controller does not show it any more")

    def _lose(self, why: str) -> None:
        self._metrics.count("secc.limit_lost")
        _log.warning("the limit is not in force: %s", why, extra=self._fields())
        self._kept = False
        self._hold(None)
        self._hand_in()


class _NotShownError(LinkError):
    """What was written does not show in time."""


def _failed(error: LinkError) -> CallOutcome:
    if isinstance(error, _NotShownError):
        return _rejected("NotShown", str(error))
    return CallFailed(failure=CallFailure.TIMEOUT, description=str(error))


def _rejected(reason_code: str, additional_info: str) -> CallResult:
    fields: dict[str, Any] = {"reason_code": reason_code, "additional_info": additional_info}
    return CallResult(accepted=False, status="Rejected", **fields)
