"""
What comes back: tasks, their output or failure, credits, outcomes.

All of it is frozen, picklable and tolerant: unknown fields stay readable in
`Task.raw`, unknown statuses become `TaskStatus.OTHER`, and a field of an unexpected
shape is None rather than an error. Only the id must be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from aivideo_async.errors import AIVideoError, TaskFailedError
from aivideo_async.models.wire import printable

if TYPE_CHECKING:
    from aivideo_async.models.requests import GenerationRequest

__all__ = [
    "Credits",
    "Estimate",
    "Outcome",
    "Output",
    "Task",
    "TaskFailure",
    "TaskStatus",
    "is_task_id",
    "read_status",
]

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def is_task_id(value: object) -> bool:
    """Tell whether *value* may stand in a URL path as a task id."""
    return isinstance(value, str) and _TASK_ID.fullmatch(value) is not None


class TaskStatus(StrEnum):
    """Where a task stands; `OTHER` is a word that this version does not know."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    OTHER = "other"


# The documented four, and what public code that calls the service has met.
_STATUS_WORDS = {
    "pending": TaskStatus.PENDING,
    "queued": TaskStatus.PENDING,
    "processing": TaskStatus.PROCESSING,
    "in_progress": TaskStatus.PROCESSING,
    "completed": TaskStatus.COMPLETED,
    "complete": TaskStatus.COMPLETED,
    "success": TaskStatus.COMPLETED,
    "succeeded": TaskStatus.COMPLETED,
    "succeed": TaskStatus.COMPLETED,
    "done": TaskStatus.COMPLETED,
    "failed": TaskStatus.FAILED,
    "error": TaskStatus.FAILED,
    "cancelled": TaskStatus.FAILED,
    "canceled": TaskStatus.FAILED,
    "expired": TaskStatus.FAILED,
}


@frozen
class Output:
    """
    What a completed task made; false while there are no files.

    Attributes:
        urls: Where the files lie, in the service's order. They expire (videos after
            24 hours; for images nothing is documented): download them soon.
        last_frame_url: A video's last frame, when it was asked for.
        metadata: Whatever else the model reports; free-form.
    """

    urls: tuple[str, ...] = ()
    last_frame_url: str | None = None
    metadata: Mapping[str, Any] = field(factory=dict, hash=False)

    def __bool__(self) -> bool:
        return bool(self.urls)


@frozen
class TaskFailure:
    """Why a task failed, in the service's words."""

    code: str
    message: str


@frozen
class Task:
    """
    One look at a task.

    Attributes:
        id: The service's id; whoever knows it can read the task.
        status: Where the task stands.
        model: The model, when known.
        created_at: When the service created it (aware, UTC); None before the first
            look.
        completed_at: When it completed (aware, UTC).
        progress: The service's own figure, when it gives one.
        output: The files; empty before it completed.
        error: The reason, once failed.
        raw: The service's answer as it came.

    Example:
        >>> task = Task.from_json({"id": "t-1", "status": "queued", "new": 1})
        >>> task.status, task.is_final, task.raw["new"]
        (<TaskStatus.PENDING: 'pending'>, False, 1)
    """

    id: str
    status: TaskStatus = TaskStatus.PENDING
    model: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    progress: float | None = None
    output: Output = field(factory=Output)
    error: TaskFailure | None = None
    raw: Mapping[str, Any] = field(factory=dict, repr=False, hash=False)

    @property
    def is_final(self) -> bool:
        """Whether the service has finished with it, one way or the other."""
        return self.status in (TaskStatus.COMPLETED, TaskStatus.FAILED)

    @classmethod
    def from_json(cls, data: object) -> Task:
        """
        Read the service's task object.

        Raises:
            ValueError: *data* is not an object with a well-formed ``id``.
        """
        if not isinstance(data, dict) or not is_task_id(data.get("id")):
            raise ValueError("not a task: no well-formed 'id'")
        return cls(
            id=data["id"],
            status=read_status(data),
            model=_text(data.get("model")),
            created_at=_moment(data.get("created_at")),
            completed_at=_moment(data.get("completed_at")),
            progress=_progress(data.get("progress")),
            output=_output(data.get("output")),
            error=_failure(data.get("error")),
            raw=data,
        )


def read_status(data: Mapping[str, Any]) -> TaskStatus:
    """Read the status; an unknown word is settled by an error or finished output."""
    word = data.get("status")
    known = _STATUS_WORDS.get(word.lower()) if isinstance(word, str) else None
    if known is not None:
        return known
    if data.get("error"):
        return TaskStatus.FAILED
    output = data.get("output")
    if isinstance(output, dict) and output.get("urls"):
        return TaskStatus.COMPLETED
    return TaskStatus.OTHER


@frozen
class Credits:
    """
    The account's credits; 1 credit is $0.005.

    Attributes:
        balance: What is left.
        total_purchased: All that was ever bought, bonuses included.
        total_consumed: All that was ever spent.
    """

    balance: Decimal
    total_purchased: Decimal | None = None
    total_consumed: Decimal | None = None

    @classmethod
    def from_json(cls, data: object) -> Credits:
        """
        Read the answer of ``GET /v1/credits``, with or without its envelope.

        Raises:
            ValueError: There is no number under ``balance``.
        """
        inner = data.get("data", data) if isinstance(data, dict) else None
        balance = _decimal(inner.get("balance")) if isinstance(inner, dict) else None
        if balance is None or not isinstance(inner, dict):
            raise ValueError("no number under 'balance'")
        return cls(
            balance,
            _decimal(inner.get("total_purchased")),
            _decimal(inner.get("total_consumed")),
        )


@frozen
class Estimate:
    """
    What the service says a request would cost.

    The shape of its answer is not documented, so it is read with tolerance.

    Attributes:
        credits: The price in credits, or None if the answer holds no such figure.
        raw: The service's answer as it came.

    Example:
        >>> Estimate.from_json({"code": 200, "data": {"credits": 2.4}}).credits
        Decimal('2.4')
    """

    credits: Decimal | None = None
    raw: Any = field(default=None, hash=False)

    @classmethod
    def from_json(cls, data: object) -> Estimate:
        """Read the answer of ``POST /v1/estimate``, with or without an envelope."""
        inner = data.get("data", data) if isinstance(data, dict) else data
        if not isinstance(inner, dict):
            return cls(_decimal(inner), data)
        figures = (_decimal(inner.get(name)) for name in _CREDIT_WORDS)
        return cls(next((f for f in figures if f is not None), None), data)


_CREDIT_WORDS = ("credits", "estimated_credits", "credits_required", "total_credits")


@frozen
class Outcome:
    """
    What became of one request of ``generate_many``.

    Attributes:
        index: The request's place in the input, from 0.
        request: The request itself, with your own ``key``.
        task: The task, whenever its id is known, completed or not.
        error: Why there is no completed task, or None.
    """

    index: int
    request: GenerationRequest
    task: Task | None = None
    error: AIVideoError | None = None

    @property
    def ok(self) -> bool:
        """Whether the task completed."""
        completed = self.task is not None and self.task.status is TaskStatus.COMPLETED
        return completed and self.error is None

    def unwrap(self) -> Task:
        """Return the completed task, or raise the error."""
        if self.error is not None:
            raise self.error
        if self.task is None or not self.task.is_final:
            raise AIVideoError(
                f"Request {self.index} has no completed task (yet).",
                task_id=self.task.id if self.task else None,
            )
        if self.task.status is TaskStatus.FAILED:
            raise TaskFailedError(self.task)
        return self.task


# --- tolerance: what each field is read from -----------------------------------


_FIGURES = (int, float, str)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, _FIGURES):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):  # the latter: too many digits to read
        return None
    # Beyond that it is no figure but an attack on arithmetic.
    return number if number.is_finite() and abs(number.adjusted()) < 300 else None


def _moment(value: object) -> datetime | None:
    # A whole number, as documented, needs no more reading.
    number = value if type(value) is int else _decimal(value)
    if number is None:
        return None
    try:
        return datetime.fromtimestamp(float(number), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _progress(value: object) -> float | None:
    number = _decimal(value)
    return None if number is None else float(number)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _output(value: object) -> Output:
    if not isinstance(value, dict):
        return Output()
    urls = value.get("urls")
    metadata = value.get("metadata")
    return Output(
        urls=tuple(filter(_text, urls)) if isinstance(urls, list) else (),
        last_frame_url=_text(value.get("last_frame_url")),
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def _failure(value: object) -> TaskFailure | None:
    if isinstance(value, str) and value:
        return TaskFailure("unknown", printable(value))
    if not isinstance(value, dict) or not value:
        return None
    return TaskFailure(
        _words(value.get("code")) or "unknown",
        _words(value.get("message")) or "no reason was given",
    )


def _words(value: object) -> str | None:
    number = _decimal(value)
    return printable(value if isinstance(value, str) else str(number or ""))
