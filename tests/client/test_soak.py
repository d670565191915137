"""Hours of trouble in virtual time: nothing grows, nothing is lost."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import pytest

from aivideo_async import AIVideoError, Backoff, RetryPolicy
from aivideo_async.emulator import Act, Rule, acts
from aivideo_async.engine.jobs import Job
from tests.client.conftest import Emulate
from tests.client.world import World, mug, mugs
from tests.warp import warped

HOUR = 3600.0
FAULTS = [
    Rule("create", fault, share=0.02 / 6)
    for fault in (
        acts.LOST_REPLY,
        acts.DROPPED,
        acts.HANGING,
        acts.TRUNCATED,
        acts.BAD_GATEWAY,
        acts.refuse("rate_limit_exceeded", retry_after="2"),
    )
] + [
    Rule("task", fault, share=0.02 / 6)
    for fault in (
        acts.DROPPED,
        acts.HANGING,
        acts.BAD_GATEWAY,
        acts.BROKEN_JSON,
        acts.refuse("internal_error"),
        acts.refuse("rate_limit_exceeded"),
    )
]


def jobs() -> int:
    """Count the jobs that anything still holds."""
    gc.collect()
    return sum(isinstance(thing, Job) for thing in gc.get_objects())


async def visit(world: World, client: object, number: int) -> None:
    """Be a request handler: most wait, some give up, some are cut off."""
    verb = client.generate  # type: ignore[attr-defined]
    with suppress(AIVideoError, TimeoutError):
        if number % 10 == 0:
            async with asyncio.timeout(15):
                await world.call(verb, mug(number))
        else:
            timeout = 20 if number % 10 == 1 else 600
            await world.call(verb, mug(number), timeout=timeout)


@warped
@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_web_app_runs_for_hours(emulate: Emulate):
    """Four hours with two faults in a hundred: flat, and every charge accounted for."""
    world = emulate(*FAULTS, median=30.0, spread=0.4, failure_share=0.02)
    loop = asyncio.get_running_loop()
    sizes: list[tuple[int, int]] = []
    async with world.client(polling=Backoff(), max_in_flight=64) as client:
        visitors: set[asyncio.Task[None]] = set()
        for number in range(4 * 360):
            visitor = loop.create_task(visit(world, client, number))
            visitors.add(visitor)
            visitor.add_done_callback(visitors.discard)
            await asyncio.sleep(10)
            if number % 360 == 359:
                unknown = client.stats().unknown
                sizes.append((jobs() - unknown, len(asyncio.all_tasks())))
        await asyncio.wait(visitors)
        await asyncio.sleep(HOUR)
        stats = client.stats()
        assert (0, 0, 0, 0) == (
            stats.in_flight,
            stats.queued,
            stats.following,
            stats.connections,
        )
        assert len(world.lost) <= stats.unknown
        # The log keeps the errors of the unknown ones, and they their frames.
        assert jobs() <= stats.unknown + 2
    assert loop.time() >= 5 * HOUR
    assert len(world.charged) > 1300
    assert max(size for size, _ in sizes[1:]) <= 1.5 * sizes[0][0] + 20
    assert max(tasks for _, tasks in sizes[1:]) <= 1.5 * sizes[0][1] + 20


@warped
@pytest.mark.slow
async def test_a_long_run_through_every_fault_yields_every_outcome(emulate: Emulate):
    """A thousand items, learned rate, faults all the way."""
    world = emulate(
        *FAULTS,
        Rule("create", Act(works=True, dooms=True), share=0.01),
        rate=4,
        burst=8,
        median=20.0,
        spread=0.5,
    )
    retry = RetryPolicy(patience=None)
    async with world.client(polling=Backoff(), rate=None, retry=retry) as client:
        outcomes = await world.collect(
            client.generate_many(mugs(1000), max_in_flight=40)
        )
        unknown = client.stats().unknown
        assert 0 == client.stats().in_flight
    assert list(range(1000)) == sorted(outcome.index for outcome in outcomes)
    assert sum(outcome.ok for outcome in outcomes) >= 900
    assert len(world.lost) <= unknown
    assert () == client.unclaimed
