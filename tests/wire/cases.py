"""
The fault matrix, first half: connections that break, and which results are right.

A case expects one class of result. Where two are right, because the client may or may
not have noticed the fault in time, it names both.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from aivideo_async import APIError, NotSentError, OutcomeUnknownError, Task
from tests.wire.answers import accepted, chunked, http, refusal
from tests.wire.fault_server import Line, Script
from tests.wire.scripts import (
    Ending,
    Speech,
    answer,
    answer_early,
    flood,
    part_of_body,
    part_of_head,
    straight,
    trickle,
    whole,
)

__all__ = ["BIG", "UNKNOWN", "Case", "Results", "broken_connections"]

BIG = 4_000_000
"""Bytes of a prompt that no socket buffer swallows."""

Results = type | tuple[type, ...]


@frozen
class Case:
    """
    One fault.

    Attributes:
        name: What the server does.
        script: How it does it.
        expected: The class of the right result, or several.
        size: How many bytes the prompt has.
    """

    name: str
    script: Script
    expected: Results
    size: int = 10


UNKNOWN = OutcomeUnknownError
ENDINGS: dict[str, Ending] = {
    "close": Line.close,
    "cut": Line.cut,
    "reset": Line.reset,
    "hang": Line.hang,
}
BREAKS = ("close", "cut", "reset")


def _before_reading() -> Iterable[Case]:
    for how in BREAKS:
        # Whoever hears of it before the first byte is written knows: not sent.
        expected = (UNKNOWN, NotSentError)
        yield Case(f"accept, {how}", straight(ENDINGS[how]), expected)


def _while_reading() -> Iterable[Case]:
    for how in BREAKS:
        end = ENDINGS[how]
        yield Case(f"1 byte read, {how}", part_of_head(1, end), UNKNOWN)
        yield Case(f"90 bytes read, {how}", part_of_head(90, end), UNKNOWN)
        yield Case(f"headers read, {how}", part_of_body(0, end), UNKNOWN)
        yield Case(f"half the body read, {how}", part_of_body(30, end), UNKNOWN)
        big = part_of_body(100_000, end)
        yield Case(f"100 kB of 4 MB read, {how}", big, UNKNOWN, size=BIG)
    yield Case("4 MB never read", straight(Line.go_deaf), UNKNOWN, size=BIG)


def _after_reading() -> Iterable[Case]:
    for how, end in ENDINGS.items():
        for charged in (True, False):
            truth = "charged" if charged else "not charged"
            script = whole(end, charged=charged)
            yield Case(f"all read, {truth}, {how}", script, UNKNOWN)


def _half_answers() -> Iterable[Case]:
    parts = {
        "half a status line": b"HTTP/1.",
        "half the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
        "headers without the end": b"HTTP/1.1 200 OK\r\nContent-Length: 70\r\n",
        "only headers": http(200, length=70),
        "only headers, chunked": chunked(200, [], b""),
        "half the id": http(200, accepted("task-0001")[:50], length=70),
        "half the id, chunked": chunked(200, [accepted("task-0001")[:50]], b""),
    }
    for part, said in parts.items():
        for how, end in ENDINGS.items():
            script = answer(said, charged=True, end=end)
            yield Case(f"{part}, {how}", script, UNKNOWN)


def _whole_id(task_id: str) -> bytes:
    return accepted(task_id)[:-1]


def _salvage() -> Iterable[Case]:
    parts: dict[str, Speech] = {
        "the id, not the end": lambda i: http(200, _whole_id(i), length=99),
        "the id, not the end, chunked": lambda i: chunked(200, [_whole_id(i)], b""),
        "all but the last chunk": lambda i: chunked(200, [accepted(i)], b""),
        "less than its length": lambda i: http(200, accepted(i), length=999),
    }
    for part, say in parts.items():
        for how, end in ENDINGS.items():
            yield Case(f"{part}, {how}", answer(say, charged=True, end=end), Task)
    lies = answer(
        lambda i: http(200, _whole_id(i), length=99), charged=False, end=Line.close
    )
    yield Case("an id that no look confirms", lies, UNKNOWN)


def _until_closed(body: bytes) -> bytes:
    return http(200, body, length=None)


def _delimited_by_close() -> Iterable[Case]:
    def ended(say: Speech, end: Ending = Line.close) -> Script:
        return answer(say, charged=True, end=end)

    half = ended(lambda i: _until_closed(accepted(i)[:30]))
    yield Case("close-delimited, half", half, UNKNOWN)
    for how in BREAKS:
        end = ENDINGS[how]
        id_only = ended(lambda i: _until_closed(_whole_id(i)), end)
        yield Case(f"close-delimited, id only, {how}", id_only, Task)
        complete = ended(lambda i: _until_closed(accepted(i)), end)
        yield Case(f"close-delimited, {how}", complete, Task)
    old = ended(lambda i: http(200, accepted(i), version="HTTP/1.0", length=None))
    yield Case("HTTP/1.0, close-delimited", old, Task)
    keep = answer(
        lambda i: http(200, accepted(i), "Connection: keep-alive", version="HTTP/1.0"),
        charged=True,
    )
    yield Case("HTTP/1.0, kept alive", keep, Task)


def _slow() -> Iterable[Case]:
    def good(task_id: str) -> bytes:
        return http(200, accepted(task_id))

    def long_winded(task_id: str) -> bytes:
        return good(task_id).replace(b"\r\n", b"\r\nX-A: 1\r\n" * 60, 1)

    yield Case("byte by byte", trickle(good, 0.001), Task)
    yield Case("byte by byte, too slow", trickle(long_winded, 0.005), UNKNOWN)
    endless = flood(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    yield Case("1xx for ever", endless, UNKNOWN)
    padding = flood(b" ", start=lambda i: http(200, length=9_000_000))
    yield Case("blanks for ever, slowly", padding, UNKNOWN)


def _early() -> Iterable[Case]:
    too_large = http(413, refusal("invalid_request", "invalid_request_error"))
    refuse = answer_early(lambda _: too_large, charged=False, end=Line.hang)
    yield Case("413 before the body is read", refuse, APIError, size=BIG)
    accept = answer_early(lambda i: http(200, accepted(i)), charged=True, end=Line.hang)
    yield Case("200 before the body is read", accept, Task, size=BIG)
    for how in BREAKS:
        # Whether the answer is heard before the connection breaks is chance.
        end = ENDINGS[how]
        refuse = answer_early(lambda _: too_large, charged=False, end=end)
        expected = (APIError, UNKNOWN)
        yield Case(f"413 before the body is read, {how}", refuse, expected, size=BIG)


def broken_connections() -> Iterable[Case]:
    """Every case of this half."""
    yield from _before_reading()
    yield from _while_reading()
    yield from _after_reading()
    yield from _half_answers()
    yield from _salvage()
    yield from _delimited_by_close()
    yield from _slow()
    yield from _early()
