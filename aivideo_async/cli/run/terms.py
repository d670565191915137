"""On which terms pictures are bought: the options of ``aivideo run`` and ``retry``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from attrs import frozen

from aivideo_async.cli.money import DOLLARS_PER_CREDIT
from aivideo_async.cli.options import SECONDS

__all__ = ["Terms", "amount", "buying_options"]


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


@frozen(kw_only=True)
class Terms:
    """
    On which terms pictures are bought.

    Attributes:
        cap: Credits that the whole run may spend, earlier commands included; or None.
        yes: Whether nobody is to be asked.
        max_in_flight: How many are made at once.
        rate: Requests per second; None learns the limit.
        drain: Seconds for which a first Ctrl-C collects; None for as many as it takes.
        download: Whether the pictures are saved.
        waits: Whether to wait until a limit on the money clears.
    """

    cap: Decimal | None
    yes: bool
    max_in_flight: int
    rate: float | None
    drain: float | None
    download: bool
    waits: bool

    @classmethod
    def taken(cls, about: dict[str, Any]) -> Terms:
        """Take the options of `buying_options` out of *about*."""
        return cls(
            cap=_cap(about.pop("max_cost"), about.pop("max_credits")),
            yes=about.pop("yes"),
            max_in_flight=about.pop("max_in_flight"),
            rate=about.pop("rate"),
            drain=about.pop("drain"),
            download=not about.pop("no_download"),
            waits=about.pop("on_spend") == "wait",
        )

    def options(self) -> Mapping[str, Any]:
        """Return them as options of `aivideo_async.AsyncClient`."""
        return {
            "max_in_flight": self.max_in_flight,
            "rate": self.rate,
            "max_credits": self.cap,
        }


def _cap(dollars: Decimal | None, credits: Decimal | None) -> Decimal | None:
    if dollars is None:
        return credits
    if credits is not None:
        raise click.UsageError("Give --max-cost or --max-credits, not both.")
    return dollars / DOLLARS_PER_CREDIT


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
        type=click.FloatRange(min=0, min_open=True),
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
        type=SECONDS,
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
