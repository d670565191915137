"""
Errors: which class for which answer, and what each tells its reader.

That the tree is as drawn, and that every error pickles, `test_house.py` shows.
"""

from __future__ import annotations

import copy
import pickle
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from aivideo_async import errors
from aivideo_async.models import Evidence, Task, TaskFailure, TaskStatus
from aivideo_async.policy.refusals import api_error
from tests.policy.answers import DOCUMENTED

CLASSES = [
    thing for name in errors.__all__ if isinstance(thing := getattr(errors, name), type)
]
API_ERRORS = [cls for cls in CLASSES if issubclass(cls, errors.APIError)]
BY_CODE = {
    "invalid_request": errors.InvalidRequestError,
    "invalid_api_key": errors.AuthenticationError,
    "insufficient_credits": errors.InsufficientCreditsError,
    "ip_not_allowed": errors.PermissionDeniedError,
    "model_not_found": errors.ModelNotFoundError,
    "task_not_found": errors.TaskNotFoundError,
    "rate_limit_exceeded": errors.RateLimitError,
    "spend_limit_exceeded": errors.SpendLimitError,
    "internal_error": errors.InternalServerError,
    "upstream_error": errors.UpstreamError,
}


# --- which class ----------------------------------------------------------------


@pytest.mark.parametrize(("status", "code", "kind"), DOCUMENTED)
def test_each_documented_code_has_its_class(status: int, code: str, kind: str):
    """With everything that the answer says."""
    error = api_error("No.", status=status, code=code, type=kind, retry_after=7.0)
    assert type(error) is BY_CODE[code]
    assert (status, code, kind, "No.", 7.0) == (
        error.status,
        error.code,
        error.type,
        error.message,
        error.retry_after,
    )


@pytest.mark.parametrize("code", BY_CODE)
@pytest.mark.parametrize("status", [400, 418, 429, 500])
def test_the_code_outranks_status_and_type(code: str, status: int):
    """A gateway may change the status, hardly the body."""
    error = api_error("No.", status=status, code=code, type="billing_error")
    assert type(error) is BY_CODE[code]


@pytest.mark.parametrize("status", [400, 402, 429, 503])
@pytest.mark.parametrize("code", ["monthly_limit_exceeded", "", None])
def test_money_is_known_by_its_type(status: int, code: str | None):
    """A new code of a billing error is never taken for a rate limit."""
    error = api_error("No.", status=status, code=code, type="billing_error")
    assert type(error) is errors.BillingError


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (402, errors.InsufficientCreditsError),
        (403, errors.PermissionDeniedError),
        (404, errors.APIError),
        (405, errors.APIError),
        (418, errors.APIError),
        (429, errors.RateLimitError),
        (499, errors.APIError),
        (500, errors.InternalServerError),
        (502, errors.InternalServerError),
        (503, errors.UpstreamError),
        (599, errors.InternalServerError),
    ],
)
@pytest.mark.parametrize("code", ["brand_new", "", None])
def test_the_status_is_the_last_resort(
    status: int, cls: type[errors.APIError], code: str | None
):
    """A 404 alone does not say what was not found."""
    error = api_error("No.", status=status, code=code, type="api_error")
    assert type(error) is cls


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.InvalidRequestError, ValueError),
        (errors.NetworkError, ConnectionError),
        (errors.NotSentError, ConnectionError),
        (errors.WaitTimeoutError, TimeoutError),
    ],
)
def test_who_knows_only_python_can_catch_them(
    cls: type[Exception], base: type[Exception]
):
    """By the built-in class that fits."""
    assert issubclass(cls, base)


@pytest.mark.parametrize(
    ("cls", "other"),
    [
        (errors.SpendLimitError, errors.RateLimitError),
        (errors.OutcomeUnknownError, errors.NetworkError),
        (errors.OutcomeUnknownError, errors.NotSentError),
        (errors.OutcomeUnknownError, errors.APIError),
        (errors.NetworkError, errors.NotSentError),
        (errors.WaitTimeoutError, errors.NetworkError),
    ],
)
def test_what_must_not_be_retried_is_not_caught_with_what_may(
    cls: type[Exception], other: type[Exception]
):
    """``except RateLimitError: retry`` cannot spin on money."""
    assert not issubclass(cls, other)


# --- what each tells ------------------------------------------------------------


@pytest.mark.parametrize("cls", API_ERRORS, ids=lambda cls: cls.__name__)
def test_an_api_error_says_what_happened_and_what_it_means_for_the_money(
    cls: type[errors.APIError],
):
    """Status, code and message first; then the charge and the next step."""
    text = str(cls("Sorry.", status=418, code="teapot"))
    assert text.startswith("418 teapot: Sorry. ")
    assert text.endswith(".")
    assert re.search(r"charged|refund|costs nothing", text)


@pytest.mark.parametrize(
    ("about", "start"),
    [
        ({"status": 429, "code": "x"}, "429 x: Sorry. "),
        ({"status": 429}, "429: Sorry. "),
        ({"code": "x"}, "x: Sorry. "),
        ({}, "Sorry. Nothing was charged"),
    ],
    ids=["both", "status", "code", "neither"],
)
def test_an_api_error_shows_what_is_known(about: dict[str, Any], start: str):
    """Found before sending there is neither status nor code."""
    assert str(errors.APIError("Sorry.", **about)).startswith(start)


@pytest.mark.parametrize(
    ("message", "start"),
    [
        ("Sorry.", "Sorry. Nothing"),
        ("Sorry", "Sorry. Nothing"),
        ("Sorry!", "Sorry! Nothing"),
        ("Sorry?", "Sorry? Nothing"),
    ],
)
def test_what_the_api_says_ends_like_a_sentence(message: str, start: str):
    """So that the advice after it can be read."""
    error = errors.APIError(message)
    assert str(error).startswith(start)
    assert message == error.message


def test_a_refusal_is_passed_on_to_those_that_are_given_up():
    """As an error of its own, that says so once, however often it is passed on."""
    first = errors.SpendLimitError(
        "Enough.", status=429, code="spend_limit_exceeded", type="billing_error",
        retry_after=60.0, task_id="t-1",
    )  # fmt: skip
    other = first.for_another().for_another()
    assert type(other) is errors.SpendLimitError
    assert other is not first
    assert "given up, because an earlier request was refused: Enough." == other.message
    assert (429, "spend_limit_exceeded", "billing_error", 60.0, None) == (
        other.status,
        other.code,
        other.type,
        other.retry_after,
        other.task_id,
    )


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (
            Task("t-1", TaskStatus.FAILED, error=TaskFailure("nsfw", "refused")),
            "Task t-1 failed: nsfw: refused. ",
        ),
        (Task("t-1", TaskStatus.FAILED), "Task t-1 failed: failed. "),
    ],
    ids=["with a reason", "without"],
)
def test_a_failed_task_tells_why_and_that_it_is_refunded(task: Task, reason: str):
    """And that trying again is a new purchase."""
    error = errors.TaskFailedError(task)
    assert str(error).startswith(reason)
    assert "The service refunds failed tasks" in str(error)
    assert "new purchase" in str(error)
    assert (task, "t-1") == (error.task, error.task_id)


def test_only_errors_about_a_task_have_its_id():
    """Whoever catches the root can ask for it."""
    assert errors.AIVideoError("no").task_id is None
    assert "t-1" == errors.AIVideoError("no", task_id="t-1").task_id
    assert "t-1" == api_error("no", status=404, task_id="t-1").task_id


def test_a_billing_error_has_no_date_before_somebody_gives_one():
    """The client says when it will try again."""
    assert errors.BillingError("no").retry_at is None
    assert errors.SpendLimitError("no").retry_at is None


# --- as objects -----------------------------------------------------------------


def dated() -> errors.SpendLimitError:
    """Build an error that was changed after it was made."""
    error = errors.SpendLimitError("no", status=429, code="spend_limit_exceeded")
    error.retry_at = datetime(2026, 4, 5, tzinfo=UTC)
    error.add_note("row 7 of spring.csv")
    return error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(dated(), id="changed later"),
        pytest.param(errors.NetworkError("broke"), id="an OSError"),
        pytest.param(
            errors.WaitTimeoutError("late", task_id="t-1"), id="a TimeoutError"
        ),
        pytest.param(
            errors.InvalidRequestError("no", field="prompt"), id="a ValueError"
        ),
        pytest.param(
            errors.OutcomeUnknownError("lost", evidence=Evidence(502, "<html>")),
            id="with evidence",
        ),
        pytest.param(errors.TaskFailedError(Task("t-1")), id="with a task"),
    ],
)
@pytest.mark.parametrize(
    "journey",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_the_same_error(journey: Any, error: errors.AIVideoError):
    """Class, text, attributes and notes."""
    other = journey(error)
    assert type(error) is type(other)
    assert (str(error), repr(error)) == (str(other), repr(other))
    assert vars(error) == vars(other)


def test_a_copy_does_not_change_the_original():
    """The state is its own."""
    error = dated()
    copy.deepcopy(error).add_note("another")
    copy.copy(error).retry_at = None
    assert ["row 7 of spring.csv"] == error.__notes__
    assert error.retry_at is not None
