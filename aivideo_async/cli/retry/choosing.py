"""What ``aivideo retry`` does: choose, price, ask; then it is a run like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path

import click
from attrs import frozen

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.overview import overview_of
from aivideo_async.bulk.standing import is_transient, standing
from aivideo_async.cli import money
from aivideo_async.cli.exits import Exit, NotAgreedError, UnusableError, usage
from aivideo_async.cli.options import Settings
from aivideo_async.cli.plan.asked import run_in
from aivideo_async.cli.plan.screen import labelled
from aivideo_async.cli.run.agreement import agree
from aivideo_async.cli.run.carrying import Carrying
from aivideo_async.cli.run.ending import BAD
from aivideo_async.cli.run.running import finish, funds
from aivideo_async.cli.run.terms import Terms
from aivideo_async.cli.runs import release
from aivideo_async.journal import Journal, Reader, RowRecord, Seen
from aivideo_async.models.money import from_milli
from aivideo_async.models.text import printable

__all__ = ["Choice", "choose", "retry_rows"]

WHY_NOT = {
    Status.QUEUED: "is not bought yet: aivideo run does that",
    Status.IN_FLIGHT: "is in flight, and paid for: aivideo run collects it",
    Status.UNKNOWN: "may have been paid for: aivideo resolve settles that first",
    Status.SKIPPED: "was settled by aivideo resolve",
}
"""Why a picture cannot be retried, by how it stands."""


@frozen
class Choice:
    """
    What is to be bought again.

    Attributes:
        seen: How each picture stands, by its key, in the order of the sheet.
        cost: Credits, at most.
        committed: Credits that the run has spent, or has at stake, so far.
        done: How many of them are there already.
        counts: How all pictures of the run will stand then.
    """

    seen: Mapping[str, Seen]
    cost: Decimal
    committed: Decimal
    done: int
    counts: Counter[Status]

    async def release(self, journal: Journal) -> None:
        """
        Let them be bought again.

        Raises:
            UnusableError: One has changed since somebody was asked; nothing was sent.
        """
        await release(journal, self.seen)


def retry_rows(
    settings: Settings,
    path: Path,
    terms: Terms,
    *,
    every: bool,
    keys: Collection[str],
) -> int:
    """Choose, ask, buy, save, report; return the exit code."""
    folder = RunFolder(path)
    with usage():
        if run_in(folder) is None or not folder.has_journal:
            raise UnusableError(
                f"{printable(str(path))} holds no run: name the folder that aivideo run "
                "-o made."
            )
    left = funds(settings, folder)
    with usage(), Journal.reading(folder.journal) as known:
        choice = choose(known, every=every, keys=keys)
    if not choice.seen:
        settings.console.result(_nothing(every=every))
        return Exit.DONE
    _show(settings, choice, left)
    _agree_to_redo(settings, choice, terms)
    agree(settings.console, terms, choice.cost, choice.committed)
    only = frozenset(choice.seen)
    return finish(
        Carrying(settings, folder, terms, choice.counts, choice.release, only)
    )


def choose(known: Reader, *, every: bool, keys: Collection[str]) -> Choice:
    """
    Choose the rows that are meant.

    Args:
        known: The run's journal.
        every: Whether those that failed for good are meant, too.
        keys: What is meant instead, if there is any.

    Raises:
        UnusableError: One of *keys* is not there, or cannot be bought again.
    """
    counts = Counter(overview_of(known).counts)
    seen: dict[str, Seen] = {}
    cost, done = Decimal(0), 0
    for row in _meant(known, every=every, keys=keys):
        status = standing(row)
        seen[row.planned.key] = row.record.seen
        cost += from_milli(row.planned.price or 0)
        done += status is Status.OK
        counts[status] -= 1
        counts[Status.QUEUED] += 1
    return Choice(seen, cost, from_milli(known.committed()), done, counts)


def _meant(known: Reader, *, every: bool, keys: Collection[str]) -> Iterable[RowRecord]:
    if keys:
        return [_named(known, key) for key in dict.fromkeys(keys)]
    return _failed(known, every=every)


def _failed(known: Reader, *, every: bool) -> Iterator[RowRecord]:
    for row in known.rows():
        if standing(row) in BAD and (every or is_transient(row)):
            yield row


def _named(known: Reader, key: str) -> RowRecord:
    row = known.row(key)
    if row is None or row.position is None:
        raise UnusableError(
            f"{printable(key)!r} is no key of this run's last plan: manifest.csv lists "
            "the keys. Nothing was sent."
        )
    reason = WHY_NOT.get(standing(row))
    if reason is not None:
        raise UnusableError(f"{printable(key)} {reason}. Nothing was sent.")
    return row


def _nothing(*, every: bool) -> str:
    if every:
        return "Nothing failed: there is nothing to retry."
    return (
        "Nothing failed in a way that may go better now. See aivideo status; "
        "--all retries what failed for good."
    )


def _show(settings: Settings, choice: Choice, left: Decimal | None) -> None:
    console, count = settings.console, len(choice.seen)
    shown = ", ".join(map(printable, islice(choice.seen, 5)))
    more = f" and {count - 5:,} more" if count > 5 else ""
    console.screen(labelled("To retry", f"{money.pictures(count)}: {shown}{more}"))
    console.screen(labelled("Cost", f"{money.credits(choice.cost)} at most"))
    if left is not None:
        console.screen(labelled("Balance", money.credits(left)))
    console.record(
        "plan",
        pictures=count,
        to_buy=count,
        credits=choice.cost,
        dollars=money.in_dollars(choice.cost),
        estimate=True,
        balance=left,
        keys=[*choice.seen],
    )


def _agree_to_redo(settings: Settings, choice: Choice, terms: Terms) -> None:
    """Ask about what is there already: that is paid for twice."""
    if not choice.done or terms.yes:
        return
    verb = "picture is" if choice.done == 1 else "pictures are"
    text = f"{choice.done:,} {verb} there already, and paid for"
    if not settings.console.can_ask:
        raise NotAgreedError(f"{text}: add --yes to buy anew. Nothing was sent.")
    if not click.confirm(f"{text}. Buy anew?", err=True):
        raise NotAgreedError("not agreed to. Nothing was sent.")
