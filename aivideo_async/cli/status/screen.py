"""What is shown of a run: a screen for people, one line for a log, fields for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aivideo_async.bulk.manifest import Status
from aivideo_async.cli import money
from aivideo_async.cli.run.board import duration
from aivideo_async.cli.runs import step_lines
from aivideo_async.cli.status.survey import Survey
from aivideo_async.cli.words import shortened
from aivideo_async.journal import Record
from aivideo_async.models.text import printable

__all__ = ["fields", "line", "screen"]

WORDS = {
    Status.FAILED: "failed",
    Status.REFUSED: "refused",
    Status.INVALID: "invalid",
    Status.UNKNOWN: "unknown",
    Status.IN_FLIGHT: "in flight",
    Status.QUEUED: "not sent",
    Status.SKIPPED: "settled",
}
"""How what is no picture yet is counted."""

SHOWN = 3
"""Unknown pictures that are named; `aivideo resolve` lists them all."""


def screen(seen: Survey) -> Iterator[str]:
    """Lay out all that is to be said, within 80 columns."""
    yield _row("Run", f"{printable(str(seen.path))}, {_holder(seen)}")
    yield _row("Pictures", _pictures(seen))
    yield from _pace(seen)
    yield from _money(seen)
    yield from _failures(seen)
    yield from _unknown(seen)
    yield from step_lines(seen.steps)


def line(seen: Survey) -> str:
    """Tell the most important in one line, for a log."""
    overview = seen.overview
    counts = "".join(f" {status}={count}" for status, count in _ordered(seen) if count)
    eta = "" if seen.eta is None else f" eta={seen.eta:.0f}s"
    return (
        f"{overview.ended}/{overview.total} {_percent(seen)}%{counts}"
        f" spent={money.dollars(overview.spent)}{eta}"
    )


def fields(seen: Survey) -> dict[str, Any]:
    """Return all of it for programs."""
    overview, pace, holder = seen.overview, seen.pace, seen.holder
    return {
        "folder": str(seen.path),
        "pictures": overview.total,
        "ended": overview.ended,
        "counts": {str(status): count for status, count in _ordered(seen)},
        "spent": overview.spent,
        "at_stake": overview.at_stake,
        "to_spend": overview.to_spend,
        "to_save": overview.to_save,
        "holder": holder
        and {
            "pid": holder.pid,
            "host": holder.host,
            "since": holder.since.isoformat(),
        },
        "seconds_p50": pace.p50,
        "seconds_p95": pace.p95,
        "per_minute": pace.per_minute,
        "eta": seen.eta,
        "failures": dict(seen.failures.codes),
        "unknown": [record.key for record in seen.unknown],
        "next": [step.command for step in seen.steps],
    }


def _row(name: str, text: str) -> str:
    return f"{name:<10}{text}"


def _holder(seen: Survey) -> str:
    if seen.holder is None:
        return "nobody works on it"
    holder = seen.holder
    return (
        f"process {holder.pid} on {printable(holder.host)} "
        f"since {holder.since:%Y-%m-%d %H:%M} UTC"
    )


def _ordered(seen: Survey) -> Iterator[tuple[Status, int]]:
    for status in Status:
        yield status, seen.overview.counts.get(status, 0)


def _percent(seen: Survey) -> int:
    overview = seen.overview
    return 100 * overview.ended // overview.total if overview.total else 100


def _pictures(seen: Survey) -> str:
    others = [
        f"{count:,} {WORDS[status]}"
        for status, count in _ordered(seen)
        if status in WORDS and count
    ]
    if seen.overview.to_save:
        others.insert(0, f"{seen.overview.to_save:,} to be saved")
    text = f"{seen.ready:,} of {seen.overview.total:,}"
    return f"{text}: {', '.join(others)}" if others else text


def _pace(seen: Survey) -> Iterator[str]:
    pace, eta = seen.pace, seen.eta
    if pace.per_minute:
        text = f"{pace.per_minute:,.1f} pictures/min lately"
        yield _row("Pace", text + (f", {duration(eta)} to go" if eta else ""))
    if pace.p50 is not None and pace.p95 is not None:
        text = f"p50 {duration(pace.p50)}, p95 {duration(pace.p95)}"
        yield _row("Tasks", f"took {text}")


def _money(seen: Survey) -> Iterator[str]:
    overview = seen.overview
    each = f", {money.number(round(seen.each, 2))} a picture" if seen.each else ""
    yield _row("Spent", f"{money.credits(overview.spent)}{each}")
    if overview.at_stake:
        text = "in flight or unknown"
        yield _row("At stake", f"{money.credits(overview.at_stake)}, {text}")


def _failures(seen: Survey) -> Iterator[str]:
    codes = sorted(seen.failures.codes.items(), key=lambda code: -code[1])
    for number, (code, count) in enumerate(codes):
        text = f"{count:,} {shortened(code, 60)}"
        yield _row("" if number else "Failures", text)


def _unknown(seen: Survey) -> Iterator[str]:
    if not seen.unknown:
        return
    count, most = money.pictures(len(seen.unknown)), money.credits(seen.at_risk)
    yield _row("Unknown", f"{count}, perhaps paid: {most} at most")
    for record in seen.unknown[:SHOWN]:
        yield _row("", _unknown_line(record))
    if len(seen.unknown) > SHOWN:
        yield _row("", f"and {len(seen.unknown) - SHOWN:,} more")


def _unknown_line(record: Record) -> str:
    when = f"{record.intended_at:%Y-%m-%d %H:%M}" if record.intended_at else ""
    reason = record.evidence.reason if record.evidence else ""
    return shortened(f"{record.key or record.attempt}  {when}  {reason}", 68)
