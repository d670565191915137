"""
Where pictures go: a folder, or one file; checked before anything is bought.

A picture that was paid for is never written over another one.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import click
from attrs import frozen

from aivideo_async.cli.exits import DiskError
from aivideo_async.models.text import printable

__all__ = ["Target"]

PICTURES = {".png", ".jpg", ".jpeg", ".webp"}
OTHERS = {".avif", ".bmp", ".gif", ".heic", ".tif", ".tiff"}


@frozen
class Target:
    """
    A folder, and the name of a picture in it if one was given.

    Attributes:
        folder: Where pictures are saved.
        name: What the only picture is called; None to name it by its task.
    """

    folder: Path
    name: Path | None = None

    @classmethod
    def read(cls, output: Path, count: int) -> Target:
        """
        Read what ``-o`` says for *count* pictures.

        Raises:
            click.UsageError: It names one file for several, or one that exists.
        """
        suffix, shown = output.suffix.lower(), printable(str(output))
        if suffix in OTHERS and not output.is_dir():
            raise click.UsageError(
                f"-o {shown}: pictures are not made as {suffix}. Use .png, or name a folder."
            )
        if suffix not in PICTURES or output.is_dir():
            return cls(output)
        if count > 1:
            raise click.UsageError(
                f"-o {shown} is one file for {count} pictures: name a folder."
            )
        if output.exists():
            raise click.UsageError(
                f"{shown} exists and is not replaced: choose another name."
            )
        return cls(output.parent, output)

    def check(self) -> None:
        """
        Make the folder, and see that it can be written.

        Raises:
            DiskError: It cannot; nothing was bought.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise DiskError(
                f"{printable(str(self.folder))} cannot be written "
                f"({error.strerror}). Nothing was bought."
            ) from None

    def place(self, paths: list[Path]) -> list[Path]:
        """
        Give the picture its name, with the suffix of what it really is.

        A task's further files keep theirs, and so does one that cannot have it.
        """
        first, *others = paths
        if self.name is not None:
            wanted = self.name
            if first.suffix != ".jpg" or wanted.suffix.lower() != ".jpeg":
                wanted = wanted.with_suffix(first.suffix)
            if not wanted.exists():
                with suppress(OSError):  # it is saved, and that counts
                    first = first.rename(wanted)
        return [first, *others]
