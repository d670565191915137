"""
Looking: what an answer that costs nothing means for a job, and when to look next.

Nothing here can lose money, so it may be patient: while somebody waits for a task, only
an answer that can never come to anything ends the waiting.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Hashable
from typing import Any

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.books import Books
from aivideo_async.engine.callbacks import Callbacks
from aivideo_async.engine.deliveries import Deliveries
from aivideo_async.engine.gate import Gate
from aivideo_async.engine.jobs import Arrival, Job, Stage
from aivideo_async.engine.stats import Counters
from aivideo_async.errors import (
    APIError,
    NetworkError,
    TaskFailedError,
    UnexpectedResponseError,
)
from aivideo_async.models.catalogue import spec_for
from aivideo_async.models.tasks import Task, TaskStatus, read_status
from aivideo_async.models.wire import Evidence, printable
from aivideo_async.policy.budget import Budget
from aivideo_async.policy.judge import Look, LookKind, judge_look
from aivideo_async.policy.polling import Polling, PollSchedule

__all__ = ["Looks"]

log = logging.getLogger("aivideo_async")

_FINAL = (TaskStatus.COMPLETED, TaskStatus.FAILED)
ODD_GAP = 10.0
"""Seconds until the next look where the poll schedule names no moment."""
NEWBORN = 30.0
"""Seconds after our own create in which a 404 may be the service's own delay."""


class Looks:
    """Records looks, and schedules the next one of each task that is followed."""

    def __init__(
        self,
        agenda: Agenda,
        deliveries: Deliveries,
        gate: Gate,
        callbacks: Callbacks,
        budget: Budget,
        books: Books,
        polling: Polling,
        counters: Counters,
        rng: random.Random,
    ) -> None:
        self._agenda = agenda
        self._deliveries = deliveries
        self._gate = gate
        self._callbacks = callbacks
        self._budget = budget
        self._books = books
        self._polling = polling
        self._counters = counters
        self._rng = rng
        self._schedules: dict[Hashable, PollSchedule] = {}
        self._told_of_odd = False

    def follow(self, job: Job, now: float, *, at_once: bool) -> None:
        """Begin to follow the job's task."""
        self._deliveries.follow(job)
        job.method, job.path = "GET", ""
        job.since = now
        job.attempts.failed = 0
        kind = job.request.kind if job.request else None
        job.schedule = self._schedule(kind)
        if at_once:
            self._agenda.add_look(job)
        else:
            self._look_later(job, now)

    def _schedule(self, kind: Hashable) -> PollSchedule:
        """Return the one schedule for all tasks of *kind*: they learn together."""
        schedule = self._schedules.get(kind)
        if schedule is None:
            schedule = self._polling.schedule(kind, self._rng)
            self._schedules[kind] = schedule
        return schedule

    def rank(self, now: float) -> None:
        """Let the most urgent looks go first, since the throttle lets nothing go now."""
        try:
            self._agenda.rank_looks(now)
        except Exception:
            log.exception("The poll schedule raised; looks go in the order they came.")

    def record(self, job: Job, arrival: Arrival) -> None:
        """Judge a look and act on it."""
        exchange = arrival.exchange
        look = judge_look(
            exchange.sent,
            exchange.status,
            exchange.body,
            exchange.error,
            retry_after=arrival.retry_after,
            of_task=job.task_id is not None,
        )
        token, job.token = job.token, None
        job.looked = arrival.now
        try:
            if job.stage is not Stage.DONE:
                self._act(job, look, arrival)
        finally:
            refused = look.kind is LookKind.THROTTLED
            self._gate.answer(token, job, arrival, refused=refused)

    def _act(self, job: Job, look: Look, arrival: Arrival) -> None:
        exchange = arrival.exchange
        if look.kind is LookKind.THROTTLED and isinstance(look.error, APIError):
            self._deliveries.give_up_impatient(arrival, look.error)
        if look.kind is LookKind.FATAL and exchange.status == 404:
            look = self._pardon_newborn(job, look, arrival.now)
        if look.kind is LookKind.OK and job.task_id is not None:
            look = _read_task(job, look, arrival)
        if look.kind is LookKind.OK and not _is_ours(job, look.data):
            evidence = _foreign(job, look.data)
            self._deliveries.disown(job)
            self._deliveries.lose(job, evidence)
        elif look.kind is LookKind.OK:
            self._seen(job, look.data, arrival.now)
        elif job.is_followed and job.evidence is None:
            self._follow_on(job, look, arrival.now)
        else:
            self._try_again(job, look, arrival)

    def _pardon_newborn(self, job: Job, look: Look, now: float) -> Look:
        born = self._deliveries.born(job.task_id)
        if born is None or now - born > NEWBORN:
            return look
        if job.stage is Stage.LOOK:
            job.attempts.failed = 0  # this is no failure
        return Look(LookKind.TRANSIENT, error=look.error)

    def _seen(self, job: Job, data: Any, now: float) -> None:
        """A good answer: a task, the raw answer of a look, or a task still running."""
        final = isinstance(data, Task) and data.is_final
        if job.evidence is not None:  # its id is confirmed
            self._books.accepted(job)
        if final:
            failed = data.status is TaskStatus.FAILED
            self._budget.ended(data.id, refunded=failed)
            job.kept = self._books.ended(data) or job.kept
        if job.stage is Stage.LOOK:
            self._deliveries.give(job, data)
            return
        job.attempts.failed, job.evidence = 0, None
        if final:
            self._final(job, data, now)
        elif not job.is_followed:
            self._deliveries.give(job, data)
        else:
            self._runs_on(job, data, now)

    def _runs_on(self, job: Job, data: Any, now: float) -> None:
        age = now - job.since
        job.schedule.running(job.age, age)
        job.age = age
        if job.watcher is not None:
            job.watcher.see(data)
        self._look_later(job, now)

    def _final(self, job: Job, task: Task, now: float) -> None:
        self._learn_end(job, now - job.since)
        self._callbacks.ended(job, now)
        if task.status is TaskStatus.COMPLETED:
            self._counters.completed += 1
        else:
            self._counters.failed += 1
        if task.status is TaskStatus.FAILED and job.is_followed:
            self._deliveries.fail(job, TaskFailedError(task))
        else:
            self._deliveries.give(job, task)

    def _learn_end(self, job: Job, age: float) -> None:
        if not job.bought and not job.age:
            return  # it may have ended long before the first look
        if job.called_back:  # it ended just now, not half-way since the last look
            job.schedule.running(job.age, age)
            job.age = age
        job.schedule.done(job.age, age)

    def _follow_on(self, job: Job, look: Look, now: float) -> None:
        """No good answer: the waiting goes on, unless it can never end well."""
        if look.kind is LookKind.FATAL:
            self._deliveries.fail(job, _error(look))
        elif look.kind is LookKind.THROTTLED:
            self._agenda.add_look(job)  # the throttle does the waiting
        else:
            due = job.since + job.schedule.next(job.age)
            soonest = now + job.attempts.pause(self._rng)
            self._add_later(max(due, soonest), job, now)

    def _try_again(self, job: Job, look: Look, arrival: Arrival) -> None:
        """A single look, or one that must confirm an id: a few attempts."""
        pause = job.attempts.after_look(
            look, arrival.now, self._rng, arrival.retry_after
        )
        if pause is not None:
            self._agenda.add_later(arrival.now + pause, job)
        elif job.evidence is not None:
            self._deliveries.lose(job, job.evidence)
        else:
            self._deliveries.fail(job, _error(look))

    def _look_later(self, job: Job, now: float) -> None:
        self._add_later(self._callbacks.due(job, now), job, now)

    def _add_later(self, due: float, job: Job, now: float) -> None:
        """Look at *due*; infinity or NaN, of a schedule of the user's, waits for ever."""
        if not math.isfinite(due):
            if not self._told_of_odd:
                log.error("The poll schedule names no moment but %s.", due - job.since)
            self._told_of_odd, due = True, now + ODD_GAP
        self._agenda.add_later(due, job)


def _read_task(job: Job, look: Look, arrival: Arrival) -> Look:
    """Read a task object; one about another task is no answer to us."""
    data = look.data
    if isinstance(data, dict) and data.get("id") == job.task_id:
        # By far the most looks find a task still running: nothing to build yet.
        blind = job.is_followed and job.watcher is None
        running = blind and read_status(data) not in _FINAL
        return look if running else Look(LookKind.OK, Task.from_json(data))
    error = UnexpectedResponseError(
        f"The answer is not about task {job.task_id}. Looking costs nothing.",
        status=arrival.exchange.status,
        body=printable(arrival.exchange.body),
        task_id=job.task_id,
    )
    return Look(LookKind.TRANSIENT, error=error)


def _model(data: Any) -> Any:
    return data.model if isinstance(data, Task) else data.get("model")


def _is_ours(job: Job, data: Any) -> bool:
    """Tell whether *data* can be about what our create made."""
    if not job.bought or job.request is None:
        return True
    model = job.request.model
    # What the service calls a model that nobody described is its own affair.
    return _model(data) in (None, model) or spec_for(model) is None


def _foreign(job: Job, data: Any) -> Evidence:
    wanted = job.request.model if job.request else "another"
    return Evidence(
        reason=f"the answer named task {job.task_id}, which is of model "
        f"{_model(data)!r} and not of {wanted!r}: it belongs to another request"
    )


def _error(look: Look) -> Any:
    return look.error or NetworkError("The look broke. It costs nothing; ask again.")
