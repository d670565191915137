"""
Exit codes: what a script may rely on. An unknown code means failure.

      0  everything asked for is done
      1  unexpected error, a bug
      2  usage; nothing was sent
      3  finished, some failed or were refused
      4  cannot work: key, address or permission
      5  stopped by money; what was in flight was collected
      6  unreachable, rate-limited beyond patience, or not ready yet: try again later
      7  finished, but the outcome of a purchase is unknown
      8  the disk is full or not writable; buying stopped
    130  stopped by Ctrl-C; 143 by SIGTERM; 129 by SIGHUP, when its terminal was closed

When several apply the gravest counts: see `worst`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum

import click

from aivideo_async.errors import (
    AIVideoError,
    AuthenticationError,
    BillingError,
    BudgetExceededError,
    ConfigurationError,
    DownloadError,
    InternalServerError,
    InvalidRequestError,
    JournalError,
    NetworkError,
    OutcomeUnknownError,
    OutputExpiredError,
    PermissionDeniedError,
    RateLimitError,
    UnexpectedResponseError,
    WaitTimeoutError,
)

__all__ = [
    "CODES",
    "DiskError",
    "Exit",
    "NotAgreedError",
    "UnusableError",
    "code_of",
    "usage",
    "worst",
]


class Exit(IntEnum):
    """How a command ended; 128 and a signal's number when one stopped it."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SOME_FAILED = 3
    CANNOT_WORK = 4
    MONEY = 5
    TRY_LATER = 6
    UNKNOWN = 7
    DISK = 8
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class DiskError(click.ClickException):
    """The disk is full or not writable."""

    exit_code = Exit.DISK


class NotAgreedError(click.ClickException):
    """Nobody agreed to spend so much."""

    exit_code = Exit.USAGE


class UnusableError(click.ClickException):
    """What was named cannot be used: a sheet, a folder, a key."""

    exit_code = Exit.USAGE


CODES: Mapping[type[AIVideoError], Exit] = {
    AIVideoError: Exit.SOME_FAILED,
    ConfigurationError: Exit.CANNOT_WORK,
    AuthenticationError: Exit.CANNOT_WORK,
    PermissionDeniedError: Exit.CANNOT_WORK,
    BillingError: Exit.MONEY,
    BudgetExceededError: Exit.MONEY,
    NetworkError: Exit.TRY_LATER,
    UnexpectedResponseError: Exit.TRY_LATER,
    InternalServerError: Exit.TRY_LATER,
    RateLimitError: Exit.TRY_LATER,
    WaitTimeoutError: Exit.TRY_LATER,
    JournalError: Exit.DISK,
    DownloadError: Exit.TRY_LATER,
    OutputExpiredError: Exit.SOME_FAILED,
    OutcomeUnknownError: Exit.UNKNOWN,
}
"""The code of each class of errors, and of those derived from it."""

GRAVEST_FIRST = (
    Exit.BUG,
    Exit.USAGE,
    Exit.DISK,
    Exit.CANNOT_WORK,
    Exit.MONEY,
    Exit.TRY_LATER,
    Exit.UNKNOWN,
    Exit.SOME_FAILED,
    Exit.DONE,
)


@contextmanager
def usage() -> Iterator[None]:
    """Take what is wrong with a file or a folder that was named for wrong usage."""
    try:
        yield
    except ConfigurationError as error:
        raise UnusableError(str(error)) from None


def code_of(error: Exception) -> Exit:
    """
    Return the code of the class of *error*; of a bug if it is none of ours.

    Example:
        >>> from aivideo_async import SpendLimitError
        >>> code_of(SpendLimitError("Key spend limit reached."))
        <Exit.MONEY: 5>
    """
    if isinstance(error, DownloadError) and isinstance(error.__cause__, OSError):
        return Exit.DISK
    if isinstance(error, InvalidRequestError) and error.status is None:
        return Exit.USAGE  # found before anything was sent
    known = (CODES[cls] for cls in type(error).__mro__ if cls in CODES)
    return next(known, Exit.BUG)


def worst(codes: Iterable[Exit]) -> Exit:
    """
    Return the gravest of *codes*; `Exit.DONE` if there is none.

    Example:
        >>> worst([Exit.SOME_FAILED, Exit.UNKNOWN, Exit.DONE])
        <Exit.UNKNOWN: 7>
    """
    return min(codes, key=GRAVEST_FIRST.index, default=Exit.DONE)
