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

__all__ = ["Taken", "locked"]


class Taken(Exception):  # noqa: N818  (no error by itself)
    """Somebody else writes this journal."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Be the only writer of the journal at *path* inside this block.

    Raises:
        Taken: Somebody else is.
    """
    beside = path.with_name(f"{path.name}-lock")
    create(beside)
    with closing(connect(beside, "rw")) as db:
        db.execute("PRAGMA busy_timeout = 0")
        db.execute("PRAGMA journal_mode = MEMORY")  # it never has anything to undo
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise Taken from None
            raise
        yield
