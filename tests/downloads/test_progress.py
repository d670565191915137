"""How far a download is, told to whoever asked."""

from __future__ import annotations

import logging

import pytest

from aivideo_async import DownloadProgress
from aivideo_async.downloads.progress import Meter
from tests.downloads.helpers import completed, downloading, failure, no_look
from tests.downloads.hosts import answer, parts, raw_host
from tests.downloads.samples import CUT, PNG


def test_a_listener_hears_at_most_ten_times_a_second():
    """Chunks may come as fast as they like; the end is always told."""
    heard: list[DownloadProgress] = []
    meter = Meter(heard.append, "t-1", 0)
    for step in range(1000):
        meter.show(step, 1000, now=50 + step / 1000)
    meter.finish(1000)
    assert [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000] == pytest.approx(
        [progress.received for progress in heard], abs=10
    )
    assert [False] * 10 + [True] == [progress.done for progress in heard]


def test_a_listener_that_raises_is_told_no_more(caplog):
    """It is logged once, and nothing comes of it."""
    calls: list[DownloadProgress] = []

    def broken(progress: DownloadProgress) -> None:
        calls.append(progress)
        raise ZeroDivisionError

    meter = Meter(broken, "t-1", 0)
    meter.show(0, None, now=0.0)
    meter.finish(10)
    [record] = caplog.records
    assert 1 == len(calls)
    assert logging.ERROR == record.levelno
    assert "on_progress raised" in record.message


def test_an_interrupt_is_not_taken_for_a_mistake_of_the_listener():
    """Ctrl-C ends the program wherever it arrives."""

    def interrupted(progress: DownloadProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Meter(interrupted, "t-1", 0).finish(10)


async def test_each_file_tells_its_start_and_its_end(tmp_path):
    """With its task, its place, its size, and that it is there."""
    heard: list[DownloadProgress] = []
    async with raw_host(parts(PNG)) as host, downloading(host.origin) as downloader:
        task = completed(host.origin, host.origin)
        await downloader.save(task, tmp_path, refresh=no_look, on_progress=heard.append)
    for index in range(2):
        own = [progress for progress in heard if progress.index == index]
        start = DownloadProgress(
            task_id="t-1", index=index, received=0, total=len(PNG), done=False
        )
        end = DownloadProgress(
            task_id="t-1", index=index, received=len(PNG), total=len(PNG), done=True
        )
        assert (start, end) == (own[0], own[-1])


async def test_a_size_that_is_not_told_is_none_until_the_end(tmp_path):
    """Nothing is guessed."""
    heard: list[DownloadProgress] = []
    async with raw_host(answer(PNG)) as host, downloading(host.origin) as downloader:
        await downloader.save(
            completed(host.origin), tmp_path, refresh=no_look, on_progress=heard.append
        )
    *before, last = (progress.total for progress in heard)
    assert {None} == set(before)
    assert len(PNG) == last


async def test_the_file_is_there_when_its_listener_hears_so(tmp_path):
    """Whoever acts on ``done`` finds the whole file."""
    found: list[bytes] = []

    def look(progress: DownloadProgress) -> None:
        if progress.done:
            found.append((tmp_path / "t-1.png").read_bytes())

    async with raw_host(parts(PNG)) as host, downloading(host.origin) as downloader:
        await downloader.save(
            completed(host.origin), tmp_path, refresh=no_look, on_progress=look
        )
    assert [PNG] == found


async def test_a_listener_that_raises_costs_no_file(tmp_path, caplog):
    """The download does not even notice."""

    def broken(progress: DownloadProgress) -> None:
        raise ZeroDivisionError

    async with raw_host(parts(PNG)) as host, downloading(host.origin) as downloader:
        [path] = await downloader.save(
            completed(host.origin), tmp_path, refresh=no_look, on_progress=broken
        )
    assert PNG == path.read_bytes()
    assert 1 == len(caplog.records)


async def test_a_file_that_never_comes_is_never_done(tmp_path):
    """The error of the call says why."""
    heard: list[DownloadProgress] = []
    half = answer(PNG[:CUT], f"Content-Length: {len(PNG)}")
    async with raw_host(half) as host, downloading(host.origin) as downloader:
        await failure(
            downloader, completed(host.origin), tmp_path, on_progress=heard.append
        )
    assert heard
    assert not any(progress.done for progress in heard)
