"""Where pictures go: what lies there already stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from aivideo_async import DownloadError, GptImage2
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.placing import place
from aivideo_async.journal import PlannedRow, Record, RowRecord, SavedFile, State

Place = Callable[..., list[SavedFile]]


def row(*files: SavedFile, kept: int = 0) -> RowRecord:
    """Return a row that is called ``mug``, and what it has on disk."""
    request = GptImage2("a mug", key="MUG")
    body, path = request.body(), request.endpoint
    return RowRecord(
        position=0,
        planned=PlannedRow(
            key="MUG", sku="MUG", variant=1, line=2, name="mug", cells={}, model="m",
            path=path, body=body, fingerprint="f", price=None,
        ),
        record=Record(
            item=1, attempt=1, key="MUG", fingerprint="f", state=State.DONE, model="m",
            method="POST", path=path, price=None, callback_url=None, task_id="t-1",
            evidence=None, answer=None, intended_at=None, ended_at=None, claimed=True,
            word=None,
        ),
        attempts=1,
        files=files,
        kept=kept,
    )  # fmt: skip


@pytest.fixture
def arrive(tmp_path: Path) -> Place:
    """Place pictures of these contents: ``arrive(row, *contents, taken=())``."""

    def arrived(
        one: RowRecord, *contents: bytes, taken: Collection[str] = ()
    ) -> list[SavedFile]:
        paths = [tmp_path / f"{number}.png" for number, _ in enumerate(contents)]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        files = place(RunFolder(tmp_path), one, paths, taken)
        assert not any(path.exists() for path in paths)
        return files

    return arrived


def names(files: list[SavedFile]) -> list[str]:
    """Return where the files lie."""
    return [file.path for file in files]


def test_each_has_the_name_of_the_plan(arrive: Place):
    """A second one has its number, too."""
    files = arrive(row(), b"1", b"2")
    assert ["images/mug.png", "images/mug~2.png"] == names(files)


def test_another_attempt_has_another_name(arrive: Place):
    """What was paid for before is not overwritten."""
    assert ["images/mug~r3.png"] == names(arrive(row(kept=2), b"1"))


def test_a_path_that_belongs_to_another_is_not_taken(arrive: Place):
    """Though nothing lies there at the moment."""
    files = arrive(row(), b"1", taken={"images/mug.png", "images/mug~2.png"})
    assert ["images/mug~3.png"] == names(files)


def test_somebodys_own_file_is_not_overwritten(arrive: Place, tmp_path: Path):
    """Of which the journal knows nothing."""
    own = tmp_path / "images/mug.png"
    own.parent.mkdir()
    own.write_bytes(b"own")
    assert ["images/mug~2.png"] == names(arrive(row(), b"1"))
    assert b"own" == own.read_bytes()


def test_what_a_crash_left_unnoted_is_no_second_picture(arrive: Place):
    """The very same bytes have the name already."""
    assert arrive(row(), b"1", b"2") == arrive(row(), b"1", b"2")


def test_of_several_only_what_is_missing_is_replaced(arrive: Place, tmp_path: Path):
    """What was retouched meanwhile stays, and each keeps its place."""
    files = arrive(row(), b"1", b"2")
    (tmp_path / files[0].path).write_bytes(b"retouched")
    (tmp_path / files[1].path).unlink()
    assert files == arrive(row(*files), b"1", b"2")
    assert b"retouched" == (tmp_path / files[0].path).read_bytes()
    assert b"2" == (tmp_path / files[1].path).read_bytes()


def test_a_folder_that_cannot_be_made_is_told(arrive: Place, tmp_path: Path):
    """Nothing is lost by it."""
    (tmp_path / "images").touch()
    with pytest.raises(DownloadError, match="'MUG' cannot be put in their place"):
        arrive(row(), b"1")
