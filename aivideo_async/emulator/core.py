"""
The emulated service itself: pure, stateful, and it knows money.

`Core.handle` is the whole of it: a request and the time go in, a `Reply` comes out.
It reads no clock, opens no socket and draws its chances from the generator it is
given, so the same core answers in memory, under a warped loop and behind a real
server, and the same seed gives the same story.

The order of the checks is the service's as far as it is known: the key, the rate
limit, the path, the input, the money. The faults of the scenario come between the rate
limit and the rest: a request refused by the limit meets none. What a prompt triggers
comes after the input was found valid.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import evolve

from aivideo_async.emulator.acts import USUAL, Course
from aivideo_async.emulator.bucket import TokenBucket
from aivideo_async.emulator.callbacks import Call, Callbacks
from aivideo_async.emulator.clock import Clock, http_date
from aivideo_async.emulator.intake import Order, Refused, invalid, read_order
from aivideo_async.emulator.jobs import Job
from aivideo_async.emulator.ledger import Ledger
from aivideo_async.emulator.reply import Reply, json_reply, refusal
from aivideo_async.emulator.request import Received, Request, place_of
from aivideo_async.emulator.rules import Place, RuleBook
from aivideo_async.emulator.scenario import Scenario
from aivideo_async.emulator.spending import SpendLimits, SpendWindow
from aivideo_async.emulator.triggers import TriggerBook
from aivideo_async.emulator.workshop import Workshop
from aivideo_async.models.money import milli
from aivideo_async.models.strictjson import encode

if TYPE_CHECKING:
    import random

__all__ = ["API_KEY", "KEPT", "Core"]

API_KEY = "sk-emulator"

NO_SERVER = "https://emulator.invalid"

KEPT = 20_000
"""How many requests the log keeps at least, so that it does not grow for ever."""

HOUR, DAY = 3_600.0, 86_400.0


class Core:
    """
    The service: its tasks, its money, its limits and its faults.

    Args:
        scenario: How it behaves.
        rng: Where chance comes from; the core draws from nothing else.
        speed: How many times faster than in reality tasks get done.

    Attributes:
        scenario: How it behaves.
        speed: How many times faster than in reality.
        ledger: Every charge and refund.
        requests: Every request, in order; of a great many, the newest 20,000 at least.
        answers: How often each status went out, over all; None for no answer.
        callbacks: Those to be made, and the log of those that were.
        base_url: Where the files of finished tasks are said to lie.

    Example:
        >>> import random
        >>> core = Core(Scenario(), random.Random(1))
        >>> look = Request("GET", "/v1/credits", {"authorization": "Bearer sk-emulator"})
        >>> core.handle(look, now=0.0).status
        200
    """

    def __init__(
        self, scenario: Scenario, rng: random.Random, *, speed: float = 20.0
    ) -> None:
        self.scenario = scenario
        self.speed = speed
        self._clock = Clock(speed, scenario.clock_skew)
        self.ledger = Ledger(scenario.balance)
        self.requests: list[Received] = []
        self.answers: Counter[int | None] = Counter()
        self.callbacks = Callbacks(self._clock.wait)
        self.base_url = NO_SERVER
        self._rng = rng
        self._workshop = Workshop(scenario, rng, self._clock)
        self._rules = RuleBook(scenario.rules)
        self._triggers = TriggerBook()
        self._bucket = _bucket(scenario)
        self._limits = _limits(scenario, self._clock)

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Every task by its id, the oldest first."""
        return self._workshop.jobs

    def handle(self, request: Request, now: float) -> Reply:
        """
        Answer *request* at the time *now*, in seconds of a clock that never goes back.

        What it costs is charged before this returns, whatever the reply's fate.
        """
        self._clock.start(now)
        self.settle(now)
        try:
            reply = self._serve(request, now)
        except Refused as refused:
            reply = refused.reply
        self._log(request, reply, now)
        return reply

    def settle(self, now: float) -> None:
        """Refund what has failed by *now*, whether anybody looked or not."""
        while job := self._workshop.failed(now):
            self.ledger.fail(job.id)
            self.ledger.refund(job.id, at=job.ended)

    def due_calls(self, now: float) -> list[Call]:
        """
        Hand over the callbacks that are due by *now*, written as they are to be sent.

        Whoever sends one notes the result in `callbacks`, which plans the next attempt.
        """
        self.settle(now)
        return [self._written(call, now) for call in self.callbacks.due(now)]

    def _log(self, request: Request, reply: Reply, now: float) -> None:
        status = reply.status if reply.answered else None
        self.answers[status] += 1
        self.requests.append(
            Received(
                now, request.method, request.path, status, request.body, reply.fate
            )
        )
        if len(self.requests) >= 2 * KEPT:
            del self.requests[:KEPT]

    def _serve(self, request: Request, now: float) -> Reply:
        path = request.path.partition("?")[0]
        if path.startswith("/v1/"):
            self._check_key(request.headers)
            self._check_rate(now)
        place = place_of(request.method, path)
        act = self._rules.pick(place, self._clock.elapsed(now), self._rng)
        if act is None:
            return self._work(place, path, request, now, USUAL)
        if not act.works:
            return act.alter(None)
        return act.alter(self._work(place, path, request, now, act.becomes))

    def _work(
        self, place: Place, path: str, request: Request, now: float, course: Course
    ) -> Reply:
        """Do honestly what is asked; a refusal is an honest answer too."""
        try:
            match place:
                case "create":
                    return self._create(path, request.body, now, course)
                case "task":
                    return self._look(path, now)
                case "credits":
                    return self._credits()
                case "estimate":
                    return self._estimate(request.body)
                case "file":
                    return self._workshop.file(request, now)
        except Refused as refused:
            return refused.reply

    # --- who may ask, and how often -------------------------------------------------

    def _check_key(self, headers: Mapping[str, str]) -> None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() != API_KEY:
            raise Refused(refusal("invalid_api_key"))

    def _check_rate(self, now: float) -> None:
        wait = self._bucket.take(now) if self._bucket else 0.0
        if wait:
            headers = self._retry_after(now, wait)
            raise Refused(refusal("rate_limit_exceeded", headers=headers))

    def _retry_after(self, now: float, wait: float) -> dict[str, str]:
        match self.scenario.retry_after:
            case None:
                return {}
            case "seconds":
                return {"retry-after": str(math.ceil(wait))}
            case "date":
                # By the emulator's own clock, hence with its Date beside it.
                clock = self._clock.exact(now)
                return {
                    "date": http_date(int(clock)),
                    "retry-after": http_date(math.ceil(clock + wait)),
                }

    # --- what is asked ----------------------------------------------------------------

    def _create(self, path: str, body: bytes, now: float, course: Course) -> Reply:
        order = read_order(path, body)
        if "@" not in order.prompt:
            return self._sell(order, body, now, course)
        try:
            act, special = self._triggers.pick(order.prompt)
        except ValueError as error:
            raise invalid("input.prompt", f" {error}") from None
        if act is None:
            return self._sell(order, body, now, evolve(course, **special))
        if not act.works:
            return act.alter(None)
        course = evolve(course if act.becomes == USUAL else act.becomes, **special)
        return act.alter(self._sell(order, body, now, course))

    def _sell(self, order: Order, body: bytes, now: float, course: Course) -> Reply:
        price = milli(order.price(self.scenario.price_table))
        if not self.ledger.affords(price):
            raise Refused(refusal("insufficient_credits"))
        if not self._limits.allow(price, now):
            raise Refused(refusal("spend_limit_exceeded"))
        job = self._workshop.hire(order, price, now, course)
        self._foresee(job, order.callback_url)
        self._limits.spend(price, now)
        self.ledger.charge(job.id, price, at=now, fingerprint=_fingerprint(body))
        self.settle(now)
        return _success({"taskId": job.id})

    def _look(self, path: str, now: float) -> Reply:
        job = self._workshop.jobs.get(path.removeprefix("/v1/tasks/"))
        if job is None:
            raise Refused(refusal("task_not_found"))
        return json_reply(200, self._view(job, now))

    def _credits(self) -> Reply:
        ledger = self.ledger
        return _success(
            {
                "balance": _number(ledger.balance),
                "total_purchased": _number(ledger.start),
                "total_consumed": _number(ledger.consumed),
            }
        )

    def _estimate(self, body: bytes) -> Reply:
        """Name the price; the shape of this answer is not documented, so it is a guess."""
        order = read_order(None, body)
        return _success({"credits": _number(order.price(self.scenario.price_table))})

    # --- what happens by itself -------------------------------------------------------

    def _foresee(self, job: Job, callback_url: str | None) -> None:
        """Plan the callbacks that its end sets off, if that ever comes."""
        if callback_url is None or not job.ends:
            return
        due = job.ended + self._clock.wait(job.course.call_delay)
        for _ in range(job.course.calls):
            self.callbacks.expect(job.id, callback_url, due)

    def _written(self, call: Call, now: float) -> Call:
        job = self.jobs[call.task_id]
        headers = {
            "Content-Type": "application/json",
            "X-Event": f"task.{job.status(now)}",
            "X-Task-Id": job.id,
            "X-Timestamp": str(self._clock.skewed(now)),
        }
        return evolve(call, headers=headers, body=encode(self._view(job, now)))

    def _view(self, job: Job, now: float) -> dict[str, Any]:
        return self._workshop.view(job, now, self.base_url)


def _bucket(scenario: Scenario) -> TokenBucket | None:
    if scenario.rate is None:
        return None
    return TokenBucket(scenario.rate, scenario.burst or max(1.0, scenario.rate))


def _limits(scenario: Scenario, clock: Clock) -> SpendLimits:
    windows = (
        (scenario.spend_limit_hourly, clock.span(HOUR)),
        (scenario.spend_limit_daily, clock.span(DAY)),
        (scenario.spend_limit, math.inf),
    )
    return SpendLimits(
        SpendWindow(milli(limit), seconds)
        for limit, seconds in windows
        if limit is not None
    )


def _success(data: Mapping[str, Any]) -> Reply:
    return json_reply(200, {"code": 200, "msg": "success", "data": data})


def _fingerprint(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _number(credits: Decimal) -> int | float:
    """Write credits as the service does: whole where they are whole."""
    return int(credits) if credits == int(credits) else float(credits)
