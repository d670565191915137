"""
A server with nothing in it: what is left of a benchmark is the client.

It answers ``POST /v1/images/generations`` with a new task id and lets a task complete
at its third look. It parses just enough HTTP/1.1 for clients that behave, so that it
costs little on a machine that it shares with the client under test.

The benchmarks start it as a process of its own; it prints its port and ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import cast

LOOKS = 3
_ids = itertools.count(1)
_looks: dict[bytes, int] = {}


def _answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _create() -> bytes:
    task_id = b"task-%08d" % next(_ids)
    _looks[task_id] = 0
    return _answer(b'{"code":200,"msg":"success","data":{"taskId":"' + task_id + b'"}}')


def _look(task_id: bytes) -> bytes:
    _looks[task_id] += 1
    if _looks[task_id] < LOOKS:
        return _answer(
            b'{"id":"' + task_id + b'","status":"processing","model":"gpt-image-2",'
            b'"created_at":1775383908,"progress":null}'
        )
    del _looks[task_id]
    return _answer(
        b'{"id":"' + task_id + b'","status":"completed","model":"gpt-image-2",'
        b'"created_at":1775383908,"completed_at":1775383910,"output":{"urls":'
        b'["https://file.aivideoapi.ai/images/2026/04/05/abc123.png"],"metadata":'
        b'{"model":"gpt-image-2-text-to-image","costTime":70}}}'
    )


class Server(asyncio.Protocol):
    """One connection; requests may not be pipelined."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with an empty buffer."""
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self._buffer = b""
        if head.startswith(b"POST"):
            answer = _create()
        else:
            answer = _look(head.split(b" ", 2)[1].rpartition(b"/")[2])
        self._transport.write(answer)


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    return int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


async def main() -> None:
    """Serve on a free port of the loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
