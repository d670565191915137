"""The emulator on a real socket, met with a client that knows nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from PIL import Image

from aivideo_async.emulator import Act, Emulator, Rule, Scenario, acts
from tests.emulator.calls import CREATE, KEY, order


def emulator_of(*rules: Rule) -> Emulator:
    """Build an emulator whose tasks are done at once."""
    return Emulator(Scenario(rules=rules, spread=0), speed=1e9)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Speak HTTP, with the emulator's key."""
    async with aiohttp.ClientSession(headers=KEY) as session:
        yield session


async def create(session: aiohttp.ClientSession, emulator: Emulator) -> Any:
    """Create a task and return the answer."""
    async with session.post(emulator.url + CREATE, json=order()) as response:
        return response.status, response.headers, await response.read()


async def test_a_picture_can_be_bought_and_fetched(session: aiohttp.ClientSession):
    """Create, look and file, all over the socket; the file needs no key."""
    async with emulator_of() as emulator:
        status, _, body = await create(session, emulator)
        task_id = json.loads(body)["data"]["taskId"]
        async with session.get(f"{emulator.url}/v1/tasks/{task_id}") as response:
            task = await response.json()
        (url,) = task["output"]["urls"]
        async with aiohttp.ClientSession() as stranger, stranger.get(url) as response:
            picture = Image.open(BytesIO(await response.read()))
    assert (200, "completed") == (status, task["status"])
    assert url.startswith(emulator.url)
    assert (1024, 1024) == picture.size


async def test_a_part_of_a_file_can_be_fetched(session: aiohttp.ClientSession):
    """Range over the wire, and If-Range with the ETag of the whole."""
    async with emulator_of() as emulator:
        _, _, body = await create(session, emulator)
        path = f"/v1/tasks/{json.loads(body)['data']['taskId']}"
        async with session.get(emulator.url + path) as response:
            (url,) = (await response.json())["output"]["urls"]
        async with session.get(url) as response:
            whole, etag = await response.read(), response.headers["ETag"]
        headers = {"Range": "bytes=100-", "If-Range": etag}
        async with session.get(url, headers=headers) as response:
            status, rest = response.status, await response.read()
            span = response.headers["Content-Range"]
    assert (206, whole[100:]) == (status, rest)
    assert f"bytes 100-{len(whole) - 1}/{len(whole)}" == span


async def test_the_server_is_on_the_loopback_and_says_no_name(
    session: aiohttp.ClientSession,
):
    """No Server header; Date is there."""
    async with emulator_of() as emulator:
        _, headers, _ = await create(session, emulator)
    assert emulator.url.startswith("http://127.0.0.1:")
    assert "Server" not in headers
    assert "Date" in headers


async def test_a_refusal_keeps_its_headers(session: aiohttp.ClientSession):
    """Retry-After goes out as it is."""
    act = acts.refuse("rate_limit_exceeded", retry_after="7")
    async with emulator_of(Rule("create", act)) as emulator:
        status, headers, _ = await create(session, emulator)
    assert (429, "7") == (status, headers["retry-after"])


@pytest.mark.parametrize(
    ("act", "charges"),
    [(acts.LOST_REPLY, 1), (acts.DROPPED, 0)],
    ids=["after", "before"],
)
async def test_a_drop_leaves_no_answer(
    session: aiohttp.ClientSession, act: Act, charges: int
):
    """After the work it is charged, before it is not; the client cannot tell."""
    async with emulator_of(Rule("create", act)) as emulator:
        with pytest.raises(aiohttp.ClientConnectionError):
            await create(session, emulator)
    assert charges == len(emulator.ledger.charges)
    assert [None] == [received.status for received in emulator.requests]


async def test_a_truncated_answer_breaks_off_in_its_body(
    session: aiohttp.ClientSession,
):
    """The status arrives, half of the promised body, and no more."""
    async with (
        emulator_of(Rule("create", acts.TRUNCATED)) as emulator,
        session.post(emulator.url + CREATE, json=order()) as response,
    ):
        assert 200 == response.status
        assert b'{"code":200' == await response.content.readexactly(11)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert 1 == len(emulator.ledger.charges)


async def test_a_truncated_file_breaks_off_too(session: aiohttp.ClientSession):
    """A download has to notice."""
    async with emulator_of(Rule("file", acts.TRUNCATED)) as emulator:
        _, _, body = await create(session, emulator)
        path = f"/v1/tasks/{json.loads(body)['data']['taskId']}"
        async with session.get(emulator.url + path) as response:
            (url,) = (await response.json())["output"]["urls"]
        async with session.get(url) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_a_hanging_answer_never_comes(session: aiohttp.ClientSession):
    """It is charged; the client gives up, and the server is free at once."""
    async with emulator_of(Rule("create", acts.HANGING)) as emulator:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await create(session, emulator)
    assert 1 == len(emulator.ledger.charges)


async def arrival(emulator: Emulator) -> None:
    """Let the loop turn until a request has reached the emulator."""
    while not emulator.requests:
        await asyncio.sleep(0)


async def expect_drop(session: aiohttp.ClientSession, emulator: Emulator) -> None:
    """Create a task, whose answer is lost."""
    with pytest.raises(aiohttp.ClientConnectionError):
        await create(session, emulator)


async def test_closing_ends_what_hangs(session: aiohttp.ClientSession):
    """A client that waits for ever is let go."""
    emulator = emulator_of(Rule("create", acts.HANGING))
    async with asyncio.TaskGroup() as group, emulator:
        waiting = group.create_task(expect_drop(session, emulator))
        await arrival(emulator)
        assert not waiting.done()


async def test_closing_ends_what_is_slow(session: aiohttp.ClientSession):
    """A late answer does not hold up the end; it is given early."""
    emulator = emulator_of(Rule("create", acts.slow(3600)))
    async with asyncio.TaskGroup() as group, emulator:
        waiting = group.create_task(create(session, emulator))
        await arrival(emulator)
    status, _, _ = waiting.result()
    assert 200 == status


async def test_a_slow_answer_comes(session: aiohttp.ClientSession):
    """Later, and whole."""
    async with emulator_of(Rule("create", acts.slow(0.01))) as emulator:
        status, _, _ = await create(session, emulator)
    assert 200 == status


async def test_the_server_can_be_started_again(session: aiohttp.ClientSession):
    """With the same money and the same tasks."""
    emulator = emulator_of()
    for _ in range(2):
        async with emulator:
            await create(session, emulator)
    assert 2 == len(emulator.ledger.charges)
