"""``aivideo doctor``: why it does not work, or that it does."""

from __future__ import annotations

import click

from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["doctor"]


@click.command(cls=Command, epilog="aivideo doctor\naivideo doctor --json")
@pass_settings
def doctor(settings: Settings, /) -> int:
    """
    Check the key, the network and this machine; spends nothing.

    One line for each check: ok, warning or problem, and what to do about it. The exit
    code is 0 if pictures can be bought, 4 for the key or the address, 5 for an empty
    balance, 6 if the service cannot be reached, 8 for the disk.
    """
    from aivideo_async.cli import interrupts
    from aivideo_async.cli.doctor.examining import examine

    return interrupts.run(lambda _: examine(settings), collects=False)
