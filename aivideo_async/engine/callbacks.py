"""
What the service's callbacks do here: looks come sooner, lost outcomes come to light.

A callback is never believed. All it does is to have a task looked at with our own key,
so a forged one, a late one and the tenth copy of one cost a look at most. While
callbacks arrive, tasks that have one coming are looked at less often.
"""

from __future__ import annotations

import logging
import math

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.books import Books
from aivideo_async.engine.deliveries import Deliveries, Lost
from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.engine.stats import Counters
from aivideo_async.errors import AIVideoError
from aivideo_async.models.catalogue import spec_for
from aivideo_async.models.tasks import Task, TaskStatus
from aivideo_async.models.wire import printable
from aivideo_async.policy.budget import Budget
from aivideo_async.policy.retry import Attempts, RetryPolicy
from aivideo_async.policy.trust import CallbackTrust

__all__ = ["Callbacks"]

log = logging.getLogger("aivideo_async")

AT_ONCE = 3
"""Looks under way at tasks that callbacks to the URL of one lost create named."""

SOON = 1.0
"""Seconds between two looks at a task, however many callbacks come."""


class Callbacks:
    """Turns callbacks into looks, and settles unknown outcomes by what those show."""

    def __init__(
        self,
        agenda: Agenda,
        deliveries: Deliveries,
        counters: Counters,
        budget: Budget,
        books: Books,
    ) -> None:
        self._agenda = agenda
        self._deliveries = deliveries
        self._counters = counters
        self._budget = budget
        self._books = books
        self._trust = CallbackTrust()
        self._warned = False

    def heard(self, task_id: str, url: str | None, now: float) -> bool:
        """Act on a callback; tell whether its task or its URL means anything here."""
        followers = self._deliveries.followers.get(task_id, ())
        for job in followers:
            self._hasten(job, now)
        means = [bool(followers), self._trust.followed(task_id, now)]
        if url is not None:
            means += [self._note(url, task_id), self._inquire(url, task_id)]
        return any(means)

    def recall(self, job: Job, now: float) -> None:
        """Act on the callback that came while the job's create was on the wire."""
        task_id, job.hint = job.hint, None
        if task_id is not None:
            self.heard(task_id, job.own_url, now)

    def due(self, job: Job, now: float) -> float:
        """Return when to look again at the job's task, which still runs."""
        due = job.since + job.schedule.next(job.age)
        if job.look_again:
            job.look_again = False
            return min(due, now + SOON)
        if job.callback_url is None or job.called_back or not self._trust.holds(now):
            return due
        rarely = job.since + job.schedule.next(job.age, rarely=True)
        if job.timer is not None:  # whoever waits only so long sees the end before
            rarely = min(rarely, job.timer.when() - SOON)
        return max(due, rarely)

    def ended(self, job: Job, now: float) -> None:
        """Note how the end of a task that was to be called back was found out."""
        if job.callback_url is None or job.task_id is None:
            return
        if job.called_back:
            self._trust.arrived(now)
        else:
            self._trust.found(job.task_id, now)
        if self._trust.lapsed(now) and not self._warned:
            self._warned = True
            log.warning(
                "Callbacks used to arrive and do not any more: tasks are looked at as "
                "often as without. Is the address of callback_url= still reachable?"
            )

    def _hasten(self, job: Job, now: float) -> None:
        job.called_back = True
        if not self._agenda.bring_forward(max(now, job.looked + SOON), job):
            job.look_again = True  # the look under way may have been too early

    def _note(self, url: str, task_id: str) -> bool:
        """Keep in mind a callback that overtook the answer to its create."""
        job = self._deliveries.called.get(url)
        if job is None or not job.on_wire:
            return False
        job.hint = task_id
        return True

    def _inquire(self, url: str, task_id: str) -> bool:
        """Look at the task that is said to have come of a create whose answer is lost."""
        lost = self._deliveries.lost.get(url, [])
        if len(lost) != 1:
            return False  # of several with one URL nobody knows which it was
        (one,) = lost
        if task_id not in one.inquiries and len(one.inquiries) < AT_ONCE:
            one.inquiries.add(task_id)
            look = Job(
                Stage.LOOK,
                _Inquiry(self, one, task_id),
                Attempts(RetryPolicy(), None),
                path=f"/v1/tasks/{task_id}",
                task_id=task_id,
            )
            self._deliveries.jobs.add(look)
            self._agenda.add_look(look)
        return True

    def settle(self, lost: Lost, task: Task) -> None:
        """
        Record that *task* came of the lost create, if it can have.

        A second one that can have is kept too: the first was forged then, or this is,
        and neither may get lost for that.
        """
        if not self._fits(lost, task):
            return
        lost.found.append(task.id)
        if len(lost.found) == 1:
            self._correct(lost, task)
        if task.status is TaskStatus.FAILED:
            log.warning("%s; it failed and is refunded.", _found(lost, task))
        else:
            self._deliveries.keep_unclaimed(task.id, _found(lost, task))

    def _correct(self, lost: Lost, task: Task) -> None:
        """Put right what was noted when the outcome was unknown."""
        if (error := lost.error()) is not None:
            error.task_id = task.id
        if not lost.earlier:
            self._counters.unknown -= 1
            self._counters.accepted += 1
        self._budget.bought(task.id, lost.reserved)
        self._books.found(lost.entry, task)
        if task.is_final:
            failed = task.status is TaskStatus.FAILED
            self._budget.ended(task.id, refunded=failed)

    def _fits(self, lost: Lost, task: Task) -> bool:
        """Tell whether it is of that model, and nobody else's."""
        known = spec_for(lost.model) is not None and task.model is not None
        if known and task.model != lost.model:
            return False
        new = self._deliveries.is_new(task.id, -math.inf)
        return new or (task.id == lost.salvaged and task.id not in lost.found)


def _found(lost: Lost, task: Task) -> str:
    label = f" ({printable(lost.key)})" if lost.key else ""
    return (
        f"a callback tells that the create{label} whose answer was lost made {task.id}"
    )


class _Inquiry:
    """Waits for the look at a task that a callback named; nobody else does."""

    def __init__(self, callbacks: Callbacks, lost: Lost, task_id: str) -> None:
        self._callbacks, self._lost, self._task_id = callbacks, lost, task_id

    def give(self, result: Task) -> bool:
        """Settle what was lost; no caller has the task by that."""
        self._lost.inquiries.discard(self._task_id)
        self._callbacks.settle(self._lost, result)
        return False

    def fail(self, error: AIVideoError) -> bool:
        """Leave it lost; most likely the callback was forged."""
        self._lost.inquiries.discard(self._task_id)
        log.info("A callback named a task that cannot be read: %s", error)
        return False
