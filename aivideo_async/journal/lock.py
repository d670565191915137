"""
One writer at a time, across processes, and nobody locked out by a dead one.

The lock is a transaction that never ends, in an empty SQLite file beside the journal.
The kernel ends it with the process, however that dies, and it works wherever SQLite does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aivideo_async.journal.places import connect, create

__all__ = ["Taken", "is_locked", "locked"]

PATIENCE_MS = 200
"""How long to wait for the lock: those who only look whether it is free hold it, too."""


class Taken(Exception):  # noqa: N818  (no error by itself)
    """Somebody else writes this journal."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Be the only writer of the journal at *path* inside this block.

    Raises:
        Taken: Somebody else is.
    """
    beside = _beside(path)
    create(beside)
    with closing(connect(beside, "rw")) as db:
        db.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
        db.execute("PRAGMA journal_mode = MEMORY")  # it never has anything to undo
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise Taken from None
            raise
        yield


def is_locked(path: Path) -> bool:
    """Tell whether somebody writes the journal at *path* now."""
    beside = _beside(path)
    if not beside.exists():
        return False
    try:
        with closing(connect(beside, "rw")) as db:
            db.execute("PRAGMA busy_timeout = 0")
            db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return False


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}-lock")
