"""A deadline ends the waiting, never the task; and what else does or does not end it."""

from __future__ import annotations

import asyncio

import pytest

from aivideo_async import (
    AsyncClient,
    Backoff,
    TaskStatus,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.errors import ConfigurationError
from aivideo_async.models.wire import Exchange
from tests.client.conftest import Emulate
from tests.client.scripted import (
    Scripted,
    accepted,
    not_sent,
    refused,
)
from tests.client.world import World, mug, mugs
from tests.warp import warped


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


# --- expired before sending -------------------------------------------------------


@warped
async def test_expired_in_the_queue_it_is_withdrawn(world: World):
    """No slot came free in time: nothing was sent, so there is no id."""
    async with world.client(max_in_flight=1) as client:
        first = asyncio.ensure_future(world.call(client.generate, mug(1)))
        await asyncio.sleep(1)
        with pytest.raises(WaitTimeoutError, match="withdrawn") as caught:
            await world.call(client.generate, mug(2), timeout=4)
        assert (5.0, None) == (clock(), caught.value.task_id)
        await first
    assert 1 == len(world.times("POST"))
    assert () == client.unclaimed


@warped
async def test_expired_at_the_throttle_it_is_withdrawn(world: World):
    """Its turn would have come after twenty seconds."""
    async with world.client(rate=0.1) as client:
        for request in mugs(2):
            await world.call(client.submit, request)
        with pytest.raises(WaitTimeoutError, match="withdrawn"):
            await world.call(client.generate, mug(2), timeout=5)
        await asyncio.sleep(60)
    assert 2 == len(world.times("POST"))


@warped
async def test_expired_between_two_attempts_it_is_withdrawn(emulate: Emulate):
    """Refused by a 429 and waiting for its next turn: nothing was bought."""
    world = emulate(
        Rule("create", acts.refuse("rate_limit_exceeded", retry_after="50"))
    )
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await world.call(client.generate, mug(), timeout=20)
        assert (20.0, None) == (clock(), caught.value.task_id)
        await asyncio.sleep(100)
    assert 1 == len(world.times("POST"))


@warped
async def test_a_deadline_in_the_instant_of_sending_is_before_it(world: World):
    """The throttle opens in the moment in which time runs out: one or the other."""
    async with world.client(rate=0.1) as client:
        await world.call(client.submit, mug(1))
        with pytest.raises(WaitTimeoutError) as caught:
            await world.call(client.generate, mug(2), timeout=9.98)
        await asyncio.sleep(20)
        sent = len(world.times("POST")) == 2
        assert sent == (len(client.unclaimed) == 1)
        assert caught.value.task_id is None


@warped
@pytest.mark.parametrize("seconds", [0, 0.0])
async def test_no_time_at_all_buys_nothing(world: World, seconds: float):
    """Expired before it was sent."""
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await world.call(client.generate, mug(), timeout=seconds)
        await asyncio.sleep(5)
    assert caught.value.task_id is None
    assert [] == world.emulator.requests


@warped
async def test_no_time_at_all_looks_at_nothing(world: World):
    """A wait that has expired when it begins says so, with the id."""
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await client.wait("t-1", timeout=0)
    assert "t-1" == caught.value.task_id
    assert [] == world.emulator.requests


# --- expired during the POST ------------------------------------------------------


@warped
async def test_expired_during_the_post_it_goes_on(emulate: Emulate):
    """Its id is not known yet: it goes to `unclaimed` and to the log."""
    world = emulate(Rule("create", acts.slow(5.0)))
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError, match="on the wire") as caught:
            await world.call(client.generate, mug(), timeout=2)
        assert (2.0, None, ()) == (clock(), caught.value.task_id, client.unclaimed)
        await asyncio.sleep(4)
        assert tuple(world.charged) == client.unclaimed
        assert 1 == len(world.logged(world.charged[0]))
        assert [] == world.times("GET")


@warped
@pytest.mark.parametrize(
    ("late", "posts"),
    [
        (refused("invalid_request"), 1),
        (refused("rate_limit_exceeded"), 1),
        (refused("upstream_error"), 1),
        (not_sent(), 1),
    ],
    ids=["400", "429", "503", "not sent"],
)
async def test_what_nobody_waits_for_is_not_sent_again(late: Exchange, posts: int):
    """Expired, then refused: it is over, and there is nothing to claim."""
    wire = Scripted([late, accepted()], latency=5.0)
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(WaitTimeoutError):
            await client.generate(mug(), timeout=2)
        await asyncio.sleep(60)
        assert ((), 0) == (client.unclaimed, client.stats().in_flight)
    assert posts == len(wire.creates)


@warped
async def test_expired_and_then_lost_it_is_logged_as_unknown(emulate: Emulate):
    """Nobody is left to raise to, so the log is all there is."""
    world = emulate(Rule("create", acts.HANGING))
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError):
            await world.call(client.generate, mug(77), timeout=2)
        await asyncio.sleep(200)
        assert 1 == client.stats().unknown
    (line,) = world.logged("its outcome is unknown")
    assert "77" in line


# --- expired while waiting --------------------------------------------------------


@warped
async def test_expired_while_waiting_the_error_carries_the_id(world: World):
    """The task goes on; `wait` picks it up again at no cost."""
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await world.call(client.generate, mug(), timeout=4.5)
        assert (4.5, world.charged) == (clock(), [caught.value.task_id])
        assert () == client.unclaimed
        done = await client.wait(caught.value.task_id or "", timeout=60)
    assert TaskStatus.COMPLETED is done.status
    assert 1 == len(world.charged)


@warped
async def test_a_wait_can_expire_and_be_taken_up_again(world: World):
    """It is a `TimeoutError` of Python's too."""
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        for _ in range(3):
            with pytest.raises(TimeoutError) as caught:
                await client.wait(pending, timeout=2)
            assert isinstance(caught.value, WaitTimeoutError)
            assert pending.id == caught.value.task_id
        await client.wait(pending)


@warped
async def test_a_deadline_counts_from_the_call_to_the_end(world: World):
    """Queue, create and waiting share it: 6 s in the queue leave 4 s for the task."""
    async with world.client(max_in_flight=1) as client:
        first = asyncio.ensure_future(world.call(client.generate, mug(1), timeout=6))
        second = asyncio.ensure_future(world.call(client.generate, mug(2), timeout=10))
        with pytest.raises(WaitTimeoutError):
            await first
        with pytest.raises(WaitTimeoutError) as caught:
            await second
        assert 10.0 == clock()
    assert world.charged[1] == caught.value.task_id


@warped
async def test_an_hour_is_the_default(emulate: Emulate):
    """For `generate` and for `wait`."""
    world = emulate(median=1e6)
    async with world.client(polling=Backoff()) as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await world.call(client.generate, mug())
        assert 3600.0 == clock()
        with pytest.raises(WaitTimeoutError):
            await client.wait(caught.value.task_id or "")
        assert 7200.0 == clock()


@warped
@pytest.mark.parametrize("seconds", [None, float("inf")], ids=["None", "inf"])
async def test_none_is_for_ever(emulate: Emulate, seconds: float | None):
    """A task of three hours is waited for."""
    world = emulate(median=10_000.0)
    async with world.client(polling=Backoff()) as client:
        await world.call(client.generate, mug(), timeout=seconds)
        pending = await world.call(client.submit, mug(1))
        await client.wait(pending, timeout=seconds)
    assert 20_000 == pytest.approx(clock(), abs=25)


@warped
async def test_a_deadline_that_is_met_leaves_no_trace(world: World):
    """No timer goes off later."""
    async with world.client() as client:
        await world.call(client.generate, mug(), timeout=10.5)
        await asyncio.sleep(100)
        assert () == client.unclaimed
    assert [] == world.logged("")


@pytest.mark.parametrize("seconds", [-1, float("nan"), "60", True, [1]])
@warped
async def test_a_deadline_that_makes_no_sense_is_refused(world: World, seconds: float):
    """Before anything is sent."""
    async with world.client() as client:
        with pytest.raises(ConfigurationError, match="timeout"):
            await client.generate(mug(), timeout=seconds)
        with pytest.raises(ConfigurationError, match="timeout"):
            await client.wait("t-1", timeout=seconds)
        with pytest.raises(ConfigurationError, match="timeout"):
            await world.collect(client.generate_many([mug()], timeout=seconds))
    assert [] == world.emulator.requests
