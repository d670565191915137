"""Answers that want to eat the memory: bounded, and never taken for a verdict."""

from __future__ import annotations

import asyncio
import gzip
import sys
import zlib

import pytest

from aivideo_async import OutcomeUnknownError
from tests.wire import hostile
from tests.wire.answers import chunked, http
from tests.wire.clients import outcome_of, serving
from tests.wire.fault_server import Line, Script, fault_server
from tests.wire.scripts import answer, flood

MEBIBYTE = 1 << 20
GROWTH = 8 * MEBIBYTE
ZEROS = b"0" * 65536
CHUNK = b"10000\r\n" + ZEROS + b"\r\n"


def opened(*headers: str) -> bytes:
    """Return the headers of an answer whose length nobody knows."""
    return http(200, b"", *headers, length=None)


def endless(start: bytes, piece: bytes) -> Script:
    """Make the script that never stops talking."""
    return flood(piece, start=lambda _: start)


def body(text: bytes, *headers: str) -> Script:
    """Make the script that answers with *text* and hangs up."""
    said = http(200, text, *headers)
    return answer(said, charged=True, end=Line.close)


def bombs() -> dict[str, Script]:
    """Return what a hostile server might say."""
    packed = gzip.compress(bytes(64 * MEBIBYTE))
    raw = zlib.compress(bytes(64 * MEBIBYTE))
    nested = b'{"code":200,"data":'
    return {
        "endless, in chunks": endless(opened("Transfer-Encoding: chunked"), CHUNK),
        "endless, until closed": endless(opened(), ZEROS),
        "endless, by length": endless(http(200, length=1 << 40), ZEROS),
        "gzip bomb": body(packed, "Content-Encoding: gzip"),
        "deflate bomb": body(raw, "Content-Encoding: deflate"),
        "gzip bomb, labelled identity": body(packed, "Content-Encoding: identity"),
        "bait for the salvage": body(b'{"code":200,' + b"x" * (MEBIBYTE - 20)),
        "bait with an id": body(
            b'{"code":200,"x":"' + b"x" * (MEBIBYTE - 99) + b'","data":{"taskId":"a"},'
        ),
        "nested lists": body(b"[" * MEBIBYTE),
        "nested objects": body(nested * (MEBIBYTE // len(nested))),
        "a number of a MiB": body(b"1" * MEBIBYTE),
        "a string of a MiB": body(b'"' + b"x" * (MEBIBYTE - 2) + b'"'),
        "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n" * 99),
        "endless status line": endless(b"HTTP/1.1 200 ", ZEROS),
        "endless header": endless(b"HTTP/1.1 200 OK\r\nX-A: ", ZEROS),
        "endless blank lines": endless(b"", b"\r\n" * 4096),
        "endless early hints": endless(b"", b"HTTP/1.1 103 Hm\r\n\r\n" * 999),
        "endless chunk extension": endless(
            opened("Transfer-Encoding: chunked") + b"5;", ZEROS
        ),
        "endless trailers": endless(
            chunked(200, [b"{}"], b"0\r\n"), b"X-A: 1\r\n" * 99
        ),
        "endless small chunks": endless(
            opened("Transfer-Encoding: chunked"), b"1\r\n0\r\n" * 999
        ),
    }


BOMBS = bombs()


async def test_no_answer_eats_the_memory():
    """Each bomb costs less than 8 MiB beyond what the ones before it cost."""
    calm = [body(b" " * MEBIBYTE)] * 3
    async with fault_server(*calm, *BOMBS.values()) as server:
        count = len(calm) + len(BOMBS)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", hostile.__name__, server.origin, str(count)),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await child.communicate()
    results = [line.split() for line in printed.decode().splitlines()][len(calm) :]
    growth = {name: int(size) for name, (_, size) in zip(BOMBS, results, strict=True)}
    assert {"OutcomeUnknownError"} == {kind for kind, _ in results}
    assert {} == {name: size for name, size in growth.items() if size > GROWTH}


@pytest.mark.parametrize("script", BOMBS.values(), ids=BOMBS)
async def test_a_bomb_leaves_the_outcome_unknown(script: Script):
    """It was sent and perhaps charged; what came says nothing reliable."""
    async with serving(script) as (server, client):
        result = await outcome_of(client)
    assert isinstance(result, OutcomeUnknownError)
    assert 1 == server.posts
