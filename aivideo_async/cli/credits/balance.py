"""What ``aivideo credits`` does."""

from __future__ import annotations

from decimal import Decimal

from aivideo_async.cli import money
from aivideo_async.cli.connect import connected
from aivideo_async.cli.exits import Exit
from aivideo_async.cli.options import Settings

__all__ = ["show_balance"]


async def show_balance(settings: Settings) -> Exit:
    """Read the account's credits and print them."""
    async with connected(settings) as client:
        found = await client.credits()
    console = settings.console
    console.record(
        "credits",
        balance=found.balance,
        dollars=money.in_dollars(found.balance),
        total_purchased=found.total_purchased,
        total_consumed=found.total_consumed,
    )
    console.result(line("Balance", found.balance))
    if found.total_purchased is not None:
        console.result(line("Purchased", found.total_purchased))
    if found.total_consumed is not None:
        console.result(line("Consumed", found.total_consumed))
    return Exit.DONE


def line(name: str, value: Decimal) -> str:
    """Lay one figure out for people."""
    return f"{name:<10} {money.credits(value)}"
