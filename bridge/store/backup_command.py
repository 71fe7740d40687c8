"""`ocpp-mqtt-bridge backup`: a copy of the store that a bridge can be started with.

It is taken beside a bridge that runs, and holds what was acknowledged before it began. A copy that
was not finished is never under its final name.
"""

import argparse
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from rich.progress import Progress

from bridge.ports import Clock, StoreError
from bridge.store import secret_key
from bridge.store.database import FILE_NAME, explained, make_data_dir, open_for_reading
from bridge.store.opening import StorePlace

PAGES: Final = 1000
"""Of the file at a time: so long the writer may have to wait for its checkpoint."""
_FILES: Final = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm", secret_key.FILE_NAME)


def add_actions(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Add where to; carried out by `namespace.carry_out`."""
    parser.add_argument(
        "target",
        type=Path,
        metavar="FOLDER",
        help="where to: a new or empty folder, which can be bridge.data_dir of a bridge afterwards",
    )
    parser.set_defaults(carry_out=back_up)
    return [parser]


def back_up(place: StorePlace, namespace: argparse.Namespace, _clock: Clock) -> str:
    """Copy the store of a data directory. Raises StoreError, with nothing left half done."""
    if place.url is not None:
        raise StoreError("this store is a PostgreSQL database: back it up by pg_dump")
    data_dir, target = place.data_dir, namespace.target
    taken = [name for name in _FILES if (target / name).exists()]
    if taken:
        raise StoreError(f"{target} has a {taken[0]} already: name a new or an empty folder")
    source = open_for_reading(data_dir / FILE_NAME)
    make_data_dir(target)
    draft = target / f"{FILE_NAME}.part"
    try:
        with closing(source), explained(draft):
            _copy(source, draft)
        key = data_dir / secret_key.FILE_NAME
        if key.exists():
            shutil.copyfile(key, target / secret_key.FILE_NAME)
            (target / secret_key.FILE_NAME).chmod(0o600)
        draft.rename(target / FILE_NAME)
    except OSError as error:
        raise StoreError(f"cannot write to {target}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    size = (target / FILE_NAME).stat().st_size
    return f"{target}: {size / 1_000_000:.1f} MB; start with it by --data-dir {target}"


def _copy(source: sqlite3.Connection, draft: Path) -> None:
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL, 0o600))
    with Progress(transient=True) as progress:
        task = progress.add_task("copying")

        def tell(_status: int, remaining: int, total: int) -> None:
            progress.update(task, total=total, completed=total - remaining)

        with closing(sqlite3.connect(draft)) as copy:
            source.backup(copy, pages=PAGES, progress=tell)
            (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise StoreError(f"the copy is damaged ({verdict}): is the store?")
