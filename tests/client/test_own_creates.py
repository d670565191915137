"""
Whether an answer is about our own create: an id may have strayed from another request.

HTTP/1.1 cannot tell a late answer to somebody else from the answer to us, so the client
believes an id only if no earlier create had it, and a look shows the model it asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from aivideo_async import (
    AsyncClient,
    OutcomeUnknownError,
    RawRequest,
    Task,
    TaskFailedError,
    TaskStatus,
    WaitTimeoutError,
)
from aivideo_async.models.wire import Exchange, Fault, FaultKind
from tests.client.scripted import (
    Scripted,
    accepted,
    answer,
    lost,
    refused,
    view,
)
from tests.client.world import STEADY, collect, mug, mugs
from tests.warp import warped

CUT = Fault(FaultKind.BROKEN, "the answer broke off")
SALVAGED = Exchange(True, 200, body=accepted().body[:-2], error=CUT)
WHOLE_BUT_CUT = Exchange(True, 200, body=accepted().body, error=CUT)
BROKEN = [
    pytest.param(SALVAGED, id="salvaged"),
    pytest.param(WHOLE_BUT_CUT, id="whole-but-cut"),
]

Buy = Callable[[AsyncClient], Awaitable[Task]]


def submit(client: AsyncClient) -> Awaitable[Task]:
    """Buy by submit."""
    return client.submit(mug())


def generate(client: AsyncClient) -> Awaitable[Task]:
    """Buy by generate."""
    return client.generate(mug())


BOTH = pytest.mark.parametrize("buy", [submit, generate])


# --- an id that was seen before ---------------------------------------------------


@warped
@BOTH
async def test_an_id_of_an_earlier_create_is_no_answer_to_this_one(buy: Buy):
    """The second create is unknown; the first keeps its task."""
    wire = Scripted([accepted("t-1"), accepted("t-1")], [view("t-1")])
    async with AsyncClient(transport=wire) as client:
        first = await client.submit(mug(1))
        with pytest.raises(OutcomeUnknownError) as caught:
            await buy(client)
        assert (1, 0) == (client.stats().unknown, client.stats().in_flight)
    assert "t-1" == first.id
    assert "t-1" in caught.value.evidence.reason
    assert 2 == len(wire.creates)


@warped
@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_the_latest_ten_thousand_ids_are_remembered():
    """An answer may come very late; but a web app runs for months."""
    ids = [*(f"t-{number}" for number in range(10_001)), "t-0", "t-2"]
    wire = Scripted([accepted(task_id) for task_id in ids])
    async with AsyncClient(transport=wire, rate=1e9) as client:
        for request in mugs(10_001):
            await client.submit(request)
        assert "t-0" == (await client.submit(mug())).id
        with pytest.raises(OutcomeUnknownError):
            await client.submit(mug())


@warped
async def test_a_request_by_hand_may_name_a_task_that_is_known():
    """It need not make a new one: whoever sends it reads the answer."""
    wire = Scripted([accepted("t-1"), accepted("t-1")])
    async with AsyncClient(transport=wire) as client:
        await client.submit(mug())
        reply = await client.request("PATCH", "/v1/tasks/t-1", {})
    assert "t-1" == reply["data"]["taskId"]


# --- a look that shows something else ---------------------------------------------


@warped
async def test_a_look_that_shows_another_model_makes_the_outcome_unknown():
    """The task belongs to another request; what became of ours nobody knows."""
    wire = Scripted([accepted("t-1")], [view("t-1", "processing", model="sora-2")])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.generate(mug())
    assert "sora-2" in caught.value.evidence.reason
    assert 1 == len(wire.looks)


@warped
async def test_a_finished_task_of_another_model_is_not_taken_for_ours():
    """Not even when it brings pictures."""
    wire = Scripted([accepted("t-1")], [view("t-1", model="nano-banana-2")])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        (outcome,) = await collect(client.generate_many([mug()]))
    assert OutcomeUnknownError is type(outcome.error)
    assert not outcome.ok


@warped
async def test_a_look_without_a_model_is_believed():
    """Nothing speaks against it."""
    wire = Scripted([accepted("t-1")], [view("t-1", model=None)])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        assert "t-1" == (await client.generate(mug())).id


@warped
async def test_the_model_is_the_one_that_was_asked_for():
    """Also for a raw request."""
    raw = RawRequest("sora-2", endpoint="/v1/videos/generations", input={})
    wire = Scripted([accepted("t-1")], [view("t-1", model="sora-2")])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        assert "sora-2" == (await client.generate(raw)).model


@warped
async def test_a_task_that_somebody_else_bought_may_be_of_any_model():
    """`wait` has asked for nothing."""
    wire = Scripted(looks=[view("t-1", model="sora-2")])
    async with AsyncClient(transport=wire) as client:
        assert "sora-2" == (await client.wait("t-1")).model
        assert "sora-2" == (await client.get_task("t-1")).model


@warped
async def test_a_look_that_shows_another_id_is_no_answer():
    """It strayed; the next look shows the right one."""
    wire = Scripted([accepted("t-1")], [view("t-9"), view("t-9"), view("t-1")])
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        assert "t-1" == (await client.generate(mug())).id
    assert 3 == len(wire.looks)


# --- an id that must be confirmed -------------------------------------------------


@warped
@BOTH
@pytest.mark.parametrize("broken", BROKEN)
async def test_an_id_out_of_a_broken_answer_is_confirmed_by_a_look(
    buy: Buy, broken: Exchange
):
    """It is believed once the service shows the task; it is not bought again."""
    wire = Scripted([broken], [view("t-1")])
    async with AsyncClient(transport=wire) as client:
        task = await buy(client)
    assert ("t-1", TaskStatus.COMPLETED) == (task.id, task.status)
    assert (1, 1) == (len(wire.creates), len(wire.looks))


@warped
async def test_a_confirmed_submit_returns_what_the_look_showed():
    """It runs; nobody waits for its end."""
    wire = Scripted([SALVAGED], [view("t-1", "processing")])
    async with AsyncClient(transport=wire) as client:
        task = await client.submit(mug())
        assert 0 == client.stats().in_flight
    assert TaskStatus.PROCESSING is task.status
    assert 1 == len(wire.looks)


@warped
async def test_a_confirmed_generate_goes_on_to_the_end():
    """The look that confirms is the first of many."""
    looks = [view("t-1", "processing"), lost(), view("t-1", "processing"), view("t-1")]
    wire = Scripted([SALVAGED], looks)
    async with AsyncClient(transport=wire, polling=STEADY) as client:
        assert TaskStatus.COMPLETED is (await client.generate(mug())).status


@warped
async def test_a_submit_that_has_failed_already_is_a_task_not_an_error():
    """`submit` reports the purchase."""
    wire = Scripted([SALVAGED], [view("t-1", "failed")])
    async with AsyncClient(transport=wire) as client:
        assert TaskStatus.FAILED is (await client.submit(mug())).status
        assert () == client.unclaimed


@warped
async def test_a_generate_that_has_failed_already_is_an_error():
    """`generate` reports the end."""
    wire = Scripted([SALVAGED], [view("t-1", "failed")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(TaskFailedError):
            await client.generate(mug())


@warped
@BOTH
@pytest.mark.parametrize(
    "look",
    [
        pytest.param(refused("task_not_found"), id="404"),
        pytest.param(lost(), id="broken"),
        pytest.param(view("t-2"), id="other-id"),
        pytest.param(refused("invalid_api_key"), id="401"),
    ],
)
async def test_an_id_that_is_never_confirmed_is_an_unknown_outcome(
    buy: Buy, look: Exchange
):
    """With the id, so that it can be looked at later."""
    wire = Scripted([SALVAGED], [look])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await buy(client)
        assert 0 == client.stats().in_flight
    assert "t-1" == caught.value.task_id
    assert 1 == len(wire.creates)


@warped
@BOTH
async def test_an_id_of_another_model_is_nobodys_to_look_at(buy: Buy):
    """The evidence names it; the error's id would lead to another's task."""
    wire = Scripted([SALVAGED], [view("t-1", model="sora-2")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await buy(client)
        assert 0 == client.stats().in_flight
    assert caught.value.task_id is None
    assert "t-1" in caught.value.evidence.reason


@warped
@BOTH
async def test_an_id_that_is_confirmed_late_is_confirmed(buy: Buy):
    """Two broken looks and a 429 in between are no verdict."""
    looks = [lost(), refused("rate_limit_exceeded"), lost(), view("t-1")]
    wire = Scripted([SALVAGED], looks)
    async with AsyncClient(transport=wire) as client:
        assert "t-1" == (await buy(client)).id


@warped
async def test_an_unconfirmed_id_that_strayed_is_unknown():
    """Salvaged, and seen before."""
    wire = Scripted([accepted("t-1"), SALVAGED], [view("t-1")])
    async with AsyncClient(transport=wire) as client:
        await client.submit(mug(1))
        with pytest.raises(OutcomeUnknownError):
            await client.submit(mug(2))


@warped
async def test_a_caller_who_leaves_before_the_confirmation_leaves_the_id_behind():
    """It is perhaps paid for, so it is kept."""
    look: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    async with AsyncClient(transport=Scripted([SALVAGED], [look])) as client:
        call = asyncio.ensure_future(client.submit(mug()))
        await asyncio.sleep(1)
        call.cancel()
        await asyncio.wait([call])
        assert ("t-1",) == client.unclaimed


@warped
async def test_a_deadline_before_the_confirmation_carries_the_id():
    """`WaitTimeoutError.task_id`, as always."""
    look: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    async with AsyncClient(transport=Scripted([SALVAGED], [look])) as client:
        with pytest.raises(WaitTimeoutError) as caught:
            await client.generate(mug(), timeout=5)
    assert "t-1" == caught.value.task_id


@warped
@BOTH
async def test_closing_before_the_answer_that_must_be_confirmed_loses_nobody(buy: Buy):
    """The broken answer comes while the client closes: its caller gets the id."""
    create: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    async with AsyncClient(transport=Scripted([create], [view("t-1")])) as client:
        call = asyncio.ensure_future(buy(client))
        await asyncio.sleep(1)
        closing = asyncio.ensure_future(client.aclose())
        await asyncio.sleep(1)
        create.set_result(SALVAGED)
        await closing
    done, _ = await asyncio.wait([call], timeout=60)
    call.cancel()
    (error,) = await asyncio.gather(call, return_exceptions=True)
    assert done, "its caller would wait for ever"
    assert "t-1" in {*client.unclaimed, getattr(error, "task_id", None)}


@warped
async def test_the_evidence_keeps_what_arrived():
    """Whoever decides sees the bytes."""
    wire = Scripted([SALVAGED], [refused("task_not_found")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.submit(mug())
    evidence = caught.value.evidence
    assert (200, True) == (evidence.status, "t-1" in evidence.body)
    assert CUT.detail in evidence.fault


@warped
async def test_two_ids_in_one_broken_answer_are_none():
    """No guess."""
    body = json.dumps(
        {"code": 200, "data": {"taskId": "t-1"}, "old": {"taskId": "t-0"}}
    ).encode()
    wire = Scripted([Exchange(True, 200, body=body[:-1], error=CUT)])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.submit(mug())
    assert caught.value.task_id is None


@warped
async def test_an_answer_by_hand_that_broke_off_is_unknown():
    """`request` takes no half answers."""
    wire = Scripted([answer({"code": 200}), SALVAGED])
    async with AsyncClient(transport=wire) as client:
        assert {"code": 200} == await client.request("POST", "/v1/anything", {})
        with pytest.raises(OutcomeUnknownError):
            await client.request("POST", "/v1/anything", {})
