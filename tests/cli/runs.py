"""
Runs for the commands that look at one: made by bulk itself.

As a program it carries out a sheet until it is done or killed, at the address and with
the key of its environment: ``python -m tests.cli.runs SHEET FOLDER``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aivideo_async import AsyncClient, Backoff
from aivideo_async.bulk.folder import RunFolder, RunSettings
from aivideo_async.bulk.plan import Selection, write_plan
from aivideo_async.bulk.run import BulkRun, refresh
from aivideo_async.bulk.sheet import open_sheet
from aivideo_async.emulator import Emulator
from aivideo_async.journal import Journal
from aivideo_async.models.prices import Prices

__all__ = ["bought", "sheet_of"]

FAST = Backoff(initial=0.02, cap=0.1)


def sheet_of(folder: Path, *prompts: str) -> Path:
    """Write a sheet whose rows are called A, B and so on."""
    path = folder / "products.csv"
    rows = [f"{chr(65 + number)},{prompt}" for number, prompt in enumerate(prompts)]
    path.write_text("\n".join(["sku,prompt", *rows, ""]), "utf-8")
    return path


def journal_in(run: Path) -> Journal:
    """Make the folder of a run, and the journal in it."""
    run.mkdir(parents=True, exist_ok=True)
    return Journal(RunFolder(run).journal)


async def carry_out(
    client: AsyncClient, journal: Journal, path: Path, run: Path
) -> None:
    """Carry out the sheet at *path* in the folder *run*, or go on with it."""
    folder = RunFolder(run)
    with open_sheet(path) as sheet:
        settings = RunSettings(
            sheet=path.name, sheet_sha256=sheet.sha256(), prices="2026-04"
        )
        folder.begin(settings)
        async with client:
            await write_plan(sheet, Selection(), journal, Prices().of)
            bulk = BulkRun(client, journal, folder, tell=lambda result: None)
            await bulk.carry_out(asyncio.Event())
    refresh(folder)


async def bought(
    emulator: Emulator, run: Path, *prompts: str, sheet: Path | None = None
) -> Path:
    """Carry out a *sheet*, or one of these *prompts*, against *emulator*."""
    journal = journal_in(run)
    client = emulator.client(journal=journal, polling=FAST)
    sheet = sheet or sheet_of(run.parent, *prompts)
    await carry_out(client, journal, sheet, run)
    return run


async def main(sheet: str, run: str) -> None:
    """Carry out a sheet, at the environment's address."""
    journal = journal_in(Path(run))
    client = AsyncClient(journal=journal, polling=FAST)
    await carry_out(client, journal, Path(sheet), Path(run))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
