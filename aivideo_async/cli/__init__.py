"""
The ``aivideo`` command, also ``python -m aivideo_async``.

    app          the group; loads a command only when it is called
    options      what every command takes
    console      what goes to stdout and stderr, for whom; streams reads and writes it
    exits        which code is what; interrupts: what Ctrl-C does
    connect      a client from the options and the environment
    target       where files go
    runs         folders of runs, and what to do next with one
    progress     what a terminal or a log shows meanwhile; live draws the former
    words, money how tasks, failures and credits are put

    image/ task/ credits/ price emulate/ doctor/ demo/    the commands,
    plan/ run/ retry/ status/ resolve/                    and those for sheets

A command's own module only declares what it takes, so that help and completion are
quick; the module that does its work is loaded when it is called.

The command line is an extra: click, rich and Jinja2 come with ``aivideo-async[cli]``,
and nothing below this floor knows them. What it buys and collects, it does through the
public API, so its source is an example of using the library.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import NoReturn

__all__ = ["main"]

EXTRA = ("click", "jinja2", "rich")  # Pillow comes with it and may be missing


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # before or after the command itself
        sys.exit(130)


def _run() -> int:
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The aivideo command needs {', '.join(missing)}. Install it with:\n"
            '  pip install "aivideo-async[cli]"\n'
        )
        return 2
    from aivideo_async.cli.app import run

    return run()
