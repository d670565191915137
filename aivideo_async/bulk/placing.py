"""
Where a picture goes: to the name that its row has in the plan, or beside it.

What lies there already stays: it is another row's, was paid for, or somebody made it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from hashlib import file_digest
from itertools import chain, count
from pathlib import Path

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.downloads.files import sync_folder
from aivideo_async.errors import DownloadError
from aivideo_async.journal import RowRecord, SavedFile

__all__ = ["place", "stem_of"]


def stem_of(folder: RunFolder, row: RowRecord) -> str:
    """Return what the names of the files of *row* begin with, below the run's folder."""
    images = folder.images.relative_to(folder.path).as_posix()
    return f"{images}/{row.planned.name}"


def place(
    folder: RunFolder, row: RowRecord, arrived: Sequence[Path], taken: Container[str]
) -> list[SavedFile]:
    """
    Give each file its name; what the row has on disk stays as it is. Blocks.

    Args:
        folder: The run's folder.
        row: Whose files they are.
        arrived: All files of its newest attempt, in their order.
        taken: Paths that belong to others, be there a file or not.

    Raises:
        DownloadError: The disk does not take them.
    """
    try:
        return [
            _placed(folder, row, path, number, taken)
            for number, path in enumerate(arrived, 1)
        ]
    except OSError as error:
        raise DownloadError(
            f"The pictures of {row.planned.key!r} cannot be put in their place: "
            f"{error.strerror}. They are paid for and not lost: the same command "
            "saves them."
        ) from error


def _placed(
    folder: RunFolder, row: RowRecord, path: Path, number: int, taken: Container[str]
) -> SavedFile:
    digest = _digest(path)
    if number <= len(row.files):
        known = row.files[number - 1]
        target = folder.path / known.path
        if target.is_file():  # perhaps retouched since
            path.unlink()
            return known
    else:
        target = _free(folder, _name(folder, row, number), path.suffix, digest, taken)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    sync_folder(target.parent)
    return SavedFile(_below(folder, target), target.stat().st_size, digest)


def _name(folder: RunFolder, row: RowRecord, number: int) -> str:
    # No name of a plan holds a tilde, so these are not what a row is called.
    again = f"~r{row.kept + 1}" if row.kept else ""
    several = f"~{number}" if number > 1 else ""
    return f"{stem_of(folder, row)}{again}{several}"


def _free(
    folder: RunFolder, name: str, suffix: str, digest: str, taken: Container[str]
) -> Path:
    """Return the first path on which nothing lies but, after a crash, this very file."""

    def is_free(target: Path) -> bool:
        if _below(folder, target) in taken:
            return False
        return not target.exists() or (target.is_file() and _digest(target) == digest)

    besides = chain([""], map("~{}".format, count(2)))
    targets = (folder.path / f"{name}{beside}{suffix}" for beside in besides)
    return next(filter(is_free, targets))


def _below(folder: RunFolder, target: Path) -> str:
    return target.relative_to(folder.path).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
