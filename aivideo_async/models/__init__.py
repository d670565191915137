"""Words: requests, tasks, the catalogue as data, and the terms of an exchange."""

from aivideo_async.models.requests import GenerationRequest, GptImage2, RawRequest
from aivideo_async.models.tasks import (
    Credits,
    Estimate,
    Outcome,
    Output,
    Task,
    TaskFailure,
    TaskStatus,
)
from aivideo_async.models.wire import (
    Evidence,
    Exchange,
    Fault,
    FaultKind,
    WireRequest,
)

__all__ = [
    "Credits",
    "Estimate",
    "Evidence",
    "Exchange",
    "Fault",
    "FaultKind",
    "GenerationRequest",
    "GptImage2",
    "Outcome",
    "Output",
    "RawRequest",
    "Task",
    "TaskFailure",
    "TaskStatus",
    "WireRequest",
]
