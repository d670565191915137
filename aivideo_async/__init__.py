"""
An asyncio-first client for the AI Video API that never pays twice on its own.

    from aivideo_async import AsyncClient, GptImage2

    async with AsyncClient() as client:
        task = await client.generate(GptImage2("a red mug on a white table"))
        print(task.output.urls)

The house, from the top floor down; imports only go down:

    cli            the command line
    pytest_plugin  fixtures for the tests of your program
    client         the façade: AsyncClient
    callbacks      the service's callbacks, received in your web app
    emulator       a stand-in for the service that knows money; everything runs on it
    shutdown       to know at once that the process was asked to stop
    engine         the pool, the request workers, one heap of due polls
    downloads      results to files, without the key
    transport      the wire: aiohttp, guarded
    throttle       the pace, shared by all requests of a key
    journal        what was bought, kept on disk
    policy         decisions, pure: judge, retry, polling, rate, circuit, budget
    models         words: requests, tasks, the catalogue as data
    errors         every way to fail, and what it means for your money

Importing this package loads none of them: each name is loaded when it is first used.

The logger ``aivideo_async`` gets no handler: so where a program configures no logging,
Python itself prints the warnings, such as of a task that is paid for and unclaimed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from aivideo_async._version import __version__

if TYPE_CHECKING:
    from aivideo_async.client import AsyncClient
    from aivideo_async.downloads import DownloadProgress
    from aivideo_async.emulator import Emulator, EmulatorTransport
    from aivideo_async.engine.stats import Stats
    from aivideo_async.errors import (
        AIVideoError,
        APIError,
        AuthenticationError,
        BillingError,
        BudgetExceededError,
        ConfigurationError,
        DownloadError,
        InsufficientCreditsError,
        InternalServerError,
        InvalidRequestError,
        JournalError,
        ModelNotFoundError,
        NetworkError,
        NotSentError,
        OutcomeUnknownError,
        OutputExpiredError,
        PermissionDeniedError,
        RateLimitError,
        SpendLimitError,
        TaskFailedError,
        TaskNotFoundError,
        UnexpectedResponseError,
        UpstreamError,
        WaitTimeoutError,
    )
    from aivideo_async.models.requests import (
        GenerationRequest,
        GptImage2,
        RawRequest,
    )
    from aivideo_async.models.tasks import (
        Credits,
        Estimate,
        Outcome,
        Output,
        Task,
        TaskFailure,
        TaskStatus,
    )
    from aivideo_async.models.wire import Evidence
    from aivideo_async.policy.polling import Backoff, LearnedPolling
    from aivideo_async.policy.retry import NO_RETRY, RetryPolicy
    from aivideo_async.shutdown import shutdown_event
    from aivideo_async.throttle import LocalThrottle, Throttle
    from aivideo_async.transport.base import Timeouts, Transport

__all__ = [
    "NO_RETRY",
    "AIVideoError",
    "APIError",
    "AsyncClient",
    "AuthenticationError",
    "Backoff",
    "BillingError",
    "BudgetExceededError",
    "ConfigurationError",
    "Credits",
    "DownloadError",
    "DownloadProgress",
    "Emulator",
    "EmulatorTransport",
    "Estimate",
    "Evidence",
    "GenerationRequest",
    "GptImage2",
    "InsufficientCreditsError",
    "InternalServerError",
    "InvalidRequestError",
    "JournalError",
    "LearnedPolling",
    "LocalThrottle",
    "ModelNotFoundError",
    "NetworkError",
    "NotSentError",
    "Outcome",
    "OutcomeUnknownError",
    "Output",
    "OutputExpiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "RawRequest",
    "RetryPolicy",
    "SpendLimitError",
    "Stats",
    "Task",
    "TaskFailedError",
    "TaskFailure",
    "TaskNotFoundError",
    "TaskStatus",
    "Throttle",
    "Timeouts",
    "Transport",
    "UnexpectedResponseError",
    "UpstreamError",
    "WaitTimeoutError",
    "__version__",
    "shutdown_event",
]

_HOMES = {
    "aivideo_async.client": ("AsyncClient",),
    "aivideo_async.downloads": ("DownloadProgress",),
    "aivideo_async.emulator": ("Emulator", "EmulatorTransport"),
    "aivideo_async.engine.stats": ("Stats",),
    "aivideo_async.models": (
        "Credits",
        "Estimate",
        "Evidence",
        "GenerationRequest",
        "GptImage2",
        "Outcome",
        "Output",
        "RawRequest",
        "Task",
        "TaskFailure",
        "TaskStatus",
    ),
    "aivideo_async.policy.polling": ("Backoff", "LearnedPolling"),
    "aivideo_async.policy.retry": ("NO_RETRY", "RetryPolicy"),
    "aivideo_async.shutdown": ("shutdown_event",),
    "aivideo_async.throttle": ("LocalThrottle", "Throttle"),
    "aivideo_async.transport.base": ("Timeouts", "Transport"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'aivideo_async' has no attribute {name!r}")
    # What has no other home is an error.
    home = _HOME_OF.get(name, "aivideo_async.errors")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
