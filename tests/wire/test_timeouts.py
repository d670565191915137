"""Time limits: what may be set, and that each cuts off what it should and no more."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from aivideo_async import ConfigurationError, Timeouts
from aivideo_async.transport.watchdog import Limit, Watchdog
from tests.warp import warped

LIMITS = Timeouts(connect=1, read=5, total=20)
SWEEP = 0.1
"""A tenth of the shortest limit: how exact the watchdog is."""


@pytest.mark.parametrize("name", ["connect", "read", "total"])
@pytest.mark.parametrize(
    "value", [0, -1, math.inf, math.nan, True, "5", None], ids=repr
)
def test_a_limit_is_a_number_of_seconds(name: str, value: Any):
    """Above 0 and finite; the error names the culprit."""
    with pytest.raises(ConfigurationError, match=name):
        Timeouts(**{name: value})


def test_the_limits_are_long_by_default():
    """Giving up early makes unknown outcomes."""
    assert (10, 60, 120) == (Timeouts().connect, Timeouts().read, Timeouts().total)


async def elapsed_until_cut_off(dog: Watchdog, news_after: list[float]) -> float:
    """Stay inside a limit, with news after some seconds, until it ends."""
    start = dog.loop.time()
    try:
        with Limit(dog) as limit:
            for seconds in news_after:
                await asyncio.sleep(seconds)
                limit.news()
            await asyncio.sleep(1000)
    except TimeoutError:
        return dog.loop.time() - start
    raise AssertionError("it was not cut off")


@warped
@pytest.mark.parametrize(
    ("news_after", "expected"),
    [
        pytest.param([], 20, id="before any news, the total limit"),
        pytest.param([1], 6, id="after news, the read limit"),
        pytest.param([4, 4, 4], 17, id="news put it off"),
        pytest.param([4] * 6, 20, id="but never beyond the total"),
    ],
)
async def test_the_watchdog_cuts_off(news_after: list[float], expected: float):
    """In time, within one sweep."""
    took = await elapsed_until_cut_off(Watchdog(LIMITS), news_after)
    assert expected - 0.001 <= took <= expected + SWEEP + 0.001


@warped
async def test_grace_puts_the_read_limit_off():
    """A look that has to connect first may be silent for that much longer."""
    dog = Watchdog(LIMITS)
    with pytest.raises(TimeoutError):
        with Limit(dog) as limit:
            limit.news(3.0)
            await asyncio.sleep(1000)
    assert 8 <= dog.loop.time() <= 8 + SWEEP + 0.001


@warped
async def test_who_ends_in_time_is_left_alone():
    """Neither then nor later; and no timer stays behind."""
    dog = Watchdog(LIMITS)
    with Limit(dog):
        await asyncio.sleep(19)
    await asyncio.sleep(100)
    assert dog.loop.time() == 119


@warped
async def test_one_timer_serves_many_exchanges():
    """Each is cut off by its own limit."""
    dog = Watchdog(LIMITS)

    async def later(delay: float) -> float:
        await asyncio.sleep(delay)
        return delay + await elapsed_until_cut_off(dog, [])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(later(delay)) for delay in range(5)]
    for delay, task in enumerate(tasks):
        assert delay + 20 <= task.result() <= delay + 20 + SWEEP + 0.001


@warped
async def test_a_cancellation_from_outside_passes():
    """It stays a cancellation, and is not swallowed as ours."""
    dog = Watchdog(LIMITS)

    async def inside() -> None:
        with Limit(dog):
            await asyncio.sleep(1000)

    task = asyncio.ensure_future(inside())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@warped
async def test_a_cancellation_from_outside_wins_over_ours():
    """Both at once: the caller's cancellation is the one that counts."""
    dog = Watchdog(LIMITS)

    async def inside() -> None:
        with Limit(dog) as limit:
            limit.expire()
            limit.expire()
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(1000)

    task = asyncio.ensure_future(inside())
    with pytest.raises(asyncio.CancelledError):
        await task


@warped
async def test_our_cancellation_leaves_no_trace():
    """After the TimeoutError the task may await again."""
    dog = Watchdog(LIMITS)
    await elapsed_until_cut_off(dog, [])
    assert 0 == asyncio.current_task().cancelling()  # type: ignore[union-attr]
    await asyncio.sleep(1)


@warped
async def test_an_error_inside_passes_though_the_limit_is_over():
    """What broke is told as it is."""
    dog = Watchdog(LIMITS)

    async def broken() -> None:
        with Limit(dog):
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                raise KeyError from None

    with pytest.raises(KeyError):
        await broken()
    await asyncio.sleep(1)


@warped
async def test_a_stopped_watchdog_sets_no_timer():
    """Stopping it ends its sweeps; stopping it twice is allowed."""
    dog = Watchdog(LIMITS)
    dog.stop()
    with Limit(dog):
        dog.stop()
        dog.stop()
        await asyncio.sleep(100)


def test_a_limit_needs_a_task():
    """Outside a task there is nothing to cut off."""
    loop = asyncio.new_event_loop()

    async def make() -> Watchdog:
        return Watchdog(LIMITS)

    try:
        dog = loop.run_until_complete(make())
        raised: list[BaseException] = []

        def outside() -> None:
            try:
                Limit(dog)
            except RuntimeError as error:
                raised.append(error)

        loop.call_soon(outside)
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
    assert 1 == len(raised)
