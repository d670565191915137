"""The words of the journal: what is about to be sent, and what is known of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from attrs import field, frozen

from aivideo_async.errors import JournalError
from aivideo_async.models.wire import Evidence

__all__ = [
    "ChangedError",
    "Intent",
    "Owner",
    "Record",
    "SavedFile",
    "Seen",
    "State",
    "Word",
    "fingerprint",
]


class State(StrEnum):
    """
    Where one attempt to buy an item stands.

        PLANNED → SUBMITTING → RUNNING → DONE → SAVED
                      │           └────→ FAILED
                      ├→ UNKNOWN
                      └→ NOT_SENT, REFUSED

    UNKNOWN becomes RUNNING when its task id comes to light, and RUNNING becomes UNKNOWN
    when its id turns out to be another's. What is NOT_SENT or REFUSED may be bought
    again, as a new attempt; anything else only on the user's `Word`.
    """

    PLANNED = "planned"
    SUBMITTING = "submitting"
    RUNNING = "running"
    DONE = "done"
    SAVED = "saved"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    REFUSED = "refused"


class Word(StrEnum):
    """What the user said of an attempt; its state, which is evidence, stays."""

    RELEASED = "released"
    """It may be bought again."""

    FORGOTTEN = "forgotten"
    """It is settled: neither bought again nor asked about."""


@frozen
class Intent:
    """
    A paid request that is about to be sent.

    Attributes:
        key: The caller's own label, or None; one label is bought once.
        model: What is asked for.
        method: The HTTP method.
        path: Where it goes.
        body: The exact bytes that will be sent, with the callback URL if there is one.
        fingerprint: What `fingerprint` says of the body without its callback URL.
        price: What it is expected to cost, in milli-credits; None if that is not known.
        callback_url: The URL that was made for this request alone, if any.
    """

    key: str | None
    model: str
    method: str
    path: str
    body: bytes = field(repr=False)
    fingerprint: str
    price: int | None = None
    callback_url: str | None = field(default=None, repr=False)


class ChangedError(JournalError):
    """What the user decided about has changed since it was seen; nothing was done."""


@frozen
class Seen:
    """
    How an item stood when somebody was asked about it.

    Attributes:
        attempt: The number of its newest attempt.
        state: The state of that.
        word: What the user had said of it before.
    """

    attempt: int
    state: State
    word: Word | None


@frozen
class Record:
    """
    One item as the journal knows it, by its newest attempt.

    Attributes:
        item: The item's own number.
        attempt: The attempt's own number; 0 while the item is PLANNED.
        key: The caller's own label.
        fingerprint: Of what was asked for; equal ones ask for the same.
        state: Where the attempt stands.
        model: What was asked for.
        method: The HTTP method.
        path: Where it went.
        price: What it was expected to cost, in milli-credits, where that was known.
        callback_url: The URL that was made for this attempt alone.
        task_id: The task that was bought, where one is known.
        evidence: Why its outcome is unknown (or was, for a while), or what refused it.
        answer: The final task object as the service gave it.
        intended_at: When it was about to leave, by this machine's clock; None if PLANNED.
        ended_at: When it reached its present state, unless that is not an end.
        claimed: Whether somebody got the final task.
        word: What the user said of it, if anything.
    """

    item: int
    attempt: int
    key: str | None
    fingerprint: str
    state: State
    model: str
    method: str
    path: str
    price: int | None
    callback_url: str | None = field(repr=False)
    task_id: str | None
    evidence: Evidence | None
    answer: dict[str, Any] | None = field(repr=False)
    intended_at: datetime | None
    ended_at: datetime | None
    claimed: bool
    word: Word | None

    @property
    def may_be_bought(self) -> bool:
        """Whether a new attempt may be made."""
        free = (State.PLANNED, State.NOT_SENT, State.REFUSED)
        return self.state in free or self.word is Word.RELEASED

    @property
    def seen(self) -> Seen:
        """How it stands now, for what the user will say of it."""
        return Seen(self.attempt, self.state, self.word)


@frozen
class Owner:
    """
    Whose a journal is, and who wrote it last.

    Attributes:
        origin: The API that was bought from.
        key_fingerprint: Tells the key that it began with from others.
        pid: The number of the process that took it over last.
        host: The machine on which that ran.
        since: When that was, by that machine's clock.
    """

    origin: str
    key_fingerprint: str
    pid: int
    host: str
    since: datetime


@frozen
class SavedFile:
    """
    A result on disk.

    Attributes:
        path: Where it lies, relative to the folder of the run.
        size: Its size in bytes.
        sha256: The hash of its bytes, in hex.
    """

    path: str
    size: int
    sha256: str


def fingerprint(path: str, body: bytes) -> str:
    """
    Tell what a request asks for, in 64 hex digits: equal ones ask for the same.

    Args:
        path: Where the request goes.
        body: Its body, without the callback URL, which differs from time to time.

    Example:
        >>> fingerprint("/v1/x", b"{}")[:8], fingerprint("/v1/y", b"{}")[:8]
        ('5eacde47', '89acd9a0')
    """
    return sha256(path.encode() + b"\n" + body).hexdigest()
