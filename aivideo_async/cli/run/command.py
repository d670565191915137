"""``aivideo run``: make the pictures of a sheet; the same command continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aivideo_async.cli.options import Command, Settings, pass_settings
from aivideo_async.cli.plan.command import sheet_options
from aivideo_async.cli.run.options import buying_options

__all__ = ["run"]

EXAMPLES = """\
aivideo run products.csv -o runs/spring
aivideo run products.csv -o runs/spring --sample 10 --max-cost 0.50
aivideo run products.csv -o runs/spring --yes --max-cost 25 --json"""


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument("sheet", metavar="SHEET")
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="The folder of the run: pictures, manifest, report, and what was bought.",
)
@buying_options
@sheet_options
@click.option(
    "--on-changed",
    type=click.Choice(["ask", "skip", "redo"]),
    default="ask",
    show_default=True,
    help="Rows that ask for something else than was bought: keep, or buy anew.",
)
@pass_settings
def run(
    settings: Settings, /, sheet: str, folder: Path, on_changed: str, **about: Any
) -> int:
    """
    Make the pictures of SHEET in the folder RUN. This spends money.

    The price is shown first, and it asks. Whatever stops it, the same command goes on
    from there: what was bought is never bought again, and an outcome that nobody knows
    is left to your decision (aivideo resolve). SHEET is as for aivideo plan.
    """
    from aivideo_async.cli.run.running import run_sheet
    from aivideo_async.cli.run.terms import Terms

    terms = Terms.taken(about)
    return run_sheet(settings, sheet, folder, terms, on_changed, about)
