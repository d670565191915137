"""A run that is left early: nothing paid is cancelled, and no id is lost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress

import pytest

from aivideo_async import (
    ConfigurationError,
    GptImage2,
    NotSentError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.world import World, mug, mugs
from tests.warp import warped


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


class Source:
    """
    An endless input that counts.

    Attributes:
        read: How many requests were taken out of it.
    """

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[GptImage2]:
        return self

    def __next__(self) -> GptImage2:
        self.read += 1
        return mug(self.read)


# --- leaving early ----------------------------------------------------------------


@warped
async def test_leaving_the_loop_cancels_nothing_paid(world: World):
    """What was bought and not yielded is in `unclaimed`; nothing more is bought."""
    async with world.client() as client:
        async for outcome in client.generate_many(Source(), max_in_flight=5):
            world.note(outcome)
            break
        await asyncio.sleep(1)
        bought = len(world.charged)
        assert set(world.charged) == world.got | set(client.unclaimed)
        await asyncio.sleep(100)
        assert (bought, 0) == (len(world.charged), client.stats().in_flight)
        for task_id in client.unclaimed:
            await client.wait(task_id)
        assert () == client.unclaimed
        world.got.update(world.charged)


@warped
@pytest.mark.parametrize("where", ["at once", "on the wire", "running", "ready"])
async def test_closing_a_run_keeps_every_id(emulate: Emulate, where: str):
    """Whatever its requests were doing."""
    world = emulate(Rule("create", acts.slow(2.0)), median=3.0)
    async with world.client() as client:
        run = client.generate_many(mugs(6))
        first = asyncio.ensure_future(anext(run))
        times = {"at once": 0.0, "on the wire": 1.0, "running": 3.0, "ready": 9.0}
        await asyncio.sleep(times[where])
        if first.done():
            world.note(first.result())
        first.cancel()
        await asyncio.wait([first])
        await run.aclose()
        await asyncio.sleep(5)
        assert set(world.charged) == world.got | set(client.unclaimed)
        assert 0 == client.stats().in_flight


@warped
async def test_an_error_in_the_loop_body_is_like_leaving_it(world: World):
    """It comes out as it is."""
    async with world.client() as client:
        with suppress(ZeroDivisionError):
            async for outcome in client.generate_many(mugs(5)):
                world.note(outcome)
                raise ZeroDivisionError
        await asyncio.sleep(1)
        assert set(world.charged) == world.got | set(client.unclaimed)


@warped
async def test_a_forgotten_run_is_closed_when_it_is_collected(world: World):
    """Nobody holds it any more: as if it had been closed."""
    async with world.client() as client:
        run = client.generate_many(mugs(5))
        world.note(await anext(run))
        del run
        gc.collect()
        await asyncio.sleep(1)
        assert set(world.charged) == world.got | set(client.unclaimed)


@warped
async def test_a_run_that_is_held_when_the_client_closes_loses_nothing(world: World):
    """Outcomes that were ready and never taken: their ids are kept all the same."""
    async with world.client() as client:
        run = client.generate_many(mugs(5))
        world.note(await anext(run))
        await asyncio.sleep(100)
    known = world.got | set(client.unclaimed)
    await run.aclose()
    assert set(world.charged) == known


@warped
async def test_closing_the_client_in_the_loop_ends_the_run(world: World):
    """The rest comes as errors that name their tasks, and the loop ends."""
    async with world.client(max_in_flight=3) as client:
        run = client.generate_many(Source())
        outcomes = []
        with suppress(ConfigurationError):
            async for outcome in run:
                world.note(outcome)
                outcomes.append(outcome)
                await client.aclose()
    assert 3 <= len(outcomes) <= 5
    assert all(outcome.ok or outcome.error for outcome in outcomes)


@warped
async def test_a_closed_run_is_over(world: World):
    """Asking on is the end of the loop, not an error."""
    async with world.client() as client:
        run = client.generate_many(mugs(3))
        world.note(await anext(run))
        await run.aclose()
        await run.aclose()
        assert [] == [outcome async for outcome in run]


@warped
async def test_leaving_closes_an_input_that_is_being_read(world: World):
    """An async generator that waits for its next row is cancelled there."""
    closed = []

    async def source() -> AsyncIterator[GptImage2]:
        try:
            yield mug(0)
            await asyncio.sleep(1e9)
        finally:
            closed.append(clock())

    async with world.client() as client:
        async with aclosing(client.generate_many(source())) as run:
            world.note(await anext(run))
        await asyncio.sleep(0)
    assert [10.0] == closed


@warped
async def test_abandoned_while_queued_nothing_is_sent(world: World):
    """Requests that were read and wait for the throttle are withdrawn."""
    async with world.client(rate=0.2) as client:
        run = client.generate_many(mugs(50))
        first = asyncio.ensure_future(anext(run))
        await asyncio.sleep(12)
        first.cancel()
        await asyncio.wait([first])
        await asyncio.sleep(1000)
    assert len(world.charged) <= 3


@warped
async def test_queued_requests_of_a_closed_client_are_not_sent_outcomes(world: World):
    """Read, not sent: `NotSentError`."""
    async with world.client(max_in_flight=10, rate=1) as client:
        run = asyncio.ensure_future(world.collect(client.generate_many(mugs(6))))
        await asyncio.sleep(2.5)
    kinds = {outcome.index: type(outcome.error) for outcome in await run}
    assert {0, 1, 2} >= {i for i, kind in kinds.items() if kind is WaitTimeoutError}
    assert NotSentError is kinds[5]
    assert 6 == len(kinds)
