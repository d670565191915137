"""The money circuit: a spend limit stops the buying, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from aivideo_async import (
    AsyncClient,
    BillingError,
    InsufficientCreditsError,
    LocalThrottle,
    NotSentError,
    OutcomeUnknownError,
    RateLimitError,
    SpendLimitError,
    TaskStatus,
)
from aivideo_async.emulator import Act, Rule, acts
from aivideo_async.models.wire import Exchange
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, refused, view
from tests.client.stepping import Strike, at_every_turn, moments
from tests.client.world import World, collect, mug, mugs
from tests.warp import warped

SPENT = acts.refuse("spend_limit_exceeded")
GAPS = [60, 120, 300, 600, 1200, 2400, 3600, 3600, 3600]


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


async def refusal(world: World, client: AsyncClient, number: int) -> BillingError:
    """Submit, and return the error."""
    with pytest.raises(BillingError) as caught:
        await world.call(client.submit, mug(number))
    return caught.value


# --- tripped ----------------------------------------------------------------------


@warped
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("spend_limit_exceeded", SpendLimitError),
        ("insufficient_credits", InsufficientCreditsError),
    ],
)
async def test_the_first_refusal_stops_all_buying(
    emulate: Emulate, code: str, error: type[BillingError]
):
    """Those in the queue raise at once, and are not sent."""
    world = emulate(Rule("create", acts.refuse(code)))
    async with world.client(max_connections=1) as client:
        calls = [asyncio.ensure_future(client.submit(request)) for request in mugs(20)]
        await asyncio.wait(calls)
    assert 1 == len(world.times("POST"))
    assert 0.0 == clock()
    for call in calls:
        assert error is type(call.exception())


@warped
async def test_a_shared_throttle_lets_no_create_slip_through(emulate: Emulate):
    """It wakes idle workers at each answer; none of them may buy after a refusal."""
    world = emulate(Rule("create", SPENT, nth=range(5, 99)))
    shared = {"rate": None, "throttle": LocalThrottle(rate=10)}
    async with world.client(**shared) as one, world.client(**shared) as two:
        for request in mugs(4):
            await world.call(one.submit, request)
        calls = [asyncio.ensure_future(one.submit(r)) for r in mugs(20, 100)]
        await asyncio.wait(calls)
        assert 5 == len(world.times("POST"))
        await refusal(world, two, 200)
    assert all(isinstance(call.exception(), SpendLimitError) for call in calls)


@warped
async def test_a_later_call_raises_at_once_and_says_when_to_come_back(
    emulate: Emulate,
):
    """`retry_after` counts down; `retry_at` is the same as a time of day."""
    world = emulate(Rule("create", SPENT))
    async with world.client() as client:
        first = await refusal(world, client, 0)
        await asyncio.sleep(25)
        second = await refusal(world, client, 1)
        await asyncio.sleep(34)
        third = await refusal(world, client, 2)
    assert [60.0, 35.0, 1.0] == [e.retry_after for e in (first, second, third)]
    assert 1 == len(world.times("POST"))
    for error in (first, second, third):
        assert error.retry_at is not None
        assert error.retry_at.tzinfo is UTC
        assert error.retry_at > datetime.now(UTC)


@warped
async def test_what_was_not_sent_says_so_in_the_service_s_words(emulate: Emulate):
    """The class, the code and the status are those of the refusal behind it."""
    world = emulate(Rule("create", SPENT))
    async with world.client() as client:
        first = await refusal(world, client, 0)
        second = await refusal(world, client, 1)
    assert (first.code, first.status, first.type) == (
        second.code,
        second.status,
        second.type,
    )
    assert first.message in second.message
    assert first.message != second.message


@warped
async def test_money_is_no_rate_limit(emulate: Emulate):
    """``except RateLimitError: retry`` cannot spin on it."""
    world = emulate(spend_limit=1)
    async with world.client() as client:
        error = await refusal(world, client, 0)
    assert SpendLimitError is type(error)
    assert not isinstance(error, RateLimitError)


@warped
async def test_what_was_bought_is_still_collected(emulate: Emulate):
    """Polls, looks and credits go on as if nothing had happened."""
    world = emulate(Rule("create", SPENT, nth=range(3, 99)))
    async with world.client() as client:
        generating = asyncio.ensure_future(world.call(client.generate, mug(0)))
        pending = await world.call(client.submit, mug(1))
        await asyncio.sleep(2)
        await refusal(world, client, 2)
        assert (await client.credits()).balance
        assert pending.id == (await client.get_task(pending.id)).id
        assert TaskStatus.COMPLETED is (await client.wait(pending)).status
        assert TaskStatus.COMPLETED is (await generating).status
    assert 10.0 == clock()


@warped
async def test_several_refusals_at_once_trip_it_once(emulate: Emulate):
    """Those that were on the wire already do not prolong the pause."""
    late = Rule("create", acts.Act(reply=SPENT.reply, delay=30.0), nth=2)
    world = emulate(late, Rule("create", SPENT, nth=(1, 3)))
    async with world.client() as client:
        calls = [asyncio.ensure_future(client.submit(request)) for request in mugs(3)]
        await asyncio.wait(calls)
        assert 30.0 == clock()
        await asyncio.sleep(30)
        await world.call(client.submit, mug(3))
    assert all(isinstance(call.exception(), SpendLimitError) for call in calls)


@warped
async def test_creates_that_wait_for_another_attempt_are_withdrawn_too(
    emulate: Emulate,
):
    """One was refused by the rate limit before; it is not sent into the empty purse."""
    world = emulate(
        Rule("create", acts.refuse("upstream_error"), nth=1),
        Rule("create", SPENT, nth=2),
    )
    from aivideo_async import RetryPolicy

    async with world.client(retry=RetryPolicy(upstream_attempts=5)) as client:
        waiting = asyncio.ensure_future(client.submit(mug(1)))
        await asyncio.sleep(1)
        await refusal(world, client, 2)
        with pytest.raises(SpendLimitError):
            await waiting
    assert 2 == len(world.times("POST"))


@warped
async def test_a_post_by_hand_is_stopped_as_well(emulate: Emulate):
    """Whatever may cost money."""
    world = emulate(Rule("create", SPENT))
    async with world.client() as client:
        await refusal(world, client, 0)
        with pytest.raises(SpendLimitError):
            await client.request("POST", "/v1/images/generations", {})
    assert 1 == len(world.times("POST"))


@warped
async def test_a_run_on_an_open_circuit_reads_no_further_than_it_must(
    emulate: Emulate,
):
    """It yields what it read, with the error, and raises it."""
    world = emulate(Rule("create", SPENT))
    async with world.client() as client:
        await refusal(world, client, 0)
        source = mugs(1000, 1)
        with pytest.raises(SpendLimitError):
            await collect(client.generate_many(source))
    assert 999 == len(list(source))
    assert 1 == len(world.times("POST"))


# --- half open --------------------------------------------------------------------


@warped
async def test_one_create_may_pass_after_each_pause(emulate: Emulate):
    """After 60 s, then 2, 5, 10 … 60 minutes; a moment earlier nothing is sent."""
    world = emulate(Rule("create", SPENT))
    async with world.client() as client:
        await refusal(world, client, 0)
        for number, gap in enumerate(GAPS, 1):
            sent = len(world.times("POST"))
            await asyncio.sleep(gap - 0.5)
            assert 0.5 == pytest.approx((await refusal(world, client, 0)).retry_after)
            assert sent == len(world.times("POST"))
            await asyncio.sleep(0.5)
            await refusal(world, client, number)
            assert sent + 1 == len(world.times("POST"))


@warped
async def test_the_success_of_the_probe_lets_everybody_buy(emulate: Emulate):
    """A web app recovers from an hourly limit without a restart."""
    world = emulate(Rule("create", SPENT, nth=(2, 3, 6)))
    async with world.client() as client:
        await world.call(client.submit, mug(0))
        await refusal(world, client, 1)
        await asyncio.sleep(60)
        await refusal(world, client, 2)
        await asyncio.sleep(120)
        for request in mugs(2, 3):
            await world.call(client.submit, request)
        error = await refusal(world, client, 5)
    assert 60.0 == error.retry_after


@warped
async def test_while_the_probe_is_out_nobody_else_buys(emulate: Emulate):
    """One real create, and one only; whoever else comes waits for what it shows."""
    world = emulate(Rule("create", SPENT, nth=1), Rule("create", acts.slow(5.0), nth=2))
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        calls = [
            asyncio.ensure_future(world.call(client.submit, request))
            for request in mugs(10, 1)
        ]
        await asyncio.sleep(1)
        assert 2 == len(world.times("POST"))
        await asyncio.wait(calls)
    assert not any(call.exception() for call in calls)
    assert [0, 60] + 9 * [65] == [round(at) for at in world.times("POST")]


@warped
async def test_when_the_probe_is_refused_so_are_those_that_waited_for_it(
    emulate: Emulate,
):
    """None of them is sent, and each says when the next probe may pass."""
    slowly = acts.Act(reply=SPENT.reply, delay=5.0)
    world = emulate(Rule("create", SPENT, nth=1), Rule("create", slowly, nth=2))
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(refusal(world, client, number))
                for number in range(1, 11)
            ]
    assert 65 == clock()
    assert 10 * [120.0] == [call.result().retry_after for call in calls]
    assert 2 == len(world.times("POST"))


@warped
async def test_a_run_on_a_half_open_circuit_waits_for_its_first_request(
    emulate: Emulate,
):
    """That is the probe, and the others leave after it."""
    world = emulate(Rule("create", SPENT, nth=1), Rule("create", acts.slow(5.0), nth=2))
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        outcomes = await world.collect(client.generate_many(mugs(10, 1)))
    assert 10 * [True] == [outcome.ok for outcome in outcomes]


@warped
async def test_an_older_create_s_refusal_does_not_speak_for_the_probe(
    emulate: Emulate,
):
    """Those that wait for the probe go on to wait when an older one comes home."""
    late = acts.Act(reply=SPENT.reply, delay=62.0)
    world = emulate(
        Rule("create", late, nth=1),
        Rule("create", SPENT, nth=2),
        Rule("create", acts.slow(5.0), nth=3),
    )
    async with world.client() as client:
        older = asyncio.ensure_future(refusal(world, client, 0))
        await asyncio.sleep(0)
        await refusal(world, client, 1)
        await asyncio.sleep(60)
        async with asyncio.TaskGroup() as group:
            for request in mugs(2, 2):
                group.create_task(world.call(client.submit, request))
        await older
    assert 2 == len(world.charged)


@warped
async def test_those_that_queued_behind_the_probe_leave_after_it(emulate: Emulate):
    """The throttle let them wait while the probe was not out yet."""
    world = emulate(Rule("create", SPENT, nth=1), Rule("create", acts.slow(9.0), nth=2))
    async with world.client(rate=0.5) as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        await client.credits()
        calls = [
            asyncio.ensure_future(world.call(client.submit, request))
            for request in mugs(3, 1)
        ]
        await asyncio.wait(calls)
    assert not any(call.exception() for call in calls)
    assert [0, 62, 71, 73] == [round(at) for at in world.times("POST")]


@warped
@pytest.mark.parametrize(
    "fate",
    [acts.LOST_REPLY, acts.refuse("invalid_request")],
    ids=["lost", "refused"],
)
async def test_a_probe_that_says_nothing_about_money_lets_another_pass(
    emulate: Emulate, fate: acts.Act
):
    """Lost, or refused for another reason."""
    world = emulate(Rule("create", SPENT, nth=1), Rule("create", fate, nth=2))
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        with pytest.raises((OutcomeUnknownError, ValueError)):
            await world.call(client.submit, mug(1))
        await world.call(client.submit, mug(2))


@warped
async def test_a_probe_that_meets_the_rate_limit_is_tried_again(emulate: Emulate):
    """A 429 of the rate limit is no word about money."""
    world = emulate(
        Rule("create", SPENT, nth=1),
        Rule("create", acts.refuse("rate_limit_exceeded"), nth=2),
    )
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        await world.call(client.submit, mug(1))
        await world.call(client.submit, mug(2))


async def cancel_the_probe(act: Act, strike: Strike) -> None:
    """After a refusal by *act*, cancel the probe when it strikes; the next may pass."""
    world = World(Rule("create", act, nth=1), turns=1, pause=0.1)
    async with world.client(rate=2) as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        probe = asyncio.ensure_future(world.call(client.submit, mug(1)))
        strike.arm(probe.cancel)
        await asyncio.wait([probe])
        strike.disarm()
        await asyncio.sleep(5)
        await world.call(client.submit, mug(2))
    world.check()


@moments
def test_a_probe_that_is_cancelled_never_blocks_the_buying(moment: str):
    """Cancelled at any turn, queued or on the wire: the next create may pass."""

    assert at_every_turn(partial(cancel_the_probe, SPENT), moment) > 2


@warped
async def test_a_probe_whose_time_runs_out_never_blocks_the_buying(emulate: Emulate):
    """It waited for the throttle; it was withdrawn; the next one is the probe."""
    world = emulate(Rule("create", SPENT, nth=1))
    async with world.client(rate=0.1) as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        await client.credits()
        with pytest.raises(TimeoutError):
            await world.call(client.generate, mug(1), timeout=3)
        await world.call(client.submit, mug(2))


@warped
async def test_a_billing_error_that_nobody_documented_trips_it_too():
    """The type says it; the code is news."""
    odd = Exchange(
        True, 403, body=b'{"error":{"code":"frozen","type":"billing_error"}}'
    )
    wire = Scripted([odd, accepted()], [view()])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(BillingError):
            await client.submit(mug(0))
        with pytest.raises(BillingError):
            await client.submit(mug(1))
        with pytest.raises(BillingError):
            await collect(client.generate_many(mugs(1)))
    assert 1 == len(wire.creates)


@warped
async def test_money_trouble_on_a_look_stops_no_buying():
    """A look costs nothing; the circuit is about creates."""
    broke = refused("insufficient_credits")
    wire = Scripted([accepted("t-1")], [broke, broke, view("t-1")])
    async with AsyncClient(transport=wire) as client:
        assert "t-1" == (await client.generate(mug())).id


# --- an empty balance -------------------------------------------------------------

BROKE = acts.refuse("insufficient_credits")


@warped
async def test_after_an_empty_balance_a_free_look_comes_before_the_next_create(
    emulate: Emulate,
):
    """It shows too little, so the create is not sent; the pause grows as if it had been."""
    world = emulate(balance=1)
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        error = await refusal(world, client, 1)
        assert 120 == error.retry_after
        await refusal(world, client, 2)
    assert (1, 1) == (len(world.times("POST")), len(world.times("GET")))


@warped
async def test_credits_that_suffice_let_the_create_pass(emulate: Emulate):
    """One look, then the very create that asked, then everybody."""
    world = emulate(Rule("create", BROKE, nth=1))
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        await world.call(client.submit, mug(1))
        await world.call(client.submit, mug(2))
    assert (3, 1) == (len(world.times("POST")), len(world.times("GET")))


@warped
async def test_while_the_look_is_out_nobody_else_buys(emulate: Emulate):
    """Of many that come together one asked for it; all wait, and then buy."""
    world = emulate(
        Rule("create", BROKE, nth=1), Rule("credits", acts.slow(5.0), nth=1)
    )
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        calls = [
            asyncio.ensure_future(world.call(client.submit, r)) for r in mugs(9, 1)
        ]
        await asyncio.wait(calls)
    assert not any(call.exception() for call in calls)
    assert [0] + 9 * [65] == [round(at) for at in world.times("POST")]
    assert 1 == len(world.times("GET"))


@warped
async def test_a_look_that_shows_too_little_refuses_all_that_waited_for_it(
    emulate: Emulate,
):
    """Once, with the next pause; the one that asked for it is among them."""
    world = emulate(Rule("credits", acts.slow(5.0), nth=1), balance=1)
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(refusal(world, client, number))
                for number in range(1, 10)
            ]
    assert 9 * [120.0] == [call.result().retry_after for call in calls]
    assert (1, 1) == (len(world.times("POST")), len(world.times("GET")))


@warped
async def test_a_look_that_breaks_leaves_the_finding_out_to_the_create(
    emulate: Emulate,
):
    """Being refused costs nothing."""
    world = emulate(
        Rule("create", BROKE, nth=1), Rule("credits", acts.refuse("internal_error"))
    )
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        await world.call(client.submit, mug(1))
    assert 2 == len(world.times("POST"))


@moments
def test_a_create_that_is_cancelled_while_the_look_is_out_blocks_nobody(moment: str):
    """At any turn: the next one may pass."""

    assert at_every_turn(partial(cancel_the_probe, BROKE), moment) > 2


@warped
async def test_closing_while_the_look_is_out_sends_nothing(emulate: Emulate):
    """The create that waits for it learns that it was not sent."""
    world = emulate(
        Rule("create", BROKE, nth=1), Rule("credits", acts.slow(5.0), nth=1)
    )
    async with world.client() as client:
        await refusal(world, client, 0)
        await asyncio.sleep(60)
        waiting = asyncio.ensure_future(client.submit(mug(1)))
        await asyncio.sleep(1)
    with pytest.raises(NotSentError):
        await waiting
    assert 1 == len(world.times("POST"))


@warped
async def test_an_hourly_limit_that_clears_is_noticed_without_a_restart(
    emulate: Emulate,
):
    """A web app that is asked every minute buys again within the next pause."""
    world = emulate(Rule("create", SPENT, between=(0, 3600)))
    async with world.client() as client:
        bought = None
        for minute in range(150):
            try:
                await world.call(client.submit, mug(minute))
            except SpendLimitError:
                await asyncio.sleep(60)
            else:
                bought = clock()
                break
    assert bought is not None
    assert 3600 <= bought <= 2 * 3600
    assert len(world.times("POST", 429)) <= 8
