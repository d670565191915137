"""
A bulk run as ``aivideo run`` makes it, twice: the second sheet buys only what is new.

The API is an emulator on this machine, which knows what was charged and for what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import anyio.to_thread
from attrs import frozen

from aivideo_async import AsyncClient, Backoff, Emulator
from aivideo_async.bulk.folder import RunFolder, RunSettings
from aivideo_async.bulk.overview import Overview, overview_of
from aivideo_async.bulk.plan import Selection, make_plan, write_plan
from aivideo_async.bulk.run import BulkRun, Result, refresh
from aivideo_async.bulk.sheet import Sheet, open_sheet
from aivideo_async.cli import money
from aivideo_async.cli.console import Console
from aivideo_async.cli.demo.shop import PHOTO, SHOTS, edits, products
from aivideo_async.cli.progress import Progress, beating
from aivideo_async.emulator import Act, Entry, Rule, Scenario
from aivideo_async.journal import Journal
from aivideo_async.models.prices import Prices

__all__ = ["IN_FLIGHT", "TOTAL", "Account", "shoot"]

TOTAL = len(SHOTS) + 1  # and the edit
IN_FLIGHT = 4
RATE = 100.0  # requests per second; without it, the client would find out by itself
POLLING = Backoff(initial=0.1, cap=0.5)  # in seconds: an emulated task is soon done

ONE_FAILS = Scenario(
    name="demo", rules=(Rule("create", Act(works=True, dooms=True), nth=8),)
)


@frozen(kw_only=True)
class Account:
    """
    What the run came to.

    Attributes:
        overview: How many pictures stand how.
        seconds: From the first request to the last file.
        before: The balance at the start, in credits.
        after: The balance at the end.
        charged: Credits taken, by the emulator's own ledger.
        refunded: Credits given back.
    """

    overview: Overview
    seconds: float
    before: Decimal
    after: Decimal
    charged: Decimal
    refunded: Decimal


async def shoot(folder: RunFolder, console: Console, *, speed: float) -> Account:
    """
    Make the pictures of both sheets in *folder*, and count the money.

    Raises:
        DownloadError: A picture could not be saved.
        AssertionError: Something was paid twice, or the sums disagree: a bug.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    journal = Journal(folder.journal)
    async with (
        Emulator(ONE_FAILS, speed=speed) as emulator,
        emulator.client(
            max_in_flight=IN_FLIGHT, rate=RATE, polling=POLLING, journal=journal
        ) as client,
    ):
        before = await client.credits()
        with console.progress(TOTAL) as progress:
            desk = Desk(client, emulator, journal, folder, console, progress)
            await desk.carry_out("products.csv", products())
            await desk.carry_out("edits.csv", edits(desk.address_of(PHOTO)))
        after = await client.credits()
        emulator.ledger.assert_clean()
        overview = overview_of(journal)
    await anyio.to_thread.run_sync(refresh, folder)
    return Account(
        overview=overview,
        seconds=loop.time() - begun,
        before=before.balance,
        after=after.balance,
        charged=total(emulator.ledger.charges),
        refunded=total(emulator.ledger.refunds),
    )


@frozen
class Desk:
    """What both sheets are carried out with."""

    client: AsyncClient
    emulator: Emulator
    journal: Journal
    folder: RunFolder
    console: Console
    progress: Progress

    async def carry_out(self, name: str, text: str) -> None:
        """Write a sheet, plan it, and make those of its pictures that are not there."""
        path = self.folder.path / name
        path.write_text(text, "utf-8")
        with open_sheet(path) as sheet:
            self._begin(path, sheet)
            await write_plan(sheet, Selection(), self.journal, Prices().of)
        run = BulkRun(self.client, self.journal, self.folder, tell=self._tell)
        with beating(self.progress, self._standing):
            await run.carry_out(asyncio.Event())
        if run.stopped_by is not None:
            raise run.stopped_by

    def _begin(self, path: Path, sheet: Sheet) -> None:
        """Tell what is to be bought, and fix what counts for the whole run."""
        plan = make_plan(sheet, Selection(), self.journal, Prices().of)
        self.console.note(
            f"{path.name}: {money.pictures(plan.total)}, {plan.to_buy} to buy for "
            f"{money.number(plan.cost)} credits"
        )
        dated = money.tables()[0]["dated"]
        self.folder.begin(
            RunSettings(sheet=str(path), sheet_sha256=sheet.sha256(), prices=dated)
        )

    def address_of(self, key: str) -> str:
        """Return where the service keeps a picture, as the manifest tells it."""
        record = self.journal.find(key)
        assert record is not None  # noqa: S101  (it was just made)
        url: str = (record.answer or {})["output"]["urls"][0]
        return url

    def _tell(self, result: Result) -> None:
        """Tell of a picture in one line."""
        entry = result.entry
        text = f"{entry.credits} credits"
        if result.error is not None:
            text = f"refunded, {entry.error_code}: {entry.error_message}"
        self.progress.step(
            f"{entry.key:<15}  {entry.aspect_ratio}  {text}", ok=result.error is None
        )

    def _standing(self) -> str:
        """Tell how the money stands, and how many tasks run."""
        ledger = self.emulator.ledger
        return (
            f"{total(ledger.charges)} credits charged, {total(ledger.refunds)} "
            f"refunded, {self.client.stats().in_flight} of {IN_FLIGHT} in flight. "
            "Ctrl-C stops."
        )


def total(entries: Iterable[Entry]) -> Decimal:
    """Add up *entries*, in credits."""
    return sum((entry.credits for entry in entries), Decimal(0))
