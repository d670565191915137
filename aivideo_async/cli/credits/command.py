"""``aivideo credits``: the account's balance."""

from __future__ import annotations

import click

from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["credits"]


@click.command(cls=Command, epilog="aivideo credits\naivideo credits --json")
@pass_settings
def credits(settings: Settings, /) -> int:
    """Show the account's balance; costs nothing."""
    from aivideo_async.cli import interrupts
    from aivideo_async.cli.credits.balance import show_balance

    return interrupts.run(lambda _: show_balance(settings), collects=False)
