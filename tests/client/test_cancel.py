"""
Cancelled at every turn of the loop, in every way there is: nothing paid is lost.

What is cancelled is the waiting of one caller. A create that is on the wire goes on,
and the id of what it bought goes where the caller can find it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import anyio
import pytest

from aivideo_async import AIVideoError, AsyncClient
from aivideo_async.emulator import Rule, acts
from tests.client.stepping import Strike, at_every_turn, moments
from tests.client.world import AT_ONCE, World, mug, mugs

Call = Callable[[], Coroutine[Any, Any, object]]
Verb = Callable[[World, AsyncClient], Coroutine[Any, Any, object]]


class BoomError(Exception):
    """What a sibling fails with."""


# --- the verbs --------------------------------------------------------------------


async def submit(world: World, client: AsyncClient) -> object:
    """Buy one."""
    return await world.call(client.submit, mug(1000))


async def generate(world: World, client: AsyncClient) -> object:
    """Buy one and wait for it."""
    return await world.call(client.generate, mug(1000))


async def wait(world: World, client: AsyncClient) -> object:
    """Wait for what was bought before."""
    task = await world.call(client.submit, mug(1000))
    return await client.wait(task)


async def many(world: World, client: AsyncClient) -> object:
    """Buy five, two at a time."""
    return await world.collect(client.generate_many(mugs(5, 1000), max_in_flight=2))


async def by_hand(world: World, client: AsyncClient) -> object:
    """Buy one through the escape hatch."""
    body = {"model": "gpt-image-2", "input": {"prompt": "by hand"}}
    reply = await client.request("POST", "/v1/images/generations", body)
    world.got.add(reply["data"]["taskId"])
    return reply


verbs = pytest.mark.parametrize("verb", [submit, generate, wait, many, by_hand])


# --- the ways to be cancelled -----------------------------------------------------


async def task_cancel(strike: Strike, call: Call) -> None:
    """Cancel the caller's task."""
    task = asyncio.ensure_future(call())
    strike.arm(task.cancel)
    await asyncio.wait([task])


async def cancelled_twice(strike: Strike, call: Call) -> None:
    """Cancel the caller's task, and once more in the same moment."""
    task = asyncio.ensure_future(call())
    strike.arm(lambda: (task.cancel(), task.cancel()))
    await asyncio.wait([task])


async def asyncio_timeout(strike: Strike, call: Call) -> None:
    """Let a deadline of asyncio expire."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as deadline:
            now = asyncio.get_running_loop().time
            strike.arm(lambda: deadline.reschedule(now()))
            await call()


async def anyio_scope(strike: Strike, call: Call) -> None:
    """Cancel a scope of anyio, which cancels at every await again."""
    with anyio.CancelScope() as scope:
        strike.arm(scope.cancel)
        await call()


async def move_on_after(strike: Strike, call: Call) -> None:
    """Let a deadline of anyio expire."""
    with anyio.move_on_after(None) as scope:
        strike.arm(lambda: setattr(scope, "deadline", 0.0))
        await call()


async def fail_after(strike: Strike, call: Call) -> None:
    """Let a deadline of anyio expire that raises."""
    with suppress(TimeoutError), anyio.fail_after(None) as scope:
        strike.arm(lambda: setattr(scope, "deadline", 0.0))
        await call()


def sibling(strike: Strike) -> Callable[[], Coroutine[Any, Any, None]]:
    """Make a sibling that fails when the strike falls."""
    bang = asyncio.Event()
    strike.arm(bang.set)

    async def fail() -> None:
        await bang.wait()
        raise BoomError

    return fail


async def task_group(strike: Strike, call: Call) -> None:
    """Fail beside it in a task group of asyncio."""
    with suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(sibling(strike)())
            task = group.create_task(call())
            task.add_done_callback(lambda _: failing.cancel())


async def anyio_task_group(strike: Strike, call: Call) -> None:
    """Fail beside it in a task group of anyio."""
    with suppress(BaseExceptionGroup):
        async with anyio.create_task_group() as group:
            group.start_soon(sibling(strike))
            await call()
            group.cancel_scope.cancel()


async def gather(strike: Strike, call: Call) -> None:
    """Fail beside it in a gather, which leaves the other running unwatched."""
    failing = asyncio.ensure_future(sibling(strike)())
    task = asyncio.ensure_future(call())
    task.add_done_callback(lambda _: failing.cancel())
    with suppress(BoomError, asyncio.CancelledError):
        await asyncio.gather(failing, task)


async def gather_cancelled(strike: Strike, call: Call) -> None:
    """Cancel a gather from outside."""
    both = asyncio.gather(call(), asyncio.sleep(0))
    strike.arm(both.cancel)
    with suppress(asyncio.CancelledError):
        await both


async def wait_for(strike: Strike, call: Call) -> None:
    """Cancel from outside somebody who waits under a deadline."""

    async def waiting() -> None:
        await asyncio.wait_for(call(), 1e6)

    await task_cancel(strike, waiting)


WAYS = [
    task_cancel,
    cancelled_twice,
    asyncio_timeout,
    anyio_scope,
    move_on_after,
    fail_after,
    task_group,
    anyio_task_group,
    gather,
    gather_cancelled,
    wait_for,
]

# --- the stories ------------------------------------------------------------------

LIMIT = acts.refuse("rate_limit_exceeded")
STORIES: dict[str, Callable[[], tuple[World, dict[str, Any]]]] = {
    "plain": lambda: (World(median=0.0, turns=2), {}),
    "throttled": lambda: (World(median=0.0), {"rate": 5}),
    "one slot": lambda: (World(median=0.0, turns=1), {"max_in_flight": 1}),
    "one connection": lambda: (World(median=0.0, turns=1), {"max_connections": 1}),
    "refused first": lambda: (World(Rule("create", LIMIT, nth=(1, 3)), median=0.0), {}),
    "lost": lambda: (World(Rule("create", acts.LOST_REPLY, every=2), median=0.0), {}),
    "failed tasks": lambda: (World(median=0.0, turns=1, failure_share=1.0), {}),
    "slow": lambda: (World(Rule("any", acts.slow(1.0)), median=3.0), {"rate": 2}),
}


def current_task() -> asyncio.Task[Any]:
    """Return the task that asks."""
    task = asyncio.current_task()
    assert task is not None
    return task


async def others(world: World, client: AsyncClient) -> None:
    """Be a caller that nobody cancels."""
    with suppress(AIVideoError):
        await world.call(client.generate, mug(1))


async def cut(
    strike: Strike,
    story: str,
    verb: Verb,
    way: Callable[[Strike, Call], Coroutine[Any, Any, None]],
    *,
    stay: bool,
) -> None:
    """Tell *story*, cut *verb* in this *way*; then *stay* open for a while, or close."""
    world, options = STORIES[story]()
    async with world.client(**{"polling": AT_ONCE} | options) as client:
        beside = asyncio.create_task(others(world, client))
        await asyncio.sleep(0)
        callers: set[asyncio.Task[Any]] = {beside}

        async def call() -> None:
            callers.add(current_task())
            with suppress(AIVideoError):
                await verb(world, client)
            strike.disarm()

        await way(strike, call)
        if stay:
            await asyncio.sleep(100)
            assert len(world.lost) <= len(world.logged("its outcome is unknown"))
            assert 0 == client.stats().in_flight
            assert beside.done()
    await asyncio.wait(callers - {current_task()})
    world.check()


# --- the tests --------------------------------------------------------------------


@verbs
@moments
@pytest.mark.parametrize("story", STORIES)
def test_a_cancelled_caller_loses_nothing(story: str, verb: Verb, moment: str):
    """While the client is open: in the result, in the error, or in `unclaimed`."""

    async def trial(strike: Strike) -> None:
        await cut(strike, story, verb, task_cancel, stay=True)

    assert at_every_turn(trial, moment) > 2


@verbs
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_cancelling_loses_anything(
    verb: Verb, way: Callable[[Strike, Call], Coroutine[Any, Any, None]]
):
    """And the client is closed at once, with the create still on the wire."""

    async def trial(strike: Strike) -> None:
        await cut(strike, "plain", verb, way, stay=False)

    assert at_every_turn(trial, "between") > 2
