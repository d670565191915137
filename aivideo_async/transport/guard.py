"""
The last look before money can be spent: is this connection clean, and mark the byte.

`MarkedBody` is the payload of every request with a body. aiohttp calls its
``write_with_length`` in the one place where the first byte is handed to the socket
(headers and body leave together), so two things happen exactly there and without an
await in between:

- A reused connection that holds unread bytes is refused. They are a late answer to
  somebody else, and would be taken for the answer to this create: the wrong task id,
  without any error (aiohttp issue 13656).
- The request is marked as sent. Without the mark nothing was charged; there is no
  other sound proof, least of all the class of an exception.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from aiohttp import ClientRequest
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_writer import StreamWriter
from aiohttp.payload import Payload

from aivideo_async.models.wire import FaultKind, WireRequest

__all__ = ["MarkedBody", "UncleanConnectionError", "guard_works"]


class UncleanConnectionError(Exception):
    """The pooled connection was not clean; nothing was written to it."""


def guard_works() -> bool:
    """Tell whether this aiohttp still has what the guard looks at."""
    return (
        hasattr(ResponseHandler, "should_close")
        and hasattr(StreamWriter, "protocol")
        and hasattr(Payload, "write_with_length")
        and hasattr(ClientRequest, "write_bytes")
    )


class MarkedBody(Payload):
    """
    A JSON body that marks its request as sent, and refuses an unclean connection.

    Attributes:
        reused: Whether the connection has carried another request before.
        refused: Why the connection was refused, or None.
        written: Whether the whole body was handed over.
    """

    _autoclose = True

    def __init__(self, request: WireRequest, on_written: Callable[[], None]) -> None:
        super().__init__(request.body, content_type="application/json")
        self._request = request
        self._on_written = on_written
        self._size = len(request.body or b"")
        self.reused = False
        self.refused: FaultKind | None = None
        self.written = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Check the connection, mark the request, write: in one step."""
        if self._request.sent:
            # aiohttp repeats what HTTP calls idempotent (PUT, DELETE); we never do.
            raise UncleanConnectionError
        if not _is_open(writer):
            self.refused = FaultKind.UNCLEAN if self.reused else FaultKind.CONNECT
        elif self.reused and not _is_clean(writer):
            self.refused = FaultKind.UNCLEAN
        if self.refused is not None:
            raise UncleanConnectionError
        self._request.sent = True
        await writer.write(self._value)
        self.written = True
        self._on_written()

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Do the same: aiohttp's older entry point."""
        await self.write_with_length(writer, None)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return bytes(self._value).decode(encoding, errors)


def _is_open(writer: Any) -> bool:
    protocol = getattr(writer, "protocol", None)
    if protocol is None:  # an aiohttp that hides it: then every connection is fresh
        return True
    transport = protocol.transport
    return transport is not None and not transport.is_closing()


def _is_clean(writer: Any) -> bool:
    """Tell whether nothing unread waits on the connection, here or in the kernel."""
    if writer.protocol.should_close:
        return False
    socket = writer.protocol.transport.get_extra_info("socket")
    return socket is not None and not _readable(socket.fileno())


def _readable(fileno: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([fileno], [], [], 0)[0])
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))
