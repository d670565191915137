"""
What can go wrong, as data: the faults that a client must survive.

An `Act` says whether the service does its work first (a create is then charged), what
it answers instead, and how the connection behaves. A new fault is a new value here,
never a new branch in the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from aivideo_async.emulator.reply import NO_REPLY, Fate, Reply, json_reply, refusal
from aivideo_async.models.strictjson import decode, encode

__all__ = [
    "AFTER_WORK",
    "BAD_GATEWAY",
    "BROKEN_JSON",
    "DROPPED",
    "EXPIRED_FILE",
    "HANGING",
    "LOST_REPLY",
    "NO_URLS",
    "ODD_CODE",
    "TRUNCATED",
    "USUAL",
    "Act",
    "Course",
    "becoming",
    "edit",
    "refuse",
    "slow",
    "without",
]


@frozen(kw_only=True)
class Course:
    """
    What becomes of a task that is made; all times are at real speed.

    Attributes:
        aborted: It fails at once as an ``upstream_error``, whatever else is said of it.
        fails: The error code with which it fails, to be refunded; None if it completes.
        seconds: How long it takes, infinite for ever; None to leave that to chance.
        empty: It completes without a file.
        expired: The first address that it shows, once completed, has expired already; a
            second look shows a good one.
        truncated: The first download of its file breaks off.
        calls: How often its callback is sent; 0 loses it.
        call_delay: Seconds after its end at which its callback is sent.

    Example:
        >>> Course(fails="upstream_error", seconds=30).calls
        1
    """

    aborted: bool = False
    fails: str | None = None
    seconds: float | None = None
    empty: bool = False
    expired: bool = False
    truncated: bool = False
    calls: int = 1
    call_delay: float = 0.0


AFTER_WORK = ("internal_error", "upstream_error")
"""The documented errors that may come when the work is done and charged."""

USUAL = Course()
"""As the scenario has it."""


@frozen(kw_only=True)
class Act:
    """
    One way to misbehave.

    Attributes:
        works: The service does its work first: a create makes a task and charges it.
        dooms: The task made by that work fails at once and is refunded.
        course: What else becomes of the task made by that work.
        reply: What is answered instead; None keeps the answer of the work.
        edits: Fields of a JSON answer that are replaced, where they stand.
        omits: Fields of a JSON answer that are left out.
        fate: How the connection behaves.
        delay: Seconds before the answer goes out.

    Example:
        >>> Act(works=True, fate=Fate.DROP_AFTER) == LOST_REPLY
        True
    """

    works: bool = False
    dooms: bool = False
    course: Course = USUAL
    reply: Reply | None = None
    edits: Mapping[str, Any] = field(factory=dict)
    omits: tuple[str, ...] = ()
    fate: Fate = Fate.ANSWER
    delay: float = 0.0

    @property
    def becomes(self) -> Course:
        """What becomes of the task, doom included."""
        return evolve(self.course, aborted=True) if self.dooms else self.course

    def alter(self, honest: Reply | None) -> Reply:
        """Turn the *honest* reply, None if no work was done, into the one that goes out."""
        reply = self._edited(self.reply or honest or NO_REPLY)
        fate = reply.fate if self.fate is Fate.ANSWER else self.fate
        return evolve(reply, fate=fate, delay=reply.delay + self.delay)

    def _edited(self, reply: Reply) -> Reply:
        if not (self.edits or self.omits):
            return reply
        if reply.headers.get("content-type") != "application/json":
            return reply
        kept = {
            name: self.edits.get(name, value)
            for name, value in decode(reply.body).items()
            if name not in self.omits
        }
        return evolve(reply, body=encode(kept))


def refuse(code: str, *, charged: bool = False, retry_after: str | None = None) -> Act:
    """
    Answer with the documented error *code*.

    Args:
        code: Such as ``rate_limit_exceeded`` or ``internal_error``.
        charged: Do the work first, so that a create is charged; only for the codes of
            `AFTER_WORK`. An ``upstream_error`` then fails the task, since the service
            documents a refund for it.
        retry_after: The value of a Retry-After header: seconds or an HTTP date.

    Raises:
        ValueError: The service says this error before any work, so nothing is charged.

    Example:
        >>> refuse("rate_limit_exceeded", retry_after="3").reply.status
        429
    """
    if charged and code not in AFTER_WORK:
        raise ValueError(
            f"charged=True with {code!r}: the service says this before any work, so "
            f"use {' or '.join(AFTER_WORK)}, or leave charged out."
        )
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Act(
        works=charged,
        dooms=charged and code == "upstream_error",
        reply=refusal(code, headers=headers),
    )


def edit(**fields: Any) -> Act:
    """
    Answer truly but for these fields, each replaced only where it stands.

    Example:
        >>> edit(status="reviewing").edits
        {'status': 'reviewing'}
    """
    return Act(works=True, edits=fields)


def without(*names: str) -> Act:
    """
    Answer truly, and leave these fields out.

    Example:
        >>> without("progress").omits
        ('progress',)
    """
    return Act(works=True, omits=names)


def becoming(**course: Any) -> Act:
    """
    Make a task with something special to it: the fields of a `Course`.

    Example:
        >>> becoming(fails="upstream_error").course.fails
        'upstream_error'
    """
    return Act(works=True, course=Course(**course))


def slow(seconds: float) -> Act:
    """Answer truly, *seconds* later."""
    return Act(works=True, delay=seconds)


LOST_REPLY = Act(works=True, fate=Fate.DROP_AFTER)
"""Charged, and the connection closes without an answer."""

DROPPED = Act(fate=Fate.DROP_BEFORE)
"""Closed without an answer, and before any work: not charged."""

HANGING = Act(works=True, fate=Fate.HANG)
"""Charged, and no answer ever comes."""

TRUNCATED = Act(works=True, fate=Fate.TRUNCATE)
"""Charged, and the answer breaks off in its middle."""

BAD_GATEWAY = Act(
    reply=Reply(
        502,
        {"content-type": "text/html"},
        b"<html><head><title>502 Bad Gateway</title></head>"
        b"<body><h1>502 Bad Gateway</h1></body></html>",
    )
)
"""A proxy's HTML instead of the service: not charged."""

BROKEN_JSON = Act(
    works=True,
    reply=Reply(200, {"content-type": "application/json"}, b'{"code":200,"msg":"succ'),
)
"""Charged, and the answer is no JSON."""

ODD_CODE = Act(reply=json_reply(200, {"code": 500, "msg": "system busy", "data": None}))
"""HTTP 200 around another code: not charged."""

NO_URLS = edit(output={"urls": [], "metadata": {}})
"""Completed, and without a file."""

EXPIRED_FILE = Act(
    reply=Reply(403, {"content-type": "text/plain"}, b"Request has expired")
)
"""The address of a file is no longer valid."""
