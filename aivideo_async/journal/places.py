"""
Where a journal may lie, how its file comes about, and how a file is known for one.

SQLite's write-ahead log needs memory that all its users share, which a network file
system does not give: two machines would each believe that they are alone. So these are
refused; on Linux, that is, since only there the system tells without being asked twice.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from aivideo_async.errors import ConfigurationError, JournalError
from aivideo_async.journal.schema import is_marked, no_journal

__all__ = [
    "check_file",
    "check_place",
    "connect",
    "create",
    "disk_errors",
    "is_begun",
    "network_filesystem",
    "read_path",
]

_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gcsfuse", "glusterfs", "gpfs"}
    | {"lustre", "ncpfs", "nfs", "nfs4", "rclone", "s3fs", "smb3", "smbfs", "sshfs"}
)
_MOUNTS = Path("/proc/self/mountinfo")


def read_path(path: str | os.PathLike[str]) -> Path:
    """
    Read the path that a caller gave.

    Raises:
        ConfigurationError: It is none.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigurationError(
            f"journal={path!r} is no path: give the name of a file, such as 'jobs.db'."
        )
    return Path(text)


def check_place(path: Path) -> None:
    """
    Check that *path* does not lie on a network file system, where that can be known.

    Raises:
        ConfigurationError: It does.
    """
    try:
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        return
    kind = network_filesystem(str(path), mounts)
    if kind is not None:
        raise ConfigurationError(
            f"The journal {str(path)!r} would lie on a network file system ({kind}), "
            "where its locks and its flushes cannot be relied upon: choose a folder on "
            "a disk of this machine. Nothing was sent."
        )


def network_filesystem(path: str, mounts: str) -> str | None:
    """
    Return the type of the file system that holds *path*, if it is a network's.

    Args:
        path: An absolute path without links.
        mounts: What ``/proc/self/mountinfo`` says.

    Example:
        >>> mounts = "24 1 8:1 / / rw - ext4 /dev/sda1 rw"
        >>> mounts += "\\n25 24 0:40 / /home/a\\\\040b rw - nfs4 host:/b rw"
        >>> network_filesystem("/home/a b/jobs.db", mounts)
        'nfs4'
    """
    found, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = _unescaped(before.split()[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:  # a later mount hides an earlier one
            found, longest = after.split()[0], len(point)
    kind = found.removeprefix("fuse.")
    return kind if kind in _NETWORK else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def create(path: Path) -> bool:
    """
    Make an empty file that only its owner may read, for prompts may be private.

    Returns:
        False if something is there already.
    """
    try:
        # Closing a file drops SQLite's locks on it, but nobody can have locked this one.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_file(path: Path) -> None:
    """
    Check that the file may be a journal, or is empty, without touching it.

    What a crash left half written is seen only when it is used: see `migrate` and `check_version`.

    Raises:
        ConfigurationError: It is something else.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode) or (about.st_size and not _may_be_one(path)):
        raise no_journal(path)


def _may_be_one(path: Path) -> bool:
    # As SQLite's "immutable" it is neither locked nor recovered nor checkpointed; but
    # what stands in a log beside it is not seen then, so that one is read along.
    log = path.with_name(f"{path.name}-wal")
    with closing(connect(path, "ro" if log.exists() else "ro&immutable=1")) as db:
        try:
            return is_marked(db)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB


def is_begun(path: Path) -> bool:
    """
    Tell whether there is a journal; a file in which a full disk let none begin is none.

    What is something else, or cannot be read, passes: whoever opens it says why.
    """
    if not path.is_file():
        return path.exists()
    try:
        with closing(connect(path.absolute(), "rw")) as db:
            (changes,) = db.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error:
        return True
    return bool(changes)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file that is there; commits are said, not guessed, by us."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=1.0,
    )


@contextmanager
def disk_errors(path: Path, doing: str, advice: str) -> Iterator[None]:
    """Raise what the disk says as `JournalError`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise JournalError(
            f"The journal {str(path)!r} cannot be {doing}: {reason(error)}. {advice}"
        ) from error


def reason(error: BaseException) -> str:
    """Say in a few words what the disk said."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
