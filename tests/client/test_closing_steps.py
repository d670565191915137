"""Closed at every turn of the loop, and cancelled while closing: every id is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import pytest

from aivideo_async import AIVideoError, AsyncClient
from aivideo_async.emulator import Rule, acts
from tests.client.stepping import Strike, at_every_turn, moments
from tests.client.world import AT_ONCE, World, mug, mugs

Close = Callable[[AsyncClient], Awaitable[None]]


async def once(client: AsyncClient) -> None:
    """Close."""
    await client.aclose()


async def three_times(client: AsyncClient) -> None:
    """Close from three places at once."""
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(client.aclose())


async def in_a_cancelled_scope(client: AsyncClient) -> None:
    """Close where anyio cancels every await."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        await client.aclose()


closes = pytest.mark.parametrize("close", [once, three_times, in_a_cancelled_scope])


async def buy_all_sorts(world: World, client: AsyncClient) -> None:
    """Buy by each verb at once; errors are what is expected."""

    async def quietly(call: Awaitable[object]) -> None:
        with suppress(AIVideoError):
            await call

    async with asyncio.TaskGroup() as group:
        run = client.generate_many(mugs(4, 100), max_in_flight=2)
        for call in (
            world.call(client.submit, mug(1)),
            world.call(client.generate, mug(2)),
            world.call(client.generate, mug(3), timeout=5),
            world.collect(run),
        ):
            group.create_task(quietly(call))


STORIES: dict[str, Callable[[], World]] = {
    "at once": lambda: World(median=0.0, turns=1),
    "slow": lambda: World(Rule("any", acts.slow(1.0)), median=2.0),
    "refused": lambda: World(
        Rule("create", acts.refuse("rate_limit_exceeded"), nth=(1, 3)), median=0.0
    ),
    "broken": lambda: World(
        Rule("create", acts.LOST_REPLY, nth=2),
        Rule("task", acts.BAD_GATEWAY, every=2),
        median=0.0,
    ),
}


@moments
@closes
@pytest.mark.parametrize("story", STORIES)
def test_closed_at_any_turn_nothing_is_lost(story: str, close: Close, moment: str):
    """Nor is anybody left waiting, nor a task left behind."""

    async def trial(strike: Strike) -> None:
        world = STORIES[story]()
        client = world.client(polling=AT_ONCE, max_in_flight=3)
        now = asyncio.Event()
        buying = asyncio.ensure_future(buy_all_sorts(world, client))
        buying.add_done_callback(lambda _: strike.disarm())
        buying.add_done_callback(lambda _: now.set())
        strike.arm(now.set)
        await now.wait()
        await close(client)
        done, _ = await asyncio.wait([buying], timeout=1000)
        buying.cancel()
        assert done, "somebody is left waiting"
        await asyncio.wait([buying])
        world.check()

    assert at_every_turn(trial, moment) > 5


@moments
@pytest.mark.parametrize("times", [1, 2])
def test_a_closing_that_is_cancelled_at_any_turn_loses_nothing(times: int, moment: str):
    """Cancelled once it goes on; twice, and what is open is known to be unknown."""

    async def trial(strike: Strike) -> None:
        world = World(Rule("create", acts.slow(1.0)), turns=1, pause=0.5)
        client = world.client()
        calls = [
            asyncio.ensure_future(world.call(client.generate, request))
            for request in mugs(3)
        ]
        await asyncio.sleep(0.7)
        closing = asyncio.ensure_future(client.aclose())

        def cancel() -> None:
            closing.cancel()
            if times == 2:
                asyncio.get_running_loop().call_soon(closing.cancel)

        strike.arm(cancel)
        await asyncio.wait([closing])
        strike.disarm()
        await client.aclose()
        await asyncio.wait(calls, timeout=1000)
        assert all(call.exception() for call in calls)
        if times == 1:
            assert [] == world.logged("its outcome is unknown")
        world.check()

    assert at_every_turn(trial, moment) > 1


@moments
def test_what_was_unclaimed_is_not_lost_by_a_cancelled_wait(moment: str):
    """Whoever picks it up and is cut off has not got it: it stays on the list."""

    async def trial(strike: Strike) -> None:
        world = World(Rule("create", acts.slow(2.0)), median=0.0, turns=1)
        async with world.client(polling=AT_ONCE) as client:
            with suppress(TimeoutError):
                await world.call(client.generate, mug(), timeout=1)
            await asyncio.sleep(5)
            (task_id,) = client.unclaimed
            wait = asyncio.ensure_future(world.call(client.wait, task_id))
            strike.arm(wait.cancel)
            await asyncio.wait([wait])
            strike.disarm()
            assert set() == world.lost
        world.check()

    assert at_every_turn(trial, moment) > 2
