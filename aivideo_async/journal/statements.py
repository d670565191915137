"""
What each operation writes, in the words of SQL.

Each function runs in the writer's thread, inside a transaction. What does not fit is
found before anything is written, and raised as `JournalError`. Each changes nothing but
the states it names, so that an operation that comes late, or twice, does no harm.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Any

from attrs import asdict, astuple

from aivideo_async.errors import JournalError
from aivideo_async.journal.records import (
    ChangedError,
    Intent,
    SavedFile,
    Seen,
    State,
    Word,
)
from aivideo_async.models.text import printable
from aivideo_async.models.wire import Evidence

__all__ = [
    "accept",
    "adopt",
    "claim",
    "disclaim",
    "end",
    "give_up_submitting",
    "intend",
    "lose",
    "refuse",
    "save",
    "say",
]

_NEWEST = """
    SELECT item.id, attempt.id, attempt.k, attempt.state, attempt.task_id, attempt.word
    FROM item LEFT JOIN attempt ON attempt.item = item.id
    WHERE item.key = ? ORDER BY attempt.k DESC LIMIT 1"""
_AGAIN = (None, "not_sent", "refused")
"""States in which an item may be bought; None is that of one never tried."""


def intend(db: sqlite3.Connection, attempt: int, intent: Intent, at: str) -> None:
    """
    Write down what is about to be sent.

    Raises:
        JournalError: The label's newest attempt was bought, or may have been.
    """
    item, k = _place(db, intent)
    db.execute(
        "INSERT INTO attempt (id, item, k, state, price, callback_url, sent_sha256,"
        " intended_at) VALUES (?, ?, ?, 'submitting', ?, ?, ?, ?)",
        (
            attempt,
            item,
            k,
            intent.price,
            intent.callback_url,
            sha256(intent.body).hexdigest(),
            at,
        ),
    )


def _place(db: sqlite3.Connection, intent: Intent) -> tuple[int, int]:
    """Find or make the item; return its number and that of its next attempt."""
    cursor = db.execute(
        "INSERT OR IGNORE INTO item (fingerprint, model, method, path, body, price, key)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*_wanted(intent), intent.key),
    )
    if cursor.rowcount and cursor.lastrowid is not None:
        return cursor.lastrowid, 1
    item, _, k, state, task_id, word = _newest(db, intent.key or "")
    if state not in _AGAIN and word != Word.RELEASED:
        raise JournalError(
            f"{_named(intent.key)} is {state} in the journal already, so it was or may "
            "have been paid for. Nothing was sent and nothing was charged by this.",
            task_id=task_id,
        )
    db.execute(
        "UPDATE item SET fingerprint = ?, model = ?, method = ?, path = ?, body = ?,"
        " price = ? WHERE id = ?",
        (*_wanted(intent), item),
    )
    return item, (k or 0) + 1


def _wanted(intent: Intent) -> tuple[Any, ...]:
    return (
        intent.fingerprint,
        intent.model,
        intent.method,
        intent.path,
        intent.body,
        intent.price,
    )


def accept(db: sqlite3.Connection, attempt: int, task_id: str) -> None:
    """
    Turn SUBMITTING or UNKNOWN into RUNNING, with the id of what was bought.

    Raises:
        JournalError: The attempt is neither.
    """
    cursor = db.execute(
        "UPDATE attempt SET state = 'running', task_id = ?, ended_at = NULL, word = NULL"
        " WHERE id = ? AND state IN ('submitting', 'unknown')",
        (task_id, attempt),
    )
    if not cursor.rowcount:
        raise JournalError(
            f"The journal disagrees: task {task_id} does not fit attempt {attempt}, "
            "which is not on its way."
        )


def refuse(
    db: sqlite3.Connection, attempt: int, sent: bool, evidence: Evidence, at: str
) -> None:
    """Turn SUBMITTING into REFUSED, or into NOT_SENT; anything else stays as it is."""
    db.execute(
        "UPDATE attempt SET state = ?, evidence = ?, ended_at = ?"
        " WHERE id = ? AND state = 'submitting'",
        ("refused" if sent else "not_sent", _evidence(evidence), at, attempt),
    )


def lose(db: sqlite3.Connection, attempt: int, evidence: Evidence, at: str) -> None:
    """
    Turn what is on its way, or RUNNING with another's id, into UNKNOWN.

    Raises:
        JournalError: The attempt has come to an end.
    """
    cursor = db.execute(
        "UPDATE attempt SET state = 'unknown', task_id = NULL, evidence = ?,"
        " ended_at = ? WHERE id = ? AND state IN ('submitting', 'running', 'unknown')",
        (_evidence(evidence), at, attempt),
    )
    if not cursor.rowcount:
        raise JournalError(
            f"The journal disagrees: attempt {attempt} has come to an end, so it cannot "
            "get lost."
        )


def end(
    db: sqlite3.Connection, task_id: str, failed: bool, answer: dict[str, Any], at: str
) -> None:
    """Turn RUNNING into DONE or FAILED; a task that is not ours changes nothing."""
    db.execute(
        "UPDATE attempt SET state = ?, answer = ?, ended_at = ?"
        " WHERE task_id = ? AND state = 'running'",
        ("failed" if failed else "done", json.dumps(answer), at, task_id),
    )


def claim(db: sqlite3.Connection, task_id: str) -> None:
    """Note that somebody got the final task."""
    db.execute("UPDATE attempt SET claimed = 1 WHERE task_id = ?", (task_id,))


def disclaim(db: sqlite3.Connection, task_id: str) -> None:
    """Take back that somebody got the final task."""
    db.execute("UPDATE attempt SET claimed = 0 WHERE task_id = ?", (task_id,))


def save(
    db: sqlite3.Connection, task_id: str, files: Sequence[SavedFile], at: str
) -> None:
    """Turn DONE into SAVED, with the files, or SAVED again; else nothing changes."""
    found = db.execute(
        "SELECT id FROM attempt WHERE task_id = ? AND state IN ('done', 'saved')",
        (task_id,),
    ).fetchone()
    if found is None:
        return
    db.execute(
        "UPDATE attempt SET state = 'saved', ended_at = ? WHERE id = ?", (at, *found)
    )
    db.execute("DELETE FROM file WHERE attempt = ?", found)
    db.executemany(
        "INSERT INTO file (attempt, number, path, size, sha256) VALUES (?, ?, ?, ?, ?)",
        [
            (*found, number, one.path, one.size, one.sha256)
            for number, one in enumerate(files, start=1)
        ],
    )


def say(
    db: sqlite3.Connection,
    key: str,
    word: Word,
    states: Collection[State],
    seen: Seen | None,
) -> None:
    """
    Write down what the user said of the label's newest attempt.

    Raises:
        ChangedError: It is not as it was *seen*.
        JournalError: It is in none of the *states* in which that makes sense.
    """
    _, attempt, _, state, *_ = newest = _newest(db, key)
    _check_seen(key, newest, seen)
    if state not in states:
        raise JournalError(
            f"{_named(key)} is {state or 'planned'} in the journal: only what is "
            f"{' or '.join(states)} can be {word}. Nothing was changed."
        )
    db.execute("UPDATE attempt SET word = ? WHERE id = ?", (word, attempt))


def adopt(db: sqlite3.Connection, key: str, task_id: str, seen: Seen | None) -> None:
    """
    Turn UNKNOWN into RUNNING, with the id that the user names.

    Raises:
        ChangedError: The label's newest attempt is not as it was *seen*.
        JournalError: It is not unknown.
    """
    _, attempt, _, state, *_ = newest = _newest(db, key)
    _check_seen(key, newest, seen)
    if state != "unknown":
        raise JournalError(
            f"{_named(key)} is {state or 'planned'} in the journal, not unknown: it has "
            "no use for another task. Nothing was changed."
        )
    accept(db, attempt, task_id)


def give_up_submitting(db: sqlite3.Connection, evidence: Evidence, at: str) -> None:
    """Turn what a dead process left SUBMITTING into UNKNOWN."""
    db.execute(
        "UPDATE attempt SET state = 'unknown', evidence = ?, ended_at = ?"
        " WHERE state = 'submitting'",
        (_evidence(evidence), at),
    )


def _newest(db: sqlite3.Connection, key: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] | None = db.execute(_NEWEST, (key,)).fetchone()
    if found is None:
        raise JournalError(f"{_named(key)} is not in the journal. Nothing was changed.")
    return found


def _check_seen(key: str, newest: tuple[Any, ...], seen: Seen | None) -> None:
    """Refuse a word that was said of something else than what there is now."""
    _, attempt, _, state, _, word = newest
    if seen is not None and (attempt, state, word) != astuple(seen):
        raise ChangedError(
            f"{_named(key)} has changed in the journal since you were asked: run this "
            "again. Nothing was sent."
        )


def _evidence(evidence: Evidence) -> str:
    return json.dumps(asdict(evidence))


def _named(key: str | None) -> str:
    return repr(printable(key or ""))
