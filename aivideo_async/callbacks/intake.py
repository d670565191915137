"""What may come through the door: a small JSON object that names a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from attrs import frozen

from aivideo_async.models.strictjson import decode
from aivideo_async.models.tasks import is_task_id

__all__ = ["Call", "Refused", "read_task_id"]

MOST_BYTES = 64 * 1024
READ_SECONDS = 30.0


@frozen
class Call:
    """
    An HTTP request as every server can tell it.

    Attributes:
        method: Such as ``POST``.
        token: The last segment of the path.
        content_type: That header, or nothing.
        task_id: The ``X-Task-Id`` header, or nothing.
        read: Returns the next bytes of the body, and none at its end; `Refused` if
            it breaks off.
    """

    method: str
    token: str
    content_type: str
    task_id: str
    read: Callable[[], Awaitable[bytes]]


class Refused(Exception):  # noqa: N818  (an answer, not a mistake of ours)
    """
    The call is refused.

    Attributes:
        status: The HTTP status to answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def read_task_id(call: Call) -> str:
    """
    Return the id of the task that *call* is about; nothing else of it is used.

    Raises:
        Refused: It is not a callback of the service.
    """
    if call.method != "POST":
        raise Refused(405)
    if call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(415)
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _whole(call.read)
    except TimeoutError:
        raise Refused(408) from None
    return _named_in(body, call.task_id)


async def _whole(read: Callable[[], Awaitable[bytes]]) -> bytes:
    body = bytearray()
    while chunk := await read():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(413)
    return bytes(body)


def _named_in(body: bytes, header: str) -> str:
    try:
        fields = decode(body)
    except ValueError:
        raise Refused(400) from None
    if not isinstance(fields, dict):
        raise Refused(400)
    task_id = fields.get("id", header)
    if not is_task_id(task_id):
        raise Refused(400)
    return str(task_id)
