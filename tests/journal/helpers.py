"""What the tests of the journal share: an open one, and things to write into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aivideo_async.journal import Intent, Journal, fingerprint

__all__ = ["KEY", "ORIGIN", "intent", "opened", "run", "stop_writing", "write_again"]

ORIGIN = "https://api.aivideoapi.ai"
KEY = "1f2e3d4c"
PATH = "/v1/images/generations"


def intent(key: str | None = None, body: bytes = b"{}", **about: Any) -> Intent:
    """Make an intent that costs 4.7 credits."""
    about = {"price": 4700} | about
    asked = fingerprint(PATH, body)
    return Intent(key, "gpt-image-2", "POST", PATH, body, asked, **about)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    """Open a journal, and close it."""
    journal = Journal(path)
    journal.open(origin=ORIGIN, key_fingerprint=KEY)
    try:
        yield journal
    finally:
        await journal.aclose()


async def run(journal: Journal, key: str | None, task_id: str) -> int:
    """Buy an item; return the number of its attempt."""
    attempt, durable = journal.intend(intent(key))
    await durable
    await journal.accept(attempt, task_id)
    return attempt


def stop_writing(journal: Journal) -> None:
    """Let the disk refuse every write from now on."""
    _pragma(journal, "query_only = 1")


def write_again(journal: Journal) -> None:
    """Let the disk take writes again."""
    _pragma(journal, "query_only = 0")


def _pragma(journal: Journal, text: str) -> None:
    assert journal._writer is not None
    journal._writer._db.execute(f"PRAGMA {text}")
