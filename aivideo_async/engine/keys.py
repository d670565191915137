"""
Which keys are being bought right now, and who else wants the same.

With a journal a key is bought once: whoever asks for it while its create is under way
waits for what comes of that, and then asks the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from aivideo_async.engine.jobs import Job, Stage

__all__ = ["Keys"]


class Keys:
    """
    The keys under way.

    Args:
        again: Takes a job in anew that had to wait.
    """

    def __init__(self, again: Callable[[Job], None]) -> None:
        self._again = again
        self._buyers: dict[str, Job] = {}
        self._others: dict[str, list[Job]] = {}

    def is_under_way(self, key: str) -> bool:
        """Tell whether the key is being bought."""
        return key in self._buyers

    def joins(self, job: Job, key: str) -> bool:
        """Let the job wait if its key is being bought; else it is the one that buys."""
        if self._buyers.setdefault(key, job) is job:
            return False
        self._others.setdefault(key, []).append(job)
        return True

    def settled(self, job: Job) -> None:
        """Note that the job's create has been answered, or will never leave."""
        key = job.request.key if job.request is not None else None
        if key is None or self._buyers.get(key) is not job:
            return
        if job.kept is None or job.kept.done():
            self._free(key, job)
        else:  # the journal answers from what is durable
            job.kept.add_done_callback(partial(self._free, key, job))

    def _free(
        self, key: str, buyer: Job, _: asyncio.Future[None] | None = None
    ) -> None:
        if self._buyers.get(key) is not buyer:
            return  # it was settled more than once
        del self._buyers[key]
        for job in self._others.pop(key, []):
            if job.stage is Stage.CREATE:  # else it was withdrawn meanwhile
                self._again(job)
