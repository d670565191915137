"""``aivideo resolve``: what becomes of purchases whose outcome is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["resolve"]

EXAMPLES = """\
aivideo resolve runs/spring
aivideo resolve runs/spring --adopt MUG=397ce9f2-c04e-4244-ac33-3af19a7cc297
aivideo resolve runs/spring --resubmit MUG-BLUE --forget MUG-OLD"""


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument(
    "run", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--adopt",
    multiple=True,
    metavar="KEY=TASK_ID",
    help="The purchase made this task, which is looked at first.",
)
@click.option(
    "--resubmit",
    multiple=True,
    metavar="KEY",
    help="Let the next run buy it again; it may be paid twice.",
)
@click.option(
    "--forget",
    multiple=True,
    metavar="KEY",
    help="Leave it alone; it goes on counting as spent.",
)
@click.option("--resubmit-all", is_flag=True, help="All that are not named otherwise.")
@click.option("--forget-all", is_flag=True, help="All that are not named otherwise.")
@click.option("-y", "--yes", is_flag=True, help="Resubmit without asking.")
@pass_settings
def resolve(settings: Settings, /, run: Path, yes: bool, **said: Any) -> int:
    """
    List the purchases of a run whose outcome is unknown, and settle them.

    A create was sent and its answer was lost, so each may have been paid for: none is
    ever sent again by itself. Without an option it changes nothing and needs no key;
    --adopt needs one. The options may be repeated. The exit code is 7 while anything
    is unknown.

    --resubmit and --forget also take the key of a picture in flight, if the service
    does not know its task any more; that needs a key for the service, too. What was
    forgotten may be resubmitted or adopted after all.
    """
    from aivideo_async.cli import interrupts
    from aivideo_async.cli.resolve.decisions import Decisions, Said
    from aivideo_async.cli.resolve.settling import Unknown

    unknown = Unknown.read(settings, run)
    wanted = Said(**said)
    if not wanted:
        return unknown.show()
    decisions = Decisions.read(
        wanted, unknown.records, unknown.running, unknown.forgotten
    )
    unknown.confirm(decisions, yes=yes)
    return interrupts.run(lambda _: unknown.settle(decisions), collects=False)
