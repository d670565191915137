"""
The judge: what an exchange means for your money, as a pure total function.

The order of the rules is the safety:

1. No byte was handed over: `NOT_SENT`, whatever else happened.
2. A 2xx with one well-formed task id: `ACCEPTED`.
3. A documented refusal: `REJECTED`, or `RETRY_LATER` for the rate limit.
4. Everything else: `UNKNOWN`, with evidence, never sent again by itself.

The class of an exception plays no part: the same one is raised for a request that was
never read and for one that was charged.

Looks (GETs) cost nothing, so `judge_look` may be generous: what it cannot read is
simply asked again.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, NamedTuple

from aivideo_async.errors import (
    AIVideoError,
    APIError,
    NetworkError,
    NotSentError,
    RateLimitError,
    TaskNotFoundError,
    UnexpectedResponseError,
    UpstreamError,
)
from aivideo_async.models.strictjson import DuplicateKeyError, decode
from aivideo_async.models.tasks import is_task_id
from aivideo_async.models.wire import Evidence, Fault, FaultKind, printable
from aivideo_async.policy.refusals import api_error

__all__ = [
    "Look",
    "LookKind",
    "Verdict",
    "VerdictKind",
    "judge",
    "judge_look",
    "salvage",
]


class VerdictKind(StrEnum):
    """What became of a request that could cost money."""

    ACCEPTED = "accepted"
    NOT_SENT = "not sent"
    REJECTED = "rejected"
    RETRY_LATER = "retry later"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """
    The judge's word on one create.

    Attributes:
        kind: Which of the five.
        task_id: The task's id, if ACCEPTED.
        confirmed: False if the id was salvaged from a broken answer: look at it
            before believing it.
        reply: The decoded answer, if ACCEPTED and whole.
        error: What to raise, unless ACCEPTED or UNKNOWN.
        fatal: NOT_SENT for a reason that trying again does not mend.
        evidence: What is known, if UNKNOWN.
    """

    kind: VerdictKind
    task_id: str | None = None
    confirmed: bool = True
    reply: Any = None
    error: AIVideoError | None = None
    fatal: bool = False
    evidence: Evidence | None = None


# Refusals that a proxy in between may invent after the API has already worked.
_AMBIGUOUS = frozenset({408, 409, 425, 499})

# A body that was cut off, but only after the id had arrived in full.
_SALVAGE = re.compile(
    r'\s*\{\s*"code"\s*:\s*200\s*,(?:\s*"msg"\s*:\s*"[^"\\]*"\s*,)?\s*'
    r'"data"\s*:\s*\{\s*"taskId"\s*:\s*"([A-Za-z0-9_-]{1,128})"',
    re.DOTALL,
)


def judge(
    sent: bool,
    status: int | None,
    body: bytes,
    error: Fault | None,
    *,
    retry_after: float | None = None,
    makes_task: bool = True,
) -> Verdict:
    """
    Say what became of a request that could cost money.

    Args:
        sent: Whether at least one byte was handed over.
        status: The HTTP status, or None.
        body: What arrived of the answer.
        error: What broke the exchange, or None if the answer is whole.
        retry_after: Seconds that the answer asks to wait, if it does.
        makes_task: Whether success must bring a task id, as every create does.

    Example:
        >>> judge(True, None, b"", Fault(FaultKind.TIMEOUT)).kind
        <VerdictKind.UNKNOWN: 'unknown'>
        >>> judge(False, None, b"", Fault(FaultKind.TIMEOUT)).kind
        <VerdictKind.NOT_SENT: 'not sent'>
    """
    if not sent:
        return _not_sent(error)
    if status is None:
        return _unknown(status, body, error, "no answer arrived")
    if 200 <= status < 300:
        return _judge_success(status, body, error, makes_task)
    if 400 <= status < 500 and status not in _AMBIGUOUS:
        refusal = _api_error(status, body, retry_after)
        limited = status == 429 and isinstance(refusal, RateLimitError)
        kind = VerdictKind.RETRY_LATER if limited else VerdictKind.REJECTED
        return Verdict(kind, error=refusal)
    if status == 503 and error is None:
        refusal = _api_error(status, body, retry_after)
        if isinstance(refusal, UpstreamError) and refusal.code == "upstream_error":
            return Verdict(VerdictKind.REJECTED, error=refusal)
    return _unknown(status, body, error, _reason(status))


def _judge_success(
    status: int, body: bytes, error: Fault | None, makes_task: bool
) -> Verdict:
    if not body and not makes_task and error is None:
        return Verdict(VerdictKind.ACCEPTED)  # 204 and the like
    try:
        reply = decode(body)
    except ValueError as broken:
        doubled = isinstance(broken, DuplicateKeyError)
        task_id = None if doubled else salvage(body.decode("utf-8-sig", "replace"))
        if task_id is not None and makes_task:
            return Verdict(VerdictKind.ACCEPTED, task_id=task_id, confirmed=False)
        return _unknown(status, body, error, f"the answer is not JSON ({broken})")
    task_id = _task_id(reply)
    if task_id is not None:
        return Verdict(
            VerdictKind.ACCEPTED, task_id=task_id, confirmed=error is None, reply=reply
        )
    if not makes_task and error is None:
        return Verdict(VerdictKind.ACCEPTED, reply=reply)
    return _unknown(status, body, error, "the answer holds no well-formed task id")


def _task_id(reply: Any) -> str | None:
    """Find the documented ``{"code": 200, "data": {"taskId": …}}``, or nothing."""
    if not isinstance(reply, dict) or reply.get("code", 200) != 200:
        return None
    data = reply.get("data")
    task_id = data.get("taskId") if isinstance(data, dict) else None
    return task_id if is_task_id(task_id) else None


def salvage(text: str) -> str | None:
    """
    Find the one task id in the beginning of an answer whose rest is missing.

    Example:
        >>> salvage('{"code":200,"data":{"taskId":"397ce9f2"')
        '397ce9f2'
    """
    found = _SALVAGE.match(text)
    return found[1] if found and text.count('"taskId"') == 1 else None


def _not_sent(error: Fault | None) -> Verdict:
    fatal = error is not None and error.kind is FaultKind.CERTIFICATE
    advice = (
        "The server's certificate was refused: check base_url, the clock and ssl=."
        if fatal
        else "It is safe to send again."
    )
    text = f"Not sent, nothing was charged: {error or 'withdrawn'}. {advice}"
    return Verdict(VerdictKind.NOT_SENT, error=NotSentError(text), fatal=fatal)


def _unknown(
    status: int | None, body: bytes, error: Fault | None, reason: str
) -> Verdict:
    evidence = Evidence(
        status=status,
        body=printable(body),
        fault=str(error) if error else "",
        reason=reason,
    )
    return Verdict(VerdictKind.UNKNOWN, evidence=evidence)


def _reason(status: int) -> str:
    if 300 <= status < 400:
        return f"a redirect ({status}) is never followed: is base_url right?"
    return f"HTTP {status} does not say whether the request was charged"


def _api_error(status: int, body: bytes, retry_after: float | None) -> APIError:
    """Read the documented ``{"error": {"code", "message", "type"}}``, or make do."""
    try:
        reply = decode(body)
    except ValueError:
        reply = None
    said = reply.get("error") if isinstance(reply, dict) else None
    if isinstance(said, str):
        said = {"message": said}
    if not isinstance(said, dict):
        hint = " Is base_url right?" if status == 404 else ""
        said = {"message": f"an answer without the API's error body.{hint}"}
    return api_error(
        printable(str(said.get("message") or "no message."), 500),
        status=status,
        code=_word(said.get("code")),
        type=_word(said.get("type")),
        retry_after=retry_after,
    )


def _word(value: object) -> str | None:
    return printable(value, 100) if isinstance(value, str) and value else None


# --- looks: requests that cost nothing ------------------------------------------


class LookKind(StrEnum):
    """What became of a request that costs nothing."""

    OK = "ok"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    FATAL = "fatal"


class Look(NamedTuple):
    """
    The judge's word on one GET.

    Attributes:
        kind: Which of the four.
        data: The decoded answer, if OK.
        error: What to raise, unless OK.
    """

    kind: LookKind
    data: Any = None
    error: AIVideoError | None = None


def judge_look(
    sent: bool,
    status: int | None,
    body: bytes,
    error: Fault | None,
    *,
    retry_after: float | None = None,
    of_task: bool = True,
) -> Look:
    """Say what became of a GET, *of_task* or of something else, as `judge` does."""
    if error is not None or status is None:
        return _broken_look(sent, error)
    if status >= 400:
        return _refused_look(status, _api_error(status, body, retry_after), of_task)
    if 200 <= status < 300:
        try:
            return Look(LookKind.OK, data=decode(body))
        except ValueError as broken:
            return Look(
                LookKind.TRANSIENT,
                error=_unexpected(status, body, f"not JSON ({broken})"),
            )
    return Look(
        LookKind.FATAL,
        error=_unexpected(status, body, "a redirect; is base_url right?"),
    )


def _broken_look(sent: bool, error: Fault | None) -> Look:
    cls = NetworkError if sent else NotSentError
    broken = cls(f"The request broke: {error}. It costs nothing; ask again.")
    certificate = error is not None and error.kind is FaultKind.CERTIFICATE
    return Look(LookKind.FATAL if certificate else LookKind.TRANSIENT, error=broken)


def _refused_look(status: int, refusal: APIError, of_task: bool) -> Look:
    if status == 429 and isinstance(refusal, RateLimitError):
        return Look(LookKind.THROTTLED, error=refusal)
    if status >= 500 or status in (402, 408, 425, 429):
        return Look(LookKind.TRANSIENT, error=refusal)
    if status == 404 and of_task and type(refusal) is APIError:
        refusal = TaskNotFoundError(refusal.message, status=status)
    return Look(LookKind.FATAL, error=refusal)


def _unexpected(status: int, body: bytes, reason: str) -> UnexpectedResponseError:
    return UnexpectedResponseError(
        f"HTTP {status}, but not an answer of the API: {reason}. It cost nothing.",
        status=status,
        body=printable(body),
    )
