"""
The tables, all of them, and how those of an older version become today's.

An *item* is what somebody wants, an *attempt* one POST for it. Attempts are never
deleted, and a new POST of the same item is a new attempt: they are the evidence. State
and task id always change together, in one statement; constraints refuse everything else.

A file says by its ``application_id`` that it is a journal, and by its ``user_version``
how many of the `STEPS` it has taken.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from aivideo_async.errors import ConfigurationError

__all__ = ["STEPS", "check_version", "is_marked", "migrate", "no_journal"]

APPLICATION_ID = 0x41495641
"""``AIVA``, in the header of the file."""

_FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    # Who may use it, and who does: one row. The key itself stands nowhere.
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        origin TEXT NOT NULL,
        key_fingerprint TEXT NOT NULL,
        created TEXT NOT NULL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        since TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE item (
        id INTEGER PRIMARY KEY,
        key TEXT UNIQUE,
        fingerprint TEXT NOT NULL,
        model TEXT NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        body BLOB NOT NULL,
        price INTEGER
    )
    """,
    """
    CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        item INTEGER NOT NULL REFERENCES item (id),
        k INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN (
            'submitting', 'running', 'done', 'saved', 'failed', 'unknown',
            'not_sent', 'refused')),
        task_id TEXT,
        price INTEGER,
        callback_url TEXT,
        sent_sha256 TEXT NOT NULL,
        intended_at TEXT NOT NULL,
        ended_at TEXT,
        evidence TEXT,
        answer TEXT,
        claimed INTEGER NOT NULL DEFAULT 0 CHECK (claimed IN (0, 1)),
        word TEXT CHECK (word IN ('released', 'forgotten')),
        UNIQUE (item, k),
        CHECK ((task_id IS NOT NULL) = (state IN ('running', 'done', 'saved', 'failed')))
    )
    """,
    # One task belongs to one attempt, for ever.
    "CREATE UNIQUE INDEX attempt_task ON attempt (task_id) WHERE task_id IS NOT NULL",
    "CREATE INDEX attempt_state ON attempt (state, claimed, price)",
    """
    CREATE TABLE file (
        attempt INTEGER NOT NULL REFERENCES attempt (id),
        number INTEGER NOT NULL,
        path TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (attempt, number)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX file_path ON file (path)",
    # The rows of a sheet, for a bulk run; an item that has no attempt yet is planned,
    # and one without a position is left out of the present plan.
    """
    CREATE TABLE row (
        item INTEGER PRIMARY KEY REFERENCES item (id),
        position INTEGER,
        sku TEXT NOT NULL,
        variant INTEGER NOT NULL,
        line INTEGER NOT NULL,
        name TEXT NOT NULL,
        cells TEXT NOT NULL
    )
    """,
    "CREATE INDEX row_position ON row (position)",
)

STEPS = (_FIRST,)
"""What leads from each version to the next; the first makes an empty file a journal."""


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """
    Bring the tables to this version, all at once or not at all.

    Raises:
        ConfigurationError: They are of a newer version, or another program's; nothing
            was changed.
    """
    db.execute("BEGIN IMMEDIATE")
    with db:  # commits, or rolls back when something is raised
        version = _read_version(db, path)
        if version > len(STEPS):
            raise ConfigurationError(_newer(path, version))
        for step in STEPS[version:]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(STEPS)}")


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """
    Check that the tables can be read as they are.

    Raises:
        ConfigurationError: They are of another version, or another program's.
    """
    version = _read_version(db, path)
    if version > len(STEPS):
        raise ConfigurationError(_newer(path, version))
    if version < len(STEPS):
        raise ConfigurationError(
            f"The journal {str(path)!r} is of an older version ({version}, this one is "
            f"{len(STEPS)}): it becomes a newer one when it is next used for buying. "
            "Nothing was changed."
        )


def is_marked(db: sqlite3.Connection) -> bool:
    """Tell whether the file says that it is a journal."""
    (found,) = db.execute("PRAGMA application_id").fetchone()
    return bool(found == APPLICATION_ID)


def no_journal(path: Path) -> ConfigurationError:
    """Build the error of a file that is something else."""
    return ConfigurationError(
        f"{str(path)!r} is there already and is no journal: choose another name. "
        "Nothing was changed and nothing was sent."
    )


def _read_version(db: sqlite3.Connection, path: Path) -> int:
    """Return how many of the `STEPS` the file has taken; an empty one took none."""
    (changes,) = db.execute("PRAGMA schema_version").fetchone()
    if changes and not is_marked(db):
        raise no_journal(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _newer(path: Path, version: int) -> str:
    return (
        f"The journal {str(path)!r} was written by a newer aivideo-async (version "
        f"{version}, this one knows {len(STEPS)}): upgrade, or use another journal. "
        "Nothing was changed and nothing was sent."
    )
