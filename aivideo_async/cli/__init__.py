"""
The ``aivideo`` command, also ``python -m aivideo_async``.

    app          the group; loads a command only when it is called
    demo         ``aivideo demo``
    ├── shop         what it orders
    ├── progress     what a terminal or a log shows meanwhile
    └── page         the contact sheet at its end

The command line is an extra: click, rich and Jinja2 come with
``aivideo-async[cli]``, and nothing below this floor knows them. It uses the public
API only, so its source is an example of using the library.

Exit codes: 0 done, 1 unexpected error, 2 usage, 8 the disk is full or not writable,
130 stopped by Ctrl-C.
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
