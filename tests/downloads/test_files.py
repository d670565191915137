"""Files that are there completely or not at all."""

from __future__ import annotations

import asyncio
import gc
import threading

import anyio
import pytest

from aivideo_async.downloads.files import PartFile, file_stem, in_thread
from aivideo_async.downloads.media import BrokenMediaError
from tests.downloads.samples import PNG


def test_a_committed_file_has_its_final_name_only(tmp_path):
    """Nothing but the complete file is left in the folder."""
    part = PartFile(tmp_path / "new" / "folder", "t-1")
    part.write(PNG[:10])
    part.write(PNG[10:])
    path = part.commit()
    assert not part.is_open
    assert [path] == list((tmp_path / "new" / "folder").iterdir())
    assert PNG == path.read_bytes()


def test_a_file_has_no_final_name_before_it_is_complete(tmp_path):
    """Whoever looks into the folder early sees no half result."""
    part = PartFile(tmp_path, "t-1")
    part.write(PNG[:-1])
    assert [] == list(tmp_path.glob("t-1*"))
    with pytest.raises(BrokenMediaError):
        part.commit()
    part.discard()
    assert [] == list(tmp_path.iterdir())


def test_a_link_under_the_final_name_is_replaced_not_followed(tmp_path):
    """A link that lies in wait does not lead a result out of its folder."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "t-1.png").symlink_to(outside)
    part = PartFile(folder, "t-1")
    part.write(PNG)
    path = part.commit()
    assert "precious" == outside.read_text()
    assert not path.is_symlink()


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path, monkeypatch):
    """Even who guesses the name cannot make us write elsewhere, nor lose theirs."""
    monkeypatch.setattr("secrets.token_hex", lambda count: "guessed")
    (tmp_path / ".t-1.guessed.part").symlink_to(tmp_path / "outside")
    part = PartFile(tmp_path, "t-1")
    with pytest.raises(FileExistsError):
        part.write(PNG)
    part.discard()
    assert [".t-1.guessed.part"] == [path.name for path in tmp_path.iterdir()]


def test_discarding_twice_or_unopened_is_harmless(tmp_path):
    """Cleaning up needs no knowledge of how far it came."""
    part = PartFile(tmp_path, "t-1")
    part.discard()
    part.write(b"")
    part.discard()
    part.discard()
    assert [] == list(tmp_path.iterdir())


def test_nothing_cannot_be_committed(tmp_path):
    """Committing before the first write is a mistake, and makes no file."""
    with pytest.raises(ValueError, match="nothing was written"):
        PartFile(tmp_path, "t-1").commit()
    assert [] == list(tmp_path.iterdir())


def test_a_rewound_file_holds_only_what_comes_after(tmp_path):
    """Not even a longer beginning leaves a byte behind."""
    part = PartFile(tmp_path, "t-1")
    part.write(b"x" * 2 * len(PNG))
    part.rewind()
    part.write(PNG)
    assert PNG == part.commit().read_bytes()


@pytest.mark.parametrize("name", ["con", "NUL", "Aux", "com1", "LPT9"])
def test_names_of_devices_are_made_safe(name):
    """A folder can be copied to Windows, where these open a device."""
    assert f"{name}_" == file_stem(name, 0)
    assert f"{name}-2" == file_stem(name, 1)


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "a\\b", "c:", "a.b", "x" * 129, "a\0"]
)
def test_what_is_no_task_id_names_no_file(name):
    """Text of the server that could leave the folder never becomes a name."""
    with pytest.raises(ValueError, match="task id"):
        file_stem(name, 0)


async def test_in_thread_returns_and_raises_what_the_function_does():
    """It is a call like any other."""
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
async def test_a_cancel_waits_for_the_thread(fails, caplog):
    """After a cancelled step nothing works on: a second cancel changes nothing either."""
    started, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    done: list[bool] = []

    def work() -> None:
        loop.call_soon_threadsafe(started.set)
        go.wait()
        done.append(True)
        if fails:
            raise OSError("disk")

    job = loop.create_task(in_thread(work))
    await started.wait()
    for _ in range(2):
        job.cancel()
        await asyncio.sleep(0)
    still_there = not job.done()
    go.set()
    assert still_there
    with pytest.raises(asyncio.CancelledError):
        await job
    assert done == [True]
    gc.collect()
    assert caplog.records == []  # such as "exception was never retrieved"


async def test_a_cancelled_scope_waits_for_the_thread():
    """anyio's cancel, which comes again at every turn, waits as well."""
    started, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    done: list[bool] = []

    def work() -> None:
        loop.call_soon_threadsafe(started.set)
        go.wait()
        done.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(in_thread, work)
        await started.wait()
        group.cancel_scope.cancel()
        loop.call_soon(go.set)
    assert done == [True]
