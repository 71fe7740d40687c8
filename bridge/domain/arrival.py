"""From a station's connecting to its BootNotification: what waits for it, and what asks for it.

Theory of operation. There are stations that fall over whatever they are asked before their
BootNotification is answered (charger-quirks 7): for some seconds, or until they boot, they are
not reachable. Others never send one, since an earlier central system has had it (6): where
nothing is known of a station, it is asked once. And there are those that boot because they were
asked something (8): after some such boots in a row the bridge asks nothing more of its own accord,
until other software tells of itself.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.domain import readback
from bridge.domain.calls import LOST, CallFailed, CallOutcome, TriggerMessage
from bridge.domain.draft import Draft
from bridge.domain.events import BootNotification
from bridge.domain.knowledge import QuestionKind
from bridge.domain.model import Station

BOOT_AFTER: Final = timedelta(seconds=5)
"""How long after connecting a BootNotification is waited for before it is asked for."""
BOOT: Final = "BootNotification"
_SETUP: Final = frozenset({QuestionKind.PROFILES, QuestionKind.CAPABILITIES})


def connected(draft: Draft) -> None:
    """Note what a station that has just connected is spared, and what is wanted of it."""
    quiet = timedelta(seconds=draft.settings.quiet_seconds)
    draft.change(
        quiet_until=draft.now + quiet if quiet else None,
        boot_due_at=draft.now + max(BOOT_AFTER, quiet) if _boot_wanted(draft) else None,
    )


def _boot_wanted(draft: Draft) -> bool:
    station, settings = draft.station, draft.settings
    asks = settings.trigger_boot and settings.automatic_calls
    return asks and station.boot is None and not station.boot_asked


def approved(draft: Draft) -> None:
    """Have a station that was told to wait boot now, and ask it nothing else before (B02)."""
    if draft.station.online:
        quiet = timedelta(seconds=draft.settings.quiet_seconds)
        draft.change(quiet_until=draft.now + max(BOOT_AFTER, quiet))
        draft.ask(QuestionKind.BOOT, TriggerMessage(message=BOOT))


def gone(draft: Draft) -> None:
    """Forget what was to happen on a connection that there is no more."""
    draft.change(quiet_until=None, boot_due_at=None)


def booted(draft: Draft, message: BootNotification) -> None:
    """Take note of a boot, before anything is asked because of it."""
    same = readback.same_software(draft.station.boot, message)
    asked = any(question.kind in _SETUP for question in draft.station.questions)
    because = same and (asked or draft.station.question_lost)
    draft.change(
        quiet_until=None,
        boot_due_at=None,
        question_lost=False,
        boots_when_asked=draft.station.boots_when_asked + 1 if because else 0,
    )


def advance(draft: Draft) -> None:
    """Do what has become due: end the quiet, ask for the BootNotification."""
    station = draft.station
    if station.quiet_until is not None and station.quiet_until <= draft.now:
        draft.change(quiet_until=None)
        readback.begin(draft)
    if station.boot_due_at is not None and station.boot_due_at <= draft.now:
        draft.change(boot_due_at=None)
        if draft.reachable:
            draft.change(boot_asked=True)
            draft.ask(QuestionKind.BOOT, TriggerMessage(message=BOOT))


def survived(draft: Draft, outcome: CallOutcome) -> None:
    """Take note of whether the station has survived a question of the setup."""
    lost = isinstance(outcome, CallFailed) and outcome.failure in LOST
    if lost != draft.station.question_lost:
        draft.change(question_lost=lost)
    if not lost and draft.station.boots_when_asked:
        draft.change(boots_when_asked=0)


def deadlines(station: Station) -> list[datetime]:
    """Return when something of this is due."""
    return [at for at in (station.quiet_until, station.boot_due_at) if at is not None]
