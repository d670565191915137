"""``aivideo retry``: buy again what failed in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aivideo_async.cli.options import Command, Settings, pass_settings
from aivideo_async.cli.run.options import buying_options

__all__ = ["retry"]

EXAMPLES = """\
aivideo retry runs/spring
aivideo retry runs/spring --all
aivideo retry runs/spring --keys MUG --keys CUP__v2 --max-cost 1"""


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--failed", is_flag=True, help="What failed and may go better now (default)."
)
@click.option(
    "--all", "every", is_flag=True, help="Also what failed or was refused for good."
)
@click.option(
    "--keys",
    multiple=True,
    metavar="KEY",
    help="Only this picture, whether it failed or not; may be repeated.",
)
@buying_options
@pass_settings
def retry(
    settings: Settings,
    /,
    folder: Path,
    failed: bool,
    every: bool,
    keys: tuple[str, ...],
    **about: Any,
) -> int:
    """
    Buy again what failed in the run in RUN. This spends money.

    What failed was refunded, and is asked for as it was: to change a prompt, change
    the sheet and use aivideo run. A picture that is there already stays as a file,
    and is paid for once more. What is in flight or unknown is left alone.
    """
    from aivideo_async.cli.retry.choosing import retry_rows
    from aivideo_async.cli.run.terms import Terms

    if failed + every + bool(keys) > 1:
        raise click.UsageError("Give one of --failed, --all and --keys.")
    return retry_rows(settings, folder, Terms.taken(about), every=every, keys=keys)
