"""File hosts on 127.0.0.1: a well-behaved one, and one that answers raw bytes."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web
from yarl import URL

__all__ = [
    "Answer",
    "Handler",
    "RawHost",
    "answer",
    "hosting",
    "parts",
    "raw_host",
    "wanted",
]

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answer = bytes | Callable[[bytes], bytes]
"""What a raw host answers: always the same, or as the request asks."""


@asynccontextmanager
async def hosting(
    handler: Handler, *, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[URL]:
    """Serve *handler* on a free port and give the origin."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
    try:
        scheme = "http" if ssl_context is None else "https"
        port = runner.addresses[0][1]
        yield URL.build(scheme=scheme, host="127.0.0.1", port=port)
    finally:
        await runner.cleanup()


class RawHost:
    """Gives each connection the next of *answers*, the last one for ever, and hangs up."""

    def __init__(self, answers: tuple[Answer, ...], *, hang_up: bool) -> None:
        self.requests: list[bytes] = []
        self.origin = URL()
        self._answers = answers
        self._hang_up = hang_up
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """Read one request, even one that breaks off, and answer it."""
        self._open.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            self.requests.append(await reader.read(1))
            self.requests[-1] += await reader.readuntil(b"\r\n\r\n")
            turn = min(len(self.requests), len(self._answers)) - 1
            given = self._answers[turn]
            writer.write(
                given if isinstance(given, bytes) else given(self.requests[-1])
            )
        if self._hang_up:
            writer.close()

    def close(self) -> None:
        """Hang up everywhere."""
        for writer in self._open:
            writer.close()


@asynccontextmanager
async def raw_host(*answers: Answer, hang_up: bool = True) -> AsyncIterator[RawHost]:
    """Run a `RawHost` on a free port."""
    host = RawHost(answers, hang_up=hang_up)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    host.origin = URL.build(scheme="http", host="127.0.0.1", port=port)
    async with server:
        yield host
        host.close()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a raw answer with just these headers: its end is the hang-up."""
    head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


def wanted(request: bytes) -> tuple[int, str | None]:
    """Return the first byte that a request asks for, and of which version (If-Range)."""
    start = re.search(rb"\r\nRange: bytes=(\d+)-\r\n", request)
    version = re.search(rb"\r\nIf-Range: (.+)\r\n", request)
    return int(start[1]) if start else 0, version[1].decode() if version else None


def parts(body: bytes, *, tag: str = '"v1"', cut: int | None = None) -> Answer:
    """Serve *body* by parts, as a good host does, and hang up after *cut* bytes of it."""

    def respond(request: bytes) -> bytes:
        start, version = wanted(request)
        if version != tag:
            start = 0
        rest = body[start:]
        headers = [f"ETag: {tag}", f"Content-Length: {len(rest)}"]
        status = "200 OK"
        if start:
            status = "206 Partial Content"
            where = f"{start}-{len(body) - 1}/{len(body)}"
            headers.append(f"Content-Range: bytes {where}")
        return answer(rest[:cut], *headers, status=status)

    return respond
