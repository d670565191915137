"""
The gate every request passes: the throttle for pace, the circuits for creates.

The circuit about money refuses, and lets wait only while a probe is out; the one about
the provider lets wait.

The throttle's permission is taken in the same step in which it is granted, and every
token is closed with exactly one answer, whatever became of the request.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aivideo_async.engine.jobs import Arrival, Job, Stage
from aivideo_async.engine.stats import Counters
from aivideo_async.errors import BillingError, UpstreamError
from aivideo_async.models.strictjson import encode
from aivideo_async.models.wire import Exchange
from aivideo_async.policy.circuit import MoneyCircuit
from aivideo_async.policy.judge import Verdict, VerdictKind
from aivideo_async.policy.retry import read_http_date, read_retry_after
from aivideo_async.policy.upstream import IN_A_ROW, UpstreamCircuit
from aivideo_async.throttle import Throttle

__all__ = ["Gate", "arrived"]

log = logging.getLogger("aivideo_async")

LONG_HOLD = 5.0
"""Seconds of a Retry-After from which on the log tells of it."""
AT_ONCE = 0.05
"""A request that leaves so many seconds after it might have was held by the throttle;
one that leaves later was held by something else, such as too few connections."""


def arrived(exchange: Exchange, now: float) -> Arrival:
    """Note when *exchange* ended, and its Retry-After by the server's own clock."""
    retry_after = None
    if "retry-after" in exchange.headers:
        today = read_http_date(exchange.headers.get("date", ""))
        retry_after = read_retry_after(exchange.headers, today or datetime.now(UTC))
    return Arrival(exchange, now, retry_after)


class Gate:
    """
    One client's way to the wire.

    Args:
        throttle: When the next request may leave.
        time: The loop's clock.
        counters: Where refusals are counted.

    Attributes:
        money: Whether creates are refused.
    """

    def __init__(
        self, throttle: Throttle, time: Callable[[], float], counters: Counters
    ) -> None:
        self._throttle = throttle
        self._time = time
        self._counters = counters
        self.money = MoneyCircuit()
        self._upstream = UpstreamCircuit()
        self._held = -math.inf  # until when the throttle held the work that there is

    def opens(self, now: float) -> float:
        """Return when the next request may leave; note that one has to wait."""
        when = self._ask(now)
        self._held = when if when > now else min(self._held, now)
        return when

    def _ask(self, now: float) -> float:
        try:
            return self._throttle.when(now)
        except Exception:
            log.exception("The throttle raised; nothing is sent for a second.")
            return now + 1.0

    def buys(self) -> float:
        """Return when creates that are not refused may leave; infinity while one probes."""
        return math.inf if self.money.probing else self._upstream.opens()

    def idle(self) -> None:
        """Note that nothing waits: from here on it is the work that limits us."""
        self._held = -math.inf

    def refusal(self, job: Job) -> BillingError | None:
        """Return why *job* may not be bought now, or None."""
        if job.stage is not Stage.CREATE or self.money.probing:
            return None
        return None if self.money.allows(self._time()) else self.billing_error()

    def pass_through(self, job: Job, now: float) -> None:
        """Take the permission for *job*."""
        if job.stage is Stage.CREATE:
            job.probe = self.money.sent()
            job.trial = self._upstream.sent()
        job.limited = now - self._held <= AT_ONCE
        try:
            job.token = self._throttle.sent(now)
        except Exception:
            log.exception("The throttle raised; the request goes without its leave.")

    def unused(self, job: Job) -> None:
        """Close the token of a job whose request did not come to an answer, if open."""
        self.money.inconclusive(probe=job.probe)
        self._upstream.inconclusive(trial=job.trial)
        job.probe, job.trial = False, 0
        token, job.token = job.token, None
        if token is not None:
            self._tell(self._throttle.lost, self._time(), token)

    def answer(
        self, token: int | None, job: Job, arrival: Arrival, *, refused: bool
    ) -> None:
        """
        Close the *token* of a request of *job*; *refused* by the rate limit, or not.

        This comes last: it wakes others, whose doings must find the answer recorded.
        """
        if refused:
            self._counters.rate_limited += 1
            self._tell_of_hold(arrival)
        if token is None:
            return
        now, throttle = arrival.now, self._throttle
        if refused:
            self._tell(throttle.reject, now, token, arrival.retry_after)
        elif arrival.exchange.status is not None:
            self._tell(throttle.ok, now, token, job.limited)
        else:
            self._tell(throttle.lost, now, token)

    @staticmethod
    def _tell(word: Callable[..., None], *news: float | None) -> None:
        """Pass *news* to the throttle; whatever it does, no paid answer may suffer."""
        try:
            word(*news)
        except Exception:
            log.exception("The throttle raised when it was told of an answer.")

    def held_for(self) -> float:
        """Return for how many seconds the throttle lets nothing leave, as far as known."""
        now = self._time()
        wait = self._ask(now) - now
        return max(0.0, wait) if wait < math.inf else 0.0

    def _tell_of_hold(self, arrival: Arrival) -> None:
        if arrival.retry_after is not None and arrival.retry_after >= LONG_HOLD:
            log.warning(
                "The API asks to wait %.0f s (rate limit); until then nothing is sent.",
                arrival.retry_after,
            )

    def answer_money(self, job: Job, verdict: Verdict, now: float) -> bool:
        """Tell the circuit; return whether buying has to stop."""
        probe, job.probe = job.probe, False
        if isinstance(verdict.error, BillingError):
            stops = self.money.trip(now, verdict.error, probe=probe)
            self._date(verdict.error)
            return stops
        if verdict.kind is VerdictKind.ACCEPTED:
            self.money.passed(probe=probe)
        else:
            self.money.inconclusive(probe=probe)
        return False

    def answer_upstream(self, job: Job, verdict: Verdict, now: float) -> None:
        """Tell the provider's circuit."""
        trial, job.trial = job.trial, 0
        if verdict.kind is VerdictKind.ACCEPTED:
            self._upstream.passed()
        elif isinstance(verdict.error, UpstreamError):
            if self._upstream.refused(now, _item(job), trial=trial):
                log.warning(
                    "The provider behind the API refused %d different creates in a row "
                    "(503): creates wait, and one at a time tries whether it is back.",
                    IN_A_ROW,
                )
            job.attempts.refused_upstream(self._upstream.accepted)
        elif verdict.kind is VerdictKind.UNKNOWN:
            self._upstream.lost(now, trial=trial)
        else:
            self._upstream.inconclusive(trial=trial)

    def billing_error(self) -> BillingError:
        """Make a copy of the refusal that tripped the circuit, for another request."""
        error = (self.money.error or BillingError("buying has stopped")).for_another()
        self._date(error)
        return error

    def _date(self, error: BillingError) -> None:
        wait = max(0.0, self.money.opens() - self._time())
        error.retry_after = wait
        error.retry_at = datetime.now(UTC) + timedelta(seconds=wait)


def _item(job: Job) -> int:
    """Return what tells the job's create from others; its callback is no difference."""
    body = job.body or b""
    if job.callback_url is not None:
        body = body.replace(encode(job.callback_url), b"")
    return hash(body)
