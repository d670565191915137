"""
Files that are there completely or not at all, written without stopping the loop.

A `PartFile` collects a download under a temporary name in its final folder and takes
the final name in one step. `in_thread` runs each of its steps, and waits for it even
when the caller is cancelled: no thread ever works on behind the caller's back, so what
is removed stays removed. Only the death of the process leaves a ``.part`` file behind,
which nobody needs.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import anyio

from aivideo_async.downloads import media
from aivideo_async.models.tasks import is_task_id

__all__ = ["DEVICES", "PartFile", "file_stem", "in_thread", "sync_folder"]

T = TypeVar("T")

DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in range(10)
}


async def in_thread(func: Callable[..., T], *args: object) -> T:
    """
    Run *func* in a thread, to its end; a cancel is raised only after that.

    ``anyio.to_thread`` would leave the thread behind when a native cancel arrives (its
    shield stops anyio's own cancels only), and the thread could then create a file that
    nobody removes.
    """
    job = asyncio.get_running_loop().run_in_executor(None, func, *args)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not job.done():
            try:
                await asyncio.wait([job])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        job.exception()  # seen, or the loop would complain that nobody did
        raise cancelled
    return job.result()


def file_stem(task_id: str, index: int) -> str:
    """
    Return the file name, without its suffix, of a task's output number *index*.

    The alphabet of task ids has no separator, dot or drive, so the file cannot leave
    its folder; the names of Windows' devices get an underscore everywhere.

    Raises:
        ValueError: *task_id* is not a task id.

    Example:
        >>> file_stem("t-1", 0), file_stem("t-1", 1), file_stem("con", 0)
        ('t-1', 't-1-2', 'con_')
    """
    if not is_task_id(task_id):
        raise ValueError("not a task id")
    stem = task_id if index == 0 else f"{task_id}-{index + 1}"
    return f"{stem}_" if stem.upper() in DEVICES else stem


class PartFile:
    """
    A file on its way; every method blocks and belongs into `in_thread`.

    Args:
        folder: Where it will lie; the first `write` creates it when missing.
        stem: Its final name without the suffix.

    Either `commit` gives it its final name, or `discard` leaves nothing behind. A name
    that is taken is replaced.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     part = PartFile(Path(folder), "t-1")
        ...     part.write(b"fLaC...")
        ...     part.commit().name
        't-1.flac'
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder = folder
        self._stem = stem
        self._path = folder / f".{stem}.{secrets.token_hex(8)}.part"
        self._file: BinaryIO | None = None

    @property
    def is_open(self) -> bool:
        """Whether something of it lies under its temporary name."""
        return self._file is not None

    def write(self, data: bytes | bytearray) -> None:
        """Append *data*; the file must be new, and is never a followed link."""
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("x+b")
        self._file.write(data)

    def rewind(self) -> None:
        """Throw away what was written, to begin again."""
        file = self._opened()
        file.seek(0)
        file.truncate()

    def commit(self) -> Path:
        """
        Put the whole file under its final name, in one step that survives a crash.

        Raises:
            BrokenMediaError: Something is missing at its end.
        """
        file = self._opened()
        file.flush()
        path = self.folder / f"{self._stem}{media.inspect(file)}"
        os.fsync(file.fileno())
        file.close()  # Windows renames no open file
        self._path.replace(path)
        self._file = None
        sync_folder(self.folder)
        return path

    def discard(self) -> None:
        """Remove what there is of it, as far as the disk lets us."""
        if self._file is None:
            return
        with suppress(OSError):  # closing writes the rest: a full disk says no again
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("nothing was written")
        return self._file


def sync_folder(folder: Path) -> None:
    """Make the new name durable, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
