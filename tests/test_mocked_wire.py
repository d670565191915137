"""The repaired aioresponses."""

from __future__ import annotations

import aiohttp
import pytest

from tests.mocked_wire import MockedWire

URL = "https://api.example/v1/tasks/t-1"


async def test_it_gives_the_answer_as_told():
    """Status, headers and bytes arrive as registered, broken JSON included."""
    with MockedWire() as wire:
        wire.get(URL, status=502, body=b"{", headers={"Retry-After": "7"})
        async with aiohttp.ClientSession() as session, session.get(URL) as answer:
            assert 502 == answer.status
            assert "7" == answer.headers["Retry-After"]
            assert b"{" == await answer.read()


async def test_it_breaks_as_told():
    """An exception instead of an answer reaches the caller."""
    with MockedWire() as wire:
        wire.post(URL, exception=aiohttp.ServerDisconnectedError())
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.post(URL)
