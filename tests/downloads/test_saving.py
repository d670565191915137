"""A task's files, from real hosts into real folders."""

from __future__ import annotations

import asyncio
import gzip
import os
import ssl

import pytest
import trustme
from aiohttp import web

from aivideo_async.errors import NetworkError, OutputExpiredError
from aivideo_async.models import Task, TaskStatus
from tests.downloads.helpers import (
    NO_SECOND_TRY,
    completed,
    downloading,
    failure,
    names,
    no_look,
    serving,
)
from tests.downloads.hosts import Handler, answer, hosting, raw_host
from tests.downloads.samples import JPEG, PNG, SIGNED

# --- what arrives ---


async def test_files_are_named_in_url_order_by_their_content(tmp_path):
    """The first file has the task's name, the next are numbered; content is kept."""
    files = {"/a": PNG, "/b": JPEG, "/c": b"new format"}

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=files[request.path], content_type="text/plain")

    async with hosting(handler) as origin, downloading(origin) as downloader:
        task = completed(origin / "a", origin / "b", origin / "c")
        folder = tmp_path / "new" / "out"
        paths = await downloader.save(task, str(folder), refresh=no_look)

    expected = [folder / "t-1.png", folder / "t-1-2.jpg", folder / "t-1-3.bin"]
    assert expected == paths
    assert list(files.values()) == [path.read_bytes() for path in paths]
    assert len(names(folder)) == 3


async def test_a_file_larger_than_any_buffer_arrives_unchanged(tmp_path):
    """Many chunks make the same file."""
    body = os.urandom(3_000_001)
    async with hosting(serving(body)) as origin, downloading(origin) as downloader:
        [path] = await downloader.save(completed(origin), tmp_path, refresh=no_look)
    assert body == path.read_bytes()


async def test_saving_again_replaces_the_file(tmp_path):
    """What lies there already is overwritten in one step."""
    (tmp_path / "t-1.png").write_bytes(b"old")
    async with hosting(serving(PNG)) as origin, downloading(origin) as downloader:
        [path] = await downloader.save(completed(origin), tmp_path, refresh=no_look)
    assert PNG == path.read_bytes()
    assert names(tmp_path) == ["t-1.png"]


async def test_the_host_learns_nothing_but_the_user_agent(tmp_path):
    """No key, no cookie, not even the host's own; the query arrives as it was signed."""
    requests: list[tuple[str, dict[str, str]]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        requests.append((request.raw_path, dict(request.headers)))
        response = web.Response(body=PNG)
        response.set_cookie("session", "1")
        return response

    signed = "/a%7Eb.png?X-Sig=a%2Fb%7E+c/d"
    async with hosting(handler) as address:
        origin = address.with_host("localhost")  # aiohttp keeps no cookie of an address
        async with downloading(origin) as downloader:
            for _ in range(2):
                task = completed(f"{origin.origin()}{signed}")
                await downloader.save(task, tmp_path, refresh=no_look)

    for path, headers in requests:
        assert path == signed
        assert headers.pop("Host")
        assert headers == {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "tests/1.0",
        }


async def test_a_url_with_spaces_and_umlauts_is_quoted(tmp_path):
    """What is not valid in a URL is encoded rather than refused."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.path == "/rote Tässe.png"
        return web.Response(body=PNG)

    async with hosting(handler) as origin, downloading(origin) as downloader:
        task = completed(f"{origin}/rote Tässe.png")
        assert await downloader.save(task, tmp_path, refresh=no_look)


async def test_a_compressed_answer_is_unpacked(tmp_path):
    """A host that compresses although it was asked not to does no harm."""
    raw = answer(gzip.compress(PNG), "Content-Encoding: gzip")
    async with raw_host(raw) as host, downloading(host.origin) as downloader:
        [path] = await downloader.save(
            completed(host.origin), tmp_path, refresh=no_look
        )
    assert PNG == path.read_bytes()


async def test_parallel_bounds_all_saves_together(tmp_path):
    """Never more than *parallel* requests are open, and so many really are."""
    now, most, both = 0, 0, asyncio.Barrier(2)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await both.wait()
        now -= 1
        return web.Response(body=PNG)

    async with (
        hosting(handler) as origin,
        downloading(origin, parallel=2) as downloader,
        asyncio.TaskGroup() as group,
    ):
        for name in ("t-1", "t-2"):
            task = completed(*[origin] * 4, task_id=name)
            group.create_task(downloader.save(task, tmp_path, refresh=no_look))
    assert most == 2
    assert len(names(tmp_path)) == 8


async def test_many_downloads_share_a_few_connections(tmp_path):
    """Whoever starts 200 at once opens no more connections than *parallel*."""
    peers: set[object] = set()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=PNG)

    async with (
        hosting(handler) as origin,
        downloading(origin, parallel=8) as downloader,
        asyncio.TaskGroup() as group,
    ):
        for number in range(200):
            task = completed(origin, task_id=f"t-{number}")
            group.create_task(downloader.save(task, tmp_path, refresh=no_look))
    assert len(peers) <= 8
    assert len(names(tmp_path)) == 200


@pytest.mark.parametrize("picture", SIGNED.values(), ids=SIGNED.keys())
async def test_a_picture_keeps_its_provenance(tmp_path, picture):
    """C2PA signs the bytes themselves, so every one of them is kept."""
    async with hosting(serving(picture)) as origin, downloading(origin) as downloader:
        [path] = await downloader.save(completed(origin), tmp_path, refresh=no_look)
    assert picture == path.read_bytes()
    assert path.suffix != ".bin"


async def test_a_custom_ssl_context_is_used(tmp_path):
    """A company's own authority can be trusted, without switching verification off."""
    authority, server, client = trustme.CA(), *map(_context, (True, False))
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    async with hosting(serving(PNG), ssl_context=server) as origin:
        async with downloading(origin, ssl=client) as downloader:
            assert await downloader.save(completed(origin), tmp_path, refresh=no_look)
        async with downloading(origin, limits=NO_SECOND_TRY) as downloader:
            error = await failure(downloader, completed(origin), tmp_path)
    assert "certificate verify failed" in str(error)


def _context(is_server: bool) -> ssl.SSLContext:
    purpose = ssl.Purpose.CLIENT_AUTH if is_server else ssl.Purpose.SERVER_AUTH
    return ssl.create_default_context(purpose)


# --- urls that expired ---


def _fresh_only(gone: int = 403) -> Handler:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        is_old = "old" in request.path
        return web.Response(body=PNG, status=gone if is_old else 200)

    return handler


@pytest.mark.parametrize("gone", [401, 403, 404, 410])
async def test_expired_urls_are_looked_up_once(tmp_path, gone):
    """One fresh look for all files; those that were still there are not fetched again."""
    looks: list[str] = []

    async with hosting(_fresh_only(gone)) as origin, downloading(origin) as downloader:

        async def look(task_id: str) -> Task:
            looks.append(task_id)
            return completed(origin / "new", origin / "old", origin / "new")

        task = completed(origin / "old", origin / "good", origin / "old2")
        paths = await downloader.save(task, tmp_path, refresh=look)

    assert looks == ["t-1"]
    assert ["t-1.png", "t-1-2.png", "t-1-3.png"] == [path.name for path in paths]


@pytest.mark.parametrize("fresh", [["old"], []], ids=["expired-again", "fewer-files"])
async def test_a_file_that_stays_gone_has_its_own_error(tmp_path, fresh):
    """After one fresh look it is over: OutputExpiredError."""
    async with hosting(_fresh_only()) as origin, downloading(origin) as downloader:

        async def look(task_id: str) -> Task:
            return completed(origin / "good", *(origin / name for name in fresh))

        task = completed(origin / "good", origin / "old")
        error = await failure(downloader, task, tmp_path, refresh=look)
    assert isinstance(error, OutputExpiredError)
    assert error.task_id == "t-1"
    assert "answered 403, and a fresh look at the task gave no URL" in str(error)


async def test_files_that_expire_together_share_a_look(tmp_path):
    """The second waits for the look of the first."""
    looks: list[str] = []
    refused = asyncio.Barrier(3)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/new":
            return web.Response(body=PNG)
        await refused.wait()
        return web.Response(status=403)

    async with hosting(handler) as origin, downloading(origin) as downloader:

        async def look(task_id: str) -> Task:
            looks.append(task_id)
            for _ in range(100):  # by then, every refusal has arrived
                await asyncio.sleep(0)
            return completed(*[origin / "new"] * 3)

        task = completed(*[origin / "old"] * 3)
        assert 3 == len(await downloader.save(task, tmp_path, refresh=look))
    assert ["t-1"] == looks


async def test_a_failed_look_does_not_cost_the_siblings(tmp_path):
    """What needed no fresh URL is saved nevertheless."""
    looked = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/old":
            return web.Response(status=403)
        await looked.wait()
        return web.Response(body=PNG)

    async def look(task_id: str) -> Task:
        looked.set()
        raise NetworkError("the API does not answer")

    async with hosting(handler) as origin, downloading(origin) as downloader:
        task = completed(origin / "old", origin / "good")
        with pytest.raises(NetworkError):
            await downloader.save(task, tmp_path, refresh=look)
    assert names(tmp_path) == ["t-1-2.png"]


@pytest.mark.parametrize("kind", [NetworkError, ZeroDivisionError])
async def test_an_error_of_the_fresh_look_passes_through(tmp_path, kind):
    """Whether the API or the file host failed stays visible, and a bug a bug."""

    async def look(task_id: str) -> Task:
        raise kind("the API does not answer")

    async with hosting(_fresh_only()) as origin, downloading(origin) as downloader:
        with pytest.raises(kind):
            await downloader.save(completed(origin / "old"), tmp_path, refresh=look)


# --- tasks without files ---


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task("t-1"), "it is pending, not completed"),
        (Task("t-1", status=TaskStatus.FAILED), "it is failed, not completed"),
        (Task("t-1", status=TaskStatus.COMPLETED), "names no file"),
        (completed(), "names no file"),
        (
            completed("https://files.example/a", task_id="../a"),
            "'../a' is not a task id",
        ),
    ],
    ids=["pending", "failed", "no-output", "no-urls", "bad-id"],
)
async def test_a_task_without_files_says_so(tmp_path, task, words):
    """There is no connection and no folder for what cannot be saved."""
    async with downloading(None) as downloader:
        error = await failure(downloader, task, tmp_path / "out")
    assert words in str(error)
    assert names(tmp_path) == []
