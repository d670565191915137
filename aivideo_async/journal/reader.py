"""
What the journal knows, read from what is committed.

Reading never waits for the writer and never disturbs it: SQLite's write-ahead log shows
each reader the last commit, in any process.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from aivideo_async.errors import ConfigurationError
from aivideo_async.journal import places
from aivideo_async.journal.records import Record, State
from aivideo_async.journal.schema import check_version
from aivideo_async.models.wire import Evidence

__all__ = ["Queries", "Reader"]

_NO_PLACE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""What SQLite says if it cannot make the files beside the journal."""

ADVICE = "Nothing was sent; it must be a file that this user may read."

_RECORDS = """
    SELECT item.id, attempt.id, item.key, item.fingerprint, attempt.state, item.model,
        item.method, item.path, item.price,
        attempt.callback_url, attempt.task_id, attempt.evidence, attempt.answer,
        attempt.intended_at, attempt.ended_at, attempt.claimed
    FROM item LEFT JOIN attempt ON attempt.item = item.id"""
# What was released while it was unknown may have been paid for all the same.
_COMMITTED = """
    SELECT COALESCE(SUM(price), 0) FROM attempt
    WHERE state IN ('submitting', 'running', 'done', 'saved', 'unknown')
        OR (state = 'released' AND task_id IS NULL)"""


class Queries:
    """
    What a journal is asked; the answers are what is durable, not what is queued.

    Attributes:
        path: Where the journal lies.

    Each raises `JournalError` when the file cannot be read, and `ConfigurationError`
    when it is not open.
    """

    path: Path
    _reading: sqlite3.Connection | None = None

    def find(self, key: str) -> Record | None:
        """Return what is known of the item with this label."""
        found = self._records("WHERE item.key = ? ORDER BY attempt.k DESC LIMIT 1", key)
        return found[0] if found else None

    def has_task(self, task_id: str) -> bool:
        """Tell whether any attempt made this task."""
        found = self._rows("SELECT 1 FROM attempt WHERE task_id = ?", task_id)
        return bool(found)

    def unfinished(self) -> list[Record]:
        """Return what is RUNNING, the oldest first."""
        return self._records("WHERE attempt.state = 'running' ORDER BY attempt.id")

    def unknown(self) -> list[Record]:
        """Return what is UNKNOWN: it may have been paid for, and nobody buys it again."""
        return self._records("WHERE attempt.state = 'unknown' ORDER BY attempt.id")

    def unclaimed(self) -> list[Record]:
        """Return what is DONE and was never handed to anybody."""
        return self._records(
            "WHERE attempt.state = 'done' AND attempt.claimed = 0 ORDER BY attempt.id"
        )

    def committed(self) -> int:
        """Return the milli-credits that are or may be spent, by the price table."""
        ((total,),) = self._rows(_COMMITTED)
        return int(total)

    def _records(self, which: str, *values: Any) -> list[Record]:
        return [_record(row) for row in self._rows(f"{_RECORDS} {which}", *values)]

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._reading is None:
            raise ConfigurationError(f"The journal {str(self.path)!r} is not open.")
        with places.disk_errors(self.path, "read", ADVICE):
            return self._reading.execute(query, values).fetchall()


class Reader(Queries):
    """
    Reads a journal, also while another process writes it; made by `Journal.reading`.

    Use it in a ``with`` block, or `close` it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as held, places.disk_errors(path, "read", ADVICE):
            places.check_file(path)
            self._reading = held.enter_context(closing(_connected(path)))
            check_version(self._reading, path)
            held.pop_all()

    def close(self) -> None:
        """Close the file; nothing can be read after that."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()


def _connected(path: Path) -> sqlite3.Connection:
    """Open for reading, also where the folder may not be written."""
    db = places.connect(path, "ro")
    try:
        db.execute("PRAGMA user_version")
    except sqlite3.OperationalError as error:
        db.close()
        log = path.with_name(f"{path.name}-wal")
        if error.sqlite_errorcode & 0xFF not in _NO_PLACE or log.exists():
            raise
        # Without a log nobody writes, so there is nothing to share with a writer.
        return places.connect(path, "ro&immutable=1")
    return db


def _record(row: tuple[Any, ...]) -> Record:
    (
        item, attempt, key, fingerprint, state, model, method, path, price,
        callback_url, task_id, evidence, answer, intended_at, ended_at, claimed,
    ) = row  # fmt: skip
    return Record(
        item=item,
        attempt=attempt or 0,
        key=key,
        fingerprint=fingerprint,
        state=State(state or State.PLANNED),
        model=model,
        method=method,
        path=path,
        price=price,
        callback_url=callback_url,
        task_id=task_id,
        evidence=None if evidence is None else Evidence(**json.loads(evidence)),
        answer=None if answer is None else json.loads(answer),
        intended_at=_moment(intended_at),
        ended_at=_moment(ended_at),
        claimed=bool(claimed),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
