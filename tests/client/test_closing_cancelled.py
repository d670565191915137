"""Cut off while a client is open or closing: the answers are waited for all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest

from aivideo_async import (
    AsyncClient,
    OutcomeUnknownError,
    Timeouts,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models.wire import Exchange
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, refused
from tests.client.world import World, mug, mugs
from tests.warp import warped

CLOSING = "Closing: waiting"
UNKNOWN = "its outcome is unknown"


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


def start(coroutine: Awaitable[Any]) -> asyncio.Future[Any]:
    """Run it beside the test."""
    return asyncio.ensure_future(coroutine)


def others() -> set[asyncio.Task[Any]]:
    """All tasks of the loop but the test's own."""
    me = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not me}


# --- cancelled --------------------------------------------------------------------


async def native(client: AsyncClient, seconds: float) -> None:
    """End the body by cancelling its task."""

    async def body() -> None:
        async with client:
            await asyncio.sleep(1e6)

    task = start(body())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def timeout(client: AsyncClient, seconds: float) -> None:
    """End the body by a deadline of asyncio."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), client:
            await asyncio.sleep(1e6)


async def wait_for(client: AsyncClient, seconds: float) -> None:
    """End the body by a deadline around a coroutine."""

    async def body() -> None:
        async with client:
            await asyncio.sleep(1e6)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(body(), seconds)


async def scope(client: AsyncClient, seconds: float) -> None:
    """End the body by a scope of anyio."""
    with anyio.move_on_after(seconds):
        async with client:
            await asyncio.sleep(1e6)


async def group(client: AsyncClient, seconds: float) -> None:
    """End the body by a sibling that fails."""

    async def fail() -> None:
        await asyncio.sleep(seconds)
        raise ZeroDivisionError

    with suppress(BaseExceptionGroup):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            async with client:
                await asyncio.sleep(1e6)


async def error(client: AsyncClient, seconds: float) -> None:
    """End the body by an error of its own."""
    with suppress(ZeroDivisionError):
        async with client:
            await asyncio.sleep(seconds)
            raise ZeroDivisionError


ends = pytest.mark.parametrize("end", [native, timeout, wait_for, scope, group, error])


@warped
@ends
async def test_a_body_that_is_cut_off_loses_no_create(
    emulate: Emulate, end: Callable[[AsyncClient, float], Awaitable[None]]
):
    """The answers are waited for all the same: every id is kept, none is unknown."""
    world = emulate(Rule("create", acts.slow(5.0)))
    client = world.client()
    calls = [start(client.generate(request)) for request in mugs(10)]
    await end(client, 1.0)
    assert 5.0 == clock()
    assert set(world.charged) == set(client.unclaimed)
    assert 10 == len(world.charged)
    assert [] == world.logged(UNKNOWN)
    assert set(calls) >= others()
    await asyncio.wait(calls)
    assert [WaitTimeoutError] * 10 == [type(call.exception()) for call in calls]


@warped
@ends
async def test_a_body_that_is_cut_off_keeps_the_ids_of_running_tasks(
    world: World, end: Callable[[AsyncClient, float], Awaitable[None]]
):
    """They were accepted long ago; their waiters hear it at once."""
    client = world.client()
    calls = [start(client.generate(request)) for request in mugs(10)]
    await end(client, 3.0)
    assert 3.0 == clock()
    assert set(world.charged) == set(client.unclaimed)
    await asyncio.wait(calls)
    assert [WaitTimeoutError] * 10 == [type(call.exception()) for call in calls]


@warped
async def test_cancelling_aclose_once_does_not_end_it(emulate: Emulate):
    """It goes on to the answers, and is then cancelled."""
    world = emulate(Rule("create", acts.slow(8.0)))
    client = world.client()
    call = start(world.call(client.submit, mug()))
    await asyncio.sleep(1)
    closing = start(client.aclose())
    await asyncio.sleep(1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert 8.0 == clock()
    assert (await call).id in world.charged
    assert [] == world.logged(UNKNOWN)


@warped
async def test_cancelling_aclose_once_does_not_prolong_it():
    """`timeouts.total` counts from its beginning."""
    create: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    client = AsyncClient(transport=Scripted([create]), timeouts=Timeouts(total=30))
    call = start(client.generate(mug()))
    await asyncio.sleep(1)
    closing = start(client.aclose())
    await asyncio.sleep(20)
    closing.cancel()
    await asyncio.wait([closing])
    assert 31.0 == clock()
    with pytest.raises(OutcomeUnknownError):
        await call


@warped
async def test_a_second_cancellation_ends_it(emulate: Emulate):
    """Each create that is still open is logged as unknown, and nothing is left."""
    world = emulate(Rule("create", acts.HANGING))
    client = world.client()
    calls = [start(world.call(client.generate, request)) for request in mugs(5)]
    await asyncio.sleep(1)
    closing = start(client.aclose())
    for _ in range(2):
        await asyncio.sleep(1)
        closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert 3.0 == clock()
    assert 5 == len(world.logged(UNKNOWN))
    assert set(calls) >= others()
    await asyncio.wait(calls)
    assert [OutcomeUnknownError] * 5 == [type(call.exception()) for call in calls]


async def staying(client: AsyncClient) -> None:
    """Stay until cancelled."""
    async with client:
        await asyncio.sleep(1e6)


async def staying_a_second(client: AsyncClient) -> None:
    """Stay until a deadline of asyncio."""
    async with asyncio.timeout(1.0):
        await staying(client)


async def staying_in_a_scope(client: AsyncClient) -> None:
    """Stay until a deadline of anyio."""
    with anyio.fail_after(1.0):
        await staying(client)


@warped
@pytest.mark.parametrize("body", [staying, staying_a_second, staying_in_a_scope])
async def test_a_second_cancellation_ends_it_after_a_cancelled_body(
    emulate: Emulate, body: Callable[[AsyncClient], Awaitable[None]]
):
    """The first one ended the body, the second one ends the closing."""
    world = emulate(Rule("create", acts.HANGING))
    client = world.client()
    calls = [start(world.call(client.generate, request)) for request in mugs(5)]
    task = start(body(client))
    await asyncio.sleep(1)
    if body is staying:
        task.cancel()
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert 2.0 == clock()
    assert 5 == len(world.logged(UNKNOWN))
    await asyncio.wait(calls)
    assert [OutcomeUnknownError] * 5 == [type(call.exception()) for call in calls]


@warped
async def test_what_was_still_connecting_is_unknown_too():
    """Its bytes may leave in the very moment in which it is given up."""

    class Connecting(Scripted):
        """A wire that does not get through."""

        async def exchange(self, request: object) -> Exchange:
            await asyncio.sleep(1e6)
            return refused("internal_error")

    client = AsyncClient(transport=Connecting(), timeouts=Timeouts(total=30))
    async with client:
        call = start(client.generate(mug()))
        await asyncio.sleep(1)
    with pytest.raises(OutcomeUnknownError):
        await call
