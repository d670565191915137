"""
The journal: a durable record of what was bought, kept in one SQLite file.

It answers, after any crash, the only question that matters: what may have been paid
for? Before a create leaves, its intent is on disk; as soon as its task id is known, so
is that. What a dead process left between the two is `State.UNKNOWN`, and nobody buys it
again without being told to.

    journal.py     what happens is written, what is known is read
    reader.py      what is known, also for those who only look
    writer.py      many operations, one commit, in one thread
    statements.py  what each operation writes
    schema.py      the tables, and how older ones become newer ones
    lock.py        one writer at a time
    places.py      where a journal may lie, and how its file comes about
    rows.py        the rows of a sheet
    records.py     the words
"""

from aivideo_async.journal.journal import Journal
from aivideo_async.journal.reader import Reader
from aivideo_async.journal.records import (
    ChangedError,
    Intent,
    Owner,
    Record,
    SavedFile,
    Seen,
    State,
    Word,
    fingerprint,
)
from aivideo_async.journal.rows import Count, PlannedRow, RowRecord

__all__ = [
    "ChangedError",
    "Count",
    "Intent",
    "Journal",
    "Owner",
    "PlannedRow",
    "Reader",
    "Record",
    "RowRecord",
    "SavedFile",
    "Seen",
    "State",
    "Word",
    "fingerprint",
]
