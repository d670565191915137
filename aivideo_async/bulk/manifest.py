"""
The manifest: one line for each picture, for people (CSV) and for programs (JSON lines).

Both are written whole, again and again, straight from an iterator. The CSV is for
spreadsheets: it begins with a byte order mark, without which Excel garbles every
accent, and no cell of it is taken for a formula. The JSON lines hold the same, verbatim.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from attrs import field, fields_dict, frozen

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.whole import writing
from aivideo_async.models.strictjson import encode
from aivideo_async.models.text import printable

__all__ = ["Entry", "Status", "read_cell", "write_cell", "write_manifest"]


class Status(StrEnum):
    """
    How a picture stands.

    `INVALID`: its row breaks a rule. `SKIPPED`: its row says so. `QUEUED`: not sent yet.
    `IN_FLIGHT`: paid, not ready. `OK`: ready. `REFUSED`: not accepted, not charged.
    `FAILED`: failed, and refunded. `UNKNOWN`: sent, its answer is lost, perhaps paid.
    """

    OK = "ok"
    FAILED = "failed"
    REFUSED = "refused"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    IN_FLIGHT = "in_flight"
    QUEUED = "queued"
    SKIPPED = "skipped"


LONGEST_TEXT = 8192  # of other people's; a signed address may have thousands


def shown(text: str | None) -> str | None:
    """Make other people's *text* fit to be shown, if there is any."""
    return None if text is None else printable(text, LONGEST_TEXT)


@frozen(kw_only=True)
class Entry:
    """
    One line of the manifest; the attributes are its columns, in this order.

    Attributes:
        key: What the picture is known by.
        sku: The key of its row.
        variant: Which of the row's pictures it is, from 1.
        status: How it stands.
        file: Its path below the run's folder, with slashes.
        prompt: What was asked for.
        aspect_ratio: The ratio that was asked for.
        resolution: The resolution that was asked for.
        credits: What was, or may have been, paid for it and not refunded, by the price
            table.
        task_id: The task, for the service's support and for ``aivideo task``.
        url: Where the service keeps the picture, for a while.
        bytes: The size of the file.
        sha256: The hash of the file, in hexadecimal.
        created_at: When the service created the task.
        completed_at: When the service completed it.
        attempts: How many requests to create it were sent.
        error_code: The service's word for what went wrong.
        error_message: What went wrong, in the service's words or ours.
        retryable: Whether trying again may help.
    """

    key: str
    sku: str
    variant: int
    status: Status
    file: str | None = None
    prompt: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    credits: Decimal | None = None
    task_id: str | None = None
    url: str | None = field(default=None, converter=shown)
    bytes: int | None = None
    sha256: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: int = 0
    error_code: str | None = field(default=None, converter=shown)
    error_message: str | None = field(default=None, converter=shown)
    retryable: bool | None = None


COLUMNS = tuple(fields_dict(Entry))

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""What a spreadsheet might take for a formula, and what would look like our guard."""


def write_manifest(folder: RunFolder, entries: Iterable[Entry]) -> None:
    """
    Write both files of the manifest anew; each is replaced in one step, or not at all.

    Args:
        folder: The run's folder.
        entries: One for each picture, in the order of the sheet; read lazily.

    Raises:
        OSError: The disk is full or cannot be written; the old files are still there.

    It blocks: call it in a thread.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> entry = Entry(key="MUG", sku="MUG", variant=1, status=Status.QUEUED)
        >>> with TemporaryDirectory() as path:
        ...     write_manifest(RunFolder(path), [entry])
        ...     RunFolder(path).manifest_jsonl.read_text()
        '{"key":"MUG","sku":"MUG","variant":1,"status":"queued","file":null,...}\\n'
    """
    with (
        writing(folder.manifest_csv, encoding="utf-8-sig") as for_people,
        writing(folder.manifest_jsonl) as for_programs,
    ):
        table = csv.writer(for_people)
        table.writerow(COLUMNS)
        for entry in entries:
            values = [_plain(getattr(entry, name)) for name in COLUMNS]
            table.writerow(map(_cell, values))
            line = encode(dict(zip(COLUMNS, values, strict=True))).decode()
            for_programs.write(f"{line}\n")


def write_cell(text: str) -> str:
    """
    Make *text* harmless in a spreadsheet: a quote keeps it from being a formula.

    Example:
        >>> write_cell("=1+1"), write_cell("red"), read_cell(write_cell("'=1+1"))
        ("'=1+1", 'red', "'=1+1")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def read_cell(text: str) -> str:
    """Undo what `write_cell` did."""
    guarded = text.startswith("'") and _FORMULA.match(text)
    return text[1:] if guarded else text


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it does."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return write_cell(value)
    return "" if value is None else json.dumps(value)
