"""What must hold of each input that the short way for readings may take (`bridge.domain.frequent`)."""

from datetime import datetime
from typing import Final

from bridge.domain import station as rules
from bridge.domain.effects import Outcome
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings
from bridge.domain.upkeep import next_deadline
from bridge.mqtt import mapping, topics
from bridge.ports import Readings
from bridge.store.stations import StationRecords
from tests.records import replace

OF_READINGS: Final = {topics.TRANSACTION, topics.METER}


def assert_found_by_the_rules_too(
    before: Station,
    message: rules.Input,
    now: datetime,
    settings: StationSettings,
    outcome: Outcome,
) -> None:
    """The short way leads where the rules lead, and says rightly what has moved."""
    assert replace(outcome, readings_of=None) == rules.by_the_rules(before, message, now, settings)
    if outcome.readings_of is not None:
        assert_only_readings_moved(before, outcome.station, outcome.readings_of, now)


def assert_only_readings_moved(
    before: Station, after: Station, evse_id: int, now: datetime
) -> None:
    """Who looks for changes finds those of readings and no others."""
    changes = mapping.documents_changed(before, after)
    assert set(changes) <= {(evse_id, row) for row in OF_READINGS}
    earlier, evse = before.evses[evse_id], after.evses[evse_id]
    assert mapping.only_energy_moved(earlier.transaction, evse.transaction)
    assert next_deadline(before, now) == next_deadline(after, now)
    found, told = StationRecords(), StationRecords()
    for records in (found, told):
        records.rows(before)
        records.written(before)
    said = Readings(since=before, evse_id=evse_id)
    assert found.rows(after) == told.rows(after, said)
    assert len(told.rows(after, said).progress) <= 1
