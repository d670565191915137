"""
Buying: what the answer to a paid request means for its job.

Between an answer and its record there is no await, so nothing can come between them.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.books import Books
from aivideo_async.engine.deliveries import Deliveries
from aivideo_async.engine.gate import Gate
from aivideo_async.engine.jobs import Arrival, Job, Stage
from aivideo_async.engine.looks import Looks
from aivideo_async.engine.stats import Counters
from aivideo_async.errors import (
    AIVideoError,
    JournalError,
    NotSentError,
    RateLimitError,
)
from aivideo_async.models.tasks import Task
from aivideo_async.models.wire import Evidence, FaultKind, printable
from aivideo_async.policy.budget import Budget
from aivideo_async.policy.judge import Verdict, VerdictKind, judge

__all__ = ["Creates"]


class Creates:
    """Records creates: accepted, lost, or sent back into the queue."""

    def __init__(
        self,
        agenda: Agenda,
        deliveries: Deliveries,
        gate: Gate,
        looks: Looks,
        budget: Budget,
        books: Books,
        counters: Counters,
        rng: random.Random,
    ) -> None:
        self._agenda = agenda
        self._deliveries = deliveries
        self._gate = gate
        self._looks = looks
        self._budget = budget
        self._books = books
        self._counters = counters
        self._rng = rng

    def record(self, job: Job, arrival: Arrival) -> None:
        """Judge a create and act on it."""
        job.wire = None
        self._budget.answered(job.reserved)
        exchange = arrival.exchange
        verdict = judge(
            exchange.sent,
            exchange.status,
            exchange.body,
            exchange.error,
            retry_after=arrival.retry_after,
            makes_task=job.request is not None,
        )
        stop = self._gate.answer_money(job, verdict, arrival.now)
        self._gate.answer_upstream(job, verdict, arrival.now)
        refused = verdict.kind is VerdictKind.RETRY_LATER
        token, job.token = job.token, None  # sent back, the job may leave again at once
        try:
            self._settle(job, verdict, arrival)
        finally:
            self._gate.answer(token, job, arrival, refused=refused)
        if stop:
            self.withdraw_all(self._gate.billing_error)

    def _settle(self, job: Job, verdict: Verdict, arrival: Arrival) -> None:
        if verdict.kind is VerdictKind.ACCEPTED:
            self._accept(job, verdict, arrival)
        elif verdict.evidence is not None:
            self._deliveries.lose(job, verdict.evidence)
        else:
            self._send_back(job, verdict, arrival)

    def unwritten(self, job: Job, error: JournalError) -> None:
        """Fail a create that must not leave, since its intent is not durable."""
        job.wire, job.charged = None, False
        self._budget.answered(job.reserved)
        self._budget.refused(job.reserved)
        self._gate.unused(job)
        self._deliveries.fail(job, error)

    def withdraw_all(self, why: Callable[[], AIVideoError]) -> None:
        """Fail every create that is queued: buying has stopped, none was sent."""
        for job in list(self._deliveries.jobs):
            self.withdraw(job, why())

    def withdraw(self, job: Job, error: AIVideoError) -> None:
        """Fail *job* if it is a create, at once or when it comes back from the wire."""
        if job.on_wire:
            job.withdrawn = error
        elif job.stage is Stage.CREATE:
            self._deliveries.fail(job, error)

    def _accept(self, job: Job, verdict: Verdict, arrival: Arrival) -> None:
        self._counters.accepted += 1
        job.body = None
        if verdict.task_id is None:  # a raw request that makes no task
            self._books.refused(job, verdict, arrival.exchange.status, sent=True)
            self._deliveries.give(job, verdict.reply)
            return
        new = self._deliveries.is_new(verdict.task_id, arrival.now)
        if not new and job.request is not None:
            self._deliveries.lose(job, _stray(verdict, arrival))
            return
        job.task_id, job.bought = verdict.task_id, True
        self._budget.bought(verdict.task_id, job.reserved)
        self._note(job, verdict, arrival)
        needs_looks = job.follow or not verdict.confirmed
        if job.abandoned or (self._deliveries.closing and needs_looks):
            self._leave_behind(job)
        elif job.request is None:
            self._deliveries.give(job, verdict.reply)
        elif needs_looks:
            self._follow(job, verdict, arrival)
        else:
            self._deliveries.give(job, Task(verdict.task_id, model=job.request.model))

    def _note(self, job: Job, verdict: Verdict, arrival: Arrival) -> None:
        if verdict.confirmed:
            self._books.accepted(job)
            return
        job.evidence = _evidence(
            arrival,
            f"task id {job.task_id} was salvaged from a broken answer and never "
            "confirmed",
        )
        self._books.lost(job, job.evidence)  # unless it is

    def _follow(self, job: Job, verdict: Verdict, arrival: Arrival) -> None:
        if not job.follow:
            self._agenda.release(job)
        self._looks.follow(job, arrival.now, at_once=not verdict.confirmed)

    def _leave_behind(self, job: Job) -> None:
        """Nobody follows this paid task any more: keep its id."""
        why = "its caller was gone before it was accepted"
        if self._deliveries.closing:
            why = "the client was closed"
        self._deliveries.keep_unclaimed(job.task_id or "", why)
        self._deliveries.end_waiting(job, "The client was closed")

    def _send_back(self, job: Job, verdict: Verdict, arrival: Arrival) -> None:
        """Not bought: try again if that is allowed, else raise what the API said."""
        job.charged = False
        self._budget.refused(job.reserved)
        exchange = arrival.exchange
        self._books.refused(job, verdict, exchange.status, sent=exchange.sent)
        pause = self._pause(job, verdict, arrival)
        error = verdict.error or NotSentError("Not sent; nothing was charged.")
        if pause is None or job.abandoned or self._deliveries.closing:
            self._deliveries.fail(job, error)
        elif job.withdrawn is not None:
            self._deliveries.fail(job, job.withdrawn)
        elif pause > 0:
            self._agenda.add_later(arrival.now + pause, job)
        else:
            self._agenda.add_again(job)
        if isinstance(error, RateLimitError):
            self._deliveries.give_up_impatient(arrival, error)

    def _pause(self, job: Job, verdict: Verdict, arrival: Arrival) -> float | None:
        fault = arrival.exchange.error
        if fault is not None and fault.kind is FaultKind.UNCLEAN:
            return 0.0  # used up one pooled connection, so this ends by itself
        return job.attempts.after_create(
            verdict, arrival.now, self._rng, arrival.retry_after
        )


def _evidence(arrival: Arrival, reason: str) -> Evidence:
    exchange = arrival.exchange
    return Evidence(
        status=exchange.status,
        body=printable(exchange.body),
        fault=str(exchange.error) if exchange.error else "",
        reason=reason,
    )


def _stray(verdict: Verdict, arrival: Arrival) -> Evidence:
    return _evidence(
        arrival,
        f"the answer names task {verdict.task_id}, which an earlier create made: it is "
        "an answer to another request",
    )
