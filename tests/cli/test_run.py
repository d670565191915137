"""``aivideo run``: a sheet in, a folder of pictures out; the same command continues."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
from pathlib import Path

import pytest

from aivideo_async import DownloadError
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.cli.run.carrying import _line
from aivideo_async.emulator import Act, Emulator, Rule, Scenario, acts
from aivideo_async.journal import State
from tests.cli.conftest import Aivideo, point_at
from tests.cli.sheets import creates, prompts, save, set_running, states, wide

FAILS = Rule("create", Act(works=True, dooms=True), nth=2)
LOST = Rule("create", acts.LOST_REPLY, nth=2)


# --- what it leaves ---------------------------------------------------------------


async def test_it_leaves_a_folder(aivideo: Aivideo, emulator: Emulator, tmp_path: Path):
    """Pictures by their keys, a manifest, a report, the settings, the journal."""
    said = await aivideo("run", wide(tmp_path / "a.csv", 3), "-o", "r", "--yes")
    run = tmp_path / "r"
    pictures = {path.name for path in (run / "images").iterdir()}
    with (run / "manifest.csv").open(encoding="utf-8-sig") as file:
        lines = [*csv.DictReader(file)]
    assert 0 == said.code
    assert {"SKU-000.png", "SKU-001.png", "SKU-002.png"} == pictures
    assert ["ok"] * 3 == [line["status"] for line in lines]
    assert "SKU-001" in (run / "report.html").read_text("utf-8")
    assert {*states(run).values()} == {State.SAVED}
    assert 'sheet = "' in (run / "run.toml").read_text("utf-8")


async def test_it_tells_the_price_first_and_the_cost_at_its_end(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """The plan on stderr, the result on stdout; no line for what goes well."""
    said = await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
    assert "Cost      4.8 credits ($0.024) at most" in said.stderr
    assert "SKU-000  " not in said.stderr
    assert said.lines[1].endswith(": 2 ok")
    assert "Spent     4.8 credits ($0.024) now" in said.lines
    assert any(line.startswith("Report    file://") for line in said.lines)


async def test_the_same_command_buys_nothing_twice(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It says that there is nothing to do."""
    sheet = wide(tmp_path / "a.csv", 3)
    await aivideo("run", sheet, "-o", "r", "--yes")
    said = await aivideo("run", sheet, "-o", "r")
    assert (0, 3) == (said.code, creates(emulator))
    assert "To buy    nothing" in said.stderr
    assert "Nothing was left to be done: 3 ok" in said.lines


async def test_a_picture_that_is_gone_is_saved_again(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """At no cost."""
    sheet = wide(tmp_path / "a.csv", 2)
    await aivideo("run", sheet, "-o", "r", "--yes")
    gone = tmp_path / "r" / "images" / "SKU-001.png"
    gone.unlink()
    said = await aivideo("run", sheet, "-o", "r")
    assert (0, 2) == (said.code, creates(emulator))
    assert gone.is_file()


async def test_what_was_not_saved_is_saved_later(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """With --no-download a run buys only."""
    sheet = wide(tmp_path / "a.csv", 2)
    said = await aivideo("run", sheet, "-o", "r", "--yes", "--no-download")
    assert not (tmp_path / "r" / "images").exists()
    assert any(line.endswith(": 2 ok (2 of them to be saved)") for line in said.lines)
    assert "          2 to be saved, at most 0 credits ($0.00)" in said.lines
    status = await aivideo("status", "r")
    assert "Pictures  2 of 2: 2 to be saved" in status.lines
    said = await aivideo("run", sheet, "-o", "r")
    assert "So far    2 done, 2 of them to be saved (free)" in said.stderr
    assert (0, 2) == (said.code, creates(emulator))
    assert 2 == len([*(tmp_path / "r" / "images").iterdir()])


async def test_a_sample_first_and_then_the_rest(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """What the sample bought is not bought again."""
    sheet = wide(tmp_path / "a.csv", 6)
    await aivideo("run", sheet, "-o", "r", "--yes", "--sample", "2")
    assert 2 == creates(emulator)
    said = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (0, 6) == (said.code, creates(emulator))


async def test_a_sheet_without_rows_is_nothing_to_do(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It is warned of; no folder is made."""
    said = await aivideo("run", save(tmp_path / "a.csv", []), "-o", "r", "--yes")
    assert (0, 0) == (said.code, creates(emulator))
    assert "warning: The sheet has no row below its header." in said.stderr
    assert "Nothing was sent." in said.stderr
    assert not (tmp_path / "r").exists()


async def test_an_error_in_the_sheet_stops_it_all(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Exit code 2; nothing is sent, and no folder is made."""
    sheet = save(tmp_path / "a.csv", ["MUG,a mug", "CUP,"])
    said = await aivideo("run", sheet, "-o", "r", "--yes")
    assert 2 == said.code
    assert not emulator.requests
    assert not (tmp_path / "r").exists()


async def test_a_sheet_from_standard_input(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """It is read more than once all the same."""
    stdin = io.TextIOWrapper(io.BytesIO(b"sku,prompt\nMUG,a mug\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    said = await aivideo("run", "-", "-o", "r", "--max-cost", "1")
    assert (0, ["a mug"]) == (said.code, prompts(emulator))


async def test_no_next_step_reads_what_was_piped_in(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """A shell could not repeat it."""
    stdin = io.TextIOWrapper(io.BytesIO(b"sku,prompt\nMUG,a mug\nCUP,a cup\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    said = await aivideo("run", "-", "-o", "r", "--max-credits", "2.4")
    assert (5, 1) == (said.code, creates(emulator))
    assert "aivideo run -" not in said.stdout + (await aivideo("status", "r")).stdout


async def test_a_journal_that_a_full_disk_let_not_begin_is_begun(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """The empty file is no run to look at, and the same command goes on with it."""
    sheet = wide(tmp_path / "a.csv", 2)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "journal.db").touch()
    for command in ("status", "resolve", "retry"):
        said = await aivideo(command, "r")
        assert 2 == said.code
        assert "older version" not in said.stderr
    assert 0 == (await aivideo("plan", sheet, "-o", "r")).code
    said = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (0, 2) == (said.code, creates(emulator))


# --- agreeing ---------------------------------------------------------------------


async def test_without_a_terminal_somebody_has_to_agree(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """The flags that would do are named; exit code 2, and no purchase."""
    said = await aivideo("run", wide(tmp_path / "a.csv", 3), "-o", "r")
    assert (2, 0) == (said.code, creates(emulator))
    assert "add --yes, or --max-cost 0.04 as a limit. Nothing was sent." in said.stderr
    assert not (tmp_path / "r").exists()


async def test_a_limit_is_an_agreement(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """With --max-cost nobody is asked."""
    said = await aivideo(
        *("run", wide(tmp_path / "a.csv", 3), "-o", "r", "--max-cost", "$1")
    )
    assert (0, 3) == (said.code, creates(emulator))


async def test_the_limit_that_is_suggested_is_enough(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It counts what the run has bought before, as the limit does."""
    sheet = wide(tmp_path / "a.csv", 5)
    await aivideo("run", sheet, "-o", "r", "--yes", "--limit", "3")
    said = await aivideo("run", sheet, "-o", "r")
    words = " ".join(said.stderr.split())
    assert "--max-cost 0.06 as a limit ($0.036 of it for what is bought)" in words
    said = await aivideo("run", sheet, "-o", "r", "--max-cost", "0.06")
    assert (0, 5) == (said.code, creates(emulator))


async def test_a_limit_that_is_too_little_is_told_before(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """With what is used of it, and what would be enough."""
    sheet = wide(tmp_path / "a.csv", 5)
    await aivideo("run", sheet, "-o", "r", "--yes", "--limit", "3")
    said = await aivideo("run", sheet, "-o", "r", "--max-cost", "0.05")
    words = " ".join(said.stderr.split())
    assert (5, 4) == (said.code, creates(emulator))
    assert (
        "Error: --max-cost 0.05: 9.6 credits ($0.048) of the whole run are spent, in "
        "flight or unknown, and one more picture costs 2.4 credits ($0.012)."
    ) in words
    assert (
        "Limit 10 credits ($0.05) for the whole run, $0.036 of it used so far: at that "
        "it stops. For all, --max-cost 0.06"
    ) in words


@pytest.mark.parametrize("command", ["run a.csv -o r --yes", "retry r --yes"])
async def test_without_a_key_it_cannot_work(
    command: str,
    aivideo: Aivideo,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """Exit code 4, as from every other command."""
    await aivideo("run", wide(tmp_path / "a.csv", 1), "-o", "r", "--yes")
    monkeypatch.delenv("AIVIDEOAPI_API_KEY")
    said = await aivideo(*command.split())
    assert 4 == said.code
    assert "No API key" in said.stderr


async def test_another_key_is_told(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Each time, before anything is bought; the run's own key is told nothing."""
    sheet = wide(tmp_path / "a.csv", 1)
    async with Emulator(speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        words = ("run", sheet, "-o", "r", "--yes")
        assert "another API key" not in (await aivideo(*words)).stderr
        assert "another API key" not in (await aivideo(*words)).stderr
        db = sqlite3.connect(tmp_path / "r" / "journal.db")
        db.execute("UPDATE run SET key_fingerprint = 'other'")
        db.commit()
        db.close()
        for _ in range(2):
            said = await aivideo(*words)
            text = "Warning: this run began with another API key."
            assert text in " ".join(said.stderr.split())


@pytest.mark.parametrize("rate", ["nan", "0", "-1", "fast"])
async def test_a_rate_has_to_be_a_number(rate: str, aivideo: Aivideo):
    """Anything else is wrong usage."""
    assert 2 == (await aivideo("run", "a.csv", "-o", "r", "--rate", rate)).code


@pytest.mark.parametrize("amount", ["nan", "-1", "much", "inf", ""])
async def test_a_limit_has_to_be_an_amount(
    amount: str, aivideo: Aivideo, tmp_path: Path
):
    """Anything else is wrong usage."""
    said = await aivideo("run", "a.csv", "-o", "r", "--max-cost", amount)
    assert 2 == said.code
    assert "is no amount" in said.stderr


async def test_what_a_run_began_with_stays(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """A later command may leave it out, and may not contradict it."""
    sheet = wide(tmp_path / "a.csv", 1)
    await aivideo("run", sheet, "-o", "r", "--yes", "--resolution", "2k")
    assert 0 == (await aivideo("run", sheet, "-o", "r")).code
    said = await aivideo("run", sheet, "-o", "r", "--resolution", "4k")
    assert (2, 1) == (said.code, creates(emulator))
    assert "the run in r began with 2k, and that stays" in said.stderr


def test_a_picture_that_could_not_be_saved_is_saved_by_the_same_command():
    """It says so, and no name of a function."""
    error = DownloadError(
        "Task t-1 could not be saved: HTTP 503. The task is paid and its result is not "
        "lost; call download again.",
        task_id="t-1",
    )
    entry = Entry(key="MUG", sku="MUG", variant=1, status=Status.OK)
    expected = "MUG  made, but not saved: Task t-1 could not be saved: HTTP 503"
    assert f"{expected}; the same command saves it" == _line(entry, error)


# --- changed rows -----------------------------------------------------------------


async def test_a_changed_row_is_kept_unless_somebody_says_so(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """With --on-changed redo it is bought anew, and the old file stays."""
    sheet = wide(tmp_path / "a.csv", 2)
    await aivideo("run", sheet, "-o", "r", "--yes")
    save(sheet, ["SKU-000,another shot", "SKU-001,shot 1"])
    kept = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (0, 2) == (kept.code, creates(emulator))
    said = await aivideo("run", sheet, "-o", "r", "--yes", "--on-changed", "redo")
    assert (0, "another shot") == (said.code, prompts(emulator)[-1])
    assert {"SKU-000.png", "SKU-000~r2.png", "SKU-001.png"} == {
        path.name for path in (tmp_path / "r" / "images").iterdir()
    }


async def test_a_row_that_failed_and_was_mended_is_bought(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """What failed was refunded, so there is nothing to ask."""
    sheet = save(tmp_path / "a.csv", ["MUG,a mug @fail:invalid_request"])
    async with Emulator(speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        first = await aivideo("run", sheet, "-o", "r", "--yes")
        save(sheet, ["MUG,a mug"])
        second = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (3, 0) == (first.code, second.code)
    assert {"MUG": State.SAVED} == states(tmp_path / "r")


async def test_a_row_that_was_refused_and_mended_is_bought(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The same with a request that the service did not take."""
    sheet = save(tmp_path / "a.csv", ["MUG,a mug"])
    refuses = Scenario(rules=(Rule("create", acts.refuse("invalid_request"), nth=1),))
    async with Emulator(refuses, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        first = await aivideo("run", sheet, "-o", "r", "--yes")
        again = await aivideo("run", sheet, "-o", "r", "--yes")
        assert (3, 3, 1) == (first.code, again.code, creates(emulator))
        save(sheet, ["MUG,a better mug"])
        second = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (0, ["a mug", "a better mug"]) == (second.code, prompts(emulator))


# --- how it ends ------------------------------------------------------------------


async def test_failures_are_told_and_coded(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Each once, with the next command; exit code 3, also when repeated."""
    sheet = wide(tmp_path / "a.csv", 3)
    async with Emulator(Scenario(rules=(FAILS,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("run", sheet, "-o", "r", "--yes")
        again = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (3, 3) == (said.code, again.code)
    assert 1 == said.stderr.count("refunded, ")
    assert "; $0.012 refunded" in said.stdout
    assert any(line.startswith("Next      aivideo retry r") for line in said.lines)
    assert 3 == creates(emulator)
    emulator.ledger.assert_clean()


async def test_an_unknown_outcome_is_left_to_the_user(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Exit code 7; it is not sent again, however often the command is repeated."""
    sheet = wide(tmp_path / "a.csv", 3)
    async with Emulator(Scenario(rules=(LOST,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("run", sheet, "-o", "r", "--yes")
        again = await aivideo("run", sheet, "-o", "r", "--yes")
    assert (7, 7, 3) == (said.code, again.code, creates(emulator))
    assert "Next      aivideo resolve r" in said.lines
    emulator.ledger.assert_clean()


async def test_the_limit_is_never_passed(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """With 64 at once and an API that takes its time; exit code 5, then it goes on."""
    sheet = wide(tmp_path / "a.csv", 100)
    slow = Scenario(rules=(Rule("create", Act(works=True, delay=0.05)),))
    async with Emulator(slow, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        words = ("run", sheet, "-o", "r", "-c", "64", "--no-download", "--max-credits")
        said = await aivideo(*words, "24")
        assert (5, 10) == (said.code, len(emulator.ledger.charges))
        assert 5 == (await aivideo(*words, "24")).code
        assert 10 == len(emulator.ledger.charges)
        assert 5 == (await aivideo(*words, "31.1")).code
        assert 12 == len(emulator.ledger.charges)
    emulator.ledger.assert_clean()


async def test_an_empty_balance_stops_the_buying(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """What was bought is there; the rest waits. Exit code 5, told once."""
    sheet = wide(tmp_path / "a.csv", 20)
    async with Emulator("broke", speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("run", sheet, "-o", "r", "--yes", "-c", "4")
    assert (5, 10) == (said.code, len(emulator.ledger.charges))
    assert "covers about 10 of 20" in said.stderr
    assert 1 == said.stderr.count("Error: ")
    assert "failed " not in said.stderr
    assert "10 ok, 10 queued" in said.lines[1]
    emulator.ledger.assert_clean()


async def test_a_key_that_is_wrong_ends_it(
    aivideo: Aivideo,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """Exit code 4, before anything is bought."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-of-somebody-else")
    said = await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
    assert (4, 0) == (said.code, creates(emulator))


async def test_a_service_that_is_away_can_be_tried_later(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Exit code 6."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-emulator")
    monkeypatch.setenv("AIVIDEOAPI_BASE_URL", "http://127.0.0.1:9")
    said = await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
    assert 6 == said.code


async def test_a_price_that_is_not_the_tables_is_told(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """By the balance, which is the only bill that can be seen."""
    async with Emulator(speed=1000, price_table=1) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
    assert 0 == said.code
    assert "the balance fell by 9.4 credits" in " ".join(said.stderr.split())


async def test_what_cannot_be_collected_is_no_success(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """The service knows the task no more; exit code 3, and it stays in flight."""
    words = ("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
    await aivideo(*words)
    set_running(tmp_path / "r", "SKU-001", gone=True)
    said = await aivideo(*words)
    assert 3 == said.code
    assert "1 ok, 1 in flight" in said.stdout
    assert "still in flight: SKU-001  " in said.stderr
    assert "failed" not in said.stderr


async def test_what_the_sheet_leaves_out_now_is_collected(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It is paid, so its picture is saved, and stands in the manifest with its file."""
    await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
    set_running(tmp_path / "r", "SKU-001")
    said = await aivideo("run", wide(tmp_path / "a.csv", 1), "-o", "r", "--yes")
    lines = (tmp_path / "r/manifest.jsonl").read_text("utf-8").splitlines()
    entry = json.loads(lines[1])
    assert (0, 2) == (said.code, creates(emulator))
    assert ("SKU-001", "ok") == (entry["key"], entry["status"])
    assert (tmp_path / "r" / entry["file"]).is_file()


async def test_a_run_belongs_to_one_api(
    aivideo: Aivideo,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """Another address finds none of its tasks, so it is refused; exit code 2."""
    sheet = wide(tmp_path / "a.csv", 1)
    await aivideo("run", sheet, "-o", "r", "--yes")
    async with Emulator() as other:
        point_at(other, monkeypatch)
        said = await aivideo("run", sheet, "-o", "r", "--yes")
    assert 2 == said.code
    assert "belongs to" in said.stderr


# --- for programs -----------------------------------------------------------------


async def test_programs_get_each_picture_once(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A plan, a task for each, a summary; all of it on stdout."""
    async with Emulator(Scenario(rules=(FAILS,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo(
            *("run", wide(tmp_path / "a.csv", 3), "-o", "r", "--yes", "--json")
        )
    plan, *tasks, summary = said.records
    assert ("plan", 3, 7.2) == (plan["type"], plan["to_buy"], plan["credits"])
    assert {"SKU-000", "SKU-001", "SKU-002"} == {task["key"] for task in tasks}
    assert ["failed", "ok", "ok"] == sorted(task["status"] for task in tasks)
    assert {"ok": 2, "failed": 1} == summary["counts"]
    assert (4.8, 2.4, 3) == (summary["credits"], summary["refunded"], summary["exit"])
    assert "" == said.stderr
    assert json.loads(said.lines[-1]) == summary


async def test_programs_that_agree_to_nothing_buy_nothing(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """They get an error with what to add."""
    said = await aivideo("run", wide(tmp_path / "a.csv", 3), "-o", "r", "--json")
    _, error, summary = said.records
    assert "--yes" in error["message"]
    assert (2, 0) == (summary["exit"], creates(emulator))
