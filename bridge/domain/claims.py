"""Claims of controllers: limit, release, pause, resume, phases (allocation.md).

A claim is answered `accepted` when it is taken on, and finally when the station has accepted the
profile that it led to (`profile`), or at once where nothing is to be written.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.domain import allocation, answers, leases, phases, profile
from bridge.domain.commands import (
    DEFAULT_PRIORITY,
    Command,
    CommandRef,
    Pause,
    Refusal,
    Release,
    ResultCode,
    SetLimit,
    SetPhases,
)
from bridge.domain.control import PhaseClaim, Slot, Waiting
from bridge.domain.draft import Draft
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import Evse
from bridge.domain.records import replace
from bridge.domain.settings import BelowMinimum


def limit(draft: Draft, command: Command) -> None:
    """Claim a current or a power."""
    arguments = command.arguments
    assert isinstance(arguments, SetLimit)  # noqa: S101  # by the handler table
    asked_a, highest_a = _asked_a(draft, command.ref, arguments), draft.settings.installation_max_a
    if too_low(draft, allocation.round_down(min(asked_a, highest_a))):
        by_power = arguments.limit_a is None or asked_a < arguments.limit_a
        draft.refuse(command.ref, below_minimum(draft, "limitW" if by_power else "limitA"))
        return
    blocked = _phases_blocked(draft, command.ref, arguments.phases)
    if blocked is not None:
        draft.refuse(command.ref, blocked)
        return
    slot = Slot(
        controller=command.ref.controller,
        source=command.ref.source,
        priority=arguments.priority,
        since=draft.now,
        limit_a=None
        if arguments.limit_a is None
        else allocation.round_down(min(arguments.limit_a, highest_a)),
        limit_w=arguments.limit_w,
        clipped=asked_a > highest_a,
        expires_at=_expiry(draft, arguments.ttl_seconds or draft.settings.default_ttl_seconds),
        on_expire=arguments.on_expire,
        until_disconnect=arguments.until_disconnect,
        command_id=command.ref.id,
        phases=arguments.phases,
    )
    _claim(draft, command, slot, requested_a=arguments.limit_a)


def _asked_a(draft: Draft, ref: CommandRef, arguments: SetLimit) -> float:
    """Return what is claimed, A per phase; watts as they convert now, or as configured."""
    if arguments.limit_w is None:
        return arguments.limit_a or 0.0
    evse = draft.evses.get(ref.evse_id) or Evse(id=ref.evse_id)
    supply = allocation.supply_of(evse, draft.settings, draft.now)
    by_power = supply.amps(arguments.limit_w)
    return by_power if arguments.limit_a is None else min(by_power, arguments.limit_a)


def too_low(draft: Draft, limit_a: float) -> bool:
    """Say whether a current is one that the configuration wants refused (A per phase)."""
    rejects = draft.settings.below_minimum is BelowMinimum.REJECT
    return rejects and 0 < limit_a < draft.settings.minimum_a


def below_minimum(draft: Draft, argument: str) -> Refusal:
    """Return the refusal of an argument that is too low."""
    minimum = draft.settings.minimum_a
    return Refusal(
        code=ResultCode.INVALID_ARGUMENT,
        message=(
            f"{argument} must be 0 or come to at least {minimum:g} A per phase here"
            " (below_minimum = reject)"
        ),
        details={"pointer": f"/{argument}", "minimumA": minimum},
    )


def pause(draft: Draft, command: Command) -> None:
    """Claim 0 A."""
    arguments = command.arguments
    assert isinstance(arguments, Pause)  # noqa: S101  # by the handler table
    slot = Slot(
        controller=command.ref.controller,
        source=command.ref.source,
        priority=DEFAULT_PRIORITY,
        since=draft.now,
        pause=True,
        expires_at=_expiry(draft, arguments.ttl_seconds or draft.settings.default_ttl_seconds),
        command_id=command.ref.id,
    )
    _claim(draft, command, slot, requested_a=0.0)


def release(draft: Draft, command: Command) -> None:
    """Give up all that this controller claims, the number of phases included unless it is kept."""
    arguments = command.arguments
    assert isinstance(arguments, Release)  # noqa: S101  # by the handler table
    if not arguments.keep_phases:
        for evse_id in _concerned(draft, command.ref):
            _put_phase_claim(draft, command.ref, evse_id, None)
    _give_up(draft, command, lambda _slot: True, lambda _old: True)


def resume(draft: Draft, command: Command) -> None:
    """Take this controller's pause back."""
    _give_up(
        draft,
        command,
        lambda slot: slot.pause,
        lambda old: _is_claim_like(old, lambda slot: slot.pause),
    )


def _expiry(draft: Draft, ttl_seconds: int | None) -> datetime | None:
    return draft.now + timedelta(seconds=ttl_seconds) if ttl_seconds else None


def _claim(draft: Draft, command: Command, slot: Slot, requested_a: float | None) -> None:
    """Put a slot in the place of the same controller's earlier one, and make it real."""
    replaced = [
        s
        for s in _slots(draft, command.ref)
        if _same_claim(s, slot) or (s.controller == leases.FAILSAFE_CONTROLLER and not slot.pause)
    ]
    others = [s for s in _slots(draft, command.ref) if s not in replaced]
    _set_slots(draft, command.ref, (*others, slot))
    draft.accept(command.ref)
    waiting = Waiting(
        ref=command.ref,
        slot=slot,
        previous=_last_confirmed(draft, replaced[0]) if replaced else None,
        requested_a=requested_a,
        expires_at=command.expires_at,
    )
    _wait(draft, waiting, lambda old: _is_claim_like(old, lambda s: s.pause == slot.pause))


def _last_confirmed(draft: Draft, slot: Slot) -> Slot | None:
    """Return a slot, or where it was never sent to the station, what it took the place of."""
    unsent = [w for evse in draft.evses.values() for w in evse.waiting if w.slot == slot]
    return unsent[0].previous if unsent else slot


def _give_up(
    draft: Draft,
    command: Command,
    which: Callable[[Slot], bool],
    replaces: Callable[[Waiting], bool],
) -> None:
    """Remove this controller's slots and make it real, instead of what it asked for before."""
    ref = command.ref
    kept = tuple(
        slot
        for slot in _slots(draft, ref)
        if not (slot.controller == ref.controller and slot.source is ref.source and which(slot))
    )
    _set_slots(draft, ref, kept)
    draft.accept(ref)
    _wait(draft, Waiting(ref=ref, expires_at=command.expires_at), replaces)


def _is_claim_like(old: Waiting, which: Callable[[Slot], bool]) -> bool:
    """Say whether a waiting command is about a limit of that kind, or gave limits up."""
    return not old.about_phases and (old.slot is None or which(old.slot))


def _concerned(draft: Draft, ref: CommandRef) -> list[int]:
    return list(draft.evses) if ref.evse_id == STATION_EVSE else [ref.evse_id]


def _same_claim(slot: Slot, other: Slot) -> bool:
    mine = (slot.controller, slot.source, slot.pause)
    return mine == (other.controller, other.source, other.pause)


def _slots(draft: Draft, ref: CommandRef) -> tuple[Slot, ...]:
    if ref.evse_id == STATION_EVSE:
        return draft.station.station_slots
    return draft.evses[ref.evse_id].slots


def _set_slots(draft: Draft, ref: CommandRef, slots: tuple[Slot, ...]) -> None:
    if ref.evse_id == STATION_EVSE:
        draft.change(station_slots=slots)
    else:
        draft.put(replace(draft.evses[ref.evse_id], slots=slots))


def _wait(draft: Draft, waiting: Waiting, replaces: Callable[[Waiting], bool]) -> None:
    """Let a command wait for its outcome on every EVSE that it concerns."""
    ref = waiting.ref
    concerned = _concerned(draft, ref)
    if not concerned:
        draft.done(ref, ResultCode.STANDBY if waiting.slot else ResultCode.OK)
        return
    _supersede(draft, ref, replaces)
    for evse_id in concerned:
        evse = draft.evses[evse_id]
        draft.put(replace(evse, waiting=(*evse.waiting, waiting)))
    for evse_id in concerned:
        draft.put(profile.reconcile(draft, draft.evses[evse_id]))


def _supersede(draft: Draft, ref: CommandRef, replaces: Callable[[Waiting], bool]) -> None:
    """Answer the same controller's earlier commands that were not sent yet."""
    owner = (ref.controller, ref.source, ref.evse_id)
    superseded: list[CommandRef] = []
    for evse in list(draft.evses.values()):
        old = [
            w
            for w in evse.waiting
            if (w.ref.controller, w.ref.source, w.ref.evse_id) == owner and replaces(w)
        ]
        if old:
            draft.put(replace(evse, waiting=tuple(w for w in evse.waiting if w not in old)))
            superseded += [w.ref for w in old if w.ref not in superseded]
    for each in superseded:
        # on another EVSE it may be on its way already: then that answer counts
        if not answers.waits_anywhere(draft, each):
            draft.superseded(each)


# --- The number of phases -------------------------------------------------------------------


def set_phases(draft: Draft, command: Command) -> None:
    """Claim a number of phases, or (None) give that claim up."""
    arguments = command.arguments
    assert isinstance(arguments, SetPhases)  # noqa: S101  # by the handler table
    ref = command.ref
    blocked = _phases_blocked(draft, ref, arguments.phases)
    if blocked is not None:
        draft.refuse(ref, blocked)
        return
    claim = None
    if arguments.phases is not None:
        claim = PhaseClaim(
            controller=ref.controller,
            source=ref.source,
            priority=DEFAULT_PRIORITY,
            phases=arguments.phases,
            since=draft.now,
            expires_at=_expiry(draft, arguments.ttl_seconds),
            command_id=ref.id,
        )
    for evse_id in _concerned(draft, ref):
        _put_phase_claim(draft, ref, evse_id, claim)
    draft.accept(ref)
    waiting = Waiting(ref=ref, about_phases=True, phase_claim=claim, expires_at=command.expires_at)
    _wait(draft, waiting, lambda old: old.about_phases)


def _put_phase_claim(
    draft: Draft, ref: CommandRef, evse_id: int, claim: PhaseClaim | None
) -> None:
    """Put a controller's claim on the phases of an EVSE in the place of its earlier one."""
    evse = draft.evses[evse_id]
    mine = (ref.controller, ref.source)
    kept = tuple(c for c in evse.phase_claims if (c.controller, c.source) != mine)
    after = kept if claim is None else (*kept, claim)
    if after != evse.phase_claims:
        draft.put(replace(evse, phase_claims=after))


def _phases_blocked(draft: Draft, ref: CommandRef, wanted: int | None) -> Refusal | None:
    """Return why an EVSE concerned cannot have this number of phases; None where all can."""
    if wanted is None:
        return None
    refusals = [
        phases.refusal(
            draft.evses[evse_id], wanted, learnt=draft.station.learnt, settings=draft.settings
        )
        for evse_id in _concerned(draft, ref)
    ]
    return next((each for each in refusals if each is not None), None)
