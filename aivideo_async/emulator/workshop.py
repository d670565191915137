"""
The tasks inside the service: how they are made, how they end, and what they show.

It draws how long each takes and whether it fails; what a task costs is the core's.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import evolve

from aivideo_async.emulator.acts import Course
from aivideo_async.emulator.clock import Clock
from aivideo_async.emulator.files import is_signed, serve, signed
from aivideo_async.emulator.intake import Order
from aivideo_async.emulator.jobs import PENDING_SHARE, Job, picture_for
from aivideo_async.emulator.reply import Fate, Reply, text_reply
from aivideo_async.emulator.request import Request
from aivideo_async.emulator.scenario import Scenario

if TYPE_CHECKING:
    import random

__all__ = ["Workshop"]


class Workshop:
    """
    Every task and its files.

    Args:
        scenario: How long tasks take and how many fail.
        rng: Where chance comes from.
        clock: The service's time.

    Attributes:
        jobs: Every task by its id, the oldest first.
    """

    def __init__(self, scenario: Scenario, rng: random.Random, clock: Clock) -> None:
        self._scenario = scenario
        self._rng = rng
        self._clock = clock
        self._secret = rng.getrandbits(16)
        self._jobs: dict[str, Job] = {}
        self._dooms: list[tuple[float, str]] = []
        self._spoilt: set[tuple[str, str]] = set()
        self.jobs: Mapping[str, Job] = MappingProxyType(self._jobs)

    def hire(self, order: Order, price: int, now: float, course: Course) -> Job:
        """Start a task that costs *price* milli-credits."""
        scenario, rng, clock = self._scenario, self._rng, self._clock
        seconds = scenario.median * rng.lognormvariate(0.0, scenario.spread)
        if rng.random() < scenario.failure_share and course.fails is None:
            course = evolve(course, fails="upstream_error")
        if course.seconds is not None:
            seconds = course.seconds
        pending = PENDING_SHARE * min(seconds, scenario.median)
        task_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        day = datetime.fromtimestamp(clock.unix(now), UTC)
        job = self._jobs[task_id] = Job(
            id=task_id,
            model=order.model,
            variant=order.variant,
            millicredits=price,
            created=now,
            begun=now + clock.wait(pending),
            ended=now + clock.wait(seconds),
            seconds=seconds,
            course=course,
            file=f"/files/images/{day:%Y/%m/%d}/{task_id}.png",
            picture=picture_for(order, self._secret),
        )
        if job.doomed:
            heapq.heappush(self._dooms, (job.ended, job.id))
        return job

    def failed(self, now: float) -> Job | None:
        """Hand over the next task that has failed by *now*, each once."""
        if self._dooms and self._dooms[0][0] <= now:
            return self._jobs[heapq.heappop(self._dooms)[1]]
        return None

    def view(self, job: Job, now: float, base_url: str) -> dict[str, Any]:
        """Return the task object as a look at *job* shows it."""
        view: dict[str, Any] = {
            "id": job.id,
            "status": job.status(now),
            "model": job.model,
            "created_at": self._clock.unix(job.created),
        }
        if now < job.ended:
            view["progress"] = None
        elif job.doomed:
            view["error"] = {"code": job.course.fails, "message": "Generation failed"}
        else:
            urls = [] if job.course.empty else [base_url + self._address(job, now)]
            view["completed_at"] = self._clock.skewed(job.ended)
            view["output"] = {"urls": urls, "metadata": job.metadata}
        return view

    def file(self, request: Request, now: float) -> Reply:
        """Answer a GET of a file; a finished one, at an address that is still valid."""
        path, _, query = request.path.partition("?")
        job = self._jobs.get(path.rpartition("/")[2].removesuffix(".png"))
        if job is None or not job.completed(now) or path != job.file:
            return text_reply(404, "Not Found")
        if not is_signed(path, query, self._secret, self._clock.unix(now)):
            return text_reply(403, "Request has expired, or its signature is wrong")
        reply = serve(job.picture, self._clock.unix(job.ended), request.headers)
        if job.course.truncated and self._first("file", job):
            return evolve(reply, fate=Fate.TRUNCATE)
        return reply

    def _address(self, job: Job, now: float) -> str:
        """Sign the path of its file, from now on and for a while."""
        life = self._clock.span(self._scenario.url_lifetime)
        if job.course.expired and self._first("address", job):
            life = 0.0
        return signed(job.file, self._clock.unix(now + life), self._secret)

    def _first(self, event: str, job: Job) -> bool:
        """Tell whether *event* happens to *job* for the first time."""
        before = len(self._spoilt)
        self._spoilt.add((event, job.id))
        return len(self._spoilt) > before
