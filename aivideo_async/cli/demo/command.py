"""
What ``aivideo demo`` takes, where it writes, and what it says at its end.

The command keeps to a folder of its own: it refuses one that holds anything else, and
replaces nothing but what an earlier demo made.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivideo_async.cli.exits import DiskError, Exit
from aivideo_async.cli.interrupts import run
from aivideo_async.cli.options import Command, Settings, pass_settings
from aivideo_async.errors import DownloadError

if TYPE_CHECKING:
    from aivideo_async.cli.demo.page import Sheet

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


@click.command(cls=Command, epilog="aivideo demo\naivideo demo shop --speed 1")
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
@pass_settings
def demo(settings: Settings, /, folder: Path, speed: int) -> int:
    """
    Make sample product shots offline: no key, no network, no cost.

    An emulator on this machine makes twelve; one is an edit, and one fails. DIR
    (./aivideo-demo by default) must be new, empty, or from an earlier demo, whose
    files are replaced.
    """
    folder = folder.absolute()
    with writing(folder):
        claim(folder)
    return run(lambda _: show(settings, folder, speed), collects=False)


async def show(settings: Settings, folder: Path, speed: int) -> Exit:
    """Shoot, write the page, and tell the sums."""
    from aivideo_async.cli.demo.page import render
    from aivideo_async.cli.demo.shoot import TOTAL, shoot

    console = settings.console
    console.note(f"{TOTAL} product shots from an emulator on this machine")
    try:
        with console.progress(TOTAL) as progress:
            sheet = await shoot(folder / "pictures", progress, speed=speed)
    except DownloadError as error:
        raise DiskError(str(error)) from None
    page = folder / "index.html"
    with writing(folder):
        page.write_text(render(sheet, folder), "utf-8")
    console.result(summary(sheet, folder))
    console.summary = {
        "pictures": sheet.pictures,
        "failures": sheet.failures,
        "charged": sheet.charged,
        "refunded": sheet.refunded,
        "page": str(page),
    }
    return Exit.DONE


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
        from aivideo_async.models.text import printable

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
        from aivideo_async.models.text import printable

        raise DiskError(
            f"{printable(str(folder))} cannot be written: {error.strerror}."
        ) from None


def summary(sheet: Sheet, folder: Path) -> str:
    """Tell what was made, where it lies, and what to do next."""
    from aivideo_async.cli.demo.shop import SHOTS
    from aivideo_async.cli.money import DOLLARS_PER_CREDIT

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
