"""A station's record on disk: small changes are written small, and every restart finds the last."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.control import Observed
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Meter, Station, Transaction
from bridge.ports import Commit, StoreError
from bridge.store import admin
from bridge.store.database import FILE_NAME
from bridge.store.journal import SqliteJournal
from tests.records import replace
from tests.store_records import GARAGE, NOON, NoonClock, event

TWO_EVSES: Final = Station(id=GARAGE, evses={1: Evse(id=1), 2: Evse(id=2)})


def opened(data_dir: Path) -> SqliteJournal:
    return SqliteJournal.open(data_dir, clock=NoonClock())


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        return connection.execute(query).fetchall()


def put(station: Station, evse: Evse) -> Station:
    evses = {**station.evses, evse.id: evse}
    return replace(station, evses=evses, revision=station.revision + 1)


def metered(station: Station, evse_id: int = 1) -> Station:
    """Return the station after another meter reading of an EVSE."""
    seconds = station.revision
    transaction = Transaction(
        id="tx-1",
        uuid="uuid-1",
        started_at=NOON,
        last_event_at=NOON + timedelta(seconds=seconds),
        started_seen=True,
        missing_seq_nos=((2, 3),),
        phases_seen=(True, False, True),
        last_seq_no=seconds,
    )
    meter = Meter(at=NOON, energy_wh=float(seconds), current_a=(6.0, None, 0.0))
    observed = Observed(current_a=float(seconds), ok=True, at=NOON)
    return put(
        station,
        replace(station.evses[evse_id], transaction=transaction, meter=meter, observed=observed),
    )


def limited(station: Station, evse_id: int = 1) -> Station:
    """Return the station after a change that is no meter reading."""
    return put(station, replace(station.evses[evse_id], cable_max_a=float(station.revision)))


async def found_after_a_restart(data_dir: Path) -> dict[StationId, Station]:
    journal = opened(data_dir)
    try:
        return dict(await journal.restore())
    finally:
        await journal.close()


async def test_a_meter_reading_does_not_rewrite_the_document(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.commit(Commit(station=TWO_EVSES))
    document = rows(tmp_path, "SELECT * FROM station")
    station = TWO_EVSES
    for _ in range(3):
        station = metered(station)
        await journal.commit(Commit(station=station))
    station = metered(station, 2)
    await journal.commit(Commit(station=station))
    await journal.close()

    assert rows(tmp_path, "SELECT * FROM station") == document
    assert rows(tmp_path, "SELECT station_id, evse_id FROM progress") == [(GARAGE, 1), (GARAGE, 2)]
    assert await found_after_a_restart(tmp_path) == {GARAGE: station}
    [listed] = admin.list_stations(tmp_path)
    assert listed.record == station


async def test_any_other_change_writes_the_document_and_clears_the_progress(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path)
    station = limited(metered(TWO_EVSES))
    await journal.commit(Commit(station=TWO_EVSES))
    await journal.commit(Commit(station=metered(TWO_EVSES)))
    await journal.commit(Commit(station=station))
    await journal.close()

    assert rows(tmp_path, "SELECT * FROM progress") == []
    assert await found_after_a_restart(tmp_path) == {GARAGE: station}


async def test_what_was_refused_is_not_built_upon(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.commit(Commit(station=TWO_EVSES, events=[event(1)]))
    refused = limited(TWO_EVSES)
    with pytest.raises(StoreError):
        await journal.commit(Commit(station=refused, events=[event(1)]))

    station = metered(refused)
    await journal.commit(Commit(station=station))
    await journal.close()

    assert await found_after_a_restart(tmp_path) == {GARAGE: station}


async def test_what_is_under_way_is_not_built_upon(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.commit(Commit(station=TWO_EVSES))
    first = limited(TWO_EVSES)
    back = metered(replace(TWO_EVSES, revision=first.revision))

    await asyncio.gather(
        journal.commit(Commit(station=first)), journal.commit(Commit(station=back))
    )
    await journal.close()

    assert await found_after_a_restart(tmp_path) == {GARAGE: back}


async def test_a_forgotten_station_leaves_no_progress(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for station in (TWO_EVSES, metered(TWO_EVSES)):
        await journal.commit(Commit(station=station))
    await journal.forget(GARAGE)
    assert await journal.restore() == {}
    await journal.commit(Commit(station=TWO_EVSES))
    await journal.commit(Commit(station=metered(TWO_EVSES)))
    await journal.close()

    assert admin.forget_station(tmp_path, GARAGE)
    assert rows(tmp_path, "SELECT * FROM progress") == []


async def test_progress_of_an_evse_that_is_not_there_is_damage(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for station in (TWO_EVSES, metered(TWO_EVSES)):
        await journal.commit(Commit(station=station))
    await journal.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE progress SET evse_id = 9")
        connection.commit()

    with pytest.raises(StoreError, match="progress of no EVSE 9"):
        await found_after_a_restart(tmp_path)


STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(["meter", "limit", "both", "refused", "together", "forget", "restart"]),
        st.sampled_from([1, 2]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_every_restart_finds_the_last_record_that_was_written(
    steps: list[tuple[str, int]],
) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(take(steps, Path(folder)))


async def take(steps: list[tuple[str, int]], data_dir: Path) -> None:
    journal = opened(data_dir)
    await journal.commit(Commit(station=TWO_EVSES, events=[event(1)]))
    station = TWO_EVSES
    for step, evse_id in steps:
        if step == "restart":
            await journal.close()
            journal = opened(data_dir)
            assert (await journal.restore())[GARAGE] == station
        elif step == "forget":
            await journal.forget(GARAGE)
            await journal.commit(Commit(station=station))
        elif step == "refused":
            with pytest.raises(StoreError):
                await journal.commit(Commit(station=limited(station), events=[event(1)]))
        elif step == "together":
            changes = (metered(station), limited(station), metered(station, evse_id))
            await asyncio.gather(*(journal.commit(Commit(station=each)) for each in changes))
            station = changes[-1]
        else:
            station = limited(station, evse_id) if step != "meter" else station
            station = metered(station, evse_id) if step != "limit" else station
            await journal.commit(Commit(station=station))
    assert (await journal.restore())[GARAGE] == station
    await journal.close()
