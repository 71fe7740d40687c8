"""The store's file: where it is, who may open it, how it comes about and grows.

A damaged or foreign file is never replaced by an empty one: opening it fails with a sentence that
says what to do. A new file is built under another name and renamed when it is complete, so an
empty `bridge.sqlite3` is always damage.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bridge.crash import passes
from bridge.ports import StoreError
from bridge.store import sql

FILE_NAME: Final = "bridge.sqlite3"
LOCK_NAME: Final = "bridge.lock"

QUICK_CHECK_BYTES: Final = 32 * 1024 * 1024
"""Files up to this size are checked page by page at each start (about 0.1 s)."""

STATEMENT_CACHE: Final = 256


class DataDirLock:
    """The exclusive use of a data directory, held until `release` or the end of the process.

    Two bridges on one store would publish everything twice.
    """

    def __init__(self, data_dir: Path) -> None:
        """Raises StoreError where another process holds it or the folder cannot be written."""
        path = data_dir / LOCK_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot write to data_dir {data_dir}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreError(
                f"data_dir {data_dir} is in use by another bridge (process {holder or 'unknown'}):"
                " stop it, or give this one a data_dir of its own"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others in. The file stays: removing it would race with the next holder."""
        os.close(self._descriptor)


def make_data_dir(data_dir: Path) -> None:
    """Create the folder, readable by its owner only (the store holds idTokens)."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make data_dir {data_dir}: {error.strerror}") from error


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection to the store's file, which is created or migrated as needed.

    Raises StoreError where the file is damaged, foreign, of a newer version or not writable.
    """
    with explained(path):
        if not path.exists():
            _create(path)
        connection = _connect(path, mode="rw")
        try:
            _check(connection, path)
            for setting in sql.WRITER_SETTINGS:
                connection.execute(setting)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write, usable from any one thread at a time."""
    with explained(path):
        if not path.exists():
            raise StoreError(
                f"there is no store at {path}: has the bridge run with this data_dir?"
            )
        connection = _connect(path, mode="ro")
        try:
            _check_kind(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a StoreError that names the file and, if damaged, the cure."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"store {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(_damaged(path, str(error))) from error
    except UnicodeDecodeError as error:  # what SQLite finds wrong may quote what it found
        raise StoreError(_damaged(path, "text that is no UTF-8")) from error


def _damaged(path: Path, why: str) -> str:
    return (
        f"store {path} is damaged ({why}) and was left as it is: restore a backup,"
        " or move it away together with its -wal and -shm files to start with an empty one"
    )


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENT_CACHE,
    )


def _create(path: Path) -> None:
    """Build an empty store beside its place and rename it: it is there whole or not at all."""
    draft = path.with_suffix(".new")
    for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
        leftover.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with closing(_connect(draft, mode="rw")) as connection:
        connection.execute(f"PRAGMA page_size = {sql.PAGE_SIZE}")
        connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection)
    draft.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    _check_kind(connection, path)
    if path.stat().st_size <= QUICK_CHECK_BYTES:
        (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise StoreError(_damaged(path, finding))


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size == 0:
        raise StoreError(_damaged(path, "the file is empty"))
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != sql.APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite file of another program: choose another data_dir")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > sql.SCHEMA_VERSION:
        raise StoreError(
            f"store {path} was written by a newer version of the bridge (schema {version},"
            f" this one knows {sql.SCHEMA_VERSION}): install that version again"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, step in enumerate(sql.MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {step}")
        passes("in-migration")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
