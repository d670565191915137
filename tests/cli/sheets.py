"""Sheets for commands, and what the service and the journal say of them afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.emulator import Emulator
from aivideo_async.journal import Journal, State

__all__ = ["creates", "prompts", "save", "set_running", "states", "wide"]


def save(path: Path, rows: Iterable[str], header: str = "sku,prompt") -> Path:
    """Write a sheet; its path is returned."""
    path.write_text("\n".join([header, *rows, ""]), "utf-8")
    return path


def wide(path: Path, count: int) -> Path:
    """Write a sheet of *count* rows that all are in order."""
    return save(path, (f"SKU-{number:03},shot {number}" for number in range(count)))


def creates(emulator: Emulator) -> int:
    """Count the POSTs that the service received."""
    return sum(request.method == "POST" for request in emulator.requests)


def prompts(emulator: Emulator) -> list[Any]:
    """Return what was asked for, in order."""
    sent = [request for request in emulator.requests if request.method == "POST"]
    return [json.loads(request.body)["input"]["prompt"] for request in sent]


def set_running(folder: Path, key: str, *, gone: bool = False) -> None:
    """Let a picture that was made be in flight, for long; its task may be *gone*."""
    journal = RunFolder(folder).journal
    which = "(SELECT attempt.id FROM item JOIN attempt ON item = item.id WHERE key = ?)"
    task = "'gone'" if gone else "task_id"
    with closing(sqlite3.connect(journal)) as db, db:
        db.execute(f"DELETE FROM file WHERE attempt = {which}", [key])
        db.execute(
            f"UPDATE attempt SET state = 'running', answer = NULL, claimed = 0,"
            f" task_id = {task}, intended_at = '2026-01-01T00:00:00+00:00'"
            f" WHERE id = {which}",
            [key],
        )


def states(folder: Path) -> dict[str, State]:
    """Return how each row of the run in *folder* stands in its journal."""
    with Journal.reading(RunFolder(folder).journal) as known:
        return {row.planned.key: row.record.state for row in known.rows()}
