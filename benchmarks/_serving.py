"""Start the fake server in a process of its own, and ask it what it has counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

from attrs import frozen

from benchmarks._pinning import SERVER, pin

__all__ = ["FakeServer", "fake_server"]


@frozen
class FakeServer:
    """The running server."""

    url: str
    process: subprocess.Popen[str]

    def counts(self) -> dict[str, int]:
        """Return what it has counted since it was started."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return _read(self.process)


@contextmanager
def fake_server(*options: str) -> Iterator[FakeServer]:
    """Start a server with these command line *options*; it ends with the context."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks._fake_server", *options],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdin is not None
        pin(SERVER, process.pid)
        try:
            yield FakeServer(f"http://127.0.0.1:{_read(process)['port']}", process)
        finally:
            process.stdin.close()


def _read(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None
    found: dict[str, int] = json.loads(process.stdout.readline())
    return found
