"""
Many operations, one commit: a flush of the disk costs the same for one as for hundreds.

Operations are queued on the loop's thread, in order. While a batch is written in a
thread, the next one gathers; when it is durable, the futures of its operations are done.
The order is a promise: no fact overtakes an earlier one.

Two kinds of operations meet a disk that is full or broken. An *intent* fails at once,
for nothing was sent yet. A *fact* happened already and must not get lost: it stays in
front of the queue, in order, and is tried again every second and once more at the end.
Meanwhile there is `trouble`, and every intent fails with it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path

import anyio
from attrs import define, field

from aivideo_async.errors import JournalError
from aivideo_async.journal.places import reason

__all__ = ["Listener", "Operation", "Writer"]

log = logging.getLogger("aivideo_async")

Job = asyncio.Future[list[Exception | None]]
Listener = Callable[[JournalError], None]

AGAIN_AFTER = 1.0
"""Seconds until facts that could not be written are tried again."""


@define(eq=False)
class Operation:
    """
    Something to be written.

    Attributes:
        apply: Writes it, within a transaction.
        future: Done when it is durable or has failed.
        fact: Whether it happened already and must not get lost.
        bought: The attempt and its task id, if it says that something was paid for.
    """

    apply: Callable[[sqlite3.Connection], None]
    future: asyncio.Future[None] = field(repr=False)
    fact: bool
    bought: tuple[int, str] | None = None

    @property
    def advice(self) -> str:
        """What to do if this is never written."""
        if self.bought is None:
            return ""
        task_id = self.bought[1]
        return f" Task {task_id} is paid for: pick it up with client.wait({task_id!r})."

    def settle(self, error: Exception | None) -> None:
        """Tell whoever waits; nobody has to."""
        if self.future.done():  # its caller was cancelled
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)
            self.future.exception()  # seen, or asyncio would complain


class Writer:
    """
    Writes operations in batches, in their order.

    Args:
        path: The journal's path, for messages.
        db: The connection, which from now on is used by one thread at a time.
        listeners: Called with each new trouble.

    Attributes:
        trouble: Why facts cannot be written at present, or None.
    """

    def __init__(
        self, path: Path, db: sqlite3.Connection, listeners: Sequence[Listener] = ()
    ) -> None:
        self.trouble: JournalError | None = None
        self._listeners = listeners
        self._path = path
        self._db = db
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aivideo-journal")
        self._queue: list[Operation] = []
        self._batch: list[Operation] = []
        self._job: Job | None = None
        self._again: asyncio.TimerHandle | None = None

    def add(self, operation: Operation) -> None:
        """Queue *operation*; it leaves with all that is queued in this turn."""
        if self.trouble is not None and not operation.fact:
            operation.settle(copy(self.trouble))
            return
        self._queue.append(operation)
        if len(self._queue) == 1 and self._job is None:
            self._loop.call_soon(self._start)

    async def finish(self) -> tuple[list[Operation], asyncio.CancelledError | None]:
        """
        Write what is queued, once more if need be; a cancel waits until that is over.

        Returns:
            What could not be written, and the cancel that arrived meanwhile.
        """
        cancelled = await self._drain()
        if self._again is not None:
            self._again.cancel()
            self._retry()
            cancelled = await self._drain() or cancelled
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._thread.shutdown()
        left, self._queue = self._queue, []
        for operation in left:
            operation.settle(copy(self.trouble))
        return left, cancelled

    async def _drain(self) -> asyncio.CancelledError | None:
        """Wait until nothing is being written; return the cancel that arrived meanwhile."""
        cancelled = None
        with anyio.CancelScope(shield=True):
            while job := self._start():
                try:
                    await asyncio.wait([job])
                except asyncio.CancelledError as error:
                    cancelled = error
        return cancelled

    def _start(self) -> Job | None:
        """Write all that is queued, unless it has to wait; return what is under way."""
        if self._job is None and self._again is None and self._queue:
            self._batch, self._queue = self._queue, []
            self._job = self._loop.run_in_executor(
                self._thread, _write, self._db, self._batch
            )
            self._job.add_done_callback(self._written)
        return self._job

    def _written(self, job: Job) -> None:
        batch, self._batch, self._job = self._batch, [], None
        error = job.exception()
        if error is not None:
            self._keep_facts(batch, error)
        else:
            self._end_trouble()
            for operation, failure in zip(batch, job.result(), strict=True):
                self._settle(operation, failure)
        # Not before those who waited have had their turn: their next joins this batch.
        self._loop.call_soon(self._start)

    def _settle(self, operation: Operation, failure: Exception | None) -> None:
        """Tell the result of one operation that had its turn."""
        if failure is not None and not isinstance(failure, JournalError):
            failure = JournalError(
                f"The journal {str(self._path)!r} refuses an entry: {failure}."
            )
        if failure is not None and operation.fact:
            failure.task_id = operation.bought[1] if operation.bought else None
            log.error("%s%s", failure, operation.advice)
        operation.settle(failure)

    def _keep_facts(self, batch: list[Operation], error: BaseException) -> None:
        """Nothing of *batch* was written: fail its intents, keep its facts in front."""
        trouble = JournalError(
            f"The journal {str(self._path)!r} cannot be written: {reason(error)}. "
            "Nothing is bought before its intent is on disk, so this was not sent; make "
            "room, or mend the disk. What was bought before is written down then."
        )
        waiting = [*batch, *self._queue]
        self._queue = [one for one in waiting if one.fact]
        for operation in waiting:
            if not operation.fact:
                operation.settle(copy(trouble))
        if self._queue:
            self._again = self._loop.call_later(AGAIN_AFTER, self._retry)
            self._begin_trouble(trouble)

    def _retry(self) -> None:
        self._again = None
        self._start()

    def _begin_trouble(self, trouble: JournalError) -> None:
        if self.trouble is not None:
            return
        self.trouble = trouble
        log.error("%s", trouble)
        for call in self._listeners:
            call(trouble)

    def _end_trouble(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            log.warning("The journal %r can be written again.", str(self._path))


class _Broken(Exception):  # noqa: N818  (the operation's cause is the error)
    """An operation cannot be written, and may have left something half done."""


def _write(
    db: sqlite3.Connection, batch: Sequence[Operation]
) -> list[Exception | None]:
    """Write *batch* in one transaction; return what is wrong with each by itself."""
    wrong: dict[Operation, Exception] = {}
    while True:  # once, but for broken operations: each is left out of the next round
        try:
            db.execute("BEGIN IMMEDIATE")
            _apply(db, batch, wrong)
            db.execute("COMMIT")
        except _Broken:
            db.execute("ROLLBACK")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        else:
            return [wrong.get(operation) for operation in batch]


def _apply(
    db: sqlite3.Connection,
    batch: Sequence[Operation],
    wrong: dict[Operation, Exception],
) -> None:
    """Write each operation that is not *wrong*; note those that turn out to be."""
    for operation in batch:
        if operation in wrong:
            continue
        try:
            operation.apply(db)
        except JournalError as error:  # found before anything was written
            wrong[operation] = error
        except Exception as error:
            if _concerns_all(error):
                raise
            wrong[operation] = error
            raise _Broken from error


def _concerns_all(error: Exception) -> bool:
    """Tell whether the disk is to blame, the file or the memory, not the operation."""
    return isinstance(error, sqlite3.OperationalError | MemoryError) or (
        type(error) is sqlite3.DatabaseError
    )
