"""A shop that orders pictures: its sheet, its folder, its clients, and what they say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from aivideo_async import AsyncClient, Emulator, EmulatorTransport
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.naming import NamePattern
from aivideo_async.bulk.overview import overview_of
from aivideo_async.bulk.plan import Selection, write_plan
from aivideo_async.bulk.run import BulkRun, Result, rows_of
from aivideo_async.bulk.sheet import open_sheet
from aivideo_async.journal import Journal, State
from aivideo_async.models.prices import Prices
from tests.client.world import STEADY

__all__ = ["Shop", "Visit"]


@define
class Visit:
    """
    One process: a client with its journal, and what its run tells.

    Attributes:
        client: Buys.
        journal: Keeps what was bought.
        run: Carries out the plan.
        results: What the run has told.
        until: Ends the buying.
    """

    client: AsyncClient
    journal: Journal
    run: BulkRun
    results: list[Result]
    until: asyncio.Event = field(factory=asyncio.Event)

    async def carry_out(self) -> None:
        """Buy what is to be bought."""
        await self.run.carry_out(self.until)

    async def stop_after(self, seconds: float) -> None:
        """Buy, but no more after so many seconds."""
        asyncio.get_running_loop().call_later(seconds, self.until.set)
        await self.carry_out()


@define
class Shop:
    """
    A shop with a sheet of so many mugs.

    Attributes:
        path: Where its run lies.
        emulator: The service; asked over HTTP once it is entered.
        mugs: How many rows the sheet has.
        first: The number of the first of them.
        name: What their files are called; None for what each is called by itself.
    """

    path: Path
    emulator: Emulator
    mugs: int
    first: int = 0
    name: str | None = None

    @property
    def folder(self) -> RunFolder:
        """Where the run lies."""
        return RunFolder(self.path)

    @asynccontextmanager
    async def visit(
        self, *, download: bool = False, **options: Any
    ) -> AsyncIterator[Visit]:
        """Begin as a new process does: take the journal, write the plan."""
        journal, results = Journal(self.folder.journal), list[Result]()
        async with self._client(journal, options) as client:
            await self._plan(journal)
            run = BulkRun(
                client, journal, self.folder, tell=results.append, download=download
            )
            yield Visit(client, journal, run, results)

    def _client(self, journal: Journal, options: dict[str, Any]) -> AsyncClient:
        common: dict[str, Any] = {"journal": journal, "polling": STEADY, "rate": 1e9}
        if self.emulator.url.startswith("http://127"):
            return self.emulator.client(**common | options)
        wire = EmulatorTransport(self.emulator)
        return AsyncClient(**common | {"transport": wire} | options)

    async def _plan(self, journal: Journal) -> None:
        sheet = self.path / "products.csv"
        numbers = range(self.first, self.first + self.mugs)
        lines = [f"MUG-{n},mug number {n}\n" for n in numbers]
        sheet.write_text("sku,prompt\n" + "".join(lines), "utf-8")
        with open_sheet(sheet) as rows:
            selection = Selection(pattern=NamePattern(self.name) if self.name else None)
            await write_plan(rows, selection, journal, Prices().of)

    # --- what came of it --------------------------------------------------------------

    @property
    def bought(self) -> int:
        """How many pictures were charged."""
        return len(self.emulator.ledger.charges)

    def states(self) -> Counter[State]:
        """Count in which states the rows are."""
        with Journal.reading(self.folder.journal) as known:
            return Counter(row.record.state for row in known.rows())

    def counts(self) -> dict[Status, int]:
        """Count how the rows stand, as people are told."""
        with Journal.reading(self.folder.journal) as known:
            return dict(overview_of(known).counts)

    def check(self) -> None:
        """Each charge is in the journal, by its id or among the unknown."""
        self.emulator.ledger.assert_clean()
        charged = {entry.task_id for entry in self.emulator.ledger.charges}
        with Journal.reading(self.folder.journal) as known:
            rows = [row.record for row in rows_of(known)]
        named = {record.task_id for record in rows if record.task_id is not None}
        unknown = sum(record.state is State.UNKNOWN for record in rows)
        assert named <= charged
        assert len(charged - named) <= unknown
