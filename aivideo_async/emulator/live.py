"""
What the live page shows, as plain data: a look at the service that changes nothing.

Tasks are counted on from where the last look stopped, so that a look stays quick
however long the emulator runs. Refunds that are due by then are booked first, as any
request would do. A snapshot is fit for JSON, and its texts are printable; what is said
of it on the screen is the page's own affair.
"""

from __future__ import annotations

import json
import re
import shlex
import string
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from attrs import evolve

from aivideo_async.emulator.core import API_KEY, Core
from aivideo_async.emulator.jobs import Job
from aivideo_async.emulator.ledger import Ledger
from aivideo_async.emulator.pictures import Picture
from aivideo_async.emulator.reply import Fate
from aivideo_async.models.money import from_milli
from aivideo_async.models.wire import printable

__all__ = ["NEWEST", "Live", "curl"]

NEWEST = 200
"""How many tasks and how many requests a snapshot tells of."""

NAMED = 5
"""How many discrepancies of the ledger are told one by one."""

WINDOW = 5.0
"""Over how many seconds requests per second are counted."""

THUMBNAIL = 160
"""The longer side of a thumbnail, in pixels."""

PROMPT = 160
"""How many characters of a prompt are shown."""

FIRST_ORDER = {
    "model": "gpt-image-2",
    "input": {"prompt": "a red mug on a white table", "aspect_ratio": "1:1"},
}

# What would reach a terminal as more than text when it is pasted there.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# curl expands brackets and braces; quotes and spaces are percent-encoded anyway.
PATH_SAFE = "".join(set(string.punctuation) - set("[]{}\"'`\\^|<>#"))


class Live:
    """
    The story of *core* so far, as often as it is asked for.

    Example:
        >>> import random
        >>> from aivideo_async.emulator import Scenario
        >>> live = Live(Core(Scenario(), random.Random(1)))
        >>> live.snapshot(now=0.0)["money"]["balance"]
        '10,000'
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._since: float | None = None
        self._running: list[Job] = []
        self._ended: Counter[str] = Counter()

    def snapshot(self, now: float, after: int = 0) -> dict[str, Any]:
        """
        Return where everything stands at the time *now*.

        Its ``since`` tells one server from the next at the same address.

        Args:
            now: In seconds of the clock that the core is used with.
            after: The number of the last request that the asker knows of; the log
                holds only later ones.
        """
        core = self._core
        core.settle(now)
        if self._since is None:
            self._since = now
        return {
            "since": self._since,
            "scenario": core.scenario.name,
            "speed": core.speed,
            "start": _start(core.base_url),
            "requests": _requests(core, now),
            "tasks": self._tasks(now),
            "callbacks": _callbacks(core),
            "money": _money(core.ledger),
            "newest": list(_newest(core, now)),
            "log": list(_log(core, now, after)),
        }

    def thumbnail(self, task_id: str, now: float) -> Picture | None:
        """Return the picture of a completed task, small; None if there is none."""
        job = self._core.jobs.get(task_id)
        if job is None or not job.completed(now):
            return None
        picture = job.picture
        scale = THUMBNAIL / max(picture.width, picture.height)
        return evolve(
            picture,
            width=round(picture.width * scale),
            height=round(picture.height * scale),
        )

    def _tasks(self, now: float) -> dict[str, int]:
        known = len(self._running) + self._ended.total()
        running = [*self._running, *islice(self._core.jobs.values(), known, None)]
        self._ended.update(job.status(now) for job in running if now >= job.ended)
        self._running = [job for job in running if now < job.ended]
        counts = self._ended + Counter(job.status(now) for job in self._running)
        words = ("pending", "processing", "completed", "failed")
        return {word: counts[word] for word in words}


def curl(base_url: str, method: str, path: str, body: bytes) -> str:
    """
    Write a request as a shell command, with the emulator's public key.

    It is safe to paste: what a client put into its request stays text.

    Example:
        >>> curl("http://127.0.0.1:1", "GET", "/v1/credits", b"")
        "curl http://127.0.0.1:1/v1/credits -H 'Authorization: Bearer sk-emulator'"
    """
    raw = path.lstrip("/").encode("utf-8", "surrogateescape")
    words = ["curl"]
    words += [] if method == "GET" and not body else ["-X", printable(method)]
    words += [f"{base_url}/{quote(raw, safe=PATH_SAFE)}"]
    words += ["-H", f"Authorization: Bearer {API_KEY}"]
    if body:
        text = CONTROLS.sub(" ", body.decode("utf-8", "replace"))
        words += ["-H", "Content-Type: application/json", "--data-raw", text]
    return shlex.join(words)


def _start(base_url: str) -> dict[str, str]:
    body = json.dumps(FIRST_ORDER).encode()
    return {
        "exports": (
            f"export AIVIDEOAPI_BASE_URL={base_url}\n"
            f"export AIVIDEOAPI_API_KEY={API_KEY}"
        ),
        "curl": curl(base_url, "POST", "/v1/images/generations", body),
    }


def _money(ledger: Ledger) -> dict[str, Any]:
    charged = from_milli(ledger.charged)
    return {
        "start": _plain(ledger.start),
        "balance": _plain(ledger.balance),
        "charged": _plain(charged),
        "refunded": _plain(charged - ledger.consumed),
        "doubles": len(ledger.double_charges),
        "discrepancies": ledger.discrepancies[:NAMED],
    }


def _requests(core: Core, now: float) -> dict[str, Any]:
    earlier = bisect_left(core.requests, now - WINDOW, key=attrgetter("at"))
    return {
        "total": core.answers.total(),
        "per_second": round((len(core.requests) - earlier) / WINDOW, 1),
        "refused": core.answers[429],
        "unanswered": core.answers[None],
    }


def _callbacks(core: Core) -> dict[str, int]:
    results = core.callbacks.results
    return {"total": results.total(), "failed": results[False]}


def _newest(core: Core, now: float) -> Iterator[dict[str, Any]]:
    """Tell of the newest tasks, the newest first."""
    doubles = {entry.task_id for entry in core.ledger.double_charges[-NEWEST:]}
    for entry in islice(reversed(core.ledger.charges), NEWEST):
        job = core.jobs[entry.task_id]
        yield {
            "id": job.id,
            "prompt": printable(job.picture.prompt, PROMPT),
            "model": job.model,
            "size": f"{job.picture.width} × {job.picture.height}",
            "status": job.status(now),
            "failure": job.course.fails if now >= job.ended else None,
            "credits": _plain(entry.credits),
            "double": job.id in doubles,
            "age": round(now - job.created, 1),
            "took": round(job.ended - job.created, 1) if now >= job.ended else None,
        }


def _log(core: Core, now: float, after: int) -> Iterator[dict[str, Any]]:
    """Tell of the newest requests behind *after*, the oldest first."""
    gone = core.answers.total() - len(core.requests)
    first = max(after - gone, len(core.requests) - NEWEST, 0)
    for number, received in enumerate(core.requests[first:], gone + first + 1):
        yield {
            "number": number,
            "ago": round(now - received.at, 3),
            "method": printable(received.method),
            "path": printable(received.path),
            "status": received.status,
            "fate": None if received.fate is Fate.ANSWER else received.fate,
            "curl": curl(core.base_url, received.method, received.path, received.body),
        }


def _plain(credits: Decimal) -> str:
    """Write *credits* for people: thousands apart, and no zeros behind the point."""
    return f"{credits.normalize():,f}"
