"""What people pass in: each option and argument is checked before anything is sent."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from yarl import URL

from aivideo_async.errors import ConfigurationError, InvalidRequestError
from aivideo_async.journal import Journal
from aivideo_async.models.catalogue import is_absolute_http
from aivideo_async.models.money import read_credits
from aivideo_async.models.numbers import check_number
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.tasks import Task, is_task_id
from aivideo_async.models.text import show
from aivideo_async.transport.origin import proxy_for, read_base_url, read_proxy
from aivideo_async.transport.secret import Secret

__all__ = [
    "CallbackURL",
    "check_callback",
    "check_kind",
    "check_port",
    "check_request",
    "read_address",
    "read_callback",
    "read_ceiling",
    "read_count",
    "read_journal",
    "read_key",
    "read_proxy_option",
    "read_seconds",
    "read_task_id",
]

CallbackURL: TypeAlias = str | Callable[[GenerationRequest], str]
"""Where the service reports the end of a task: one URL, or one for each request."""

BASE_URL = "https://api.aivideoapi.ai"
# The first is ours; the others are what public code that calls the service reads.
KEY_VARIABLES = (
    "AIVIDEOAPI_API_KEY",
    "AIVIDEOAPI_KEY",
    "AI_VIDEO_API_KEY",
    "AIVIDEO_API_KEY",
)


def read_key(key: Secret | None) -> Secret:
    """
    Return *key*, or the one of the environment; its text stays inside `Secret`.

    Raises:
        ConfigurationError: There is none, or it cannot be one.
    """
    for name in KEY_VARIABLES:
        if key is None and os.environ.get(name):
            key = Secret(os.environ[name])
    if key is not None and key.kind != "str":
        raise ConfigurationError(f"api_key is of type {key.kind}: pass text, a str.")
    if key is None or key.is_blank():
        raise ConfigurationError(
            "No API key: set AIVIDEOAPI_API_KEY, or pass AsyncClient(api_key=…). Keys "
            "are made in the dashboard under API keys. Without one, try the emulator: "
            "python -m aivideo_async demo"
        )
    if not key.is_header_safe():
        raise ConfigurationError(
            "The API key holds blanks or characters that no key has: copy it again."
        )
    return key


def read_address(text: str | None) -> URL:
    """Read the address that was passed, that of the environment, or the service's."""
    if text is not None:
        check_kind("base_url", text, str, "its text, such as 'https://…'")
    return read_base_url(text or os.environ.get("AIVIDEOAPI_BASE_URL") or BASE_URL)


def read_proxy_option(text: str | None, address: URL) -> URL | None:
    """Read the proxy that was passed, or that of the environment."""
    if text is None:
        return proxy_for(address)
    check_kind("proxy", text, str, "its URL as text, such as 'http://proxy:3128'")
    if address.scheme == "http":
        raise ConfigurationError(
            "proxy= does not go with a base_url of plain http: the proxy would read the "
            "key. This machine needs no proxy to reach itself."
        )
    return read_proxy(text)


def read_count(name: str, value: int) -> int:
    """Return *value* if it is a whole number from 1; else `ConfigurationError`."""
    check_number(name, value, least=1, whole=True)
    return value


def read_ceiling(max_credits: Decimal | float | str | None) -> Decimal | None:
    """Return a ceiling in credits, or None; anything else: `ConfigurationError`."""
    if max_credits is None:
        return None
    credits = read_credits(max_credits)
    if credits is None:
        raise ConfigurationError(
            f"max_credits={show(max_credits)}: use a number of credits from 0, or None."
        )
    return credits


def read_journal(journal: Journal | str | os.PathLike[str] | None) -> Journal | None:
    """Return the journal that was passed, or one at the path that was."""
    if journal is None or isinstance(journal, Journal):
        return journal
    if not isinstance(journal, str | os.PathLike):
        raise ConfigurationError(f"journal={show(journal)}: pass the path of a file.")
    return Journal(journal)


def read_seconds(timeout: float | None) -> float | None:
    """Return seconds, or None for ever; anything else is a `ConfigurationError`."""
    if timeout is None or timeout == math.inf:
        return None
    check_number("timeout", timeout)
    return timeout


def check_kind(name: str, value: object, kind: type, example: str) -> None:
    """Refuse an option of another type before it can fail in the middle of a purchase."""
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name}={value!r}: pass {example}.")


def check_port(name: str, value: object, example: str, *verbs: str) -> None:
    """Refuse an option that does not speak the verbs of its port."""
    missing = [verb for verb in verbs if not callable(getattr(value, verb, None))]
    if missing:
        raise ConfigurationError(f"{name}={value!r} has no {missing[0]}(): {example}.")


def read_task_id(task: Task | str) -> str:
    """Return the id of *task*; `InvalidRequestError` if it cannot be one."""
    task_id = task.id if isinstance(task, Task) else task
    if not is_task_id(task_id):
        raise InvalidRequestError(
            f"task id {task_id!r}: use a Task, or an id as the service gave it "
            "(letters, digits, '-' and '_').",
            field="task_id",
        )
    return task_id


def check_request(request: object) -> None:
    """Refuse what is not a request."""
    if not isinstance(request, GenerationRequest):
        raise InvalidRequestError(
            f"{type(request).__name__} is not a request: wrap it, as in "
            "GptImage2(prompt).",
            field="request",
        )


def check_callback(url: str | None) -> None:
    """Refuse a callback that the service could not call."""
    if url is not None and not is_absolute_http(url):
        raise InvalidRequestError(
            f"callback_url={show(url)} is not an absolute http(s) URL that the service "
            "could call.",
            field="callback_url",
        )


def read_callback(option: CallbackURL | None, request: GenerationRequest) -> str | None:
    """Return the callback URL of *request*; a function is asked for it once."""
    url = option(request) if callable(option) else option
    check_callback(url)
    return url
