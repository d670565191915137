"""
Run sessions that people read: console blocks of Markdown, in a real shell.

A line that begins with ``$`` is a command, the lines below it are what it prints on both
streams, where ``...`` stands for what differs from run to run. A command may only fail if
the next one shows how, with ``echo $?``.
"""

from __future__ import annotations

import doctest
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

__all__ = ["Step", "console_blocks", "run_server", "run_session"]

_FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_COMPARISON = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_SHOW_CODE = "echo $?"

ELSEWHERE = ("make ", "pip ", "uvicorn ", "export AIVIDEOAPI_", "source ")
"""What installs, serves for ever, or names what the session's environment names."""


@frozen
class Step:
    """A command, and what it is said to print."""

    command: str
    shown: str

    @property
    def serves(self) -> bool:
        """Whether it runs until it is stopped."""
        return self.command.startswith("aivideo emulate") and "list" not in self.command

    def compare(self, printed: str) -> None:
        """Check what it printed, if the block shows anything."""
        checker = doctest.OutputChecker()
        if self.shown and not checker.check_output(self.shown, printed, _COMPARISON):
            example = doctest.Example(self.command, self.shown)
            difference = checker.output_difference(example, printed, _COMPARISON)
            raise AssertionError(f"$ {self.command}\n{difference}")


def console_blocks(path: Path) -> Iterator[tuple[int, list[Step]]]:
    """Find the console blocks of a Markdown file: the line of each, and its steps."""
    text = path.read_text("utf-8")
    for block in _FENCE.finditer(text):
        steps = [Step(*found) for found in _STEP.findall(block[1])]
        assert "".join(f"$ {s.command}\n{s.shown}" for s in steps) == block[1], block[1]
        here = [step for step in steps if not step.command.startswith(ELSEWHERE)]
        if here:
            yield text.count("\n", 0, block.start(1)), here


def run_session(steps: Sequence[Step], folder: Path, names: Mapping[str, str]) -> None:
    """Run the steps in one shell, in *folder*, and compare what each printed."""
    mark = "\x1e"
    script = "".join(
        f"{{ {step.command}\n}} 2>&1; code=$?; printf '{mark}%s{mark}' $code; (exit $code)\n"
        for step in steps
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=_environment(names),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    said = done.stdout.decode().split(mark)
    printed, codes = said[0::2], said[1::2]
    afterwards = [*(step.command for step in steps[1:]), ""]
    for step, text, code, then in zip(steps, printed, codes, afterwards, strict=False):
        step.compare(text)
        assert "0" == code or then.startswith(_SHOW_CODE), f"$ {step.command}\n{text}"
    assert len(codes) == len(steps), printed


def run_server(step: Step, folder: Path) -> None:
    """Run a command that serves, stop it once it is up, and compare what it printed."""
    command = step.command.replace("aivideo emulate", "aivideo emulate --port 0")
    said = []
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=_environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        for line in server.stdout or ():
            said.append(line)
            if "Ctrl-C stops it" in line:
                server.send_signal(signal.SIGINT)
    assert 0 == server.returncode, said
    step.compare(re.sub(r":\d{4,5}\b", ":8787", "".join(said)))


def _environment(names: Mapping[str, str]) -> dict[str, str]:
    commands = Path(sys.executable).parent
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "COLUMNS": "80", **names}
