"""
What the emulated service answers, and how its connection behaves meanwhile.

`DOCUMENTED` is the service's own table of errors; nothing else in the emulator knows
a status or a text of it. A `Reply` is plain data: the server and the in-memory
transport turn its `Fate` into what really happens on a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from aivideo_async.emulator.pictures import Picture, render
from aivideo_async.models.strictjson import encode
from aivideo_async.models.wire import printable

__all__ = [
    "DOCUMENTED",
    "NO_REPLY",
    "Fate",
    "Refusal",
    "Reply",
    "json_reply",
    "refusal",
    "text_reply",
    "undocumented",
]


class Fate(StrEnum):
    """How the connection behaves."""

    ANSWER = "answer"
    """The reply goes out whole."""

    DROP_BEFORE = "drop before"
    """Closed without an answer: it was read, nothing was done, nothing was charged."""

    DROP_AFTER = "drop after"
    """The work was done and charged, then the connection closed without an answer."""

    HANG = "hang"
    """The work was done, and no answer ever comes."""

    TRUNCATE = "truncate"
    """The answer breaks off in the middle of its body."""


@frozen
class Reply:
    """
    One answer of the emulated service.

    Attributes:
        status: The HTTP status; 0 where the fate leaves no answer.
        headers: Their names in lower case.
        body: The bytes of the answer, unless *picture* makes them.
        delay: Seconds before the answer goes out.
        fate: How the connection behaves.
        picture: What to draw for a file; drawn by `content`, since it takes a while.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    delay: float = 0.0
    fate: Fate = Fate.ANSWER
    picture: Picture | None = None

    @property
    def answered(self) -> bool:
        """Whether a status line reaches the client."""
        return self.fate in (Fate.ANSWER, Fate.TRUNCATE)

    def content(self) -> bytes:
        """Return the bytes of the whole body; a picture is drawn for it."""
        return self.body if self.picture is None else render(self.picture)


NO_REPLY = Reply(0)
"""For the fates that answer nothing."""


@frozen
class Refusal:
    """One row of the service's table of errors."""

    status: int
    type: str
    message: str


DOCUMENTED: Mapping[str, Refusal] = {
    "invalid_request": Refusal(
        400, "invalid_request_error", "Missing or invalid parameters."
    ),
    "invalid_api_key": Refusal(
        401, "authentication_error", "API key is invalid, disabled, or deleted."
    ),
    "insufficient_credits": Refusal(
        402, "billing_error", "Your credit balance is too low. Please top up."
    ),
    "ip_not_allowed": Refusal(
        403, "permission_error", "Request IP is not in the key's allowlist."
    ),
    "model_not_found": Refusal(
        404, "invalid_request_error", "Model does not exist or is inactive."
    ),
    "task_not_found": Refusal(404, "invalid_request_error", "Task ID does not exist."),
    "rate_limit_exceeded": Refusal(
        429, "rate_limit_error", "Too many requests, please slow down."
    ),
    "spend_limit_exceeded": Refusal(429, "billing_error", "Key spend limit reached."),
    "internal_error": Refusal(500, "api_error", "Unexpected server error."),
    "upstream_error": Refusal(
        503, "upstream_error", "Upstream AI provider returned an error."
    ),
}
"""The ten documented errors by their code; texts that no example shows are ours."""


def json_reply(
    status: int, value: Any, headers: Mapping[str, str] | None = None
) -> Reply:
    """Answer *status* with *value* as JSON."""
    return Reply(
        status, {"content-type": "application/json", **(headers or {})}, encode(value)
    )


def text_reply(status: int, text: str) -> Reply:
    """Answer *status* with plain *text*, as file hosts do."""
    return Reply(status, {"content-type": "text/plain"}, text.encode())


def refusal(
    code: str, message: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """
    Answer with the documented error *code*.

    Example:
        >>> refusal("task_not_found").status
        404
    """
    known = DOCUMENTED[code]
    return _error(known.status, code, message or known.message, known.type, headers)


def undocumented(status: int, code: str, message: str, **headers: str) -> Reply:
    """Answer, in the documented shape, an error that the service's table does not list."""
    return _error(status, code, message, "invalid_request_error", headers)


def _error(
    status: int, code: str, message: str, kind: str, headers: Mapping[str, str] | None
) -> Reply:
    # Printable, because it quotes what the client sent, which need not be Unicode.
    error = {"code": code, "message": printable(message), "type": kind}
    return json_reply(status, {"error": error}, headers)
