"""
The standard streams: written to in a way that nothing can interrupt.

A reader that left (``| head``) or a character that a terminal does not know must not
end a command that has paid for something and is about to say so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper

import click

__all__ = ["echo", "forgive_characters", "stdin_lines"]


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; once nobody reads the stream any more, to nowhere."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def forgive_characters() -> None:
    """Let stdout spell what its encoding does not have, as stderr does."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def stdin_lines() -> Iterator[str]:
    """Read the lines of stdin that are not blank."""
    for line in sys.stdin:
        if line.strip():
            yield line.strip()
