"""Every test of this folder gets a world whose books are checked at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from aivideo_async.emulator import Rule
from tests.client.world import World

Emulate = Callable[..., World]


@pytest.fixture
def emulate() -> Iterator[Emulate]:
    """Make worlds: ``emulate(*rules, median=10.0, rate=None, …)``."""
    worlds: list[World] = []

    def make(*rules: Rule, **options: Any) -> World:
        worlds.append(World(*rules, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.check()


@pytest.fixture
def world(emulate: Emulate) -> World:
    """Make a well behaved world whose tasks take ten seconds."""
    return emulate()


@pytest_asyncio.fixture(autouse=True)
async def clean_loop() -> AsyncIterator[None]:
    """Check that a test leaves no task, and nothing that the loop complains of."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    before = asyncio.all_tasks()
    yield
    assert not asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not complaints
