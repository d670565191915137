"""
Watching tasks: many onlookers, one poller for each task.

An onlooker reads the newest snapshot when it is ready for it, so a slow one skips some
and delays nobody. The last one to leave ends the looking, never the task.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable
from typing import Any

from aivideo_async.engine.engine import Engine
from aivideo_async.engine.jobs import Job, Watcher
from aivideo_async.errors import AIVideoError, TaskFailedError
from aivideo_async.models.tasks import Task

__all__ = ["Watches"]


class Watches:
    """
    The tasks that are watched now.

    Args:
        engine: Follows them.
        new_job: Makes the job that follows a task for a watcher.
    """

    def __init__(self, engine: Engine, new_job: Callable[[str, Watcher], Job]) -> None:
        self._engine = engine
        self._new_job = new_job
        self._watches: dict[str, _Watch] = {}

    async def snapshots(
        self, task_id: str, until: asyncio.Event | None
    ) -> AsyncGenerator[Task]:
        """Yield what is new of a task to this onlooker, until it or *until* ends it."""
        watch = self._join(task_id)
        stop = None if until is None else self._engine.loop.create_task(until.wait())
        shown: Task | None = None
        try:
            while not (until is not None and (until.is_set() or _is_done(stop))):
                if watch.newest is not None and watch.newest is not shown:
                    shown = watch.newest
                    watch.final_seen |= shown.is_final
                    yield shown
                elif watch.error is not None:
                    raise copy.copy(watch.error)  # one each: raising leaves its marks
                elif watch.ended:
                    return
                else:
                    await watch.news(stop)
        finally:
            self._leave(task_id, watch)
            if stop is not None:
                stop.cancel()
                await asyncio.wait([stop])

    def _join(self, task_id: str) -> _Watch:
        watch = self._watches.get(task_id)
        if watch is None or watch.error is not None:
            watch = _Watch()
            watch.job = self._new_job(task_id, watch)
            self._engine.follow(watch.job)
            self._watches[task_id] = watch
        watch.onlookers += 1
        return watch

    def _leave(self, task_id: str, watch: _Watch) -> None:
        watch.onlookers -= 1
        if watch.onlookers:
            return
        if self._watches.get(task_id) is watch:
            del self._watches[task_id]
        if watch.job is not None and not watch.final_seen:
            self._engine.abandon(watch.job)


class _Watch:
    """What is known of one task; the recipient of the job that follows it."""

    claims = True

    def __init__(self) -> None:
        self.job: Job | None = None
        self.onlookers = 0
        self.newest: Task | None = None
        self.error: AIVideoError | None = None
        self.ended = False
        self.final_seen = False
        self._bells: set[asyncio.Future[None]] = set()

    def see(self, task: Task) -> None:
        """Show the running *task*, if anything about it has changed."""
        if self.newest is None or _state(task) != _state(self.newest):
            self.newest = task
            self._ring()

    def give(self, result: Task) -> bool:
        """Show the final task; return False if nobody is there."""
        self.newest, self.ended = result, True
        self._ring()
        return self.onlookers > 0

    def fail(self, error: AIVideoError) -> bool:
        """Show the failed task, or pass on what ended the looking."""
        if isinstance(error, TaskFailedError):
            return self.give(error.task)
        self.error, self.ended = error, True
        self._ring()
        return self.onlookers > 0

    async def news(self, stop: asyncio.Task[bool] | None) -> None:
        """Wait until there is something new, or until *stop* is done."""
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bells.add(bell)
        waits: list[asyncio.Future[Any]] = [bell] if stop is None else [bell, stop]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._bells.discard(bell)

    def _ring(self) -> None:
        for bell in self._bells:
            if not bell.done():
                bell.set_result(None)


def _is_done(stop: asyncio.Task[bool] | None) -> bool:
    """Tell whether the event was set, even if it is cleared again by now."""
    return stop is not None and stop.done()


def _state(task: Task) -> tuple[object, ...]:
    return task.status, task.progress
