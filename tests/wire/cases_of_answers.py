"""The fault matrix, second half: answers that are odd, wrong, hostile or refusals."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

from aivideo_async import (
    APIError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitError,
    SpendLimitError,
    Task,
    TaskNotFoundError,
    UpstreamError,
)
from tests.wire.answers import accepted, chunked, http, refusal
from tests.wire.cases import UNKNOWN, Case, Results
from tests.wire.fault_server import Line, Script
from tests.wire.scripts import Speech, answer
from tests.wire.secrecy import KEY

__all__ = ["odd_answers"]


def _malformed() -> Iterable[Case]:
    def head(*lines: str, body: bytes = b"{}") -> bytes:
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    ok = "HTTP/1.1 200 OK"
    answers = {
        "no HTTP at all": b"\x16\x03\x01 what?\r\n\r\n",
        "HTTP/0.9": accepted("task-0001"),
        "status abc": head("HTTP/1.1 abc OK"),
        "status 99999": head("HTTP/1.1 99999 OK", "Content-Length: 2"),
        "status 20": head("HTTP/1.1 20 OK", "Content-Length: 2"),
        "status -200": head("HTTP/1.1 -200 OK", "Content-Length: 2"),
        "a line of 9 kB": head(ok, "X-Long: " + "x" * 9000, "Content-Length: 2"),
        "a reason of 9 kB": head(ok + "x" * 9000, "Content-Length: 2"),
        "200 headers": head(ok, *(f"X-{n}: 1" for n in range(200))),
        "two lengths": head(ok, "Content-Length: 2", "Content-Length: 3"),
        "length and chunked": chunked(200, [accepted("task-0001")]).replace(
            b"\r\n", b"\r\nContent-Length: 5\r\n", 1
        ),
        "a negative length": head(ok, "Content-Length: -2"),
        "a length in words": head(ok, "Content-Length: two"),
        "a length of +2": head(ok, "Content-Length: +2"),
        "a header without colon": head(ok, "Nonsense"),
        "a NUL in a header": head(ok, "X-A: \0", "Content-Length: 2"),
        "a bad chunk size": head(ok, "Transfer-Encoding: chunked", body=b"zz\r\n{}"),
        "a chunk size of 20 digits": head(
            ok, "Transfer-Encoding: chunked", body=b"f" * 20 + b"\r\n{}"
        ),
        "a broken chunk end": head(
            ok, "Transfer-Encoding: chunked", body=b"2\r\n{}XX0\r\n\r\n"
        ),
        "HTTP/9.9": head("HTTP/9.9 200 OK", "Content-Length: 2"),
        "nothing but blank lines": b"\r\n" * 50,
    }
    for name, said in answers.items():
        script = answer(said, charged=True, end=Line.close)
        yield Case(name, script, UNKNOWN)


def _labelled(encoding: str, coded: bytes) -> bytes:
    return http(200, coded, f"Content-Encoding: {encoding}")


def whole_with(body: Speech, status: int = 200) -> Speech:
    """Return a whole answer with *body*."""
    return lambda task_id: http(status, body(task_id))


def after_hint(status: int) -> Speech:
    """Return a good answer behind an interim one."""
    hint = b"HTTP/1.1 %d Hm\r\n\r\n" % status
    return lambda task_id: hint + http(200, accepted(task_id))


def _encodings() -> Iterable[Case]:
    good: dict[str, Speech] = {
        "gzip, unasked": lambda i: _labelled("gzip", gzip.compress(accepted(i))),
        "deflate, unasked": lambda i: _labelled("deflate", zlib.compress(accepted(i))),
        "labelled identity": lambda i: _labelled("identity", accepted(i)),
        "labelled HTML": lambda i: http(200, accepted(i), content_type="text/html"),
        "labelled utf-16": lambda i: http(
            200, accepted(i), content_type="application/json; charset=utf-16"
        ),
        "labelled zlib_codec": lambda i: http(
            200, accepted(i), content_type="application/json; charset=zlib_codec"
        ),
        "with a BOM": lambda i: http(200, b"\xef\xbb\xbf" + accepted(i)),
        "with blanks around": lambda i: http(200, b"\n\n " + accepted(i) + b"\n\n"),
    }
    for name, say in good.items():
        yield Case(name, answer(say, charged=True), Task)
    packed = gzip.compress(accepted("task-0001") * 50)
    bad = {
        "labelled gzip, but plain": _labelled("gzip", accepted("task-0001")),
        "gzip, broken": _labelled("gzip", packed[:20] + b"\xff" * 20 + packed[40:]),
        "gzip, half": _labelled("gzip", packed[: len(packed) // 2]),
        "brotli": _labelled("br", b"\x0b\x02\x80\x03"),
        "zstd": _labelled("zstd", b"\x28\xb5\x2f\xfd\x00"),
        "really utf-16": http(200, accepted("task-0001").decode().encode("utf-16")),
    }
    for name, said in bad.items():
        script = answer(said, charged=True)
        yield Case(name, script, UNKNOWN)


def _odd_json() -> Iterable[Case]:
    good: dict[str, Speech] = {
        "no code": lambda i: accepted(i).replace(b'"code": 200, ', b""),
        "more fields": lambda i: accepted(i, extra={"a": [1, None]}),
        "a MiB": lambda i: accepted(i) + b" " * ((1 << 20) - len(accepted(i))),
        "a MiB and a byte": lambda i: accepted(i) + b" " * (1 << 20),
    }
    for name, say in good.items():
        script = answer(whole_with(say), charged=True)
        yield Case(name, script, Task)
    doubtful: dict[str, Speech] = {
        "rubbish behind": lambda i: accepted(i) + b"rubbish",
        "a Latin-1 message": lambda i: accepted(i).replace(b"succ", b"s\xe9cc"),
        "half a letter": lambda i: accepted(i)[:-1] + ',"ä'.encode()[:-1],
        "a foreign field first": lambda i: b'{"x": {}, ' + accepted(i)[1:-1],
    }
    for name, say in doubtful.items():  # believed after a look, or not at all
        script = answer(whole_with(say), charged=True)
        yield Case(name, script, (Task, UNKNOWN))
    long_id, deep = "x" * 129, b"[" * 200_000
    bad = {
        "empty": b"",
        "null": b"null",
        "a list": b"[]",
        "text": b'"task-0001"',
        "an empty object": b"{}",
        "HTML": b"<!doctype html><p>" + accepted("task-0001"),
        "data null": b'{"code":200,"data":null}',
        "data a list": b'{"code":200,"data":["task-0001"]}',
        "data the id": b'{"code":200,"data":"task-0001"}',
        "the id outside data": b'{"code":200,"taskId":"task-0001"}',
        "the id in snake case": b'{"code":200,"data":{"task_id":"task-0001"}}',
        "id null": b'{"code":200,"data":{"taskId":null}}',
        "id a number": b'{"code":200,"data":{"taskId":1234}}',
        "id empty": accepted(""),
        "id with a slash": accepted("../credits"),
        "id with a blank": accepted("task 1"),
        "id with a line end": accepted("task-0001\n"),
        "id of 129 letters": accepted(long_id),
        "id in Cyrillic": accepted("таск"),
        "code 500": accepted("task-0001").replace(b"200", b"500"),
        "code as text": accepted("task-0001").replace(b"200", b'"200"'),
        "code true": accepted("task-0001").replace(b"200", b"true"),
        "NaN": b'{"code":200,"x":NaN,"data":{}}',
        "Infinity": b'{"code":200,"x":-Infinity,"data":{}}',
        "two ids": b'{"code":200,"data":{"taskId":"a","taskId":"b"}}',
        "an integer of 5000 digits": b"1" * 5000,
        "nested 200,000 deep": deep,
        "nested deep behind a code": b'{"code":200,"x":' + deep,
        "a MiB and a byte of blanks": b" " * ((1 << 20) + 1),
    }
    for name, said in bad.items():
        script = answer(http(200, said), charged=True)
        yield Case(f"{name} in the body", script, UNKNOWN)


def _statuses() -> Iterable[Case]:
    for status in (201, 202, 203, 206, 299):
        script = answer(whole_with(accepted, status), charged=True)
        yield Case(f"{status} with an id", script, Task)
    for early in (100, 102, 103):
        script = answer(after_hint(early), charged=True)
        yield Case(f"{early} before the answer", script, Task)
    hundred = b"HTTP/1.1 102 Processing\r\n\r\n" * 100
    script = answer(lambda i: hundred + http(200, accepted(i)), charged=True)
    yield Case("100 times 102 before the answer", script, Task)
    for status in (204, 205, 304):
        script = answer(http(status, length=None), charged=True)
        yield Case(f"{status}, close", _closing(status), UNKNOWN)
        yield Case(f"{status}, kept alive", script, UNKNOWN)
    switch = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    script = answer(switch, charged=True, end=Line.close)
    yield Case("101", script, UNKNOWN)
    for status in (
        408,
        409,
        425,
        499,
        500,
        501,
        502,
        503,
        504,
        520,
        524,
        599,
        600,
        999,
    ):
        said = http(status, b"<h1>Sorry</h1>", content_type="text/html")
        script = answer(said, charged=True)
        yield Case(f"{status} in HTML", script, UNKNOWN)


def _closing(status: int) -> Script:
    return answer(http(status, length=None), charged=True, end=Line.close)


def _redirects() -> Iterable[Case]:
    for status in (300, 301, 302, 303, 305, 307, 308):
        for where in ("/v1/elsewhere", "http://127.0.0.1:9/v1", "//"):
            said = http(status, b"", f"Location: {where}")
            script = answer(said, charged=True)
            yield Case(f"{status} to {where}", script, UNKNOWN)


def _refusals() -> Iterable[Case]:
    kind = "invalid_request_error"
    documented: list[tuple[int, str, str, Results]] = [
        (400, "invalid_request", kind, InvalidRequestError),
        (401, "invalid_api_key", "authentication_error", AuthenticationError),
        (402, "insufficient_credits", "billing_error", InsufficientCreditsError),
        (403, "ip_not_allowed", "permission_error", PermissionDeniedError),
        (404, "model_not_found", kind, ModelNotFoundError),
        (404, "task_not_found", kind, TaskNotFoundError),
        (429, "rate_limit_exceeded", "rate_limit_error", RateLimitError),
        (429, "spend_limit_exceeded", "billing_error", SpendLimitError),
        (503, "upstream_error", "upstream_error", UpstreamError),
        (500, "internal_error", "api_error", UNKNOWN),
        (503, "something_else", "api_error", UNKNOWN),
    ]
    for status, code, error_type, expected in documented:
        said = http(status, refusal(code, error_type))
        script = answer(said, charged=False)
        yield Case(f"{status} {code}", script, expected)
    for status in (400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 429, 451):
        said = http(status, b"<h1>No</h1>", content_type="text/html")
        script = answer(said, charged=False)
        yield Case(f"{status} in HTML", script, APIError)


def _echoes() -> Iterable[Case]:
    """Answers that contain the key, as a careless server's may."""
    said = refusal("invalid_api_key", "authentication_error", f"What is {KEY}?")
    escaped = said.replace(b"sk-", b"sk\\u002d")
    in_parts = f"HTTP/1.1 200 {KEY}\r\nX-{KEY}: {KEY}\r\nContent-Length: z\r\n\r\n"
    echoes: dict[str, tuple[bytes, Results]] = {
        "in a message": (http(401, said), AuthenticationError),
        "in a message, escaped": (http(401, escaped), AuthenticationError),
        "in a code": (http(400, refusal(KEY, KEY)), InvalidRequestError),
        "in HTML": (http(200, f"<p>{KEY}</p>".encode()), UNKNOWN),
        "in HTML, cut within": (http(200, f"<p>{KEY}"[:-1].encode()), UNKNOWN),
        "at the end of the evidence": (http(500, b"x" * 2040 + KEY.encode()), UNKNOWN),
        "in Location": (http(302, b"", f"Location: /{KEY}"), UNKNOWN),
        "in broken headers": (in_parts.encode(), UNKNOWN),
        "in a status line": (f"HTTP/1.1 {KEY} OK\r\n\r\n".encode(), UNKNOWN),
    }
    for where, (said, expected) in echoes.items():
        script = answer(said, charged=False, end=Line.close)
        yield Case(f"the key {where}", script, expected)


def odd_answers() -> Iterable[Case]:
    """Every case of this half."""
    yield from _malformed()
    yield from _encodings()
    yield from _odd_json()
    yield from _statuses()
    yield from _redirects()
    yield from _refusals()
    yield from _echoes()
