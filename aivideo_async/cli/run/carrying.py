"""
A run under way: buy and save, until all is done or somebody or something stops it.

What was bought is in the journal, so this lists no ids: the same command finds them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Container
from decimal import Decimal
from typing import Any

import anyio
from attrs import asdict, define, field

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    BudgetExceededError,
    DownloadError,
    JournalError,
    LearnedPolling,
    OutputExpiredError,
)
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.bulk.overview import Overview, overview_of
from aivideo_async.bulk.run import BulkRun, Result
from aivideo_async.cli import money
from aivideo_async.cli.connect import balance, connected
from aivideo_async.cli.exits import Exit, code_of
from aivideo_async.cli.interrupts import Interrupts
from aivideo_async.cli.options import Settings
from aivideo_async.cli.progress import Progress, SilentProgress, beating
from aivideo_async.cli.run.board import Board, duration
from aivideo_async.cli.run.terms import Terms
from aivideo_async.cli.words import brief, shortened
from aivideo_async.journal import Journal
from aivideo_async.models.text import printable

__all__ = ["Carrying", "Prepare"]

Prepare = Callable[[Journal], Awaitable[None]]
"""Writes into the journal what there is to do."""


@define
class Carrying:
    """
    Carries out what *prepare* writes into the journal.

    Attributes:
        counts: How the pictures stand before.
        only: The keys that are meant; None for the whole plan.
        board: How things stand; None until something may be bought.
        codes: What went wrong.
        owed: Ids of tasks that are paid for and that the journal may not know.
        stopped: Whether the buying ended before its end.
        hurried: Whether it was left at once, so that there is no time for an ending.
        seconds: How long it took.
    """

    settings: Settings
    folder: RunFolder
    terms: Terms
    counts: Counter[Status]
    prepare: Prepare
    only: Container[str] | None = None
    board: Board | None = field(default=None, init=False)
    codes: list[Exit] = field(factory=list, init=False)
    owed: dict[str, None] = field(factory=dict, init=False)
    stopped: bool = field(default=False, init=False)
    hurried: bool = field(default=False, init=False)
    seconds: float = field(default=0.0, init=False)

    async def make(self, interrupts: Interrupts) -> Exit:
        """Prepare, buy and save; the codes tell how it went."""
        journal = Journal(self.folder.journal)
        try:
            async with connected(
                self.settings,
                self.owed,
                journal=journal,
                polling=LearnedPolling(),
                **self.terms.options(),
            ) as client:
                await self.prepare(journal)
                await self._buy(client, journal, interrupts)
        except JournalError as error:  # before it began, or when it was closed
            if Exit.DISK not in self.codes:
                self._stopped_by(error)
        return Exit.DONE

    async def _buy(
        self, client: AsyncClient, journal: Journal, interrupts: Interrupts
    ) -> None:
        loop = asyncio.get_running_loop()
        before = overview_of(journal)
        funds = await balance(client)
        bulk = BulkRun(
            client,
            journal,
            self.folder,
            tell=lambda result: self._tell(result, progress),
            download=self.terms.download,
            only=self.only,
        )
        self.board = board = self._new_board(before, bulk.left_out(), loop.time())
        interrupts.collects = True
        try:
            with self.settings.console.progress(board.total, board.done) as progress:
                shown = self._shown(progress, client)
                with beating(shown, lambda: self._standing(client, interrupts, shown)):
                    await self._carry(bulk, client, interrupts)
        finally:
            self.seconds = loop.time() - board.begun
            self.stopped, self.hurried = interrupts.code is not None, interrupts.hurried
        self._why(bulk, client, interrupts)
        if interrupts.code is None:
            await self._tell_drift(client, funds, before)

    def _new_board(self, before: Overview, left_out: int, now: float) -> Board:
        return Board(
            counts=self.counts + Counter({Status.IN_FLIGHT: left_out}),
            before=before,
            cap=self.terms.cap,
            max_in_flight=self.terms.max_in_flight,
            begun=now,
        )

    async def _carry(
        self, bulk: BulkRun, client: AsyncClient, interrupts: Interrupts
    ) -> None:
        async with anyio.create_task_group() as watching:
            watching.start_soon(self._tell_stopping, client, interrupts)
            if self.terms.waits:
                await bulk.carry_on(interrupts.stop, self._tell_waiting)
            else:
                await bulk.carry_out(interrupts.stop)
            watching.cancel_scope.cancel()

    # --- telling, meanwhile --------------------------------------------------------

    def _tell(self, result: Result, progress: Progress) -> None:
        """Count a picture; tell programs of each, and people of what went wrong."""
        assert self.board is not None  # noqa: S101  (for the type checker)
        entry, error = result.entry, result.error
        ended = self.board.note(result)
        if error is not None and entry.status in (Status.OK, Status.IN_FLIGHT):
            self.codes.append(code_of(error))  # paid for, and not here
        if isinstance(error, JournalError) and entry.task_id is not None:
            self.owed[entry.task_id] = None
        if entry.status is Status.QUEUED:
            return  # what stopped it concerns all, and is told once
        self.settings.console.record("task", **_fields(entry, error))
        text = "" if error is None else _line(entry, error)
        if ended:
            progress.step(text, ok=error is None)
        elif error is not None:
            progress.say(printable(f"still {entry.status.replace('_', ' ')}: {text}"))

    def _shown(self, progress: Progress, client: AsyncClient) -> Progress:
        console, board = self.settings.console, self.board
        if not console.json or board is None:
            return progress
        loop = asyncio.get_running_loop()
        return _Recorded(
            lambda: console.record(
                "progress", **board.fields(client.stats(), loop.time())
            )
        )

    def _standing(
        self, client: AsyncClient, interrupts: Interrupts, progress: Progress
    ) -> str:
        assert self.board is not None  # noqa: S101  (for the type checker)
        stats = client.stats()
        lines = [*self.board.lines(stats, asyncio.get_running_loop().time())]
        if progress.pace is not None and progress.pace < 1:
            lines.append(
                "Ctrl-C leaves now; the same command resumes."
                if interrupts.stop.is_set()
                else "Ctrl-C stops the buying, and collects what is in flight."
            )
        return "\n".join(lines)

    async def _tell_stopping(self, client: AsyncClient, interrupts: Interrupts) -> None:
        await interrupts.stop.wait()
        if interrupts.code is None:
            return  # it stopped by itself, and says why
        text = stopping(client.stats().following, interrupts)
        self.settings.console.record("warning", message=text)
        self.settings.console.note(text)

    def _tell_waiting(self, seconds: float) -> None:
        self.settings.console.warn(
            "the spend limit or the balance is used up: nothing is bought for "
            f"{duration(seconds)}, then it is tried again. Ctrl-C stops."
        )

    # --- telling, in the end -------------------------------------------------------

    def _why(self, bulk: BulkRun, client: AsyncClient, interrupts: Interrupts) -> None:
        """Tell what ended the buying, if that was not its end."""
        if isinstance(bulk.stopped_by, BudgetExceededError):
            committed = client.stats().committed
            self._stopped_by(_over_the_limit(bulk.stopped_by, self.terms, committed))
        elif bulk.stopped_by is not None:
            self._stopped_by(bulk.stopped_by)
        elif bulk.not_sent is not None and not interrupts.stop.is_set():
            self._stopped_by(bulk.not_sent)

    def _stopped_by(self, error: AIVideoError) -> None:
        code, self.stopped = code_of(error), True
        self.codes.append(code)
        self.settings.console.error(error, code)

    async def _tell_drift(
        self, client: AsyncClient, funds: Decimal | None, before: Overview
    ) -> None:
        """Tell if the balance went another way than the price table says."""
        assert self.board is not None  # noqa: S101  (for the type checker)
        stats = client.stats()
        running = before.counts.get(Status.IN_FLIGHT) or self.board.carried
        if funds is None or running or stats.unknown or Exit.DISK in self.codes:
            return
        try:
            after = await balance(client)
        except AIVideoError:
            return
        self.settings.console.summary["balance"] = after
        due = stats.committed - before.spent - before.at_stake
        if after is not None and funds - after != due:
            self.settings.console.warn(
                f"the balance fell by {money.credits(funds - after)}, and by the price "
                f"table it would be {money.number(due)}. The price may have "
                "changed, or something else uses this account; see: aivideo price"
            )


class _Recorded(SilentProgress):
    """Puts how things stand on stdout, for programs."""

    pace: float | None = 30.0

    def __init__(self, record: Callable[[], None]) -> None:
        self._record = record

    def show(self, status: str) -> None:
        """Print one object."""
        self._record()


def stopping(paid: int, interrupts: Interrupts) -> str:
    """Tell what the first signal does."""
    count = "1 paid task is" if paid == 1 else f"{paid:,} paid tasks are"
    limit = "" if interrupts.drain is None else f", for {interrupts.drain:g} s at most"
    text = f"Stopping: nothing new is sent; {count} being collected{limit}."
    again = " Ctrl-C again leaves now;" if interrupts.code is Exit.INTERRUPTED else ""
    return f"{text}{again or ' Then'} the same command resumes."


def _line(entry: Entry, error: AIVideoError) -> str:
    """Tell in one line why there is no picture."""
    text = brief(error)
    if isinstance(error, JournalError) and entry.task_id is not None:
        text = f"paid for, and not written down yet: task {entry.task_id}"
    elif isinstance(error, DownloadError) and not isinstance(error, OutputExpiredError):
        text += "; the same command saves it"
    return f"{shortened(entry.key, 30)}  {text}"


def _over_the_limit(
    error: BudgetExceededError, terms: Terms, committed: Decimal
) -> BudgetExceededError:
    """Put into the command's own words that a picture would pass the limit."""
    if terms.cap is None or error.price is None:
        return error
    return BudgetExceededError(
        f"--max-cost {money.in_dollars(terms.cap)}: {money.credits(committed)} of the "
        "whole run are spent, in flight or unknown, and one more picture costs "
        f"{money.credits(error.price)}. It was not sent: raise --max-cost, and the same "
        "command goes on.",
        price=error.price,
    )


def _fields(entry: Entry, error: AIVideoError | None) -> dict[str, Any]:
    fields = asdict(entry)
    for name in ("created_at", "completed_at"):
        fields[name] = fields[name] and fields[name].isoformat()
    if error is not None and fields["error_message"] is None:
        fields["error_message"] = brief(error)
    return fields
