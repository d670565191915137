"""
The money circuit: what a spend limit or an empty balance does to the next purchase.

It is no rate limit. The first refusal trips it; from then on nothing is bought, while
everything bought goes on. After a minute one real create may pass as a probe, then
after 2, 5, 10 … 60 minutes, so that a web app recovers from an hourly limit without a
restart. After an empty balance a free look at the credits comes before that create.
While either is out the other creates wait for what it shows, and are neither sent nor
refused. Pure: it is told the time.
"""

from __future__ import annotations

import math

from aivideo_async.errors import BillingError, InsufficientCreditsError

__all__ = ["MoneyCircuit"]

GAPS = (60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0, 3600.0)


class MoneyCircuit:
    """
    One for each client.

    Example:
        >>> from aivideo_async.errors import SpendLimitError
        >>> circuit = MoneyCircuit()
        >>> circuit.trip(0.0, SpendLimitError("limit reached", status=429))
        True
        >>> circuit.allows(59.0), circuit.allows(60.0)
        (False, True)
    """

    def __init__(self) -> None:
        self._error: BillingError | None = None
        self._gap = 0
        self._opens = -math.inf
        self._probing = False
        self._funded = False

    @property
    def error(self) -> BillingError | None:
        """The refusal that tripped it, or None while buying is allowed."""
        return self._error

    @property
    def probing(self) -> bool:
        """Whether a probe, or a look at the credits, is out."""
        return self._probing

    def opens(self) -> float:
        """Return when the next create may pass, if no probe is out then."""
        return self._opens

    def allows(self, now: float) -> bool:
        """Tell whether a create may pass now, be it as the probe."""
        return self._error is None or (now >= self._opens and not self._probing)

    def asks_balance(self) -> bool:
        """Tell whether the credits have to be looked at before a create may probe."""
        return isinstance(self._error, InsufficientCreditsError) and not self._funded

    def asking(self) -> None:
        """Note that the credits are being looked at; until then nothing may pass."""
        self._probing = True

    def answered(self, now: float, *, funded: bool) -> None:
        """Note whether they suffice: then a create may probe, else the next pause."""
        self._probing, self._funded = False, funded
        if self._error is not None and not funded:
            self.trip(now, self._error, probe=True)

    def sent(self) -> bool:
        """Note that a create leaves; return whether it is the probe."""
        self._probing = self._error is not None
        return self._probing

    def trip(self, now: float, error: BillingError, *, probe: bool = False) -> bool:
        """
        Note a refusal for money; return whether it stops the buying.

        One of a create that was out already changes nothing.
        """
        if self._error is not None and not probe:
            return False
        self._gap = min(self._gap + 1, len(GAPS) - 1) if probe else 0
        self._error, self._opens, self._probing = error, now + GAPS[self._gap], False
        self._funded = False
        return True

    def passed(self, *, probe: bool) -> None:
        """Note that a create was accepted; the probe's success closes the circuit."""
        if probe:
            self._error, self._probing, self._gap = None, False, 0

    def inconclusive(self, *, probe: bool) -> None:
        """Note an answer that says nothing about money; another probe may pass."""
        if probe:
            self._probing = False
