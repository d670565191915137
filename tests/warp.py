"""
An event loop whose clock jumps: hours of waiting pass in milliseconds.

Where a normal loop would wait for its next timer, this one moves its clock there. Only
the clock is special; the code under test runs unpatched::

    @warped
    async def test_a_day_passes():
        await asyncio.sleep(86400)

Rules: time stands still while a thread works for the loop, so a deadline never expires
only because a disk is slow. Work given to ``run_in_executor``, ``asyncio.to_thread`` and
``anyio.to_thread`` is noticed by itself. A test with threads of its own wraps the waiting
in ``loop.standing_still()``; a test with sockets gives the loop some `grace`.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple

import anyio.to_thread
import pytest

__all__ = ["WarpLoop", "WarpSelector", "warped"]

Args = TypeVarTuple("Args")
Result = TypeVar("Result")

warped = pytest.mark.asyncio(loop_factories=["warp"])
"""Run the test on a `WarpLoop`."""


class WarpSelector(selectors.DefaultSelector):
    """
    Instead of waiting, move the loop's clock to the next timer.

    Attributes:
        now: The loop's clock, in seconds.
        grace: Real seconds given to sockets before a jump.
        working: How much outstanding work keeps the clock from moving.
    """

    def __init__(self, grace: float = 0.0) -> None:
        super().__init__()
        self.now = 0.0
        self.grace = grace
        self.working = 0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, after the next timer if nothing else is due."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.working:
            return super().select(None)
        ready = super().select(min(timeout, self.grace))
        if not ready:
            self.now += timeout
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """An event loop on a `WarpSelector`; the tests reach it as ``loop.warp``."""

    def __init__(self, grace: float = 0.0) -> None:
        self.warp = WarpSelector(grace)
        super().__init__(self.warp)

    def time(self) -> float:
        """Return the clock that jumps; it starts at 0."""
        return self.warp.now

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Keep the clock from moving inside this block."""
        self.warp.working += 1
        try:
            yield
        finally:
            self.warp.working -= 1

    def run_forever(self) -> None:
        """Run, and notice what is given to anyio's threads, which the loop cannot see."""
        run_sync = anyio.to_thread.run_sync

        async def noticed(*args: Any, **kwargs: Any) -> Any:
            with self.standing_still():
                return await run_sync(*args, **kwargs)

        anyio.to_thread.run_sync = noticed  # type: ignore[assignment]
        try:
            super().run_forever()
        finally:
            anyio.to_thread.run_sync = run_sync

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Args], Result],
        *args: *Args,
    ) -> asyncio.Future[Result]:
        """Let a thread work while the clock stands still."""
        future = super().run_in_executor(executor, func, *args)
        self.warp.working += 1
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: asyncio.Future[Any]) -> None:
        self.warp.working -= 1

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the executor's threads; Python 3.12 does so under a deadline."""
        with self.standing_still():
            await super().shutdown_default_executor(*args, **kwargs)
