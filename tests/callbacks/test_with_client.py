"""A receiver and a real client: what a callback saves, and what it brings to light."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from aivideo_async import AsyncClient, Backoff, OutcomeUnknownError, Task, TaskStatus
from aivideo_async.callbacks import CallbackReceiver
from aivideo_async.emulator import Rule, acts
from tests.callbacks.asgi import URL, call, whole
from tests.callbacks.doors import SECRET
from tests.client.conftest import Emulate, emulate
from tests.client.world import World, mug, mugs
from tests.warp import warped

__all__ = ["emulate"]

SELDOM = Backoff(initial=3600.0, cap=3600.0, jitter=0.0)
"""Without a callback nobody would look for an hour."""

pytestmark = warped


def addresses(world: World) -> Iterator[str]:
    """Find the callback URLs in what the service got, in order."""
    for received in world.emulator.requests:
        if received.method == "POST":
            yield json.loads(received.body)["callback_url"]


@asynccontextmanager
async def open_shop(
    world: World,
) -> AsyncIterator[tuple[AsyncClient, CallbackReceiver, list[Task]]]:
    """Open a client with a receiver, and collect what ``on_task`` gets."""
    reports: list[Task] = []

    async def note(task: Task) -> None:
        reports.append(task)

    async with world.client(polling=SELDOM) as client:
        yield (
            client,
            CallbackReceiver(client, url=URL, secret=SECRET, on_task=note),
            reports,
        )


@pytest.mark.parametrize("failure_share", [0.0, 1.0], ids=["completed", "failed"])
async def test_who_waits_learns_of_the_end_by_the_callback(
    emulate: Emulate, failure_share: float
):
    """Within a second of it, not at the next poll; and it is reported."""
    world = emulate(failure_share=failure_share)
    async with open_shop(world) as (client, receiver, reports):
        task = await world.call(client.submit, mug(), callback_url=receiver.url_for)
        waiting = asyncio.ensure_future(world.call(client.wait, task))
        await asyncio.sleep(20)
        (url,) = addresses(world)
        assert 204 == await call(receiver, whole(task.id), url=url)
        await asyncio.wait([waiting])
        assert asyncio.get_running_loop().time() < 25
    assert [(task.id, True)] == [(seen.id, seen.is_final) for seen in reports]
    assert bool(waiting.exception()) == bool(failure_share)


async def test_a_callback_that_comes_too_early_is_no_end(emulate: Emulate):
    """Out of order, or forged: reported when our own key sees the end, and once."""
    world = emulate()
    async with open_shop(world) as (client, receiver, reports):
        task = await world.call(client.submit, mug(), callback_url=receiver.url_for)
        (url,) = addresses(world)
        early = asyncio.ensure_future(call(receiver, whole(task.id), url=url))
        await asyncio.sleep(5)
        assert [] == reports
        await asyncio.sleep(6)
        assert 204 == await call(receiver, whole(task.id), url=url)
        assert 204 == await early
    assert [TaskStatus.COMPLETED] == [seen.status for seen in reports]


async def test_a_create_whose_answer_was_lost_comes_to_light(emulate: Emulate):
    """The address tells which request it was; the id is in the error and unclaimed."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with open_shop(world) as (client, receiver, reports):
        with pytest.raises(OutcomeUnknownError) as caught:
            await world.call(client.submit, mug(), callback_url=receiver.url_for)
        assert caught.value.task_id is None
        await asyncio.sleep(20)
        (url,), (task_id,) = addresses(world), world.charged
        assert 204 == await call(receiver, whole(task_id), url=url)
        assert task_id == caught.value.task_id
    assert [task_id] == [seen.id for seen in reports]


async def test_another_address_settles_nothing(emulate: Emulate):
    """It is one of ours, but no request of this client had it."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with open_shop(world) as (client, receiver, _):
        with pytest.raises(OutcomeUnknownError) as caught:
            await world.call(client.submit, mug(), callback_url=receiver.url_for)
        await asyncio.sleep(20)
        assert 204 == await call(receiver, whole(world.charged[0]))
        assert caught.value.task_id is None


async def test_each_request_of_a_run_has_an_address_of_its_own(emulate: Emulate):
    """``generate_many`` asks for one per request."""
    world = emulate(median=0.0)
    async with open_shop(world) as (client, receiver, _):
        run = client.generate_many(mugs(20), callback_url=receiver.url_for)
        assert 20 == len(await world.collect(run))
    assert 20 == len(set(addresses(world)))


async def test_an_open_receiver_of_a_closed_client_breaks_nothing(
    emulate: Emulate, caplog: pytest.LogCaptureFixture
):
    """The last callbacks come while the server is closing."""
    world = emulate()
    async with open_shop(world) as (client, receiver, reports):
        task = await world.call(client.submit, mug(), callback_url=receiver.url_for)
    assert 204 == await call(receiver, whole(task.id))
    assert [] == reports
    assert f"A callback about task {task.id} led to nothing" in caplog.text
