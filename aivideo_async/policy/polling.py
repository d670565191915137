"""
When to look again at a running task.

A schedule maps the age at which a task was last seen running to the age of its next
look. It may learn from what is seen; `Backoff`, the default, does not, `LearnedPolling`
does.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from attrs import Attribute, field, frozen

from aivideo_async.models.numbers import check_number
from aivideo_async.policy.hazard import HazardPoll
from aivideo_async.policy.trust import SAFETY_GAP

if TYPE_CHECKING:
    import random

__all__ = ["Backoff", "LearnedPolling", "PollSchedule", "Polling"]


class PollSchedule(Protocol):
    """The schedule of all tasks of one kind; ages are seconds since acceptance."""

    def next(self, age: float, *, rarely: bool = False) -> float:
        """
        Return the age of the next look at a task that still runs at *age*.

        Look *rarely* while callbacks arrive: looks are for those that get lost.
        """

    def urgency(self, age: float, last: float) -> float:
        """
        Return how urgent a look at *age* is, the last one having been at *last*.

        While requests have to wait, the most urgent look goes first; among equals,
        the one that was due first.
        """

    def running(self, since: float, age: float) -> None:
        """Note that a task ran on from the look at *since* to the one at *age*."""

    def done(self, since: float, age: float) -> None:
        """Note that a task that ran at *since* was seen finished at *age*."""


class Polling(Protocol):
    """A way of polling: gives each client the schedules for its kinds of tasks."""

    def schedule(self, kind: Hashable, rng: random.Random) -> PollSchedule:
        """Make the schedule for tasks of *kind*; a client asks once for each kind."""


def _check(instance: object, attribute: Attribute[float], value: float) -> None:
    least = 1.0 if attribute.name == "factor" else 0.0
    most = 1.0 if attribute.name == "jitter" else math.inf
    check_number(f"Backoff.{attribute.name}", value, least=least, most=most)


@frozen(kw_only=True)
class Backoff:
    """
    Exponential backoff: gaps of *initial* × *factor*ⁿ seconds, at most *cap*.

    Args:
        initial: Seconds until the first look.
        factor: By how much each gap grows; at least 1.
        cap: The longest gap, in seconds.
        jitter: Each gap varies by up to this share, so that tasks submitted together
            are not looked at together; from 0 to 1.

    Zeros are allowed: ``Backoff(initial=0, cap=0)`` looks again at once, for measuring.

    Example:
        >>> import random
        >>> schedule = Backoff(jitter=0).schedule("gpt-image-2", random.Random())
        >>> schedule.next(0.0), schedule.next(1.0), schedule.next(2.5)
        (1.0, 2.5, 4.75)
    """

    initial: float = field(default=1.0, validator=_check)
    factor: float = field(default=1.5, validator=_check)
    cap: float = field(default=10.0, validator=_check)
    jitter: float = field(default=0.1, validator=_check)

    def gap(self, age: float) -> float:
        """Return the seconds from a look at *age* to the next one, jitter aside."""
        # Ages 0, i, i + i·f, … make geometric gaps: gap = i + (f - 1)·age.
        gap = self.initial + (self.factor - 1.0) * age if self.initial else 0.0
        return min(self.cap, gap)

    def schedule(self, kind: Hashable, rng: random.Random) -> PollSchedule:
        """Make the schedule for tasks of *kind*: the same for all of them."""
        return _BackoffSchedule(self, rng)


class _BackoffSchedule:
    """Backoff as a function of age; it has nothing to learn."""

    def __init__(self, config: Backoff, rng: random.Random) -> None:
        self._config, self._rng = config, rng

    def next(self, age: float, *, rarely: bool = False) -> float:
        gap = self._config.gap(age)
        if rarely:
            gap = max(gap, SAFETY_GAP)
        return age + gap * (1.0 + self._config.jitter * self._rng.uniform(-1.0, 1.0))

    def urgency(self, age: float, last: float) -> float:
        return 0.0  # nothing is known, so first come first served

    def running(self, since: float, age: float) -> None:
        pass

    def done(self, since: float, age: float) -> None:
        pass


@frozen(kw_only=True)
class LearnedPolling:
    """
    Learn from each task when to look at the next one of its kind.

    Tasks of one model, resolution and mode take about as long. From when they ended
    the client learns when they are likely to, and looks then: rarely before, closely
    around it. It begins as `Backoff`, does better within the first fifty tasks of a
    kind, and follows when the service gets slower or faster. Between two looks lie at
    most 15 seconds, or half the age of a task older than 30; while callbacks arrive, a
    minute.

    Args:
        poll_cost: Seconds by which you would rather know later than look once more,
            from 0.01 to 1000. At four times the cost there are about half the looks and
            twice the delay.

    What was learned lives in the client, is shared by all its tasks and forgotten with
    it; nothing is written to disk. One `LearnedPolling` may be given to many clients.

    Example:
        >>> async with AsyncClient(polling=LearnedPolling(poll_cost=1.0)) as client:
        ...     task = await client.generate(GptImage2("a red mug on a white table"))
        ...     print(task.status)
        completed
    """

    poll_cost: float = field(default=0.5)

    @poll_cost.validator
    def _check(self, attribute: Attribute[float], value: float) -> None:
        check_number("LearnedPolling.poll_cost", value, least=0.01, most=1000.0)

    def schedule(self, kind: Hashable, rng: random.Random) -> PollSchedule:
        """Make the schedule for tasks of *kind*, which has learned nothing yet."""
        return HazardPoll(self.poll_cost, Backoff().gap, rng)
