"""
How a row stands, by what the journal knows of it. Pure; the one table of these words.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.journal import RowRecord, State, Word
from aivideo_async.models.money import from_milli
from aivideo_async.models.strictjson import decode
from aivideo_async.models.tasks import Task

__all__ = ["entry_of", "is_transient", "standing", "status_of"]

STATUS_OF = {
    State.PLANNED: Status.QUEUED,
    State.SUBMITTING: Status.IN_FLIGHT,
    State.RUNNING: Status.IN_FLIGHT,
    State.DONE: Status.OK,
    State.SAVED: Status.OK,
    State.FAILED: Status.FAILED,
    State.UNKNOWN: Status.UNKNOWN,
    State.NOT_SENT: Status.QUEUED,
    State.REFUSED: Status.REFUSED,
}

NOT_THE_ROWS_FAULT = (401, 402, 403, 429)
"""Refusals that would have met any row: key, money, address, limits."""

TRANSIENT = ("internal_error", "upstream_error")
"""The service's words for what may well go better the next time."""

PAID = (State.SUBMITTING, State.RUNNING, State.DONE, State.SAVED, State.UNKNOWN)
"""What counts as spent: it was paid for, or may have been."""


def status_of(state: State, word: Word | None, http: int | None) -> Status:
    """
    Tell how a row stands.

    Args:
        state: The state of its newest attempt.
        word: What the user said of that.
        http: The HTTP status of the answer that is in evidence.

    Example:
        >>> status_of(State.UNKNOWN, Word.RELEASED, None)
        <Status.QUEUED: 'queued'>
    """
    if word is Word.RELEASED:
        return Status.QUEUED
    if word is Word.FORGOTTEN:
        return Status.SKIPPED
    if state is State.REFUSED and http in NOT_THE_ROWS_FAULT:
        return Status.QUEUED
    if state is State.REFUSED and http == 400:
        return Status.INVALID
    return STATUS_OF[state]


def standing(row: RowRecord) -> Status:
    """Tell how *row* stands."""
    record = row.record
    return status_of(record.state, record.word, http_of(row))


def http_of(row: RowRecord) -> int | None:
    """Return the HTTP status in the row's evidence."""
    return row.record.evidence.status if row.record.evidence is not None else None


def is_transient(row: RowRecord) -> bool:
    """Tell whether *row* failed in a way that may not happen again."""
    record = row.record
    if record.state is State.FAILED:
        return _failure(row)[0] in TRANSIENT
    return record.state is State.REFUSED and (http_of(row) or 0) >= 500


def entry_of(row: RowRecord) -> Entry:
    """Return the manifest's line about *row*."""
    record, planned = row.record, row.planned
    asked = _input(planned.body)
    task = None if record.answer is None else Task.from_json(record.answer)
    file = row.files[0] if row.files else None
    code, message = _failure(row)
    status = standing(row)
    failed = status in (Status.FAILED, Status.REFUSED, Status.INVALID)
    return Entry(
        key=planned.key,
        sku=planned.sku,
        variant=planned.variant,
        status=status,
        file=file.path if file else None,
        prompt=asked.get("prompt"),
        aspect_ratio=asked.get("aspect_ratio"),
        resolution=asked.get("resolution"),
        credits=_paid(row),
        task_id=record.task_id,
        url=task.output.urls[0] if task and task.output.urls else None,
        bytes=file.size if file else None,
        sha256=file.sha256 if file else None,
        created_at=task.created_at if task else None,
        completed_at=task.completed_at if task else None,
        attempts=row.attempts,
        error_code=code,
        error_message=message,
        retryable=is_transient(row) if failed else None,
    )


def _input(body: bytes) -> Mapping[str, Any]:
    asked = decode(body)["input"]
    return asked if isinstance(asked, dict) else {}


def _paid(row: RowRecord) -> Decimal | None:
    price = row.record.price
    paid = row.record.state in PAID and price is not None
    return from_milli(price) if paid and price is not None else None


def _failure(row: RowRecord) -> tuple[str | None, str | None]:
    """Return the code and the words of what went wrong, where something did."""
    record = row.record
    if record.state is State.FAILED and record.answer is not None:
        error = Task.from_json(record.answer).error
        return (error.code, error.message) if error else (None, "failed")
    if record.state is State.REFUSED and record.evidence is not None:
        code, colon, message = record.evidence.reason.partition(": ")
        return (code, message) if colon else (None, code)
    if record.state is State.UNKNOWN and record.evidence is not None:
        return "unknown", record.evidence.reason
    return None, None
