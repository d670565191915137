"""Commands under way in a process of their own, to be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aivideo_async.emulator import Emulator
from tests.cli.terminal import COMMAND, Ran, environment

__all__ = ["Running", "charged", "ids_of", "running"]


class Running:
    """A command under way."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.interrupt = process.send_signal
        self.pid = process.pid

    async def says(self, text: str) -> None:
        """Wait until a line on stderr holds *text*."""
        assert self._process.stderr
        while text not in (await self._process.stderr.readline()).decode():
            assert not self._process.stderr.at_eof()

    async def ends(self) -> Ran:
        """Wait for its end."""
        stdout, stderr = await self._process.communicate()
        code, stdout, stderr = (
            self._process.returncode or 0,
            stdout or b"",
            stderr or b"",
        )
        return Ran(code, stdout.decode(), stderr.decode())


@asynccontextmanager
async def running(
    emulator: Emulator, folder: Path, *arguments: str, **streams: Any
) -> AsyncIterator[Running]:
    """Start ``aivideo`` against *emulator*, without a terminal."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=folder,
        env=environment(
            folder / "home",
            AIVIDEOAPI_BASE_URL=emulator.url,
            AIVIDEOAPI_API_KEY=emulator.api_key,
        ),
        **{
            "stdin": asyncio.subprocess.DEVNULL,
            "stdout": asyncio.subprocess.PIPE,
            "stderr": asyncio.subprocess.PIPE,
            **streams,
        },
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def charged(emulator: Emulator, count: int) -> None:
    """Wait until *count* tasks are charged."""
    while len(emulator.ledger.charges) < count:
        await asyncio.sleep(0.01)


def ids_of(emulator: Emulator) -> set[str]:
    """Return the ids of all tasks that were charged."""
    return {entry.task_id for entry in emulator.ledger.charges}
