"""
The live block on a terminal: a bar and how things stand, under the lines of what is done.

rich draws it and honours NO_COLOR. The block is gone when it ends; the lines stay.
"""

from __future__ import annotations

from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    TimeElapsedColumn,
)
from rich.text import Text

from aivideo_async.cli.streams import Forgiving
from aivideo_async.models.text import printable

__all__ = ["LiveProgress"]


class LiveProgress:
    """
    A bar with its status on stderr, and a line above it for each step.

    Example:
        >>> with LiveProgress(12) as progress:
        ...     progress.step("MUG-RED  1:1")
    """

    pace: float | None = 0.25

    def __init__(self, total: int, done: int = 0) -> None:
        self._console = Console(file=cast("IO[str]", Forgiving()))
        self._bar = Bar(
            BarColumn(None, complete_style="cyan", finished_style="cyan"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            expand=True,
        )
        self._task = self._bar.add_task("", total=total, completed=done)
        self._status = Text("", "dim", no_wrap=True, overflow="ellipsis")
        self._live = Live(
            Group(self._bar, self._status),
            console=self._console,
            transient=True,
            # stdout may lead into a file, which is no place above a block.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def step(self, text: str = "", *, ok: bool = True) -> None:
        """Print the step above the bar, and move the bar."""
        self._bar.advance(self._task)
        if text:
            word = ("ok     ", "green") if ok else ("failed ", "bold red")
            line = Text.assemble(word, printable(text))
            # A failure is told whole; what went well has one line.
            self._console.print(line, no_wrap=ok, overflow="ellipsis" if ok else "fold")

    def show(self, status: str) -> None:
        """Show how things stand, in the lines under the bar."""
        self._status.plain = "\n".join(map(printable, status.splitlines()))

    def say(self, text: str) -> None:
        """Print *text* above the bar; the terminal breaks its lines, so it can be copied."""
        self._console.print(Text(text), soft_wrap=True)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()
