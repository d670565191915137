"""
The options that every command has, before or after its name.

They are collected in one `Settings`, which a command gets as its first argument.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aivideo_async.cli.console import Console

if TYPE_CHECKING:
    from aivideo_async.transport.secret import Secret

__all__ = [
    "POSITIVE",
    "Command",
    "Settings",
    "global_options",
    "pass_settings",
    "write_options",
]


class _Positive(click.FloatRange):
    """A number above 0; click lets NaN pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Refuse what is no number after all."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


POSITIVE = _Positive(min=0, min_open=True)


class Settings:
    """
    What the global options say.

    Attributes:
        json: JSON on stdout, one object per line.
        quiet: Errors only on stderr.
        verbose: The library's log on stderr.
        base_url: Another address of the API.
        api_key_file: A file that holds the key.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    base_url: str | None = None
    api_key_file: Path | None = None

    @cached_property
    def file_key(self) -> Secret:
        """The key in the file, read once: it may be a pipe."""
        from aivideo_async.cli.connect import read_key_file
        from aivideo_async.transport.secret import Secret

        assert self.api_key_file is not None  # noqa: S101  (for the type checker)
        return Secret(read_key_file(self.api_key_file))

    @cached_property
    def console(self) -> Console:
        """What prints; made once the options are read."""
        return Console(json=self.json, quiet=self.quiet, verbose=self.verbose)


pass_settings = click.make_pass_decorator(Settings, ensure=True)


def global_options() -> list[click.Parameter]:
    """Make the options, to be added to a command or a group."""
    return [
        _option("--json", is_flag=True, help="JSON lines on stdout, for programs."),
        _option("-q", "--quiet", is_flag=True, help="Errors only on stderr."),
        _option("-v", "--verbose", is_flag=True, help="Show the library's log."),
        _option("--base-url", metavar="URL", help="Another address of the API."),
        _option(
            "--api-key-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Read the key from FILE, not from AIVIDEOAPI_API_KEY.",
        ),
    ]


def _option(*names: str, **about: Any) -> click.Option:
    # Eager: they are known before any other option can be wrong.
    return click.Option(
        names, expose_value=False, is_eager=True, callback=_keep, **about
    )


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what was given; the same option may stand before and after a command."""
    if not value or param.name is None:
        return
    setattr(ctx.ensure_object(Settings), param.name, value)
    if param.name == "verbose":
        ctx.with_resource(library_log())


@contextmanager
def library_log() -> Iterator[None]:
    """Show the library's log on stderr inside this block."""
    log = logging.getLogger("aivideo_async")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)
        log.removeHandler(handler)


class Command(click.Command):
    """A command with the global options, which its help lists apart."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options())

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the command's own options first."""
        write_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples as they are."""
        write_examples(self.epilog, formatter)


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """List the options of *command*, then the global ones."""
    sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Global options": []}
    for param in command.get_params(ctx):
        line = param.get_help_record(ctx)
        if line is not None and not isinstance(param, click.Argument):
            own = param.expose_value or param.name == "help"
            sections["Options" if own else "Global options"].append(line)
    for title, lines in sections.items():
        if lines:
            with formatter.section(title):
                formatter.write_dl(lines)


def write_examples(text: str | None, formatter: click.HelpFormatter) -> None:
    """Print examples without breaking their lines."""
    if text:
        with formatter.section("Examples"):
            for line in text.splitlines():
                formatter.write(f"  {line}\n")
