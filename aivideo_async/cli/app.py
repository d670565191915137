"""
The group of commands, light enough that ``aivideo --help`` answers at once.

A command's module is imported when the command is called, not to list it: the help
comes from the table below.
"""

from __future__ import annotations

from importlib import import_module

import click

from aivideo_async._version import __version__

__all__ = ["run"]

COMMANDS = {
    "demo": "Make sample product shots offline: no key, no network, no cost.",
}
"""Each command and its line in the help; the module has the same name."""

STOPPED = 130


class LazyGroup(click.Group):
    """A group that imports a command only to call it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, if there is one of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"aivideo_async.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aivideo")
def aivideo() -> None:
    """Generate pictures through the AI Video API, many at once."""


def run() -> int:
    """Run the command line and return its exit code."""
    try:
        code = aivideo.main(prog_name="aivideo", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return STOPPED
    return code if isinstance(code, int) else 0
