"""What breaks on the way, and what is tried again."""

from __future__ import annotations

import gzip

import pytest
from aiohttp import web

from aivideo_async.downloads import Limits
from tests.downloads.helpers import (
    completed,
    downloading,
    failure,
    names,
    no_look,
)
from tests.downloads.hosts import answer, hosting, raw_host
from tests.downloads.samples import CUT, PNG

TRUNCATED = {
    "content-length": answer(PNG[:CUT], f"Content-Length: {len(PNG)}"),
    "chunked": answer(
        b"%x\r\n%b" % (len(PNG), PNG[:CUT]), "Transfer-Encoding: chunked"
    ),
    "hang-up": answer(PNG[:CUT]),
    "gzip": answer(gzip.compress(PNG)[:CUT], "Content-Encoding: gzip"),
    "empty": answer(b""),
    "no-answer": b"",
    "not-http": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("broken", TRUNCATED.values(), ids=TRUNCATED.keys())
async def test_a_broken_answer_is_fetched_again(tmp_path, broken):
    """Whatever breaks on the way, and nothing tells what would continue it."""
    async with (
        raw_host(broken, broken, answer(PNG)) as host,
        downloading(host.origin) as downloader,
    ):
        [path] = await downloader.save(
            completed(host.origin), tmp_path, refresh=no_look
        )
    assert PNG == path.read_bytes()
    assert names(tmp_path) == ["t-1.png"]


@pytest.mark.parametrize(
    "broken",
    [TRUNCATED["content-length"], TRUNCATED["hang-up"], answer(b"<html>")],
    ids=["content-length", "hang-up", "page"],
)
async def test_a_file_that_stays_broken_is_an_error(tmp_path, broken):
    """Three attempts, and nothing is left in the folder."""
    async with raw_host(broken) as host, downloading(host.origin) as downloader:
        error = await failure(downloader, completed(host.origin), tmp_path)
        assert len(host.requests) == 3
    assert names(tmp_path) == []
    assert "call download again" in str(error)
    assert error.task_id == "t-1"


@pytest.mark.parametrize(
    ("status", "attempts"),
    [(500, 3), (503, 3), (429, 3), (408, 3), (204, 1), (206, 1), (302, 1), (400, 1)],
)
async def test_only_what_may_pass_is_tried_again(tmp_path, status, attempts):
    """A busy or broken host gets another chance, a refusal does not."""
    raw = answer(b"", "Content-Length: 0", status=f"{status} Whatever")
    async with raw_host(raw) as host, downloading(host.origin) as downloader:
        error = await failure(downloader, completed(host.origin), tmp_path)
        assert attempts == len(host.requests)
    assert f"answered {status}" in str(error)


async def test_retry_after_is_obeyed(tmp_path):
    """The host's own word replaces our pause, which here would be too long for a test."""
    busy = answer(b"", "Retry-After: 0.01", status="429 Slow Down")
    async with (
        raw_host(busy, answer(PNG)) as host,
        downloading(host.origin, limits=Limits(pause=1000.0)) as downloader,
    ):
        assert await downloader.save(completed(host.origin), tmp_path, refresh=no_look)


@pytest.mark.parametrize(
    ("limits", "words", "attempts"),
    [
        pytest.param(
            Limits(stall=0.05, pause=0),
            "sent less than 64 KiB in 0.05 seconds",
            3,
            id="no-bytes",
        ),
        pytest.param(
            Limits(total=0.05, pause=0), "took over 0.05 seconds", 1, id="too-long"
        ),
    ],
)
async def test_a_host_that_stalls_is_given_up(tmp_path, limits, words, attempts):
    """Half a file and then silence ends as an error, and leaves nothing."""
    half = answer(PNG[:CUT], f"Content-Length: {len(PNG)}")
    async with (
        raw_host(half, hang_up=False) as host,
        downloading(host.origin, limits=limits) as downloader,
    ):
        error = await failure(downloader, completed(host.origin), tmp_path)
        assert attempts == len(host.requests)
    assert words in str(error)
    assert names(tmp_path) == []


BOMB = gzip.compress(bytes(10_000_000))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(answer(bytes(70_000)), id="plain"),
        pytest.param(answer(BOMB, "Content-Encoding: gzip"), id="bomb"),
    ],
)
async def test_received_bytes_are_counted_and_capped(tmp_path, raw):
    """No host can fill the disk, also not with few bytes that unpack to many."""
    async with (
        raw_host(raw) as host,
        downloading(host.origin, limits=Limits(max_bytes=65_536)) as downloader,
    ):
        error = await failure(downloader, completed(host.origin), tmp_path)
        assert len(host.requests) == 1
    assert "larger than 65536 bytes" in str(error)
    assert names(tmp_path) == []


async def test_a_file_that_is_announced_too_large_is_not_even_begun(tmp_path):
    """The host need not send a byte of it."""
    raw = answer(b"", "Content-Length: 70000")
    async with (
        raw_host(raw, hang_up=False) as host,
        downloading(host.origin, limits=Limits(max_bytes=65_536)) as downloader,
    ):
        error = await failure(downloader, completed(host.origin), tmp_path)
    assert "larger than 65536 bytes" in str(error)


async def test_one_bad_file_does_not_cost_its_siblings(tmp_path):
    """What can be saved is saved; the error is that of the first in url order."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        status = 200 if request.path == "/good" else 400
        return web.Response(body=PNG, status=status)

    async with hosting(handler) as origin, downloading(origin) as downloader:
        task = completed(origin / "bad", origin / "good", origin / "worse")
        error = await failure(downloader, task, tmp_path)
    assert names(tmp_path) == ["t-1-2.png"]
    assert f"{origin}/bad answered 400" in str(error)
