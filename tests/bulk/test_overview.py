"""How a run stands in all: counts, money, and what ended badly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.overview import failures_of, overview_of
from aivideo_async.journal import Journal, PlannedRow
from aivideo_async.models import Evidence
from tests.journal.helpers import intent, opened, run
from tests.journal.test_rows import planned, row
from tests.warp import warped

pytestmark = warped

BODY = b'{"input":{"prompt":"a mug"}}'


def asked(*keys: str) -> list[PlannedRow]:
    """Build rows that can be read."""
    return [row(key, BODY) for key in keys]


async def lose(journal: Journal, key: str) -> None:
    """Let the outcome of a create be unknown."""
    attempt, _ = journal.intend(intent(key, BODY))
    await journal.lose(attempt, Evidence(reason="lost"))


async def refuse(journal: Journal, key: str, status: int, reason: str) -> None:
    """Let a create be refused."""
    attempt, _ = journal.intend(intent(key, BODY))
    await journal.refuse(attempt, sent=True, status=status, reason=reason)


async def fail(journal: Journal, key: str, code: str) -> None:
    """Let a task fail."""
    attempt, _ = journal.intend(intent(key, BODY))
    await journal.accept(attempt, f"t-{key}")
    answer = {"id": f"t-{key}", "status": "failed", "error": {"code": code}}
    await journal.end(f"t-{key}", failed=True, answer=answer)


async def test_what_is_ready_is_spent_and_the_rest_at_stake(tmp_path: Path):
    """What was not sent is still to be spent; what failed is nowhere."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, asked(*"abcde"))
        await run(journal, "a", "t-a")
        await journal.end("t-a", failed=False, answer={"id": "t-a"})
        await run(journal, "b", "t-b")
        await lose(journal, "c")
        await fail(journal, "d", "upstream_error")
        seen = overview_of(journal)
    assert {
        "ok": 1,
        "in_flight": 1,
        "unknown": 1,
        "failed": 1,
        "queued": 1,
    } == seen.counts
    assert (Decimal("4.7"), Decimal("9.4")) == (seen.spent, seen.at_stake)
    assert Decimal("4.7") == seen.to_spend
    assert (5, 3) == (seen.total, seen.ended)


async def test_money_is_told_of_every_plan(tmp_path: Path):
    """What the present one leaves out, or bought anew, is not ready by that."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, asked(*"abc"))
        await run(journal, "a", "t-a")
        await journal.end("t-a", failed=False, answer={"id": "t-a"})
        await run(journal, "b", "t-b")
        await lose(journal, "c")
        before = overview_of(journal)
        await journal.release("c")
        await planned(journal, asked("c"))
        await run(journal, "c", "t-c")
        after = overview_of(journal)
    assert (Decimal("4.7"), Decimal("9.4")) == (before.spent, before.at_stake)
    assert (Decimal("4.7"), Decimal("14.1")) == (after.spent, after.at_stake)
    assert {Status.IN_FLIGHT: 1} == after.counts


async def test_what_a_changed_row_costs_is_still_to_be_spent(tmp_path: Path):
    """What the user released is bought at the price of today."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, asked("a"))
        await lose(journal, "a")
        await journal.release("a")
        await planned(journal, [row("a", BODY, price=9000)])
        seen = overview_of(journal)
    assert (Decimal("4.7"), Decimal(9)) == (seen.at_stake, seen.to_spend)


async def test_what_a_dead_process_was_sending_counts_as_unknown(tmp_path: Path):
    """As soon as nobody is there who would see its answer."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await planned(journal, asked("a"))
        await journal.intend(intent("a"))[1]
        with Journal.reading(path) as known:
            assert {Status.IN_FLIGHT: 1} == overview_of(known).counts
    with Journal.reading(path) as known:
        assert {Status.UNKNOWN: 1} == overview_of(known).counts


async def test_failures_are_counted_by_their_code(tmp_path: Path):
    """And those that may go better are priced; a full account is no failure of a row."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, asked(*"abcde"))
        await fail(journal, "a", "upstream_error")
        await fail(journal, "b", "content_policy")
        await refuse(journal, "c", 400, "invalid_request: no such ratio")
        await refuse(journal, "d", 402, "insufficient_credits: empty")
        await refuse(journal, "e", 503, "upstream_error: try later")
        failures = failures_of(journal)
    assert {"upstream_error": 2, "content_policy": 1, "invalid_request": 1} == (
        failures.codes
    )
    assert (2, Decimal("9.4")) == (failures.transient, failures.price)


async def test_a_release_takes_a_failure_off_the_list(tmp_path: Path):
    """It is to be bought again."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, asked("a"))
        await fail(journal, "a", "upstream_error")
        await journal.release("a")
        assert not failures_of(journal).codes
        assert {Status.QUEUED: 1} == overview_of(journal).counts
