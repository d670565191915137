"""
The emulated service itself: pure, stateful, and it knows money.

`Core.handle` is the whole of it: a request and the time go in, a `Reply` comes out.
It reads no clock, opens no socket and draws its chances from the generator it is
given, so the same core answers in memory, under a warped loop and behind a real
server, and the same seed gives the same story.

The order of the checks is the service's as far as it is known: the key, the rate
limit, the path, the input, the money. The faults of the scenario come between the rate
limit and the rest: a request refused by the limit meets none.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from aivideo_async.emulator.bucket import TokenBucket
from aivideo_async.emulator.intake import Order, Refused, endpoints, read_order
from aivideo_async.emulator.jobs import Job, picture_for
from aivideo_async.emulator.ledger import Ledger, milli
from aivideo_async.emulator.reply import Reply, json_reply, refusal, undocumented
from aivideo_async.emulator.scenario import Place, RuleBook, Scenario
from aivideo_async.models.catalogue import credits_for

if TYPE_CHECKING:
    import random

__all__ = ["API_KEY", "EPOCH", "Core", "Received", "Request"]

API_KEY = "sk-emulator"

EPOCH = 1775383908
"""
The emulator's clock at its first request, in Unix seconds (2026-04-05 10:11:48 UTC).

It then runs with the ``now`` that `Core.handle` is given, so two runs agree.
"""

NO_SERVER = "https://emulator.invalid"

FAILURE = {"code": "upstream_error", "message": "Generation failed"}


@frozen
class Request:
    """
    One request as it reaches the service.

    Attributes:
        method: Such as ``GET``.
        path: With its query.
        headers: Looked up in lower case.
        body: The bytes of the body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@frozen
class Received:
    """
    One line of the emulator's log.

    Attributes:
        at: When, in seconds of the loop.
        method: Such as ``GET``.
        path: With its query.
        status: The HTTP status that went out, or None if no answer did.
        body: The bytes of the request's body.
    """

    at: float
    method: str
    path: str
    status: int | None
    body: bytes


class Core:
    """
    The service: its tasks, its money, its limits and its faults.

    Args:
        scenario: How it behaves.
        rng: Where chance comes from; the core draws from nothing else.
        speed: How many times faster than in reality tasks get done.

    Attributes:
        ledger: Every charge and refund.
        requests: Every request, in order.
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
        if not speed > 0:
            raise ValueError(f"speed={speed!r}: use a number above 0, such as 20")
        self.ledger = Ledger(scenario.balance)
        self.requests: list[Received] = []
        self.base_url = NO_SERVER
        self._scenario = scenario
        self._rng = rng
        self._speed = speed
        self._picture_seed = rng.getrandbits(16)
        self._rules = RuleBook(scenario.rules)
        self._bucket = _bucket(scenario)
        self._begun: float | None = None
        self._jobs: dict[str, Job] = {}
        self._dooms: list[tuple[float, str]] = []

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Every task by its id, in the order of their creation."""
        return self._jobs

    def handle(self, request: Request, now: float) -> Reply:
        """
        Answer *request* at the time *now*, in seconds of a clock that never goes back.

        What it costs is charged before this returns, whatever the reply's fate.
        """
        if self._begun is None:
            self._begun = now
        self._settle(now)
        try:
            reply = self._serve(request, now)
        except Refused as refused:
            reply = refused.reply
        status = reply.status if reply.answered else None
        self.requests.append(
            Received(now, request.method, request.path, status, request.body)
        )
        return reply

    def _serve(self, request: Request, now: float) -> Reply:
        path = request.path.partition("?")[0]
        if path.startswith("/v1/"):
            self._check_key(request.headers)
            self._check_rate(now)
        place = _place(request.method, path)
        act = self._rules.pick(place, self._elapsed(now), self._rng)
        if act is None:
            return self._work(place, path, request.body, now)
        if not act.works:
            return act.alter(None)
        return act.alter(self._work(place, path, request.body, now, dooms=act.dooms))

    def _work(
        self, place: Place, path: str, body: bytes, now: float, *, dooms: bool = False
    ) -> Reply:
        """Do honestly what is asked; a refusal is an honest answer too."""
        try:
            match place:
                case "create":
                    return self._create(path, body, now, dooms=dooms)
                case "task":
                    return self._look(path, now)
                case "credits":
                    return self._credits()
                case "file":
                    return self._file(path, now)
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
        match self._scenario.retry_after:
            case None:
                return {}
            case "seconds":
                return {"retry-after": str(math.ceil(wait))}
            case "date":
                # By the emulator's own clock, hence with its Date beside it.
                clock = EPOCH + self._elapsed(now)
                return {
                    "date": _http_date(int(clock)),
                    "retry-after": _http_date(math.ceil(clock + wait)),
                }

    # --- what is asked ----------------------------------------------------------------

    def _create(self, path: str, body: bytes, now: float, *, dooms: bool) -> Reply:
        order = read_order(path, body)
        price = milli(credits_for(order.spec, order.input) or 0)
        self._check_money(price)
        job = self._hire(order, now, dooms=dooms)
        self.ledger.charge(job.id, price, at=now, fingerprint=_fingerprint(body))
        self._settle(now)
        return json_reply(
            200, {"code": 200, "msg": "success", "data": {"taskId": job.id}}
        )

    def _check_money(self, price: int) -> None:
        if not self.ledger.affords(price):
            raise Refused(refusal("insufficient_credits"))
        limit = self._scenario.spend_limit
        if limit is not None and self.ledger.charged + price > milli(limit):
            raise Refused(refusal("spend_limit_exceeded"))

    def _look(self, path: str, now: float) -> Reply:
        job = self._jobs.get(path.removeprefix("/v1/tasks/"))
        if job is None:
            raise Refused(refusal("task_not_found"))
        return json_reply(200, self._view(job, now))

    def _credits(self) -> Reply:
        ledger = self.ledger
        data = {
            "balance": _number(ledger.balance),
            "total_purchased": _number(ledger.start),
            "total_consumed": _number(ledger.consumed),
        }
        return json_reply(200, {"code": 200, "msg": "success", "data": data})

    def _file(self, path: str, now: float) -> Reply:
        job = self._jobs.get(path.rpartition("/")[2].removesuffix(".png"))
        if job is None or not job.completed(now) or path != job.file:
            return Reply(404, {"content-type": "text/plain"}, b"Not Found")
        return Reply(200, {"content-type": "image/png"}, picture=job.picture)

    # --- tasks --------------------------------------------------------------------------

    def _hire(self, order: Order, now: float, *, dooms: bool) -> Job:
        """Start a task; how long it takes and whether it fails is drawn here."""
        scenario, rng = self._scenario, self._rng
        seconds = scenario.median * rng.lognormvariate(0.0, scenario.spread)
        doomed = rng.random() < scenario.failure_share or dooms
        took = 0.0 if dooms else seconds / self._speed
        task_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        day = datetime.fromtimestamp(self._unix(now + took), UTC)
        job = Job(
            id=task_id,
            model=order.model,
            created=now,
            ended=now + took,
            doomed=doomed,
            file=f"/files/images/{day:%Y/%m/%d}/{task_id}.png",
            picture=picture_for(order, self._picture_seed),
            metadata={"model": order.variant, "costTime": round(seconds)},
        )
        self._jobs[job.id] = job
        if doomed:
            heapq.heappush(self._dooms, (job.ended, job.id))
        return job

    def _settle(self, now: float) -> None:
        """Refund what has failed by *now*, whether anybody looked or not."""
        while self._dooms and self._dooms[0][0] <= now:
            ended, task_id = heapq.heappop(self._dooms)
            self.ledger.fail(task_id)
            self.ledger.refund(task_id, at=ended)

    def _view(self, job: Job, now: float) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": job.id,
            "status": job.status(now),
            "model": job.model,
            "created_at": self._unix(job.created),
        }
        if now < job.ended:
            view["progress"] = None
        elif job.doomed:
            view["error"] = FAILURE
        else:
            view["completed_at"] = self._unix(job.ended)
            view["output"] = {
                "urls": [self.base_url + job.file],
                "metadata": job.metadata,
            }
        return view

    # --- time ---------------------------------------------------------------------------

    def _elapsed(self, now: float) -> float:
        return now - (self._begun or 0.0)

    def _unix(self, moment: float) -> int:
        return EPOCH + int(self._elapsed(moment))


def _place(method: str, path: str) -> Place:
    """Find which door *path* is, or refuse."""
    place: Place
    if path in endpoints():
        place, allowed = "create", "POST"
    elif path.startswith("/v1/tasks/"):
        place, allowed = "task", "GET"
    elif path == "/v1/credits":
        place, allowed = "credits", "GET"
    elif path.startswith("/files/"):
        place, allowed = "file", "GET"
    else:
        raise Refused(undocumented(404, "not_found", f"No such path: {path}"))
    if method != allowed:
        raise Refused(
            undocumented(405, "method_not_allowed", f"Use {allowed}.", allow=allowed)
        )
    return place


def _bucket(scenario: Scenario) -> TokenBucket | None:
    if scenario.rate is None:
        return None
    return TokenBucket(scenario.rate, scenario.burst or max(1.0, scenario.rate))


def _fingerprint(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _number(credits: Decimal) -> int | float:
    """Write credits as the service does: whole where they are whole."""
    return int(credits) if credits == int(credits) else float(credits)


def _http_date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
