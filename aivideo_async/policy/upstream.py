"""
The provider's circuit: what 503 upstream_error does to the creates that wait.

A 503 has three causes: prohibited content, parameters the provider does not support,
and a provider that is down. One says little; five creates in a row that were all
different say that it is down. Then creates wait, and one at a time tries whether it is
back, after 1, 2, 4 … 60 seconds: an outage costs a run a handful of its requests, not
all of them. Pure: it is told the time.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["UpstreamCircuit"]

IN_A_ROW = 5
FIRST_GAP, LONGEST_GAP = 1.0, 60.0
REMEMBERED = 1000


class UpstreamCircuit:
    """
    One for each client.

    Example:
        >>> circuit = UpstreamCircuit()
        >>> for item in range(5):
        ...     tripped = circuit.refused(100.0, item)
        >>> tripped, circuit.opens()
        (True, 101.0)
    """

    def __init__(self) -> None:
        self._row: set[Hashable] = set()  # refused since the last that was accepted
        self._refused: OrderedDict[Hashable, int] = OrderedDict()
        self._passed = 0
        self._gap = 0.0
        self._opens = -math.inf
        self._trying = False

    def opens(self) -> float:
        """Return when a create may leave; infinity while one tries."""
        return math.inf if self._trying else self._opens

    def sent(self) -> bool:
        """Note that a create leaves; return whether it tries if the provider is back."""
        self._trying = self._gap > 0
        return self._trying

    def refused(self, now: float, item: Hashable, *, trial: bool = False) -> bool:
        """Note a 503 to *item*; return whether creates have to wait from now on."""
        self._remember(item)
        self._row.add(item)
        if trial:
            self._wait(now, 2.0 * self._gap)
        elif not self._gap and len(self._row) >= IN_A_ROW:
            self._wait(now, FIRST_GAP)
            return True
        return False

    def passed(self) -> None:
        """Note that a create was accepted: the provider is there."""
        self._passed += 1
        self._row.clear()
        self._gap, self._opens, self._trying = 0.0, -math.inf, False

    def inconclusive(self, *, trial: bool) -> None:
        """Note an answer that says nothing about the provider; another may try."""
        if trial:
            self._trying = False

    def hopeless(self, item: Hashable) -> bool:
        """Tell whether *item* was refused twice while others passed: it is its fault."""
        return self._refused.get(item, 0) < 0

    def _wait(self, now: float, gap: float) -> None:
        self._gap, self._trying = min(gap, LONGEST_GAP), False
        self._opens = now + self._gap

    def _remember(self, item: Hashable) -> None:
        """Keep what had passed when *item* was first refused; -1 if others did since."""
        before = self._refused.setdefault(item, self._passed)
        if before != self._passed:
            self._refused[item] = -1
        if len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)
