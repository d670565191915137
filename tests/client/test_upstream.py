"""503 upstream_error: one is the item's own affair, five in a row are the provider's."""

from __future__ import annotations

import asyncio
from itertools import count, pairwise

import pytest

from aivideo_async import (
    GptImage2,
    LocalThrottle,
    OutcomeUnknownError,
    RetryPolicy,
    UpstreamError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.stepping import Strike, at_every_turn, moments
from tests.client.world import World, mug, mugs
from tests.warp import warped

DOWN = acts.refuse("upstream_error")


class Counted(LocalThrottle):
    """A throttle that counts its tokens."""

    given = closed = 0

    def sent(self, now: float) -> int:
        """Give one out."""
        self.given += 1
        return super().sent(now)

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Take one back."""
        self.closed += 1
        super().ok(now, token, limited)


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


@warped
async def test_an_outage_costs_a_run_a_handful_of_its_requests(emulate: Emulate):
    """Five trip it, six trials find it gone after a minute; the other 189 are made."""
    world = emulate(Rule("create", DOWN, between=(0, 60)))
    async with world.client(max_in_flight=4, max_connections=4) as client:
        outcomes = await world.collect(client.generate_many(mugs(200)))
    failed = [o for o in outcomes if isinstance(o.error, UpstreamError)]
    assert 200 == len(outcomes)
    assert len(failed) <= 5 + 3 + 6
    assert 200 - len(failed) == len(world.charged)
    assert 1 == len(world.logged("creates wait"))


@warped
async def test_while_it_is_down_one_at_a_time_tries(emulate: Emulate):
    """After 1, 2, 4 … seconds; a single create that is not answered holds the others."""
    world = emulate(Rule("create", DOWN, nth=range(1, 10)))
    async with world.client(max_in_flight=1) as client:
        await world.collect(client.generate_many(mugs(20)))
    times = world.times("POST")
    gaps = [round(b - a, 1) for a, b in pairwise(times[4:10])]
    assert [1, 2, 4, 8, 16] == gaps


@warped
async def test_looks_go_on_meanwhile(emulate: Emulate):
    """What was bought is collected."""
    world = emulate(Rule("create", DOWN, nth=range(2, 99)))
    async with world.client(max_connections=1) as client:
        pending = await world.call(client.submit, mug(0))
        calls = [
            asyncio.ensure_future(world.call(client.submit, r)) for r in mugs(9, 1)
        ]
        done = await client.wait(pending)
        assert done.output
        assert 10 <= clock() <= 12
        await asyncio.wait(calls)
    assert all(isinstance(call.exception(), UpstreamError) for call in calls)


@warped
async def test_a_create_that_waits_can_be_withdrawn(emulate: Emulate):
    """Its timeout goes on, and nothing was sent for it."""
    world = emulate(Rule("create", DOWN, nth=range(1, 6)))
    async with world.client(max_connections=1) as client:
        calls = [asyncio.ensure_future(client.submit(r)) for r in mugs(5)]
        await asyncio.wait(calls)
        with pytest.raises(WaitTimeoutError) as caught:
            await client.generate(mug(6), timeout=0.5)
        assert None is caught.value.task_id
        await world.call(client.submit, mug(7))
    assert [0, 0, 0, 0, 0, 1] == [round(at) for at in world.times("POST")]


@warped
async def test_refused_twice_while_others_pass_it_is_not_tried_again(
    emulate: Emulate,
):
    """However many attempts were allowed: it is its own content."""
    world = emulate(Rule("create", DOWN, nth=(1, 3, 4, 5, 6, 7)))
    retry = RetryPolicy(upstream_attempts=9)
    async with world.client(retry=retry) as client:
        prohibited = asyncio.ensure_future(client.submit(mug(0)))
        await asyncio.sleep(1)
        await world.call(client.submit, mug(1))
        with pytest.raises(UpstreamError):
            await prohibited
    assert 3 == len(world.times("POST"))


@warped
async def test_an_old_refusal_does_not_count_against_a_later_purchase(
    emulate: Emulate,
):
    """The same picture, asked for once more weeks later, has its attempts again."""
    world = emulate(Rule("create", DOWN, nth=(1, 2, 4)))
    async with world.client(retry=RetryPolicy(upstream_attempts=2)) as client:
        with pytest.raises(UpstreamError):
            await client.submit(mug(0))
        await world.call(client.submit, mug(1))
        await asyncio.sleep(20 * 86_400)
        await world.call(client.submit, mug(0))
    assert 5 == len(world.times("POST"))


@warped
async def test_the_same_content_with_other_callbacks_is_no_outage(emulate: Emulate):
    """Each URL is another one, and the content is what is refused."""
    world = emulate(Rule("create", DOWN, nth=range(1, 7)))
    urls = (f"https://shop.example/{number}" for number in count())
    async with world.client() as client:
        for _ in range(6):
            with pytest.raises(UpstreamError):
                await client.submit(mug(0), callback_url=lambda _: next(urls))
    assert [] == world.logged("creates wait")


@warped
async def test_a_request_that_can_be_written_once_is_refused_as_others_are(
    emulate: Emulate,
):
    """Its class is the caller's own: it is not asked again while an answer is recorded."""

    class Once(GptImage2):
        written = 0

        def body(self, callback_url: str | None = None) -> bytes:
            if Once.written:
                raise LookupError("it is gone")
            Once.written += 1
            return super().body(callback_url)

    throttle = Counted()
    world = emulate(Rule("create", DOWN, nth=1))
    async with world.client(throttle=throttle, rate=None) as client:
        with pytest.raises(UpstreamError):
            await client.submit(Once("a mug"))
    assert (1, 1) == (throttle.given, throttle.closed)


@warped
@pytest.mark.parametrize(
    ("fate", "error", "next_at"),
    [
        (acts.LOST_REPLY, OutcomeUnknownError, 2),
        (acts.refuse("invalid_request"), ValueError, 1),
    ],
    ids=["lost", "refused"],
)
async def test_a_trial_that_says_nothing_about_the_provider_lets_another_try(
    emulate: Emulate, fate: acts.Act, error: type[Exception], next_at: int
):
    """At once; after the same gap if it was lost, since it may have been charged."""
    world = emulate(Rule("create", DOWN, nth=range(1, 6)), Rule("create", fate, nth=6))
    async with world.client() as client:
        first = [asyncio.ensure_future(client.submit(r)) for r in mugs(5)]
        await asyncio.wait(first)
        assert all(call.exception() for call in first)
        with pytest.raises(error):
            await world.call(client.submit, mug(6))
        await world.call(client.submit, mug(7))
    assert [1, next_at] == [round(at) for at in world.times("POST")[5:]]


@moments
def test_a_trial_that_is_cancelled_never_blocks_the_creates(moment: str):
    """Cancelled at any turn, queued or on the wire: the next create may pass."""

    async def trial(strike: Strike) -> None:
        world = World(Rule("create", DOWN, nth=range(1, 6)), turns=1, pause=0.1)
        async with world.client() as client:
            first = [asyncio.ensure_future(client.submit(r)) for r in mugs(5)]
            await asyncio.wait(first)
            assert all(call.exception() for call in first)
            call = asyncio.ensure_future(world.call(client.submit, mug(6)))
            strike.arm(call.cancel)
            await asyncio.wait([call])
            strike.disarm()
            await world.call(client.submit, mug(7))
        world.check()

    assert at_every_turn(trial, moment) > 2
