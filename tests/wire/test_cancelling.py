"""Cancelled at every turn of the loop: the mark is right, and nothing paid is lost."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import ClientRequest, ClientResponse
from yarl import URL

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    GptImage2,
    NotSentError,
    Output,
    Task,
    TaskStatus,
)
from aivideo_async.models.wire import WireRequest
from aivideo_async.transport.http import HTTPTransport
from aivideo_async.transport.secret import Secret
from tests.wire.clients import QUICK, Result, outcome_of, quick_client
from tests.wire.conftest import Certificates
from tests.wire.fault_server import FaultServer, fault_server
from tests.wire.secrecy import KEY

pytestmark = [
    pytest.mark.parametrize(
        "tls", [pytest.param(False, id="plain"), pytest.param(True, id="TLS")]
    ),
    pytest.mark.parametrize(
        "warm", [pytest.param(False, id="fresh"), pytest.param(True, id="reused")]
    ),
]
SMALL, LARGE = 1, 3_000_000


async def turns(count: int) -> None:
    """Let the loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def server_at_hand(
    tls: bool, certificates: Certificates
) -> AsyncIterator[tuple[FaultServer, str]]:
    """Run a server under its address, so that no thread resolves its name."""
    async with fault_server(tls=certificates.good if tls else None) as server:
        yield server, server.origin.replace("localhost", "127.0.0.1")


@asynccontextmanager
async def bare_transport(
    origin: str, trust: ssl.SSLContext
) -> AsyncIterator[HTTPTransport]:
    """Make a transport and close it."""
    transport = HTTPTransport(
        URL(origin),
        Secret(KEY),
        timeouts=QUICK,
        max_connections=4,
        user_agent="test",
        ssl=trust,
    )
    try:
        yield transport
    finally:
        await transport.aclose()


def a_create(size: int) -> WireRequest:
    """Return a create for the bare transport."""
    body = b'{"input": {"prompt": "%s"}}' % (b"x" * size)
    return WireRequest("POST", "/v1/images/generations", body)


async def cancelled_after(
    count: int, transport: HTTPTransport, request: WireRequest
) -> bool:
    """Cancel an exchange after *count* turns; return whether it was still open."""
    exchange = asyncio.ensure_future(transport.exchange(request))
    await turns(count)
    if exchange.done():
        return False
    exchange.cancel()
    with suppress(asyncio.CancelledError):
        await exchange
    return True


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
async def test_the_mark_tells_after_a_cancel_at_any_turn(
    size: int, tls: bool, warm: bool, certificates: Certificates
):
    """Marked as sent exactly if the server gets to see a byte, however late."""
    async with server_at_hand(tls, certificates) as (server, origin):
        for count in itertools.count():
            async with bare_transport(origin, certificates.trusting) as transport:
                if warm:
                    await transport.exchange(a_create(SMALL))
                seen, request = server.bytes_seen, a_create(size)
                cancelled = await cancelled_after(count, transport, request)
            if not cancelled:
                break
            await turns(20)
            while request.sent and server.bytes_seen == seen:
                await turns(1)
            assert request.sent == (server.bytes_seen > seen), f"turn {count}"
    assert count >= (2 if warm else 6)


# --- through the client ----------------------------------------------------------

Caller = Callable[[AsyncClient, int], Awaitable[Result | None]]


async def cancelled_task(client: AsyncClient, count: int) -> Result | None:
    """Cancel the caller's task after *count* turns."""
    create = asyncio.ensure_future(outcome_of(client))
    await turns(count)
    create.cancel()
    with suppress(asyncio.CancelledError):
        return await create
    return None


async def cancelled_scope(client: AsyncClient, count: int) -> Result | None:
    """Cancel the scope around the call after *count* turns."""
    result: Result | None = None
    with anyio.CancelScope() as scope:
        canceller = asyncio.ensure_future(turns(count))
        canceller.add_done_callback(lambda _: scope.cancel())
        result = await outcome_of(client)
    await canceller
    return result


async def timed_out(client: AsyncClient, count: int) -> Result | None:
    """Let the timeout around the call run out after *count* turns."""
    result: Result | None = None
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:
            clock = asyncio.ensure_future(turns(count))
            clock.add_done_callback(lambda _: limit.reschedule(loop.time()))
            result = await outcome_of(client)
    await clock
    return result


@pytest.mark.parametrize("cancelled", [cancelled_task, cancelled_scope, timed_out])
async def test_a_cancelled_caller_loses_nothing(
    cancelled: Caller, tls: bool, warm: bool, certificates: Certificates
):
    """Whatever was charged is returned or unclaimed, at whatever turn it hits."""
    async with server_at_hand(tls, certificates) as (server, origin):
        for count in itertools.count():
            server.charged.clear()
            async with quick_client(origin, certificates.trusting) as client:
                known = (
                    {(await client.submit(GptImage2("first"))).id} if warm else set()
                )
                result = await cancelled(client, count)
            known.update(client.unclaimed)
            if isinstance(result, Task):
                known.add(result.id)
            assert set(server.charged) == known, f"turn {count}"
            if isinstance(result, Task) and not client.unclaimed:
                break
    assert count >= 2


async def closed_by_force(client: AsyncClient) -> None:
    """Close the client as two Ctrl-C do."""
    closing = asyncio.ensure_future(client.aclose())
    for _ in range(2):
        await turns(1)
        closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing


async def test_closing_by_force_makes_no_unsound_verdict(
    tls: bool, warm: bool, certificates: Certificates
):
    """A create that was open when the client was forced to close: never a guess."""
    async with server_at_hand(tls, certificates) as (server, origin):
        for count in itertools.count():
            async with quick_client(origin, certificates.trusting) as client:
                if warm:
                    await client.submit(GptImage2("first"))
                charged, seen = len(server.charged), server.bytes_seen
                create = asyncio.ensure_future(outcome_of(client))
                await turns(count)
                await closed_by_force(client)
                result = await create
            await turns(40)
            if isinstance(result, Task):
                break
            if isinstance(result, NotSentError):
                assert seen == server.bytes_seen, f"turn {count}"
                assert charged == len(server.charged), f"turn {count}"
    assert count >= 2


@pytest.mark.parametrize("downloads", [False, True], ids=["", "after a download"])
async def test_closing_by_force_in_the_moment_of_sending(
    downloads: bool,
    tls: bool,
    warm: bool,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """The client is given up after the request is made, before its first byte."""
    async with server_at_hand(tls, certificates) as (server, origin):
        async with quick_client(origin, certificates.trusting) as client:
            if warm:
                await client.submit(GptImage2("first"))
            if downloads:
                with suppress(AIVideoError):
                    await client.download(finished(f"{origin}/a.png"), tmp_path)
            seen = server.bytes_seen
            closings = close_while_sending(client, monkeypatch)
            result = await outcome_of(client)
            with suppress(asyncio.CancelledError):
                await closings[0]
        await turns(40)
    assert seen == server.bytes_seen or not isinstance(result, NotSentError)


def finished(url: str) -> Task:
    """Return a completed task whose result is at *url*."""
    return Task("task-0001", TaskStatus.COMPLETED, output=Output((url,)))


def close_while_sending(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> list[asyncio.Task[None]]:
    """Let the second Ctrl-C fall into the step that hands a request to the loop."""
    closings: list[asyncio.Task[None]] = []
    send = ClientRequest.send

    async def interrupted(self: ClientRequest, connection: Any) -> ClientResponse:
        closing = asyncio.ensure_future(client.aclose())
        closings.append(closing)
        for _ in range(2):
            await turns(2)
            closing.cancel()
        return await send(self, connection)

    monkeypatch.setattr(ClientRequest, "send", interrupted)
    return closings
