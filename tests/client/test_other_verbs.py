"""Credits, the escape hatch, the figures, and the ids that nobody got."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async import (
    AsyncClient,
    InvalidRequestError,
    OutcomeUnknownError,
    Task,
    TaskFailedError,
    UnexpectedResponseError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models.wire import Exchange
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, answer, refused, view
from tests.client.world import AT_ONCE, World, mug
from tests.warp import warped

# --- credits ----------------------------------------------------------------------


@warped
async def test_credits_are_decimals(emulate: Emulate):
    """Balance, purchased, consumed; never a float."""
    world = emulate(balance=100)
    async with world.client() as client:
        await world.call(client.submit, mug())
        credits = await client.credits()
    assert (Decimal("97.6"), Decimal(100), Decimal("2.4")) == (
        credits.balance,
        credits.total_purchased,
        credits.total_consumed,
    )


@warped
@pytest.mark.parametrize(
    "odd", [[], {}, {"data": {"balance": "lots"}}], ids=["list", "empty", "text"]
)
async def test_credits_that_cannot_be_read_are_an_error_with_the_answer(odd: object):
    """`UnexpectedResponseError` keeps what came."""
    async with AsyncClient(transport=Scripted(looks=[answer(odd)])) as client:
        with pytest.raises(UnexpectedResponseError) as caught:
            await client.credits()
    assert 200 == caught.value.status
    assert repr(odd)[:10] in caught.value.body


# --- request ----------------------------------------------------------------------


@warped
async def test_a_get_by_hand_returns_the_decoded_answer(world: World):
    """Any path of the API, with its query, in any case of the method's name."""
    async with world.client() as client:
        reply = await client.request("get", "/v1/credits?now=1")
    assert 10_000 == reply["data"]["balance"]
    assert "/v1/credits?now=1" == world.emulator.requests[0].path


@warped
async def test_a_post_by_hand_is_a_purchase(world: World):
    """The decoded answer comes back; the id in it was paid for."""
    body = {"model": "gpt-image-2", "input": {"prompt": "a mug"}}
    async with world.client() as client:
        reply = await client.request("POST", "/v1/images/generations", body)
    task_id = reply["data"]["taskId"]
    assert [task_id] == world.charged
    world.got.add(task_id)


@warped
async def test_a_post_by_hand_may_make_no_task():
    """A path that makes no task answers what it likes; it is sent without a body."""
    wire = Scripted([answer({"estimate": 2.4})])
    async with AsyncClient(transport=wire) as client:
        reply = await client.request("POST", "/v1/estimate")
    assert ({"estimate": 2.4}, b"") == (reply, wire.creates[0].body)


@warped
async def test_a_post_by_hand_is_never_sent_again(emulate: Emulate):
    """Its answer is lost: unknown, like that of any create."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    body = {"model": "gpt-image-2", "input": {"prompt": "a mug"}}
    async with world.client() as client:
        with pytest.raises(OutcomeUnknownError):
            await client.request("POST", "/v1/images/generations", body)
    assert 1 == len(world.times("POST"))


@warped
@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
async def test_all_but_get_goes_through_the_create_path(method: str):
    """Whatever may change something is sent at most once."""
    wire = Scripted([refused("internal_error")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.request(method.lower(), "/v1/tasks/t-1")
    assert [method] == [request.method for request in wire.creates]


@pytest.mark.parametrize(
    "path", ["v1/credits", "//elsewhere.test/v1", "/v1/../admin", "/v1/a b", "/é", 7]
)
@warped
async def test_a_path_that_could_lead_elsewhere_is_refused(world: World, path: Any):
    """The key goes to one origin only."""
    async with world.client() as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.request("GET", path)
    assert "path" == caught.value.field
    assert [] == world.emulator.requests


@warped
async def test_a_get_has_no_body(world: World):
    """A body would be dropped silently."""
    async with world.client() as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.request("GET", "/v1/credits", {})
    assert "body" == caught.value.field


@pytest.mark.parametrize("body", [{1, 2}, float("nan"), object()], ids=type)
@warped
async def test_a_body_that_is_not_json_is_refused_before_sending(
    world: World, body: Any
):
    """As `RawRequest` does it."""
    async with world.client() as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.request("POST", "/v1/images/generations", body)
    assert "body" == caught.value.field
    assert [] == world.emulator.requests


# --- stats, unclaimed -------------------------------------------------------------


@warped
async def test_stats_count_what_happened(emulate: Emulate):
    """Frozen, with a name for each figure."""
    world = emulate(
        Rule("create", acts.refuse("rate_limit_exceeded"), nth=1),
        Rule("create", acts.LOST_REPLY, nth=3),
        median=0.0,
    )
    async with world.client(polling=AT_ONCE) as client:
        await world.call(client.generate, mug(1))
        with pytest.raises(OutcomeUnknownError):
            await world.call(client.generate, mug(2))
        stats = client.stats()
    assert (3, 1, 1, 1, 1, 1) == (
        stats.creates_sent,
        stats.looks_sent,
        stats.accepted,
        stats.completed,
        stats.unknown,
        stats.rate_limited,
    )
    assert (0, 0, 0, 0, 0, 0) == (
        stats.in_flight,
        stats.queued,
        stats.following,
        stats.connections,
        stats.failed,
        stats.unclaimed,
    )
    with pytest.raises(AttributeError):
        stats.accepted = 7  # type: ignore[misc]


@warped
async def test_failed_tasks_are_counted(emulate: Emulate):
    """Apart from completed ones."""
    world = emulate(failure_share=1.0)
    async with world.client() as client:
        with pytest.raises(TaskFailedError):
            await world.call(client.generate, mug())
        assert (1, 0) == (client.stats().failed, client.stats().completed)


@warped
@pytest.mark.parametrize(
    "take", [AsyncClient.wait, AsyncClient.get_task], ids=["wait", "get_task"]
)
async def test_an_unclaimed_task_is_claimed_by_whoever_sees_its_end(
    take: Callable[[AsyncClient, str], Awaitable[Task]],
):
    """Its id leaves the list once a caller has the result."""
    slow: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    async with AsyncClient(transport=Scripted([slow], [view()])) as client:
        with pytest.raises(WaitTimeoutError):
            await client.generate(mug(), timeout=1.0)
        slow.set_result(accepted())
        await asyncio.sleep(1)
        assert ["t-1"] == list(client.unclaimed)
        await take(client, "t-1")
        assert [] == list(client.unclaimed)


@warped
async def test_an_unclaimed_task_that_still_runs_stays_on_the_list(emulate: Emulate):
    """One look is not its end."""
    world = emulate(Rule("create", acts.slow(2.0)))
    async with world.client() as client:
        with pytest.raises(WaitTimeoutError):
            await world.call(client.generate, mug(), timeout=1.0)
        await asyncio.sleep(2)
        await client.get_task(*client.unclaimed)
        assert tuple(world.charged) == client.unclaimed


@warped
async def test_unclaimed_is_empty_before_and_after(world: World):
    """A tuple at any time, also before the first use and after the end."""
    client = world.client()
    assert () == client.unclaimed
    async with client:
        await world.call(client.generate, mug())
        assert () == client.unclaimed
    assert () == client.unclaimed
