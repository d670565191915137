"""The options that say on which terms pictures are bought, also by ``retry``."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from aivideo_async.cli.options import POSITIVE

__all__ = ["amount", "buying_options"]


def amount(text: str) -> Decimal:
    """
    Read an amount of money, exactly.

    Raises:
        click.BadParameter: It is none, or below 0.
    """
    try:
        value = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and 0 <= value < 10**12):
        raise click.BadParameter(f"{text!r} is no amount: write a number from 0.")
    return value


_OPTIONS = (
    click.option(
        "--max-cost",
        type=amount,
        metavar="USD",
        help="What the whole run may spend, with what is in flight: a hard limit.",
    ),
    click.option(
        "--max-credits", type=amount, metavar="N", help="The same, in credits."
    ),
    click.option("-y", "--yes", is_flag=True, help="Buy without asking."),
    click.option(
        "-c",
        "--max-in-flight",
        type=click.IntRange(1),
        default=32,
        show_default=True,
        metavar="N",
        help="How many pictures are made at once.",
    ),
    click.option(
        "--rate",
        type=POSITIVE,
        metavar="N",
        help="Requests per second (default: as many as the service allows).",
    ),
    click.option(
        "--on-spend",
        type=click.Choice(["stop", "wait"]),
        default="stop",
        show_default=True,
        help="At a spend limit or an empty balance: stop, or wait till it clears.",
    ),
    click.option(
        "--drain",
        type=POSITIVE,
        metavar="SECONDS",
        help="How long the first Ctrl-C collects (default: as long as it takes).",
    ),
    click.option(
        "--no-download", is_flag=True, help="Buy, and leave the saving to a later run."
    ),
)


def buying_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say on which terms pictures are bought."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
