"""What ``aivideo demo`` takes, and what it says at its end."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivideo_async.cli.exits import DiskError, Exit
from aivideo_async.cli.interrupts import run
from aivideo_async.cli.options import Command, Settings, pass_settings
from aivideo_async.errors import DownloadError

if TYPE_CHECKING:
    from aivideo_async.bulk.contact import NextStep
    from aivideo_async.bulk.folder import RunFolder
    from aivideo_async.cli.demo.shoot import Account

__all__ = ["demo"]

SUMMARY = """
{pictures} pictures and {failures} failure in {account.seconds:.1f} s, \
at most {in_flight} in flight.

Money     {spent} credits: {account.charged} charged, {account.refunded} refunded, \
{account.before} -> {account.after}
          charged once each: yes. It was the emulator: no picture was bought.
Pictures  {images}
Page      {page}

Next
{steps}
In your own code, as free and offline as this. Start
    {python} -m asyncio
and paste
    from aivideo_async import Emulator, GptImage2
    async with Emulator() as emulator, emulator.client() as client:
        task = await client.generate(GptImage2("a red mug on a white table"))
        print(await client.download(task, "."))
"""


NOTE = """\
Made by an emulator on this machine: no picture was bought. By its ledger each was charged
once, and what failed was refunded."""


@click.command(cls=Command, epilog="aivideo demo\naivideo demo shop --speed 1")
@click.argument(
    "path",
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
def demo(settings: Settings, /, path: Path, speed: int) -> int:
    """
    Make sample product shots offline: no key, no network, no cost.

    A bulk run of twelve pictures, made by an emulator on this machine; one is an edit,
    and one fails. DIR (./aivideo-demo by default) must be new, empty, or from an
    earlier demo, whose files are replaced.
    """
    from aivideo_async.bulk.folder import RunFolder
    from aivideo_async.cli.demo.ground import claim, writing

    folder = RunFolder(path.absolute())
    with writing(folder):
        claim(folder)
    return run(lambda _: show(settings, folder, path, speed), collects=False)


async def show(settings: Settings, folder: RunFolder, path: Path, speed: int) -> Exit:
    """Shoot, make the contact sheet, and tell the sums."""
    from aivideo_async.bulk.manifest import Status
    from aivideo_async.cli.demo.ground import writing
    from aivideo_async.cli.demo.shoot import TOTAL, shoot

    console = settings.console
    console.note(f"{TOTAL} product shots from an emulator on this machine")
    try:
        with writing(folder):
            account = await shoot(folder, console, speed=speed)
            steps = [*next_steps(path)]
            report(folder, account, steps)
    except DownloadError as error:
        raise DiskError(str(error)) from None
    console.result(summary(folder, account, steps))
    counts = account.overview.counts
    console.summary = {
        "pictures": counts[Status.OK],
        "failures": counts[Status.FAILED],
        "charged": account.charged,
        "refunded": account.refunded,
        "page": str(folder.report()),
    }
    return Exit.DONE


def report(folder: RunFolder, account: Account, steps: list[NextStep]) -> None:
    """Write the page that shows all pictures."""
    from aivideo_async.bulk.contact import Summary, write_report
    from aivideo_async.bulk.run import rows_of
    from aivideo_async.bulk.standing import entry_of
    from aivideo_async.cli.money import tables
    from aivideo_async.journal import Journal

    about = Summary(
        title=f"{account.overview.total} product shots",
        counts=account.overview.counts,
        note=NOTE,
        spent=account.overview.spent,
        prices=tables()[0]["dated"],
        steps=tuple(steps),
    )
    with Journal.reading(folder.journal) as known:
        write_report(folder, about, map(entry_of, rows_of(known)))


def next_steps(path: Path) -> Iterator[NextStep]:
    """Tell what to try next, with commands that work here."""
    from aivideo_async.bulk.contact import NextStep
    from aivideo_async.cli.demo.shop import SHOTS
    from aivideo_async.cli.money import credits, tables

    here, sheet = shlex.quote(str(path)), shlex.quote(str(path / "products.csv"))
    cost = len(SHOTS) * Decimal(tables()[0]["credits"]["1k"])
    yield NextStep(f"{_program()} status {here}", "how the run stands, at any time")
    yield NextStep(
        f"{_program()} run {sheet} -o runs/first",
        f"the same with your key, for at most {credits(cost)}",
    )


def summary(folder: RunFolder, account: Account, steps: list[NextStep]) -> str:
    """Tell what was made, where it lies, and what to do next."""
    from aivideo_async.bulk.manifest import Status
    from aivideo_async.cli.demo.shoot import IN_FLIGHT

    return SUMMARY.format(
        account=account,
        pictures=account.overview.counts[Status.OK],
        failures=account.overview.counts[Status.FAILED],
        in_flight=IN_FLIGHT,
        spent=account.before - account.after,
        images=folder.images.as_uri(),
        page=folder.report().as_uri(),
        steps="".join(
            f"    {step.command}\n        {step.purpose}\n" for step in steps
        ),
        python=shlex.quote(_from_here(Path(sys.executable))),
    )


def _program() -> str:
    """Name this command as it can be called here."""
    if shutil.which("aivideo"):
        return "aivideo"
    beside = Path(sys.executable).with_name("aivideo")
    if beside.exists():
        return shlex.quote(_from_here(beside))
    return f"{shlex.quote(_from_here(Path(sys.executable)))} -m aivideo_async"


def _from_here(path: Path) -> str:
    """Write *path* as shortly as works here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
