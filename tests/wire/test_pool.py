"""Pooled connections: stale ones, poisoned ones, and the guard that refuses them."""

from __future__ import annotations

import asyncio
import random
import select
import socket
from contextlib import suppress

import pytest
from aiohttp import ClientRequest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_writer import StreamWriter
from aiohttp.payload import Payload
from yarl import URL

from aivideo_async import GptImage2, OutcomeUnknownError, Task
from aivideo_async.models.wire import Exchange, FaultKind, WireRequest
from aivideo_async.transport import http as wire
from aivideo_async.transport.guard import (
    MarkedBody,
    UncleanConnectionError,
    guard_works,
)
from aivideo_async.transport.http import HTTPTransport
from aivideo_async.transport.secret import Secret
from tests.wire.answers import accepted, http
from tests.wire.clients import QUICK, outcome_of, quick_client, serving
from tests.wire.conftest import Certificates
from tests.wire.fault_server import Line, Script, fault_server
from tests.wire.scripts import Ending, stale
from tests.wire.secrecy import KEY

TRANSPORTS = [pytest.param(False, id="plain"), pytest.param(True, id="TLS")]
STRAY = http(200, accepted("stray"))


def blurting(data: bytes) -> Ending:
    """Make a step that says *data* though nobody asked."""

    async def step(line: Line) -> None:
        line.blurt(data)

    return step


SPOILED: dict[str, tuple[Ending, ...]] = {
    "FIN": (Line.close,),
    "FIN without farewell": (Line.cut,),
    "RST": (Line.reset,),
    "a stray answer": (blurting(STRAY),),
    "half a stray answer": (blurting(STRAY[:20]),),
    "a stray answer, FIN": (blurting(STRAY), Line.close),
    "408, FIN": (blurting(http(408, b"", "Connection: close")), Line.close),
    "rubbish": (blurting(b"\x00\x01\x02"),),
}


@pytest.mark.parametrize("tls", TRANSPORTS)
@pytest.mark.parametrize("steps", SPOILED.values(), ids=SPOILED)
async def test_a_spoiled_connection_is_not_believed(
    steps: tuple[Ending, ...], tls: bool, certificates: Certificates
):
    """The next create gets its own answer, on a fresh connection if need be."""
    context = certificates.good if tls else None
    async with (
        fault_server(stale(*steps), tls=context) as server,
        quick_client(server.origin, certificates.trusting) as client,
    ):
        first = await client.submit(GptImage2("first"))
        server.cue.set()
        await server.ready.wait()
        second = await client.submit(GptImage2("second"))
    assert [first.id, second.id] == list(server.charged)


@pytest.mark.parametrize("read_first", [False, True], ids=["unread", "read"])
@pytest.mark.parametrize("end", [Line.close, Line.cut, Line.reset])
async def test_a_connection_that_breaks_under_the_second_create(
    end: Ending, read_first: bool
):
    """The second create was sent, so its outcome is unknown; it is sent once."""

    async def script(line: Line) -> None:
        await line.send(http(200, accepted(line.charge(await line.request()))))
        await (line.request() if read_first else line.read(1))
        await end(line)

    async with serving(script) as (server, client):
        await client.submit(GptImage2("first"))
        result = await outcome_of(client)
    assert isinstance(result, OutcomeUnknownError)
    assert 1 == server.connections


async def test_an_id_seen_before_is_no_answer_to_us():
    """Two creates never get the same task: the second is unknown, and names it."""

    async def forgetful(line: Line) -> None:
        task_id = line.charge(await line.request())
        await line.send(http(200, accepted(task_id)))
        line.charge(await line.request())
        await line.send(http(200, accepted(task_id)))
        await line.until_closed()

    async with serving(forgetful) as (_, client):
        first = await client.submit(GptImage2("first"))
        second = await outcome_of(client)
    assert isinstance(second, OutcomeUnknownError)
    assert first.id in second.evidence.reason
    assert second.task_id is None


def poisoning(chance: random.Random) -> Script:
    """
    Answer each create, and once more up to 2 ms later, with an id of nobody.

    It keeps quiet if the next create has left already: nobody could tell such an
    answer from the right one.
    """

    async def script(line: Line) -> None:
        loop = asyncio.get_running_loop()
        while True:
            task_id = line.charge(await line.request())
            line.blurt(http(200, accepted(task_id)))
            stray = http(200, accepted(f"stray-{task_id}"))
            loop.call_later(chance.uniform(0, 0.002), unless_spoken_to, line, stray)

    return script


def unless_spoken_to(line: Line, stray: bytes) -> None:
    """Say something stray on a connection that is idle."""
    if not line.has_news():
        line.blurt(stray)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("tls", TRANSPORTS)
async def test_a_poisoned_pool(lanes: int, tls: bool, certificates: Certificates):
    """Of 400 creates among stray answers, each gets the task that it paid for."""
    wrong: list[object] = []

    async def lane(number: int) -> None:
        for turn in range(400 // lanes):
            prompt = f"{number} {turn}"
            result = await outcome_of(client, GptImage2(prompt))
            paid = isinstance(result, Task) and server.charged.get(result.id)
            if not paid or f'"{prompt}"'.encode() not in paid:
                wrong.append(result)

    context = certificates.good if tls else None
    script = poisoning(random.Random(lanes))
    async with (
        fault_server(tls=context, beyond=script) as server,
        quick_client(server.origin, certificates.trusting) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(lanes):
            group.create_task(lane(number))
    assert not wrong
    assert 400 == server.posts


# --- the guard, turn by turn -----------------------------------------------------


def a_create() -> WireRequest:
    """Return a create for the bare transport."""
    return WireRequest("POST", "/v1/images/generations", b'{"model": "x"}')


class Peer:
    """The other end of a connection, without a loop of its own."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._socket: socket.socket | None = None

    async def answer(self, said: bytes) -> bytes:
        """Accept the connection if need be, read a request, answer; return it."""
        loop = asyncio.get_running_loop()
        if self._socket is None:
            self._socket, _ = await loop.sock_accept(self._listener)
        got = await loop.sock_recv(self._socket, 65536)
        self.say(said)
        return got

    def say(self, data: bytes) -> None:
        """Send *data* in this very moment."""
        assert self._socket is not None
        self._socket.send(data)

    def heard(self) -> bytes:
        """Return what has come and was not read."""
        assert self._socket is not None
        try:
            return self._socket.recv(65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()


async def exchange_with_stray(turns: int) -> tuple[Exchange, WireRequest, bytes]:
    """Send a second create *turns* loop turns after a stray answer to the first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        peer = Peer(listener)
        transport = HTTPTransport(
            URL(f"http://127.0.0.1:{listener.getsockname()[1]}"),
            Secret(KEY),
            timeouts=QUICK,
            max_connections=1,
            user_agent="test",
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.answer(http(200, accepted("mine"))))
            await transport.exchange(a_create())
        peer.say(STRAY)
        for _ in range(turns):
            await asyncio.sleep(0)
        request = a_create()
        exchange = await transport.exchange(request)
        heard = peer.heard()
        await transport.aclose()
        peer.close()
    return exchange, request, heard


@pytest.mark.parametrize("turns", range(5))
async def test_the_guard_refuses_a_dirty_connection(turns: int):
    """Unread bytes, wherever they are: not sent, no byte written, no stray believed."""
    exchange, request, heard = await exchange_with_stray(turns)
    assert exchange.error is not None
    assert FaultKind.UNCLEAN is exchange.error.kind
    assert (False, False) == (exchange.sent, request.sent)
    assert (None, b"") == (exchange.status, exchange.body)
    assert b"" == heard


async def test_the_guard_works_without_poll(monkeypatch: pytest.MonkeyPatch):
    """As on Windows: a dirty connection is refused, a clean one is not."""
    monkeypatch.delattr(select, "poll")
    exchange, _, heard = await exchange_with_stray(0)
    assert (False, b"") == (exchange.sent, heard)
    async with serving() as (server, client):
        for _ in range(2):
            await client.submit(GptImage2("a mug"))
    assert 1 == server.connections


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
async def test_the_older_way_to_write_is_guarded_too(closed: bool):
    """The mark is set with the first byte, and not on a closed connection."""
    loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
    with theirs:
        transport, protocol = await loop.create_connection(
            lambda: ResponseHandler(loop), sock=ours
        )
        if closed:
            transport.close()
        request = a_create()
        with suppress(UncleanConnectionError):
            await MarkedBody(request, lambda: None).write(StreamWriter(protocol, loop))
        transport.close()
        await turn()
        assert (b"" if closed else request.body) == theirs.recv(65536)
    assert request.sent is not closed


async def turn() -> None:
    """Let the loop close what was closed."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_this_aiohttp_shows_what_the_guard_looks_at():
    """The canary: the undocumented attributes are there."""
    assert guard_works()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (ResponseHandler, "should_close"),
        (StreamWriter, "protocol"),
        (Payload, "write_with_length"),
        (ClientRequest, "write_bytes"),
    ],
)
def test_the_guard_knows_when_it_is_blind(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
):
    """An aiohttp without one of them is recognised."""
    for cls in owner.__mro__[:-1]:
        monkeypatch.delattr(cls, name, raising=False)
    assert not guard_works()


async def test_without_the_guard_no_connection_is_used_twice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Safe and slow, and said once."""
    monkeypatch.setattr(wire, "guard_works", lambda: False)
    async with serving() as (server, client):
        for _ in range(3):
            await client.submit(GptImage2("a mug"))
    assert 3 == server.connections
    assert ["close"] * 3 == [r.headers["connection"] for r in server.requests]
    assert 1 == sum("connection guard" in r.message for r in caplog.records)
