"""
``aivideo demo``: a dozen product shots on one page, without a key or a network.

The command keeps to a folder of its own: it refuses one that holds anything else, and
replaces nothing but what an earlier demo made.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from aivideo_async import DownloadError
from aivideo_async.cli.page import DOLLARS_PER_CREDIT, Sheet, render
from aivideo_async.cli.progress import progress_of
from aivideo_async.cli.shoot import TOTAL, shoot
from aivideo_async.cli.shop import SHOTS
from aivideo_async.models.wire import printable

__all__ = ["demo"]

# Marks the folder as ours, and keeps a checkout around it clean.
MARK = "# A folder of `aivideo demo`, which replaces the files that it made.\n*\n"

SUMMARY = """
{sheet.pictures} pictures and {sheet.failures} failure in {sheet.seconds:.1f} s, \
at most {sheet.in_flight} in flight.

Money     {sheet.spent} credits: {sheet.charged} charged, {sheet.refunded} refunded, \
{sheet.before} -> {sheet.after}
          charged once each: yes. It was the emulator: no picture was bought.
Pictures  {pictures}
Page      {page}

Next, in your own code, as free and offline as this. Start
    {python} -m asyncio
and paste
    from aivideo_async import Emulator, GptImage2
    async with Emulator() as emulator, emulator.client() as client:
        task = await client.generate(GptImage2("a red mug on a white table"))
        print(await client.download(task, "."))

With a key it is the same, for {price} credits (about ${dollars:.3f}):
    export AIVIDEOAPI_API_KEY=sk-...
    {python} -m asyncio
and paste
    from aivideo_async import AsyncClient, GptImage2
    async with AsyncClient() as client:
        task = await client.generate(GptImage2("a red mug on a white table"))
        print(await client.download(task, "."))
"""


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
    click.echo(f"{TOTAL} product shots from an emulator on this machine", err=True)
    try:
        with progress_of(TOTAL) as progress:
            sheet = asyncio.run(shoot(folder / "pictures", progress, speed=speed))
    except DownloadError as error:
        raise DiskError(str(error)) from None
    with writing(folder):
        page = folder / "index.html"
        page.write_text(render(sheet, folder), "utf-8")
    click.echo(summary(sheet, folder))


def claim(folder: Path) -> None:
    """
    Make *folder* the demo's own.

    Raises:
        click.UsageError: It holds what no demo made.
    """
    mark = folder / ".gitignore"
    folder.mkdir(parents=True, exist_ok=True)
    ours = mark.is_file() and mark.read_text("utf-8", "replace") == MARK
    if any(folder.iterdir()) and not ours:
        raise click.UsageError(
            f"{printable(str(folder))} holds other files: name a new or empty folder."
        )
    mark.write_text(MARK, "utf-8")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what is wrong with the disk, if it cannot be written."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{printable(str(folder))} cannot be written: {error.strerror}."
        ) from None


def summary(sheet: Sheet, folder: Path) -> str:
    """Tell what was made, where it lies, and what to do next."""
    price = SHOTS[0].price or 0
    return SUMMARY.format(
        sheet=sheet,
        price=price,
        dollars=price * DOLLARS_PER_CREDIT,
        pictures=(folder / "pictures").as_uri(),
        page=(folder / "index.html").as_uri(),
        python=shlex.quote(_python()),
    )


def _python() -> str:
    """Name this interpreter as shortly as works here."""
    python, here = Path(sys.executable), Path.cwd()
    return str(python.relative_to(here) if python.is_relative_to(here) else python)
