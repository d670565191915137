"""
What ``aivideo image`` does: buy what was ordered, save each picture as it completes.

It buys through ``generate_many``, whose input ends with an error when the buying is
to stop: what was not sent is then withdrawn, and what was sent is collected.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path

import anyio
from attrs import define, field

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    GptImage2,
    NotSentError,
    Outcome,
    OutcomeUnknownError,
    Task,
    TaskFailedError,
)
from aivideo_async.cli import money
from aivideo_async.cli.connect import balance, connected
from aivideo_async.cli.console import error_fields
from aivideo_async.cli.exits import Exit, code_of, worst
from aivideo_async.cli.image.order import Order, total
from aivideo_async.cli.interrupts import DRAIN, Interrupts
from aivideo_async.cli.options import Settings
from aivideo_async.cli.progress import Progress, beating
from aivideo_async.cli.target import Target
from aivideo_async.cli.words import brief, record_of, shortened

__all__ = ["Purchase"]


class StoppedError(Exception):
    """Ends the input of a run: nothing more is to be bought."""


@define
class Purchase:
    """
    One order under way, and the account of what became of it.

    Attributes:
        outcomes: Of each request, in the order in which they came.
        owed: Ids of tasks that are paid for and not saved.
        paths: The files of each request that is saved.
        codes: What the failures are worth.
        stopped: Whether the buying ended early.
        withdrawn: How many requests were not sent because of that.
    """

    order: Order
    target: Target
    settings: Settings
    outcomes: list[Outcome] = field(factory=list, init=False)
    owed: dict[str, None] = field(factory=dict, init=False)
    paths: dict[int, list[Path]] = field(factory=dict, init=False)
    codes: list[Exit] = field(factory=list, init=False)
    stopped: bool = field(default=False, init=False)
    withdrawn: int = field(default=0, init=False)

    async def make(self, interrupts: Interrupts) -> Exit:
        """Buy, save, print the paths, and tell what it cost."""
        # One more than there are: room to hear that the buying stops.
        pool = len(self.order.requests) + 1
        client: AsyncClient | None = None
        try:
            async with connected(
                self.settings, self.owed, max_in_flight=pool
            ) as client:
                before = await balance(client)
                self._warn_if_short(before)
                interrupts.collects = True
                try:
                    await self._buy(client, interrupts)
                finally:
                    self._print_paths()
                self._tell_cost(before, await self._balance_after(client))
        finally:
            if client is not None:
                self._tell_end(client.stats().unknown)
        return worst(self.codes)

    async def _buy(self, client: AsyncClient, interrupts: Interrupts) -> None:
        """Buy everything; save what is there while the rest is being made."""
        requests = self._requests(interrupts)
        outcomes = client.generate_many(requests, timeout=self.order.timeout)
        with (
            self.settings.console.progress(len(self.order.requests)) as progress,
            beating(progress, lambda: self._standing(client)),
        ):
            async with anyio.create_task_group() as saving, aclosing(outcomes):
                try:
                    async for outcome in outcomes:
                        self._note(outcome, interrupts)
                        saving.start_soon(
                            self._finish, client, outcome, progress, interrupts
                        )
                except StoppedError:
                    pass  # what was not bought has an outcome that says so
                except AIVideoError as error:  # so has what it concerns
                    self.codes.append(code_of(error))

    async def _requests(self, interrupts: Interrupts) -> AsyncIterator[GptImage2]:
        """Hand out what to buy, and stay to the end, to be able to stop it."""
        for request in self.order.requests:
            if interrupts.stop.is_set():
                break
            yield request
        await interrupts.stop.wait()
        if len(self.outcomes) < len(self.order.requests):
            if interrupts.code is not None:
                self.settings.console.note(stopping(interrupts.code))
            self.stopped = True
            raise StoppedError

    def _note(self, outcome: Outcome, interrupts: Interrupts) -> None:
        """Keep the outcome, and the id for as long as its picture is not saved."""
        self.outcomes.append(outcome)
        if is_paid(outcome) and outcome.task is not None:
            self.owed[outcome.task.id] = None
        if len(self.outcomes) == len(self.order.requests):
            interrupts.stop.set()

    async def _finish(
        self,
        client: AsyncClient,
        outcome: Outcome,
        progress: Progress,
        interrupts: Interrupts,
    ) -> None:
        """Save the picture, or tell why there is none."""
        try:
            task = outcome.unwrap()
            paths = await client.download(task, self.target.folder)
        except AIVideoError as error:
            self._failed(outcome, error, progress)
            if code_of(error) is Exit.DISK:
                interrupts.stop.set()
        else:
            self._saved(outcome, task, self.target.place(paths), progress)

    def _saved(
        self, outcome: Outcome, task: Task, paths: list[Path], progress: Progress
    ) -> None:
        del self.owed[task.id]
        self.paths[outcome.index] = paths
        files = [str(path) for path in paths]
        self.settings.console.record(
            "task", index=outcome.index, **record_of(task), files=files
        )
        progress.step(line(outcome, money.credits(total([outcome.request]))))

    def _failed(
        self, outcome: Outcome, error: AIVideoError, progress: Progress
    ) -> None:
        code = code_of(error)
        self.codes.append(code)
        self.settings.console.record(
            "error", index=outcome.index, **error_fields(error, code)
        )
        if self.stopped and isinstance(error, NotSentError):
            self.withdrawn += 1  # counted; a line for each would say nothing new
            progress.step()
        else:
            progress.step(line(outcome, brief(error)), ok=False)

    # --- telling ------------------------------------------------------------------

    def _standing(self, client: AsyncClient) -> str:
        """Tell how things stand, while something is under way."""
        stats = client.stats()
        held = f", held back for {stats.held_for:.0f} s" if stats.held_for >= 1 else ""
        return (
            f"{stats.accepted - stats.completed - stats.failed} being made, "
            f"{stats.queued} not sent yet, "
            f"{len(self.paths)} saved{held}. "
            f"Ctrl-C {'leaves' if self.stopped else 'stops the buying'}."
        )

    def _warn_if_short(self, before: Decimal | None) -> None:
        if before is not None and before < self.order.price:
            self.settings.console.warn(
                f"the balance is {money.credits(before)}, which may not cover it all; "
                "what it does not cover is refused and costs nothing."
            )

    async def _balance_after(self, client: AsyncClient) -> Decimal | None:
        try:
            return await balance(client)
        except AIVideoError:
            return None  # the pictures are there; only the sum cannot be told

    def _tell_cost(self, before: Decimal | None, after: Decimal | None) -> None:
        """Tell what it really cost, and whether the table knew."""
        console = self.settings.console
        expected = total(o.request for o in self.outcomes if is_paid(o))
        if before is None or after is None:
            console.summary |= {"balance": after, "credits": None}
            console.note(
                "What it cost cannot be told, since the balance could not be read; by "
                f"the table {money.credits(expected)}"
            )
            return
        cost = before - after
        console.summary |= {"balance": after, "credits": cost}
        console.note(
            f"Cost {money.credits(cost)}; "
            f"balance {money.number(before)} -> {money.number(after)}"
        )
        if any(map(is_unknown, self.outcomes)):
            console.note(f"By the table, what is known cost {money.credits(expected)}")
        elif cost != expected:
            console.warn(
                f"by the price table it would be {money.number(expected)} credits. The "
                "price may have changed, or something else uses this account; "
                "see: aivideo price"
            )

    def _print_paths(self) -> None:
        """Print them in the order of the prompts."""
        for index in sorted(self.paths):
            for path in self.paths[index]:
                self.settings.console.result(str(path))

    def _tell_end(self, unknown: int) -> None:
        """Tell how many there are, and what nobody can know."""
        console, count = self.settings.console, len(self.order.requests)
        console.summary |= {
            "pictures": len(self.paths),
            "of": count,
            "unknown": unknown,
        }
        if len(self.paths) < count and count > 1:
            rest = f", {self.withdrawn} not bought" if self.withdrawn else ""
            console.note(f"{len(self.paths)} of {money.pictures(count)} saved{rest}")
        if unknown:
            console.warn(
                f"{money.pictures(unknown)} may have been paid for: sent, and the answer "
                "was lost. Not sent again; compare the balance before you buy anew."
            )


def is_paid(outcome: Outcome) -> bool:
    """Tell whether there is a task that was charged and not refunded."""
    return outcome.task is not None and not isinstance(outcome.error, TaskFailedError)


def is_unknown(outcome: Outcome) -> bool:
    """Tell whether nobody can know if it was charged."""
    return isinstance(outcome.error, OutcomeUnknownError)


def line(outcome: Outcome, text: str) -> str:
    """Tell of one picture in one line."""
    prompt = outcome.request.input.get("prompt") or "an edit"
    return f"{shortened(prompt, 30):<30}  {text}"


def stopping(code: Exit) -> str:
    """Tell what a first signal does."""
    text = "Stopping: nothing new is sent; what is paid for is being collected"
    if code is not Exit.INTERRUPTED:
        return f"{text}, for {DRAIN:.0f} seconds at most."
    return f"{text}. Ctrl-C again leaves now."
