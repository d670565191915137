"""Closing lets go of everybody, waits for what is on the wire, and leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    ConfigurationError,
    NetworkError,
    NotSentError,
    OutcomeUnknownError,
    TaskStatus,
    Timeouts,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models.wire import Exchange
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, view
from tests.client.world import World, collect, mug, mugs
from tests.warp import warped

CLOSING = "Closing: waiting"
UNKNOWN = "its outcome is unknown"


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


def start(coroutine: Awaitable[Any]) -> asyncio.Future[Any]:
    """Run it beside the test."""
    return asyncio.ensure_future(coroutine)


def others() -> set[asyncio.Task[Any]]:
    """All tasks of the loop but the test's own."""
    me = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not me}


def timers() -> list[asyncio.TimerHandle]:
    """All timers of the loop that would go off."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


# --- new calls --------------------------------------------------------------------

VERBS: dict[str, Callable[[AsyncClient], Awaitable[object]]] = {
    "submit": lambda client: client.submit(mug()),
    "generate": lambda client: client.generate(mug()),
    "generate_many": lambda client: collect(client.generate_many([mug()])),
    "wait": lambda client: client.wait("t-1"),
    "get_task": lambda client: client.get_task("t-1"),
    "credits": lambda client: client.credits(),
    "request GET": lambda client: client.request("GET", "/v1/credits"),
    "request POST": lambda client: client.request("POST", "/v1/estimate", {}),
    "aenter": lambda client: client.__aenter__(),
}


@warped
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
async def test_a_closed_client_refuses_new_calls(
    world: World, verb: Callable[[AsyncClient], Awaitable[object]]
):
    """It says so, and sends nothing."""
    async with world.client() as client:
        pass
    with pytest.raises(ConfigurationError, match="closed"):
        await verb(client)
    assert [] == world.emulator.requests


@warped
async def test_a_closing_client_refuses_new_calls_too(emulate: Emulate):
    """From the first moment on, not only at the end."""
    world = emulate(Rule("create", acts.slow(5.0)))
    async with world.client() as client:
        call = start(world.call(client.submit, mug()))
        await asyncio.sleep(1)
        closing = start(client.aclose())
        await asyncio.sleep(1)
        with pytest.raises(ConfigurationError, match="closed"):
            await client.generate(mug(1))
        await closing
        await call
    assert 1 == len(world.charged)


# --- who is let go ----------------------------------------------------------------


@warped
async def test_queued_creates_get_not_sent(world: World):
    """They were in the queue for a slot or for the throttle: nothing was charged."""
    async with world.client(max_in_flight=1) as client:
        calls = [start(world.call(client.generate, request)) for request in mugs(3)]
        calls.append(start(world.call(client.submit, mug(3))))
        await asyncio.sleep(1)
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert [WaitTimeoutError, NotSentError, NotSentError, NotSentError] == [
        type(error) for error in done
    ]
    assert 1 == len(world.charged)
    assert 1.0 == clock()


@warped
async def test_a_create_that_waits_for_another_attempt_gets_not_sent(
    emulate: Emulate,
):
    """It was refused by the rate limit before."""
    world = emulate(
        Rule("create", acts.refuse("rate_limit_exceeded", retry_after="50"))
    )
    async with world.client() as client:
        call = start(client.submit(mug()))
        await asyncio.sleep(1)
    with pytest.raises(NotSentError):
        await call


@warped
async def test_waiters_get_their_id(world: World):
    """`WaitTimeoutError.task_id`; tasks that this client bought are unclaimed as well."""
    async with world.client() as client:
        generating = start(world.call(client.generate, mug(1)))
        pending = await world.call(client.submit, mug(2))
        waiting = start(client.wait(pending))
        await asyncio.sleep(3)
    for call in (generating, waiting):
        with pytest.raises(WaitTimeoutError, match="closed") as caught:
            await call
        assert caught.value.task_id in world.charged
    assert clock() == 3.0


@warped
async def test_what_a_waiter_of_a_closed_client_got_can_be_picked_up(world: World):
    """The id is good for another client."""
    async with world.client() as client:
        call = start(world.call(client.generate, mug(1)))
        await asyncio.sleep(3)
    with pytest.raises(WaitTimeoutError) as caught:
        await call
    async with world.client() as second:
        task = await second.wait(caught.value.task_id or "")
    assert TaskStatus.COMPLETED is task.status


@warped
async def test_single_looks_are_let_go(emulate: Emulate):
    """On the wire or not: they cost nothing, nobody waits for them."""
    world = emulate(Rule("credits", acts.slow(50)))
    async with world.client(max_connections=1) as client:
        looks = [start(client.credits()), start(client.get_task("t-1"))]
        await asyncio.sleep(1)
    assert 1.0 == clock()
    for look in looks:
        with pytest.raises(NetworkError, match="closed"):
            await look


@warped
async def test_a_run_ends_with_an_outcome_for_each_request_it_read(world: World):
    """In flight: with their ids. Queued: not sent. Nothing more is read."""
    read = []

    def source() -> Any:
        for request in mugs(100):
            read.append(request)
            yield request

    async with world.client(max_in_flight=4, rate=1) as client:
        run = start(world.collect(client.generate_many(source())))
        await asyncio.sleep(1.5)
    with suppress(ConfigurationError):
        await run
    assert len(world.charged) == 2
    assert set(world.charged) <= world.got
    assert len(read) <= 5


# --- creates on the wire ----------------------------------------------------------


@warped
async def test_closing_waits_for_creates_on_the_wire(emulate: Emulate):
    """Their answers are all that tells what was paid for; the log says it once."""
    world = emulate(Rule("create", acts.slow(8.0)))
    async with world.client() as client:
        submits = [start(world.call(client.submit, request)) for request in mugs(3)]
        generates = [start(world.call(client.generate, mug(9)))]
        await asyncio.sleep(1)
    assert 8.0 == clock()
    assert TaskStatus.PENDING is (await submits[0]).status
    assert 3 == len({(await submit).id for submit in submits})
    with pytest.raises(WaitTimeoutError) as caught:
        await generates[0]
    assert caught.value.task_id in world.charged
    (line,) = world.logged(CLOSING)
    assert "4 paid requests" in line


@warped
async def test_nothing_on_the_wire_is_nothing_to_say(world: World):
    """A calm end is silent."""
    async with world.client() as client:
        await world.call(client.generate, mug())
    assert [] == world.logged("")


@warped
async def test_a_create_that_is_refused_while_closing_is_not_sent_again(
    emulate: Emulate,
):
    """Whatever the refusal, its caller hears of it."""
    slow_429 = Rule("create", acts.refuse("rate_limit_exceeded"))
    world = emulate(slow_429, turns=1, pause=1.0)
    async with world.client() as client:
        call = start(client.submit(mug()))
        await asyncio.sleep(0.5)
    with pytest.raises(AIVideoError):
        await call
    assert 1 == len(world.times("POST"))


@warped
async def test_closing_waits_no_longer_than_one_exchange_may_take(emulate: Emulate):
    """Then what is still open is unknown, and its caller hears that."""
    create: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    client = AsyncClient(transport=Scripted([create]), timeouts=Timeouts(total=30))
    async with client:
        call = start(client.generate(mug()))
        await asyncio.sleep(5)
    assert 35.0 == clock()
    with pytest.raises(OutcomeUnknownError):
        await call


@warped
async def test_an_answer_after_the_end_of_patience_changes_nothing(emulate: Emulate):
    """It was recorded as unknown; recording it twice would be a lie."""
    world = emulate(Rule("create", acts.slow(60.0)))
    async with world.client(timeouts=Timeouts(total=30)) as client:
        call = start(world.call(client.generate, mug()))
        await asyncio.sleep(5)
    with pytest.raises(OutcomeUnknownError):
        await call
    await asyncio.sleep(100)
    assert 1 == len(world.logged(UNKNOWN))


# --- again and at once ------------------------------------------------------------


@warped
async def test_closing_twice_is_closing_once():
    """Idempotent, also before the first use."""
    wire = Scripted([accepted()])
    client = AsyncClient(transport=wire)
    await client.aclose()
    await client.aclose()
    second = AsyncClient(transport=wire)
    async with second:
        await second.submit(mug())
        await second.aclose()
    await second.aclose()
    assert "closed" in repr(second)


@warped
async def test_concurrent_calls_of_aclose_all_wait(emulate: Emulate):
    """None returns before the creates are answered; the log says it once."""
    world = emulate(Rule("create", acts.slow(8.0)))
    client = world.client()
    call = start(world.call(client.submit, mug()))
    await asyncio.sleep(1)
    ended = []

    async def close() -> None:
        await client.aclose()
        ended.append(clock())

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(close())
    assert [8.0] * 3 == ended
    assert (await call).id
    assert 1 == len(world.logged(CLOSING))


@warped
async def test_one_of_two_aclose_calls_may_be_cancelled_twice(emulate: Emulate):
    """Whoever gives up gives up for all: the creates are unknown, and nobody hangs."""
    world = emulate(Rule("create", acts.slow(8.0)))
    client = world.client()
    call = start(world.call(client.submit, mug()))
    await asyncio.sleep(1)
    first, second = start(client.aclose()), start(client.aclose())
    await asyncio.sleep(1)
    first.cancel()
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first, second])
    with pytest.raises(OutcomeUnknownError):
        await call


@warped
async def test_nothing_is_left_behind(emulate: Emulate):
    """No task and no timer once aclose() has returned, however busy it was."""
    world = emulate(Rule("create", acts.slow(2.0)), Rule("task", acts.slow(3.0)))
    before = timers()
    async with world.client(rate=10, max_in_flight=8) as client:
        calls = [
            start(world.call(client.generate, request, timeout=500))
            for request in mugs(20)
        ]
        look = start(client.get_task("t-1"))
        await asyncio.sleep(4.5)
    assert {look, *calls} >= others()
    assert before == timers()
    await asyncio.wait([look, *calls])
    assert all(isinstance(call.exception(), AIVideoError) for call in [look, *calls])


@warped
async def test_nothing_is_left_behind_when_patience_ends(emulate: Emulate):
    """A create that hangs is cut off before aclose() returns."""
    world = emulate(Rule("create", acts.HANGING))
    async with world.client(timeouts=Timeouts(total=30)) as client:
        call = start(world.call(client.generate, mug()))
        await asyncio.sleep(1)
    assert {call} >= others()
    assert {"GET": 0, "POST": 0} == world.meter.open
    with pytest.raises(OutcomeUnknownError):
        await call


# --- other things -----------------------------------------------------------------


@warped
async def test_an_idle_client_closes_without_a_turn_of_the_clock(world: World):
    """Workers that only wait are ended, and awaited."""
    async with world.client() as client:
        await world.call(client.generate, mug())
        await client.credits()
        now = clock()
    assert now == clock()
    assert not others()


@warped
async def test_the_transport_is_closed_with_the_client():
    """Also when the closing is cancelled."""
    create: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    wire = Scripted([create], [view()])
    client = AsyncClient(transport=wire)
    call = start(client.submit(mug()))
    await asyncio.sleep(1)
    closing = start(client.aclose())
    for _ in range(2):
        await asyncio.sleep(1)
        closing.cancel()
    await asyncio.wait([closing, call])
    assert 1 == wire.closed
    assert OutcomeUnknownError is type(call.exception())


@warped
async def test_an_unclaimed_id_stays_readable_after_closing(emulate: Emulate):
    """A script prints it at its very end."""
    world = emulate(Rule("create", acts.slow(5.0)))
    async with world.client() as client:
        call = start(client.generate(mug()))
        await asyncio.sleep(1)
        call.cancel()
    await asyncio.wait([call])
    assert tuple(world.charged) == client.unclaimed
