"""Where files may come from, and what the errors tell about it."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

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
from tests.downloads.samples import PNG


@pytest.fixture
def lying_dns(monkeypatch):
    """Let the public name files.example lead to this machine."""
    resolve = socket.getaddrinfo

    def lie(name: str, *args: Any, **options: Any) -> Any:
        name = "127.0.0.1" if name == "files.example" else name
        return resolve(name, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lie)


@pytest.mark.usefixtures("lying_dns")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "localhost",
        "files.example",
    ],
)
async def test_private_addresses_are_never_connected_to(tmp_path, host):
    """However it is written, and also behind a public name, nobody is called."""
    async with (
        raw_host(answer(PNG)) as inside,
        downloading(None, limits=NO_SECOND_TRY) as downloader,
    ):
        url = f"https://{host}:{inside.origin.port}/a.png"
        error = await failure(downloader, completed(url), tmp_path)
        assert inside.requests == []
    assert any(word in str(error) for word in ("private", "local", "not a public"))


@pytest.mark.usefixtures("lying_dns")
async def test_the_exception_for_the_own_origin_is_for_its_urls_only(tmp_path):
    """A public name that leads to the API's own port is still refused."""
    async with raw_host(answer(PNG)) as api, downloading(api.origin) as downloader:
        url = f"https://files.example:{api.origin.port}/a.png"
        error = await failure(downloader, completed(url), tmp_path)
        assert api.requests == []
    assert "127.0.0.1 refused: not a public address" in str(error)


async def test_the_api_must_be_loopback_to_serve_files_from_loopback(tmp_path):
    """An API in the internet gives nobody a way to this machine."""
    async with raw_host(answer(PNG)) as inside:
        api = URL("https://api.example")
        async with downloading(api) as downloader:
            await failure(downloader, completed(inside.origin), tmp_path)
        assert inside.requests == []


async def test_another_port_of_loopback_is_not_the_api(tmp_path):
    """The emulator's origin is an exception, not the machine that it runs on."""
    async with raw_host(answer(PNG)) as inside, hosting(serving(PNG)) as origin:
        async with downloading(origin) as downloader:
            error = await failure(downloader, completed(inside.origin), tmp_path)
        assert inside.requests == []
    assert "is not https" in str(error)


async def test_an_own_origin_that_resolves_elsewhere_is_refused(tmp_path, monkeypatch):
    """The name localhost is only trusted while it means this machine."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    origin = URL("http://localhost")
    async with downloading(origin) as downloader:
        error = await failure(downloader, completed(origin), tmp_path)
    assert "10.0.0.1 refused: not a loopback address" in str(error)


def _redirecting(targets: dict[str, str]) -> Handler:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        target = targets.get(request.path)
        if target is None:
            return web.Response(body=PNG)
        return web.Response(status=302, headers={"Location": target})

    return handler


async def test_three_redirects_are_followed(tmp_path):
    """Relative ones too."""
    handler = _redirecting({"/1": "/2", "/2": "3", "/3": "/file?x=%7E"})
    async with hosting(handler) as origin, downloading(origin) as downloader:
        assert await downloader.save(completed(origin / "1"), tmp_path, refresh=no_look)


async def test_a_fourth_redirect_is_not_followed(tmp_path):
    """A loop ends."""
    handler = _redirecting({"/1": "/1"})
    async with hosting(handler) as origin, downloading(origin) as downloader:
        error = await failure(downloader, completed(origin / "1"), tmp_path)
    assert "more than 3 redirects" in str(error)


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "//user:secret@127.0.0.1:{port}/",
        "http://files.example/",
        "https://[::ffff:169.254.169.254]/latest",
        "file:///etc/passwd",
        "https://[",
    ],
)
async def test_a_redirect_is_checked_like_the_first_url(tmp_path, target):
    """A public host cannot send us into a private network."""
    async with raw_host(answer(PNG)) as inside:
        handler = _redirecting({"/1": target.format(port=inside.origin.port)})
        async with hosting(handler) as origin, downloading(origin) as downloader:
            error = await failure(downloader, completed(origin / "1"), tmp_path)
        assert inside.requests == []
    assert "so it is not fetched" in str(error)
    assert "secret" not in str(error)


async def test_a_proxy_gets_everything_that_the_guard_lets_pass(tmp_path):
    """Behind a proxy, URLs are still checked, and a local proxy is no private host."""
    refused = answer(b"", status="502 Bad Gateway")
    async with (
        raw_host(refused) as proxy,
        downloading(None, proxy=proxy.origin) as downloader,
    ):
        for host in ("127.0.0.1", "2130706433", "localhost", "intranet"):
            task = completed(f"https://{host}/a.png?signature=1")
            await failure(downloader, task, tmp_path)
        assert proxy.requests == []
        task = completed("https://files.example/a.png?signature=1")
        error = await failure(downloader, task, tmp_path)
        assert proxy.requests[0].startswith(b"CONNECT files.example:443 ")
    assert "Bad Gateway" in str(error)
    assert "signature" not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@files.example/a.png?secret=1",
        "http://files.example/a.png?secret=1#secret",
        "http://127.0.0.1:{closed}/a.png?secret=1",
        "data:image/png;base64,secret",
        "https://[secret",
    ],
)
async def test_errors_do_not_repeat_the_secret_parts_of_a_url(tmp_path, url):
    """A query may be a signature: texts show scheme, host and path at most."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        closed = listener.getsockname()[1]
    own = URL.build(scheme="http", host="127.0.0.1", port=closed)
    async with downloading(own) as downloader:
        task = completed(url.format(closed=closed))
        error = await failure(downloader, task, tmp_path)
    assert "secret" not in str(error)
    assert "secret" not in repr(error.__cause__)


async def test_a_name_that_dns_cannot_hold_is_an_error_at_once(tmp_path):
    """No second attempt would make it shorter."""
    task = completed(f"https://{'x' * 70}.example/a.png")
    async with downloading(None, limits=NO_SECOND_TRY) as downloader:
        assert "label" in str(await failure(downloader, task, tmp_path))


ODD_URLS = ["https://1.1.1.1:99999/b.png", "https://1.1.1.1:abc/", "https://xn--zz-/a"]


@pytest.mark.parametrize("url", ODD_URLS)
async def test_a_malformed_url_stops_none_of_its_siblings(tmp_path, url: str):
    """It is one file that could not be saved; the others are there."""
    async with hosting(serving(PNG)) as origin, downloading(origin) as downloader:
        task = completed(origin / "a.png", url, origin / "c.png")
        assert "it is not fetched" in str(await failure(downloader, task, tmp_path))
    assert ["t-1-3.png", "t-1.png"] == names(tmp_path)


@pytest.mark.parametrize("url", ODD_URLS)
async def test_a_redirect_to_a_malformed_url_is_not_followed(tmp_path, url: str):
    """The host's mistake is told as one."""
    handler = _redirecting({"/1": url})
    async with hosting(handler) as origin, downloading(origin) as downloader:
        error = await failure(downloader, completed(origin / "1"), tmp_path)
    assert "it is not fetched" in str(error)
