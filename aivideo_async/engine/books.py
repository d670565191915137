"""
The books: what the engine tells the journal, and what it asks of it.

The intent is durable before a paid request leaves; all that comes of it is written in
the order in which it happened. Without a journal nothing is written and nothing known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aivideo_async.engine.jobs import Job
from aivideo_async.errors import APIError, JournalError
from aivideo_async.journal import Intent, Journal, Record, fingerprint
from aivideo_async.models.money import milli
from aivideo_async.models.tasks import Task, TaskStatus
from aivideo_async.models.wire import Evidence
from aivideo_async.policy.judge import Verdict

__all__ = ["Books"]

log = logging.getLogger("aivideo_async")


class Books:
    """
    One client's entries in its journal.

    Args:
        journal: It is open; or None.
    """

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._stuck: asyncio.Future[None] | None = None
        if journal is not None:
            journal.on_trouble(self._let_go)

    # --- what is known -----------------------------------------------------------

    def on_trouble(self, call: Callable[[Callable[[], JournalError]], None]) -> None:
        """Call *call* with what makes the refusals, once nothing can be written."""
        if self._journal is not None:
            self._journal.on_trouble(lambda trouble: call(lambda: _refusal(trouble)))

    def refusal(self) -> JournalError | None:
        """Return why nothing may be bought now, or None."""
        trouble = self._journal.trouble if self._journal is not None else None
        return None if trouble is None else _refusal(trouble)

    @property
    def kept_at_all(self) -> bool:
        """Whether there is a journal."""
        return self._journal is not None

    def find(self, key: str) -> Record | None:
        """Return what came of the newest create with this key."""
        return None if self._journal is None else self._journal.find(key)

    def knows(self, task_id: str) -> bool:
        """Tell whether an earlier create made this task."""
        journal = self._journal
        if journal is None:
            return False
        return _sure(lambda: journal.has_task(task_id), otherwise=False)

    def unsettled(self) -> tuple[list[Record], list[Record], list[Record]]:
        """Return what earlier clients left: running, unknown, and never claimed."""
        if self._journal is None:
            return [], [], []
        journal = self._journal
        return journal.unfinished(), journal.unknown(), journal.unclaimed()

    def spent(self) -> int:
        """Return the milli-credits that earlier clients spent, or perhaps spent."""
        return 0 if self._journal is None else self._journal.committed()

    def _let_go(self, _: JournalError) -> None:
        """Let those go who wait for the journal: what they have is all there will be."""
        if self._stuck is not None and not self._stuck.done():
            self._stuck.set_result(None)

    # --- what happens ------------------------------------------------------------

    async def intend(self, job: Job) -> None:
        """
        Make it durable that this create is about to leave.

        Raises:
            JournalError: It could not be written, so it must not leave.
        """
        if self._journal is None:
            return
        job.entry, job.kept = self._journal.intend(_intent(job))
        await job.kept

    def waits(self, job: Job) -> bool:
        """Tell whether the create's intent is not durable yet, so that it did not leave."""
        return job.kept is not None and not job.kept.done()

    def accepted(self, job: Job) -> None:
        """Note the task that the create made."""
        if self._journal is not None and job.entry is not None and job.task_id:
            job.kept = self._journal.accept(job.entry, job.task_id)

    def refused(
        self, job: Job, verdict: Verdict, status: int | None, *, sent: bool
    ) -> None:
        """Note that the create made no task; the next attempt is another entry."""
        if self._journal is not None and job.entry is not None:
            error = verdict.error
            reason = "it was answered and made no task" if sent else "it was not sent"
            if error is not None:
                reason = str(error)
            if isinstance(error, APIError):
                reason = f"{error.code or status}: {error.message}"
            entry, job.entry = job.entry, None
            job.kept = self._journal.refuse(
                entry, sent=sent, status=status, reason=reason
            )

    def lost(self, job: Job, evidence: Evidence) -> None:
        """Note that nobody can know what came of the create."""
        if self._journal is not None and job.entry is not None:
            job.kept = self._journal.lose(job.entry, evidence)

    def found(self, entry: int | None, task: Task) -> None:
        """Note that a create whose outcome was unknown made *task* after all."""
        if self._journal is not None and entry is not None:
            _ = self._journal.accept(entry, task.id)
            if task.is_final:
                _ = self.ended(task, entry)

    def ended(self, task: Task, entry: int | None) -> asyncio.Future[None] | None:
        """Note the end of a task, if it is ours: of this *entry*, or an earlier one's."""
        if self._journal is None:
            return None
        if entry is None and not self._is_open(task.id):
            return None
        failed = task.status is TaskStatus.FAILED
        return self._journal.end(task.id, failed=failed, answer=dict(task.raw))

    def claimed(self, task_id: str, entry: int | None) -> None:
        """Note that a caller has got the task, if it is ours, as in `ended`."""
        if self._journal is None:
            return
        if entry is not None or self._is_open(task_id):
            _ = self._journal.claim(task_id)

    def unclaimed(self, task_id: str) -> None:
        """Note that the caller who got the task is gone."""
        if self._journal is not None and self.knows(task_id):
            _ = self._journal.disclaim(task_id)

    def _is_open(self, task_id: str) -> bool:
        """Tell whether its end is to be written: others cost no transaction."""
        journal = self._journal
        if journal is None:
            return False
        return _sure(lambda: journal.is_open(task_id), otherwise=True)

    async def kept(self, job: Job) -> None:
        """Wait until all that is known of the job is durable, or cannot be for now."""
        if self._journal is None or job.kept is None:
            return
        if self._stuck is None or self._stuck.done():
            self._stuck = asyncio.get_running_loop().create_future()
        if self._journal.trouble is None:
            await asyncio.wait(
                (job.kept, self._stuck), return_when=asyncio.FIRST_COMPLETED
            )


def _sure(question: Callable[[], bool], *, otherwise: bool) -> bool:
    """Ask the journal; a broken disk must not get in the way of what was paid for."""
    try:
        return question()
    except JournalError:
        log.exception("What the journal knows of a task cannot be read.")
        return otherwise


def _refusal(trouble: JournalError) -> JournalError:
    return JournalError(f"{trouble} This request was not sent; it cost nothing.")


def fits(record: Record, job: Job) -> bool:
    """Tell whether the job asks for the very thing that the record is about."""
    assert job.request is not None  # noqa: S101  (only those have a key)
    return record.fingerprint == fingerprint(job.path, job.request.body())


def _intent(job: Job) -> Intent:
    request, body = job.request, job.body or b""
    plain = body if job.callback_url is None or request is None else request.body()
    return Intent(
        key=request.key if request is not None else None,
        model=request.model if request is not None else f"{job.method} {job.path}",
        method=job.method,
        path=job.path,
        body=body,
        fingerprint=fingerprint(job.path, plain),
        price=None if job.price is None else milli(job.price),
        callback_url=job.own_url,
    )
