"""
A server that breaks in every way a script asks for, and that knows money.

Each connection runs one script; connections beyond the scripts are served honestly, so
that a look finds what was charged and a second POST is seen. What the server knows is
the truth against which a verdict is held: every byte that came, every POST that was
read in full, and every task that was charged.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import select
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from attrs import frozen

from tests.wire.answers import accepted, http, refusal, running

__all__ = ["FaultServer", "Line", "Received", "Script", "fault_server", "honest"]

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


@frozen
class Received:
    """One whole request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def prompt(self) -> str:
        """What the create asks for."""
        return str(json.loads(self.body)["input"]["prompt"])


class Line:
    """One connection, as a script holds it."""

    def __init__(
        self,
        server: FaultServer,
        reader: _Counting,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.server = server
        self._reader = reader
        self._writer = writer
        self._transport: Any = writer.transport
        self._read = 0

    async def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on."""
        await self._writer.start_tls(context)
        self._transport = self._writer.transport

    async def read(self, count: int) -> bytes:
        """Read *count* bytes of a request."""
        data = await self._reader.readexactly(count)
        self._read += len(data)
        return data

    async def head(self) -> str:
        """Read on to the end of a request's headers."""
        data = await self._reader.readuntil(b"\r\n\r\n")
        self._read += len(data)
        return data.decode("latin-1")

    async def request(self) -> Received:
        """Read a whole request; a POST is counted in this moment."""
        first, *rest = (await self.head()).strip().split("\r\n")
        method, path, _ = first.split(" ")
        pairs = (line.partition(":") for line in rest)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await self.read(int(headers.get("content-length", 0)))
        received = Received(method, path, headers, body)
        self.server.requests.append(received)
        return received

    def charge(self, received: Received) -> str:
        """Take the money for a create; return the id of its task."""
        return self.server.charge(received)

    def blurt(self, data: bytes) -> None:
        """Send *data* in this very moment."""
        self._writer.write(data)

    async def send(self, data: bytes) -> None:
        """Send *data* and wait until it is on its way."""
        self._writer.write(data)
        await self._writer.drain()

    async def trickle(self, data: bytes, pause: float) -> None:
        """Send *data* byte by byte."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Hang up in good order: FIN, and over TLS a farewell before it."""
        self._writer.close()

    async def cut(self) -> None:
        """Drop the connection: FIN, and over TLS without a farewell."""
        self._transport.abort()

    async def reset(self) -> None:
        """Hang up with a RST."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    async def go_deaf(self) -> None:
        """Read nothing more, until the test is over with its client."""
        self._transport.pause_reading()
        await self.hang()

    async def hang(self) -> None:
        """Do nothing more; once the client is gone, check that it hung up."""
        await self.server.over.wait()
        self._transport.resume_reading()
        await self.until_closed()

    def has_news(self) -> bool:
        """Tell whether the client has said something that was not read, or hung up."""
        if self._reader.came > self._read or self._transport.is_closing():
            return True
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    async def until_closed(self) -> None:
        """Wait until the client hangs up."""
        while await self._reader.read(65536):
            pass

    async def end(self) -> None:
        """Let go of the connection, whatever state it is in."""
        self._writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await self._writer.wait_closed()


Script = Callable[[Line], Awaitable[None]]


async def honest(line: Line) -> None:
    """Serve the connection as the service would."""
    while True:
        received = await line.request()
        if received.method == "POST":
            await line.send(http(200, accepted(line.charge(received))))
        else:
            await line.send(line.server.look(received.path.rpartition("/")[2]))


class FaultServer:
    """
    The server; `fault_server` runs it.

    Attributes:
        origin: Where it listens.
        requests: Every request that was read in full.
        charged: The ids of charged tasks, and the body of the create of each.
        bytes_seen: How many bytes came, read by a script or not.
        connections: How many were accepted, handshakes that failed not included.
        cue: For a test to set, and a script to wait for.
        ready: For a script to set, and a test to wait for.
        over: Set when the test is done with its client.
    """

    def __init__(self, scripts: Iterable[Script], beyond: Script) -> None:
        self.origin = ""
        self.requests: list[Received] = []
        self.charged: dict[str, bytes] = {}
        self.bytes_seen = 0
        self.connections = 0
        self.cue, self.ready = asyncio.Event(), asyncio.Event()
        self.over = asyncio.Event()
        self._scripts = iter(scripts)
        self._beyond = beyond
        self._numbers = itertools.count(1)
        self._open: set[asyncio.Task[Any]] = set()

    @property
    def posts(self) -> int:
        """How many POSTs were read in full."""
        return sum(received.method == "POST" for received in self.requests)

    def charge(self, received: Received) -> str:
        """Take the money for a create; return the id of its task."""
        task_id = f"task-{next(self._numbers):04}"
        self.charged[task_id] = received.body
        return task_id

    def look(self, task_id: str) -> bytes:
        """Answer a look at a task."""
        if task_id in self.charged:
            return http(200, running(task_id))
        return http(404, refusal("task_not_found", "invalid_request_error"))

    async def serve(self, reader: Any, writer: asyncio.StreamWriter) -> None:
        """Run one connection's script; whatever breaks it is part of the play."""
        me = asyncio.current_task()
        assert me is not None
        self.connections += 1
        self._open.add(me)
        line = Line(self, reader, writer)
        try:
            await next(self._scripts, self._beyond)(line)
        except (*_BROKEN, asyncio.CancelledError):
            pass
        finally:
            await line.end()
            self._open.discard(me)

    async def all_closed(self) -> None:
        """Wait until the client has closed every connection; hangs if it leaks one."""
        self.over.set()
        while self._open:
            await asyncio.wait(self._open)

    async def stop(self) -> None:
        """End every script."""
        for task in self._open:
            task.cancel()
        await self.all_closed()


class _Counting(asyncio.StreamReader):
    """Counts what comes before any script can decide not to read it."""

    def __init__(self, server: FaultServer) -> None:
        super().__init__()
        self.came = 0
        self._server = server

    def feed_data(self, data: Any) -> None:
        self.came += len(data)
        self._server.bytes_seen += len(data)
        super().feed_data(data)


@asynccontextmanager
async def fault_server(
    *scripts: Script, tls: ssl.SSLContext | None = None, beyond: Script = honest
) -> AsyncIterator[FaultServer]:
    """Run a server whose n-th connection follows the n-th script."""
    play = FaultServer(scripts, beyond)
    server = await asyncio.get_running_loop().create_server(
        lambda: asyncio.StreamReaderProtocol(_Counting(play), play.serve),
        "127.0.0.1",
        0,
        ssl=tls,
        backlog=512,
        ssl_shutdown_timeout=None if tls is None else 0.2,
    )
    port = server.sockets[0].getsockname()[1]
    play.origin = f"http{'s' if tls else ''}://localhost:{port}"
    try:
        yield play
    finally:
        server.close()
        await play.stop()
