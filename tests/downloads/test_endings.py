"""Cancels, full disks, closing: what a download leaves when it cannot go on."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from aivideo_async.downloads import Limits
from tests.downloads.helpers import (
    NO_SECOND_TRY,
    completed,
    downloading,
    failure,
    names,
    no_look,
    part_file,
    serving,
)
from tests.downloads.hosts import answer, hosting, raw_host
from tests.downloads.samples import PNG

# --- cancels ---


async def _cancel_a_scope(save: Any, folder: Path) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(save)
        await part_file(folder)
        group.cancel_scope.cancel()


async def _cancel_a_task(save: Any, folder: Path) -> None:
    job = asyncio.get_running_loop().create_task(save())
    await part_file(folder)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job


async def _run_out_of_time(save: Any, folder: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await save()


@pytest.mark.parametrize("cancel", [_cancel_a_scope, _cancel_a_task, _run_out_of_time])
async def test_a_cancel_in_mid_download_leaves_no_file(tmp_path, cancel):
    """When the cancelled call is over, so is everything that it began."""
    half = answer(bytes(1_000_000), "Content-Length: 2000000")
    async with (
        raw_host(half, hang_up=False) as host,
        downloading(host.origin) as downloader,
    ):
        task = completed(host.origin, host.origin)
        await cancel(lambda: downloader.save(task, tmp_path, refresh=no_look), tmp_path)
        assert names(tmp_path) == []


async def test_a_cancel_at_any_turn_leaves_all_or_nothing(tmp_path):
    """No instant of a download leaves a half file or a temporary one."""
    loop = asyncio.get_running_loop()
    async with hosting(serving(PNG)) as origin, downloading(origin) as downloader:
        for turns in range(120):
            job = loop.create_task(
                downloader.save(completed(origin), tmp_path, refresh=no_look)
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            job.cancel()
            await asyncio.wait([job])
            assert set(names(tmp_path)) <= {"t-1.png"}


# --- disks ---


@pytest.fixture
def tiny_disk():
    """Let no file of this process grow beyond 100 kB, as a full disk would."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("tiny_disk")
async def test_a_full_disk_is_a_clear_error(tmp_path):
    """It names the folder and the cause, and takes its temporary file away."""
    body = bytes(1_000_000)
    async with hosting(serving(body)) as origin, downloading(origin) as downloader:
        error = await failure(downloader, completed(origin), tmp_path)
    assert f"writing to {tmp_path} failed (File too large)" in str(error)
    assert isinstance(error.__cause__, OSError)
    assert names(tmp_path) == []


async def test_a_disk_that_is_full_at_the_last_moment_is_a_clear_error(
    tmp_path, monkeypatch
):
    """Some disks say so only when they are asked whether all is safe."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    async with hosting(serving(PNG)) as origin, downloading(origin) as downloader:
        error = await failure(downloader, completed(origin), tmp_path)
    assert f"writing to {tmp_path} failed (No space left on device)" in str(error)
    assert "call download again" in str(error)
    assert names(tmp_path) == []


async def test_a_slow_disk_is_no_slow_host(tmp_path, monkeypatch):
    """Once every byte is here, no time limit throws them away."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: threading.Event().wait(0.1))
    limits = Limits(stall=0.05, total=0.05, attempts=1)
    async with (
        hosting(serving(PNG)) as origin,
        downloading(origin, limits=limits) as downloader,
    ):
        assert await downloader.save(completed(origin), tmp_path, refresh=no_look)


async def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path):
    """The reason is the disk's own."""
    (tmp_path / "out").write_text("")
    async with hosting(serving(PNG)) as origin, downloading(origin) as downloader:
        error = await failure(downloader, completed(origin), tmp_path / "out")
    assert f"writing to {tmp_path / 'out'} failed (File exists)" in str(error)


async def test_a_name_that_is_a_folder_is_a_clear_error(tmp_path):
    """What cannot be replaced is left alone, and nothing lies beside it."""
    (tmp_path / "t-1.png").mkdir()
    async with hosting(serving(PNG)) as origin, downloading(origin) as downloader:
        error = await failure(downloader, completed(origin), tmp_path)
    assert "Is a directory" in str(error)
    assert names(tmp_path) == ["t-1.png"]


# --- closing ---


@pytest.mark.parametrize("saves", [0, 1])
async def test_a_closed_downloader_saves_nothing(tmp_path, saves):
    """Closing is idempotent, and what comes later opens no new connection."""
    async with (
        raw_host(answer(PNG)) as host,
        downloading(host.origin, limits=NO_SECOND_TRY) as downloader,
    ):
        for _ in range(saves):
            await downloader.save(completed(host.origin), tmp_path, refresh=no_look)
        await downloader.aclose()
        error = await failure(downloader, completed(host.origin), tmp_path)
        assert saves == len(host.requests)
    assert "the client was closed" in str(error)


async def test_closing_ends_the_downloads_under_way(tmp_path):
    """They fail like any broken download and leave nothing."""
    half = answer(bytes(1_000_000), "Content-Length: 2000000")
    async with (
        raw_host(half, hang_up=False) as host,
        downloading(host.origin) as downloader,
        asyncio.TaskGroup() as group,
    ):
        job = group.create_task(failure(downloader, completed(host.origin), tmp_path))
        await part_file(tmp_path)
        await downloader.aclose()
        assert "closed" in str(await job)
    assert names(tmp_path) == []
