"""How a run stands while it is under way: the counts, the money, the pace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aivideo_async import Stats
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.bulk.overview import Overview
from aivideo_async.bulk.run import Result
from aivideo_async.cli.run.board import Board

PRICE = Decimal("2.4")
BEGUN = datetime(2026, 4, 1, tzinfo=UTC)


def board(cap: Decimal | None = None, **counts: int) -> Board:
    """Return the board of a run that stands so, and has spent nothing."""
    return Board(
        counts=Counter({Status(name): count for name, count in counts.items()}),
        before=Overview(
            counts={}, spent=Decimal(0), at_stake=Decimal(0), to_spend=Decimal(0)
        ),
        cap=cap,
        max_in_flight=32,
        begun=0.0,
    )


def result(before: Status, after: Status, seconds: float = 40.0) -> Result:
    """Return what became of a picture."""
    entry = Entry(
        key="MUG",
        sku="MUG",
        variant=1,
        status=after,
        resolution="1k",
        credits=PRICE if after is Status.OK else None,
        created_at=BEGUN,
        completed_at=BEGUN + timedelta(seconds=seconds),
    )
    return Result(before, entry, None)


def shown(board: Board, now: float = 60.0, **stats: object) -> list[str]:
    """Return the lines, a minute after the beginning."""
    return [*board.lines(Stats(**stats), now)]  # type: ignore[arg-type]


def test_each_picture_is_counted_once():
    """It leaves the place where it stood; one that is saved again has ended before."""
    counted = board(queued=2, in_flight=1, ok=1)
    assert counted.note(result(Status.QUEUED, Status.OK))
    assert counted.note(result(Status.IN_FLIGHT, Status.FAILED))
    assert not counted.note(result(Status.OK, Status.OK))
    assert not counted.note(result(Status.QUEUED, Status.QUEUED))
    assert (4, 3, 2) == (counted.total, counted.done, counted.ended)
    assert {"ok": 2, "failed": 1, "queued": 1, "in_flight": 0} == counted.counts


def test_only_what_this_command_bought_is_spent_by_it():
    """What was in flight was paid for by an earlier one."""
    counted = board(queued=1, in_flight=1)
    counted.note(result(Status.QUEUED, Status.OK))
    counted.note(result(Status.IN_FLIGHT, Status.OK))
    assert (PRICE, 2 * PRICE) == (counted.spent, counted.spent_in_all)


def test_the_money_is_always_shown():
    """What is spent, what is at stake, and how far it may go."""
    counted = board(queued=3, cap=Decimal(200))
    counted.note(result(Status.QUEUED, Status.OK))
    lines = shown(counted, committed=3 * PRICE)
    assert "spent $0.012 · committed $0.024 · cap $1.00" == lines[2]


def test_what_fails_is_refunded():
    """By the price of its resolution."""
    counted = board(queued=1)
    counted.note(result(Status.QUEUED, Status.FAILED))
    assert (Decimal(0), PRICE) == (counted.spent, counted.refunded)


def test_every_picture_is_somewhere():
    """Done, in flight, being saved, or queued."""
    counted = board(queued=10)
    counted.note(result(Status.QUEUED, Status.OK))
    assert (
        "ok 1 · in flight 3/32 · saving 2 · queued 4"
        == (shown(counted, accepted=6, following=3)[1])
    )


def test_nothing_is_foretold_from_too_little():
    """After five pictures there is an end in sight, and a usual time."""
    counted = board(queued=20)
    for seconds in (10, 20, 30, 40):
        counted.note(result(Status.QUEUED, Status.OK, seconds))
    assert ["20 %"] == shown(counted)[0].split(" · ")
    counted.note(result(Status.QUEUED, Status.OK, 50))
    assert "25 % · eta 3 m 0 s · 5.0 pictures/min · task p50 30 s" == shown(counted)[0]


def test_the_pace_of_requests_is_that_of_the_last_seconds():
    """And what slows it down is told."""
    counted = board(queued=1)
    shown(counted, now=10.0, looks_sent=100)
    lines = shown(counted, now=20.0, looks_sent=150, rate_limited=2, held_for=3.0)
    assert "5.0 requests/s · slowed by 429: 2 times · held back for 3 s" == lines[3]
