"""
What a program of yours would do: order many pictures, save each as it completes.

This is what ``aivideo demo`` runs. With a key, ``AsyncClient()`` in place of the
emulator's client is the one change that it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path

from aivideo_async import AsyncClient, Backoff, Emulator, GptImage2, Outcome
from aivideo_async.cli.demo.page import Frame, Sheet
from aivideo_async.cli.demo.shop import PHOTO, SHOTS, edit_of
from aivideo_async.cli.progress import Progress, beating
from aivideo_async.emulator import Act, Entry, Rule, Scenario

__all__ = ["TOTAL", "shoot"]

TOTAL = len(SHOTS) + 1  # and the edit
IN_FLIGHT = 4
RATE = 100.0  # requests per second; without it, the client would find out by itself
POLLING = Backoff(initial=0.1, cap=0.5)  # in seconds: an emulated task is soon done

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
    photo: asyncio.Future[str] = loop.create_future()
    frames = []
    async with (
        Emulator(ONE_FAILS, speed=speed) as emulator,
        emulator.client(max_in_flight=IN_FLIGHT, rate=RATE, polling=POLLING) as client,
    ):
        before = await client.credits()
        with beating(progress, lambda: standing(client, emulator)):
            async for outcome in client.generate_many(orders(photo)):
                if outcome.request.key == PHOTO:
                    photo.set_result(outcome.unwrap().output.urls[0])
                picture = await saved(outcome, client, folder) if outcome.ok else None
                frame = frame_of(outcome, picture, loop.time() - begun)
                frames.append(frame)
                progress.step(line(frame), ok=outcome.ok)
        after = await client.credits()
        emulator.ledger.assert_clean()
    return Sheet(
        frames=tuple(frames),
        seconds=loop.time() - begun,
        in_flight=IN_FLIGHT,
        before=before.balance,
        after=after.balance,
        charged=total(emulator.ledger.charges),
        refunded=total(emulator.ledger.refunds),
    )


async def orders(photo: asyncio.Future[str]) -> AsyncIterator[GptImage2]:
    """Ask for the shots one by one; the edit comes last, when its *photo* is there."""
    for shot in SHOTS:
        yield shot
    yield edit_of(await photo)


async def saved(outcome: Outcome, client: AsyncClient, folder: Path) -> Path:
    """Save the picture, and name it by its SKU instead of its task."""
    path, *_ = await client.download(outcome.unwrap(), folder)
    return path.replace(path.with_stem(outcome.request.key or path.stem))


def frame_of(outcome: Outcome, picture: Path | None, seconds: float) -> Frame:
    """Collect what the contact sheet shows of *outcome*."""
    request, failure = outcome.request, str(outcome.error or "")
    if outcome.task and outcome.task.error:
        failure = f"{outcome.task.error.code}: {outcome.task.error.message}"
    return Frame(
        number=outcome.index + 1,
        key=request.key or "",
        prompt=request.input["prompt"],
        ratio=request.input["aspect_ratio"],
        reference=PHOTO if "image_urls" in request.input else "",
        credits=request.price or Decimal(0),
        seconds=seconds,
        picture=picture,
        failure=failure,
    )


def line(frame: Frame) -> str:
    """Tell of *frame* in one line."""
    result = f"{frame.credits} credits"
    if frame.failure:
        result = f"refunded, {frame.failure}"
    return f"{frame.key:<15}  {frame.ratio}  {frame.seconds:4.1f} s  {result}"


def standing(client: AsyncClient, emulator: Emulator) -> str:
    """Tell how the money stands, and how many tasks run."""
    charged, refunded = total(emulator.ledger.charges), total(emulator.ledger.refunds)
    return (
        f"{charged} credits charged, {refunded} refunded, "
        f"{client.stats().in_flight} of {IN_FLIGHT} in flight. Ctrl-C stops."
    )


def total(entries: Iterable[Entry]) -> Decimal:
    """Add up *entries*, in credits."""
    return sum((entry.credits for entry in entries), Decimal(0))
