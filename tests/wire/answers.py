"""What a server may say: the answers of the service, and how they travel."""

from __future__ import annotations

import json
from collections.abc import Iterable

__all__ = ["accepted", "chunked", "http", "refusal", "running"]


def accepted(task_id: str, **more: object) -> bytes:
    """Return the body that hands out a new task."""
    return json.dumps(
        {"code": 200, "msg": "success", "data": {"taskId": task_id}, **more}
    ).encode()


def running(task_id: str, model: str = "gpt-image-2") -> bytes:
    """Return the body of a look at a task that is not final."""
    return json.dumps(
        {
            "id": task_id,
            "status": "processing",
            "model": model,
            "created_at": 1_777_000_000,
            "progress": None,
        }
    ).encode()


def refusal(code: str, kind: str, message: str = "No.") -> bytes:
    """Return the documented body of an error."""
    return json.dumps(
        {"error": {"code": code, "message": message, "type": kind}}
    ).encode()


def http(
    status: int,
    body: bytes = b"",
    *headers: str,
    version: str = "HTTP/1.1",
    length: int | None = -1,
    content_type: str = "application/json",
) -> bytes:
    """Return a whole answer; *length* replaces the true one, None leaves it out."""
    lines = [f"{version} {status} Whatever", f"Content-Type: {content_type}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(status: int, pieces: Iterable[bytes], end: bytes = b"0\r\n\r\n") -> bytes:
    """Return an answer in chunks."""
    head = http(status, b"", "Transfer-Encoding: chunked", length=None)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end
