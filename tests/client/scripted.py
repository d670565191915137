"""
A wire that says what it is told to, for what the emulated service never says.

It fits the port of every transport: it sets the `sent` mark and raises nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from aivideo_async.emulator.reply import refusal
from aivideo_async.models.wire import Exchange, Fault, FaultKind, WireRequest

__all__ = [
    "Prompt",
    "Scripted",
    "accepted",
    "answer",
    "lost",
    "not_sent",
    "refused",
    "view",
]

Line = Exchange | asyncio.Future[Exchange]


def answer(value: Any, status: int = 200, **headers: str) -> Exchange:
    """Say *value* as JSON."""
    return Exchange(True, status, headers, json.dumps(value).encode())


def accepted(task_id: str = "t-1") -> Exchange:
    """Say that a create made this task."""
    return answer({"code": 200, "msg": "success", "data": {"taskId": task_id}})


def view(task_id: str = "t-1", status: str = "completed", **fields: Any) -> Exchange:
    """Say how a task is."""
    about = {"id": task_id, "status": status, "model": "gpt-image-2", **fields}
    if status == "completed":
        about.setdefault("output", {"urls": ["https://files.invalid/1.png"]})
    return answer(about)


def refused(code: str, retry_after: float | None = None) -> Exchange:
    """Say the documented error *code*."""
    reply = refusal(code)
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Exchange(True, reply.status, headers, reply.body)


def not_sent(kind: FaultKind = FaultKind.CONNECT) -> Exchange:
    """Break before the first byte."""
    return Exchange(False, error=Fault(kind, "connection refused"))


def lost(kind: FaultKind = FaultKind.BROKEN) -> Exchange:
    """Break after the last byte: nobody knows."""
    return Exchange(True, error=Fault(kind, "server disconnected"))


class Scripted:
    """
    Answer creates and looks out of two lists; the last line of each repeats.

    A line that is a future is answered when the test resolves it.

    Attributes:
        creates: The creates that came.
        looks: The looks that came.
        times: When each create came, by the loop.
        closed: How often it was closed.
    """

    def __init__(
        self,
        creates: Iterable[Line] = (),
        looks: Iterable[Line] = (),
        *,
        latency: float = 0.0,
    ) -> None:
        self._lines = {"POST": list(creates), "GET": list(looks)}
        self._latency = latency
        self.creates: list[WireRequest] = []
        self.looks: list[WireRequest] = []
        self.times: list[float] = []
        self.closed = 0

    async def exchange(self, request: WireRequest) -> Exchange:
        """Say the next line."""
        lines = self._lines["GET" if request.method == "GET" else "POST"]
        if request.method == "GET":
            self.looks.append(request)
        else:
            self.creates.append(request)
            self.times.append(asyncio.get_running_loop().time())
        line = lines.pop(0) if len(lines) > 1 else lines[0]
        await asyncio.sleep(self._latency)
        request.sent = isinstance(line, asyncio.Future) or line.sent
        return await line if isinstance(line, asyncio.Future) else line

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1


class Prompt:
    """
    A wire that makes a task of every create and finishes it at once.

    Attributes:
        made: How many tasks there are.
    """

    def __init__(self) -> None:
        self.made = 0

    async def exchange(self, request: WireRequest) -> Exchange:
        """Make a task, or show it finished."""
        request.sent = True
        if request.method == "GET":
            return view(request.path.removeprefix("/v1/tasks/"))
        self.made += 1
        return accepted(f"t-{self.made}")

    async def aclose(self) -> None:
        """Close nothing."""
