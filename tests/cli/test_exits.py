"""Exit codes: each error has one, and the gravest counts."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from aivideo_async import (
    DownloadError,
    InvalidRequestError,
    errors,
)
from aivideo_async.cli import exits
from aivideo_async.cli.exits import DiskError, Exit, code_of, worst
from tests.test_house import ERRORS, example

DOCUMENTED = {
    "AIVideoError": 3,
    "APIError": 3,
    "AuthenticationError": 4,
    "BillingError": 5,
    "BudgetExceededError": 5,
    "ConfigurationError": 4,
    "DownloadError": 6,
    "InsufficientCreditsError": 5,
    "InternalServerError": 6,
    "InvalidRequestError": 3,
    "JournalError": 8,
    "ModelNotFoundError": 3,
    "NetworkError": 6,
    "NotSentError": 6,
    "OutcomeUnknownError": 7,
    "OutputExpiredError": 3,
    "PermissionDeniedError": 4,
    "RateLimitError": 6,
    "SpendLimitError": 5,
    "TaskFailedError": 3,
    "TaskNotFoundError": 3,
    "UnexpectedResponseError": 6,
    "UpstreamError": 3,
    "WaitTimeoutError": 6,
}


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_each_error_has_its_code(cls: type[errors.AIVideoError]):
    """A new class of errors has to be given one on purpose."""
    assert DOCUMENTED[cls.__name__] == code_of(example(cls))


def test_what_was_found_before_sending_is_a_usage_error():
    """The API never heard of it."""
    assert Exit.USAGE is code_of(InvalidRequestError("prompt is blank."))


def test_any_other_exception_is_a_bug():
    """Exit code 1, also where the system says no to something unheard of."""
    assert Exit.BUG is code_of(KeyError("surprise"))
    assert Exit.BUG is code_of(OSError(5, "Input/output error"))


def full_disk() -> DownloadError:
    """Fail to save a picture as the library does."""
    error = DownloadError("Task t-1 could not be saved.")
    error.__cause__ = OSError(28, "No space left on device")
    return error


def test_the_disk_has_its_own_code():
    """Unlike a picture that could not be fetched."""
    assert Exit.DISK is code_of(full_disk())
    assert Exit.DISK == DiskError.exit_code


def test_the_gravest_of_several_counts():
    """The key before money, money before the network, then unknown, then failed."""
    order = [Exit(code) for code in (4, 5, 6, 7, 3, 0)]
    for graver, lighter in combinations(order, 2):
        assert graver is worst([lighter, graver])
    assert Exit.DISK is worst([Exit.CANNOT_WORK, Exit.DISK])
    assert Exit.DONE is worst([])


def test_the_table_of_the_docstring_is_complete():
    """It names every code, and no other."""
    named = {int(code) for code in re.findall(r"\b(\d+)  \w", exits.__doc__ or "")}
    assert {*Exit} == named | {129, 143}
