"""
Who gets what: results and errors to their callers, and paid ids that lost theirs.

Whatever was paid for leaves through here, and it leaves somewhere: to its caller, in
an error that names it, or into `unclaimed` and the log.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from typing import Any, TypeVar
from weakref import ref

from attrs import field, frozen

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.books import Books
from aivideo_async.engine.jobs import Arrival, Job, Stage
from aivideo_async.engine.keys import Keys
from aivideo_async.engine.stats import Counters
from aivideo_async.errors import (
    AIVideoError,
    APIError,
    OutcomeUnknownError,
    TaskFailedError,
    WaitTimeoutError,
)
from aivideo_async.models.tasks import Task
from aivideo_async.models.wire import Evidence, printable
from aivideo_async.policy.budget import Budget

__all__ = ["Deliveries", "Lost"]

log = logging.getLogger("aivideo_async")

T = TypeVar("T")

REMEMBERED = 10_000
"""Task ids kept to recognise an answer that belongs to an earlier create."""


@frozen(eq=False)
class Lost:
    """
    A create whose outcome is unknown, and what is kept to settle it.

    Attributes:
        url: The callback URL that was made for it alone.
        error: What was raised; it may be gone, with whoever caught it.
        model: What was asked for.
        key: The caller's own label.
        reserved: Milli-credits set aside for it.
        salvaged: An id that stood in a broken answer and was never confirmed.
        entry: Its create in the journal.
        earlier: Whether an earlier client sent it.
        found: The tasks that can have come of it; more than one if one was forged.
        inquiries: The tasks that are being looked at because a callback named them.
    """

    url: str = field(repr=False)
    error: ref[OutcomeUnknownError]
    model: str
    key: str | None
    reserved: int | None
    salvaged: str | None
    entry: int | None = None
    earlier: bool = False
    found: list[str] = field(factory=list)
    inquiries: set[str] = field(factory=set)


class Deliveries:
    """
    The jobs that somebody waits for, and the ids that nobody got.

    Attributes:
        jobs: Every job that is not done.
        followers: Of these, the ones that follow a task, by its id.
        lost: Creates whose outcome is unknown, by the URL that was made for them.
        called: Creates that wait for their answer, by the URL that was made for them.
        unclaimed: Ids paid for that no caller got, with the reason.
        closing: Whether the client is closing: nobody is followed any more.
    """

    def __init__(
        self,
        agenda: Agenda,
        counters: Counters,
        budget: Budget,
        books: Books,
        keys: Keys,
    ) -> None:
        self.jobs: set[Job] = set()
        self.followers: dict[str, tuple[Job, ...]] = {}
        self.lost: OrderedDict[str, list[Lost]] = OrderedDict()
        self.called: dict[str, Job] = {}
        self.unclaimed: dict[str, str] = {}
        self.closing = False
        self._agenda = agenda
        self._counters = counters
        self._budget = budget
        self._books = books
        self._keys = keys
        self._born: dict[str, float] = {}
        self._births: deque[str] = deque()  # oldest first; half of an OrderedDict

    def give(self, job: Job, result: Any) -> None:
        """Hand over the result and finish the job."""
        self.finish(job)
        if job.recipient.give(result):
            if isinstance(result, Task) and result.is_final:
                self._claim_for(job, result.id)
        elif job.bought and job.task_id is not None:
            self.keep_unclaimed(job.task_id, "its caller is gone")

    def fail(self, job: Job, error: AIVideoError) -> None:
        """Hand over the error, which names the task if one is known."""
        if error.task_id is None:
            error.task_id = job.task_id
        self.finish(job)
        if job.recipient.fail(error) and isinstance(error, TaskFailedError):
            self._claim_for(job, error.task.id)

    def give_up_impatient(self, arrival: Arrival, error: APIError) -> None:
        """Fail those refused earlier whose patience ends before they may try again."""
        until = arrival.now + (arrival.retry_after or 0.0)
        for job in [*self._agenda.sent_back(), *self._agenda.looks()]:
            if job.attempts.patience_ends() < until:
                self.fail(job, error.for_another())

    def end_waiting(self, job: Job, why: str) -> None:
        """Fail the caller with `WaitTimeoutError`; the task or create goes on."""
        error = _wait_ended(job, why)
        if job.on_wire:
            job.abandoned = True
            job.recipient.fail(error)
        else:
            self.fail(job, error)

    def lose(self, job: Job, evidence: Evidence) -> None:
        """Nobody can know whether this create was charged: say so, loudly."""
        self._counters.unknown += 1
        if job.bought and job.task_id is not None:  # as it seemed
            self._counters.accepted -= 1
            self._budget.not_bought(job.task_id, job.reserved)
        what = job.request.model if job.request else f"{job.method} {job.path}"
        fault = f" ({evidence.fault})" if evidence.fault else ""
        error = OutcomeUnknownError(
            f"A create ({what}) was sent and its outcome is unknown: "
            f"{evidence.reason}{fault}. It may have been charged, so it is not sent "
            "again by itself. Compare client.credits() with what you expect, or submit "
            "it anew and accept that it may be paid twice.",
            evidence=evidence,
            task_id=job.task_id,
        )
        key = job.request.key if job.request else None
        label = f" Its label: {printable(key)}." if key else ""
        log.warning("%s%s", str(error), label)  # a record may outlive the error
        if job.own_url is not None:
            self.keep_lost(
                Lost(
                    url=job.own_url,
                    error=ref(error),
                    model=what,
                    key=key,
                    reserved=job.reserved,
                    salvaged=job.task_id,
                    entry=job.entry,
                )
            )
        self._books.lost(job, evidence)
        self.fail(job, error)

    def keep_lost(self, lost: Lost) -> None:
        """Keep in mind a create that a callback to its URL can settle."""
        others = self.lost.pop(lost.url, [])
        _keep(self.lost, lost.url, [*others, lost])

    def disown(self, job: Job) -> None:
        """Forget the id that the job got: it is another request's."""
        self._follow_no_more(job)
        self._counters.accepted -= 1
        self._budget.not_bought(job.task_id or "", job.reserved)
        job.task_id, job.bought = None, False

    def follow(self, job: Job) -> None:
        """Let the job, which knows its task by now, follow it."""
        self._keys.settled(job)
        job.stage = Stage.FOLLOW
        task_id = job.task_id or ""
        self.followers[task_id] = (*self.followers.get(task_id, ()), job)

    def finish(self, job: Job) -> None:
        """Forget the job and give back its slot, and its money if it cost none."""
        if job.stage is Stage.FOLLOW:
            self._follow_no_more(job)
        elif job.stage is Stage.CREATE and not job.charged:
            self._budget.release(job.reserved)
        if job.own_url is not None:
            self.called.pop(job.own_url, None)
        job.stage, job.body = Stage.DONE, None
        self._keys.settled(job)
        self.jobs.discard(job)
        self._agenda.release(job)
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None

    def _follow_no_more(self, job: Job) -> None:
        followers = self.followers.pop(job.task_id or "", ())
        if others := tuple(one for one in followers if one is not job):
            self.followers[job.task_id or ""] = others

    def keep_unclaimed(self, task_id: str, why: str) -> None:
        """Keep the id of a paid task that no caller got, and say so."""
        if task_id in self.unclaimed:
            return
        self.unclaimed[task_id] = why
        self._books.unclaimed(task_id)
        log.warning(
            "Task %s is paid for and unclaimed: %s. Pick it up with "
            "client.wait(%r); its id is also in client.unclaimed.",
            task_id,
            why,
            task_id,
        )

    def claim(self, task_id: str) -> None:
        """Note that a caller has got this task after all."""
        self.unclaimed.pop(task_id, None)
        self._books.claimed(task_id)

    def _claim_for(self, job: Job, task_id: str) -> None:
        """Strike it off; should this caller turn out to be gone, it comes back."""
        job.bought = job.bought or task_id in self.unclaimed
        self.claim(task_id)

    def is_new(self, task_id: str, now: float) -> bool:
        """Note our own new task; return False if an earlier create had its id."""
        if task_id in self._born or self._books.knows(task_id):
            return False
        self._born[task_id] = now
        self._births.append(task_id)
        if len(self._births) > REMEMBERED:
            del self._born[self._births.popleft()]
        return True

    def born(self, task_id: str | None) -> float | None:
        """When a create of ours made this task, if it was lately."""
        return self._born.get(task_id) if task_id is not None else None


def _keep(memory: OrderedDict[str, T], name: str, value: T) -> None:
    """Keep *value*, and forget the oldest if there are too many."""
    memory[name] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)


def _wait_ended(job: Job, why: str) -> WaitTimeoutError:
    if job.task_id is not None:
        return WaitTimeoutError(
            f"{why}: task {job.task_id} is not final yet. It goes on and is paid for; "
            f"client.wait({job.task_id!r}) picks it up at no cost.",
            task_id=job.task_id,
        )
    if job.on_wire:
        return WaitTimeoutError(
            f"{why} while the create was on the wire. It is not recalled: if it is "
            "accepted, its id will be in client.unclaimed and in the log."
        )
    return WaitTimeoutError(
        f"{why}: the request was withdrawn before it was sent. Nothing was charged."
    )
