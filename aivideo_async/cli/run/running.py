"""What ``aivideo run`` does: plan, ask, begin; and the end, also of ``retry``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from attrs import evolve, frozen

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.plan import Plan, write_plan
from aivideo_async.cli import interrupts
from aivideo_async.cli.connect import balance, connected
from aivideo_async.cli.exits import DiskError, Exit, UnusableError, usage, worst
from aivideo_async.cli.options import Settings
from aivideo_async.cli.plan.asked import Asked, price_of
from aivideo_async.cli.plan.planning import asking, check
from aivideo_async.cli.plan.screen import lines, record_of
from aivideo_async.cli.run.agreement import SAMPLE, Answer, agree
from aivideo_async.cli.run.carrying import Carrying
from aivideo_async.cli.run.ending import codes_of, ending_of
from aivideo_async.cli.run.terms import Terms
from aivideo_async.cli.runs import release
from aivideo_async.journal import Journal
from aivideo_async.models.text import printable

__all__ = ["finish", "funds", "run_sheet"]

OTHER_KEY = (
    "this run began with another API key. If that is another account's, what it has in "
    "flight is not found: use its key, or another folder. Nothing was sent yet."
)


def run_sheet(
    settings: Settings,
    source: str,
    output: Path,
    terms: Terms,
    on_changed: str,
    about: Mapping[str, Any],
) -> int:
    """Plan, ask, buy, save, report; return the exit code."""
    with asking(source, output, about) as asked:
        folder = RunFolder(output)
        order = _agreed(settings, asked, folder, terms, on_changed)
        if not order.plan.total:
            settings.console.note("Nothing was sent.")
            return Exit.DONE
        with writing(folder), usage():
            folder.begin(asked.run_settings())
        carrying = Carrying(settings, folder, terms, order.plan.counts, order.write)
        return finish(carrying)


@frozen
class _Order:
    """What is to be done, agreed to."""

    asked: Asked
    plan: Plan
    sheet_sha256: str

    async def write(self, journal: Journal) -> None:
        """Write it into the journal; the sheet has to be the one that was agreed to."""
        await release(journal, self.plan.released)
        with usage():
            await write_plan(self.asked.sheet, self.asked.selection, journal, price_of)
        if self.asked.sheet.sha256() != self.sheet_sha256:
            raise UnusableError(
                f"{printable(self.asked.sheet.name)} was changed while it was read: run "
                "this again. Nothing was sent."
            )


def _agreed(
    settings: Settings, asked: Asked, folder: RunFolder, terms: Terms, on_changed: str
) -> _Order:
    """Show what there is to do and what it costs, until somebody agrees."""
    sha256, plan = asked.sheet.sha256(), asked.plan()
    if plan.problems.error_count:
        _show(settings, asked, plan, None)
        check(asked.sheet.name, plan)
    left = funds(settings, folder)
    if plan.counts[Status.IN_FLIGHT]:  # what a dead process left has become unknown
        plan = asked.plan()
    if plan.changed and _redoes(settings, plan, terms, on_changed):
        asked = evolve(asked, selection=evolve(asked.selection, redo=True))
        plan = asked.plan()
    _show(settings, asked, plan, left)
    if _agree(settings, plan, terms, many=plan.to_buy > 2 * SAMPLE) is Answer.SAMPLE:
        asked = asked.sampled(SAMPLE, plan.to_buy)
        plan = asked.plan()
        _show(settings, asked, plan, left)
        _agree(settings, plan, terms, many=False)
    return _Order(asked, plan, sha256)


def _agree(settings: Settings, plan: Plan, terms: Terms, *, many: bool) -> Answer:
    """Ask, if there is anything to buy."""
    if not plan.to_buy:
        return Answer.ALL
    console = settings.console
    return agree(console, terms, plan.cost, plan.committed, sample=many)


def _show(
    settings: Settings, asked: Asked, plan: Plan, balance: Decimal | None
) -> None:
    source = asked.sheet.name
    settings.console.screen(lines(source, plan, balance))
    settings.console.record("plan", **record_of(source, plan, balance))


def _redoes(settings: Settings, plan: Plan, terms: Terms, on_changed: str) -> bool:
    """Find out whether to buy anew what was bought and has another row now."""
    if on_changed != "ask":
        return on_changed == "redo"
    count = len(plan.changed)
    rows = "1 row asks" if count == 1 else f"{count:,} rows ask"
    text = f"{rows} for something else than was bought"
    if terms.yes or not settings.console.can_ask:
        settings.console.record(
            "warning", message=f"{text}: kept; --on-changed redo buys anew."
        )
        return False
    settings.console.note(f"{text}: {', '.join(map(printable, plan.changed[:5]))} ...")
    return click.confirm("Buy these anew, and pay again?", err=True)


def funds(settings: Settings, folder: RunFolder) -> Decimal | None:
    """
    Read the balance, and let the journal take in what a dead process left.

    Raises:
        UnusableError: Another process is carrying out this run.
    """
    journal = Journal(folder.journal) if folder.journal.exists() else None
    found: Decimal | None = None

    async def read(_: interrupts.Interrupts) -> Exit:
        nonlocal found
        async with connected(settings, journal=journal) as client:
            found = await balance(client)
        if journal is not None and journal.other_key:
            settings.console.warn(OTHER_KEY)
        return Exit.DONE

    code = interrupts.run(read, collects=False)
    if code is not Exit.DONE:
        raise click.exceptions.Exit(code)
    return found


@contextmanager
def writing(folder: RunFolder) -> Iterator[None]:
    """Say what is wrong with the disk, if the folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{printable(str(folder.path))} cannot be written: {error.strerror}. "
            "Nothing was sent."
        ) from None


def finish(carrying: Carrying) -> int:
    """Carry it out, write the report, and tell how it ended; return the exit code."""
    console, folder, terms = carrying.settings.console, carrying.folder, carrying.terms
    code = interrupts.run(carrying.make, collects=False, drain=terms.drain)
    board, codes = carrying.board, carrying.codes
    if board is None:
        return code or worst(codes)
    if carrying.hurried:
        console.note(
            "Left at once. What was bought is in the journal; the same command collects it."
        )
        return code
    try:
        ending = ending_of(folder, terms.cap)
    except DiskError as error:
        console.error(error, Exit.DISK)
        return code or worst([*codes, Exit.DISK])
    for line in ending.lines(board, carrying.seconds, stopped=carrying.stopped):
        console.result(line)
    console.summary |= ending.fields(board, carrying.seconds)
    return code or worst([*codes, *codes_of(ending.overview)])
