"""What comes back: read with tolerance, kept with care."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import exceptions
from hypothesis import example, given, strategies as st

from aivideo_async.errors import AIVideoError, NotSentError
from aivideo_async.models import (
    Credits,
    GptImage2,
    Outcome,
    Output,
    Task,
    TaskFailure,
    TaskStatus,
)
from aivideo_async.models.strictjson import decode
from aivideo_async.models.tasks import is_task_id
from tests.models.strategies import JSON, OBJECTS

# The answers of the service's own page.
COMPLETED = {
    "id": "397ce9f2-c04e-4244-ac33-3af19a7cc297",
    "status": "completed",
    "model": "gpt-image-2",
    "created_at": 1775383908,
    "completed_at": 1775383910,
    "output": {
        "urls": ["https://file.aivideoapi.ai/images/2026/04/05/abc123.png"],
        "metadata": {"model": "gpt-image-2-image-to-image", "costTime": 70},
    },
}
FAILED = {
    "id": "57c8772c-f834-46f3-9b7d-81f92e104050",
    "status": "failed",
    "model": "gpt-image-2",
    "created_at": 1775383908,
    "error": {"code": "upstream_error", "message": "Generation failed"},
}
CREATED = datetime(2026, 4, 5, 10, 11, 48, tzinfo=UTC)
URL = "https://file.aivideoapi.ai/images/a.png"


def read(**fields: Any) -> Task:
    """Read a task with these fields."""
    return Task.from_json({"id": "t-1", **fields})


# --- the documented answers -----------------------------------------------------


def test_the_completed_task_of_the_page_is_read():
    """Every field of it, times as aware UTC."""
    expected = Task(
        "397ce9f2-c04e-4244-ac33-3af19a7cc297",
        TaskStatus.COMPLETED,
        model="gpt-image-2",
        created_at=CREATED,
        completed_at=CREATED.replace(second=50),
        output=Output(
            urls=("https://file.aivideoapi.ai/images/2026/04/05/abc123.png",),
            metadata={"model": "gpt-image-2-image-to-image", "costTime": 70},
        ),
        raw=COMPLETED,
    )
    assert expected == Task.from_json(COMPLETED)


def test_the_failed_task_of_the_page_is_read():
    """It has a reason, no end and no files."""
    expected = Task(
        "57c8772c-f834-46f3-9b7d-81f92e104050",
        TaskStatus.FAILED,
        model="gpt-image-2",
        created_at=CREATED,
        error=TaskFailure("upstream_error", "Generation failed"),
        raw=FAILED,
    )
    task = Task.from_json(FAILED)
    assert expected == task
    assert not task.output


def test_a_video_has_a_last_frame():
    """When it was asked for."""
    task = read(status="completed", output={"urls": [URL], "last_frame_url": URL})
    assert Output(urls=(URL,), last_frame_url=URL) == task.output


def test_what_nobody_knows_yet_stays_readable():
    """The answer is kept as it came."""
    answer = {"id": "t-1", "status": "queued", "queue": {"place": 7}}
    assert answer == Task.from_json(answer).raw


# --- tolerance ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", TaskStatus.PENDING),
        ("queued", TaskStatus.PENDING),
        ("processing", TaskStatus.PROCESSING),
        ("in_progress", TaskStatus.PROCESSING),
        ("completed", TaskStatus.COMPLETED),
        ("complete", TaskStatus.COMPLETED),
        ("success", TaskStatus.COMPLETED),
        ("succeeded", TaskStatus.COMPLETED),
        ("succeed", TaskStatus.COMPLETED),
        ("done", TaskStatus.COMPLETED),
        ("failed", TaskStatus.FAILED),
        ("error", TaskStatus.FAILED),
        ("cancelled", TaskStatus.FAILED),
        ("canceled", TaskStatus.FAILED),
        ("expired", TaskStatus.FAILED),
        ("COMPLETED", TaskStatus.COMPLETED),
        ("Processing", TaskStatus.PROCESSING),
        ("paused", TaskStatus.OTHER),
        ("other", TaskStatus.OTHER),
        ("", TaskStatus.OTHER),
        (None, TaskStatus.OTHER),
        (200, TaskStatus.OTHER),
        (True, TaskStatus.OTHER),
        (["completed"], TaskStatus.OTHER),
    ],
    ids=repr,
)
def test_every_word_that_was_met_is_understood(word: Any, status: TaskStatus):
    """The documented four, those met in public code, and OTHER for the rest."""
    task = read(status=word)
    assert status is task.status
    assert task.is_final == (status in {TaskStatus.COMPLETED, TaskStatus.FAILED})


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"error": {"code": "nsfw"}}, TaskStatus.FAILED, id="an error"),
        pytest.param({"error": "nsfw"}, TaskStatus.FAILED, id="an error in words"),
        pytest.param(
            {"error": {"code": "nsfw"}, "output": {"urls": [URL]}},
            TaskStatus.FAILED,
            id="both",
        ),
        pytest.param({"output": {"urls": [URL]}}, TaskStatus.COMPLETED, id="files"),
        pytest.param({"output": {"urls": []}}, TaskStatus.OTHER, id="no files"),
        pytest.param({"output": [URL]}, TaskStatus.OTHER, id="odd output"),
        pytest.param({"error": None}, TaskStatus.OTHER, id="no error"),
        pytest.param({"error": {}}, TaskStatus.OTHER, id="an empty error"),
    ],
)
@pytest.mark.parametrize("word", [{"status": "paused"}, {}], ids=["odd", "missing"])
def test_an_unknown_status_is_settled_by_error_or_files(
    word: dict[str, str], fields: dict[str, Any], status: TaskStatus
):
    """Otherwise it still runs."""
    assert status is read(**word, **fields).status


@pytest.mark.parametrize("word", ["pending", "processing"])
def test_a_known_status_is_believed(word: str):
    """Neither files nor an error make a running task final."""
    assert not read(status=word, output={"urls": [URL]}, error={"code": "x"}).is_final


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("status", "model", "created_at", "completed_at", "progress", "error"), JSON
        )
        | {
            "output": JSON
            | st.fixed_dictionaries(
                {},
                optional=dict.fromkeys(("urls", "last_frame_url", "metadata"), JSON),
            )
        },
    ),
    OBJECTS,
)
@example({"created_at": 10**400, "completed_at": -(10**18), "progress": 10**400}, {})
@example({"created_at": "1e400", "progress": "1e400"}, {})
@example({"created_at": 10**5000, "completed_at": 10**5000}, {})
@example({"progress": 10**5000}, {})
@example({"created_at": "1e9999999", "progress": "1e9999999"}, {})
@example({"progress": "-1e-9999999", "error": {"code": 10**5000}}, {})
@example({"error": {"code": ["x"], "message": {"deep": 1}}}, {})
def test_with_a_good_id_any_answer_is_a_task(fields: dict[str, Any], more: Any):
    """Whatever stands in the other fields; each has its type, or is None."""
    answer = {**more, **fields, "id": "t-1"}
    task = Task.from_json(answer)
    assert answer == task.raw
    assert isinstance(task.status, TaskStatus)
    assert isinstance(task.model, str | None)
    for moment in (task.created_at, task.completed_at):
        assert moment is None or moment.utcoffset() is not None
    assert task.progress is None or math.isfinite(task.progress)
    assert all(url and isinstance(url, str) for url in task.output.urls)
    assert isinstance(task.output.last_frame_url, str | None)
    assert isinstance(task.output.metadata, dict)
    assert isinstance(task.error, TaskFailure | None)
    assert task == pickle.loads(pickle.dumps(task))


def test_no_depth_can_be_decoded_and_then_break_the_reading():
    """What nests too deeply is refused by the decoder, or not at all."""
    for depth in range(1, 1000):
        message = b"[" * depth + b"1" + b"]" * depth
        body = b'{"id": "t-1", "error": {"message": %b}}' % message
        try:
            answer = decode(body)
        except ValueError:
            break
        assert TaskStatus.FAILED is Task.from_json(answer).status


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(1775383908, CREATED, id="seconds"),
        pytest.param(1775383908.0, CREATED, id="float"),
        pytest.param("1775383908", CREATED, id="text"),
        pytest.param(0, datetime(1970, 1, 1, tzinfo=UTC), id="epoch"),
        pytest.param("2026-04-05", None, id="a date in words"),
        pytest.param(True, None, id="flag"),
        pytest.param(None, None, id="null"),
        pytest.param(10**18, None, id="beyond the calendar"),
        pytest.param(float("nan"), None, id="NaN"),
    ],
)
def test_times_are_unix_seconds(moment: Any, expected: datetime | None):
    """As aware UTC; anything else is None."""
    task = read(created_at=moment, completed_at=moment)
    assert (expected, expected) == (task.created_at, task.completed_at)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(None, None), (0, 0.0), (37, 37.0), (0.5, 0.5), ("80", 80.0), ("80%", None)],
    ids=repr,
)
def test_progress_is_a_number_or_nothing(progress: Any, expected: float | None):
    """Every documented sample says null."""
    assert expected == read(progress=progress).progress


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            {"code": "a\x1b[31m", "message": "b\r\nc\u202e"},
            TaskFailure("a [31m", "b  c "),
            id="control characters",
        ),
        pytest.param({"code": 7}, TaskFailure("7", "no reason was given"), id="number"),
        pytest.param("nsfw", TaskFailure("unknown", "nsfw"), id="words"),
        pytest.param(
            {"why": "x"}, TaskFailure("unknown", "no reason was given"), id="odd"
        ),
        pytest.param(
            {"message": "x" * 9999}, TaskFailure("unknown", "x" * 2048), id="long"
        ),
        pytest.param({}, None, id="empty"),
        pytest.param("", None, id="no words"),
        pytest.param(["nsfw"], None, id="list"),
    ],
)
def test_a_failure_is_told_in_printable_words(error: Any, expected: TaskFailure | None):
    """Safe for terminals and logs, cut at 2 KiB."""
    assert expected == read(status="failed", error=error).error


def test_of_the_urls_only_text_is_kept():
    """In the service's order."""
    urls = ["https://a", None, "", 7, ["https://b"], "https://c"]
    assert ("https://a", "https://c") == read(output={"urls": urls}).output.urls


@pytest.mark.parametrize(
    ("output", "truth"),
    [(Output(), False), (Output(metadata={"a": 1}), False), (Output((URL,)), True)],
    ids=["nothing", "only metadata", "a file"],
)
def test_an_output_is_true_once_there_are_files(output: Output, truth: bool):
    """So ``if task.output`` asks the right question."""
    assert truth is bool(output)


# --- ids ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("397ce9f2-c04e-4244-ac33-3af19a7cc297", True),
        ("a", True),
        ("A_b-9", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("a/b", False),
        ("..", False),
        ("a?b", False),
        ("ä", False),
        ("\u0661", False),
        (7, False),
        (None, False),
        (b"a", False),
        (["a"], False),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_task_id_is_safe_in_a_path(value: Any, good: bool):
    """Letters, digits, ``_`` and ``-``, at most 128; nothing else is looked up."""
    assert good is is_task_id(value)


@pytest.mark.parametrize(
    "answer",
    [None, [], "t-1", {}, {"id": None}, {"id": 7}, {"id": "../x"}, {"taskId": "t-1"}],
    ids=repr,
)
def test_an_answer_without_a_good_id_is_no_task(answer: Any):
    """The one thing that has to be right."""
    with pytest.raises(ValueError, match="no well-formed 'id'"):
        Task.from_json(answer)


# --- credits --------------------------------------------------------------------

BALANCE = {"balance": 9800, "total_purchased": 10000, "total_consumed": 200}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            {"code": 200, "msg": "success", "data": BALANCE},
            Credits(Decimal(9800), Decimal(10000), Decimal(200)),
            id="documented",
        ),
        pytest.param(
            BALANCE, Credits(Decimal(9800), Decimal(10000), Decimal(200)), id="bare"
        ),
        pytest.param({"balance": 152.1}, Credits(Decimal("152.1")), id="float"),
        pytest.param({"balance": "152.10"}, Credits(Decimal("152.1")), id="text"),
        pytest.param({"balance": 0}, Credits(Decimal(0)), id="nothing left"),
        pytest.param({"balance": -2.4}, Credits(Decimal("-2.4")), id="a debt"),
        pytest.param(
            {"balance": 1, "total_purchased": True, "total_consumed": "many"},
            Credits(Decimal(1)),
            id="odd totals",
        ),
    ],
)
def test_credits_are_read_with_or_without_envelope(answer: Any, expected: Credits):
    """Exactly as shown: never through a binary float."""
    assert expected == Credits.from_json(answer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        7,
        {},
        {"data": None},
        {"data": {}},
        {"data": [BALANCE]},
        {"balance": None},
        {"balance": True},
        {"balance": "many"},
        {"balance": "NaN"},
        {"balance": float("inf")},
        {"balance": [9800]},
    ],
    ids=repr,
)
def test_without_a_balance_there_are_no_credits(answer: Any):
    """An error, not a zero that looks like ruin."""
    with pytest.raises(ValueError, match="no number under 'balance'"):
        Credits.from_json(answer)


@given(JSON)
def test_no_answer_breaks_the_reading_of_credits(answer: Any):
    """It has a finite balance, or it is a ValueError."""
    try:
        credits = Credits.from_json(answer)
    except ValueError:
        return
    assert credits.balance.is_finite()


# --- outcomes -------------------------------------------------------------------

DONE = Task("t-1", TaskStatus.COMPLETED)
REQUEST = GptImage2("a mug", key="mug-1")


def test_a_completed_outcome_gives_its_task():
    """And is ok."""
    outcome = Outcome(0, REQUEST, task=DONE)
    assert outcome.ok
    assert DONE is outcome.unwrap()


def test_an_outcome_raises_its_own_error():
    """Also if its task is known."""
    error = NotSentError("no connection")
    outcome = Outcome(0, REQUEST, task=DONE, error=error)
    assert not outcome.ok
    with pytest.raises(NotSentError) as caught:
        outcome.unwrap()
    assert error is caught.value


@pytest.mark.parametrize(
    "task",
    [None, Task("t-1"), Task("t-1", TaskStatus.FAILED)],
    ids=["no task", "running", "failed"],
)
def test_what_is_not_ok_is_never_unwrapped(task: Task | None):
    """`unwrap` returns completed tasks and nothing else."""
    outcome = Outcome(3, REQUEST, task=task)
    assert not outcome.ok
    with pytest.raises(AIVideoError):
        outcome.unwrap()


# --- values ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Task.from_json(COMPLETED), id="Task"),
        pytest.param(Task.from_json(FAILED), id="failed Task"),
        pytest.param(Output((URL,), URL, {"seed": 7}), id="Output"),
        pytest.param(TaskFailure("nsfw", "refused"), id="TaskFailure"),
        pytest.param(Credits(Decimal("9.8")), id="Credits"),
        pytest.param(Outcome(0, REQUEST, task=DONE), id="Outcome"),
    ],
)
def test_results_are_values(value: Any):
    """Equal by content after a journey to another process, hashable, and frozen."""
    assert 1 == len({value, pickle.loads(pickle.dumps(value))})
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(value, value.__attrs_attrs__[0].name, None)


def test_the_answer_does_not_flood_the_repr():
    """A task in a log shows what matters."""
    assert "costTime" in repr(Task.from_json(COMPLETED).output)
    assert "raw" not in repr(Task.from_json(COMPLETED))
