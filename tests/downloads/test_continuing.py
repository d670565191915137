"""A download that breaks continues where it stopped, and never mixes two versions."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from multidict import CIMultiDict
from yarl import URL

from aivideo_async import Backoff, Emulator, GptImage2
from aivideo_async.downloads import Limits
from aivideo_async.downloads.files import PartFile
from aivideo_async.downloads.incoming import Incoming
from aivideo_async.downloads.progress import DownloadProgress, Meter
from aivideo_async.emulator import Rule, Scenario, acts
from aivideo_async.models import Task
from tests.downloads.helpers import (
    QUICK,
    completed,
    downloading,
    failure,
    names,
    no_look,
)
from tests.downloads.hosts import Answer, RawHost, answer, parts, raw_host, wanted
from tests.downloads.samples import CUT, PNG, TINY

PATIENT = Limits(pause=0.0, attempts=10_000)
LARGE = os.urandom(700_000)
"""Larger than what is held in memory, so that part of it is on the disk."""


async def save(host: RawHost, folder: Path, limits: Limits = QUICK) -> bytes:
    """Save the host's file and return what is in it."""
    async with downloading(host.origin, limits=limits) as downloader:
        [path] = await downloader.save(completed(host.origin), folder, refresh=no_look)
    assert [path.name] == names(folder)
    return path.read_bytes()


def starts(host: RawHost) -> list[int]:
    """Return from which byte on each request asked."""
    return [wanted(request)[0] for request in host.requests]


# --- arriving ---


@pytest.mark.slow
async def test_a_file_cut_at_any_byte_of_its_answer_arrives(tmp_path):
    """Also in the middle of the head; what came before the cut is not sent again."""
    whole = answer(TINY, 'ETag: "v1"', f"Content-Length: {len(TINY)}")
    head = len(whole) - len(TINY)
    for cut in range(1, len(whole)):
        async with raw_host(whole[:cut], parts(TINY)) as host:
            assert TINY == await save(host, tmp_path)
            assert max(0, cut - head) == starts(host)[-1]


@pytest.mark.slow
async def test_a_file_that_is_cut_every_few_bytes_arrives(tmp_path):
    """Each byte is sent once, however often the line breaks."""
    for step in range(1, len(TINY)):
        async with raw_host(parts(TINY, cut=step)) as host:
            assert TINY == await save(host, tmp_path, PATIENT)
            assert list(range(0, len(TINY), step)) == starts(host)


async def test_a_file_on_the_disk_is_continued_as_well(tmp_path):
    """In chunks that fit no buffer; little is sent twice."""
    async with raw_host(parts(LARGE, cut=90_001)) as host:
        assert LARGE == await save(host, tmp_path)
        assert starts(host)[0] == 0
        assert all(start > 0 for start in starts(host)[1:])


async def test_a_date_continues_a_file_too(tmp_path):
    """From a host that sends no ETag, if the file has not just been made."""
    dates = (
        "Last-Modified: Wed, 15 Apr 2026 12:00:00 GMT",
        "Date: Wed, 15 Apr 2026 13:00:00 GMT",
    )
    whole = answer(PNG, *dates, f"Content-Length: {len(PNG)}")
    where = f"Content-Range: bytes {CUT}-{len(PNG) - 1}/{len(PNG)}"
    rest = answer(PNG[CUT:], *dates, where, status="206 Partial Content")
    cut = len(whole) - len(PNG) + CUT
    async with raw_host(whole[:cut], rest) as host:
        assert PNG == await save(host, tmp_path)
        assert (CUT, dates[0].partition(": ")[2]) == wanted(host.requests[-1])


async def test_progress_renews_the_attempts(tmp_path):
    """A large file on a line that breaks often comes to its end."""
    async with raw_host(parts(LARGE, cut=70_000)) as host:
        assert LARGE == await save(host, tmp_path, Limits(pause=0.0, attempts=2))
        assert len(host.requests) >= 10


async def test_a_few_bytes_are_no_progress(tmp_path):
    """A host that never gets on is given up, or it would be asked for ever."""
    async with (
        raw_host(parts(LARGE, cut=1000)) as host,
        downloading(host.origin) as downloader,
    ):
        await failure(downloader, completed(host.origin), tmp_path)
        assert [0, 1000, 2000] == starts(host)
    assert names(tmp_path) == []


async def test_progress_long_ago_is_no_progress(tmp_path):
    """Each renewal has to be earned by new bytes."""
    good, bad = parts(LARGE, cut=70_000), parts(LARGE, cut=100)
    async with raw_host(good, bad) as host, downloading(host.origin) as downloader:
        await failure(downloader, completed(host.origin), tmp_path)
        assert [0, 70_000, 70_100] == starts(host)


async def test_one_attempt_is_one(tmp_path):
    """Also when it brought the file forward."""
    async with (
        raw_host(parts(LARGE, cut=70_000)) as host,
        downloading(host.origin, limits=Limits(attempts=1)) as downloader,
    ):
        await failure(downloader, completed(host.origin), tmp_path)
        assert [0] == starts(host)


async def test_the_same_bytes_again_are_no_progress(tmp_path):
    """A host that cannot continue a file does not renew its attempts."""
    cut = answer(LARGE[:300_000], f"Content-Length: {len(LARGE)}")
    async with raw_host(cut) as host, downloading(host.origin) as downloader:
        await failure(downloader, completed(host.origin), tmp_path)
        assert [0, 0, 0] == starts(host)


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(Limits(pause=0.0, stall=0.1), id="stall"),
        pytest.param(Limits(pause=0.0, total=0.1), id="total"),
    ],
)
async def test_a_file_continues_after_a_host_fell_silent(tmp_path, limits):
    """What came before the silence is kept."""
    silent = parts(LARGE, cut=100_000)
    async with raw_host(silent, parts(LARGE), hang_up=False) as host:
        assert LARGE == await save(host, tmp_path, limits)
        assert [0, 100_000] == starts(host)


async def test_a_trickle_is_given_up(tmp_path):
    """Bytes that come too slowly count as none, even if they never stop."""

    async def trickle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b""))
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server, raw_host() as host:
        origin = host.origin.with_port(server.sockets[0].getsockname()[1])
        limits = Limits(stall=0.05, attempts=1)
        async with downloading(origin, limits=limits) as downloader:
            error = await failure(downloader, completed(origin), tmp_path)
    assert "sent less than 64 KiB in 0.05 seconds" in str(error)


async def test_progress_falls_back_only_when_a_file_starts_over(tmp_path):
    """Whoever shows it sees the truth: a continued file goes on, another one restarts."""
    told: list[DownloadProgress] = []
    new = TINY[::-1]
    changes = parts(new, tag='"v2"')
    async with raw_host(parts(PNG, cut=CUT), parts(PNG, cut=10), changes) as host:
        async with downloading(host.origin) as downloader:
            [path] = await downloader.save(
                completed(host.origin),
                tmp_path,
                refresh=no_look,
                on_progress=told.append,
            )
    assert new == path.read_bytes()
    assert [0, CUT, CUT + 10] == starts(host)
    assert (len(new), len(new)) == (told[-1].received, told[-1].total)


# --- a fresh URL in the middle ---


async def _save_with_a_look(
    host: RawHost, old: str, new: str, folder: Path
) -> tuple[bytes, list[str]]:
    looks: list[str] = []

    async def look(task_id: str) -> Task:
        looks.append(task_id)
        return completed(f"{host.origin}{new}")

    async with downloading(host.origin) as downloader:
        task = completed(f"{host.origin}{old}")
        [path] = await downloader.save(task, folder, refresh=look)
    return path.read_bytes(), looks


async def test_a_url_that_expires_in_the_middle_is_replaced(tmp_path):
    """One look gives another signature, and the file continues there."""
    gone = answer(b"", status="403 Forbidden")
    async with raw_host(parts(PNG, cut=CUT), gone, parts(PNG)) as host:
        assert (PNG, ["t-1"]) == await _save_with_a_look(
            host, "/a.png?signature=1", "/a.png?signature=2", tmp_path
        )
        assert [0, CUT, CUT] == starts(host)


async def test_another_place_starts_over(tmp_path):
    """There, the same ETag may stand for another file."""
    gone = answer(b"", status="403 Forbidden")
    lie = parts(bytes(len(PNG)))
    async with raw_host(parts(PNG, cut=CUT), gone, lie, parts(PNG)) as host:
        assert (PNG, ["t-1"]) == await _save_with_a_look(
            host, "/a.png", "/b.png", tmp_path
        )
        assert [0, CUT, CUT, 0] == starts(host)


async def test_it_all_happens_with_the_emulator(tmp_path):
    """A file breaks off, its URL expires, and the rest comes from a fresh one."""
    breaks = Rule("file", acts.TRUNCATED, nth=1), Rule("file", acts.EXPIRED_FILE, nth=2)
    scenario = Scenario(name="breaks", rules=breaks)
    async with (
        Emulator(scenario, speed=1e6) as emulator,
        emulator.client(polling=Backoff(initial=0.0, cap=0.0)) as client,
        downloading(URL(emulator.url)) as downloader,
    ):
        task = await client.generate(GptImage2("a red mug"))
        [path] = await downloader.save(task, tmp_path, refresh=client.get_task)
        [again] = await downloader.save(task, tmp_path / "again", refresh=no_look)
    files = [each.status for each in emulator.requests if "/files/" in each.path]
    assert [200, 403, 206, 200] == files
    assert again.read_bytes() == path.read_bytes()
    emulator.ledger.assert_clean()


# --- never two versions in one file ---

OLD, NEW = b"o" * 1000, b"n" * 1000


@pytest.mark.parametrize("size", [1000, 700_000], ids=["in-memory", "on-disk"])
async def test_a_file_that_changes_in_the_middle_starts_over(tmp_path, size):
    """The host names its versions: all of the new one, nothing of the old."""
    old, new = b"o" * size, b"n" * (size - 10)
    changed = parts(new, tag='"v2"', cut=size // 2)
    async with raw_host(
        parts(old, cut=size // 2), changed, parts(new, tag='"v2"')
    ) as host:
        assert new == await save(host, tmp_path)


def _part(start: int, *headers: str, status: str = "206 Partial Content") -> bytes:
    return answer(NEW[start:], *headers, status=status)


WRONG = {
    "another-version": _part(500, 'ETag: "v2"', "Content-Range: bytes 500-999/1000"),
    "no-version": _part(500, "Content-Range: bytes 500-999/1000"),
    "weak-version": _part(500, 'ETag: W/"v1"', "Content-Range: bytes 500-999/1000"),
    "another-part": _part(400, 'ETag: "v1"', "Content-Range: bytes 400-999/1000"),
    "another-size": _part(500, 'ETag: "v1"', "Content-Range: bytes 500-999/1001"),
    "no-part": _part(500, 'ETag: "v1"'),
    "several-parts": _part(
        500, 'ETag: "v1"', "Content-Type: multipart/byteranges; boundary=x"
    ),
    "too-long": answer(
        NEW[400:],
        'ETag: "v1"',
        "Content-Range: bytes 500-999/1000",
        status="206 Partial Content",
    ),
    "too-short": answer(
        NEW[600:],
        'ETag: "v1"',
        "Content-Range: bytes 500-999/1000",
        status="206 Partial Content",
    ),
    "not-satisfiable": _part(
        500, "Content-Range: bytes */1000", status="416 Range Not Satisfiable"
    ),
    "not-understood": _part(500, status="400 Bad Request"),
    "not-implemented": _part(500, status="412 Precondition Failed"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_doubtful_rest_is_thrown_away(tmp_path, wrong):
    """The next request asks for everything, and gets one version only."""
    async with raw_host(parts(OLD, cut=500), wrong, parts(NEW, tag='"v2"')) as host:
        assert NEW == await save(host, tmp_path)
        assert [0, 500, 0] == starts(host)


async def test_a_part_that_nobody_asked_for_is_no_file(tmp_path):
    """A host that answers a plain request by a part is not believed at all."""
    part = _part(0, 'ETag: "v1"', "Content-Range: bytes 0-999/1000")
    async with raw_host(part) as host, downloading(host.origin) as downloader:
        error = await failure(downloader, completed(host.origin), tmp_path)
        assert 1 == len(host.requests)
    assert "answered 206" in str(error)


async def test_a_broken_result_is_not_continued(tmp_path):
    """What passes as whole and is not would stay broken: it is fetched anew."""
    broken = parts(PNG[:CUT])
    async with raw_host(broken, parts(PNG)) as host:
        assert PNG == await save(host, tmp_path)
        assert [0, 0] == starts(host)


@st.composite
def odd_answers(draw: st.DrawFn) -> Answer:
    """Answer with any version, cut anywhere, and ask for trouble if asked for a part."""
    size = draw(st.sampled_from([50, 51]))
    letter = draw(st.sampled_from("ABC"))
    start = draw(st.integers(0, size - 1))
    cut = draw(st.none() | st.integers(0, size))
    tag = draw(st.sampled_from([f'"{letter}{size}"', f'W/"{letter}"']))
    body = letter.encode() * size
    where = f"Content-Range: bytes {start}-{size - 1}/{size}"
    part = answer(body[start:][:cut], f"ETag: {tag}", where, status="206 Part")
    refusal = answer(b"", status=draw(st.sampled_from(["416 No", "412 No"])))
    to_a_part = draw(st.sampled_from([parts(body, tag=tag, cut=cut), part, refusal]))

    def respond(request: bytes) -> bytes:
        given = to_a_part if wanted(request)[0] else parts(body, tag=tag, cut=cut)
        return given if isinstance(given, bytes) else given(request)

    return respond


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(odd_answers(), max_size=8))
def test_a_saved_file_is_one_version_whatever_the_host_does(tmp_path_factory, answers):
    """As long as one ETag means one content, no two contents are ever mixed."""
    folder = tmp_path_factory.mktemp("any")

    async def saved() -> bytes:
        async with raw_host(*answers, parts(b"Z" * 60, tag='"last"')) as host:
            return await save(host, folder, PATIENT)

    content = asyncio.run(saved())
    assert 1 == len(set(content))
    assert len(content) in {50, 51, 60}


async def test_only_what_is_missing_is_asked_for(tmp_path):
    """With nothing there, or all of it, there is no rest to ask for."""
    head = CIMultiDict({"ETag": '"v1"', "Content-Length": "10"})
    async with Incoming(PartFile(tmp_path, "t-1"), Meter(None, "t-1", 0)) as file:
        assert {} == file.ask()
        await file.begin(200, "https://files.example/a", head)
        assert {} == file.ask()
        await file.add(bytes(4))
        assert "bytes=4-" == file.ask()["Range"]
        await file.add(bytes(6))
        assert {} == file.ask()


async def test_what_a_cancelled_write_left_is_not_continued(tmp_path):
    """Nobody knows whether the disk took it: the file starts over."""
    part = PartFile(tmp_path, "t-1")
    async with Incoming(part, Meter(None, "t-1", 0)) as file:
        head = {"ETag": '"v1"', "Content-Length": "900000"}
        await file.begin(200, "https://files.example/a", CIMultiDict(head))
        await file.add(bytes(1000))
        assert 1000 == file.kept
        job = asyncio.get_running_loop().create_task(file.add(bytes(500_000)))
        await asyncio.sleep(0)
        job.cancel()
        await asyncio.wait([job])
        assert job.cancelled()
        assert (0, {}) == (file.kept, file.ask())
        await file.begin(200, "https://files.example/a", CIMultiDict())
        await file.add(PNG)
        assert PNG == (await file.finish()).read_bytes()
