"""Where a journal may lie, and what may name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aivideo_async import ConfigurationError
from aivideo_async.journal import Journal, places
from tests.journal.helpers import KEY, ORIGIN, opened, run
from tests.warp import warped

MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:40 / /mnt/nas rw - nfs4 nas:/export rw,vers=4.2
23 22 8:2 / /mnt/nas/local rw - xfs /dev/sdb1 rw
24 21 0:41 / /mnt/my\\040share rw - cifs //nas/share rw
25 21 0:42 / /mnt/ssh rw - fuse.sshfs me@host:/ rw
26 21 0:43 / /mnt/hidden rw - nfs nas:/old rw
27 26 8:3 / /mnt/hidden rw - ext4 /dev/sdc1 rw
28 21 0:44 / /mnt/c rw - 9p drvfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/jobs.db", None),
        ("/mnt/nas/jobs.db", "nfs4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas2/jobs.db", None),
        ("/mnt/nas/local/jobs.db", None),
        ("/mnt/my share/jobs.db", "cifs"),
        ("/mnt/ssh/a/b/jobs.db", "sshfs"),
        ("/mnt/hidden/jobs.db", None),
        ("/mnt/c/jobs.db", "9p"),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str | None):
    """A later mount on the same folder hides the earlier one."""
    assert kind == places.network_filesystem(path, MOUNTS)


@warped
async def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch):
    """Before anything is made there."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"21 1 0:40 / {tmp_path} rw - nfs4 nas:/export rw\n")
    monkeypatch.setattr(places, "_MOUNTS", mounts)
    with pytest.raises(ConfigurationError, match=r"network file system \(nfs4\)"):
        Journal(tmp_path / "jobs.db").open(origin=ORIGIN, key_fingerprint=KEY)
    assert not (tmp_path / "jobs.db-lock").exists()


@warped
async def test_elsewhere_than_on_linux_the_place_is_not_checked(
    tmp_path: Path, monkeypatch
):
    """There is nothing to ask."""
    monkeypatch.setattr(places, "_MOUNTS", tmp_path / "not here")
    async with opened(tmp_path / "jobs.db") as journal:
        await run(journal, "mug", "t-1")


@pytest.mark.parametrize("path", ["", None, 7, b"jobs.db", "jobs\0.db"], ids=repr)
def test_what_is_no_path_is_refused(path):
    """When the journal is made, not when it is first needed."""
    with pytest.raises(ConfigurationError, match="no path"):
        Journal(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", False), (b"hello", True)],
    ids=["empty", "another's"],
)
def test_an_empty_file_is_no_journal_yet(
    content: bytes, expected: bool, tmp_path: Path
):
    """What is something else passes, for whoever opens it says what it is."""
    path = tmp_path / "jobs.db"
    assert not places.is_begun(path)
    path.write_bytes(content)
    assert expected is places.is_begun(path)
