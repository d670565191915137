"""Scripts for the fault server, put together from what is read, said and done last."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from tests.wire.answers import accepted, http
from tests.wire.fault_server import Line, Received, Script, honest

__all__ = [
    "Ending",
    "Speech",
    "answer",
    "answer_early",
    "flood",
    "half_head",
    "part_of_body",
    "part_of_head",
    "say",
    "secured",
    "stale",
    "straight",
    "trickle",
    "whole",
]

Ending = Callable[[Line], Awaitable[None]]
Speech = Callable[[str], bytes]


def straight(end: Ending) -> Script:
    """Accept the connection and do nothing but *end* it."""

    async def script(line: Line) -> None:
        await end(line)

    return script


def say(data: bytes) -> Script:
    """Read nothing, send *data*, and wait for the client to hang up."""

    async def script(line: Line) -> None:
        await line.send(data)
        await line.hang()

    return script


def secured(context: ssl.SSLContext) -> Script:
    """Accept the connection, then speak TLS and be honest."""

    async def script(line: Line) -> None:
        await line.secure(context)
        await honest(line)

    return script


def part_of_head(count: int, end: Ending) -> Script:
    """Read *count* bytes, then *end*."""

    async def script(line: Line) -> None:
        await line.read(count)
        await end(line)

    return script


def part_of_body(count: int, end: Ending) -> Script:
    """Read the headers and *count* bytes of the body, then *end*."""

    async def script(line: Line) -> None:
        await line.head()
        await line.read(count)
        await end(line)

    return script


def whole(end: Ending, *, charged: bool) -> Script:
    """Read the whole create, charge it or not, then *end* without a word."""
    return answer(b"", charged=charged, end=end)


def answer(say: Speech | bytes, *, charged: bool, end: Ending = honest) -> Script:
    """Read the whole create, charge it or not, *say* something, then *end*."""

    async def script(line: Line) -> None:
        task_id = _paid(line, await line.request(), charged=charged)
        await line.send(say if isinstance(say, bytes) else say(task_id))
        await end(line)

    return script


def half_head(end: Ending, *, text: bytes = b"HTTP/1.1 200 OK\r\nContent-Le") -> Script:
    """Charge, send half of the answer's headers, then *end*."""
    return answer(text, charged=True, end=end)


def answer_early(say: Speech, *, charged: bool, end: Ending) -> Script:
    """Answer when only the headers were read."""

    async def script(line: Line) -> None:
        await line.head()
        received = Received("POST", "early", {}, b"")
        await line.send(say(_paid(line, received, charged=charged)))
        await end(line)

    return script


def trickle(say: Speech, pause: float) -> Script:
    """Charge, then send the answer one byte at a time."""

    async def script(line: Line) -> None:
        task_id = _paid(line, await line.request(), charged=True)
        for byte in say(task_id):
            await line.send(bytes([byte]))
            await asyncio.sleep(pause)
        await line.hang()

    return script


def flood(piece: bytes, *, start: Speech = lambda _: b"") -> Script:
    """Charge, then send *piece* again and again until the client hangs up."""

    async def script(line: Line) -> None:
        await line.send(start(_paid(line, await line.request(), charged=True)))
        while True:
            await line.send(piece)
            await asyncio.sleep(0)

    return script


def stale(*steps: Ending) -> Script:
    """Serve one create; on cue take the *steps*, set ``ready``, and be honest again."""

    async def script(line: Line) -> None:
        await line.send(http(200, accepted(line.charge(await line.request()))))
        await line.server.cue.wait()
        for step in steps:
            await step(line)
        line.server.ready.set()
        await honest(line)

    return script


def _paid(line: Line, received: Received, *, charged: bool) -> str:
    return line.charge(received) if charged else "never-charged"
