"""
What a program of yours would do: order many pictures, save each as it completes.

It is what ``aivideo demo`` runs. With a key, ``AsyncClient()`` in place of the
emulator's client is the one change that it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path

from aivideo_async import (
    AsyncClient,
    Backoff,
    Emulator,
    GenerationRequest,
    Outcome,
)
from aivideo_async.cli.page import Frame, Sheet
from aivideo_async.cli.progress import Progress
from aivideo_async.cli.shop import PHOTO, SHOTS, edit_of
from aivideo_async.emulator import Act, Entry, Ledger, Rule, Scenario

__all__ = ["TOTAL", "shoot"]

TOTAL = len(SHOTS) + 1  # and the edit
IN_FLIGHT = 4
POLLING = Backoff(initial=0.05, cap=0.5)  # in seconds: an emulated task is soon done

ONE_FAILS = Scenario(
    name="demo", rules=(Rule("create", Act(works=True, dooms=True), nth=10),)
)


async def shoot(folder: Path, progress: Progress, *, speed: float) -> Sheet:
    """
    Order the shop's shots, save each to *folder* as it completes, count the money.

    Raises:
        DownloadError: A picture could not be saved.
        AssertionError: Something was paid twice, or the sums disagree: a bug.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    frames: dict[int, Frame] = {}
    photo: asyncio.Future[str] = loop.create_future()
    async with (
        Emulator(ONE_FAILS, speed=speed) as emulator,
        emulator.client(max_in_flight=IN_FLIGHT, polling=POLLING) as client,
    ):
        before = await client.credits()
        async for outcome in client.generate_many(orders(photo)):
            if outcome.request.key == PHOTO:
                photo.set_result(outcome.unwrap().output.urls[0])
            picture = await save(client, outcome, folder)
            frame = frame_of(outcome, picture, loop.time() - begun)
            frames[outcome.index] = frame
            progress.step(line(frame), ok=outcome.ok, status=status(client, emulator))
        after = await client.credits()
        emulator.ledger.assert_clean()
    return Sheet(
        frames=tuple(sorted(frames.values(), key=place)),
        seconds=loop.time() - begun,
        in_flight=IN_FLIGHT,
        charged=total(emulator.ledger.charges),
        refunded=total(emulator.ledger.refunds),
        before=before.balance,
        after=after.balance,
    )
