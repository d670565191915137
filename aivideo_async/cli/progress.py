"""
What people see while a command works: a live block on a terminal, plain lines elsewhere.

Everything goes to stderr, so that stdout holds the result alone. Plain lines have no
escape codes and no carriage returns: they are for logs, pipes and dumb terminals.
Text that came from elsewhere loses its control and bidirectional characters first.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

import click

from aivideo_async.models.wire import printable

__all__ = ["PlainProgress", "Progress", "progress_of"]


class Progress(AbstractContextManager["Progress"], Protocol):
    """Tells how far *total* steps have come; entered for as long as it shows."""

    def step(self, text: str, *, ok: bool, status: str) -> None:
        """
        Tell that one more step is done.

        Args:
            text: What became of it, on one line.
            ok: Whether it went well.
            status: How things stand in all.
        """


def progress_of(total: int) -> Progress:
    """Return the progress of *total* steps that suits where stderr goes."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "") in {"", "dumb", "unknown"}:
        return PlainProgress(total)
    from aivideo_async.cli.live import LiveProgress

    return LiveProgress(total)


class PlainProgress:
    """
    A line for each step.

    Example:
        >>> with PlainProgress(12) as progress:
        ...     progress.step("MUG-RED  1:1", ok=True, status="")
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def step(self, text: str, *, ok: bool, status: str) -> None:
        """Print the step and its number."""
        self._done += 1
        word = "ok" if ok else "failed"
        line = f"{self._done:>3}/{self._total}  {word:<6} {printable(text)}"
        click.echo(line, err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
