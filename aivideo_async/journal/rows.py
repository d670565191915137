"""
The rows of a sheet, each with the newest attempt to buy what it asks for.

A bulk run plans them here before it buys, and reads them back in the order of the
sheet: a few at a time, so that memory does not grow with the sheet.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from aivideo_async.journal.records import Record, SavedFile, State, Word

__all__ = ["Count", "PlannedRow", "RowRecord"]


@frozen(kw_only=True)
class PlannedRow:
    """
    A row that is to be bought, if its key was not.

    Attributes:
        key: What its picture is known by.
        sku: What the row is known by.
        variant: Which of the row's pictures it is, from 1.
        line: The line of the sheet on which it stands.
        name: The path of its file below the folder of pictures, without a suffix.
        cells: The row's texts, by the names of the columns.
        model: What is asked for.
        path: Where the request goes.
        body: What will be sent, but for a callback URL.
        fingerprint: Of these two.
        price: What it is expected to cost, in milli-credits; None if that is not known.
    """

    key: str
    sku: str
    variant: int
    line: int
    name: str
    cells: Mapping[str, str] = field(repr=False)
    model: str
    path: str
    body: bytes = field(repr=False)
    fingerprint: str
    price: int | None


@frozen(kw_only=True)
class RowRecord:
    """
    A row as the journal knows it.

    Attributes:
        position: Its place in the present plan, from 0; None if that leaves it out.
        planned: What is to be bought, or was.
        record: Its newest attempt.
        attempts: How many there were.
        files: What the newest attempt left on disk.
        kept: How many earlier attempts left files, which nobody overwrites.
    """

    position: int | None
    planned: PlannedRow
    record: Record
    attempts: int
    files: tuple[SavedFile, ...]
    kept: int


@frozen
class Count:
    """
    How many rows of the present plan stand alike.

    Attributes:
        state: The state of their newest attempt.
        word: What the user said of it.
        status: The HTTP status of the answer that is in evidence.
        rows: How many.
        price: What they cost, or would if they may be bought, in milli-credits, as far
            as that is known.
    """

    state: State
    word: Word | None
    status: int | None
    rows: int
    price: int


_NEWEST = """
    LEFT JOIN attempt ON attempt.id =
        (SELECT id FROM attempt WHERE item = item.id ORDER BY k DESC LIMIT 1)"""

ROWS = f"""
    SELECT row.position, item.key, row.sku, row.variant, row.line, row.name, row.cells,
        item.model, item.path, item.body, item.fingerprint, item.price,
        (SELECT COUNT(*) FROM attempt WHERE item = item.id),
        (SELECT json_group_array(json_array(path, size, sha256)) FROM
            (SELECT * FROM file WHERE attempt = attempt.id ORDER BY number)),
        (SELECT COUNT(DISTINCT file.attempt) FROM file JOIN attempt AS earlier
            ON file.attempt = earlier.id
            WHERE earlier.item = item.id AND earlier.id < attempt.id),
        {{record}}
    FROM row JOIN item ON item.id = row.item {_NEWEST}"""  # noqa: S608  (constants)

ROW_COLUMNS = 15
"""How many columns of `ROWS` come before the record."""

COUNTS = f"""
    SELECT attempt.state, attempt.word, json_extract(attempt.evidence, '$.status'),
        COUNT(*), COALESCE(SUM(item.price), 0)
    FROM row JOIN item ON item.id = row.item {_NEWEST}
    WHERE row.position IS NOT NULL GROUP BY 1, 2, 3"""  # noqa: S608  (constants)


def read_row(values: Sequence[Any], record: Record) -> RowRecord:
    """Read what `ROWS` selects before the record."""
    (
        position, key, sku, variant, line, name, cells, model, path, body, fingerprint,
        price, attempts, files, kept,
    ) = values  # fmt: skip
    return RowRecord(
        position=position,
        planned=PlannedRow(
            key=key,
            sku=sku,
            variant=variant,
            line=line,
            name=name,
            cells=json.loads(cells),
            model=model,
            path=path,
            body=body,
            fingerprint=fingerprint,
            price=price,
        ),
        record=record,
        attempts=attempts,
        files=tuple(SavedFile(*file) for file in json.loads(files)),
        kept=kept,
    )


def forget_plan(db: sqlite3.Connection) -> None:
    """Begin a plan: what it does not name is no longer to be bought."""
    db.execute("UPDATE row SET position = NULL WHERE position IS NOT NULL")


def plan(db: sqlite3.Connection, start: int, rows: Iterable[PlannedRow]) -> None:
    """Add *rows* to the plan, from position *start* on; what was bought stays as it is."""
    for position, row in enumerate(rows, start):
        db.execute(
            "INSERT INTO item (key, fingerprint, model, method, path, body, price)"
            " VALUES (?, ?, ?, 'POST', ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
            " fingerprint = excluded.fingerprint, model = excluded.model,"
            " path = excluded.path, body = excluded.body, price = excluded.price"
            " WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE item = item.id AND k ="
            " (SELECT MAX(k) FROM attempt WHERE item = item.id)"
            " AND state NOT IN ('not_sent', 'refused') AND word IS NOT 'released')",
            (row.key, row.fingerprint, row.model, row.path, row.body, row.price),
        )
        db.execute(
            "INSERT INTO row (item, position, sku, variant, line, name, cells)"
            " SELECT id, ?, ?, ?, ?, ?, ? FROM item WHERE key = ?"
            " ON CONFLICT (item) DO UPDATE SET position = excluded.position,"
            " sku = excluded.sku, variant = excluded.variant, line = excluded.line,"
            " name = excluded.name, cells = excluded.cells",
            (
                position,
                row.sku,
                row.variant,
                row.line,
                row.name,
                json.dumps(dict(row.cells), ensure_ascii=False),
                row.key,
            ),
        )
