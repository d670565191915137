"""`generate_many`: read lazily, yielded as completed, and nothing paid is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from aivideo_async import (
    AsyncClient,
    Backoff,
    GptImage2,
    InvalidRequestError,
    Outcome,
    TaskFailedError,
    TaskStatus,
    WaitTimeoutError,
)
from aivideo_async.emulator import Act, Rule, acts
from tests.client.conftest import Emulate
from tests.client.scripted import Prompt
from tests.client.world import AT_ONCE, World, collect, mug, mugs
from tests.warp import warped


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


async def slowly(count: int, seconds: float) -> AsyncIterator[GptImage2]:
    """Come up with a request now and then."""
    for request in mugs(count):
        await asyncio.sleep(seconds)
        yield request


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


# --- outcomes ---------------------------------------------------------------------


@warped
async def test_each_request_has_one_outcome_as_it_completes(emulate: Emulate):
    """With its place, its request and the caller's own key; in order of completion."""
    world = emulate(Rule("create", acts.slow(20.0), nth=1))
    async with world.client() as client:
        outcomes = await world.collect(client.generate_many(mugs(4)))
    assert [1, 2, 3, 0] == [outcome.index for outcome in outcomes]
    for outcome in outcomes:
        assert (True, None) == (outcome.ok, outcome.error)
        assert mug(outcome.index) == outcome.request
        assert str(outcome.index) == outcome.request.key
        assert outcome.unwrap() is outcome.task
        assert outcome.task is not None
        assert TaskStatus.COMPLETED is outcome.task.status


@warped
@pytest.mark.parametrize("kind", ["list", "generator", "async generator", "tuple"])
async def test_any_iterable_will_do(world: World, kind: str):
    """Sync or async, finished or made while reading."""
    sources: dict[str, Any] = {
        "list": list(mugs(5)),
        "tuple": tuple(mugs(5)),
        "generator": mugs(5),
        "async generator": slowly(5, 3.0),
    }
    async with world.client() as client:
        outcomes = await world.collect(client.generate_many(sources[kind]))
    assert [0, 1, 2, 3, 4] == sorted(outcome.index for outcome in outcomes)
    assert 5 == len(world.charged)


@warped
async def test_an_async_iterable_that_is_no_generator_will_do(world: World):
    """All it needs is ``__aiter__``."""

    class Feed:
        def __aiter__(self) -> AsyncIterator[GptImage2]:
            return slowly(3, 1.0)

    async with world.client() as client:
        assert 3 == len(await world.collect(client.generate_many(Feed())))


@warped
async def test_nothing_asked_for_is_nothing_done(world: World):
    """An empty input ends at once."""
    async with world.client() as client:
        assert [] == await world.collect(client.generate_many([]))
        assert [] == await world.collect(client.generate_many(slowly(0, 1.0)))
    assert [] == world.emulator.requests


@warped
async def test_one_failure_never_cancels_its_siblings(emulate: Emulate):
    """Refused, failed, lost: an outcome each, while all the others complete."""
    world = emulate(
        Rule("create", acts.refuse("invalid_request"), nth=2),
        Rule("create", Act(works=True, dooms=True), nth=3),
        Rule("create", acts.LOST_REPLY, nth=4),
        Rule("create", acts.refuse("upstream_error"), nth=5),
    )
    async with world.client() as client:
        outcomes = await world.collect(client.generate_many(mugs(10)))
    errors = {outcome.index: outcome.error for outcome in outcomes if outcome.error}
    assert [1, 2, 3, 4] == sorted(errors)
    assert 6 == sum(outcome.ok for outcome in outcomes)
    assert isinstance(errors[1], InvalidRequestError)


@warped
async def test_a_failed_outcome_has_its_task_and_raises_when_unwrapped(
    emulate: Emulate,
):
    """`task` is set whenever an id is known, completed or not."""
    world = emulate(failure_share=1.0)
    async with world.client() as client:
        (outcome,) = await world.collect(client.generate_many(mugs(1)))
    assert outcome.task is not None
    assert (False, TaskStatus.FAILED) == (outcome.ok, outcome.task.status)
    with pytest.raises(TaskFailedError):
        outcome.unwrap()


@warped
async def test_the_same_request_twice_is_bought_twice():
    """Two places in the input are two tasks; nothing is guessed to be a repetition."""
    wire = Prompt()
    async with AsyncClient(transport=wire) as client:
        outcomes = await collect(client.generate_many([mug(), mug()]))
    assert 2 == wire.made
    assert [0, 1] == sorted(outcome.index for outcome in outcomes)


# --- deadlines --------------------------------------------------------------------


@warped
async def test_the_timeout_is_each_request_s_own(emulate: Emulate):
    """From the moment it is read: late ones have as long as early ones."""
    world = emulate(Rule("task", acts.edit(status="processing", output=None)))
    async with world.client() as client:
        run = client.generate_many(slowly(3, 10.0), timeout=15)
        outcomes, times = [], []
        async for outcome in run:
            world.note(outcome)
            outcomes.append(outcome)
            times.append(clock())
    assert [25.0, 35.0, 45.0] == times
    assert all(isinstance(outcome.error, WaitTimeoutError) for outcome in outcomes)
    assert world.charged == [o.task.id for o in outcomes if o.task]


@warped
async def test_a_timeout_during_the_post_is_one_outcome(emulate: Emulate):
    """Its id comes later, so it goes to `unclaimed`, not into a second outcome."""
    world = emulate(Rule("create", acts.slow(8.0)), Rule("create", acts.slow(30.0)))
    async with world.client() as client:
        run = client.generate_many(slowly(4, 3.0), timeout=5)
        outcomes = await world.collect(run)
        await asyncio.sleep(60)
        assert set(world.charged) == set(client.unclaimed)
    assert [0, 1, 2, 3] == [outcome.index for outcome in outcomes]
    assert [None] * 4 == [outcome.task for outcome in outcomes]


@warped
async def test_an_unknown_outcome_after_a_timeout_is_no_second_outcome(
    emulate: Emulate,
):
    """The request was answered for already."""
    world = emulate(
        Rule("create", Act(works=True, reply=acts.BAD_GATEWAY.reply, delay=8))
    )
    async with world.client() as client:
        outcomes = await world.collect(client.generate_many(slowly(4, 3.0), timeout=5))
    assert [0, 1, 2, 3] == [outcome.index for outcome in outcomes]
    assert all(isinstance(outcome.error, WaitTimeoutError) for outcome in outcomes)


@warped
async def test_a_timeout_in_the_queue_sends_nothing(world: World):
    """It is withdrawn, and its outcome says so."""
    async with world.client(max_in_flight=2) as client:
        other = asyncio.ensure_future(world.call(client.generate, mug(99)))
        other2 = asyncio.ensure_future(world.call(client.generate, mug(98)))
        await asyncio.sleep(1)
        outcomes = await world.collect(client.generate_many(mugs(2), timeout=3))
        await asyncio.wait([other, other2])
    assert 2 == len(world.charged)
    assert all(isinstance(outcome.error, WaitTimeoutError) for outcome in outcomes)


@warped
async def test_without_a_timeout_a_run_has_all_the_time(emulate: Emulate):
    """The default is None: for ever."""
    world = emulate(median=100_000.0)
    async with world.client(polling=Backoff(cap=1000.0)) as client:
        (outcome,) = await world.collect(client.generate_many(mugs(1)))
    assert outcome.ok


# --- lazy reading -----------------------------------------------------------------


@warped
async def test_the_input_is_read_only_as_far_as_there_is_room(world: World):
    """Read and not yet yielded are never more than max_in_flight."""
    source = Source()
    async with world.client() as client:
        async with aclosing(client.generate_many(source, max_in_flight=7)) as run:
            yielded = 0
            async for outcome in run:
                world.note(outcome)
                assert source.read - yielded <= 7
                yielded += 1
                if yielded == 30:
                    break
        assert source.read <= 30 + 7


@warped
async def test_reading_thousands_holds_up_nobody(world: World):
    """However much room there is, others have their turn between a few of them."""
    source = Source()
    async with world.client(max_in_flight=2000) as client:
        run = client.generate_many(source)
        first = asyncio.ensure_future(anext(run))
        steps, read = [], 0
        while source.read < 2000:
            await asyncio.sleep(0)
            steps.append(source.read - read)
            read = source.read
        world.note(await first)
        await run.aclose()
    assert max(steps) <= 32


@warped
async def test_nothing_is_read_before_the_first_outcome_is_asked_for(world: World):
    """A run that nobody begins costs nothing."""
    source = Source()
    async with world.client() as client:
        run = client.generate_many(source)
        await asyncio.sleep(5)
        await run.aclose()
    assert (0, []) == (source.read, world.emulator.requests)


@warped
async def test_a_slow_consumer_slows_the_buying(world: World):
    """Outcomes that nobody takes hold their places: back-pressure."""
    source = Source()
    async with world.client(max_in_flight=3) as client:
        run = client.generate_many(source)
        world.note(await anext(run))
        await asyncio.sleep(10_000)
        assert source.read <= 4
        world.note(await anext(run))
        await asyncio.sleep(10_000)
        assert source.read <= 5
        await run.aclose()


@warped
async def test_a_slow_consumer_does_not_slow_other_users_of_the_client(world: World):
    """Finished outcomes that wait to be taken hold no slot of the pool."""
    async with world.client(max_in_flight=3) as client:
        run = client.generate_many(Source())
        world.note(await anext(run))
        await asyncio.sleep(100)
        await world.call(client.generate, mug(1000), timeout=20)
        await run.aclose()


@warped
async def test_an_input_that_waits_for_outcomes_does_not_block_itself(world: World):
    """A feedback loop: the next request comes of the last outcome."""
    seen: asyncio.Queue[Outcome] = asyncio.Queue()

    async def source() -> AsyncIterator[GptImage2]:
        yield mug(0)
        for number in range(1, 4):
            await seen.get()
            yield mug(number)

    async with world.client() as client:
        async for outcome in client.generate_many(source()):
            world.note(outcome)
            seen.put_nowait(outcome)
    assert [0.0, 10.0, 20.0, 30.0] == world.times("POST")


@warped
@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_memory_does_not_grow_with_the_input():
    """Ten thousand requests: those whose outcomes were yielded are gone."""
    alive = most = yielded = 0

    class Counted(GptImage2):
        """A request whose life is counted."""

        def __attrs_post_init__(self) -> None:
            nonlocal alive
            alive += 1
            super().__attrs_post_init__()

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    source = (Counted("a mug") for _ in range(10_000))
    async with AsyncClient(transport=Prompt(), polling=AT_ONCE, rate=1e9) as client:
        async for outcome in client.generate_many(source, max_in_flight=50):
            yielded += outcome.ok
            most = max(most, alive)
            del outcome
    assert (10_000, 0) == (yielded, alive)
    assert most <= 50 + 1
