"""What each verb does when all goes well, and how it fails when it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    AuthenticationError,
    GptImage2,
    InsufficientCreditsError,
    InternalServerError,
    InvalidRequestError,
    ModelNotFoundError,
    NetworkError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RawRequest,
    SpendLimitError,
    Task,
    TaskFailedError,
    TaskNotFoundError,
    TaskStatus,
    UnexpectedResponseError,
    UpstreamError,
)
from aivideo_async.emulator import Act, Rule, acts
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, view
from tests.client.world import World, mug
from tests.warp import warped

UNKNOWN_ID = "no-such-task"


# --- generate ---------------------------------------------------------------------


@warped
async def test_generate_is_submit_and_wait(world: World):
    """One create, then looks until the task is final; its files are there."""
    async with world.client() as client:
        task = await world.call(client.generate, mug())
    assert TaskStatus.COMPLETED is task.status
    assert task.output is not None
    assert 1 == len(task.output.urls)
    assert [task.id] == world.charged
    assert [0.0] == world.times("POST")
    assert [float(second) for second in range(1, 11)] == world.times("GET")


@warped
async def test_a_failed_task_raises_and_brings_its_task(emulate: Emulate):
    """`TaskFailedError.task` is the failed task; the service refunds it."""
    world = emulate(failure_share=1.0)
    async with world.client() as client:
        with pytest.raises(TaskFailedError) as caught:
            await world.call(client.generate, mug())
    assert TaskStatus.FAILED is caught.value.task.status
    assert world.charged == [caught.value.task_id] == [caught.value.task.id]
    assert [] == list(client.unclaimed)


@warped
async def test_a_callback_url_is_sent_with_the_create(world: World):
    """The service learns where to report."""
    async with world.client() as client:
        await world.call(client.generate, mug(1), callback_url="https://me.test/hook")
        await world.call(client.submit, mug(2), callback_url="http://me.test/hook")
        run = client.generate_many([mug(3)], callback_url="https://me.test/many")
        await world.collect(run)
    sent = [json.loads(r.body) for r in world.emulator.requests if r.body]
    hooks = [body["callback_url"] for body in sent]
    assert [
        "https://me.test/hook",
        "http://me.test/hook",
        "https://me.test/many",
    ] == hooks


@warped
async def test_the_key_of_a_request_is_never_sent(world: World):
    """It is the caller's own label."""
    async with world.client() as client:
        await world.call(client.submit, GptImage2("a mug", key="sku-4711"))
    assert b"sku-4711" not in world.emulator.requests[0].body


# --- submit -----------------------------------------------------------------------


@warped
async def test_submit_returns_a_pending_task_at_once(world: World):
    """One create and no look; created_at is not known before the first look."""
    async with world.client() as client:
        task = await world.call(client.submit, mug())
    assert (TaskStatus.PENDING, "gpt-image-2", None) == (
        task.status,
        task.model,
        task.created_at,
    )
    assert [] == world.times("GET")
    assert (0.0, [task.id]) == (world.times("POST")[0], world.charged)


@warped
async def test_a_raw_request_goes_where_it_says():
    """Any model, any field, any path."""
    path, values = "/v1/songs", {"prompt": "a song", "unheard_of": [1, {"two": None}]}
    wire = Scripted([accepted()], [view(model="suno-v9")])
    async with AsyncClient(transport=wire) as client:
        task = await client.generate(RawRequest("suno-v9", endpoint=path, input=values))
    assert ("suno-v9", path) == (task.model, wire.creates[0].path)
    assert {"model": "suno-v9", "input": values} == json.loads(
        wire.creates[0].body or b""
    )


REFUSALS: list[tuple[str, type[AIVideoError]]] = [
    ("invalid_request", InvalidRequestError),
    ("invalid_api_key", AuthenticationError),
    ("insufficient_credits", InsufficientCreditsError),
    ("ip_not_allowed", PermissionDeniedError),
    ("model_not_found", ModelNotFoundError),
    ("spend_limit_exceeded", SpendLimitError),
    ("upstream_error", UpstreamError),
    ("internal_error", OutcomeUnknownError),
]


@warped
@pytest.mark.parametrize(("code", "error"), REFUSALS, ids=[c for c, _ in REFUSALS])
async def test_a_refused_create_raises_its_own_error(
    emulate: Emulate, code: str, error: type[AIVideoError]
):
    """Each documented code has its class; the create is not sent again."""
    world = emulate(Rule("create", acts.refuse(code)))
    async with world.client() as client:
        with pytest.raises(error) as caught:
            await world.call(client.submit, mug())
    assert error is type(caught.value)
    assert 1 == len(world.times("POST"))
    assert [] == world.charged


@pytest.mark.parametrize(
    "not_a_request", ["a mug", None, {"prompt": "a mug"}], ids=["str", "None", "dict"]
)
@warped
async def test_what_is_no_request_is_refused_with_the_remedy(
    world: World, not_a_request: Any
):
    """Whoever passes a bare prompt learns how to wrap it; nothing is sent."""
    async with world.client() as client:
        for verb in (client.submit, client.generate):
            with pytest.raises(InvalidRequestError, match="GptImage2") as caught:
                await verb(not_a_request)
            assert (None, "request") == (caught.value.status, caught.value.field)
    assert [] == world.emulator.requests


@pytest.mark.parametrize("url", ["me.test/hook", "ftp://me.test/hook", ""])
@warped
async def test_a_callback_that_cannot_be_called_is_refused(world: World, url: str):
    """All three verbs check it before anything is sent."""
    async with world.client() as client:
        with pytest.raises(InvalidRequestError) as first:
            await client.submit(mug(), callback_url=url)
        with pytest.raises(InvalidRequestError):
            await client.generate(mug(), callback_url=url)
        with pytest.raises(InvalidRequestError):
            await world.collect(client.generate_many([mug()], callback_url=url))
    assert "callback_url" == first.value.field
    assert [] == world.emulator.requests


# --- wait and get_task ------------------------------------------------------------


@warped
@pytest.mark.parametrize("as_id", [True, False], ids=["id", "Task"])
async def test_wait_takes_a_task_or_its_id(world: World, as_id: bool):
    """It looks at once, then on schedule, and costs nothing."""
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        done = await client.wait(pending.id if as_id else pending)
    assert TaskStatus.COMPLETED is done.status
    assert 0.0 == world.times("GET")[0]
    assert 1 == len(world.charged)


@warped
async def test_wait_works_for_a_task_of_yesterday(world: World):
    """Another client, another day: the id is enough."""
    async with world.client() as first:
        pending = await world.call(first.submit, mug())
    async with world.client() as second:
        done = await second.wait(pending.id)
    assert TaskStatus.COMPLETED is done.status


@warped
async def test_wait_raises_for_a_failed_task(emulate: Emulate):
    """The same error as from `generate`."""
    world = emulate(failure_share=1.0)
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        with pytest.raises(TaskFailedError) as caught:
            await client.wait(pending)
    assert pending.id == caught.value.task_id


@warped
async def test_waiting_for_a_final_task_asks_nobody(world: World):
    """It is returned, or raised, as it is."""
    done = Task("t-1", TaskStatus.COMPLETED)
    failed = Task("t-2", TaskStatus.FAILED)
    async with world.client() as client:
        assert done is await client.wait(done)
        with pytest.raises(TaskFailedError) as caught:
            await client.wait(failed)
    assert failed is caught.value.task
    assert [] == world.emulator.requests


@warped
async def test_get_task_looks_once(world: World):
    """The task as it is now, also when it has failed or still runs."""
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        seen = await client.get_task(pending.id)
    assert (pending.id, TaskStatus.PENDING) == (seen.id, seen.status)
    assert seen.created_at is not None
    assert 1 == len(world.times("GET"))


@warped
async def test_get_task_returns_a_failed_task(emulate: Emulate):
    """A look is no judgement."""
    world = emulate(failure_share=1.0, median=0.0)
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        assert TaskStatus.FAILED is (await client.get_task(pending.id)).status


@pytest.mark.parametrize(
    "task_id", ["", "a/b", "../credits", "a b", "x" * 129, None, 7]
)
@warped
async def test_an_id_that_cannot_be_one_never_reaches_a_url(world: World, task_id: Any):
    """Neither `wait` nor `get_task` sends it."""
    async with world.client() as client:
        for verb in (client.wait, client.get_task):
            with pytest.raises(InvalidRequestError) as caught:
                await verb(task_id)
            assert "task_id" == caught.value.field
    assert [] == world.emulator.requests


@warped
async def test_a_task_that_is_not_there_is_not_waited_for(world: World):
    """404 for somebody else's id: an error at once, that names the id."""
    async with world.client() as client:
        for verb in (client.wait, client.get_task):
            with pytest.raises(TaskNotFoundError) as caught:
                await verb(UNKNOWN_ID)
            assert UNKNOWN_ID == caught.value.task_id
    assert [0.0, 0.0] == world.times("GET")


LOOK_FAILURES: list[tuple[str, Act, type[AIVideoError], int]] = [
    ("500", acts.refuse("internal_error"), InternalServerError, 4),
    ("502-html", acts.BAD_GATEWAY, InternalServerError, 4),
    ("503", acts.refuse("upstream_error"), UpstreamError, 4),
    ("broken-json", acts.BROKEN_JSON, UnexpectedResponseError, 4),
    ("dropped", acts.DROPPED, NetworkError, 4),
    ("truncated", acts.TRUNCATED, NetworkError, 4),
    ("hanging", acts.HANGING, NetworkError, 4),
    ("401", acts.refuse("invalid_api_key"), AuthenticationError, 1),
    ("403", acts.refuse("ip_not_allowed"), PermissionDeniedError, 1),
]


@warped
@pytest.mark.parametrize(
    ("act", "error", "looks"),
    [case[1:] for case in LOOK_FAILURES],
    ids=[case[0] for case in LOOK_FAILURES],
)
async def test_a_single_look_is_tried_a_few_times(
    emulate: Emulate, act: Act, error: type[AIVideoError], looks: int
):
    """`get_attempts` in all for what may pass; once for what will not."""
    world = emulate(Rule("credits", act))
    async with world.client() as client:
        with pytest.raises(error) as caught:
            await client.credits()
    assert error is type(caught.value)
    assert looks == len(world.times("GET"))


@warped
async def test_a_look_that_breaks_three_times_succeeds_at_the_fourth(
    emulate: Emulate,
):
    """Nobody hears of the first three."""
    world = emulate(Rule("task", acts.BAD_GATEWAY, times=3))
    async with world.client() as client:
        pending = await world.call(client.submit, mug())
        assert pending.id == (await client.get_task(pending.id)).id
