"""One throttle for all requests, shareable: it finds the limit and obeys it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aivideo_async import AIVideoError, AsyncClient, ConfigurationError, LocalThrottle
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, refused, view
from tests.client.stepping import Strike, at_every_turn, moments
from tests.client.world import World, mug, mugs
from tests.warp import warped


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


async def submit_all(world: World, client: AsyncClient, count: int, first: int) -> None:
    """Submit that many at once."""
    async with asyncio.TaskGroup() as group:
        for request in mugs(count, first):
            group.create_task(world.call(client.submit, request))


def busiest(times: list[float], seconds: float) -> int:
    """Count the requests in the busiest window of that length."""
    return max(sum(start <= at < start + seconds for at in times) for start in times)


# --- one client -------------------------------------------------------------------


@warped
async def test_a_fixed_rate_is_kept_by_all_requests_together(emulate: Emulate):
    """Creates and looks share it; the service never has to refuse."""
    world = emulate(rate=5, burst=2)
    async with world.client(rate=5) as client:
        await world.collect(client.generate_many(mugs(30)))
    times = [received.at for received in world.emulator.requests]
    assert [] == world.times("POST", 429)
    assert busiest(times, 10.0) <= 51


@warped
async def test_a_fixed_rate_is_used_up(world: World):
    """Sixty creates at five per second take twelve seconds."""
    async with world.client(rate=5) as client:
        await submit_all(world, client, 60, 0)
    assert 12 == pytest.approx(clock(), abs=0.5)


@warped
@pytest.mark.parametrize("retry_after", [None, "seconds", "date"])
async def test_300_at_once_find_a_hidden_limit(
    emulate: Emulate, retry_after: str | None
):
    """20 per second, burst 10, nothing known: at most 310 POSTs, and not much longer."""
    world = emulate(rate=20, burst=10, retry_after=retry_after)
    async with world.client(rate=None, max_in_flight=300) as client:
        await submit_all(world, client, 300, 0)
    ideal = (300 - 10) / 20
    assert (300, True) == (len(world.charged), len(world.times("POST")) <= 310)
    assert clock() <= 1.4 * ideal


@warped
async def test_after_a_refusal_requests_leave_side_by_side_again(emulate: Emulate):
    """Answers take a second, so one at a time would waste nearly all of the rate."""
    world = emulate(
        Rule("create", acts.refuse("rate_limit_exceeded"), nth=1),
        Rule("create", acts.slow(1.0)),
    )
    async with world.client(rate=20) as client:
        await submit_all(world, client, 100, 0)
    assert clock() <= 10
    assert world.meter.most["POST"] >= 15


@warped
async def test_success_with_all_connections_busy_raises_no_pace(emulate: Emulate):
    """Slow answers are no evidence: once they are fast, the limit is not run over."""
    world = emulate(turns=1, pause=1.0, rate=20, burst=20, balance=10**6)
    async with world.client(rate=None, max_connections=16) as client:
        feeding = asyncio.ensure_future(submit_all(world, client, 1500, 0))
        await asyncio.sleep(120)
        refusals = client.stats().rate_limited
        world.meter.seconds = 0.02
        await asyncio.sleep(10)
        assert client.stats().rate_limited <= refusals + 15
        await feeding


@warped
async def test_an_idle_hour_does_not_save_up_permissions(world: World):
    """After a pause the pace is what it was."""
    async with world.client(rate=5) as client:
        await world.call(client.submit, mug(0))
        await asyncio.sleep(3600)
        await submit_all(world, client, 20, 1)
    later = [at for at in world.times("POST") if at > 1]
    assert busiest(later, 1.0) <= 6


# --- two clients, one throttle ----------------------------------------------------


@warped
async def test_clients_that_share_a_throttle_share_its_rate(world: World):
    """Together they keep to it, and neither is starved."""
    shared = LocalThrottle(rate=5)
    options = {"rate": None, "throttle": shared}
    async with world.client(**options) as one, world.client(**options) as two:
        first = asyncio.ensure_future(submit_all(world, one, 50, 0))
        second = asyncio.ensure_future(submit_all(world, two, 50, 100))
        await asyncio.sleep(10)
        counts = one.stats().accepted, two.stats().accepted
        await asyncio.wait([first, second])
    assert busiest(world.times("POST"), 10.0) <= 51
    assert 50 == pytest.approx(sum(counts), abs=2)
    assert min(counts) >= 0.25 * sum(counts)
    assert 20 == pytest.approx(clock(), abs=1)


@warped
async def test_one_429_slows_both(emulate: Emulate):
    """Whoever met it: the other sends nothing either until the service said so."""
    world = emulate(
        Rule("create", acts.refuse("rate_limit_exceeded", retry_after="30"), nth=3)
    )
    options = {"rate": None, "throttle": LocalThrottle(rate=100)}
    async with world.client(**options) as one, world.client(**options) as two:
        await world.call(one.submit, mug(0))
        pending = await world.call(two.submit, mug(1))
        refused_call = asyncio.ensure_future(world.call(one.submit, mug(2)))
        await asyncio.sleep(0.1)
        await asyncio.wait(
            [
                refused_call,
                asyncio.ensure_future(world.call(two.submit, mug(3))),
                asyncio.ensure_future(two.get_task(pending.id)),
            ]
        )
    assert 1 == len(world.times("POST", 429))
    refused_at = world.times("POST", 429)[0]
    after = [r.at for r in world.emulator.requests if r.at > refused_at]
    assert min(after) >= refused_at + 30
    assert clock() <= refused_at + 33


@warped
async def test_the_probe_of_one_opens_the_gate_for_the_other(emulate: Emulate):
    """While it is out nobody knows when; its answer wakes them all."""
    world = emulate(
        Rule("create", acts.refuse("rate_limit_exceeded"), nth=1),
        Rule("create", acts.slow(5.0), nth=2),
    )
    options = {"rate": None, "throttle": LocalThrottle(rate=10)}
    async with world.client(**options) as one, world.client(**options) as two:
        first = asyncio.ensure_future(world.call(one.submit, mug(0)))
        await asyncio.sleep(2)
        second = asyncio.ensure_future(world.call(two.submit, mug(1)))
        await asyncio.wait([first, second])
    probe, other = world.times("POST", 200)
    assert probe + 5 <= other <= probe + 6


Stop = Callable[[AsyncClient, asyncio.Future[Any]], object]
STOPS: dict[str, Stop] = {
    "aclose": lambda client, _: asyncio.ensure_future(client.aclose()),
    "cancel": lambda _, call: call.cancel(),
}


@moments
@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_a_permission_that_is_not_used_blocks_nobody(stop: Stop, moment: str):
    """One client goes away at any turn, holding the probe or not: the other goes on."""

    async def trial(strike: Strike) -> None:
        shared = LocalThrottle(rate=10)
        limited = Scripted([refused("rate_limit_exceeded", 5), accepted("t-1")])
        first = AsyncClient(transport=limited, throttle=shared)
        second = AsyncClient(transport=Scripted([accepted("t-2")]), throttle=shared)
        async with first, second:
            call = asyncio.ensure_future(first.submit(mug(1)))
            strike.arm(lambda: stop(first, call))
            await asyncio.sleep(0)
            other = asyncio.ensure_future(second.submit(mug(2)))
            await asyncio.wait([call, other], timeout=60)
            strike.disarm()
            assert other.done(), "the other client is blocked for ever"
        await asyncio.wait([call])
        if not call.cancelled():
            assert isinstance(call.exception(), AIVideoError | None)

    assert at_every_turn(trial, moment) > 2


@warped
async def test_money_of_one_client_does_not_confuse_the_other(emulate: Emulate):
    """A spend limit is no rate limit: the shared pace stays what it was."""
    world = emulate(Rule("create", acts.refuse("spend_limit_exceeded"), nth=1))
    options = {"rate": None, "throttle": LocalThrottle(rate=100)}
    one = world.client(**options, max_connections=1)
    async with one, world.client(**options) as two:
        calls = [asyncio.ensure_future(one.submit(request)) for request in mugs(5)]
        await asyncio.wait(calls)
        await submit_all(world, two, 20, 100)
    assert clock() <= 1
    assert 20 == len(world.charged)
    assert all(call.exception() for call in calls)


@warped
async def test_a_throttle_outlives_its_clients(world: World):
    """The next client finds the pace as it was left."""
    shared = LocalThrottle(rate=2)
    for number in range(6):
        async with world.client(rate=None, throttle=shared) as client:
            await world.call(client.submit, mug(number))
    assert 2.5 == pytest.approx(clock(), abs=0.2)


@warped
async def test_a_closed_client_is_forgotten_by_the_shared_throttle(world: World):
    """A web app makes and closes clients for months: nothing piles up."""
    import gc
    import weakref

    shared = LocalThrottle(rate=1e9)
    async with world.client(rate=None, throttle=shared) as staying:
        client = world.client(rate=None, throttle=shared)
        async with client:
            await world.call(client.generate, mug(0))
        gone = weakref.ref(client)
        world.clients.remove(client)
        del client
        gc.collect()
        assert gone() is None
        await world.call(staying.generate, mug(1))


# --- options ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "5", True, [5]])
def test_a_rate_is_a_number_above_zero(rate: float):
    """Of a client or of a throttle; None learns it."""
    with pytest.raises(ConfigurationError, match="rate"):
        LocalThrottle(rate)
    with pytest.raises(ConfigurationError, match="rate"):
        AsyncClient("sk-key", rate=rate)


def test_a_rate_beside_a_throttle_is_refused():
    """Two answers to one question."""
    with pytest.raises(ConfigurationError, match="rate"):
        AsyncClient("sk-key", rate=5, throttle=LocalThrottle())


def test_a_throttle_can_be_tried_out_without_a_loop():
    """It is told the time, so nothing has to run."""
    woken = []
    throttle = LocalThrottle(rate=1)
    throttle.subscribe(lambda: woken.append("one"))
    throttle.subscribe(lambda: woken.append("two"))
    throttle.ok(0.0, throttle.sent(0.0))
    assert ["one", "two"] == woken
    assert throttle.when(0.0) > 0.5


@warped
async def test_looks_count_as_well():
    """Nothing passes beside the throttle."""
    wire = Scripted(looks=[view(status="processing")])
    async with AsyncClient(transport=wire, rate=1) as client:
        for _ in range(10):
            await client.get_task("t-1")
    assert 9 == pytest.approx(clock(), abs=0.2)
