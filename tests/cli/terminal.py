"""Running the command as people do: in a process, with or without a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-W", "error", "-m", "aivideo_async")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@frozen
class Ran:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with an empty *home* and no taste for colours."""
    home.mkdir(exist_ok=True)
    tastes = {"CI", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "TTY_COMPATIBLE"}
    kept = {name: value for name, value in os.environ.items() if name not in tastes}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def run(*arguments: str, folder: Path, **more: str) -> Ran:
    """Run ``aivideo`` in *folder*, without a terminal."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder / "home", **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_in_terminal(
    *arguments: str, folder: Path, typed: str | None = None, **more: str
) -> Ran:
    """
    Run ``aivideo`` with stderr on a terminal of 80 columns, stdout in a pipe.

    With something *typed*, all three streams are on that terminal.
    """
    ours, theirs = pty.openpty()
    shared = typed is not None
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(
            folder / "home", **{"TERM": "xterm-256color", "COLUMNS": "80", **more}
        ),
        stdin=theirs if shared else subprocess.DEVNULL,
        stdout=theirs if shared else subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, (typed or "").encode())
    shown = drained(ours)
    stdout, _ = process.communicate()
    return Ran(process.returncode, (stdout or b"").decode(), shown)


def drained(descriptor: int) -> str:
    """Read what was written to a terminal, until its other end is closed."""
    shown = bytearray()
    try:
        while data := os.read(descriptor, 65536):
            shown += data
    except OSError:  # how Linux says that nobody is there any more
        pass
    finally:
        os.close(descriptor)
    return shown.decode()


def plain(shown: str) -> list[str]:
    """Return the lines of *shown* without their escape codes."""
    return ESCAPE.sub("", shown).replace("\r", "\n").split("\n")
