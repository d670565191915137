"""
The live block on a terminal: a bar and the money, under the lines of what is done.

rich draws it and honours NO_COLOR. The block is gone when it ends; the lines stay.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    TimeElapsedColumn,
)
from rich.text import Text

from aivideo_async.models.wire import printable

__all__ = ["LiveProgress"]


class LiveProgress:
    """
    A bar with its status on stderr, and a line above it for each step.

    Example:
        >>> with LiveProgress(12) as progress:
        ...     progress.step("MUG-RED  1:1", ok=True, status="2.4 credits")
    """

    def __init__(self, total: int) -> None:
        self._console = Console(stderr=True)
        self._bar = Bar(
            BarColumn(None, complete_style="cyan", finished_style="cyan"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            expand=True,
        )
        self._task = self._bar.add_task("", total=total)
        self._status = Text("", "dim", no_wrap=True, overflow="ellipsis")
        block = Group(self._bar, self._status)
        self._live = Live(block, console=self._console, transient=True)

    def step(self, text: str, *, ok: bool, status: str) -> None:
        """Print the step above the bar, and move the bar."""
        self._bar.advance(self._task)
        self._status.plain = printable(status)
        word = ("ok     ", "green") if ok else ("failed ", "bold red")
        line = Text.assemble(word, printable(text), no_wrap=True, overflow="ellipsis")
        self._console.print(line)

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
