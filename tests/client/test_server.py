"""The same promises against a real server, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    Backoff,
    ConfigurationError,
    DownloadProgress,
    NotSentError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.world import AT_ONCE, World, mug, mugs

SOON = Backoff(initial=0.02, factor=1.5, cap=0.1, jitter=0.1)


def running_at_most(world: World) -> int:
    """Count how many tasks were followed at the same time, by what the server saw."""
    starts = {entry.task_id: entry.at for entry in world.emulator.ledger.charges}
    ends = {
        received.path.removeprefix("/v1/tasks/"): received.at
        for received in world.emulator.requests
        if received.method == "GET"
    }
    steps = [(at, 1) for at in starts.values()] + [(at, -1) for at in ends.values()]
    return max(itertools.accumulate(step for _, step in sorted(steps)))


@pytest.mark.slow
async def test_600_tasks_of_random_lengths_are_bought_once_and_all_seen(
    emulate: Emulate,
):
    """Each charged once, each yielded, never more at once than max_in_flight."""
    world = emulate(median=0.2, spread=0.6)
    async with world.emulator, world.remote(polling=SOON, max_in_flight=120) as client:
        outcomes = await world.collect(client.generate_many(mugs(600)))
        stats = client.stats()
    assert 600 == sum(outcome.ok for outcome in outcomes)
    assert 600 == len(set(world.charged)) == len(world.charged)
    assert set(world.charged) == world.got
    assert (600, 600, 0, 0) == (
        stats.creates_sent,
        stats.completed,
        stats.unknown,
        stats.in_flight,
    )
    assert 60 < running_at_most(world) <= 120


async def test_everything_goes_wrong_and_adds_up(emulate: Emulate):
    """Lost answers, drops, HTML, failures, refusals: whatever is charged is known."""
    world = emulate(
        Rule("create", acts.LOST_REPLY, every=7),
        Rule("create", acts.DROPPED, every=11),
        Rule("create", acts.TRUNCATED, every=13),
        Rule("create", acts.BAD_GATEWAY, every=17),
        Rule("create", acts.refuse("rate_limit_exceeded"), every=5),
        Rule("task", acts.BAD_GATEWAY, every=6),
        Rule("task", acts.DROPPED, every=9),
        median=0.05,
        failure_share=0.1,
    )
    async with world.emulator, world.remote(polling=SOON) as client:
        outcomes = await world.collect(client.generate_many(mugs(100)))
        unknown = client.stats().unknown
    assert list(range(100)) == sorted(outcome.index for outcome in outcomes)
    assert len(world.lost) <= unknown == len(world.logged("its outcome is unknown"))


async def turn_by_turn(world: World, client: AsyncClient, verb: str, turn: int) -> bool:
    """Call *verb*, cancel it after so many turns; tell whether it had ended before."""

    async def call() -> None:
        with suppress(AIVideoError):
            if verb == "generate_many":
                await world.collect(client.generate_many(mugs(3, 10 * turn)))
            elif verb == "submit":
                await world.call(client.submit, mug(turn))
            else:
                await world.call(client.generate, mug(turn))

    task = asyncio.ensure_future(call())
    for _ in range(turn):
        await asyncio.sleep(0)
    ended = task.done()
    task.cancel()
    await asyncio.wait([task])
    return ended


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["submit", "generate", "generate_many"])
async def test_cancelled_at_every_turn_nothing_is_lost(emulate: Emulate, verb: str):
    """One client after another, each cut one turn later, and closed at once."""
    for turn in itertools.count():
        world = emulate(median=0.0)
        async with world.emulator:
            async with world.remote(polling=AT_ONCE) as client:
                ended = await turn_by_turn(world, client, verb, turn)
            assert set() == world.lost
        if ended:
            break
    assert turn > 10


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["submit", "generate", "generate_many"])
async def test_cancelled_at_every_turn_an_open_client_goes_on(
    emulate: Emulate, verb: str
):
    """One client all the time, on connections that are used again and again."""
    world = emulate(median=0.0)
    async with world.emulator, world.remote(polling=AT_ONCE) as client:
        for turn in range(120):
            await turn_by_turn(world, client, verb, turn)
        await world.call(client.generate, mug(100_000))
    assert set() == world.lost


async def test_a_scope_that_ends_the_client_leaves_no_connection_open(
    emulate: Emulate,
):
    """anyio cancels at every await again, also those that close the session."""
    world = emulate(Rule("create", acts.slow(0.3)))
    async with world.emulator:
        client = world.remote()
        with anyio.CancelScope() as scope:
            async with client:
                calls = [
                    asyncio.ensure_future(client.generate(request))
                    for request in mugs(5)
                ]
                await world.emulator.bought(5)
                scope.cancel()
                await asyncio.sleep(10)
        await asyncio.wait(calls)
    assert set(world.charged) == set(client.unclaimed)
    assert [WaitTimeoutError] * 5 == [type(call.exception()) for call in calls]


async def test_max_connections_bounds_the_sockets(emulate: Emulate):
    """The server sees no more requests at once than that."""
    world = emulate(Rule("any", acts.slow(0.02)), median=0.05)
    async with world.emulator, world.remote(polling=SOON, max_connections=3) as client:
        outcomes = await world.collect(client.generate_many(mugs(20)))
    starts = [received.at for received in world.emulator.requests]
    assert 20 == sum(outcome.ok for outcome in outcomes)
    # Each is held for 0.02 s, so all that start within that time are open together.
    assert max(sum(at <= s < at + 0.019 for s in starts) for at in starts) <= 3


async def test_a_picture_is_saved_and_its_connection_closed(
    emulate: Emulate, tmp_path: Path
):
    """From the loopback, because the API is there too."""
    world = emulate(median=0.0)
    async with world.emulator, world.remote(polling=AT_ONCE) as client:
        task = await world.call(client.generate, mug())
        paths = await client.download(task, tmp_path)
        again = await client.download(task, tmp_path)
    assert [tmp_path / f"{task.id}.png"] == paths == again
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigurationError, match="closed"):
        await client.download(task, tmp_path)


async def test_a_download_tells_how_far_it_is(emulate: Emulate, tmp_path: Path):
    """To whoever asked, until the file is there."""
    heard: list[DownloadProgress] = []
    world = emulate(median=0.0)
    async with world.emulator, world.remote(polling=AT_ONCE) as client:
        task = await world.call(client.generate, mug())
        [path] = await client.download(task, tmp_path, on_progress=heard.append)
    size = path.stat().st_size
    assert (
        DownloadProgress(task_id=task.id, index=0, received=size, total=size, done=True)
        == heard[-1]
    )


async def test_a_server_that_is_not_there_is_nothing_sent():
    """Refused connections: nothing was charged, four times over."""
    async with AsyncClient("sk-key", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(NotSentError):
            await client.submit(mug())
        assert 4 == client.stats().creates_sent
