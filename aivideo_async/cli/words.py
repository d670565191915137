"""How tasks and failures are put into words, and into records for ``--json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aivideo_async.errors import (
    APIError,
    DownloadError,
    OutcomeUnknownError,
    TaskFailedError,
    WaitTimeoutError,
)
from aivideo_async.models.text import printable

if TYPE_CHECKING:
    from aivideo_async import Task

__all__ = ["brief", "cut", "failure_of", "record_of", "shortened", "task_line"]


def shortened(text: str, most: int) -> str:
    """Fit *text* into one line of at most *most* columns."""
    return cut(" ".join(printable(text).split()), most)


def cut(text: str, most: int) -> str:
    """
    Cut *text* off after *most* columns, of which many a character takes two.

    Example:
        >>> cut("a red mug", 6), cut("赤いマグ", 6)
        ('a red…', '赤い…')
    """
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= most:
        return text
    return f"{set_cell_size(text, most - 1).rstrip()}…"


def failure_of(task: Task) -> str:
    """Tell why *task* failed, in the service's words."""
    return f"{task.error.code}: {task.error.message}" if task.error else "failed"


BRIEFLY: Mapping[type[Exception], Callable[[Any], str]] = {
    TaskFailedError: lambda error: f"refunded, {failure_of(error.task)}",
    OutcomeUnknownError: lambda error: (
        f"outcome unknown, perhaps paid: {error.evidence.reason}"
    ),
    WaitTimeoutError: lambda error: (
        f"not ready yet, task {error.task_id}" if error.task_id else str(error)
    ),
    DownloadError: lambda error: (
        f"made, but not saved: {error.__cause__ or str(error).partition('. ')[0]}"
    ),
    APIError: lambda error: (
        f"{error.code or error.status or 'refused'}: {error.message}"
    ),
}
"""What became of a request or a task, by the class of its error."""


def brief(error: Exception) -> str:
    """Tell in a few words what became of a request or a task."""
    words = (words for kind, words in BRIEFLY.items() if isinstance(error, kind))
    return next(words, str)(error)


def task_line(task: Task) -> str:
    """Tell of *task* in one line: its id, its status, and what there is of it."""
    about = " ".join(map(printable, task.output.urls))
    if task.error:
        about = failure_of(task)
    return f"{task.id} {task.status} {about}".rstrip()


def record_of(task: Task) -> dict[str, Any]:
    """Return the fields of *task* for ``--json``."""
    return {
        "id": task.id,
        "status": task.status.value,
        "model": task.model,
        "created_at": task.created_at and task.created_at.isoformat(),
        "completed_at": task.completed_at and task.completed_at.isoformat(),
        "progress": task.progress,
        "urls": list(task.output.urls),
        "failure": task.error
        and {"code": task.error.code, "message": task.error.message},
    }
