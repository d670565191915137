"""``aivideo status``: a run is looked at, and neither disturbed nor carried on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.overview import Failures, Overview
from aivideo_async.cli.status import pace
from aivideo_async.cli.status.pace import Pace, pace_of, percentile
from aivideo_async.cli.status.screen import line, screen
from aivideo_async.cli.status.survey import Survey
from aivideo_async.emulator import Emulator
from aivideo_async.journal import Journal, Owner
from tests.cli.conftest import Aivideo
from tests.cli.runs import bought, sheet_of
from tests.cli.terminal import COMMAND, ROOT, environment, plain

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OFFLINE = ("AIVIDEOAPI_API_KEY", "AIVIDEOAPI_BASE_URL")


# --- how fast it goes -------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "expected"), [(50, 50), (95, 95), (100, 100), (1, 1)]
)
def test_a_percentile_is_one_of_the_values(share: int, expected: float):
    """The least that so many of a hundred do not exceed."""
    assert expected == percentile([float(n) for n in range(100, 0, -1)], share)


def ago(*seconds: float) -> list[datetime]:
    """Return moments that are so long ago."""
    return [NOW - timedelta(seconds=one) for one in seconds]


@pytest.mark.parametrize(
    ("ends", "since", "expected"),
    [
        pytest.param((10, 20, 400), 3600, 2 / 5, id="of five minutes"),
        pytest.param((10, 20, 400), 60, 2.0, id="since it was taken up"),
        pytest.param((), 60, 0.0, id="nothing yet"),
        pytest.param((), 0, 0.0, id="just taken up"),
    ],
)
def test_the_pace_is_that_of_lately(
    ends: tuple[float, ...], since: float, expected: float
):
    """Older pictures, and those of an earlier run, say nothing of it."""
    (taken_up,) = ago(since)
    assert expected == pace_of([], ago(*ends), NOW, taken_up).per_minute


def test_more_pictures_than_are_looked_at_do_not_slow_the_pace(
    monkeypatch: pytest.MonkeyPatch,
):
    """It is counted from the oldest on that is known."""
    monkeypatch.setattr(pace, "MOST", 3)
    (since,) = ago(3600)
    assert 6.0 == pace_of([], ago(10, 20, 30), NOW, since).per_minute


@pytest.mark.parametrize(
    ("per_minute", "expected"), [(30.0, 20.0), (0.0, None), (None, None)]
)
def test_without_a_pace_no_end_is_foretold(
    per_minute: float | None, expected: float | None
):
    """Silence is better than a guess."""
    assert expected == Pace(1.0, 2.0, per_minute).eta(10)


# --- when there is nothing more to see --------------------------------------------

HOLDER = Owner("https://api.aivideoapi.ai", "1f2e", 4711, "laptop", NOW)


def seen(holder: Owner | None, **counts: int) -> Survey:
    """Return a run of which so many pictures stand so."""
    return Survey(
        path=Path("run"),
        holder=holder,
        overview=Overview(
            counts={Status(name): count for name, count in counts.items()},
            spent=Decimal(0),
            at_stake=Decimal(0),
            to_spend=Decimal(0),
        ),
        failures=Failures({}, 0, Decimal(0)),
        unknown=(),
        pace=Pace(None, None, None),
        steps=(),
    )


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(seen(None, ok=2, failed=1, unknown=1), True, id="all ended"),
        pytest.param(seen(HOLDER, ok=2), False, id="saving yet"),
        pytest.param(seen(None, ok=2, queued=1), False, id="stopped on the way"),
        pytest.param(seen(None, ok=2, in_flight=1), False, id="left in flight"),
    ],
)
def test_watching_ends_with_the_run(run: Survey, expected: bool):
    """A run that was stopped may be taken up again; one that is held may not be done."""
    assert expected is run.is_over


@pytest.mark.parametrize("run", [seen(None), seen(HOLDER, queued=3)], ids=["0", "3"])
def test_a_run_that_has_nothing_yet_has_a_screen(run: Survey):
    """Nothing is divided by what is not there."""
    assert [f"Pictures  0 of {run.overview.total}"] == [
        text.partition(":")[0] for text in screen(run) if text.startswith("Pictures")
    ]
    assert line(run).startswith(f"0/{run.overview.total} ")


# --- a run that ended -------------------------------------------------------------


@pytest_asyncio.fixture
async def spring(emulator: Emulator, tmp_path: Path) -> Path:
    """Make a run of which one is there, one failed, one is invalid and one unknown."""
    prompts = (
        "a mug",
        "a cup @fail:upstream_error",
        "@refuse:invalid_request",
        "@drop",
    )
    return await bought(emulator, tmp_path / "runs" / "spring", *prompts)


async def test_it_tells_all_without_a_key(
    spring: Path, aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Counts, money, failures, what is unknown, and what to do next; exit code 0."""
    for name in OFFLINE:
        monkeypatch.delenv(name)
    before = len(emulator.requests)
    said = await aivideo("status", "runs/spring")
    text = re.sub(" +", " ", said.stdout)
    assert (0, "") == (said.code, said.stderr)
    assert "Run runs/spring, nobody works on it\n" in text
    assert "Pictures 1 of 4: 1 failed, 1 invalid, 1 unknown\n" in text
    assert "Spent 2.4 credits ($0.012), 2.4 a picture\n" in text
    assert "At stake 2.4 credits ($0.012)" in text
    assert "Unknown 1 picture, perhaps paid: 2.4 credits ($0.012) at most\n D " in text
    assert "1 upstream_error" in text
    assert "Next aivideo resolve runs/spring\n" in text
    assert f"aivideo retry runs/spring --base-url {emulator.url}\n" in text
    assert before == len(emulator.requests)


async def test_programs_get_one_object(spring: Path, aivideo: Aivideo):
    """With the same figures."""
    status, summary = (await aivideo("status", "runs/spring", "--json")).records
    assert ("status", 4, 4) == (status["type"], status["pictures"], status["ended"])
    assert {"ok": 1, "failed": 1, "invalid": 1, "unknown": 1}.items() <= (
        status["counts"].items()
    )
    assert (2.4, 2.4, 0) == (status["spent"], status["at_stake"], status["to_spend"])
    assert 1 == status["failures"]["upstream_error"]
    assert (None, ["D"], None) == (status["holder"], status["unknown"], status["eta"])
    assert {"type": "summary", "exit": 0} == summary


async def test_watching_a_run_that_is_over_ends_at_once(spring: Path, aivideo: Aivideo):
    """It tells all of it, as without."""
    once, watched = [
        (await aivideo("status", spring, *option)).lines for option in ([], ["--watch"])
    ]
    assert once == watched


@pytest.mark.parametrize("name", ["empty", "missing", "file"])
async def test_what_is_no_run_is_a_usage_error(
    name: str, aivideo: Aivideo, tmp_path: Path
):
    """Exit code 2, and nothing is made there."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    said = await aivideo("status", name)
    assert (2, "") == (said.code, said.stdout)
    assert not [*(tmp_path / "empty").iterdir()]


async def test_a_journal_that_is_none_cannot_be_read(aivideo: Aivideo, tmp_path: Path):
    """Exit code 2, and the reason."""
    (tmp_path / "journal.db").write_text("hello")
    said = await aivideo("status", tmp_path)
    assert 2 == said.code
    assert "is no journal" in said.stderr


async def test_no_text_of_a_sheet_reaches_the_terminal(
    emulator: Emulator, aivideo: Aivideo, tmp_path: Path
):
    """Keys lose their control characters; the fixture sees to it."""
    sheet = sheet_of(tmp_path, "@drop")
    sheet.write_text('sku,prompt\n"\x1b[31mA\x1b]0;B",@drop\n', "utf-8")
    run = await bought(emulator, tmp_path / "run", sheet=sheet)
    for words in (["status", run], ["resolve", run]):
        assert "[31mA" in (await aivideo(*words)).stdout


# --- a run that goes on -----------------------------------------------------------

Begin = Callable[..., Awaitable[subprocess.Popen[bytes]]]


@pytest_asyncio.fixture
async def begin(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Begin]:
    """Let another process carry out a sheet, until so many are paid and known to be so."""
    started = []

    async def begin(paid: int, known: int, *prompts: str) -> subprocess.Popen[bytes]:
        sheet = sheet_of(tmp_path, *prompts)
        words = [str(sheet), str(tmp_path / "run")]
        process = start(words, environment(tmp_path / "home", **emulator.environment))
        started.append(process)
        while len(emulator.ledger.charges) < paid or running(tmp_path / "run") < known:
            assert process.poll() is None
            await anyio.sleep(0.02)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def start(words: list[str], variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """Carry out a sheet in another process."""
    command = [sys.executable, "-m", "tests.cli.runs", *words]
    return subprocess.Popen(command, env=variables, cwd=ROOT)


def running(run: Path) -> int:
    """Count the tasks that the run's journal knows."""
    with Journal.reading(run / "journal.db") as known:
        return len(known.unfinished())


async def test_a_run_under_way_is_looked_at(begin: Begin, aivideo: Aivideo):
    """Who holds it, what is in flight; it goes on undisturbed and is over in the end."""
    process = await begin(2, 2, "a mug @slow:3000", "a cup @slow:3000")
    said = await aivideo("status", "run")
    record, _ = (await aivideo("status", "run", "--json")).records
    assert f"process {process.pid} on " in said.stdout
    assert "0 of 2: 2 in flight" in said.stdout
    assert "aivideo status run --watch" in said.stdout
    assert process.pid == record["holder"]["pid"]
    assert 4.8 == record["at_stake"]
    watched = await aivideo("status", "run", "--watch")
    assert 0 == await anyio.to_thread.run_sync(process.wait)
    assert 0 == watched.code
    assert "2 of 2" in watched.stdout
    assert watched.lines[0].startswith("0/2 0% in_flight=2 spent=$0.00")


async def test_what_a_killed_run_was_sending_is_unknown(
    begin: Begin, aivideo: Aivideo, emulator: Emulator
):
    """Nobody works on it any more, so nobody will see those answers."""
    process = await begin(2, 1, "a mug @hang", "a cup @slow:1000000")
    process.kill()
    await anyio.to_thread.run_sync(process.wait)
    said = await aivideo("status", "run")
    assert "nobody works on it" in said.stdout
    assert "0 of 2: 1 unknown, 1 in flight" in said.stdout
    assert "the process ended while this create was" in said.stdout
    assert "aivideo resolve run\n" in said.stdout
    assert f"aivideo run products.csv -o run --base-url {emulator.url}" in said.stdout


@pytest.mark.slow
async def test_on_a_terminal_it_is_redrawn_until_ctrl_c(begin: Begin, tmp_path: Path):
    """Within 80 columns; exit code 0, for the run goes on."""
    await begin(1, 1, "a mug @slow:1000000")

    def watch() -> tuple[int, str, str]:
        import pty

        ours, theirs = pty.openpty()
        looking = subprocess.Popen(
            [*COMMAND, "status", "run", "--watch"],
            cwd=tmp_path,
            env=environment(tmp_path / "home", TERM="xterm-256color", COLUMNS="80"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while shown.count(b"Ctrl-C ends the looking") < 2:
            shown += os.read(ours, 65536)
        looking.send_signal(signal.SIGINT)
        stdout, _ = looking.communicate()
        os.close(ours)
        return looking.returncode, shown.decode(), stdout.decode()

    code, shown, stdout = await anyio.to_thread.run_sync(watch)
    assert 0 == code
    assert max(map(len, plain(shown))) <= 80
    assert "0 of 1: 1 in flight" in shown
    assert "0 of 1: 1 in flight" in stdout
