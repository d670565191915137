"""
What both web apps share: settings, whose task is whose, and what a visitor is told.

AIVIDEOAPI_API_KEY is the key; AIVIDEOAPI_BASE_URL may be that of an emulator. For
callbacks set PUBLIC_URL and CALLBACK_SECRET, the same in every process; without them
nothing is called back, and the app finds out by polling.
"""

import logging
import os
import secrets
from typing import Any

import aivideo_async as ai
from aivideo_async.callbacks import CallbackReceiver
from aivideo_async.client.options import CallbackURL

PUBLIC_URL = os.environ.get("PUBLIC_URL")
SECRET = os.environ.get("CALLBACK_SECRET") or secrets.token_urlsafe(32)
PATIENCE = ai.RetryPolicy(patience=5)  # seconds: no browser waits for minutes

log = logging.getLogger("shop")
logging.basicConfig()  # else nobody reads the library's warnings: uvicorn logs its own

owners: dict[str, str] = {}
"""Whose task is whose, by its id: in your app a table, so that it outlives the process."""


def receiver_of(client: ai.AsyncClient) -> CallbackReceiver:
    """Make what takes the callbacks at /hooks."""
    url = (PUBLIC_URL or "http://127.0.0.1:8000") + "/hooks"
    return CallbackReceiver(client, url=url, secret=SECRET)


def callback_url_of(receiver: CallbackReceiver) -> CallbackURL | None:
    """Return what to pass as callback_url: an address for each request, if it has one."""
    return receiver.url_for if PUBLIC_URL else None


def view(task: ai.Task) -> dict[str, Any]:
    """Choose what a visitor gets to see of a task."""
    return {"id": task.id, "status": task.status, "urls": task.output.urls}


ANSWERS: list[tuple[type[ai.AIVideoError], int, str]] = [  # the first that fits
    (ai.InvalidRequestError, 422, ""),  # its own words are for whoever wrote the prompt
    (ai.TaskNotFoundError, 404, "No such shot."),
    (ai.BillingError, 503, "No pictures at the moment. Nothing was ordered."),
    (ai.BudgetExceededError, 503, "No pictures at the moment. Nothing was ordered."),
    (ai.RateLimitError, 503, "Too many at once. Come again in a moment."),
    (ai.NotSentError, 503, "Out of reach. Nothing was ordered."),
    (ai.OutcomeUnknownError, 502, "Perhaps paid; not sent again. We look into it."),
    (ai.AIVideoError, 502, "The picture service failed."),
]
ALARMING = (  # somebody has to look after these
    ai.BillingError,
    ai.BudgetExceededError,
    ai.OutcomeUnknownError,
    ai.AuthenticationError,
    ai.PermissionDeniedError,
)


def answer(error: ai.AIVideoError) -> tuple[int, dict[str, str], dict[str, str]]:
    """Return status, body and headers of the answer to a visitor; you get the log."""
    log.log(logging.CRITICAL if isinstance(error, ALARMING) else logging.INFO, error)
    status, text = next((s, t) for kind, s, t in ANSWERS if isinstance(error, kind))
    seconds = getattr(error, "retry_after", None) or 10
    headers = {"Retry-After": f"{seconds:.0f}"} if status == 503 else {}
    return status, {"error": text or str(error)}, headers
