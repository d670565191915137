"""The two bounds: tasks that are followed at once, and requests that are open at once."""

from __future__ import annotations

import asyncio
import json

import pytest

from aivideo_async import (
    AsyncClient,
    ConfigurationError,
    InvalidRequestError,
    OutcomeUnknownError,
    TaskFailedError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Act, Rule, acts
from tests.client.conftest import Emulate
from tests.client.world import World, mug, mugs
from tests.warp import warped

FAILS_LATER = Act(works=True, dooms=True)


def running_at_most(world: World, seconds: float = 10.0) -> int:
    """Count how many of the world's tasks ran at the same time, at most."""
    starts = [entry.at for entry in world.emulator.ledger.charges]
    return max(sum(at <= start < at + seconds for at in starts) for start in starts)


def prompts(world: World) -> list[str]:
    """The prompts of the creates, in the order in which they came."""
    bodies = [json.loads(r.body) for r in world.emulator.requests if r.body]
    return [body["input"]["prompt"] for body in bodies]


# --- max_in_flight ----------------------------------------------------------------


@warped
async def test_generate_holds_a_slot_until_the_task_is_final(world: World):
    """Never more tasks at once than max_in_flight; the next starts as one ends."""
    async with world.client(max_in_flight=3) as client, asyncio.TaskGroup() as group:
        for request in mugs(10):
            group.create_task(world.call(client.generate, request))
        await asyncio.sleep(5)
        assert (3, 7) == (client.stats().in_flight, client.stats().queued)
    assert [0.0] * 3 + [10.0] * 3 + [20.0] * 3 + [30.0] == world.times("POST")
    assert 3 == running_at_most(world)


@warped
async def test_generate_many_holds_slots_until_its_tasks_are_final(world: World):
    """Its own max_in_flight, when that is the smaller one."""
    async with world.client(max_in_flight=5) as client:
        outcomes = await world.collect(client.generate_many(mugs(8), max_in_flight=2))
    assert 8 == sum(outcome.ok for outcome in outcomes)
    assert 2 == running_at_most(world)


@warped
async def test_generate_many_never_gets_more_than_the_client_has(world: World):
    """A larger max_in_flight of its own changes nothing."""
    async with world.client(max_in_flight=2) as client:
        await world.collect(client.generate_many(mugs(6), max_in_flight=100))
    assert 2 == running_at_most(world)


@warped
async def test_several_runs_and_callers_share_the_pool(world: World):
    """Four users of one client, still at most three tasks at once."""
    async with world.client(max_in_flight=3) as client, asyncio.TaskGroup() as group:
        for first in (0, 10, 20):
            run = client.generate_many(mugs(4, first))
            group.create_task(world.collect(run))
        for request in mugs(4, 30):
            group.create_task(world.call(client.generate, request))
    assert 16 == len(world.charged)
    assert 3 == running_at_most(world)


@warped
async def test_submit_holds_a_slot_only_while_its_create_is_under_way(
    emulate: Emulate,
):
    """Two slots: two creates at a time, whatever becomes of the tasks."""
    world = emulate(Rule("create", acts.slow(1.0)))
    async with world.client(max_in_flight=2) as client, asyncio.TaskGroup() as group:
        for request in mugs(6):
            group.create_task(world.call(client.submit, request))
    assert [0.0, 0.0, 1.0, 1.0, 2.0, 2.0] == world.times("POST")
    assert 2 == world.meter.most["POST"]


@warped
async def test_wait_and_get_task_hold_no_slot(world: World):
    """A pool of one is free although five tasks are waited for."""
    async with world.client(max_in_flight=1) as client, asyncio.TaskGroup() as group:
        pending = [await world.call(client.submit, request) for request in mugs(5)]
        for task in pending:
            group.create_task(client.wait(task))
        await asyncio.sleep(1.5)
        stats = client.stats()
        await client.get_task(pending[0].id)
        await world.call(client.submit, mug(5))
    assert (0, 5) == (stats.in_flight, stats.following)


@warped
@pytest.mark.parametrize(
    ("ending", "error"),
    [
        ("failed", TaskFailedError),
        ("timeout", WaitTimeoutError),
        ("cancel", asyncio.CancelledError),
        ("unknown", OutcomeUnknownError),
        ("refused", InvalidRequestError),
    ],
)
async def test_every_end_gives_the_slot_back(
    emulate: Emulate, ending: str, error: type[BaseException]
):
    """Failed, given up, cancelled, lost or refused: the next one gets its turn."""
    bad_first = {
        "failed": [Rule("create", FAILS_LATER, nth=1)],
        "unknown": [Rule("create", acts.LOST_REPLY, nth=1)],
        "refused": [Rule("create", acts.refuse("invalid_request"), nth=1)],
    }
    world = emulate(*bad_first.get(ending, []))
    async with world.client(max_in_flight=1) as client:
        first = asyncio.ensure_future(
            world.call(
                client.generate, mug(1), timeout=5 if ending == "timeout" else 99
            )
        )
        second = asyncio.ensure_future(world.call(client.generate, mug(2)))
        await asyncio.sleep(3)
        if ending == "cancel":
            first.cancel()
        with pytest.raises(error):
            await first
        assert (await second).output.urls
        assert 0 == client.stats().in_flight


@warped
async def test_a_create_whose_caller_is_gone_keeps_its_slot_until_answered(
    emulate: Emulate,
):
    """It is still under way at the service; then the next may go."""
    world = emulate(Rule("create", acts.slow(4.0), nth=1), median=0.0)
    async with world.client(max_in_flight=1) as client:
        first = asyncio.ensure_future(client.generate(mug(1)))
        await asyncio.sleep(1)
        first.cancel()
        await world.call(client.generate, mug(2))
    assert [0.0, 4.0] == world.times("POST")


# --- max_connections --------------------------------------------------------------


@warped
async def test_max_connections_bounds_what_is_open_at_once(emulate: Emulate):
    """Creates and looks together, and it is a bound of its own."""
    world = emulate(Rule("any", acts.slow(0.7)))
    async with world.client(max_connections=4, max_in_flight=50) as client:
        await world.collect(client.generate_many(mugs(50)))
    assert 4 == world.meter.most[""]
    assert running_at_most(world) > 4


@warped
async def test_many_connections_are_used_when_there_are_many(emulate: Emulate):
    """Work for all of them is open at the same time."""
    world = emulate(Rule("create", acts.slow(1.0)))
    async with world.client(max_connections=64) as client, asyncio.TaskGroup() as group:
        for request in mugs(64):
            group.create_task(world.call(client.submit, request))
    assert [0.0] * 64 == world.times("POST")
    assert 64 == world.meter.most["POST"]


@warped
async def test_one_connection_is_enough(world: World):
    """Slow, and complete."""
    async with world.client(max_connections=1) as client:
        outcomes = await world.collect(client.generate_many(mugs(5)))
    assert 5 == sum(outcome.ok for outcome in outcomes)
    assert 1 == world.meter.most[""]


# --- order ------------------------------------------------------------------------


@warped
async def test_creates_leave_in_the_order_of_the_calls(emulate: Emulate):
    """First come, first served, through slots, connections and throttle."""
    world = emulate(Rule("any", acts.slow(0.3)))
    async with (
        world.client(max_in_flight=4, max_connections=3, rate=5) as client,
        asyncio.TaskGroup() as group,
    ):
        for request in mugs(20):
            group.create_task(world.call(client.generate, request))
    assert [request.prompt for request in mugs(20)] == prompts(world)


@warped
async def test_a_refused_create_keeps_its_place(emulate: Emulate):
    """A 429 sends it back to where it was: before all that came later."""
    world = emulate(Rule("create", acts.refuse("rate_limit_exceeded"), nth=(2, 3)))
    async with (
        world.client(max_in_flight=3, max_connections=1) as client,
        asyncio.TaskGroup() as group,
    ):
        for request in mugs(6):
            group.create_task(world.call(client.submit, request))
    order = [prompt.removeprefix("mug number ") for prompt in prompts(world)]
    assert ["0", "1", "1", "1", "2", "3", "4", "5"] == order


@warped
async def test_a_withdrawn_create_makes_room_for_the_next(world: World):
    """Those that were cancelled in the queue are skipped."""
    async with world.client(max_in_flight=1) as client:
        calls = [
            asyncio.ensure_future(world.call(client.generate, request))
            for request in mugs(4)
        ]
        await asyncio.sleep(1)
        calls[1].cancel()
        calls[2].cancel()
        await calls[3]
        await calls[0]
    assert ["mug number 0", "mug number 3"] == prompts(world)
    assert () == client.unclaimed


# --- fairness ---------------------------------------------------------------------


@warped
async def test_submits_and_polls_share_a_narrow_throttle(world: World):
    """While both wait they take turns: neither starves the other."""
    async with world.client(rate=2) as client:
        pending = [await world.call(client.submit, request) for request in mugs(4)]
        start = asyncio.get_running_loop().time()
        waits = [
            asyncio.ensure_future(client.wait(task, timeout=60)) for task in pending
        ]
        submits = [
            asyncio.ensure_future(world.call(client.submit, request))
            for request in mugs(20, 4)
        ]
        await asyncio.sleep(8)
        kinds = [r.method for r in world.emulator.requests if r.at > start]
        await asyncio.wait([*waits, *submits])
    assert 16 == pytest.approx(len(kinds), abs=1)
    assert 8 == pytest.approx(kinds.count("POST"), abs=2)


@warped
async def test_a_queue_of_submits_does_not_hide_a_finished_task(world: World):
    """A hundred submits wait at two per second; a look still gets through at once."""
    async with world.client(rate=2) as client:
        task = await world.call(client.submit, mug(1000))
        submits = [
            asyncio.ensure_future(world.call(client.submit, request))
            for request in mugs(100)
        ]
        await client.wait(task, timeout=15)
        assert client.stats().queued > 60
        for submit in submits:
            submit.cancel()
        await asyncio.wait(submits)


# --- options ----------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "4", None])
@pytest.mark.parametrize("name", ["max_in_flight", "max_connections"])
def test_a_bound_is_a_whole_number_from_one(name: str, count: object):
    """Anything else is found when the client is made."""
    with pytest.raises(ConfigurationError, match=name):
        AsyncClient("sk-key", **{name: count})  # type: ignore[arg-type]


@warped
@pytest.mark.parametrize("count", [0, -1, 1.5, True, "4"])
async def test_a_bound_of_a_run_is_a_whole_number_from_one(world: World, count: int):
    """It is checked by the call, before anything is read."""
    async with world.client() as client:
        with pytest.raises(ConfigurationError, match="max_in_flight"):
            client.generate_many(mugs(1), max_in_flight=count)
