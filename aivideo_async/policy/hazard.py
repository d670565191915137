"""
When to look, learned from when tasks ended.

A look costs something (a request, a share of the rate limit), and so does every second
in which a finished task stays unseen. Let one look be worth *poll_cost* = κ seconds of
delay. Where tasks of age t end at the hazard h(t), per second and running task, looks
that are a gap g apart cost κ/g + h·g/2 per second, which is least for g = √(2κ/h)
(inspection theory: Barlow, Hunter and Proschan 1963; as a density, Keller 1974). So

    n(t) = √(h(t) / 2κ)        looks per second, the density
    N(t) = ∫ n                 looks up to age t

and the next look at a task is due when N has grown by 1 since the last one. By how much
it has grown is how urgent a look is: one formula for when, and for who goes first.

The hazard is counted: in bins of age, task-seconds seen running, and ends. A task that
still runs counts as much as one that ended, so fast tasks do not bias it; and an end is
placed in the middle of the two looks it fell between, so no clock but our own is needed.
Exponential backoff is the prior: with nothing seen, its gaps are what comes out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from aivideo_async.policy.trust import SAFETY_GAP

if TYPE_CHECKING:
    import random

__all__ = ["HazardPoll"]

FIRST, GROWTH, LAST = 0.5, 1.08, 7200.0
"""Bins of age in seconds: where the first ends, each end over the last, the last end."""
LEARN_EVERY, HALF_LIFE = 5, 200
"""Ends after which N is drawn anew, and after which what was seen counts half."""
PRIOR_KEPT = 0.05
"""The prior counts as one task seen at every age; this share of it never fades."""
MOST_SEEN = 600.0
"""Tasks that a bin remembers at most, twice what fading leaves of tasks that end: those
that are stuck by the thousand must not drown what was learned from the others."""
SHORTEST, LONGEST, LONGEST_SHARE = 0.5, 15.0, 0.5
"""Bounds of a gap in seconds; from 30 s of age on, the longest is a share of the age."""
RARE_COST = 20.0
"""The least that a look costs while callbacks arrive; the longest gap is longer too."""
JITTER = 0.03

BINS = 1 + math.ceil(math.log(LAST / FIRST, GROWTH))
EDGES: list[float] = [0.0, *(FIRST * GROWTH**k for k in range(BINS))]
WIDTHS: list[float] = [end - start for start, end in pairwise(EDGES)]
PER_LOG = 1.0 / math.log(GROWTH)


def _bin(age: float) -> int:
    """Return the bin of *age*; the last one has no end."""
    if age < FIRST:
        return 0
    return min(BINS - 1, 1 + int(math.log(age / FIRST) * PER_LOG))


class HazardPoll:
    """
    The schedule for tasks of one kind, which learns from those that it is told of.

    Args:
        poll_cost: Seconds of delay that one look is worth.
        prior: The gap at an age as long as nothing is known, in seconds.
        rng: Spreads the looks.

    Example:
        >>> import random
        >>> poll = HazardPoll(0.5, lambda age: 10.0, random.Random(1))
        >>> round(poll.next(40.0))
        50
        >>> for _ in range(300):  # tasks that end between 20 and 22 seconds
        ...     poll.running(0.0, 20.0)
        ...     poll.done(20.0, 22.0)
        >>> round(poll.next(10.0)), round(poll.next(20.0))
        (21, 21)
    """

    def __init__(
        self, poll_cost: float, prior: Callable[[float], float], rng: random.Random
    ) -> None:
        self._per_look = 2.0 * poll_cost
        self._rare = max(1.0, math.sqrt(RARE_COST / poll_cost))
        self._rng = rng
        middles = ((start + end) / 2.0 for start, end in pairwise(EDGES))
        # The ends that would make each best gap, √(2κ/h), the prior's.
        self._prior = [
            width * self._per_look / prior(age) ** 2
            for age, width in zip(middles, WIDTHS, strict=True)
        ]
        self._ends, self._exposure = self._prior[:], WIDTHS[:]
        self._unlearned = 0
        self._draw()

    def next(self, age: float, *, rarely: bool = False) -> float:
        """Return the age of the next look at a task that still runs at *age*."""
        step, longest = 1.0, max(LONGEST, LONGEST_SHARE * age)
        if rarely:
            step, longest = self._rare, max(SAFETY_GAP, longest)
        gap = self._age(self._count(age) + step) - age
        gap = min(max(SHORTEST, gap), longest / (1.0 + JITTER))
        return age + gap * (1.0 + JITTER * self._rng.uniform(-1.0, 1.0))

    def urgency(self, age: float, last: float) -> float:
        """
        Return how urgent a look at *age* is, the last one having been at *last*.

        That is the growth of N, and 1 for each minute, so that no task is forgotten.
        """
        return self._count(age) - self._count(last) + (age - last) / SAFETY_GAP

    def running(self, since: float, age: float) -> None:
        """Note that a task ran on from the look at *since* to the one at *age*."""
        first, last, exposure = _bin(since), _bin(age), self._exposure
        if first == last:
            exposure[first] += age - since
            return
        exposure[first] += EDGES[first + 1] - since
        for middle in range(first + 1, last):
            exposure[middle] += WIDTHS[middle]
        exposure[last] += age - EDGES[last]

    def done(self, since: float, age: float) -> None:
        """Note that a task that ran at *since* was seen finished at *age*."""
        middle = (since + age) / 2.0
        self.running(since, middle)
        self._ends[_bin(middle)] += 1.0
        self._unlearned += 1
        if self._unlearned == LEARN_EVERY:
            self._unlearned = 0
            self._fade()
            self._draw()

    def _fade(self) -> None:
        """Let the past count less, down to what is kept of the prior, up to a bound."""
        keep = 0.5 ** (LEARN_EVERY / HALF_LIFE)
        back = PRIOR_KEPT * (1.0 - keep)
        self._ends = [
            keep * seen + back * prior
            for seen, prior in zip(self._ends, self._prior, strict=True)
        ]
        self._exposure = [
            min(MOST_SEEN * width, keep * seen + back * width)
            for seen, width in zip(self._exposure, WIDTHS, strict=True)
        ]

    def _draw(self) -> None:
        """Draw the curve N: at each edge of a bin, the looks up to that age."""
        # Each bin is mixed with its neighbours, ¼ ½ ¼; only ratios matter here.
        looks: list[float] = [
            width * math.sqrt((a + b + b + c) / (self._per_look * (x + y + y + z)))
            for width, a, b, c, x, y, z in zip(
                WIDTHS, *_around(self._ends), *_around(self._exposure), strict=True
            )
        ]
        self._looks = list(accumulate(looks, initial=0.0))

    def _count(self, age: float) -> float:
        """Return N at *age*."""
        at = _bin(age)
        start, end = self._looks[at : at + 2]
        return start + (end - start) * (age - EDGES[at]) / WIDTHS[at]

    def _age(self, count: float) -> float:
        """Return the age at which N is *count*."""
        at = min(BINS, bisect_right(self._looks, count)) - 1
        start, end = self._looks[at : at + 2]
        return EDGES[at] + WIDTHS[at] * (count - start) / (end - start)


def _around(counts: list[float]) -> tuple[list[float], list[float], list[float]]:
    """Return for each bin the one before, itself, and the one after."""
    return [counts[0], *counts[:-1]], counts, [*counts[1:], counts[-1]]
