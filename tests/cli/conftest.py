"""A shop's desk: an emulator that serves, and the command line that is pointed at it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
import pytest_asyncio
from attrs import frozen

from aivideo_async.cli.app import run
from aivideo_async.emulator import Emulator

KEY = "sk-emulator"


@frozen
class Said:
    """What a command said, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.stdout.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The objects of stdout; each line has to be one."""
        return [json.loads(line) for line in self.lines]


Aivideo = Callable[..., Awaitable[Said]]


@pytest.fixture
def aivideo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Aivideo:
    """Return what runs the command line in a thread, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    async def ran(*arguments: object) -> Said:
        words = [str(argument) for argument in arguments]
        code = await anyio.to_thread.run_sync(run, words)
        stdout, stderr = capsys.readouterr()
        assert "Traceback" not in stderr
        assert not {"\x1b", "\r"} & {*stdout, *stderr}
        return Said(code, stdout, stderr)

    return ran


def point_at(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment lead to *emulator*."""
    monkeypatch.setenv("AIVIDEOAPI_BASE_URL", emulator.url)
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", emulator.api_key)


@pytest_asyncio.fixture
async def emulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """Serve a quick and well-behaved API; its ledger is clean in the end."""
    async with Emulator(speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        yield emulator
    emulator.ledger.assert_clean()
