"""
Where the demo works: a folder of its own.

It refuses one that holds anything else, and removes or replaces nothing but what an
earlier demo made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.cli.exits import DiskError, UnusableError
from aivideo_async.journal import Journal
from aivideo_async.models.text import printable

__all__ = ["claim", "writing"]

# Marks the folder as ours, and keeps a checkout around it clean.
MARK = "# A folder of `aivideo demo`, which replaces the files that it made.\n*\n"


def claim(folder: RunFolder) -> None:
    """
    Make *folder* the demo's own, without a run in it.

    Raises:
        UnusableError: It holds what no demo made, or another demo works in it.
    """
    mark = folder.path / ".gitignore"
    folder.path.mkdir(parents=True, exist_ok=True)
    ours = mark.is_file() and mark.read_text("utf-8", "replace") == MARK
    if any(folder.path.iterdir()) and not ours:
        raise _refused(folder, "holds other files")
    mark.write_text(MARK, "utf-8")
    if folder.has_journal:
        with Journal.reading(folder.journal) as earlier:
            if earlier.is_held:
                raise _refused(folder, "is in use by another demo")
    # An emulator's tasks die with it, so a run cannot go on with the next one.
    for old in (*folder.path.glob(f"{folder.journal.name}*"), folder.settings):
        old.unlink(missing_ok=True)


def _refused(folder: RunFolder, why: str) -> UnusableError:
    return UnusableError(
        f"{printable(str(folder.path))} {why}: name a new or empty folder."
    )


@contextmanager
def writing(folder: RunFolder) -> Iterator[None]:
    """Say what is wrong with the disk, if it cannot be written."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{printable(str(folder.path))} cannot be written: {error.strerror}."
        ) from None
