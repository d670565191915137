"""The rows of a sheet: planned in order, replaced where nothing was bought, read flat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from aivideo_async.journal import (
    Count,
    Journal,
    PlannedRow,
    SavedFile,
    State,
    Word,
    fingerprint,
)
from aivideo_async.models import Evidence
from tests.journal.helpers import PATH, intent, opened, run
from tests.warp import warped

pytestmark = warped


def row(key: str, body: bytes = b"{}", price: int | None = 4700) -> PlannedRow:
    """Build a row that asks for what `intent` sends."""
    return PlannedRow(
        key=key,
        sku=key,
        variant=1,
        line=2,
        name=f"shop/{key}",
        cells={"sku": key, "colour": "réd"},
        model="gpt-image-2",
        path=PATH,
        body=body,
        fingerprint=fingerprint(PATH, body),
        price=price,
    )


async def planned(journal: Journal, rows: Sequence[PlannedRow]) -> None:
    """Make them the plan."""
    await journal.forget_plan()
    await journal.plan(0, rows)


async def test_a_plan_is_read_in_its_order(tmp_path: Path):
    """As it was written, over as many pages as it takes."""
    rows = [row(f"mug-{number}") for number in range(450)]
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, rows[::-1])
        found = [*journal.rows()]
    assert rows[::-1] == [one.planned for one in found]
    assert [*range(450)] == [one.position for one in found]
    assert {State.PLANNED} == {one.record.state for one in found}


async def test_a_row_knows_its_newest_attempt(tmp_path: Path):
    """And how many there were, and what they left on the disk."""
    file = SavedFile("images/mug.png", 3, "ab")
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, [row("mug"), row("cup")])
        await run(journal, "mug", "t-1")
        await journal.end("t-1", failed=False, answer={})
        await journal.save("t-1", [file])
        first = journal.row("mug")
        await journal.release("mug")
        await run(journal, "mug", "t-2")
        second, cup = journal.row("mug"), journal.row("cup")
    assert first is not None
    assert second is not None
    assert cup is not None
    assert ((file,), 0, 1) == (first.files, first.kept, first.attempts)
    assert ((), 1, 2) == (second.files, second.kept, second.attempts)
    assert (State.RUNNING, "t-2") == (second.record.state, second.record.task_id)
    assert (State.PLANNED, 0) == (cup.record.state, cup.attempts)


async def test_what_a_later_plan_leaves_out_is_not_of_the_plan(tmp_path: Path):
    """It is still there, with all that is known of it."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, [row("mug"), row("cup"), row("jug")])
        await planned(journal, [row("jug"), row("mug")])
        assert ["jug", "mug"] == [one.planned.key for one in journal.rows()]
        assert ["cup"] == [one.planned.key for one in journal.other_rows()]
        assert None is journal.row("pot")


@pytest.mark.parametrize("bought", [True, False])
async def test_a_changed_row_replaces_what_was_not_bought(bought: bool, tmp_path: Path):
    """What was bought stays what it was, until the user releases it."""
    changed = row("mug", b'{"a":1}')
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, [row("mug")])
        if bought:
            await run(journal, "mug", "t-1")
            await journal.end("t-1", failed=False, answer={})
        await planned(journal, [changed])
        found = journal.row("mug")
        assert found is not None
        assert (b"{}" if bought else changed.body) == found.planned.body
        if bought:
            await journal.release("mug")
            await planned(journal, [changed])
        found = journal.row("mug")
        assert found is not None
        assert changed == found.planned


async def test_rows_are_counted_by_how_they_stand(tmp_path: Path):
    """Those of the plan, with what they cost or would."""
    async with opened(tmp_path / "jobs.db") as journal:
        rows = [row(key) for key in ("mug", "cup", "jug", "pot")]
        await planned(journal, [*rows, row("free", price=None)])
        await run(journal, "mug", "t-1")
        attempt, _ = journal.intend(intent("cup"))
        await journal.refuse(attempt, sent=True, status=400, reason="no")
        attempt, _ = journal.intend(intent("jug"))
        await journal.lose(attempt, Evidence(reason="lost"))
        await journal.release("jug")
        counts = sorted(journal.counts(), key=lambda one: one.state)
    assert [
        Count(State.PLANNED, None, None, 2, 4700),
        Count(State.REFUSED, None, 400, 1, 4700),
        Count(State.RUNNING, None, None, 1, 4700),
        Count(State.UNKNOWN, Word.RELEASED, None, 1, 4700),
    ] == counts


async def test_what_may_be_bought_again_is_counted_at_its_present_price(
    tmp_path: Path,
):
    """Not at that of the attempt that came to nothing, or was released."""
    keys = ("mug", "cup", "jug", "pot")
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, [row(key) for key in keys])
        for key, sent in (("mug", True), ("cup", False)):
            attempt, _ = journal.intend(intent(key))
            await journal.refuse(attempt, sent=sent, status=None, reason="no")
        attempt, _ = journal.intend(intent("jug"))
        await journal.lose(attempt, Evidence(reason="lost"))
        await journal.release("jug")
        await run(journal, "pot", "t-1")
        await planned(journal, [row(key, b"[]", price=9000) for key in keys])
        counts = {one.state: one.price for one in journal.counts()}
    assert {
        State.REFUSED: 9000,
        State.NOT_SENT: 9000,
        State.UNKNOWN: 9000,
        State.RUNNING: 4700,
    } == counts


async def test_planning_again_changes_nothing(tmp_path: Path):
    """A row that stays the same keeps its place and its past."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, [row("mug")])
        await run(journal, "mug", "t-1")
        before = journal.row("mug")
        await planned(journal, [row("mug")])
        assert before == journal.row("mug")
        await planned(journal, [evolve(row("mug"), name="elsewhere", line=7)])
        after = journal.row("mug")
    assert after is not None
    assert ("elsewhere", 7) == (after.planned.name, after.planned.line)


async def test_what_ended_badly_is_read_apart(tmp_path: Path):
    """In the order of the plan, by the newest attempt."""
    async with opened(tmp_path / "jobs.db") as journal:
        await planned(journal, [row(key) for key in ("mug", "cup", "jug", "pot")])
        await run(journal, "jug", "t-1")
        await journal.end("t-1", failed=True, answer={})
        for key in ("cup", "pot"):
            attempt, _ = journal.intend(intent(key))
            await journal.refuse(attempt, sent=True, status=400, reason="no")
        await run(journal, "pot", "t-2")
        assert ["cup", "jug"] == [one.planned.key for one in journal.failures()]


async def test_the_newest_that_are_ready_are_read_apart(tmp_path: Path):
    """As many as are asked for, the newest first."""
    async with opened(tmp_path / "jobs.db") as journal:
        for number in range(4):
            await run(journal, f"mug-{number}", f"t-{number}")
        for number in (0, 1, 3):
            await journal.end(f"t-{number}", failed=number == 1, answer={})
        await journal.save("t-0", [])
        assert ["t-3", "t-0"] == [record.task_id for record in journal.latest(9)]
        assert ["t-3"] == [record.task_id for record in journal.latest(1)]
