"""
When to try again: one place for every attempt that is not the first.

What was refused or never sent may be sent again; what was lost may not, and no field
of `RetryPolicy` changes that. Nothing here sleeps: the answer is a number of seconds,
or None for "stop".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from attrs import Attribute, define, field, frozen

from aivideo_async.errors import UpstreamError
from aivideo_async.models.numbers import check_number
from aivideo_async.policy.judge import Look, LookKind, Verdict, VerdictKind

if TYPE_CHECKING:
    import random

__all__ = [
    "DEFAULT_PATIENCE",
    "NO_RETRY",
    "Attempts",
    "RetryPolicy",
    "read_http_date",
    "read_retry_after",
]

DEFAULT_PATIENCE = float("600")
"""The very object marks a patience that nobody named: compare with ``is``."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
UPSTREAM_PAUSE = 2.0, 10.0
LONGEST_RETRY_AFTER = 86_400.0


def _attempts(instance: object, attribute: Attribute[int], value: int) -> None:
    check_number(f"RetryPolicy.{attribute.name}", value, least=1, whole=True)


def _patience(instance: object, attribute: object, value: float | None) -> None:
    if value is not None and value != math.inf:
        check_number("RetryPolicy.patience", value)


@frozen(kw_only=True)
class RetryPolicy:
    """
    How often to try again what was refused, never sent, or costs nothing.

    Args:
        patience: Seconds a request may go on being refused by the rate limit (429),
            counted from its first refusal; time in the queue does not count. None is
            for ever, which is the default of ``generate_many``. A Retry-After beyond
            the patience that is left raises `RateLimitError` at once.
        not_sent_attempts: Attempts in all for a create that never left this process.
        upstream_attempts: Attempts in all for a create that the provider behind the
            API refused (503). More than 1 is a new purchase each time, on your word; it
            ends when this one is refused again and others were accepted meanwhile.
        get_attempts: Attempts in all for a look (`get_task`, `credits`).

    No field makes a create whose outcome is unknown be sent again.

    Example:
        >>> RetryPolicy(patience=30).get_attempts
        4
    """

    patience: float | None = field(default=DEFAULT_PATIENCE, validator=_patience)
    not_sent_attempts: int = field(default=4, validator=_attempts)
    upstream_attempts: int = field(default=1, validator=_attempts)
    get_attempts: int = field(default=4, validator=_attempts)


NO_RETRY = RetryPolicy(
    patience=0.0, not_sent_attempts=1, upstream_attempts=1, get_attempts=1
)
"""Try everything once."""


@define(weakref_slot=False)
class Attempts:
    """
    The attempts of one request so far, and what they allow next.

    Attributes:
        patience: Seconds of refusals that this request puts up with, None for ever.
        refused_since: When it was first refused by the rate limit.
        failed: How often it was not sent, or a look broke, in a row.
        upstream: How often the provider refused it.
        accepted: How many other creates had been accepted when it first did.
        hopeless: Whether it refuses this one again, and not others.
    """

    policy: RetryPolicy
    patience: float | None
    refused_since: float | None = None
    failed: int = 0
    upstream: int = 0
    accepted: int | None = None
    hopeless: bool = False

    def after_create(
        self,
        verdict: Verdict,
        now: float,
        rng: random.Random,
        retry_after: float | None,
    ) -> float | None:
        """Return the seconds until a create may be sent again, or None: it is over."""
        if verdict.kind is VerdictKind.RETRY_LATER:
            return self._after_refusal(now, retry_after)
        if verdict.kind is VerdictKind.NOT_SENT and not verdict.fatal:
            return self._after_failure(self.policy.not_sent_attempts, rng)
        if isinstance(verdict.error, UpstreamError):
            self.upstream += 1
            again = self.upstream < self.policy.upstream_attempts
            return rng.uniform(*UPSTREAM_PAUSE) if again and not self.hopeless else None
        return None

    def refused_upstream(self, accepted: int) -> None:
        """Note a 503 when so many creates of the client have been accepted in all."""
        if self.accepted is None:
            self.accepted = accepted
        self.hopeless = accepted > self.accepted

    def after_look(
        self, look: Look, now: float, rng: random.Random, retry_after: float | None
    ) -> float | None:
        """Return the seconds until a GET may be sent again, or None: it is over."""
        if look.kind is LookKind.THROTTLED:
            return self._after_refusal(now, retry_after)
        if look.kind is LookKind.TRANSIENT:
            return self._after_failure(self.policy.get_attempts, rng)
        return None

    def patience_ends(self) -> float:
        """When this request gives up being refused; infinity if never or not yet."""
        if self.refused_since is None or self.patience is None:
            return math.inf
        return self.refused_since + self.patience

    def _after_refusal(self, now: float, retry_after: float | None) -> float | None:
        """The throttle does the waiting, so the pause of the request itself is 0."""
        if self.refused_since is None:
            self.refused_since = now
        return 0.0 if now + (retry_after or 0.0) < self.patience_ends() else None

    def _after_failure(self, attempts: int, rng: random.Random) -> float | None:
        return self.pause(rng) if self.failed + 1 < attempts else None

    def pause(self, rng: random.Random) -> float:
        """Count one more failure; return the growing, jittered pause that follows."""
        self.failed += 1
        doublings = min(self.failed - 1, 10)
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**doublings)
        return longest * rng.uniform(0.5, 1.0)


def read_retry_after(headers: Mapping[str, str], today: datetime) -> float | None:
    """
    Read Retry-After as seconds: a number, or an HTTP date relative to *today*.

    Nonsense, and what lies in the past, is None; more than a day is a day, so that
    an odd header cannot stop a client for good. *today* is an aware datetime, best the
    server's own from its Date header.

    Example:
        >>> read_retry_after({"retry-after": "2.5"}, datetime.now(UTC))
        2.5
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = read_http_date(text)
        seconds = (moment - today).total_seconds() if moment else 0.0
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None


def read_http_date(text: str) -> datetime | None:
    """Read an HTTP date as an aware datetime, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
