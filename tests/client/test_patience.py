"""The rate limit: who is refused goes back into the queue, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from aivideo_async import (
    NO_RETRY,
    AsyncClient,
    RateLimitError,
    RetryPolicy,
)
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.world import World, mug, mugs
from tests.warp import warped

LIMIT = "rate_limit_exceeded"


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


async def time_of_failure(world: World, client: AsyncClient, number: int) -> float:
    """Submit, and return when it raised `RateLimitError`."""
    with pytest.raises(RateLimitError):
        await world.call(client.submit, mug(number))
    return clock()


# --- 429 --------------------------------------------------------------------------


@warped
async def test_a_429_sends_the_request_back_into_the_queue(emulate: Emulate):
    """The caller hears nothing; the same bytes leave again; it is no failure."""
    world = emulate(Rule("create", acts.refuse(LIMIT), times=5))
    async with world.client() as client:
        await world.call(client.generate, mug())
        stats = client.stats()
    assert (6, 5, 0, 0) == (
        stats.creates_sent,
        stats.rate_limited,
        stats.failed,
        stats.unknown,
    )
    assert 1 == len({r.body for r in world.emulator.requests if r.body})


@warped
@pytest.mark.parametrize("style", ["seconds", "date"])
async def test_retry_after_is_read_as_seconds_or_as_a_date(
    emulate: Emulate, style: str
):
    """The service lets one request pass in ten seconds, and says so."""
    world = emulate(rate=0.1, burst=1, retry_after=style)
    async with world.client() as client:
        await world.call(client.submit, mug(1))
        await world.call(client.submit, mug(2))
    first, refused_at, again = world.times("POST")
    assert (0.0, 0.0) == (first, refused_at)
    assert 10 <= again <= 11


@warped
async def test_one_429_holds_everybody_once(emulate: Emulate):
    """Nothing leaves before the service said so: no create, and no look either."""
    world = emulate(
        Rule("create", acts.refuse(LIMIT, retry_after="30"), nth=4), median=60.0
    )
    async with world.client() as client, asyncio.TaskGroup() as group:
        for request in mugs(3):
            group.create_task(world.call(client.generate, request))
        await asyncio.sleep(5.5)
        for request in mugs(3, 3):
            group.create_task(world.call(client.generate, request))
    hold = [r.at for r in world.emulator.requests if 5.5 < r.at < 35.5]
    assert [] == hold
    assert 1 == len(world.times("POST", 429))


@warped
async def test_a_single_look_is_patient_too(emulate: Emulate):
    """A 429 is no failed attempt of a GET."""
    world = emulate(Rule("credits", acts.refuse(LIMIT), times=9))
    async with world.client() as client:
        assert (await client.credits()).balance
    assert 10 == len(world.times("GET"))


@warped
async def test_a_single_look_gives_up_when_patience_ends(emulate: Emulate):
    """It raises what the API said."""
    world = emulate(Rule("credits", acts.refuse(LIMIT)))
    async with world.client(retry=RetryPolicy(patience=20)) as client:
        with pytest.raises(RateLimitError):
            await client.credits()
    assert 20 <= clock() <= 40


# --- patience ---------------------------------------------------------------------


@warped
async def test_patience_ends_in_a_rate_limit_error(emulate: Emulate):
    """After 600 s of refusals by default; nothing was charged."""
    world = emulate(Rule("create", acts.refuse(LIMIT)))
    async with world.client() as client:
        failed = await time_of_failure(world, client, 0)
    assert 600 <= failed <= 620
    assert [] == world.charged


@warped
async def test_all_who_are_refused_give_up_when_their_patience_ends(emulate: Emulate):
    """Also those that wait behind the one request that probes the limit."""
    world = emulate(Rule("create", acts.refuse(LIMIT)))
    retry = RetryPolicy(patience=60)
    async with world.client(retry=retry) as client, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(time_of_failure(world, client, number))
            for number in range(20)
        ]
    assert [time for time in (call.result() for call in calls) if time > 80] == []


@warped
async def test_time_in_the_queue_does_not_count_as_patience(emulate: Emulate):
    """It waited 100 s for a slot; its patience of 10 s begins at its own first 429."""
    world = emulate(Rule("create", acts.refuse(LIMIT), nth=2), median=100.0)
    retry = RetryPolicy(patience=10)
    async with (
        world.client(retry=retry, max_in_flight=1) as client,
        asyncio.TaskGroup() as group,
    ):
        for request in mugs(2):
            group.create_task(world.call(client.generate, request))
    assert 2 == len(world.charged)


@warped
async def test_a_wait_at_the_throttle_does_not_count_as_patience(world: World):
    """Nobody refused it: it takes its turn after 50 s although patience is 1 s."""
    retry = RetryPolicy(patience=1)
    async with (
        world.client(retry=retry, rate=0.1) as client,
        asyncio.TaskGroup() as group,
    ):
        for request in mugs(6):
            group.create_task(world.call(client.submit, request))
    assert 6 == len(world.charged)


@warped
async def test_a_retry_after_beyond_the_patience_left_raises_at_once(emulate: Emulate):
    """Waiting would be in vain; the error says how long it would have been."""
    world = emulate(Rule("create", acts.refuse(LIMIT, retry_after="700")))
    async with world.client() as client:
        with pytest.raises(RateLimitError) as caught:
            await world.call(client.submit, mug())
    assert (0.0, 700.0) == (clock(), caught.value.retry_after)


@warped
async def test_a_retry_after_within_patience_is_waited_out(emulate: Emulate):
    """599 s of 600: it is sent again, once."""
    world = emulate(Rule("create", acts.refuse(LIMIT, retry_after="599"), nth=1))
    async with world.client() as client:
        await world.call(client.submit, mug())
    assert 2 == len(world.times("POST"))
    assert 599 <= world.times("POST")[1] <= 601


@warped
async def test_patience_left_counts_not_patience(emulate: Emulate):
    """Refused for 30 s already: a Retry-After of 40 s is beyond the 60 s allowed."""
    world = emulate(
        Rule("create", acts.refuse(LIMIT, retry_after="30"), nth=1),
        Rule("create", acts.refuse(LIMIT, retry_after="40"), nth=2),
    )
    async with world.client(retry=RetryPolicy(patience=60)) as client:
        failed = await time_of_failure(world, client, 0)
    assert 30 <= failed <= 32


@warped
async def test_one_long_retry_after_ends_the_wait_of_all_who_were_refused(
    emulate: Emulate,
):
    """The hold is for the key: whoever was refused before cannot outlast it either."""
    world = emulate(Rule("create", acts.refuse(LIMIT, retry_after="900"), nth=4))
    early = Rule("create", acts.refuse(LIMIT), nth=(1, 2, 3))
    world = emulate(early, *world.emulator.scenario.rules)
    async with world.client() as client, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(time_of_failure(world, client, number))
            for number in range(3)
        ]
    assert all(call.result() < 10 for call in calls)


@warped
async def test_a_single_look_does_not_outwait_its_patience_either(emulate: Emulate):
    """Refused itself, then held up for longer by what a create was told."""
    world = emulate(
        Rule("credits", acts.refuse(LIMIT, retry_after="5"), nth=1),
        Rule("create", acts.refuse(LIMIT, retry_after="900"), nth=1),
    )
    async with world.client() as client:
        look = asyncio.ensure_future(client.credits())
        await asyncio.sleep(0)
        await time_of_failure(world, client, 0)
        with pytest.raises(RateLimitError):
            await look
        assert clock() < 60


@warped
async def test_zero_patience_takes_the_first_429_for_an_answer(emulate: Emulate):
    """As `NO_RETRY` has it."""
    world = emulate(Rule("create", acts.refuse(LIMIT)))
    async with world.client(retry=NO_RETRY) as client:
        await time_of_failure(world, client, 0)
    assert 1 == len(world.times("POST"))


@warped
async def test_endless_patience_outlasts_hours_of_refusals(emulate: Emulate):
    """None is for ever."""
    world = emulate(Rule("create", acts.refuse(LIMIT), between=(0, 20_000)))
    async with world.client(retry=RetryPolicy(patience=None)) as client:
        await world.call(client.submit, mug())
    assert 20_000 <= clock() <= 20_030


@warped
async def test_generate_many_is_patient_for_ever(emulate: Emulate):
    """Five hours of refusals are no failure of any item."""
    world = emulate(Rule("create", acts.refuse(LIMIT), between=(5, 18_000)))
    async with world.client() as client:
        outcomes = await world.collect(
            client.generate_many(mugs(6), max_in_flight=2, timeout=None)
        )
    assert 6 == sum(outcome.ok for outcome in outcomes)


@warped
async def test_generate_many_respects_a_patience_of_the_client_s_own(emulate: Emulate):
    """Whoever names one means it."""
    world = emulate(Rule("create", acts.refuse(LIMIT)))
    async with world.client(retry=RetryPolicy(patience=30)) as client:
        outcomes = await world.collect(client.generate_many(mugs(3)))
    assert [RateLimitError] * 3 == [type(outcome.error) for outcome in outcomes]
    assert clock() < 600
