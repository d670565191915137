"""
Text files that are there completely or not at all, whatever happens while they grow.

A reader always finds the old file or the new one; a crash leaves at most a ``.part``
file, which nobody needs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from aivideo_async.downloads.files import sync_folder

__all__ = ["writing"]


@contextmanager
def writing(path: Path, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """
    Open a file that takes the place of *path* when the block ends without an error.

    It is on the disk before it gets its name. Blocks; call it in a thread.

    Args:
        path: Its final name; the folder must exist.
        encoding: How it is encoded; its line ends stay as they are written.

    Raises:
        OSError: The disk is full or cannot be written; *path* is as it was.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with writing(Path(folder, "run.toml")) as file:
        ...         _ = file.write("format = 1")
        ...     [found.name for found in Path(folder).iterdir()]
        ['run.toml']
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("x", encoding=encoding, newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
