"""What is known of a purchase whose outcome is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median_low
from typing import Any

from aivideo_async.cli import money
from aivideo_async.cli.runs import command
from aivideo_async.cli.words import shortened
from aivideo_async.journal import Owner, Record
from aivideo_async.models.money import from_milli
from aivideo_async.models.tasks import Task
from aivideo_async.models.text import printable
from aivideo_async.models.wire import Evidence
from aivideo_async.policy.judge import salvage

__all__ = [
    "at_risk",
    "clock_ahead",
    "fields",
    "in_flight",
    "misfit",
    "overview",
    "salvaged",
    "ways_out",
]

TOLERANCE = timedelta(minutes=1)
"""By how much a task may seem to be older than the request that made it."""

WAYS = (
    ("--adopt", "KEY=TASK_ID", "it was made: the next run collects it, free"),
    ("--resubmit", "KEY", "the next run buys it again; it may be paid twice"),
    ("--forget", "KEY", "it is left alone, and goes on counting as spent"),
)


def overview(path: Path, records: Sequence[Record]) -> Iterator[str]:
    """Tell for people how many there are, and what is known of each."""
    if not records:
        yield f"No picture of {printable(str(path))} has an unknown outcome."
        return
    have = "has" if len(records) == 1 else "have"
    count = money.pictures(len(records))
    yield f"{count} of {printable(str(path))} {have} an unknown outcome:"
    yield f"perhaps paid, {money.credits(at_risk(records))} at most."
    for record in records:
        yield ""
        yield from _about(path, record)


def _about(path: Path, record: Record) -> Iterator[str]:
    when = f"{record.intended_at:%Y-%m-%d %H:%M:%S} UTC" if record.intended_at else "?"
    price = "no known price"
    if record.price is not None:
        price = money.credits(from_milli(record.price))
    yield f"{printable(_key(record))}  {price}, sent {when}"
    evidence = record.evidence or Evidence()
    for text in (evidence.reason, evidence.fault):
        if text:
            yield f"  {shortened(text, 76)}"
    if evidence.status is not None:
        yield f"  HTTP {evidence.status}"
    if evidence.body:
        yield f"  answered: {shortened(evidence.body, 66)}"
    if found := salvaged(record):
        yield f"  Its answer names a task: {found}"
        word = f"{_key(record)}={found}"
        yield f"    {printable(command('resolve', str(path), '--adopt', word))}"


def ways_out(path: Path, owner: Owner | None) -> Iterator[str]:
    """Tell for people what they can do; nothing happens by itself."""
    yield ""
    yield "Nothing happens to them by itself. Compare what the account was charged with"
    yield "what you have, then decide for each:"
    for option, word, effect in WAYS:
        where = owner if option == "--adopt" else None
        yield f"  {command('resolve', str(path), option, word, owner=where)}"
        yield f"      {effect}"
    yield "--resubmit-all and --forget-all mean all that are not named otherwise."


def in_flight(path: Path, running: Sequence[Record]) -> Iterator[str]:
    """Tell for people what to do if a task in flight is gone."""
    if running:
        key = printable(_key(running[0]))
        yield ""
        yield f"In flight, paid: {len(running):,}, and the next run collects it. If it says"
        yield "task_not_found of one, its key can be named here, too:"
        yield f"  {command('resolve', str(path), '--resubmit', key)}"


def fields(record: Record) -> dict[str, Any]:
    """Return what is known of *record*, for programs."""
    evidence = record.evidence or Evidence()
    return {
        "key": record.key,
        "credits": None if record.price is None else from_milli(record.price),
        "sent_at": record.intended_at and record.intended_at.isoformat(),
        "reason": evidence.reason,
        "fault": evidence.fault,
        "status": evidence.status,
        "body": evidence.body,
        "task_id": salvaged(record),
    }


def at_risk(records: Sequence[Record]) -> Decimal:
    """Return the credits that were paid at most for all *records*."""
    return from_milli(sum(record.price or 0 for record in records))


def salvaged(record: Record) -> str | None:
    """Return the task id that stands in the answer that arrived, if one does."""
    return salvage(record.evidence.body) if record.evidence is not None else None


def clock_ahead(records: Iterable[Record]) -> timedelta:
    """Tell by how much the service's clock is ahead of this one, by tasks that are ready."""
    ahead = [
        task.created_at - record.intended_at
        for record in records
        for task in [Task.from_json(record.answer)]
        if task.created_at is not None and record.intended_at is not None
    ]
    return median_low(ahead) if ahead else timedelta(0)


def misfit(record: Record, task: Task, ahead: timedelta) -> str | None:
    """
    Tell why *task* cannot be what *record* bought; None if it can.

    Args:
        record: The purchase.
        task: What it is said to be.
        ahead: By how much the service's clock is ahead of this machine's.
    """
    if task.model != record.model:
        return (
            f"it is of model {printable(task.model or 'unknown')}, not {record.model}"
        )
    if task.created_at is None or record.intended_at is None:
        return "the service does not say when it was created"
    created = task.created_at - ahead
    if created < record.intended_at - TOLERANCE:
        return (
            f"it was created at {created:%Y-%m-%d %H:%M:%S} UTC, before the request was "
            f"sent ({record.intended_at:%Y-%m-%d %H:%M:%S} UTC)"
        )
    return None


def _key(record: Record) -> str:
    return record.key or f"attempt {record.attempt}"
