"""Clients in a hurry, and how their results are held against what the server knows."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aivideo_async import (
    NO_RETRY,
    APIError,
    AsyncClient,
    GptImage2,
    NotSentError,
    OutcomeUnknownError,
    RawRequest,
    Task,
    Timeouts,
)
from tests.wire.fault_server import FaultServer, Script, fault_server, honest
from tests.wire.secrecy import KEY

__all__ = [
    "QUICK",
    "Result",
    "assert_sound",
    "outcome_of",
    "quick_client",
    "serving",
    "wanted",
]

QUICK = Timeouts(connect=0.6, read=0.6, total=2)
Result = Task | Exception


def quick_client(
    origin: str, trust: ssl.SSLContext | None = None, **options: Any
) -> AsyncClient:
    """Make a client that tries everything once and is in a hurry."""
    options = {"retry": NO_RETRY, "timeouts": QUICK, "rate": 1e6, **options}
    return AsyncClient(KEY, base_url=origin, ssl=trust, **options)


@asynccontextmanager
async def serving(
    *scripts: Script, beyond: Script = honest, **options: Any
) -> AsyncIterator[tuple[FaultServer, AsyncClient]]:
    """Run a plain server and a client of it; check that the client lets go of it."""
    async with fault_server(*scripts, beyond=beyond) as server:
        async with quick_client(server.origin, **options) as client:
            yield server, client
        async with asyncio.timeout(2):
            await server.all_closed()


def wanted(size: int) -> GptImage2 | RawRequest:
    """Return a request whose prompt has *size* bytes."""
    if size <= 20_000:
        return GptImage2("x" * size)
    return RawRequest(
        "gpt-image-2", endpoint="/v1/images/generations", input={"prompt": "x" * size}
    )


async def outcome_of(
    client: AsyncClient, request: GptImage2 | RawRequest | None = None
) -> Result:
    """Submit, and return the task or the error."""
    try:
        return await client.submit(request or GptImage2("a mug"))
    except Exception as error:
        return error


def assert_sound(result: Result, server: FaultServer) -> None:
    """Check that the verdict on a server's only create is true about the money."""
    match result:
        case Task():
            assert result.id in server.charged
        case NotSentError():
            assert 0 == server.bytes_seen
        case APIError():
            assert not server.charged
        case _:
            assert isinstance(result, OutcomeUnknownError)
