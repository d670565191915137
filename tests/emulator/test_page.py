"""The live page over a socket: what is served, and to whom."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from PIL import Image

from aivideo_async.emulator import Emulator, Request, Scenario
from aivideo_async.models.strictjson import encode
from tests.emulator.calls import CREATE, KEY, order


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Speak HTTP without a key, as a browser does."""
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(
    session: aiohttp.ClientSession, url: str, method: str = "GET", **headers: str
) -> tuple[int, Any, bytes]:
    """Return the status, the headers and the body of an answer."""
    async with session.request(method, url, headers=headers) as response:
        return response.status, response.headers, await response.read()


async def test_the_page_is_one_document_that_asks_nobody_else(
    session: aiohttp.ClientSession,
):
    """Its policy allows its own script and style by their hash, and its own server."""
    async with Emulator() as emulator:
        status, headers, html = await ask(session, emulator.url)
    policy = headers["content-security-policy"]
    assert (200, "text/html; charset=utf-8") == (status, headers["content-type"])
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"unsafe|\*|https?:", policy)
    assert set(re.findall(rb'(?:https?:)?//[^\s"\']+', html)) == {
        b"http://www.w3.org/2000/svg"
    }
    assert ("no-store", "nosniff") == (
        headers["cache-control"],
        headers["x-content-type-options"],
    )


async def test_looking_is_no_request_of_the_service(session: aiohttp.ClientSession):
    """The page, its looks and its thumbnails are neither logged nor limited."""
    async with Emulator(rate=1, burst=1) as emulator:
        for path in ("/", "/_emulator/state", "/_emulator/thumbnails/x", "/_emulator/"):
            await ask(session, emulator.url + path)
    assert [] == emulator.requests


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("LOCALHOST:1234", 200),
        ("[::1]:80", 200),
        ("localhost", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:80", 403),
        ("evil.example@127.0.0.1", 403),
        ("", 403),
        ("192.168.0.1", 403),
        ("127x0x0x1", 403),
    ],
)
@pytest.mark.parametrize("path", ["/", "/_emulator/state", "/_emulator/thumbnails/x"])
async def test_only_names_of_this_machine_are_answered(
    session: aiohttp.ClientSession, host: str, status: int, path: str
):
    """A foreign page that points its own name at this machine learns nothing."""
    async with Emulator() as emulator:
        found, _, body = await ask(session, emulator.url + path, Host=host)
    assert (found == 403) == (status == 403)
    assert (b"127.0.0.1 and localhost only" in body) == (status == 403)


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/_emulator/state"])
async def test_the_page_is_only_read(
    session: aiohttp.ClientSession, method: str, path: str
):
    """There is nothing to change, so there is no other method."""
    async with Emulator() as emulator:
        status, headers, _ = await ask(session, emulator.url + path, method)
    assert (405, "GET") == (status, headers["allow"])
    assert [] == emulator.requests


async def test_a_look_brings_the_state_behind_the_last_one(
    session: aiohttp.ClientSession,
):
    """JSON, with the requests that came later; a number that is none means all."""
    async with Emulator() as emulator:
        for path in ("/v1/credits", "/v1/tasks/x"):
            await ask(session, emulator.url + path, **KEY)
        logs = [
            json.loads(
                (await ask(session, f"{emulator.url}/_emulator/state{query}"))[2]
            )["log"]
            for query in ("", "?after=1", "?after=-1", f"?after={'9' * 5000}")
        ]
    assert [2, 1, 2, 2] == [len(log) for log in logs]
    assert "/v1/tasks/x" == logs[1][0]["path"]


@pytest.mark.parametrize(
    ("ratio", "size"), [("1:1", (160, 160)), ("21:9", (160, 69)), ("9:21", (69, 160))]
)
async def test_a_finished_task_has_a_thumbnail(
    session: aiohttp.ClientSession, ratio: str, size: tuple[int, int]
):
    """Small, of the same shape, and not the file itself."""
    async with Emulator(Scenario(spread=0), speed=1e9) as emulator:
        reply = emulator.handle(
            Request("POST", CREATE, KEY, encode(order(aspect_ratio=ratio)))
        )
        task_id = json.loads(reply.body)["data"]["taskId"]
        status, headers, body = await ask(
            session, f"{emulator.url}/_emulator/thumbnails/{task_id}"
        )
    assert (200, "image/png") == (status, headers["content-type"])
    assert size == Image.open(BytesIO(body)).size


@pytest.mark.parametrize("scenario", ["refused", "stuck"])
async def test_other_tasks_have_none(session: aiohttp.ClientSession, scenario: str):
    """What failed or still runs, or was never ordered, is 404."""
    async with Emulator(scenario, speed=1e9) as emulator:
        reply = emulator.handle(Request("POST", CREATE, KEY, encode(order())))
        task_id = json.loads(reply.body)["data"]["taskId"]
        for name in (task_id, "x", ""):
            url = f"{emulator.url}/_emulator/thumbnails/{name}"
            assert 404 == (await ask(session, url))[0]


async def test_closing_does_not_wait_for_an_open_page(session: aiohttp.ClientSession):
    """A browser keeps its connection; the server ends all the same."""
    async with Emulator() as emulator:
        await ask(session, emulator.url + "/_emulator/state")
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(session, emulator.url + "/_emulator/state")
