"""
The journal itself: what happens is written, what is known is read.

Verbs that write return at once, with a future that is done when the disk has it. Call
them in the order in which things happen: that is the order in which they are written.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from aivideo_async.errors import ConfigurationError, JournalError
from aivideo_async.journal import places, rows, statements
from aivideo_async.journal.lock import Taken, locked
from aivideo_async.journal.owner import in_use, take_over
from aivideo_async.journal.reader import Queries, Reader
from aivideo_async.journal.records import Intent, SavedFile, Seen, State, Word
from aivideo_async.journal.rows import PlannedRow
from aivideo_async.journal.schema import migrate
from aivideo_async.journal.writer import Listener, Operation, Writer
from aivideo_async.models.text import printable
from aivideo_async.models.wire import Evidence

__all__ = ["Journal"]

log = logging.getLogger("aivideo_async")

ADVICE = "Nothing was sent. Make room, or choose a place where this user may write."

Write = Callable[[sqlite3.Connection], None]


class Journal(Queries):
    """
    A durable record of what was bought.

    Args:
        path: The file, on a disk of this machine; made when it is missing.

    It survives kill -9, and, on a disk that honours a flush, the loss of power. One
    process writes it at a time; others may read it with `reading`. It holds prompts
    (its file is for its owner only) but never the API key. On Linux a network file
    system is refused, because its locks deceive; elsewhere nobody checks that.

    The future of each operation is done when it is durable. Cancelling that future, or
    who awaits it, changes nothing: what was queued is written. An *intent* that cannot
    be written fails with `JournalError`, and nothing may be sent for it. A *fact* has
    happened: while the disk is full it is kept and tried again, and there is `trouble`.

    Attributes:
        other_key: Whether it began with another key than it was opened with: if that is
            another account's, its tasks are not found.

    Example:
        >>> from aivideo_async.journal import Intent, Journal, fingerprint
        >>> journal = Journal("jobs.db")
        >>> journal.open(origin="https://api.aivideoapi.ai", key_fingerprint="1f2e3d4c")
        >>> body = b'{"model":"gpt-image-2"}'
        >>> asked = fingerprint("/v1/images", body)
        >>> attempt, durable = journal.intend(
        ...     Intent("mug-1", "gpt-image-2", "POST", "/v1/images", body, asked, 4700)
        ... )
        >>> await durable  # only now may it be sent
        >>> await journal.accept(attempt, "task-1")
        >>> print(journal.find("mug-1").state, journal.committed())
        running 4700
        >>> await journal.aclose()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = places.read_path(path)
        self._held: ExitStack | None = None
        self._listeners: list[Listener] = []
        self._writer: Writer | None = None
        self.other_key = False
        self._next = 1
        self._accepted: set[str] = set()  # and not durable yet

    @classmethod
    def reading(cls, path: str | os.PathLike[str]) -> Reader:
        """
        Open a journal for reading only, also while another process writes it.

        Raises:
            ConfigurationError: It is no journal, or of another version.
            JournalError: It is not there, or cannot be read.
        """
        return Reader(_real(places.read_path(path)))

    def open(self, *, origin: str, key_fingerprint: str) -> None:
        """
        Take the journal over, on the running loop; blocks for some milliseconds.

        What an earlier process left SUBMITTING becomes UNKNOWN.

        Args:
            origin: The API that is bought from; a journal belongs to one.
            key_fingerprint: What tells keys apart; another one is warned of.

        Raises:
            ConfigurationError: It is open, in use by another process or client, no
                journal, of a newer version, of another API, or it would lie on a
                network file system.
            JournalError: It cannot be written.
        """
        if self._held is not None:
            raise ConfigurationError(f"The journal {str(self.path)!r} is open already.")
        path = self.path = _real(self.path)
        with ExitStack() as held, places.disk_errors(path, "written", ADVICE):
            _make(path, held)
            db = held.enter_context(closing(places.connect(path, "rw")))
            _prepare(db, path)
            self.other_key = not take_over(db, path, origin, key_fingerprint)
            (last,) = db.execute("SELECT MAX(id) FROM attempt").fetchone()
            self._next = (last or 0) + 1
            self._reading = held.enter_context(closing(places.connect(path, "ro")))
            self._writer = Writer(path, db, self._listeners)
            self._held = held.pop_all()

    async def aclose(self) -> None:
        """
        Write what is pending and let the lock go; idempotent.

        A cancel is raised when that is done, which takes no longer than the disk does.

        Raises:
            JournalError: Something could not be written. Each task that was paid for
                and is not in the journal has been named in the log.
        """
        if self._writer is None or self._held is None:
            return
        writer, self._writer = self._writer, None
        try:
            left, cancelled = await writer.finish()
            for operation in left:
                if operation.bought is not None:
                    self._warn_of(operation.advice, operation.bought[0])
        finally:
            held, self._held, self._reading = self._held, None, None
            held.close()
            self._listeners.clear()  # they are of whoever had it open
        if cancelled is not None:
            raise cancelled
        if left and writer.trouble is not None:
            raise writer.trouble

    def has_task(self, task_id: str) -> bool:
        """Tell whether any attempt made this task, be it durable yet or not."""
        return task_id in self._accepted or super().has_task(task_id)

    def is_open(self, task_id: str) -> bool:
        """Tell whether the end of this task, or that somebody got it, is not known yet."""
        return task_id in self._accepted or super().is_open(task_id)

    # --- what is about to happen ---------------------------------------------------

    def intend(self, intent: Intent) -> tuple[int, asyncio.Future[None]]:
        """
        Write down what is about to be sent; send nothing before the future is done.

        Returns:
            The attempt's number, and the future. That fails with `JournalError` if the
            journal cannot be written, or if the label's newest attempt is anything but
            NOT_SENT, REFUSED or released.
        """
        attempt, self._next = self._next, self._next + 1
        write = partial(statements.intend, attempt=attempt, intent=intent, at=_now())
        return attempt, self._add(write, fact=False)

    def release(self, key: str, seen: Seen | None = None) -> asyncio.Future[None]:
        """
        Let an item be bought again, on the user's word.

        Its newest attempt is UNKNOWN, has come to an end, or is RUNNING as a task that
        the service no longer knows. It stays as evidence, is no longer followed, and
        goes on counting as spent unless it FAILED or was REFUSED.

        Args:
            key: The item's label.
            seen: `Record.seen` of what the user was shown; the future fails with
                `ChangedError`, and nothing changes, if it stands otherwise by now.
                Without it the word holds for whatever the journal has.
        """
        ends = (State.FAILED, State.REFUSED, State.DONE, State.SAVED)
        states = (State.UNKNOWN, State.RUNNING, *ends)
        return self._say(key, Word.RELEASED, states, seen)

    def forget(self, key: str, seen: Seen | None = None) -> asyncio.Future[None]:
        """
        Let an item rest, on the user's word: it is not bought again.

        Its newest attempt is UNKNOWN, or RUNNING as a task that the service no longer
        knows. It is no longer followed, and goes on counting as spent. *seen* is as for
        `release`.
        """
        return self._say(key, Word.FORGOTTEN, (State.UNKNOWN, State.RUNNING), seen)

    def _say(
        self, key: str, word: Word, states: Collection[State], seen: Seen | None
    ) -> asyncio.Future[None]:
        write = partial(statements.say, key=key, word=word, states=states, seen=seen)
        return self._add(write, fact=False)

    def adopt(
        self, key: str, task_id: str, seen: Seen | None = None
    ) -> asyncio.Future[None]:
        """
        Let an item that is UNKNOWN be RUNNING as this task, on the user's word.

        What was said of it before is void: it is followed, and not bought again. *seen*
        is as for `release`.
        """
        write = partial(statements.adopt, key=key, task_id=task_id, seen=seen)
        return self._add(write, fact=False)

    # --- the rows of a sheet -------------------------------------------------------

    def forget_plan(self) -> asyncio.Future[None]:
        """Begin a plan: rows that it does not name are no longer to be bought."""
        return self._add(rows.forget_plan, fact=False)

    def plan(self, start: int, planned: Sequence[PlannedRow]) -> asyncio.Future[None]:
        """
        Add rows to the plan, from position *start* on.

        What a row asks for replaces what its key asked for before, unless that was
        bought, or may have been, and the user has not released it.
        """
        return self._add(partial(rows.plan, start=start, rows=planned), fact=False)

    # --- what has happened ---------------------------------------------------------

    def accept(self, attempt: int, task_id: str) -> asyncio.Future[None]:
        """
        Note what was bought: SUBMITTING or UNKNOWN becomes RUNNING.

        What the user said of it while nobody knew is void.
        """
        write = partial(statements.accept, attempt=attempt, task_id=task_id)
        future = self._add(write, fact=True, bought=(attempt, task_id))
        self._accepted.add(task_id)
        future.add_done_callback(lambda _: self._accepted.discard(task_id))
        return future

    def refuse(
        self, attempt: int, *, sent: bool, status: int | None, reason: str
    ) -> asyncio.Future[None]:
        """
        Note that nothing was bought: SUBMITTING becomes REFUSED, or NOT_SENT.

        Args:
            attempt: Which; one that is not SUBMITTING stays as it is.
            sent: Whether it was sent, and the API refused it.
            status: The HTTP status of the refusal.
            reason: Why, for people.
        """
        evidence = Evidence(status=status, reason=printable(reason))
        return self._add(
            partial(
                statements.refuse,
                attempt=attempt,
                sent=sent,
                evidence=evidence,
                at=_now(),
            ),
            fact=True,
        )

    def lose(self, attempt: int, evidence: Evidence) -> asyncio.Future[None]:
        """Note that nobody knows: SUBMITTING, or RUNNING as another's, is UNKNOWN."""
        return self._add(
            partial(statements.lose, attempt=attempt, evidence=evidence, at=_now()),
            fact=True,
        )

    def end(
        self, task_id: str, *, failed: bool, answer: dict[str, Any]
    ) -> asyncio.Future[None]:
        """
        Note how a task ended: RUNNING becomes DONE or FAILED.

        Args:
            task_id: Which; one that is not RUNNING here changes nothing.
            failed: Whether it failed.
            answer: The task object as the service gave it.
        """
        return self._add(
            partial(
                statements.end,
                task_id=task_id,
                failed=failed,
                answer=answer,
                at=_now(),
            ),
            fact=True,
        )

    def claim(self, task_id: str) -> asyncio.Future[None]:
        """Note that somebody got the final task."""
        return self._add(partial(statements.claim, task_id=task_id), fact=True)

    def disclaim(self, task_id: str) -> asyncio.Future[None]:
        """Note that whoever got the final task is gone, and has it no more."""
        return self._add(partial(statements.disclaim, task_id=task_id), fact=True)

    def save(self, task_id: str, files: Sequence[SavedFile]) -> asyncio.Future[None]:
        """Note the files of a task, instead of earlier ones: DONE becomes SAVED."""
        return self._add(
            partial(statements.save, task_id=task_id, files=tuple(files), at=_now()),
            fact=True,
        )

    def flush(self) -> asyncio.Future[None]:
        """Return what is done when all that was written so far is durable."""
        return self._add(lambda _: None, fact=False)

    # --- when it cannot be written -------------------------------------------------

    @property
    def trouble(self) -> JournalError | None:
        """Why facts wait to be written, or None; meanwhile every intent fails."""
        return None if self._writer is None else self._writer.trouble

    def on_trouble(self, call: Listener) -> None:
        """Have *call* told once of each trouble, until the journal is closed."""
        self._listeners.append(call)

    def _add(
        self, write: Write, *, fact: bool, bought: tuple[int, str] | None = None
    ) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        operation = Operation(write, future, fact, bought)
        if self._writer is not None:
            self._writer.add(operation)
            return future
        text = f"The journal {str(self.path)!r} is not open: nothing was written."
        if fact:
            log.error("%s%s", text, operation.advice)
        operation.settle(JournalError(text, task_id=bought[1] if bought else None))
        return future

    def _warn_of(self, advice: str, attempt: int) -> None:
        """Name a task that is paid for and not in the journal; its label, if it can."""
        label = ""
        with suppress(JournalError):  # a broken disk may not be readable either
            for record in self._records("WHERE attempt.id = ?", attempt):
                if record.key:
                    label = f" Its label: {printable(record.key)}."
        log.warning(
            "The journal %r could not be written.%s%s", str(self.path), advice, label
        )


def _now() -> str:
    """Return the time for people to read; nothing is decided by it."""
    return datetime.now(UTC).isoformat()


def _real(path: Path) -> Path:
    """Follow links, so that all who mean one file use one lock."""
    return Path(os.path.realpath(path))


def _make(path: Path, held: ExitStack) -> None:
    """See to it that the file is there, is a journal or empty, and is ours alone."""
    places.check_place(path)
    if not places.create(path):
        places.check_file(path)
    try:
        held.enter_context(locked(path))
    except Taken:
        raise in_use(path) from None


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Choose durability over speed, and bring the tables to this version."""
    for pragma in ("synchronous = FULL", "fullfsync = 1", "foreign_keys = 1"):
        db.execute(f"PRAGMA {pragma}")
    migrate(db, path)
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"The journal {str(path)!r} cannot have a write-ahead log here: choose a "
            "folder on a disk of this machine. Nothing was sent."
        )
