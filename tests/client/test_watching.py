"""Watching: many onlookers, one poller, and nobody can harm the task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from aivideo_async import (
    AsyncClient,
    ConfigurationError,
    InvalidRequestError,
    Task,
    TaskNotFoundError,
    TaskStatus,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, refused, view
from tests.client.world import STEADY, World, mug
from tests.warp import warped


async def words(snapshots: AsyncIterator[Task]) -> list[str]:
    """Read to the end; return the statuses."""
    return [task.status.value async for task in snapshots]


async def bought(world: World, client: AsyncClient) -> str:
    """Buy a task that takes ten seconds; return its id."""
    return (await world.call(client.submit, mug())).id


# --- what one onlooker sees -------------------------------------------------------


@warped
async def test_each_change_is_shown_once(world: World):
    """A look every second for ten seconds, and three things to tell."""
    async with world.client() as client:
        task_id = await bought(world, client)
        seen = await words(client.watch(task_id))
    assert ["pending", "processing", "completed"] == seen


@warped
async def test_progress_is_a_change_too():
    """A new figure is shown, the same one is not."""
    figures = [None, 10, 10, 80, 80]
    looks = [view(status="processing", progress=figure) for figure in figures]
    wire = Scripted(looks=[*looks, view()])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        seen = [task.progress async for task in client.watch("t-1")]
    assert [None, 10.0, 80.0, None] == seen


@warped
async def test_a_failed_task_is_shown_and_not_raised(emulate: Emulate):
    """It is what the onlooker came for; the reason is in it."""
    world = emulate(failure_share=1.0)
    async with world.client() as client:
        task_id = await bought(world, client)
        *_, last = [task async for task in client.watch(task_id)]
    assert TaskStatus.FAILED is last.status
    assert last.error is not None


@warped
async def test_a_finished_task_is_shown_at_once(world: World):
    """Whoever comes late, or comes back, sees its end."""
    async with world.client() as client:
        task = await world.call(client.generate, mug())
        for _ in range(2):
            assert ["completed"] == await words(client.watch(task))


@warped
async def test_an_unknown_task_raises(world: World):
    """There is nothing to watch."""
    async with world.client() as client:
        with pytest.raises(TaskNotFoundError):
            await words(client.watch("no-such-task"))


@warped
async def test_looks_that_break_end_nothing(emulate: Emulate):
    """Half of them do."""
    world = emulate(Rule("task", acts.BAD_GATEWAY, every=2))
    async with world.client() as client:
        task_id = await bought(world, client)
        assert "completed" == (await words(client.watch(task_id)))[-1]


def test_what_is_no_task_id_is_refused_at_once():
    """Not only when the stream is read."""
    with pytest.raises(InvalidRequestError):
        AsyncClient("sk-key").watch("../credits")


@warped
async def test_a_closed_client_watches_nothing(world: World):
    """Like every other verb."""
    client = world.client()
    await client.aclose()
    with pytest.raises(ConfigurationError):
        client.watch("t-1")


# --- many onlookers ---------------------------------------------------------------


@warped
async def test_two_hundred_onlookers_cost_as_much_as_one(world: World):
    """All see everything, and the task is looked at once a second."""
    async with world.client() as client:
        task_id = await bought(world, client)
        async with asyncio.TaskGroup() as group:
            watching = [
                group.create_task(words(client.watch(task_id))) for _ in range(200)
            ]
    assert [["pending", "processing", "completed"]] * 200 == [
        stream.result() for stream in watching
    ]
    assert 11 == len(world.times("GET"))


@warped
async def test_who_joins_later_sees_the_present_state_first(world: World):
    """Without a look of its own."""
    async with world.client() as client:
        task_id = await bought(world, client)
        first = asyncio.ensure_future(words(client.watch(task_id)))
        await asyncio.sleep(5.5)
        looks = len(world.times("GET"))
        async with aclosing(client.watch(task_id)) as later:
            assert TaskStatus.PROCESSING is (await anext(later)).status
        assert looks == len(world.times("GET"))
        await first


@warped
async def test_a_slow_onlooker_skips_and_delays_nobody(world: World):
    """It reads the newest snapshot when it is ready."""
    async with world.client() as client:
        task_id = await bought(world, client)
        quick = asyncio.ensure_future(words(client.watch(task_id)))
        slow = []
        async for task in client.watch(task_id):
            slow.append(task.status.value)
            await asyncio.sleep(30.0)
        assert quick.done()
    assert ["pending", "completed"] == slow


@warped
async def test_who_joins_a_slow_onlooker_after_the_end_sees_it(world: World):
    """The final snapshot is there; nobody need look again."""
    async with world.client() as client:
        task_id = await bought(world, client)
        async with aclosing(client.watch(task_id)) as slow:
            await anext(slow)
            await asyncio.sleep(30.0)
            looks = len(world.times("GET"))
            assert ["completed"] == await words(client.watch(task_id))
            assert looks == len(world.times("GET"))


@warped
async def test_who_joins_a_slow_onlooker_after_an_error_looks_anew():
    """And the slow one, when it leaves at last, leaves the others together."""
    running = view(status="processing")
    gone = refused("task_not_found")
    wire = Scripted(looks=[running, gone, running, running, view()])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        slow = client.watch("t-1")
        await anext(slow)
        await asyncio.sleep(5.0)
        second = asyncio.ensure_future(words(client.watch("t-1")))
        await asyncio.sleep(0.5)
        with pytest.raises(TaskNotFoundError):
            await anext(slow)
        third = asyncio.ensure_future(words(client.watch("t-1")))
        assert ["processing", "completed"] == await second == await third
    assert 5 == len(wire.looks)


@warped
async def test_other_tasks_have_pollers_of_their_own(world: World):
    """Two tasks, two streams, no mixing."""
    async with world.client() as client:
        ids = [(await world.call(client.submit, mug(number))).id for number in (1, 2)]
        for task_id in ids:
            seen = [task.id async for task in client.watch(task_id)]
            assert {task_id} == set(seen)


# --- leaving ----------------------------------------------------------------------


@warped
async def test_the_last_to_leave_ends_the_looking(world: World):
    """And the first one does not; the task goes on."""
    async with world.client() as client:
        task_id = await bought(world, client)
        one, two = (
            asyncio.ensure_future(words(client.watch(task_id))) for _ in range(2)
        )
        await asyncio.sleep(2.5)
        one.cancel()
        await asyncio.sleep(2.0)
        looks = len(world.times("GET"))
        assert 5 == looks
        two.cancel()
        await asyncio.sleep(20.0)
        assert looks == len(world.times("GET"))
        assert TaskStatus.COMPLETED is (await client.wait(task_id)).status
        assert 0 == client.stats().following


@warped
async def test_cancelling_an_onlooker_touches_nobody_who_waits(world: World):
    """A browser that goes away harms no other request."""
    async with world.client() as client:
        task_id = await bought(world, client)
        waiting = asyncio.ensure_future(client.wait(task_id))
        watching = asyncio.ensure_future(words(client.watch(task_id)))
        await asyncio.sleep(1.5)
        watching.cancel()
        assert TaskStatus.COMPLETED is (await waiting).status


@warped
async def test_an_event_ends_the_stream(world: World):
    """It is how a server stops in spite of open streams."""
    closing = asyncio.Event()
    async with world.client() as client:
        task_id = await bought(world, client)
        watching = asyncio.ensure_future(words(client.watch(task_id, until=closing)))
        await asyncio.sleep(3.5)
        closing.set()
        assert ["pending", "processing"] == await watching
        assert 0 == client.stats().following


@warped
async def test_an_event_that_is_cleared_again_has_ended_the_stream(world: World):
    """It was set, and nothing spins because of it."""
    closing = asyncio.Event()
    async with world.client() as client:
        task_id = await bought(world, client)
        watching = asyncio.ensure_future(words(client.watch(task_id, until=closing)))
        await asyncio.sleep(3.5)
        closing.set()
        await asyncio.sleep(0)
        closing.clear()
        await asyncio.sleep(0.1)
        assert watching.done()


@warped
async def test_an_event_that_is_set_already_lets_nothing_begin(world: World):
    """A stream that opens while the server stops ends at once."""
    closing = asyncio.Event()
    closing.set()
    async with world.client() as client:
        assert [] == await words(client.watch("t-1", until=closing))


@warped
async def test_closing_the_client_ends_every_stream(world: World):
    """Each is told that the task goes on."""
    async with world.client() as client:
        task_id = await bought(world, client)
        streams = [
            asyncio.ensure_future(words(client.watch(task_id))) for _ in range(3)
        ]
        await asyncio.sleep(2.5)
    errors = [stream.exception() for stream in streams]
    assert all(isinstance(error, WaitTimeoutError) for error in errors)
    assert [task_id] * 3 == [getattr(error, "task_id", None) for error in errors]
    assert 3 == len({id(error) for error in errors}), "raising leaves marks on each"


# --- what nobody got --------------------------------------------------------------


async def unclaimed(world: World, client: AsyncClient) -> str:
    """Buy a task whose caller goes away while it is on the wire."""
    buying = asyncio.ensure_future(client.submit(mug()))
    await asyncio.sleep(0.5)
    buying.cancel()
    await asyncio.sleep(5.0)
    (task_id,) = client.unclaimed
    return task_id


@warped
async def test_an_onlooker_who_sees_the_end_has_got_the_task(emulate: Emulate):
    """It is unclaimed no more."""
    world = emulate(Rule("create", acts.slow(1.0)))
    async with world.client() as client:
        task_id = await unclaimed(world, client)
        world.note(*[task async for task in client.watch(task_id)])
        assert () == client.unclaimed


@warped
async def test_an_onlooker_who_leaves_before_the_end_has_not(emulate: Emulate):
    """Also when the end is there and was not read."""
    world = emulate(Rule("create", acts.slow(1.0)))
    async with world.client() as client:
        task_id = await unclaimed(world, client)
        async with aclosing(client.watch(task_id)) as stream:
            await anext(stream)
            await asyncio.sleep(30.0)
            assert () == client.unclaimed
        assert [task_id] == list(client.unclaimed)
