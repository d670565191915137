"""
When to look again at a running task.

A schedule maps the age at which a task was last seen running to the age of its next
look. It may learn from what is seen; `Backoff`, the default, does not.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from attrs import Attribute, field, frozen

from aivideo_async.models.numbers import check_number

if TYPE_CHECKING:
    import random

__all__ = ["Backoff", "PollSchedule", "Polling"]


class PollSchedule(Protocol):
    """The schedule of all tasks of one kind; ages are seconds since acceptance."""

    def next(self, age: float) -> float:
        """Return the age of the next look at a task that still runs at *age*."""

    def running(self, since: float, age: float) -> None:
        """Note that a task ran on from the look at *since* to the one at *age*."""

    def done(self, since: float, age: float) -> None:
        """Note that a task that ran at *since* was seen finished at *age*."""


class Polling(Protocol):
    """A way of polling: gives each client the schedules for its kinds of tasks."""

    def schedule(self, kind: Hashable, rng: random.Random) -> PollSchedule:
        """Return the schedule for tasks of *kind*."""


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

    def schedule(self, kind: Hashable, rng: random.Random) -> PollSchedule:
        """Return the schedule for tasks of *kind*: the same for all of them."""
        return _BackoffSchedule(self, rng)


class _BackoffSchedule:
    """Backoff as a function of age; it has nothing to learn."""

    def __init__(self, config: Backoff, rng: random.Random) -> None:
        self._config, self._rng = config, rng

    def next(self, age: float) -> float:
        config = self._config
        # Ages 0, i, i + i·f, … make geometric gaps: gap = i + (f - 1)·age.
        gap = config.initial + (config.factor - 1.0) * age if config.initial else 0.0
        gap = min(config.cap, gap)
        return age + gap * (1.0 + config.jitter * self._rng.uniform(-1.0, 1.0))

    def running(self, since: float, age: float) -> None:
        pass

    def done(self, since: float, age: float) -> None:
        pass
