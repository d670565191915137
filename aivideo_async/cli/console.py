"""
What goes where: results to stdout, everything else to stderr, for people or as JSON.

For people, stdout holds the result alone (paths, tasks, a table), so that it can be
piped. With ``--json`` it holds one JSON object in each line, whose first field is its
``type``: plan, task, progress, warning, error, what else a command shows (price, credits,
check, scenario, emulator) and, last of all, summary with ``exit``. Readers ignore types
and fields that they do not know.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from aivideo_async.cli.exits import Exit, code_of
from aivideo_async.cli.streams import echo, is_lost

if TYPE_CHECKING:
    from aivideo_async.cli.progress import Progress

__all__ = ["Console", "error_fields"]

WIDEST = 78  # columns of running text; a terminal's ^C takes two


class Console:
    """
    The one place that prints.

    Args:
        json: Whether stdout gets JSON, for programs.
        quiet: Whether stderr gets errors only.
        verbose: Whether the library's log is shown, so that nothing may be live.

    Attributes:
        summary: The fields of the last line of JSON.

    Example:
        >>> console = Console(json=True)
        >>> console.record("task", id="t-1", credits=Decimal("2.4"))
        {"type": "task", "id": "t-1", "credits": 2.4}
    """

    def __init__(
        self, *, json: bool = False, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.json = json
        self.quiet = quiet
        self.verbose = verbose
        self.summary: dict[str, Any] = {}
        self._progress: Progress | None = None

    # --- for people --------------------------------------------------------------

    def result(self, text: str) -> None:
        """Print a line of the result to stdout."""
        if self.json:
            return
        if self._progress is not None and _is_same_terminal():
            self._progress.say(text)
        else:
            echo(text)

    def note(self, text: str) -> None:
        """Tell people something that is no result."""
        if not (self.json or self.quiet):
            self._tell(text)

    def screen(self, lines: Iterable[str]) -> None:
        """Tell people something that is laid out already."""
        if not (self.json or self.quiet):
            for line in lines:
                echo(line, err=True)

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits there who can be asked."""
        streams = (sys.stdin, sys.stderr)  # a closed one is None
        return not self.json and all(each and each.isatty() for each in streams)

    # --- for programs ------------------------------------------------------------

    def record(self, kind: str, **fields: Any) -> None:
        """Print one object."""
        if self.json:
            echo(encoded(kind, fields))

    # --- for both ----------------------------------------------------------------

    def warn(self, text: str, **fields: Any) -> None:
        """Tell of something that the reader should know, though it works."""
        self.record("warning", message=text, **fields)
        self.note(f"Warning: {text}")

    def error(self, error: Exception, code: Exit | None = None) -> None:
        """Tell what went wrong, without a traceback."""
        self.record("error", **error_fields(error, code or code_of(error)))
        if not self.json:
            self._tell(f"Error: {words_of(error)}")

    def fatal(self, error: Exception, code: Exit) -> Exit:
        """Tell what ended the command; programs that log stderr find it there, too."""
        self.error(error, code)
        if self.json:
            fields = {"code": code.value, "message": words_of(error)}
            echo(encoded("exit_error", fields), err=True)
        return code

    def pick_up(self, ids: Iterable[str], again: str = "download") -> None:
        """Tell which tasks are paid for and not collected, and how to do that."""
        ids = list(dict.fromkeys(ids))
        if not ids:
            return
        count = "1 task is" if len(ids) == 1 else f"{len(ids)} tasks are"
        text = f"{count} paid for and not collected yet. At no cost:"
        command = f"aivideo task {again} {' '.join(ids)}"
        self.record("warning", message=text, command=command, ids=ids)
        if not self.json:
            self._tell(text)
            echo(f"  {command}", err=True)
        if is_lost(err=not self.json):  # the ids are worth more than good form
            echo(f"{text}\n  {command}", err=self.json)

    def finish(self, code: int) -> None:
        """Print the last line of JSON."""
        self.record("summary", **self.summary, exit=int(code))

    @contextmanager
    def progress(self, total: int, done: int = 0) -> Iterator[Progress]:
        """Show how many of *total* steps are done, in the way that suits stderr."""
        from aivideo_async.cli import progress as shown

        if self.json:
            chosen: Progress = shown.SilentProgress()
        elif self.quiet:
            chosen = shown.QuietProgress()
        elif shown.is_terminal() and not self.verbose:
            chosen = shown.live_progress(total, done)
        else:
            chosen = shown.PlainProgress(total, done)
        with chosen:
            self._progress = chosen
            try:
                yield chosen
            finally:
                self._progress = None

    def _tell(self, text: str) -> None:
        from aivideo_async.models.text import printable

        text = printable(text, len(text))
        if sys.stderr.isatty():
            width = min(WIDEST, shutil.get_terminal_size().columns)
            text = textwrap.fill(
                text, width, break_long_words=False, break_on_hyphens=False
            )
        if self._progress is not None:
            self._progress.say(text)
        else:
            echo(text, err=True)


def encoded(kind: str, fields: dict[str, Any]) -> str:
    """Write one object, with its type first."""
    return json.dumps({"type": kind, **fields}, default=_plain)


def _plain(value: object) -> object:
    """Write exact money as a number: credits have few enough digits."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def error_fields(error: Exception, code: Exit) -> dict[str, Any]:
    """Return the fields of *error* for ``--json``."""
    fields = {
        "error": type(error).__name__,
        "message": words_of(error),
        "code": getattr(error, "code", None),
        "task_id": getattr(error, "task_id", None),
        "exit": code.value,
    }
    return {name: value for name, value in fields.items() if value is not None}


def words_of(error: Exception) -> str:
    """Return the whole text of *error*."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    return str(error)


def _is_same_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()
