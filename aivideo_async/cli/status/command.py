"""``aivideo status``: how a run stands, at no cost and without a network."""

from __future__ import annotations

from pathlib import Path

import click

from aivideo_async.cli.exits import Exit
from aivideo_async.cli.options import Command, Settings, pass_settings

__all__ = ["status"]

EXAMPLES = """\
aivideo status runs/spring
aivideo status runs/spring --watch
aivideo status runs/spring --json"""


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument(
    "run", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "-w",
    "--watch",
    is_flag=True,
    help="Look again every 2 s (without a terminal: every 30 s) until it is over.",
)
@pass_settings
def status(settings: Settings, /, run: Path, watch: bool) -> int:
    """
    Show how a run stands; no key, no network, no cost.

    RUN is the folder of a run. Another process may be carrying it out: it is not
    disturbed. The exit code is 0 however the run stands, also after Ctrl-C, and 2
    if the folder is none of a run.
    """
    from aivideo_async.cli import interrupts
    from aivideo_async.cli.status import watching

    if not watch:
        watching.show(settings, run)
        return Exit.DONE
    code = interrupts.run(
        lambda signals: watching.watch(settings, run, signals), collects=True
    )
    return Exit.DONE if code is Exit.INTERRUPTED else code
