"""The same again and again: a screen that is redrawn, or a line now and then for a log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol, cast

import anyio
from attrs import evolve

from aivideo_async.cli.exits import Exit
from aivideo_async.cli.interrupts import Interrupts
from aivideo_async.cli.options import Settings
from aivideo_async.cli.progress import is_terminal
from aivideo_async.cli.status.screen import fields, line, screen
from aivideo_async.cli.status.survey import Survey, survey
from aivideo_async.cli.streams import Forgiving

__all__ = ["show", "watch"]

PAUSE = 2.0
"""Seconds between two looks."""

LOGGED = 30.0
"""Seconds between two lines where there is no terminal."""


class View(Protocol):
    """Shows a run once more."""

    def __call__(self, seen: Survey, /) -> None: ...


def show(settings: Settings, path: Path) -> Survey:
    """Look at the run at *path* and tell all of it."""
    seen = look(path)
    for text in screen(seen):
        settings.console.result(text)
    settings.console.record("status", **fields(seen))
    return seen


async def watch(settings: Settings, path: Path, interrupts: Interrupts) -> Exit:
    """Look at the run at *path* until it is over, or somebody has seen enough."""
    live = is_terminal() and not (settings.json or settings.quiet)
    with drawn() if live else logged(settings) as view:
        while not (seen := look(path)).is_over and not interrupts.stop.is_set():
            view(seen)
            with anyio.move_on_after(PAUSE):
                await interrupts.stop.wait()
    show(settings, path)
    return Exit.DONE


def look(path: Path) -> Survey:
    """Look at the run at *path* now."""
    return survey(path, datetime.now(UTC))


@contextmanager
def drawn() -> Iterator[View]:
    """Show each survey in place of the one before."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=cast("IO[str]", Forgiving()))
    with Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:

        def view(seen: Survey) -> None:
            lines = [
                *screen(evolve(seen, steps=())),
                "",
                "Ctrl-C ends the looking, not the run.",
            ]
            text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
            live.update(text, refresh=True)

        yield view


@contextmanager
def logged(settings: Settings) -> Iterator[View]:
    """Show a survey now and then, as a line of its own."""
    time = asyncio.get_running_loop().time
    due = time()

    def view(seen: Survey) -> None:
        nonlocal due
        if time() >= due:
            due = time() + LOGGED
            settings.console.result(line(seen))
            settings.console.record("status", **fields(seen))

    yield view
