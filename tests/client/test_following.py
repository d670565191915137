"""What ends the following of a task, and what does not."""

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
from aivideo_async.models.wire import FaultKind
from tests.client.conftest import Emulate
from tests.client.scripted import (
    Scripted,
    accepted,
    answer,
    lost,
    view,
)
from tests.client.world import STEADY, mug
from tests.warp import warped


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


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
async def test_a_404_is_tolerated_by_a_single_look_too(emulate: Emulate):
    """It asks on for as long as the task may be too young to be known."""
    world = emulate(Rule("task", acts.refuse("task_not_found"), between=(0, 29)))
    async with world.client() as client:
        pending = await world.call(client.submit, mug(1))
        assert pending.id == (await client.get_task(pending.id)).id
    assert 29 <= clock() <= 40


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
