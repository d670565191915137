"""``aivideo task``: what becomes of tasks that are paid for. It costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from aivideo_async.cli.options import (
    POSITIVE,
    Command,
    Settings,
    global_options,
    pass_settings,
)
from aivideo_async.cli.streams import stdin_lines

__all__ = ["task"]

ids_argument = click.argument("ids", nargs=-1, required=True, metavar="ID...")
timeout_option = click.option(
    "--timeout",
    type=POSITIVE,
    metavar="SECONDS",
    help="Wait so long (default: for ever).",
)


@click.group(params=global_options())
def task() -> None:
    """Look at tasks, wait for them, download their files; costs nothing."""


@task.command(
    cls=Command,
    epilog="aivideo task get 397ce9f2-c04e-4244-ac33-3af19a7cc297",
)
@ids_argument
@pass_settings
def get(settings: Settings, /, ids: tuple[str, ...]) -> int:
    """
    Look at each task once.

    One line on stdout for each: its id, its status, and its URLs or why it failed.
    With the ID - they are read from stdin: the first word of each line.
    """
    from aivideo_async.cli.task.collecting import Collector

    return Collector(settings, read_ids(ids)).look()


@task.command(
    cls=Command,
    epilog="aivideo task wait - < ids.txt | aivideo task download - -o pictures/",
)
@ids_argument
@timeout_option
@pass_settings
def wait(settings: Settings, /, ids: tuple[str, ...], timeout: float | None) -> int:
    """
    Wait until each task is final.

    One line on stdout for each as it ends: its id, its status, and its URLs or why it
    failed. With the ID - they are read from stdin: the first word of each line.
    """
    from aivideo_async.cli.task.collecting import Collector

    return Collector(settings, read_ids(ids), timeout).wait()


@task.command(
    cls=Command,
    epilog="aivideo task download 397ce9f2-c04e-4244-ac33-3af19a7cc297 -o pictures/",
)
@ids_argument
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where the files go (default: here).",
)
@timeout_option
@pass_settings
def download(
    settings: Settings, /, ids: tuple[str, ...], folder: Path, timeout: float | None
) -> int:
    """
    Save the files of each task.

    It waits for those that are not completed yet, and prints the paths; files are named
    by their tasks. Doing it again is free. With the ID - they are read from stdin: the
    first word of each line.
    """
    from aivideo_async.cli.target import Target
    from aivideo_async.cli.task.collecting import Collector

    wanted = read_ids(ids)
    Target(folder).check()
    return Collector(settings, wanted, timeout).download(folder)


def read_ids(ids: Iterable[str]) -> list[str]:
    """
    Read each id once, and those of stdin for ``-``.

    Raises:
        click.UsageError: One cannot be an id, or there is none.
    """
    from aivideo_async.models.tasks import is_task_id
    from aivideo_async.models.text import show

    found: dict[str, None] = {}
    for word in ids:
        words = [word]
        if word == "-":
            words = [line.split()[0] for line in stdin_lines()]
        found |= dict.fromkeys(words)
    for word in found:
        if not is_task_id(word):
            raise click.UsageError(
                f"{show(word)} is no task id: letters, digits, '-' and '_'."
            )
    if not found:
        raise click.UsageError("stdin names no task.")
    return list(found)
