"""What a process leaves that dies in the middle, or whose disk is full."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from aivideo_async.journal import State
from tests.journal.dying import WRITERS
from tests.journal.helpers import opened
from tests.test_house import ROOT
from tests.warp import warped

COMMAND = [sys.executable, "-m", "tests.journal.dying"]


def started(path: Path, limit: int = 0) -> subprocess.Popen[str]:
    """Start the program, perhaps with a limit on the size of its files."""
    return subprocess.Popen(
        [*COMMAND, str(path), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


def killed(path: Path, lines: int) -> list[list[str]]:
    """Kill the program after so many lines; return what it had said."""
    with started(path) as program:
        assert program.stdout is not None
        said = [program.stdout.readline() for _ in range(lines)]
        program.kill()
        said += program.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


@pytest.mark.slow
@warped
@pytest.mark.parametrize("lines", [1, 17, 200, 1001])
async def test_a_killed_process_loses_nothing_that_was_durable(
    lines: int, tmp_path: Path
):
    """Every task is there, and what is unknown is no more than was on its way."""
    path = tmp_path / "jobs.db"
    said = killed(path, lines)
    async with opened(path) as journal:
        for word, key in said:
            record = journal.find(key)
            assert record is not None
            if word == "accepted":
                assert (State.RUNNING, f"t-{key}") == (record.state, record.task_id)
        assert len(journal.unknown()) <= WRITERS
        states = Counter(
            state for (state,) in journal._rows("SELECT state FROM attempt")
        )
        assert {State.RUNNING, State.UNKNOWN} >= set(states)
        assert [("ok",)] == journal._rows("PRAGMA integrity_check")


@pytest.mark.slow
@warped
async def test_a_journal_outlives_many_kills(tmp_path: Path):
    """One after the other, on the same file: what is unknown is never more than was on its way."""
    path = tmp_path / "jobs.db"
    kept: set[str] = set()
    for lines in (3, 40, 99, 400):
        said = killed(path, lines)
        kept |= {key for word, key in said if word == "accepted"}
    async with opened(path) as journal:
        running = {record.key for record in journal.unfinished()}
        unknown = journal.unknown()
    assert kept <= running
    assert len(unknown) <= 4 * WRITERS


@pytest.mark.slow
@warped
@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
async def test_a_full_disk_stops_buying_and_breaks_nothing(tmp_path: Path):
    """Each create that was allowed to leave is in the journal, and whole."""
    path = tmp_path / "jobs.db"
    said, _ = started(path, limit=200_000).communicate()
    refused = re.search(r"^refused (.*)$", said, re.MULTILINE)
    assert refused is not None, said
    assert "cannot be written" in refused[1]
    intended = set(re.findall(r"^intended (.*)$", said, re.MULTILINE))
    accepted = set(re.findall(r"^accepted (.*)$", said, re.MULTILINE))
    assert len(accepted) > WRITERS
    async with opened(path) as journal:
        assert [("ok",)] == journal._rows("PRAGMA integrity_check")
        running = {record.key for record in journal.unfinished()}
        unknown = {record.key for record in journal.unknown()}
    assert accepted <= running
    assert intended <= running | unknown
