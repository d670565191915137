"""
The request workers: a few long-lived tasks that carry out what the agenda says.

They belong to the client and to no caller, so cancelling a caller never touches a
request that may cost money. There is no dispatcher: a worker that becomes free asks
for the next job itself, and whoever adds a job pumps it into an idle worker.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from collections.abc import Awaitable, Callable

from aivideo_async.engine.jobs import Job

__all__ = ["Workers"]

log = logging.getLogger("aivideo_async")

COALESCE = 0.01
"""Seconds between two timed wake-ups, so that many due polls share one."""


class Workers:
    """
    At most *most* workers, started as they are needed.

    Args:
        most: How many requests may be open at once.
        take: Returns the next job, or None; may call `wake_at`.
        serve: Carries out one job; handles its own errors.
        drop: Hears of a job that was taken and is not carried out (any further).
    """

    def __init__(
        self,
        most: int,
        take: Callable[[], Job | None],
        serve: Callable[[Job], Awaitable[None]],
        drop: Callable[[Job], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._take = take
        self._serve = serve
        self._drop = drop
        self._idle: list[asyncio.Future[Job]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._jobs: dict[asyncio.Task[None], Job | None] = {}
        self._stopped = False

    def pump(self) -> None:
        """Hand out jobs while there are both jobs and workers."""
        while self._has_hands():
            job = self._take()
            if job is None:
                return
            if self._idle:
                self._idle.pop().set_result(job)
            else:
                self._start(job)

    def _has_hands(self) -> bool:
        while self._idle and self._idle[-1].done():
            del self._idle[-1]  # cancelled by somebody, and does not know it yet
        return bool(self._idle) or len(self._jobs) < self._most

    def wake_at(self, when: float) -> None:
        """Pump again at *when*, unless an earlier wake-up is set already."""
        if when >= self._timer_at:
            return
        when = max(when, self._loop.time() + COALESCE)
        if when < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._wake)
            self._timer_at = when

    def busy(self) -> int:
        """How many requests are on the wire."""
        return sum(job is not None for job in self._jobs.values())

    def tasks(self) -> set[asyncio.Task[None]]:
        """The workers that have not ended."""
        return set(self._jobs)

    def stop(self, which: Callable[[Job | None], bool]) -> None:
        """End the workers whose present job *which* allows, the others after it."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task, job in list(self._jobs.items()):
            if which(job):
                task.cancel()

    def _wake(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self.pump()

    def _start(self, job: Job) -> None:
        # An empty context: a worker outlives the caller that happened to start it.
        # This is the one place that starts tasks which outlive a call.
        task = self._loop.create_task(self._work(job), context=contextvars.Context())
        self._jobs[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        job = self._jobs.pop(task, None)
        if job is not None:
            self._drop(job)
        self.pump()  # somebody cancelled it, and the work is still there

    async def _work(self, job: Job | None) -> None:
        me = asyncio.current_task()
        assert me is not None  # noqa: S101  (for the type checker)
        while not self._stopped:
            if job is None:
                job = await self._park()
            self._jobs[me] = job
            await self._serve(job)
            self._jobs[me] = None
            job = self._take()
            if job is not None:
                self.pump()  # there may be more, and workers without any

    async def _park(self) -> Job:
        future: asyncio.Future[Job] = self._loop.create_future()
        self._idle.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future in self._idle:
                self._idle.remove(future)
            elif not future.cancelled():
                self._drop(future.result())
            raise
