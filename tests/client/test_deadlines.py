"""A deadline ends the waiting, never the task; and what else does or does not end it."""

from __future__ import annotations

import asyncio

import pytest

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    AuthenticationError,
    OutcomeUnknownError,
    PermissionDeniedError,
    TaskNotFoundError,
    TaskStatus,
    Timeouts,
    UnexpectedResponseError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Act, Reply, Rule, acts
from aivideo_async.errors import ConfigurationError
from aivideo_async.models.wire import Exchange, FaultKind
from tests.client.conftest import Emulate
from tests.client.scripted import (
    Scripted,
    accepted,
    answer,
    lost,
    not_sent,
    refused,
    view,
)
from tests.client.world import STEADY, World, mug, mugs
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
    async with world.client() as client:
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
    async with world.client() as client:
        await world.call(client.generate, mug(), timeout=seconds)
        pending = await world.call(client.submit, mug(1))
        await client.wait(pending, timeout=seconds)
    assert 20_000 == pytest.approx(clock(), abs=2)


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


# --- what does not end a wait -----------------------------------------------------

TRANSIENT: dict[str, Act] = {
    "500": acts.refuse("internal_error"),
    "502 html": acts.BAD_GATEWAY,
    "503": acts.refuse("upstream_error"),
    "429": acts.refuse("rate_limit_exceeded"),
    "429 for an hour": acts.refuse("rate_limit_exceeded", retry_after="3"),
    "dropped": acts.DROPPED,
    "hanging": acts.HANGING,
    "truncated": acts.TRUNCATED,
    "broken json": acts.BROKEN_JSON,
    "200 html": Act(reply=Reply(200, {}, b"<html>")),
    "another task": acts.edit(id="another-task"),
    "not an object": Act(reply=Reply(200, {}, b"[]")),
    "408": Act(reply=Reply(408)),
}


@warped
@pytest.mark.parametrize("act", TRANSIENT.values(), ids=TRANSIENT)
async def test_looks_that_break_never_end_a_wait(emulate: Emulate, act: Act):
    """Ten minutes of trouble, and then the task is there."""
    world = emulate(Rule("task", act, between=(0.5, 600)))
    async with world.client() as client:
        await world.call(client.generate, mug())
    assert 600 <= clock() <= 800
    assert 1 == len(world.charged)


@warped
@pytest.mark.parametrize("act", TRANSIENT.values(), ids=TRANSIENT)
async def test_looks_that_break_for_ever_end_with_the_deadline(
    emulate: Emulate, act: Act
):
    """The id is in the error."""
    world = emulate(Rule("task", act))
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await world.call(client.generate, mug(), timeout=300)
    assert (300.0, world.charged) == (clock(), [caught.value.task_id])


@warped
async def test_looks_that_break_are_not_repeated_in_a_rush(emulate: Emulate):
    """The pauses grow to several seconds: an outage is no reason to hammer."""
    world = emulate(Rule("task", acts.BAD_GATEWAY, between=(0, 300)))
    async with world.client() as client:
        await world.call(client.generate, mug())
    assert len([at for at in world.times("GET") if at < 300]) <= 100


@warped
async def test_an_unknown_status_is_still_running(emulate: Emulate):
    """`OTHER` ends nothing."""
    world = emulate(Rule("task", acts.edit(status="reviewing"), times=4))
    async with world.client() as client:
        task = await world.call(client.generate, mug())
    assert TaskStatus.COMPLETED is task.status


# --- 404 --------------------------------------------------------------------------


@warped
async def test_a_404_soon_after_our_own_create_is_tolerated(emulate: Emulate):
    """The service may be slow to know its own task: 30 s long."""
    world = emulate(Rule("task", acts.refuse("task_not_found"), between=(0, 29)))
    async with world.client() as client:
        await world.call(client.generate, mug(1))
    assert clock() >= 29


@warped
async def test_a_404_is_tolerated_by_wait_too(emulate: Emulate):
    """It is the client's own create that counts, not the verb."""
    world = emulate(Rule("task", acts.refuse("task_not_found"), between=(0, 29)))
    async with world.client() as client:
        pending = await world.call(client.submit, mug(1))
        await client.wait(pending.id)
    assert clock() >= 29


@warped
async def test_a_404_later_than_30_s_ends_the_wait(emulate: Emulate):
    """The id, which was paid for, is in the error."""
    world = emulate(
        Rule("task", acts.refuse("task_not_found"), between=(31, 1e9)), median=60.0
    )
    async with world.client() as client:
        with pytest.raises(TaskNotFoundError) as caught:
            await world.call(client.generate, mug())
    assert world.charged == [caught.value.task_id]
    assert 31 <= clock() <= 33


@warped
async def test_a_404_that_lasts_ends_the_wait_after_30_s(emulate: Emulate):
    """Tolerance is not for ever."""
    world = emulate(Rule("task", acts.refuse("task_not_found")))
    async with world.client() as client:
        with pytest.raises(TaskNotFoundError):
            await world.call(client.generate, mug())
    assert 30 <= clock() <= 40


@warped
async def test_a_404_for_another_client_s_task_ends_the_wait(emulate: Emulate):
    """It was not our create, so there is nothing to be tolerant about."""
    world = emulate(Rule("task", acts.refuse("task_not_found")))
    async with world.client() as buyer, world.client() as other:
        pending = await world.call(buyer.submit, mug())
        with pytest.raises(TaskNotFoundError):
            await other.wait(pending)
    assert 0.0 == clock()


# --- what ends a wait -------------------------------------------------------------


@warped
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("invalid_api_key", AuthenticationError),
        ("ip_not_allowed", PermissionDeniedError),
    ],
)
async def test_a_refusal_for_good_ends_the_wait_and_keeps_the_id(
    emulate: Emulate, code: str, error: type[AIVideoError]
):
    """401 and 403 while polling: nobody can wait that out."""
    world = emulate(Rule("task", acts.refuse(code), nth=3))
    async with world.client() as client:
        with pytest.raises(error) as caught:
            await world.call(client.generate, mug())
    assert world.charged == [caught.value.task_id]
    assert 3.0 == clock()


@warped
async def test_a_redirected_look_ends_the_wait_and_keeps_the_id(emulate: Emulate):
    """A redirect is never followed, and it would be there for ever."""
    moved = Act(reply=Reply(302, {"location": "https://elsewhere.test/"}))
    world = emulate(Rule("task", moved))
    async with world.client() as client:
        with pytest.raises(UnexpectedResponseError, match="base_url") as caught:
            await world.call(client.generate, mug())
    assert world.charged == [caught.value.task_id]


@warped
async def test_a_refused_certificate_ends_the_wait_and_keeps_the_id():
    """Somebody is in between: no look will ever get through."""
    wire = Scripted([accepted()], [lost(FaultKind.CERTIFICATE)])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        with pytest.raises(AIVideoError) as caught:
            await client.generate(mug())
    assert "t-1" == caught.value.task_id


# --- one exchange -----------------------------------------------------------------


@warped
async def test_timeouts_are_for_one_exchange_never_for_the_task(emulate: Emulate):
    """A task of an hour with exchanges of at most a second."""
    world = emulate(median=3000.0)
    async with world.client(timeouts=Timeouts(total=1.0)) as client:
        await world.call(client.generate, mug())
    assert clock() >= 3000


@warped
async def test_a_create_that_hangs_is_unknown(emulate: Emulate):
    """No answer within the time of one exchange; it was charged."""
    world = emulate(Rule("create", acts.HANGING))
    async with world.client() as client:
        with pytest.raises(OutcomeUnknownError):
            await world.call(client.submit, mug())
    assert 1 == len(world.charged)


@warped
async def test_a_look_finds_what_it_did_not_ask_for():
    """`get_task` of an answer about another task is an error, not that task."""
    wire = Scripted(looks=[view("t-2")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(UnexpectedResponseError) as caught:
            await client.get_task("t-1")
    assert ("t-1", 200) == (caught.value.task_id, caught.value.status)
    assert "t-2" in caught.value.body


@warped
async def test_a_look_at_something_else_entirely_is_an_error():
    """A list is no task."""
    async with AsyncClient(transport=Scripted(looks=[answer([1])])) as client:
        with pytest.raises(UnexpectedResponseError):
            await client.get_task("t-1")
