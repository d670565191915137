"""What is killed: a bulk run in a process of its own, by the library or the command."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from aivideo_async import AsyncClient, Backoff
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.plan import Selection, write_plan
from aivideo_async.bulk.run import BulkRun
from aivideo_async.bulk.sheet import open_sheet
from aivideo_async.cli.app import run as aivideo
from aivideo_async.cli.exits import Exit
from aivideo_async.emulator.core import API_KEY
from aivideo_async.journal import Journal
from aivideo_async.models.prices import Prices

__all__ = [
    "CONNECTIONS",
    "RUN",
    "SHEET",
    "buy",
    "buy_and_save",
    "buy_slowly",
    "command",
]

CONNECTIONS = 64
"""How many creates can be on the wire when it dies."""

SHEET = "products.csv"
RUN = "run"

QUICK = Backoff(initial=0.05, factor=1.0, cap=0.05, jitter=0.0)


def buy(url: str, folder: str) -> None:
    """Buy what the sheet in *folder* asks for, and save nothing."""
    asyncio.run(_carry_out(url, Path(folder)))


def buy_and_save(url: str, folder: str) -> None:
    """Buy what the sheet in *folder* asks for, and save each picture."""
    asyncio.run(_carry_out(url, Path(folder), download=True, in_flight=24))


def buy_slowly(url: str, folder: str) -> None:
    """Buy what the sheet in *folder* asks for, at a pace that is learned."""
    asyncio.run(_carry_out(url, Path(folder), rate=None))


def command(url: str, folder: str) -> None:
    """Do what ``aivideo run`` does; unknown outcomes are no failure here."""
    os.environ |= {"AIVIDEOAPI_BASE_URL": url, "AIVIDEOAPI_API_KEY": API_KEY}
    os.chdir(folder)
    words = ["run", SHEET, "-o", RUN, "--yes", "--quiet", "-c", "80", "--rate", "2000"]
    code = aivideo(words)
    sys.exit(0 if code in (Exit.DONE, Exit.UNKNOWN) else code)


async def _carry_out(
    url: str,
    path: Path,
    *,
    download: bool = False,
    rate: float | None = 1e9,
    in_flight: int = 80,
) -> None:
    logging.getLogger("aivideo_async").setLevel(logging.ERROR)
    folder = RunFolder(path / RUN)
    folder.path.mkdir(exist_ok=True)
    journal = Journal(folder.journal)
    client = AsyncClient(
        API_KEY,
        base_url=url,
        journal=journal,
        max_connections=CONNECTIONS,
        max_in_flight=in_flight,
        polling=QUICK,
        rate=rate,
    )
    async with client:
        with open_sheet(path / SHEET) as sheet:
            await write_plan(sheet, Selection(), journal, Prices().of)
        run = BulkRun(client, journal, folder, tell=lambda _: None, download=download)
        await run.carry_out(asyncio.Event())
    if run.stopped_by is not None:
        raise run.stopped_by
