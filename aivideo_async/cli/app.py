"""
The group of commands, light enough that ``aivideo --help`` answers at once.

A command's module is imported when the command is called, not to list it: the help
comes from the table below. Those modules only declare what a command takes; what does
the work, and the libraries it needs, are imported when it is done.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from aivideo_async._version import __version__
from aivideo_async.cli.exits import Exit, code_of, worst
from aivideo_async.cli.options import Settings, global_options, write_options
from aivideo_async.cli.streams import echo, forgive_characters, is_unwritten
from aivideo_async.errors import AIVideoError

__all__ = ["run"]

COMMANDS = {
    "demo": "Make sample product shots offline: no key, no network, no cost.",
    "image": "Generate pictures and save them.",
    "plan": "Show what a sheet would cost; nothing is bought.",
    "run": "Make the pictures of a sheet; the same command continues.",
    "status": "Show how a run stands, also while it goes on.",
    "retry": "Buy again what failed in a run.",
    "resolve": "Settle purchases of a run whose outcome is unknown.",
    "task": "Look at tasks, wait for them, download their files.",
    "credits": "Show the account's balance.",
    "price": "Show what a picture costs.",
    "emulate": "Run a stand-in for the service on this machine.",
    "doctor": "Check the key, the network and this machine.",
}
"""Each command and its line in the help; the module has the same name."""

EPILOG = """\
Exit codes: 0 done, 1 bug, 2 usage, 3 some failed, 4 key or permission, 5 money,
6 try later, 7 outcome unknown, 8 disk, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.
Completion: eval "$(_AIVIDEO_COMPLETE=bash_source aivideo)" (or zsh, fish)."""

BUG = """\
This is a bug in aivideo. Tasks that were paid for are named above, if there are any:
collect them, for buying again costs again. Please report it with the output of
  aivideo -v ...
where the project is developed; look it over first: prompts are yours."""

NOWHERE = logging.NullHandler()

STOPPED = {Exit.HUNG_UP, Exit.INTERRUPTED, Exit.TERMINATED}


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

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the options, and the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        write_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the codes as they are."""
        formatter.write(f"\n{self.epilog}\n")


@click.group(
    cls=LazyGroup,
    params=global_options(),
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, prog_name="aivideo")
def aivideo() -> None:
    """Generate pictures through the AI Video API, many at once."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    forgive_characters()
    logging.getLogger("aivideo_async").addHandler(NOWHERE)  # the console tells it all
    settings = Settings()
    code = _told(arguments, settings)
    if code in STOPPED:
        settings.console.note("Stopped.")
    settings.console.finish(code)
    if is_unwritten() and code not in STOPPED:
        echo("Error: what was to be printed could not be written: disk full?", err=True)
        return worst([Exit(code), Exit.DISK])
    return code


def _told(arguments: Sequence[str], settings: Settings) -> int:
    """Run the command; put every way to fail into words and a code."""
    try:
        code = aivideo.main(
            list(arguments), prog_name="aivideo", standalone_mode=False, obj=settings
        )
    except click.ClickException as error:
        return _usage(error, arguments, settings)
    except click.Abort:  # at a question
        settings.console.note("")
        return Exit.INTERRUPTED
    except AIVideoError as error:
        return settings.console.fatal(error, code_of(error))
    except Exception as error:  # noqa: BLE001  (whatever it is, it is told and coded)
        return _bug(error, settings)
    return code if isinstance(code, int) else Exit.DONE


def _usage(
    error: click.ClickException, arguments: Sequence[str], settings: Settings
) -> int:
    """Tell what is wrong with the command line itself, in click's own form."""
    if "--json" in arguments:  # perhaps it came to no option at all
        settings.json = True
        return settings.console.fatal(error, Exit(error.exit_code))
    error.show()
    return error.exit_code


def _bug(error: Exception, settings: Settings) -> int:
    told = Exception(f"{type(error).__name__}: {error}")
    settings.console.fatal(told, Exit.BUG)
    if settings.verbose:
        import traceback

        echo("".join(traceback.format_exception(error)), err=True)
    if not settings.json:
        echo(BUG, err=True)
    return Exit.BUG
