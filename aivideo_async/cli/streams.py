"""
The standard streams: written to in a way that nothing can interrupt.

A reader that left (``| head``), a terminal that was closed, a full disk behind ``>`` or a
character that a terminal does not know must not end a command that has paid for
something and is about to say so.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any

import click

__all__ = [
    "Forgiving",
    "echo",
    "forgive_characters",
    "is_lost",
    "is_unwritten",
    "stdin_lines",
]

GONE = {errno.EPIPE, errno.EIO}
"""Nobody reads any more: a pipe was closed, or a terminal."""

_lost: dict[bool, int] = {}  # why stderr, or stdout, cannot be written


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; once the stream cannot be written any more, to nowhere."""
    try:
        click.echo(text, err=err)
    except OSError as error:
        _lose(error, err=err)


def is_lost(*, err: bool) -> bool:
    """Tell whether a stream could not be written, so that what was said got lost."""
    return err in _lost


def is_unwritten() -> bool:
    """Tell whether a disk could not take what was printed."""
    return any(number not in GONE for number in _lost.values())


def _lose(error: OSError, *, err: bool) -> None:
    _lost[err] = error.errno or errno.EIO
    stream = sys.stderr if err else sys.stdout
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Forgiving:
    """stderr for those who write to it themselves: to nowhere once it cannot be written."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write *text*."""
        try:
            return self._stream.write(text)
        except OSError as error:
            _lose(error, err=True)
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        try:
            self._stream.flush()
        except OSError as error:
            _lose(error, err=True)


def forgive_characters() -> None:
    """Let stdout spell what its encoding does not have, as stderr does."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def stdin_lines() -> Iterator[str]:
    """Read the lines of stdin that are not blank."""
    for line in sys.stdin or ():  # a closed one is None
        if line.strip():
            yield line.strip()
