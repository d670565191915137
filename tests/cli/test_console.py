"""What goes where: results to stdout, the rest to stderr; JSON for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest

from aivideo_async import NetworkError
from aivideo_async.cli.console import Console
from aivideo_async.cli.exits import Exit

Captured = pytest.CaptureFixture[str]


def test_people_get_the_result_alone_on_stdout(capsys: Captured):
    """Notes, warnings and errors are not in the way of a pipe."""
    console = Console()
    console.note("a note")
    console.warn("be careful")
    console.error(NetworkError("it broke"))
    console.record("task", id="t-1")
    console.result("mug.png")
    console.finish(0)
    stdout, stderr = capsys.readouterr()
    assert "mug.png\n" == stdout
    assert "a note\nWarning: be careful\nError: it broke\n" == stderr


def test_quiet_leaves_errors_and_what_is_paid_for(capsys: Captured):
    """Silence never costs a picture."""
    console = Console(quiet=True)
    console.note("a note")
    console.warn("be careful")
    console.error(NetworkError("it broke"))
    console.pick_up(["t-1"])
    stdout, stderr = capsys.readouterr()
    assert "" == stdout
    assert stderr.startswith("Error: it broke\n1 task is paid for")
    assert stderr.endswith("\n  aivideo task download t-1\n")


def test_programs_get_one_object_in_each_line(capsys: Captured):
    """Its type comes first, and the last one is the summary with the exit code."""
    console = Console(json=True)
    console.note("a note")
    console.result("mug.png")
    console.warn("be\ncareful", ids=["t-1"])
    console.record("task", id="t-1", credits=Decimal("2.40"), balance=Decimal("1E+4"))
    console.summary["pictures"] = 1
    console.finish(Exit.SOME_FAILED)
    stdout, stderr = capsys.readouterr()
    assert [
        {"type": "warning", "message": "be\ncareful", "ids": ["t-1"]},
        {"type": "task", "id": "t-1", "credits": 2.4, "balance": 10000},
        {"type": "summary", "pictures": 1, "exit": 3},
    ] == [json.loads(line) for line in stdout.splitlines()]
    assert all(line.startswith('{"type": ') for line in stdout.splitlines())
    assert "" == stderr


def test_a_fatal_error_is_on_both_streams_for_programs(capsys: Captured):
    """Whoever keeps only stderr can read why it ended."""
    Console(json=True).fatal(NetworkError("it broke", task_id="t-1"), Exit.TRY_LATER)
    stdout, stderr = capsys.readouterr()
    assert {
        "type": "error",
        "error": "NetworkError",
        "message": "it broke",
        "task_id": "t-1",
        "exit": 6,
    } == json.loads(stdout)
    assert {"type": "exit_error", "code": 6, "message": "it broke"} == json.loads(
        stderr
    )


def test_ids_are_told_once(capsys: Captured):
    """However many ways lead to one."""
    Console().pick_up(["t-1", "t-2", "t-1"], again="wait")
    assert "aivideo task wait t-1 t-2\n" in capsys.readouterr().err


def test_nothing_to_pick_up_is_nothing_to_tell(capsys: Captured):
    """No line at all."""
    Console().pick_up([])
    assert ("", "") == capsys.readouterr()


def test_a_reader_that_left_stops_nothing():
    """``aivideo ... | head -1``: what is being paid for goes on."""
    source = (
        "from aivideo_async.cli.console import Console\n"
        "for _ in range(9): Console().{}('a' * 9999)\n"
        "Console().{}('still here')"
    )
    for gone, here in (("result", "note"), ("note", "result")):
        ours, theirs = os.pipe()
        os.close(ours)
        done = subprocess.run(
            [sys.executable, "-c", source.format(gone, here)],
            stdout=theirs if gone == "result" else subprocess.PIPE,
            stderr=theirs if gone == "note" else subprocess.PIPE,
            check=False,
        )
        os.close(theirs)
        assert (0, b"still here\n") == (done.returncode, done.stdout or done.stderr)
