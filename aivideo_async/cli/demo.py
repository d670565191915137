"""
``aivideo demo``: a dozen product shots on one page, without a key or a network.

It starts the emulator on this machine, orders the shop's shots from it and leaves a
folder with the pictures and a contact sheet. `shoot` is how a program of yours would do
it; with a key, ``AsyncClient()`` in place of the emulator's client is the one change.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import click

from aivideo_async import AsyncClient, Backoff, DownloadError, Emulator, Outcome
from aivideo_async.cli.page import Frame, Sheet, render
from aivideo_async.cli.progress import Progress, progress_of
from aivideo_async.cli.shop import PHOTO, SHOTS, edit_of
from aivideo_async.emulator import Act, Entry, Rule, Scenario
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.wire import printable

__all__ = ["demo", "shoot"]

TOTAL = len(SHOTS) + 1  # and an edit
IN_FLIGHT = 4
POLLING = Backoff(initial=0.05, cap=0.5)  # in seconds: an emulated task is soon done

ONE_FAILS = Scenario(
    name="demo", rules=(Rule("create", Act(works=True, dooms=True), nth=10),)
)

MARK = "# This folder is of `aivideo demo`, which replaces the files in it.\n*\n"

NEXT = """
Next, in your own code, still free and offline: start
    {python} -m asyncio
and paste
    from aivideo_async import Emulator, GptImage2
    async with Emulator() as emulator, emulator.client() as client:
        task = await client.generate(GptImage2("a red mug on a white table"))
        print(await client.download(task, "."))

With a key it is the same, and costs {price} credits (about ${dollars:.3f}):
    export AIVIDEOAPI_API_KEY=sk-...
    {python} -m asyncio
and paste
    from aivideo_async import AsyncClient, GptImage2
    async with AsyncClient() as client:
        task = await client.generate(GptImage2("a red mug on a white table"))
        print(await client.download(task, "."))"""


class DiskError(click.ClickException):
    """The disk is full or not writable."""

    exit_code = 8


@click.command
@click.argument(
    "folder",
    metavar="[DIR]",
    default="aivideo-demo",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option(
    "--speed",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many times faster than in reality the emulator works.",
)
def demo(folder: Path, speed: int) -> None:
    """
    Make sample product shots offline: no key, no network, no cost.

    An emulator on this machine makes twelve; one is an edit, and one fails. DIR
    (./aivideo-demo by default) must be new, empty, or from an earlier demo, whose
    files are replaced.
    """
    folder = folder.absolute()
    with writing(folder):
        claim(folder)
    say(f"{TOTAL} product shots from an emulator: no key, no network, no cost.")
    try:
        with progress_of(TOTAL) as progress:
            sheet = asyncio.run(shoot(folder / "pictures", progress, speed=speed))
    except KeyboardInterrupt:
        say("Stopped; what was ready is saved. The same command starts anew.")
        raise
    except DownloadError as error:
        raise DiskError(str(error)) from None
    page = folder / "index.html"
    with writing(folder):
        page.write_text(render(sheet, folder), "utf-8")
    click.echo(summary(sheet, page))


# --- what a program of yours would do ------------------------------------------------


async def shoot(folder: Path, progress: Progress, *, speed: float) -> Sheet:
    """
    Order the shop's shots, save each as it completes, and count the money.

    Raises:
        AssertionError: Something was paid twice, or the sums disagree: a bug.
    """
    loop = asyncio.get_running_loop()
    begun, frames = loop.time(), dict[int, Frame]()
    photo: asyncio.Future[str] = loop.create_future()
    async with (
        Emulator(ONE_FAILS, speed=speed) as emulator,
        emulator.client(max_in_flight=IN_FLIGHT, polling=POLLING) as client,
    ):
        before = await client.credits()
        async for outcome in client.generate_many(orders(photo)):
            if outcome.request.key == PHOTO:
                photo.set_result(outcome.unwrap().output.urls[0])
            frame = await developed(client, outcome, folder, loop.time() - begun)
            frames[outcome.index] = frame
            progress.step(line(frame), ok=outcome.ok, status=...)
        after = await client.credits()
        emulator.ledger.assert_clean()
    return Sheet(...)
