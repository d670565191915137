"""``aivideo resolve``: what is unknown is listed, and settled only as somebody decides."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
import click
import pytest
import pytest_asyncio

from aivideo_async import Task
from aivideo_async.cli.exits import UnusableError
from aivideo_async.cli.options import Settings
from aivideo_async.cli.resolve.decisions import Decisions, Said
from aivideo_async.cli.resolve.evidence import clock_ahead, misfit, overview
from aivideo_async.cli.resolve.settling import Unknown
from aivideo_async.emulator import Emulator
from aivideo_async.journal import Journal, Record, State, Word
from aivideo_async.models import Evidence
from tests.cli.conftest import Aivideo
from tests.cli.runs import FAST, bought, sheet_of
from tests.cli.sheets import set_running
from tests.cli.terminal import Ran, run_in_terminal

SENT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NONE = timedelta(0)


def record(key: str = "A", **about: Any) -> Record:
    """Build a purchase whose outcome is unknown."""
    values: dict[str, Any] = {
        "item": 1,
        "attempt": 1,
        "fingerprint": "",
        "state": State.UNKNOWN,
        "model": "gpt-image-2",
        "method": "POST",
        "path": "/v1/x",
        "price": 2400,
        "callback_url": None,
        "task_id": None,
        "evidence": Evidence(status=200, body="{", fault="broken", reason="not JSON"),
        "answer": None,
        "intended_at": SENT,
        "ended_at": None,
        "claimed": False,
        "word": None,
    }
    return Record(key=key, **values | about)


def task(seconds: float | None = 1.0, model: str = "gpt-image-2") -> Task:
    """Build a task that was created so long after the purchase was sent."""
    created = None if seconds is None else SENT + timedelta(seconds=seconds)
    return Task("t-1", model=model, created_at=created)


# --- what is decided, pure --------------------------------------------------------


def test_each_purchase_is_decided_once():
    """What is not named is what "all" means; a key may hold an equals sign."""
    said = Said(adopt=("A=1=t-1",), resubmit=("B",), forget_all=True)
    unknown = [record(key) for key in ("A=1", "B", "C", "D")]
    decided = Decisions.read(said, unknown)
    assert {"A=1": "t-1"} == decided.adopt
    assert (["B"], ["C", "D"]) == (decided.resubmit, decided.forget)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (Said(forget=("Z",)), "Z has no unknown outcome."),
        (Said(forget=("A",), resubmit=("A",)), "named twice"),
        (Said(forget=("A", "A")), "named twice"),
        (Said(adopt=("A=t-1", "A=t-2")), "named twice"),
        (Said(adopt=("A",)), "is not KEY=TASK_ID"),
        (Said(adopt=("=t-1",)), "is not KEY=TASK_ID"),
        (Said(adopt=("A=../x",)), "is not KEY=TASK_ID"),
        (Said(resubmit_all=True, forget_all=True), "exclude each other"),
    ],
    ids=str,
)
def test_what_makes_no_sense_changes_nothing(said: Said, text: str):
    """It is found before anything is done."""
    with pytest.raises(click.UsageError) as caught:
        Decisions.read(said, [record("A")])
    assert text in caught.value.message
    assert "Nothing was changed" in caught.value.message


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (task(), None),
        (task(-59), None),
        (task(-61), "before the request was sent"),
        (task(None), "does not say when"),
        (task(model="veo-3"), "is of model veo-3"),
    ],
    ids=["fits", "a skewed clock", "too old", "undated", "another model"],
)
def test_only_a_task_that_fits_is_believed(found: Task, text: str | None):
    """A minute is left for clocks that disagree."""
    reason = misfit(record(), found, NONE)
    assert reason is None if text is None else text in (reason or "")


def test_a_wrong_clock_of_this_machine_does_not_matter():
    """Earlier tasks of the run tell by how much it is wrong."""
    hour = timedelta(hours=1)
    ready = [
        record(answer={"id": "t-0", "created_at": int((SENT - hour).timestamp())})
        for _ in range(3)
    ]
    assert (-hour, NONE) == (clock_ahead(ready), clock_ahead([]))
    assert None is misfit(record(), task(-3600), -hour)
    assert misfit(record(), task(-3600), NONE)


def test_an_id_that_arrived_is_offered():
    """With the command that adopts it."""
    body = '{"code":200,"msg":"ok","data":{"taskId":"t-9","sta'
    known = record(evidence=Evidence(status=200, body=body, reason="broken"))
    lines = [*overview(Path("runs/my spring"), [known])]
    assert "    aivideo resolve 'runs/my spring' --adopt A=t-9" in lines


@pytest.mark.parametrize("hostile", ["\x1b[31mA", "A\nB", "A" * 500])
def test_no_evidence_breaks_the_list(hostile: str):
    """It is other people's text; only a key stays whole, so that it can be copied."""
    known = record(hostile, evidence=Evidence(500, hostile, hostile, hostile))
    *lines, named = sorted(overview(Path("run"), [known]), key=len)
    assert all(line.isprintable() for line in [*lines, named])
    assert max(map(len, lines)) <= 80


# --- what is done -----------------------------------------------------------------


@pytest_asyncio.fixture
async def spring(emulator: Emulator, tmp_path: Path) -> Path:
    """Make a run of which A is there, and B and C are paid for and unknown."""
    return await bought(
        emulator, tmp_path / "run", "a mug", "a cup @drop", "a jug @drop"
    )


def known_of(run: Path, key: str) -> Record:
    """Return what the journal knows of *key*."""
    with Journal.reading(run / "journal.db") as known:
        found = known.find(key)
    assert found is not None
    return found


def lost(emulator: Emulator, number: int) -> str:
    """Return the id of a task whose create got no answer."""
    return emulator.ledger.charges[number].task_id


async def test_without_a_decision_nothing_happens(
    spring: Path, aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Each is listed with its evidence and the money, and the ways out; exit code 7."""
    monkeypatch.delenv("AIVIDEOAPI_API_KEY")
    before = (spring / "manifest.jsonl").stat(), len(emulator.requests)
    said = await aivideo("resolve", "run")
    assert (7, "") == (said.code, said.stderr)
    assert "2 pictures of run have an unknown outcome:" in said.stdout
    assert "4.8 credits ($0.024) at most" in said.stdout
    assert "B  2.4 credits ($0.012), sent " in said.stdout
    assert "connection or answer broke" in said.stdout
    for option in ("--adopt KEY=TASK_ID", "--resubmit KEY", "--forget KEY"):
        assert f"aivideo resolve run {option}" in said.stdout
    assert max(map(len, said.lines)) <= 80
    assert before == ((spring / "manifest.jsonl").stat(), len(emulator.requests))


async def test_programs_get_the_evidence(spring: Path, aivideo: Aivideo):
    """One object for each, and the sums."""
    *unknown, summary = (await aivideo("resolve", "run", "--json")).records
    assert [("unknown", "B"), ("unknown", "C")] == [
        (one["type"], one["key"]) for one in unknown
    ]
    assert {"credits": 2.4, "status": None, "task_id": None}.items() <= (
        unknown[0].items()
    )
    assert unknown[0]["reason"]
    assert {"type": "summary", "unknown": 2, "credits": 4.8, "exit": 7} == summary


async def test_with_nothing_unknown_all_is_well(
    emulator: Emulator, aivideo: Aivideo, tmp_path: Path
):
    """Exit code 0; nothing can be decided."""
    await bought(emulator, tmp_path / "run", "a mug")
    said = await aivideo("resolve", "run")
    assert (0, ["No picture of run has an unknown outcome."]) == (said.code, said.lines)
    refused = await aivideo("resolve", "run", "--resubmit", "A", "--yes")
    assert 2 == refused.code
    assert "A has no unknown outcome. Nothing was changed." in refused.stderr


async def test_an_adopted_task_is_collected_and_not_bought_again(
    spring: Path, aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """The manifest has it at once; the next run saves it."""
    word = f"B={lost(emulator, 1)}"
    said = await aivideo("resolve", "run", "--adopt", word)
    assert 7 == said.code  # C is still unknown
    assert said.lines[0].startswith(f"B adopted: task {lost(emulator, 1)} is ")
    assert "Next      aivideo resolve run" in said.lines
    manifest = (spring / "manifest.jsonl").read_text("utf-8").splitlines()
    assert lost(emulator, 1) == json.loads(manifest[1])["task_id"]
    await bought(emulator, spring, sheet=tmp_path / "products.csv")
    assert State.SAVED is known_of(spring, "B").state
    assert (spring / "images" / "B.png").is_file()
    assert 3 == len(emulator.ledger.charges)


async def test_a_task_that_cannot_be_it_is_refused(
    spring: Path, aivideo: Aivideo, emulator: Emulator
):
    """With the reason; nothing is changed, and the others are settled nevertheless."""
    words = ["B=no-such-task", f"C={lost(emulator, 0)}"]
    options = [option for word in words for option in ("--adopt", word)]
    said = await aivideo("resolve", "run", *options)
    assert 7 == said.code
    assert " adopted: " not in said.stdout
    assert "Task ID does not exist" in said.stderr
    assert "belongs to a picture of this run already" in said.stderr
    assert {State.UNKNOWN} == {known_of(spring, key).state for key in "BC"}


async def test_a_task_is_adopted_once(
    spring: Path, aivideo: Aivideo, emulator: Emulator
):
    """It is one picture's, for ever."""
    words = [f"{key}={lost(emulator, 1)}" for key in "BC"]
    said = await aivideo("resolve", "run", "--adopt", words[0], "--adopt", words[1])
    assert 7 == said.code
    assert "belongs to a picture of this run already" in said.stderr
    assert State.UNKNOWN is known_of(spring, "C").state


async def test_another_api_is_not_asked(
    spring: Path, aivideo: Aivideo, emulator: Emulator
):
    """It would know none of the tasks; exit code 2."""
    word = f"B={lost(emulator, 1)}"
    said = await aivideo(
        "resolve", "run", "--adopt", word, "--base-url", "http://127.0.0.1:9"
    )
    assert 2 == said.code
    assert f"add --base-url {emulator.url}" in " ".join(said.stderr.split())


async def test_a_forgotten_purchase_is_left_alone(
    spring: Path, aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It is never bought, and goes on counting as spent; exit code 0 in the end."""
    said = await aivideo("resolve", "run", "--forget-all")
    assert 0 == said.code
    assert 2 == sum(" forgotten: " in line for line in said.lines)
    await bought(emulator, spring, sheet=tmp_path / "products.csv")
    assert Word.FORGOTTEN is known_of(spring, "B").word
    assert 3 == len(emulator.ledger.charges)
    with Journal.reading(spring / "journal.db") as known:
        assert 7200 == known.committed()
    assert "2 settled" in (await aivideo("status", "run")).stdout


async def test_what_was_forgotten_may_be_bought_after_all(
    spring: Path, aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It is spent, not at stake; it can be resubmitted, and that asks as ever."""
    await aivideo("resolve", "run", "--forget-all")
    said = await aivideo("status", "run")
    assert "Spent     7.2 credits" in said.stdout
    assert "At stake" not in said.stdout
    plan = await aivideo("plan", tmp_path / "products.csv", "-o", "run", "--offline")
    assert "2 settled (counts as spent)" in plan.stdout
    refused = await aivideo("resolve", "run", "--resubmit", "B")
    assert (2, Word.FORGOTTEN) == (refused.code, known_of(spring, "B").word)
    assert 0 == (await aivideo("resolve", "run", "--resubmit", "B", "--yes")).code
    sheet = sheet_of(tmp_path, "a mug", "a cup", "a jug")
    await bought(emulator, spring, sheet=sheet)
    assert State.SAVED is known_of(spring, "B").state
    assert 4 == len(emulator.ledger.charges)


async def test_what_is_resubmitted_is_bought_by_the_next_run(
    spring: Path, aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """And not by the command itself; programs are told, too."""
    said = await aivideo("resolve", "run", "--resubmit-all", "--yes", "--json")
    assert [("settled", "B"), ("settled", "C")] == [
        (one["type"], one.get("key")) for one in said.records[:-1]
    ]
    assert 0 == said.code
    assert 3 == len(emulator.ledger.charges)
    sheet = sheet_of(tmp_path, "a mug", "a cup", "a jug")
    await bought(emulator, spring, sheet=sheet)
    assert 5 == len(emulator.ledger.charges)
    assert {State.SAVED} == {known_of(spring, key).state for key in "ABC"}


async def test_without_a_terminal_nobody_is_asked_to_pay_twice(
    spring: Path, aivideo: Aivideo
):
    """Exit code 2, naming the price and the flag."""
    said = await aivideo("resolve", "run", "--resubmit", "B")
    words = " ".join(said.stderr.split())
    assert 2 == said.code
    assert "may be paid twice: another 2.4 credits ($0.012)." in words
    assert "add --yes. Nothing was changed." in words
    assert None is known_of(spring, "B").word


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code"), [("y\n", 7), ("n\n", 2)])
async def test_on_a_terminal_it_asks_before_anything_is_paid_twice(
    typed: str, code: int, spring: Path, emulator: Emulator, tmp_path: Path
):
    """Naming the price; no is the default."""

    def resolve() -> Ran:
        words = ("resolve", "run", "--resubmit", "B")
        return run_in_terminal(*words, folder=tmp_path, typed=typed)

    ran = await anyio.to_thread.run_sync(resolve)
    assert code == ran.code
    assert "1 picture may be paid twice: another 2.4 credits" in ran.stderr
    word = Word.RELEASED if code == 7 else None
    assert word is known_of(spring, "B").word


async def test_a_run_under_way_is_not_meddled_with(
    spring: Path, aivideo: Aivideo, emulator: Emulator
):
    """Exit code 2, naming who has it; listing works."""
    journal = Journal(spring / "journal.db")
    async with emulator.client(journal=journal, polling=FAST):
        refused = await aivideo("resolve", "run", "--forget-all")
        listed = await aivideo("resolve", "run")
    assert 2 == refused.code
    assert "is in use by" in refused.stderr
    assert 7 == listed.code


async def test_what_was_settled_meanwhile_is_not_bought_again(
    spring: Path, aivideo: Aivideo, emulator: Emulator
):
    """A word that is said of an older state changes nothing."""
    settings = Settings()
    earlier = Unknown.read(settings, spring)
    await aivideo("resolve", "run", "--adopt", f"B={lost(emulator, 1)}")
    decided = Decisions.read(Said(resubmit=("B",)), earlier.records)
    with pytest.raises(UnusableError, match="'B' has changed"):
        await earlier.settle(decided)
    assert None is known_of(spring, "B").word


async def test_a_wrong_key_adopts_nothing(
    spring: Path, aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 4."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-wrong")
    said = await aivideo("resolve", "run", "--adopt", f"B={lost(emulator, 1)}")
    assert 4 == said.code
    assert State.UNKNOWN is known_of(spring, "B").state


# --- tasks in flight that are gone ------------------------------------------------


@pytest.fixture
def gone(spring: Path) -> Path:
    """Let A be in flight, as a task that the service does not know."""
    set_running(spring, "A", gone=True)
    return spring


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("--resubmit", "A", "--yes"), Word.RELEASED),
        (("--forget", "A"), Word.FORGOTTEN),
    ],
    ids=["resubmit", "forget"],
)
async def test_a_task_that_is_gone_can_be_given_up(
    words: tuple[str, ...], word: Word, gone: Path, aivideo: Aivideo
):
    """By its key; the task that is known to have been bought stays as evidence."""
    said = await aivideo("resolve", "run", *words)
    assert 7 == said.code  # B and C are unknown
    assert (State.RUNNING, word) == (
        known_of(gone, "A").state,
        known_of(gone, "A").word,
    )


async def test_what_was_given_up_is_bought_by_the_next_run(
    gone: Path, aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Once, and it is there then."""
    await aivideo("resolve", "run", "--resubmit", "A", "--yes")
    sheet = sheet_of(tmp_path, "another mug", "a cup @drop", "a jug @drop")
    await bought(emulator, gone, sheet=sheet)
    assert (State.SAVED, 4) == (known_of(gone, "A").state, len(emulator.ledger.charges))


async def test_a_task_that_the_service_knows_is_not_given_up(
    spring: Path, aivideo: Aivideo
):
    """It is paid, and the next run collects it."""
    set_running(spring, "A")
    said = await aivideo("resolve", "run", "--resubmit", "A", "--yes")
    assert 7 == said.code
    assert "the next run collects it. Nothing was changed." in said.stderr
    assert None is known_of(spring, "A").word


async def test_what_is_in_flight_is_meant_only_if_it_is_named(
    gone: Path, aivideo: Aivideo
):
    """And the list tells that it can be."""
    listed = await aivideo("resolve", "run")
    assert "  aivideo resolve run --resubmit A" in listed.lines
    assert max(map(len, listed.lines)) <= 80
    await aivideo("resolve", "run", "--forget-all")
    assert None is known_of(gone, "A").word
