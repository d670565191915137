"""
What the journal knows, read from what is committed.

Reading never waits for the writer and never disturbs it: SQLite's write-ahead log shows
each reader the last commit, in any process.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from aivideo_async.errors import ConfigurationError
from aivideo_async.journal import places
from aivideo_async.journal.lock import is_locked
from aivideo_async.journal.owner import DIED, read_owner
from aivideo_async.journal.records import Owner, Record, State, Word
from aivideo_async.journal.rows import (
    COUNTS,
    ROW_COLUMNS,
    ROWS,
    Count,
    RowRecord,
    read_row,
)
from aivideo_async.journal.schema import check_version
from aivideo_async.models.wire import Evidence

__all__ = ["Queries", "Reader"]

_NO_PLACE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""What SQLite says if it cannot make the files beside the journal."""

ADVICE = "Nothing was sent; it must be a file that this user may read."

_RECORD = """
    item.id, attempt.id, item.key, item.fingerprint, attempt.state, item.model,
    item.method, item.path, COALESCE(attempt.price, item.price), attempt.callback_url,
    attempt.task_id, attempt.evidence, attempt.answer, attempt.intended_at,
    attempt.ended_at, attempt.claimed, attempt.word"""
STATE = 4
"""Which column of `_RECORD` is the state."""

_RECORDS = f"""
    SELECT {_RECORD}
    FROM item LEFT JOIN attempt ON attempt.item = item.id"""  # noqa: S608  (constants)
_OPEN = """
    SELECT 1 FROM attempt
    WHERE task_id = ? AND (state = 'running' OR (state = 'done' AND NOT claimed))"""
_COMMITTED = """
    SELECT COALESCE(SUM(price), 0) FROM attempt
    WHERE state IN ('submitting', 'running', 'done', 'saved', 'unknown')"""
_FILES = "SELECT path FROM file WHERE path >= ? AND path < ? AND attempt != ?"
_PRICES = """
    SELECT state, word, COALESCE(SUM(price), 0) FROM attempt GROUP BY state, word"""

PAGE = 200
"""Rows that are read at a time."""


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

    def is_open(self, task_id: str) -> bool:
        """Tell whether the end of this task, or that somebody got it, is not known yet."""
        return bool(self._rows(_OPEN, task_id))

    def unfinished(self) -> list[Record]:
        """Return what is RUNNING, and what the user has not said a word of, by age."""
        return self._records(
            "WHERE attempt.state = 'running' AND attempt.word IS NULL"
            " ORDER BY attempt.id"
        )

    def unknown(self) -> list[Record]:
        """Return what is UNKNOWN, and what the user has not said a word of."""
        found = self._records(
            "WHERE attempt.state IN ('unknown', 'submitting') AND attempt.word IS NULL"
            " ORDER BY attempt.id"
        )
        return [record for record in found if record.state is State.UNKNOWN]

    def forgotten(self) -> list[Record]:
        """Return what is UNKNOWN or RUNNING, and what the user let rest."""
        return self._records(
            "WHERE attempt.state IN ('unknown', 'running')"
            " AND attempt.word = 'forgotten' ORDER BY attempt.id"
        )

    def unclaimed(self) -> list[Record]:
        """Return what is DONE and was never handed to anybody."""
        return self._records(
            "WHERE attempt.state = 'done' AND attempt.claimed = 0 ORDER BY attempt.id"
        )

    def latest(self, count: int) -> list[Record]:
        """Return the *count* newest that are DONE or SAVED, the newest first."""
        return self._records(
            "WHERE attempt.state IN ('done', 'saved') ORDER BY attempt.id DESC LIMIT ?",
            count,
        )

    def committed(self) -> int:
        """Return the milli-credits that are or may be spent, by the price table."""
        ((total,),) = self._rows(_COMMITTED)
        return int(total)

    def prices(self) -> Counter[tuple[State, Word | None]]:
        """Return the milli-credits of all attempts, by their state and the user's word."""
        totals: Counter[tuple[State, Word | None]] = Counter()
        for state, word, total in self._rows(_PRICES):
            totals[self._state(state), word and Word(word)] += total
        return totals

    def _records(self, which: str, *values: Any) -> list[Record]:
        rows = self._rows(f"{_RECORDS} {which}", *values)
        return [self._record(row) for row in rows]

    def _record(self, row: tuple[Any, ...]) -> Record:
        return _record(row, self._state(row[STATE]))

    def _state(self, text: str | None) -> State:
        return State(text or State.PLANNED)

    # --- the rows of a sheet -------------------------------------------------------

    def row(self, key: str) -> RowRecord | None:
        """Return the row with this key, be it in the present plan or not."""
        found = self._row_records("WHERE item.key = ?", key)
        return found[0] if found else None

    def rows(self) -> Iterator[RowRecord]:
        """
        Yield the rows of the present plan, in their order.

        They are read a few at a time: each is as it stands when its turn comes.
        """
        return self._in_turn("row.position", -1, lambda row: row.position or 0)

    def failures(self) -> Iterator[RowRecord]:
        """Yield the rows of the present plan that FAILED or were REFUSED, in order."""
        ended_so = "attempt.state IN ('failed', 'refused') AND row.position"
        return self._in_turn(ended_so, -1, lambda row: row.position or 0)

    def other_rows(self) -> Iterator[RowRecord]:
        """Yield the rows that the present plan leaves out, the oldest first."""
        left_out = "row.position IS NULL AND item.id"
        return self._in_turn(left_out, 0, lambda row: row.record.item)

    def files_of_others(self, attempt: int, stem: str) -> set[str]:
        """Return the paths that begin with *stem*, of files that other attempts left."""
        found = self._rows(_FILES, stem, f"{stem}\U0010ffff", attempt)
        return {path for (path,) in found}

    def counts(self) -> list[Count]:
        """Return how the rows of the present plan stand."""
        return [
            Count(self._state(state), word and Word(word), *about)
            for state, word, *about in self._rows(COUNTS)
        ]

    def _in_turn(
        self, which: str, after: int, place: Callable[[RowRecord], int]
    ) -> Iterator[RowRecord]:
        order = which.rpartition(" ")[2]
        page = f"WHERE {which} > ? ORDER BY {order} LIMIT {PAGE}"
        while found := self._row_records(page, after):
            yield from found
            after = place(found[-1])

    def _row_records(self, which: str, *values: Any) -> list[RowRecord]:
        query = ROWS.format(record=_RECORD)
        return [
            read_row(row[:ROW_COLUMNS], self._record(row[ROW_COLUMNS:]))
            for row in self._rows(f"{query} {which}", *values)
        ]

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._reading is None:
            raise ConfigurationError(f"The journal {str(self.path)!r} is not open.")
        with places.disk_errors(self.path, "read", ADVICE):
            return self._reading.execute(query, values).fetchall()


class Reader(Queries):
    """
    Reads a journal, also while another process writes it; made by `Journal.reading`.

    Use it in a ``with`` block, or `close` it.

    Attributes:
        is_held: Whether somebody was writing it when it was opened. If nobody was, what
            is SUBMITTING was left so by a process that is gone: it is read as UNKNOWN,
            which it becomes when the journal is next opened for buying.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as held, places.disk_errors(path, "read", ADVICE):
            places.check_file(path)
            self._reading = held.enter_context(closing(_connected(path)))
            check_version(self._reading, path)
            self.is_held = is_locked(path)
            held.pop_all()

    def owner(self) -> Owner | None:
        """Return whose journal it is; None if nobody has bought with it yet."""
        if self._reading is None:
            raise ConfigurationError(f"The journal {str(self.path)!r} is not open.")
        with places.disk_errors(self.path, "read", ADVICE):
            return read_owner(self._reading)

    def _state(self, text: str | None) -> State:
        state = super()._state(text)
        left = state is State.SUBMITTING and not self.is_held
        return State.UNKNOWN if left else state

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
    # Whoever may only read cannot tidy up: it would leave two files beside the journal.
    db = places.connect(path, "rw")
    try:
        db.execute("PRAGMA query_only = 1")
        db.execute("PRAGMA user_version")
    except sqlite3.OperationalError as error:
        db.close()
        log = path.with_name(f"{path.name}-wal")
        if error.sqlite_errorcode & 0xFF not in _NO_PLACE or log.exists():
            raise
        # Without a log nobody writes, so there is nothing to share with a writer.
        return places.connect(path, "ro&immutable=1")
    return db


def _record(row: tuple[Any, ...], state: State) -> Record:
    (
        item, attempt, key, fingerprint, _, model, method, path, price,
        callback_url, task_id, evidence, answer, intended_at, ended_at, claimed, word,
    ) = row  # fmt: skip
    return Record(
        item=item,
        attempt=attempt or 0,
        key=key,
        fingerprint=fingerprint,
        state=state,
        model=model,
        method=method,
        path=path,
        price=price,
        callback_url=callback_url,
        task_id=task_id,
        evidence=_evidence(evidence, state),
        answer=None if answer is None else json.loads(answer),
        intended_at=_moment(intended_at),
        ended_at=_moment(ended_at),
        claimed=bool(claimed),
        word=None if word is None else Word(word),
    )


def _evidence(text: str | None, state: State) -> Evidence | None:
    if text is None:
        return DIED if state is State.UNKNOWN else None
    return Evidence(**json.loads(text))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
