"""
What people see while a command works: a live block on a terminal, plain lines elsewhere.

Everything goes to stderr, so that stdout holds the result alone. Plain lines have no
escape codes and no carriage returns: they are for logs, pipes and dumb terminals.
Text that came from elsewhere loses its control and bidirectional characters first.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

from aivideo_async.cli.streams import echo
from aivideo_async.models.text import printable

__all__ = [
    "PlainProgress",
    "Progress",
    "QuietProgress",
    "SilentProgress",
    "beating",
    "is_terminal",
    "live_progress",
]


class Progress(Protocol):
    """
    Tells how far *total* steps have come; entered for as long as it shows.

    Attributes:
        pace: After how many seconds it wants to be told how things stand; None if it
            would not show it.
    """

    pace: float | None

    def step(self, text: str = "", *, ok: bool = True) -> None:
        """Tell that one more step is done, and in one line what became of it."""

    def show(self, status: str) -> None:
        """Tell how things stand in all, in one line or a few."""

    def say(self, text: str) -> None:
        """Print *text* as it is, above what is live."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop showing."""


def is_terminal() -> bool:
    """Tell whether stderr is a terminal that somebody watches and that can be drawn on."""
    dumb = os.environ.get("TERM", "") in {"", "dumb", "unknown"}
    return sys.stderr.isatty() and not dumb and not os.environ.get("CI")


def live_progress(total: int, done: int) -> Progress:
    """Return the live progress of *total* steps; what draws it is loaded now."""
    from aivideo_async.cli.live import LiveProgress

    return LiveProgress(total, done)


@contextmanager
def beating(progress: Progress, status: Callable[[], str]) -> Iterator[None]:
    """Show *status* inside this block, as often as *progress* wants it."""
    if progress.pace is None:
        yield
        return
    loop, pace = asyncio.get_running_loop(), progress.pace
    timer: asyncio.TimerHandle

    def beat() -> None:
        nonlocal timer
        progress.show(status())
        timer = loop.call_later(pace, beat)

    timer = loop.call_later(pace, beat)
    try:
        yield
    finally:
        timer.cancel()


class SilentProgress:
    """
    Shows nothing.

    Example:
        >>> with SilentProgress() as progress:
        ...     progress.step("MUG-RED  1:1")
    """

    pace: float | None = None

    def step(self, text: str = "", *, ok: bool = True) -> None:
        """Show nothing."""

    def show(self, status: str) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Print *text*, which is more than progress."""
        echo(text, err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""


class QuietProgress(SilentProgress):
    """
    Shows only what failed.

    Example:
        >>> with QuietProgress() as progress:
        ...     progress.step("MUG-RED  1:1")
    """

    def step(self, text: str = "", *, ok: bool = True) -> None:
        """Print the step if it failed."""
        if text and not ok:
            self.say(f"failed {printable(text)}")


class PlainProgress(SilentProgress):
    """
    A line for each step, and one in half a minute: silence looks like a hang to CI.

    Example:
        >>> with PlainProgress(12) as progress:
        ...     progress.step("MUG-RED  1:1")
    """

    pace: float | None = 30.0

    def __init__(self, total: int, done: int = 0) -> None:
        self._total = total
        self._done = done

    def step(self, text: str = "", *, ok: bool = True) -> None:
        """Print the step and its number."""
        self._done += 1
        if text:
            word = "ok" if ok else "failed"
            self._print(f"{word:<6} {printable(text)}")

    def show(self, status: str) -> None:
        """Print how things stand, in one line."""
        self._print(" · ".join(map(printable, status.splitlines())))

    def _print(self, text: str) -> None:
        self.say(f"{self._done:>3}/{self._total}  {text}")
