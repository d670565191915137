"""
One file on its way in, over as many attempts and URLs as it takes.

What has arrived is kept when an attempt breaks, and the next one asks for the rest if
the host can continue this very version. It is kept for one `Downloader.save` only, not
for the next process: what a restart would save is one picture's time, and a half file
that outlives its process would need a record of its own that could be wrong.

Rule: what is kept is either certain or forgotten. Forgotten means that the next answer
is asked for from its beginning, and replaces what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from aivideo_async.downloads.errors import FetchError
from aivideo_async.downloads.files import PartFile, in_thread
from aivideo_async.downloads.media import BrokenMediaError
from aivideo_async.downloads.progress import Meter
from aivideo_async.downloads.resume import Headers, Version, read_size, read_version

__all__ = ["Incoming"]

T = TypeVar("T")

_CHUNK = 256 * 1024  # bytes per trip to a thread


class Incoming:
    """
    Collects the bytes of one file, and knows what to ask for next.

    Use it as a context manager: on leaving, nothing is left of a file that was not
    finished. One attempt is `ask`, then `begin`, any number of `add`, and `finish`.

    Args:
        part: Where the bytes go.
        meter: Who is told of them.
    """

    def __init__(self, part: PartFile, meter: Meter) -> None:
        self.received = 0
        self._part = part
        self._meter = meter
        self._buffer = bytearray()
        self._version: Version | None = None
        self.total: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._part.is_open:
            await in_thread(self._part.discard)

    @property
    def kept(self) -> int:
        """How many bytes the next attempt need not fetch again."""
        return self.received if self._version is not None else 0

    def forget(self) -> None:
        """Keep nothing: something is wrong with what has arrived."""
        self._version = None

    def ask(self) -> dict[str, str]:
        """Return the headers that ask for what is missing; none ask for everything."""
        version = self._version
        if version is None or not 0 < self.received < version.size:
            return {}
        return version.rest(self.received)

    async def begin(self, status: int, place: str, headers: Headers) -> None:
        """
        Take the head of an answer: 206 continues, anything else starts over.

        Raises:
            BrokenMediaError: It is another part than the one that was asked for.
        """
        if status == 206:
            self._continue(place, headers)
        else:
            await self._start_over()
            self._version = read_version(place, headers)
            self.total = read_size(headers)
        self._show()

    async def add(self, data: bytes) -> None:
        """Take the next bytes; they reach the disk in large chunks."""
        self.received += len(data)
        self._buffer += data
        if len(self._buffer) >= _CHUNK:
            await self._on_disk(self._part.write, self._buffer)
            self._buffer.clear()
        self._show()

    async def finish(self) -> Path:
        """
        Put the whole file under its final name and return its path.

        Raises:
            FetchError: The disk refused it.
            BrokenMediaError: It is no complete result.
        """
        if self.total is not None and self.received != self.total:
            self.forget()
            raise BrokenMediaError(f"{self.received} bytes instead of {self.total}")
        path = await self._on_disk(self._store)
        self._meter.finish(self.received)
        return path

    def _continue(self, place: str, headers: Headers) -> None:
        version = self._version
        if version is None or not version.is_rest(self.received, place, headers):
            self.forget()
            raise BrokenMediaError("another part than was asked for")

    async def _start_over(self) -> None:
        self.forget()
        self.received = 0
        self._buffer.clear()
        if self._part.is_open:
            await self._on_disk(self._part.rewind)

    def _store(self) -> Path:
        self._part.write(self._buffer)
        return self._part.commit()

    async def _on_disk(self, step: Callable[..., T], *args: object) -> T:
        """Run a *step* in a thread; one that does not end well leaves nothing certain."""
        version, self._version = self._version, None
        try:
            result = await in_thread(step, *args)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FetchError(
                f"writing to {self._part.folder} failed ({reason})"
            ) from error
        self._version = version
        return result

    def _show(self) -> None:
        now = asyncio.get_running_loop().time()
        self._meter.show(self.received, self.total, now)
