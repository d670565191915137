"""The warped loop, on which other tests rely for their sense of time."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.warp import WarpLoop, warped

pytestmark = warped

SLOW = 0.05
"""Real seconds: long for a loop that never waits."""


def slow_work() -> str:
    """Take real time, as a busy disk would."""
    threading.Event().wait(SLOW)
    return "done"


def warp_loop() -> WarpLoop:
    """Return the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WarpLoop)
    return loop


async def test_a_month_passes_at_once():
    """Sleeping moves the clock by exactly the time slept, and takes none."""
    await asyncio.sleep(30 * 86400)
    assert 30 * 86400 == warp_loop().time()


async def test_timers_fire_in_the_order_of_their_times():
    """Whoever sleeps shorter wakes first, at the time it asked for."""
    woken = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((seconds, warp_loop().time()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3600.5, 0.25, 60.0):
            group.create_task(sleeper(seconds))
    assert [(0.25, 0.25), (60.0, 60.0), (3600.5, 3600.5)] == woken


@pytest.mark.parametrize("seconds", [0.001, 1.0, 3600.0])
async def test_deadlines_expire_on_the_warped_clock(seconds: float):
    """Both asyncio's and anyio's deadlines see the clock that jumps."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    with anyio.move_on_after(seconds) as scope:
        await asyncio.Event().wait()
    assert scope.cancelled_caught
    assert 2 * seconds == warp_loop().time()


async def test_executor_work_is_not_timed_out_by_a_jump():
    """A thread under a tiny deadline gets all the real time it needs."""
    async with asyncio.timeout(0.001):
        assert "done" == await asyncio.to_thread(slow_work)
    assert 0.0 == warp_loop().time()


async def test_anyio_thread_work_is_not_timed_out_by_a_jump(tmp_path: Path):
    """The same holds for anyio's own threads, and so for its files."""
    with anyio.fail_after(0.001):
        assert "done" == await anyio.to_thread.run_sync(slow_work)
        assert 4 == await anyio.Path(tmp_path, "file").write_text("text")
    assert 0.0 == warp_loop().time()


async def test_failed_thread_work_sets_the_clock_free():
    """A thread that raises leaves nothing that would stop the clock for ever."""
    for run in (asyncio.to_thread, anyio.to_thread.run_sync):
        with pytest.raises(ZeroDivisionError):
            await run(lambda: 1 / 0)
    await asyncio.sleep(1)
    assert 1.0 == warp_loop().time()


async def test_abandoned_thread_work_sets_the_clock_free():
    """Time goes on as soon as nobody waits for the thread any more."""
    release = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(release.wait))
    await asyncio.sleep(0)
    work.cancel()
    try:
        await asyncio.sleep(3600)
    finally:
        release.set()
    assert 3600.0 == warp_loop().time()


async def test_a_thread_of_ones_own_works_while_time_stands_still():
    """``standing_still`` covers threads that the loop cannot know of."""
    loop = warp_loop()
    done = asyncio.Event()

    def work() -> None:
        slow_work()
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=work)
    thread.start()
    with loop.standing_still():
        async with asyncio.timeout(0.001):
            await done.wait()
    thread.join()


async def test_grace_lets_sockets_be_heard_before_a_jump():
    """With grace, bytes that take real time beat a deadline of an hour."""
    loop = warp_loop()
    loop.warp.grace = 5.0
    near, far = socket.socketpair()
    near.setblocking(False)

    def answer() -> None:
        slow_work()
        far.send(b"hello")

    thread = threading.Thread(target=answer)
    thread.start()
    with near, far:
        async with asyncio.timeout(3600):
            assert b"hello" == await loop.sock_recv(near, 5)
        thread.join()
    assert 0.0 == loop.time()


async def test_closing_the_loop_waits_for_abandoned_threads():
    """Python 3.12 gives them 300 seconds, which must not pass at once."""
    work = asyncio.ensure_future(asyncio.to_thread(slow_work))
    await asyncio.sleep(0)
    work.cancel()  # and after the test a warning would tell of threads left behind
