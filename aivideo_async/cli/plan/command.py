"""``aivideo plan``: what a run would buy, and what that would cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from aivideo_async.cli.money import choices
from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["plan", "sheet_options"]

EXAMPLES = """\
aivideo plan products.csv
aivideo plan products.csv -o runs/spring --offline
aivideo plan products.csv --where "category=shoe*" --sample 10"""

_SHEET_OPTIONS = (
    click.option(
        "--limit",
        type=click.IntRange(1),
        metavar="N",
        help="Only the first N pictures of the sheet.",
    ),
    click.option(
        "--sample",
        type=click.IntRange(1),
        metavar="N",
        help="Only N pictures, spread evenly over the sheet.",
    ),
    click.option(
        "--where",
        multiple=True,
        metavar="COLUMN=TEXT",
        help="Only rows that say so (* and !=, too); may be repeated.",
    ),
    click.option(
        "--name",
        metavar="PATTERN",
        help="What the files are called, such as '{category}/{sku}'.",
    ),
    click.option(
        "--aspect-ratio",
        type=click.Choice(choices("aspect_ratio")),
        metavar="W:H",
        help="Where a row has none: auto (default), 1:1, 4:5, 16:9 ...",
    ),
    click.option(
        "--resolution",
        type=click.Choice(choices("resolution")),
        help="Where a row has none (default 1k); it decides the price.",
    ),
    click.option(
        "--variants",
        type=click.IntRange(1, 99),
        metavar="N",
        help="So many pictures of each row that does not say (default 1).",
    ),
)


def sheet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which part of a sheet is meant, and how it is read."""
    for option in reversed(_SHEET_OPTIONS):
        command = option(command)
    return command


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument("sheet", metavar="SHEET")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="The folder of the run: what it has already is not bought again.",
)
@click.option("--offline", is_flag=True, help="Do not ask for the balance.")
@sheet_options
@pass_settings
def plan(
    settings: Settings, /, sheet: str, folder: Path | None, offline: bool, **about: Any
) -> int:
    """
    Show what aivideo run would buy from SHEET; nothing is bought.

    SHEET is CSV, TSV or JSON lines with a column prompt and best a column sku; - is
    stdin. It needs no key; with one, the balance is shown. Exit code 2 if the sheet
    has an error.
    """
    from aivideo_async.cli.plan.planning import show_plan

    return show_plan(settings, sheet, folder, offline=offline, about=about)
