"""
What was bought before: followed again on start, and given to whoever asks for it anew.

All of it is from the journal, by the caller's own key, and costs nothing.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from weakref import ref

from aivideo_async.engine.books import Books, fits
from aivideo_async.engine.deliveries import Deliveries, Lost
from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.engine.keys import Keys
from aivideo_async.engine.looks import Looks
from aivideo_async.errors import (
    AIVideoError,
    InvalidRequestError,
    OutcomeUnknownError,
    TaskFailedError,
)
from aivideo_async.journal import Record, State
from aivideo_async.models.requests import GenerationRequest, RawRequest
from aivideo_async.models.tasks import Task, TaskStatus
from aivideo_async.models.text import printable
from aivideo_async.models.wire import Evidence
from aivideo_async.policy.budget import Budget
from aivideo_async.policy.retry import Attempts, RetryPolicy

__all__ = ["Recall"]

log = logging.getLogger("aivideo_async")

NAMED = 10
"""Task ids that a line of the log names; `client.unclaimed` has them all."""


class Recall:
    """Answers creates from the journal, and takes up what earlier clients left."""

    def __init__(
        self,
        books: Books,
        keys: Keys,
        deliveries: Deliveries,
        looks: Looks,
        budget: Budget,
        time: Callable[[], float],
    ) -> None:
        self._books = books
        self._keys = keys
        self._deliveries = deliveries
        self._looks = looks
        self._budget = budget
        self._time = time
        self._orphans: dict[str, Job] = {}

    # --- on start ----------------------------------------------------------------

    def take_up(self) -> None:
        """Follow what still runs, and keep in mind what is unknown or unclaimed."""
        self._budget.carry(self._books.spent())
        running, unknown, done = self._books.unsettled()
        for record in running:
            self._follow(record)
        for record in unknown:
            self._keep_lost(record)
        left = [record.task_id or "" for record in [*running, *done]]
        self._deliveries.unclaimed.update(dict.fromkeys(left, "an earlier client's"))
        if left:
            log.warning(
                "%d tasks are paid for and unclaimed since an earlier client: %s. What "
                "still runs is followed; ask for them by key or by id, at no cost.",
                len(left),
                ", ".join(left[:NAMED]) + ", …" * (len(left) > NAMED),
            )
        if unknown:
            log.warning(
                "%d creates in the journal have an unknown outcome: they may have been "
                "charged, and are not sent again.",
                len(unknown),
            )

    def _follow(self, record: Record) -> None:
        task_id = record.task_id or ""
        self._budget.runs(task_id, record.price)
        self._deliveries.remember(task_id, self._time() - _age(record))
        request = RawRequest(
            record.model, endpoint=record.path, input={}, key=record.key
        )
        self._follow_for_nobody(task_id, record.attempt, request, at_once=True)

    def follow_on(self, job: Job) -> None:
        """Follow a task of the journal whose caller is gone, so that its end is known."""
        if job.entry is not None and job.task_id is not None:
            self._follow_for_nobody(job.task_id, job.entry, job.request, at_once=False)

    def _follow_for_nobody(
        self,
        task_id: str,
        entry: int,
        request: GenerationRequest | None,
        *,
        at_once: bool,
    ) -> None:
        if task_id in self._orphans or self._deliveries.closing:
            return
        job = Job(
            Stage.FOLLOW,
            _Nobody(partial(self._orphans.pop, task_id, None)),
            Attempts(RetryPolicy(), None),
            request=request,
            entry=entry,
            task_id=task_id,
            follow=True,
            bought=True,
        )
        self._orphans[task_id] = job
        self._deliveries.jobs.add(job)
        self._looks.follow(job, self._time(), at_once=at_once)

    def _keep_lost(self, record: Record) -> None:
        """Let a callback settle it yet."""
        if record.callback_url is not None:
            lost = Lost(
                url=record.callback_url,
                error=ref(unknown_again(record)),
                model=record.model,
                key=record.key,
                reserved=record.price,
                salvaged=None,
                entry=record.attempt,
                earlier=True,
            )
            self._deliveries.keep_lost(lost)

    # --- for those who ask -------------------------------------------------------

    def answers(self, job: Job) -> bool:
        """Tell whether the job needs not be bought: its key was, or is being."""
        key = job.request.key if job.request is not None else None
        if key is None or not self._books.kept_at_all:
            return False
        if self._keys.is_under_way(key) and (refusal := self._books.refusal()):
            self._deliveries.fail(job, refusal)  # it would wait until that has ended
            return True
        if self._keys.joins(job, key):
            return True
        record = self._books.find(key)
        if record is None or record.may_be_bought:
            return False
        self._answer(job, record)
        return True

    def _answer(self, job: Job, record: Record) -> None:
        if not fits(record, job):
            self._deliveries.fail(job, _another(record))
        elif record.state is State.RUNNING and record.word is None:
            self._resume(job, record)
        elif record.answer is not None:
            self._give(job, Task.from_json(record.answer))
        else:
            self._deliveries.fail(job, unknown_again(record))

    def _resume(self, job: Job, record: Record) -> None:
        task_id = job.task_id = record.task_id or ""
        job.bought, job.entry = True, record.attempt
        self.let_go(task_id)
        if job.follow:
            self._looks.follow(job, self._time(), at_once=True)
        else:
            self._deliveries.give(job, Task(task_id, model=record.model))
            self._deliveries.unclaimed.pop(task_id, None)  # its result is another thing

    def let_go(self, task_id: str) -> None:
        """Follow the task no more for nobody: now there is somebody."""
        orphan = self._orphans.pop(task_id, None)
        if orphan is not None and orphan.stage is not Stage.DONE:
            self._deliveries.finish(orphan)

    def _give(self, job: Job, task: Task) -> None:
        if job.follow and task.status is TaskStatus.FAILED:
            self._deliveries.fail(job, TaskFailedError(task))
        else:
            self._deliveries.give(job, task)


class _Nobody:
    """Waits for a task whose caller is gone; its id is unclaimed already."""

    claims = True  # what failed is refunded, and nobody needs its id

    def __init__(self, ended: Callable[[], object]) -> None:
        self._ended = ended

    def give(self, result: Task) -> bool:
        """Leave it unclaimed."""
        self._ended()
        return False

    def fail(self, error: AIVideoError) -> bool:
        """Let a failed task go."""
        self._ended()
        return True


def _age(record: Record) -> float:
    """Return for how many seconds its task may exist; clocks may have been set back."""
    if record.intended_at is None:
        return math.inf
    return max(0.0, (datetime.now(UTC) - record.intended_at).total_seconds())


def unknown_again(record: Record) -> OutcomeUnknownError:
    """Make the error of a create whose outcome the journal does not know either."""
    key = f" {printable(record.key)!r}" if record.key else ""
    evidence = record.evidence or Evidence(reason="nothing is known of its answer")
    return OutcomeUnknownError(
        f"The create of key{key} on {record.intended_at:%Y-%m-%d %H:%M} UTC has an "
        f"unknown outcome: {evidence.reason}. It may have been charged, so it is not "
        "sent again by itself. Compare the credits with what you expect; then either "
        "name its task (Journal.adopt) or let it be bought anew (Journal.release) and "
        "accept that it may be paid twice.",
        evidence=evidence,
    )


def _another(record: Record) -> InvalidRequestError:
    return InvalidRequestError(
        f"key {printable(record.key or '')!r} was used on "
        f"{record.intended_at:%Y-%m-%d %H:%M} UTC for another request: a key stands for "
        "one request, so that it is bought once. Take a new key, or the old request.",
        field="key",
    )
