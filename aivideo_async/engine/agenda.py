"""
The agenda: what is to be done, in which order, and when. Pure bookkeeping, no I/O.

Creates come first come first served; one that was refused keeps its place. So do looks,
until they have to wait for the throttle: then the most urgent goes first. A waiting
task is one tuple in one heap, not a sleeping coroutine. Buying and looking share the
way out fairly. Jobs that were withdrawn stay where they are and are skipped.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import chain
from operator import itemgetter

from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.policy.fairness import FairShare

__all__ = ["Agenda"]

ROUND = 8
"""The share of the waiting looks that is ranked ahead is one in so many."""


class Agenda:
    """
    The queue of creates, the queue of looks, the heap of what is due later.

    Args:
        max_in_flight: How many jobs may hold a slot at once.

    Attributes:
        in_flight: How many do.
        buying: Whether creates may leave now; looks always may.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self.in_flight = 0
        self.buying = True
        self._seq = 0
        self._creates: deque[Job] = deque()
        self._again: list[tuple[int, Job]] = []
        self._looks: deque[Job] = deque()
        self._first_looks: deque[Job] = deque()  # these before all others
        self._due: list[tuple[float, int, Job]] = []
        self._share = FairShare()

    def add_create(self, job: Job) -> None:
        """Queue a create behind all others."""
        self._number(job)
        self._creates.append(job)

    def _number(self, job: Job) -> None:
        self._seq += 1
        job.seq = self._seq

    def add_look(self, job: Job) -> None:
        """Queue a look behind all others."""
        self._looks.append(job)

    def add_later(self, due: float, job: Job) -> None:
        """Take *job* up again at *due*, whenever it was to be taken up before."""
        if not job.seq:
            self._number(job)
        job.due = due
        heappush(self._due, (due, job.seq, job))

    def bring_forward(self, due: float, job: Job) -> bool:
        """Take *job* up at *due* at the latest; False if it is queued or on the wire."""
        if job.due is None:
            return False
        if due < job.due:
            self.add_later(due, job)
        return True

    def add_again(self, job: Job) -> None:
        """Queue a create that was sent back, at its old place; it keeps its slot."""
        heappush(self._again, (job.seq, job))

    def release(self, job: Job) -> None:
        """Give back the slot that *job* holds, if it does."""
        if job.holds_slot:
            job.holds_slot = False
            self.in_flight -= 1

    def sent_back(self) -> Iterator[Job]:
        """Creates that wait for another try."""
        return (job for _, job in self._again if job.stage is Stage.CREATE)

    def looks(self) -> Iterator[Job]:
        """Single looks that wait for their turn."""
        waiting = chain(self._first_looks, self._looks)
        return (job for job in waiting if job.stage is Stage.LOOK)

    def rank_looks(self, now: float) -> None:
        """
        Put the most urgent looks first: all that cannot wait, and an eighth of the rest.

        Those go before there is a next ranking. So it costs little however many wait,
        and neither those that cannot wait nor the others hold each other up for long.
        """
        if _skip_done(self._first_looks) or len(self._looks) < 2:
            return
        ranked = sorted(
            ((job.urgency(now), job) for job in self._looks),
            key=itemgetter(0),
            reverse=True,  # equals keep their order
        )
        at_once = sum(urgency == math.inf for urgency, _ in ranked)
        ahead = at_once + math.ceil((len(ranked) - at_once) / ROUND)
        jobs = [job for _, job in ranked]
        self._first_looks.extend(jobs[:ahead])
        self._looks = deque(jobs[ahead:])

    def is_empty(self) -> bool:
        """Tell whether nothing waits at all, neither for its turn nor for its time."""
        return not (
            self._looks
            or self._creates
            or self._due
            or self._again
            or self._first_looks
        )

    def next_due(self) -> float:
        """When the next job becomes due that is not yet."""
        return self._due[0][0] if self._due else math.inf

    def ready(self, now: float) -> bool:
        """Tell whether `next` has a job to give."""
        self._ripen(now)
        return self._can_buy() or self._can_look()

    def next(self) -> Job:
        """Take the job whose turn it is, with a slot if it is a create."""
        if self._can_buy() and (not self._can_look() or self._share.submit_first()):
            self._share.took_submit()
            return self._take_create()
        self._share.took_look()
        return (self._first_looks or self._looks).popleft()

    def _ripen(self, now: float) -> None:
        """Move what has become due into the queues."""
        due = self._due
        while due and (due[0][0] <= now or _is_stale(*due[0])):
            at, _, job = heappop(due)
            if job.due != at:
                continue  # it was brought forward
            job.due = None
            if job.stage is Stage.CREATE:
                self.add_again(job)
            elif job.stage is not Stage.DONE:
                self._looks.append(job)

    def _can_buy(self) -> bool:
        if not self.buying:
            return False
        while self._again and self._again[0][1].stage is not Stage.CREATE:
            heappop(self._again)
        if self._again:
            return True
        return self.in_flight < self._max_in_flight and _skip_done(self._creates)

    def _can_look(self) -> bool:
        return _skip_done(self._first_looks) or _skip_done(self._looks)

    def _take_create(self) -> Job:
        if self._again:
            return heappop(self._again)[1]
        job = self._creates.popleft()
        job.holds_slot = True
        self.in_flight += 1
        return job


def _is_stale(due: float, _: int, job: Job) -> bool:
    return job.due != due or job.stage is Stage.DONE


def _skip_done(queue: deque[Job]) -> bool:
    while queue and queue[0].stage is Stage.DONE:
        queue.popleft()
    return bool(queue)
