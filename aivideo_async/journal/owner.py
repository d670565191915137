"""
Whose journal it is: one API, one key at a time, one process at a time.

Task ids mean nothing to another API, so a journal belongs to the one it began with: what
was bought from the emulator is never looked for at the service, nor the other way round.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from aivideo_async.errors import ConfigurationError
from aivideo_async.journal.places import connect
from aivideo_async.journal.records import Owner
from aivideo_async.journal.statements import give_up_submitting
from aivideo_async.models.wire import Evidence

__all__ = ["DIED", "in_use", "read_owner", "take_over"]

log = logging.getLogger("aivideo_async")

DIED = Evidence(
    reason="the process ended while this create was on its way, so nobody saw its answer"
)
"""What is known of a create that was SUBMITTING when its process ended."""


def take_over(
    db: sqlite3.Connection, path: Path, origin: str, key_fingerprint: str
) -> bool:
    """
    Make this process the owner, and what the last one left SUBMITTING unknown.

    Returns:
        Whether the journal began with this key.

    Raises:
        ConfigurationError: The journal belongs to another API; nothing was changed.
    """
    at = datetime.now(UTC).isoformat()
    db.execute("BEGIN IMMEDIATE")
    with db:  # commits, or rolls back when something is raised
        run = db.execute("SELECT origin, key_fingerprint FROM run").fetchone()
        if run is None:
            db.execute(
                "INSERT INTO run (id, origin, key_fingerprint, created, pid, host,"
                " since) VALUES (1, ?, ?, ?, 0, '', '')",
                (origin, key_fingerprint, at),
            )
        else:
            _check(path, run, origin, key_fingerprint)
        db.execute(
            "UPDATE run SET pid = ?, host = ?, since = ?",
            (os.getpid(), socket.gethostname(), at),
        )
        give_up_submitting(db, DIED, at)
    return run is None or run[1] == key_fingerprint


def _check(path: Path, run: tuple[str, str], origin: str, key_fingerprint: str) -> None:
    if run[0] != origin:
        raise ConfigurationError(
            f"The journal {str(path)!r} belongs to {run[0]}, and this client buys from "
            f"{origin}: use another journal for it. Nothing was sent."
        )
    if run[1] != key_fingerprint:
        log.warning(
            "The journal %r began with another key (%s, now %s). If that is "
            "another account, its tasks will not be found: use a journal for each.",
            str(path),
            run[1],
            key_fingerprint,
        )


def in_use(path: Path) -> ConfigurationError:
    """Build the error of a journal that somebody else is writing."""
    return ConfigurationError(
        f"The journal {str(path)!r} is in use by {_holder(path)}. Nothing was sent: wait "
        "for its end, stop it, or use another journal. Within a process, share one "
        "client."
    )


def _holder(path: Path) -> str:
    """Name the process that took it over last; it may be about to say so."""
    try:
        with closing(connect(path, "ro")) as db:
            owner = read_owner(db)
    except sqlite3.Error:
        owner = None
    if owner is None:
        return "another process"
    if (owner.pid, owner.host) == (os.getpid(), socket.gethostname()):
        return f"another client of this process ({owner.pid})"
    return f"process {owner.pid} on {owner.host}, since {owner.since:%Y-%m-%dT%H:%M:%S} UTC"


def read_owner(db: sqlite3.Connection) -> Owner | None:
    """Read who took the journal over last; None if nobody has yet."""
    query = "SELECT origin, key_fingerprint, pid, host, since FROM run WHERE pid > 0"
    found = db.execute(query).fetchone()
    if found is None:
        return None
    origin, key_fingerprint, pid, host, since = found
    return Owner(origin, key_fingerprint, pid, host, datetime.fromisoformat(since))
