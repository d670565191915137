"""
A server with nothing in it: what is left of a benchmark is the client.

It answers each POST with a new task id and lets a task complete at its third look. It
may keep to a rate, as the service does, or lose every answer to a POST: it reads the
whole request, so that it may have been charged, and closes. It parses just enough
HTTP/1.1 for clients that behave, so that it costs little on a machine that it shares
with the client under test.

The benchmarks start it as a process of its own (see ``_serving.py``). It prints its
port; for every line on its standard input it prints what it has counted, and it ends
with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
from typing import cast

from attrs import asdict, define

from benchmarks.simulation import Bucket

LOOKS = 3
REFUSAL = (
    b'{"error":{"code":"rate_limit_exceeded","type":"rate_limit_error",'
    b'"message":"Too many requests, please slow down."}}'
)


@define
class Counts:
    """What has been seen so far; *most* is of connections open at once."""

    posts: int = 0
    gets: int = 0
    refused: int = 0
    opened: int = 0
    open: int = 0
    most: int = 0


class Service:
    """What all connections share; *limit* and *lossy* say how it treats requests."""

    def __init__(self, limit: Bucket | None, *, lossy: bool) -> None:
        self.counts = Counts()
        self._limit = limit
        self._lossy = lossy
        self._ids = itertools.count(1)
        self._looks: dict[bytes, int] = {}
        self._time = asyncio.get_running_loop().time

    def answer(self, head: bytes) -> bytes | None:
        """Answer the request with that *head*, or lose the answer."""
        creates = head.startswith(b"POST")
        self.counts.posts += creates
        self.counts.gets += not creates
        if self._limit is not None and not self._limit.accepts(self._time()):
            self.counts.refused += 1
            return _answer(b"429 Too Many Requests", REFUSAL)
        if creates:
            return None if self._lossy else self._create()
        return self._look(head.split(b" ", 2)[1].rpartition(b"/")[2])

    def _create(self) -> bytes:
        task_id = b"task-%08d" % next(self._ids)
        self._looks[task_id] = 0
        data = b'"data":{"taskId":"' + task_id + b'"}'
        return _answer(b"200 OK", b'{"code":200,"msg":"success",' + data + b"}")

    def _look(self, task_id: bytes) -> bytes:
        self._looks[task_id] += 1
        if self._looks[task_id] < LOOKS:
            return _answer(
                b"200 OK",
                b'{"id":"' + task_id + b'","status":"processing","model":"gpt-image-2",'
                b'"created_at":1775383908,"progress":null}',
            )
        del self._looks[task_id]
        return _answer(
            b"200 OK",
            b'{"id":"' + task_id + b'","status":"completed","model":"gpt-image-2",'
            b'"created_at":1775383908,"completed_at":1775383910,"output":{"urls":'
            b'["https://file.aivideoapi.ai/images/2026/04/05/abc123.png"],"metadata":'
            b'{"model":"gpt-image-2-text-to-image","costTime":70}}}',
        )


class Connection(asyncio.Protocol):
    """One connection; requests may not be pipelined."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast("asyncio.Transport", transport)
        counts = self._service.counts
        counts.opened += 1
        counts.open += 1
        counts.most = max(counts.most, counts.open)

    def connection_lost(self, error: Exception | None) -> None:
        """Count it no more."""
        self._service.counts.open -= 1

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole, or close instead."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self._buffer = b""
        answer = self._service.answer(head)
        if answer is None:
            self._transport.close()
        else:
            self._transport.write(answer)


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    return int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


def _answer(status: bytes, body: bytes) -> bytes:
    head = (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    return head % (status, len(body)) + body


async def main() -> None:
    """Serve on a free port of the loopback until standard input ends."""
    parser = argparse.ArgumentParser(description="The server of the benchmarks.")
    parser.add_argument("--rate", type=float, help="requests per second; else no limit")
    parser.add_argument("--burst", type=float, default=1.0)
    parser.add_argument("--lossy", action="store_true", help="lose answers to POSTs")
    options = parser.parse_args()
    limit = None if options.rate is None else Bucket(options.rate, options.burst)
    loop = asyncio.get_running_loop()
    service = Service(limit, lossy=options.lossy)
    server = await loop.create_server(
        lambda: Connection(service), "127.0.0.1", 0, backlog=4096
    )
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(asdict(service.counts)), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
