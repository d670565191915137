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
from collections.abc import Hashable

__all__ = ["UpstreamCircuit"]

IN_A_ROW = 5
FIRST_GAP, LONGEST_GAP = 1.0, 60.0


class UpstreamCircuit:
    """
    One for each client.

    Attributes:
        accepted: How many creates were, in all.

    Example:
        >>> circuit = UpstreamCircuit()
        >>> for item in range(5):
        ...     tripped = circuit.refused(100.0, item)
        >>> tripped, circuit.opens()
        (True, 101.0)
    """

    def __init__(self) -> None:
        self.accepted = 0
        self._row: set[Hashable] = set()  # refused since the last that was accepted
        self._gap = 0.0
        self._opens = -math.inf
        self._tried = 0  # trials are numbered: one of an older outage says nothing
        self._trial = 0  # the one that is out

    def opens(self) -> float:
        """Return when a create may leave; infinity while one tries."""
        return math.inf if self._trial else self._opens

    def sent(self) -> int:
        """Note that a create leaves; return its number if it is a trial, else 0."""
        if not self._gap:
            return 0
        self._tried += 1
        self._trial = self._tried
        return self._trial

    def refused(self, now: float, item: Hashable, *, trial: int = 0) -> bool:
        """Note a 503 to *item*; return whether creates have to wait from now on."""
        self._row.add(item)
        if self._is_out(trial):
            self._wait(now, 2.0 * self._gap)
        elif not self._gap and len(self._row) >= IN_A_ROW:
            self._wait(now, FIRST_GAP)
            return True
        return False

    def passed(self) -> None:
        """Note that a create was accepted: the provider is there."""
        self.accepted += 1
        self._row.clear()
        self._gap, self._opens, self._trial = 0.0, -math.inf, 0

    def lost(self, now: float, *, trial: int) -> None:
        """Note that a create's outcome is unknown: another may try after the same gap."""
        if self._is_out(trial):
            self._wait(now, self._gap)

    def inconclusive(self, *, trial: int) -> None:
        """Note an answer that says nothing about the provider; another may try."""
        if self._is_out(trial):
            self._trial = 0

    def _is_out(self, trial: int) -> bool:
        return trial != 0 and trial == self._trial

    def _wait(self, now: float, gap: float) -> None:
        self._gap, self._trial = min(gap, LONGEST_GAP), 0
        self._opens = now + self._gap
