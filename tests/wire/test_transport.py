"""The real wire: what leaves it, what it keeps, and that it describes what breaks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from aivideo_async import (
    GptImage2,
    NetworkError,
    NotSentError,
    OutcomeUnknownError,
    RetryPolicy,
    Task,
    TaskNotFoundError,
    UnexpectedResponseError,
)
from aivideo_async.models.wire import Fault, FaultKind, WireRequest
from aivideo_async.transport.base import Transport
from aivideo_async.transport.guard import MarkedBody
from aivideo_async.transport.http import HTTPTransport
from aivideo_async.transport.secret import Secret
from tests.wire.answers import accepted, http, refusal, running
from tests.wire.cases import BIG
from tests.wire.clients import QUICK, outcome_of, quick_client, serving, wanted
from tests.wire.fault_server import Line, fault_server
from tests.wire.scripts import answer, answer_early, say, straight, whole
from tests.wire.secrecy import KEY, shown


def a_create() -> WireRequest:
    """Return a create for the bare transport."""
    return WireRequest("POST", "/v1/images/generations", b'{"input":{"prompt":"x"}}')


@asynccontextmanager
async def bare(
    origin: str, kind: type[HTTPTransport] = HTTPTransport
) -> AsyncIterator[HTTPTransport]:
    """Make a transport without an engine above it, and close it."""
    transport = kind(
        URL(origin),
        Secret(KEY),
        timeouts=QUICK,
        max_connections=2,
        user_agent="test/1",
    )
    try:
        yield transport
    finally:
        await transport.aclose()


# --- what leaves -----------------------------------------------------------------


async def test_the_headers_of_a_create():
    """The key, who we are, JSON, no compression, nothing else."""
    async with serving() as (server, client):
        await client.submit(GptImage2("a mug"))
    headers = dict(server.requests[0].headers)
    assert f"Bearer {KEY}" == headers.pop("authorization")
    assert headers.pop("host") == server.origin.removeprefix("http://")
    user_agent = headers.pop("user-agent")
    assert re.fullmatch(r"aivideo-async/\S+ \(python/\S+; aiohttp/\S+\)", user_agent)
    assert {
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(server.requests[0].body)),
    } == headers


async def test_the_headers_of_a_look():
    """The same without a body."""
    async with serving() as (server, client):
        task = await client.submit(GptImage2("a mug"))
        await client.get_task(task.id)
    headers = server.requests[1].headers
    assert f"Bearer {KEY}" == headers["authorization"]
    assert not {"content-length", "content-type", "transfer-encoding"} & set(headers)


async def test_a_gateways_path_is_kept():
    """A base URL with a path of its own stands before every path."""
    async with (
        fault_server() as server,
        quick_client(f"{server.origin}/ai/v1") as client,
    ):
        await client.submit(GptImage2("a mug"))
    assert "/ai/v1/images/generations" == server.requests[0].path


async def test_cookies_are_not_kept():
    """A cookie that the server sets is never sent back."""

    async def baker(line: Line) -> None:
        while True:
            task_id = line.charge(await line.request())
            await line.send(http(200, accepted(task_id), "Set-Cookie: a=b; Path=/"))

    async with serving(beyond=baker) as (server, client):
        for _ in range(2):
            await client.submit(GptImage2("a mug"))
    assert all("cookie" not in request.headers for request in server.requests)


async def test_redirects_are_not_followed():
    """Neither here nor elsewhere does another request arrive."""
    async with fault_server() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            for target in (
                "/v1/elsewhere",
                f"{elsewhere.origin}/v1/images/generations",
            ):
                said = http(status, b"", f"Location: {target}")
                script = answer(said, charged=True)
                async with serving(script) as (server, client):
                    result = await outcome_of(client)
                assert isinstance(result, OutcomeUnknownError)
                assert "redirect" in str(result)
                assert 1 == len(server.requests)
    assert not elsewhere.requests


async def test_the_environment_has_no_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Neither its proxies nor its netrc touch a request to this machine."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving() as (server, client):
        await client.submit(GptImage2("a mug"))
    assert f"Bearer {KEY}" == server.requests[0].headers["authorization"]


async def test_the_key_goes_to_its_own_origin_alone():
    """A path that leads elsewhere, should one get so far, takes no key with it."""
    async with fault_server() as elsewhere, fault_server() as server:
        other = elsewhere.origin.removeprefix("http://")
        async with bare(server.origin) as transport:
            await transport.exchange(WireRequest("GET", f"@{other}/v1/credits"))
    assert [] == server.requests
    assert KEY not in repr(elsewhere.requests)
    assert 1 == len(elsewhere.requests)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("body", [None, {"a": 1}], ids=["empty", "body"])
@pytest.mark.parametrize("end", [Line.close, Line.reset])
async def test_a_lost_request_is_sent_once_by_whatever_method(
    method: str, body: Any, end: Any
):
    """The escape hatch keeps the promise, though aiohttp would repeat a PUT."""
    async with serving(beyond=whole(end, charged=False)) as (server, client):
        with pytest.raises(OutcomeUnknownError):
            await client.request(method, "/v1/anything", body)
    assert 1 == len(server.requests)


async def test_an_answer_before_the_body_was_read_is_looked_at():
    """Perhaps it is no answer to us: the id is believed when a look confirms it."""
    early = answer_early(
        lambda task_id: http(200, accepted(task_id)), charged=True, end=Line.hang
    )
    async with serving(early) as (server, client):
        result = await outcome_of(client, wanted(BIG))
    assert isinstance(result, Task)
    assert [f"/v1/tasks/{result.id}"] == [look.path for look in server.requests]


# --- what it keeps and describes -------------------------------------------------


async def test_an_exchange_in_full():
    """Status, body, and the few headers that matter, in lower case."""
    said = http(
        418, b"tea", "Retry-After: 7", "Date: today", "Server: x", "Set-Cookie: a"
    )
    async with (
        fault_server(answer(said, charged=False)) as server,
        bare(server.origin) as transport,
    ):
        exchange = await transport.exchange(request := a_create())
    assert (True, True) == (exchange.sent, request.sent)
    assert (418, b"tea", None) == (exchange.status, exchange.body, exchange.error)
    assert "7" == exchange.headers["retry-after"]
    assert "today" == exchange.headers["date"]
    assert not {"server", "set-cookie"} & set(exchange.headers)


class Watched(HTTPTransport):
    """Keeps the exceptions that it describes."""

    def _describe(self, error: Exception, *about: Any) -> Fault:
        self.errors = [*getattr(self, "errors", []), error]
        return super()._describe(error, *about)


@pytest.mark.parametrize(
    "said", [b"", b"rubbish\r\n\r\n", http(200, b"half", length=9)], ids=repr
)
async def test_the_exceptions_of_aiohttp_do_not_hold_the_key(said: bytes):
    """Not even below: whatever catches or logs them sees no Authorization."""
    script = answer(said, charged=False, end=Line.close)
    async with (
        fault_server(script) as server,
        bare(server.origin, Watched) as transport,
    ):
        await transport.exchange(a_create())
    assert isinstance(transport, Watched)
    for error in transport.errors:
        assert isinstance(error, aiohttp.ClientError)
        assert KEY not in shown(error)
    assert 1 == len(transport.errors)


async def test_an_exchange_never_holds_the_key():
    """Wherever the server echoes it: headers, body, a broken status line."""
    for said in (
        http(302, KEY.encode(), f"Location: /{KEY}", f"Retry-After: {KEY}"),
        http(200, KEY.encode(), content_type=KEY),
        f"HTTP/1.1 {KEY} {KEY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode(),
    ):
        async with (
            fault_server(answer(said, charged=False)) as server,
            bare(server.origin) as transport,
        ):
            exchange = await transport.exchange(a_create())
        assert KEY not in repr(exchange)


@pytest.mark.parametrize(
    "path", ["no slash", ":port", "/v1/\x00", "/v1/\r\nX: y", "/é"]
)
@pytest.mark.parametrize("body", [None, b"{}"], ids=["look", "create"])
async def test_a_request_that_cannot_be_sent_is_described(path: str, body: Any):
    """An exchange does not raise, and knows that nothing broke out of its path."""
    async with fault_server() as server, bare(server.origin) as transport:
        exchange = await transport.exchange(WireRequest("POST", path, body))
    for received in server.requests:
        assert "x" not in received.headers
    if body is not None and not server.bytes_seen:
        assert not exchange.sent


@pytest.mark.parametrize(
    "error",
    [OSError("x"), RuntimeError("x"), ValueError("x"), TimeoutError(), KeyError(KEY)],
    ids=repr,
)
async def test_whatever_breaks_below_is_described(
    error: Exception, monkeypatch: pytest.MonkeyPatch
):
    """Every exception becomes a fault; a create that got nowhere is not sent."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", broken)
    async with bare("http://localhost:9") as transport:
        exchange = await transport.exchange(a_create())
    assert exchange.error is not None
    assert (False, None) == (exchange.sent, exchange.status)
    kind = FaultKind.TIMEOUT if isinstance(error, TimeoutError) else FaultKind.BROKEN
    assert kind is exchange.error.kind
    assert KEY not in repr(exchange)


async def ready_to_hang(line: Line) -> None:
    """Tell the test, and say nothing to the client."""
    line.server.ready.set()
    await line.hang()


async def test_a_cancellation_is_the_one_exception():
    """It passes, and the request still tells whether it was sent."""
    async with (
        fault_server(whole(ready_to_hang, charged=True)) as server,
        bare(server.origin) as transport,
    ):
        request = a_create()
        exchange = asyncio.ensure_future(transport.exchange(request))
        await server.ready.wait()
        exchange.cancel()
        with pytest.raises(asyncio.CancelledError):
            await exchange
    assert request.sent


async def test_closing_twice_and_closing_what_was_never_open():
    """Both are allowed, and leave nothing open."""
    async with fault_server() as server, bare(server.origin) as transport:
        await transport.aclose()
        await transport.exchange(a_create())
        await transport.aclose()
        await transport.aclose()
        await server.all_closed()
    assert 1 == server.posts


async def test_connections_are_reused_and_bounded():
    """Many creates at once share as many connections as are allowed."""
    async with (
        serving(max_connections=3) as (server, client),
        asyncio.TaskGroup() as group,
    ):
        for _ in range(30):
            group.create_task(client.submit(GptImage2("a mug")))
    assert 30 == len(server.charged)
    assert server.connections <= 3


# --- looks -----------------------------------------------------------------------


async def test_a_look_that_broke_is_asked_again():
    """It costs nothing, so trying again is right."""
    retry = RetryPolicy(get_attempts=3)
    scripts = [straight(Line.reset)] * 2
    async with serving(*scripts, retry=retry) as (server, client):
        with pytest.raises(TaskNotFoundError):
            await client.get_task("task-0001")
    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", NetworkError),
        (http(200, running("task-0001"), length=999), NetworkError),
        (http(200, b"<p>Hello"), UnexpectedResponseError),
        (http(200, running("another")), UnexpectedResponseError),
        (http(302, b"", "Location: /"), UnexpectedResponseError),
        (http(404, refusal("task_not_found", "")), TaskNotFoundError),
        (http(404, b"<p>?", content_type="text/html"), TaskNotFoundError),
    ],
)
async def test_looks_that_fail(said: bytes, expected: type[Exception]):
    """Each with its own error, never with an unknown outcome, never with the key."""
    script = say(said) if not said else answer_look(said)
    async with serving(beyond=script) as (_, client):
        with pytest.raises(expected) as caught:
            await client.get_task("task-0001")
    assert not isinstance(caught.value, OutcomeUnknownError)


def answer_look(said: bytes) -> Any:
    """Make the script that answers one request."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(said)
        await line.close()

    return script


async def test_a_look_that_reaches_nobody_was_not_sent(unused_tcp_port: int):
    """The mark of a look is right where it can be."""
    async with bare(f"http://127.0.0.1:{unused_tcp_port}") as transport:
        exchange = await transport.exchange(
            request := WireRequest("GET", "/v1/credits")
        )
    assert (False, False) == (exchange.sent, request.sent)
    async with quick_client(f"http://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(NotSentError):
            await client.credits()


# --- the payload -----------------------------------------------------------------


def test_the_body_can_be_shown():
    """aiohttp asks for this when it wants to tell what was sent."""
    body = MarkedBody(a_create(), lambda: None)
    assert a_create().body == body.decode().encode()


def test_the_wire_is_a_transport():
    """It fits the port (checked by the type checker)."""
    transport: Transport = HTTPTransport(
        URL("https://api.example"),
        Secret(KEY),
        timeouts=QUICK,
        max_connections=1,
        user_agent="test/1",
    )
    assert KEY not in repr(vars(transport))
