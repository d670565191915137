"""What people type first, and what they do to it: safe too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    InvalidRequestError,
    Task,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models.wire import Exchange
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, view
from tests.client.world import World, mug, mugs
from tests.warp import warped

BAD = acts.refuse("invalid_request")


@warped
async def test_gather_over_generate_is_served_within_the_bounds(world: World):
    """Hundreds of coroutines at once: the pool does the bounding."""
    async with world.client(max_in_flight=50, max_connections=8) as client:
        tasks = await asyncio.gather(
            *(world.call(client.generate, request) for request in mugs(300))
        )
    assert 300 == len({task.id for task in tasks})
    assert world.meter.most[""] <= 8


@warped
async def test_gather_with_a_failure_loses_nothing(emulate: Emulate):
    """It raises at once and leaves the others running; the client keeps their ids."""
    world = emulate(Rule("create", BAD, nth=5))
    async with world.client() as client:
        calls = [
            asyncio.ensure_future(world.call(client.generate, request))
            for request in mugs(10)
        ]
        with pytest.raises(InvalidRequestError):
            await asyncio.gather(*calls)
    await asyncio.wait(calls)
    assert 9 == len(world.charged)
    assert set(world.charged) <= set(client.unclaimed)


@warped
async def test_gather_without_a_client_in_the_block_loses_nothing(emulate: Emulate):
    """The failure comes while the others are on the wire: they are waited for."""
    world = emulate(Rule("create", BAD, nth=1), Rule("create", acts.slow(3.0)))
    client = world.client()
    calls: list[asyncio.Future[Task]] = []

    async def script() -> None:
        async with client:
            calls.extend(
                asyncio.ensure_future(world.call(client.generate, request))
                for request in mugs(10)
            )
            await asyncio.gather(*calls)

    with pytest.raises(InvalidRequestError):
        await script()
    await asyncio.wait(calls)
    assert 9 == len(world.charged) == len(client.unclaimed)


@warped
async def test_gather_of_results_or_exceptions_knows_all(emulate: Emulate):
    """One list, in the order of the requests."""
    world = emulate(Rule("create", BAD, nth=2), failure_share=0.0)
    async with world.client() as client:
        results = await asyncio.gather(
            *(client.generate(request) for request in mugs(4)), return_exceptions=True
        )
    assert [Task, InvalidRequestError, Task, Task] == [type(r) for r in results]
    world.note(*results)


async def in_a_group(world: World, client: AsyncClient) -> None:
    """Generate ten in a task group."""
    async with asyncio.TaskGroup() as group:
        for request in mugs(10):
            group.create_task(world.call(client.generate, request))


async def in_a_group_of_anyio(world: World, client: AsyncClient) -> None:
    """Generate ten in a task group of anyio."""
    async with anyio.create_task_group() as group:
        for request in mugs(10):
            group.start_soon(world.call, client.generate, request)


@warped
async def test_a_task_group_with_a_failure_loses_nothing(emulate: Emulate):
    """It cancels its paid siblings; their ids are unclaimed and can be picked up."""
    world = emulate(Rule("create", BAD, nth=5))
    async with world.client() as client:
        with pytest.raises(ExceptionGroup):
            await in_a_group(world, client)
        assert set(world.charged) == set(client.unclaimed)
        for task_id in client.unclaimed:
            await world.call(client.wait, task_id)
        assert () == client.unclaimed
    assert 9 == len(world.charged)


@warped
async def test_an_anyio_task_group_with_a_failure_loses_nothing(emulate: Emulate):
    """The same, with anyio's way to cancel."""
    world = emulate(Rule("create", BAD, nth=5), Rule("create", acts.slow(2.0)))
    async with world.client() as client:
        with pytest.raises(ExceptionGroup):
            await in_a_group_of_anyio(world, client)
        await asyncio.sleep(5)
        assert set(world.charged) == set(client.unclaimed)
    assert 9 == len(world.charged)


@warped
async def test_as_completed_and_wait_for(world: World):
    """The rest of asyncio's tools work as they do everywhere."""
    async with world.client() as client:
        calls = [world.call(client.generate, request) for request in mugs(5)]
        for call in asyncio.as_completed(calls):
            assert (await call).output.urls
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.call(client.generate, mug(9)), 3)
        assert world.charged[-1:] == list(client.unclaimed)


@warped
async def test_a_shielded_call_goes_on(world: World):
    """Whoever shields it gets its result later."""
    async with world.client() as client:
        call = asyncio.ensure_future(world.call(client.generate, mug()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.shield(call)
        assert (await call).id in world.charged
        assert () == client.unclaimed


@warped
async def test_cancelled_before_it_began_buys_nothing(world: World):
    """The coroutine never ran."""
    async with world.client() as client:
        call = asyncio.ensure_future(client.generate(mug()))
        call.cancel()
        await asyncio.wait([call])
        await asyncio.sleep(10)
    assert [] == world.emulator.requests


@warped
async def test_inside_a_cancelled_scope_nothing_is_lost(world: World):
    """anyio cancels at the first await; the create may be out by then."""
    async with world.client() as client:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await world.call(client.generate, mug())
        await asyncio.sleep(10)
        assert set() == world.lost


@warped
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.5, 5.0, 20.0])
async def test_cancelling_every_task_there_is_loses_nothing(
    emulate: Emulate, seconds: float, at_once: bool
):
    """As shutdown recipes do: the client's own workers are cut off, and say so."""
    world = emulate(Rule("create", acts.slow(1.0)), median=10.0)
    async with world.client(max_connections=4) as client:
        calls = [
            asyncio.ensure_future(world.call(client.generate, request))
            for request in mugs(8)
        ]
        await asyncio.sleep(seconds)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        if at_once:
            await world.call(client.generate, mug(98), timeout=100)
        await asyncio.sleep(0)
        await world.call(client.generate, mug(99), timeout=100)
        await asyncio.wait(calls)
        assert len(world.lost) <= client.stats().unknown
        assert 0 == client.stats().in_flight


@warped
@pytest.mark.parametrize("verb", [AsyncClient.submit, AsyncClient.generate])
async def test_a_coroutine_that_is_closed_by_hand_loses_nothing(
    world: World, verb: object
):
    """As frameworks do it that drive coroutines themselves: no cancellation, an end."""
    async with world.client() as client:
        coroutine = verb(client, mug())  # type: ignore[operator]
        coroutine.send(None)
        coroutine.close()
        await asyncio.sleep(60)
        assert set() == world.lost


@warped
async def test_a_generator_of_one_s_own_around_generate(world: World):
    """An async generator that is left early closes what it waits for."""

    async def pictures(client: AsyncClient) -> AsyncIterator[Task]:
        for request in mugs(5):
            yield await world.call(client.generate, request)

    async with world.client() as client:
        async for task in pictures(client):
            assert task.id in world.charged
            break
    assert 1 == len(world.charged)


@warped
async def test_two_waits_for_one_task_both_get_it(world: World):
    """A page that is opened twice."""
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        one, two = await asyncio.gather(client.wait(pending), client.wait(pending.id))
    assert one.id == two.id == pending.id


@warped
async def test_cancelling_one_of_two_waits_leaves_the_other(world: World):
    """They have nothing to do with each other, and nothing becomes unclaimed."""
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        one = asyncio.ensure_future(client.wait(pending))
        two = asyncio.ensure_future(client.wait(pending))
        await asyncio.sleep(2)
        one.cancel()
        assert (await two).id == pending.id
        assert () == client.unclaimed


@warped
async def test_a_cancelled_wait_makes_nothing_unclaimed(world: World):
    """Whoever waits has the id already."""
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await client.wait(pending)
        assert () == client.unclaimed


@warped
async def test_the_answer_and_the_deadline_in_one_instant():
    """Whichever comes first, the id is in one place at least."""
    for late in (False, True):
        create: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        async with AsyncClient(transport=Scripted([create], [view()])) as client:
            loop = asyncio.get_running_loop()
            when = loop.time() + 5
            if late:
                loop.call_at(when, create.set_result, accepted())
            call = asyncio.ensure_future(client.generate(mug(), timeout=5))
            if not late:
                loop.call_at(when, create.set_result, accepted())
            await asyncio.wait([call])
            await asyncio.sleep(1)
            error = call.exception()
            assert isinstance(error, WaitTimeoutError)
            assert "t-1" in {error.task_id, *client.unclaimed}


@warped
@pytest.mark.parametrize("deadline", ["asyncio", "anyio", "wait_for", "own"])
async def test_a_deadline_at_any_instant_loses_nothing(emulate: Emulate, deadline: str):
    """In steps of a quarter second through queue, create and waiting."""
    for step in range(33):
        seconds = step / 4
        world = emulate(Rule("any", acts.slow(1.0)), median=2.0)
        async with world.client(rate=1) as client:
            before = asyncio.ensure_future(world.call(client.submit, mug(1)))
            await asyncio.sleep(0)
            try:
                call = world.call
                if deadline == "asyncio":
                    async with asyncio.timeout(seconds):
                        await call(client.generate, mug(2))
                elif deadline == "anyio":
                    with anyio.fail_after(seconds):
                        await call(client.generate, mug(2))
                elif deadline == "wait_for":
                    await asyncio.wait_for(asyncio.shield(before), 100)
                    await asyncio.wait_for(call(client.submit, mug(2)), seconds + 0.01)
                else:
                    await call(client.generate, mug(2), timeout=seconds)
            except (TimeoutError, AIVideoError):
                pass
            await before
            await asyncio.sleep(10)
            assert set() == world.lost
