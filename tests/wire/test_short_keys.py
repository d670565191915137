"""Keys that are no real keys, and an aiohttp that hides its writer."""

from __future__ import annotations

import asyncio

import pytest

from aivideo_async import AsyncClient, ConfigurationError, Emulator
from aivideo_async.emulator import EmulatorTransport
from aivideo_async.models.wire import WireRequest
from aivideo_async.transport.guard import MarkedBody
from aivideo_async.transport.secret import Secret


def test_a_short_word_that_is_no_key_is_not_blotted_out():
    """It may well stand in a task's id, and a blotted id is a lost task."""
    secret = Secret("test")
    assert "test-8f31" == secret.redact("test-8f31")
    assert b"test-8f31" == secret.redact_bytes(b"test-8f31")


class Writer:
    """A writer that shows no protocol."""

    def __init__(self) -> None:
        self.written = b""

    async def write(self, chunk: bytes) -> None:
        """Take the bytes."""
        self.written += chunk


async def test_a_writer_without_a_protocol_is_written_to():
    """Then every connection is a fresh one, so there is nothing to guard."""
    request = WireRequest("POST", "/v1/x", b"{}")
    body, writer = MarkedBody(request, lambda: None), Writer()
    await body.write_with_length(writer, None)  # type: ignore[arg-type]
    assert (True, b"{}") == (request.sent, writer.written)


def test_closing_from_another_loop_is_refused():
    """The first loop is gone, and with it what could be closed."""
    client = AsyncClient(transport=EmulatorTransport(Emulator()))

    async def use() -> None:
        await client.credits()

    asyncio.run(use())
    with pytest.raises(ConfigurationError, match="another event loop"):
        asyncio.run(client.aclose())
    client._session.closed = True  # nothing is left to close
