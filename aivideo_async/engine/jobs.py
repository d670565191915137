"""
What the engine works on: a job, and whoever waits for its result.

One job is one paid request and, if wished, the following of its task; or the following
of a task somebody else bought; or a single look. It is plain data that moves between
the agenda and the workers; only the engine changes it.
"""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol

from attrs import define, field

from aivideo_async.errors import AIVideoError
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.tasks import Task
from aivideo_async.models.wire import Evidence, Exchange, WireRequest
from aivideo_async.policy.polling import PollSchedule
from aivideo_async.policy.retry import Attempts

__all__ = ["Arrival", "Caller", "Job", "Recipient", "Stage", "Watcher"]


class Stage(Enum):
    """What a job needs next."""

    CREATE = auto()
    FOLLOW = auto()
    LOOK = auto()
    DONE = auto()


class Recipient(Protocol):
    """Whoever waits for a job; gone when cancelled."""

    def give(self, result: Any) -> bool:
        """Take the result; return False if nobody is there to take it."""

    def fail(self, error: AIVideoError) -> bool:
        """Take the error; return False if nobody is there to take it."""


class Watcher(Recipient, Protocol):
    """A recipient that is shown the task as often as it is seen running."""

    def see(self, task: Task) -> None:
        """Take a look at the running task."""


class Caller:
    """A coroutine that awaits `future`."""

    __slots__ = ("future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[Any] = loop.create_future()

    def give(self, result: Any) -> bool:
        """Take the result; return False if nobody is there to take it."""
        if self.future.done():
            return False
        self.future.set_result(result)
        return True

    def fail(self, error: AIVideoError) -> bool:
        """Take the error; return False if nobody is there to take it."""
        if self.future.done():
            return False
        self.future.set_exception(error)
        return True


class Arrival(NamedTuple):
    """An exchange that came to its end, when, and how long it asks to wait."""

    exchange: Exchange
    now: float
    retry_after: float | None


@define(eq=False, weakref_slot=False)
class Job:
    """
    One piece of work.

    Attributes:
        stage: What it needs next.
        recipient: Who waits for it.
        watcher: The recipient again, if it is to see the task running.
        attempts: What it has been through.
        method: ``GET`` for looks.
        path: Where its request goes; empty once it follows its task.
        body: The bytes of a create; dropped once it is accepted.
        request: What was asked for; None for a raw POST, a look, or somebody's task.
        callback_url: Where the service reports the end of its task, if anywhere.
        own_url: The same, if it was made for this request alone.
        hint: The task that a callback to it named while the create was on the wire.
        price: What it is expected to cost, in credits.
        reserved: Milli-credits set aside for it; None where its price is not known.
        charged: Whether it may have been charged, as far as is known.
        follow: Whether to go on to the final task once accepted.
        bought: Whether this job's own create made the task.
        abandoned: The caller is gone while its create is on the wire.
        holds_slot: Whether it holds a slot of the pool.
        seq: Its place in the order of arrival; 0 until it has one.
        wire: The request that is on the wire now.
        token: The throttle's token of that request, until it is answered.
        limited: Whether that request had to wait for the throttle.
        probe: Whether it probes the money circuit.
        entry: Its create in the journal, once it is written there.
        kept: When what is known of it is durable.
        trial: Its number if it tries whether the provider is back, else 0.
        task_id: The task, once known.
        evidence: Why the id must be confirmed by a look before it is believed.
        since: The loop's time when following began.
        age: Seconds after *since* at which the task was last seen running.
        looked: When the last look at its task was answered.
        due: When it is taken up again; None while it is queued or on the wire.
        called_back: Whether a callback about its task has come.
        look_again: Whether one came while a look was under way.
        timer: The caller's deadline.
        schedule: When to look; set when following begins.
    """

    stage: Stage
    recipient: Recipient
    attempts: Attempts
    watcher: Watcher | None = None
    method: str = "GET"
    path: str = ""
    body: bytes | None = field(default=None, repr=False)
    request: GenerationRequest | None = None
    callback_url: str | None = field(default=None, repr=False)  # it may hold a secret
    own_url: str | None = field(default=None, repr=False)
    hint: str | None = None
    price: Decimal | None = None
    reserved: int | None = None
    charged: bool = False
    follow: bool = False
    bought: bool = False
    abandoned: bool = False
    holds_slot: bool = False
    seq: int = 0
    wire: WireRequest | None = None
    token: int | None = None
    limited: bool = True
    probe: bool = False
    entry: int | None = None
    kept: asyncio.Future[None] | None = None
    trial: int = 0
    task_id: str | None = None
    evidence: Evidence | None = None
    since: float = 0.0
    age: float = 0.0
    looked: float = -math.inf
    due: float | None = None
    called_back: bool = False
    look_again: bool = False
    timer: asyncio.TimerHandle | None = None
    schedule: PollSchedule = field(init=False)

    @property
    def target(self) -> str:
        """Where its next request goes; a path for each task that waits is not kept."""
        return self.path or f"/v1/tasks/{self.task_id}"

    @property
    def on_wire(self) -> bool:
        """Whether its create is on the wire now: what happens to it is unknown."""
        return self.stage is Stage.CREATE and self.wire is not None

    def urgency(self, now: float) -> float:
        """Return how urgent its look is among those that wait: infinity is at once."""
        if self.called_back or not self.is_followed:
            return math.inf
        return self.schedule.urgency(now - self.since, self.age)

    @property
    def is_followed(self) -> bool:
        """Whether somebody waits for its task to become final."""
        return self.stage is Stage.FOLLOW and (self.follow or not self.bought)
