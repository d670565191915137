"""``aivideo emulate``: the emulator as a server, for any program in any language."""

from __future__ import annotations

from typing import Any

import click

from aivideo_async.cli.emulate.ports import PORT
from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["emulate"]

EXAMPLES = """\
aivideo emulate
aivideo emulate --scenario rate-limited --speed 100
aivideo emulate --scenario list"""


@click.command(cls=Command, epilog=EXAMPLES)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help=f"Where it listens (default {PORT}, or a free one if that is taken).",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    metavar="X",
    help="How many times faster than in reality tasks get done (default 20).",
)
@click.option(
    "--seed", type=int, default=1, metavar="N", help="Another seed, other chances."
)
@click.option(
    "--scenario",
    default="steady",
    metavar="NAME",
    help="How the service behaves; 'list' shows the names.",
)
@click.option(
    "--balance",
    type=click.FloatRange(min=0),
    metavar="CREDITS",
    help="Credits at the start, in place of the scenario's.",
)
@pass_settings
def emulate(settings: Settings, /, scenario: str, **about: Any) -> int:
    """
    Run a stand-in for the service on this machine: no key, no cost.

    It listens on the loopback only, knows money and limits, and makes pictures that
    say EMULATED. Ctrl-C stops it and tells what was charged; the exit code is 3 if
    something was charged twice.
    """
    from aivideo_async.cli import interrupts
    from aivideo_async.cli.emulate.serving import list_scenarios, serve

    if scenario == "list":
        return list_scenarios(settings)
    return interrupts.run(
        lambda stop: serve(settings, stop, scenario, **about), collects=True
    )
