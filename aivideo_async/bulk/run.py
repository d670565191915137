"""
A run: buy what a plan leaves to be done, save each picture as it completes.

Whatever ends it, the journal knows what was bought; a run that begins anew goes on from
there. The task group in here holds nothing but downloads: a purchase is the client's own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Container, Iterator
from contextlib import aclosing, suppress

import anyio
import anyio.to_thread
from attrs import evolve, frozen

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Entry, Status, write_manifest
from aivideo_async.bulk.placing import place, stem_of
from aivideo_async.bulk.standing import entry_of, standing
from aivideo_async.client import AsyncClient
from aivideo_async.errors import (
    AIVideoError,
    BillingError,
    DownloadError,
    JournalError,
    NotSentError,
)
from aivideo_async.journal import Journal, Reader, RowRecord, State
from aivideo_async.models.money import from_milli
from aivideo_async.models.requests import GenerationRequest, GptImage2, RawRequest
from aivideo_async.models.strictjson import decode
from aivideo_async.models.tasks import Outcome, Task

__all__ = ["BulkRun", "Result", "refresh", "rows_of"]

log = logging.getLogger("aivideo_async")

AT_ONCE = 16
"""Pictures that are downloaded at the same time."""

REWRITTEN = 30.0
"""Seconds between two manifests, if that is many times what one takes."""

LONGEST_LIMIT = 26 * 3600.0
"""Seconds after which a spend limit is taken for the one that never clears."""


@frozen
class Result:
    """
    What became of one picture.

    Attributes:
        before: How its row stood when the run came to it.
        entry: How its row stands now, as in the manifest.
        error: Why there is no picture, or None.
    """

    before: Status
    entry: Entry
    error: AIVideoError | None


class BulkRun:
    """
    Carries out what a plan in the journal leaves to be done.

    What is paid comes first, also what the present plan leaves out.

    Args:
        client: Buys; it has *journal*.
        journal: What is planned and what is known.
        folder: Where the pictures go.
        tell: Hears of each picture that is ready, or that there will be none.
        download: Whether to save the pictures.
        only: The keys that are meant; None for the whole plan.

    Attributes:
        stopped_by: What ended the buying before its end, or None.
        not_sent: Why something could not be sent, or None.
    """

    def __init__(
        self,
        client: AsyncClient,
        journal: Journal,
        folder: RunFolder,
        *,
        tell: Callable[[Result], None],
        download: bool = True,
        only: Container[str] | None = None,
    ) -> None:
        self.stopped_by: AIVideoError | None = None
        self.not_sent: NotSentError | None = None
        self._client = client
        self._journal = journal
        self._folder = folder
        self._tell = tell
        self._download = download
        self._only = only
        self._arriving = folder.images / ".arriving"
        self._under_way: dict[str, RowRecord] = {}
        self._room = anyio.Semaphore(AT_ONCE)
        self._placing = anyio.Lock()

    async def carry_out(self, until: asyncio.Event) -> None:
        """
        Buy, wait and save until all is done, or *until* is set and the rest collected.

        Cancelling it leaves at once; what was bought is in the journal.
        """
        self.stopped_by = self.not_sent = None
        try:
            async with anyio.create_task_group() as saving:
                saving.start_soon(self._keep_manifest)
                await self._carry(until)
                saving.cancel_scope.cancel()
        finally:
            with suppress(OSError):  # it is empty, or what is in it is still needed
                self._arriving.rmdir()

    async def _carry(self, until: asyncio.Event) -> None:
        outcomes = self._client.generate_many(self._requests(), until=until)
        async with aclosing(outcomes), anyio.create_task_group() as downloads:
            try:
                async for outcome in outcomes:
                    await self._room.acquire()
                    downloads.start_soon(self._finish, outcome, until)
            except AIVideoError as error:
                self.stopped_by = self.stopped_by or error

    async def carry_on(
        self, until: asyncio.Event, told: Callable[[float], None]
    ) -> None:
        """
        Do what `carry_out` does, and wait for a limit on the money to clear.

        Args:
            until: Ends the buying, and the waiting.
            told: Hears for how many seconds there is a wait.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + LONGEST_LIMIT
        while True:
            bought = self._client.stats().accepted
            await self.carry_out(until)
            error, now = self.stopped_by, loop.time()
            if self._client.stats().accepted > bought:
                give_up = now + LONGEST_LIMIT
            if not isinstance(error, BillingError) or until.is_set() or now > give_up:
                return
            pause = max(1.0, error.retry_after or 60.0)
            told(pause)
            with anyio.move_on_after(pause):
                await until.wait()

    def left_out(self) -> int:
        """Count what is in flight and collected, though the present plan leaves it out."""
        rows = filter(self._is_chosen, self._journal.other_rows())
        return sum(standing(row) is Status.IN_FLIGHT for row in rows)

    async def _requests(self) -> AsyncIterator[GenerationRequest]:
        """Read what is paid, then what is to be bought: that may end at a limit."""
        passes = (
            (rows_of(self._journal), self._is_paid),
            (self._journal.rows(), self._is_queued),
        )
        for rows, is_meant in passes:
            for number, row in enumerate(rows):
                if number % 100 == 0:
                    await asyncio.sleep(0)  # thousands may be done already
                if self._is_chosen(row) and is_meant(row):
                    self._under_way[row.planned.key] = row
                    yield request_of(row)

    def _is_chosen(self, row: RowRecord) -> bool:
        return self._only is None or row.planned.key in self._only

    def _is_queued(self, row: RowRecord) -> bool:
        return standing(row) is Status.QUEUED

    def _is_paid(self, row: RowRecord) -> bool:
        """Tell whether there is something to be waited for, or to be saved."""
        status = standing(row)
        if status is Status.IN_FLIGHT:
            return True
        if status is not Status.OK or not self._download:
            return False
        if row.record.state is State.DONE:
            return True
        return row.position is not None and not self._is_there(row)

    def _is_there(self, row: RowRecord) -> bool:
        """Tell whether its files are, be they retouched or not."""
        return all((self._folder.path / file.path).is_file() for file in row.files)

    # --- what comes back -----------------------------------------------------------

    async def _finish(self, outcome: Outcome, until: asyncio.Event) -> None:
        """Save a picture, or say why there is none; never raise for one of many."""
        key = outcome.request.key or ""
        row, error = self._under_way.pop(key), outcome.error
        try:
            if outcome.task is not None and outcome.ok and self._download:
                await self._save(row, outcome.task)
            await self._journal.flush()
        except AIVideoError as failure:
            error = failure
            if is_of_the_disk(failure):
                self._stop(failure, until)
        finally:
            self._room.release()
        if isinstance(error, NotSentError):
            self.not_sent = error
            return
        entry = entry_of(self._as_it_stands(row))
        if outcome.task is not None:  # the journal may not have it yet
            entry = evolve(entry, task_id=outcome.task.id)
        self._tell(Result(standing(row), entry, error))

    def _as_it_stands(self, row: RowRecord) -> RowRecord:
        """Read the row anew; a disk that cannot be read now ends no run."""
        try:
            return self._journal.row(row.planned.key) or row
        except JournalError as error:
            log.warning("How %r stands now is not known: %s", row.planned.key, error)
            return row

    def _stop(self, error: AIVideoError, until: asyncio.Event) -> None:
        """Buy no more: what cannot be kept is not worth paying for."""
        self.stopped_by = self.stopped_by or error
        until.set()

    async def _save(self, row: RowRecord, task: Task) -> None:
        """Save all files of *task*, under the names that the plan gave them."""
        paths = await self._client.download(task, self._arriving)
        row = self._as_it_stands(row)  # with this attempt
        stem = stem_of(self._folder, row)
        async with self._placing:  # a row that was left out may have the same name
            taken = self._journal.files_of_others(row.record.attempt, stem)
            files = await anyio.to_thread.run_sync(
                place, self._folder, row, paths, taken
            )
        # Not awaited: with a full disk it would wait for room, and `flush` says so.
        _ = self._journal.save(task.id, files)

    # --- the manifest ---------------------------------------------------------------

    async def _keep_manifest(self) -> None:
        """Write the manifest now and then, so that it can be read during the run."""
        loop = asyncio.get_running_loop()
        pause = REWRITTEN
        while True:
            await anyio.sleep(pause)
            begun = loop.time()
            try:
                await anyio.to_thread.run_sync(refresh, self._folder)
            except (OSError, AIVideoError) as error:
                log.warning("The manifest waits, the run goes on: %s", error)
            pause = max(REWRITTEN, 20 * (loop.time() - begun))


def is_of_the_disk(error: AIVideoError) -> bool:
    """Tell whether it is the disk that cannot take what was bought."""
    if isinstance(error, DownloadError):
        return isinstance(error.__cause__, OSError)
    return isinstance(error, JournalError)


def refresh(folder: RunFolder) -> None:
    """Write the manifest of a run anew; blocks."""
    with Journal.reading(folder.journal) as known:
        write_manifest(folder, map(entry_of, rows_of(known)))


def rows_of(known: Journal | Reader) -> Iterator[RowRecord]:
    """Yield the rows of the present plan, then those that it left out and were bought."""
    yield from known.rows()
    for row in known.other_rows():
        if row.attempts:
            yield row


def request_of(row: RowRecord) -> GenerationRequest:
    """Build the request of *row* anew; it is sent as the very bytes that were planned."""
    planned = row.planned
    asked = decode(planned.body)["input"]
    if planned.model == GptImage2.MODEL:
        return GptImage2(**asked, key=planned.key)
    return RawRequest(
        planned.model,
        endpoint=planned.path,
        input=asked,
        price=None if planned.price is None else from_milli(planned.price),
        key=planned.key,
    )
