"""``aivideo price``: the price table, and why it is only an estimate. No network."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import click

from aivideo_async.cli.money import MODEL, choices, dollars, in_dollars, number, tables
from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["price"]


@click.command(
    cls=Command, epilog="aivideo price\naivideo price --resolution 2k --json"
)
@click.option(
    "--resolution",
    type=click.Choice(choices("resolution")),
    help="Only this resolution.",
)
@pass_settings
def price(settings: Settings, /, resolution: str | None) -> None:
    """
    Show what a picture costs; no key, no network.

    The first table is the one that this program counts with. Copies of the service's
    documentation disagree, and only the bill is right: `aivideo image` reads the
    balance before and after.
    """
    console = settings.console
    wanted = [resolution] if resolution else choices("resolution")
    console.summary = {"model": MODEL, "estimate": True}
    for line in lines(wanted):
        console.result(line)
    for counts, table in enumerate(tables()):
        for word in wanted:
            console.record("price", **fields(table, word), default=counts == 0)


def fields(table: dict[str, Any], resolution: str) -> dict[str, Any]:
    """Return what *table* says of *resolution*, for programs."""
    credits = Decimal(table["credits"][resolution])
    return {
        "model": MODEL,
        "resolution": resolution,
        "credits": credits,
        "dollars": in_dollars(credits),
        "dated": table["dated"],
        "source": table["source"],
    }


def lines(wanted: list[str]) -> Iterator[str]:
    """Lay the tables out for people."""
    for rank, table in enumerate(tables()):
        if rank == 0:
            yield f"{MODEL}, one picture ({table['dated']})"
        else:
            yield f"Elsewhere ({table['dated']})"
        for word in wanted:
            credits = Decimal(table["credits"][word])
            yield f"  {word}  {number(credits):>6} credits   {dollars(credits)}"
        yield from textwrap.wrap(
            f"Source: {table['source']}",
            78,
            initial_indent="  ",
            subsequent_indent="  ",
        )
        yield ""
    yield "An estimate: only the bill is right. Failed tasks are refunded."
