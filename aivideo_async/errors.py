"""
Every way in which a call can fail, and what each means for your money.

    AIVideoError
    ├── ConfigurationError        no key, bad base_url, used from another loop
    │                             (also a ValueError)
    ├── NetworkError              a GET broke (also a ConnectionError)
    │   └── NotSentError          no byte of the request left this process:
    │                             safe to send again
    ├── OutcomeUnknownError       a create was sent, its answer is lost:
    │                             perhaps paid; never re-sent by itself
    ├── UnexpectedResponseError   an answer that is not the API's
    ├── APIError                  the API said no, in its own words
    │   ├── InvalidRequestError   400, or found before sending (also a ValueError)
    │   ├── AuthenticationError   401
    │   ├── PermissionDeniedError 403
    │   ├── ModelNotFoundError    404
    │   ├── TaskNotFoundError     404
    │   ├── BillingError
    │   │   ├── InsufficientCreditsError   402
    │   │   └── SpendLimitError            429 of the key's spend limit
    │   ├── RateLimitError        429, after patience ran out
    │   ├── InternalServerError   500 to a GET (to a create: OutcomeUnknownError)
    │   └── UpstreamError         503; documented as refunded
    ├── TaskFailedError           the generation failed; the service refunds it
    ├── WaitTimeoutError          the waiting ended, not the task
    │                             (also a TimeoutError)
    ├── BudgetExceededError       max_credits would be passed; nothing was sent
    ├── JournalError              the journal cannot be written: nothing is bought
    └── DownloadError
        └── OutputExpiredError

Rules: one root; every error pickles; none ever holds the API key. The text of
each says what happened, whether money may be at stake, and what to do next.
Classify by class or by ``error.code``, never by the text.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from aivideo_async.models import Evidence, Task

__all__ = [
    "AIVideoError",
    "APIError",
    "AuthenticationError",
    "BillingError",
    "BudgetExceededError",
    "ConfigurationError",
    "DownloadError",
    "InsufficientCreditsError",
    "InternalServerError",
    "InvalidRequestError",
    "JournalError",
    "ModelNotFoundError",
    "NetworkError",
    "NotSentError",
    "OutcomeUnknownError",
    "OutputExpiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "SpendLimitError",
    "TaskFailedError",
    "TaskNotFoundError",
    "UnexpectedResponseError",
    "UpstreamError",
    "WaitTimeoutError",
]


class AIVideoError(Exception):
    """
    The root of all errors of this library.

    Attributes:
        task_id: The task that the error is about, whenever one is known. A task
            that was paid for can be picked up again with ``client.wait(task_id)``.
    """

    task_id: str | None

    def __init__(self, message: str, *, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses take keyword arguments, which the default protocol forgets.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[AIVideoError], args: tuple[Any, ...], state: dict[str, Any]
) -> AIVideoError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(AIVideoError, ValueError):
    """The client cannot work as it was set up. Nothing was sent."""


class NetworkError(AIVideoError, ConnectionError):
    """A request that costs nothing (a GET) broke. Ask again."""


class NotSentError(NetworkError):
    """No byte of the request left this process: nothing was charged, send it again."""


class OutcomeUnknownError(AIVideoError):
    """
    A paid request was sent and its answer is lost: it may have been charged.

    It is never sent again by itself, because that could pay twice. The choice is
    yours: look into *evidence*, compare ``client.credits()``, or submit it anew and
    accept that it may cost twice.

    Attributes:
        evidence: What the exchange left behind; `aivideo_async.Evidence`.
    """

    evidence: Evidence

    def __init__(
        self, message: str, *, evidence: Evidence, task_id: str | None = None
    ) -> None:
        super().__init__(message, task_id=task_id)
        self.evidence = evidence


class UnexpectedResponseError(AIVideoError):
    """
    An answer that is not the API's: HTML, broken JSON, another task.

    Attributes:
        status: The HTTP status.
        body: The first 2 KiB of the answer, made printable.
    """

    status: int | None
    body: str

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        body: str = "",
        task_id: str | None = None,
    ) -> None:
        super().__init__(message, task_id=task_id)
        self.status = status
        self.body = body


class APIError(AIVideoError):
    """
    The API refused the request, in its own words.

    Attributes:
        status: The HTTP status; None when it was found before sending.
        code: The API's error code, such as ``invalid_request``.
        type: The API's error type, such as ``invalid_request_error``.
        message: The API's own message.
        retry_after: Seconds after which to try again, when somebody said so.
    """

    advice: ClassVar[str] = "Nothing was charged by this request."

    status: int | None
    code: str | None
    type: str | None
    message: str
    retry_after: float | None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        type: str | None = None,  # noqa: A002  (the API's own word)
        retry_after: float | None = None,
        task_id: str | None = None,
    ) -> None:
        label = " ".join(str(part) for part in (status, code) if part is not None)
        text = f"{label}: {message}" if label else message
        stop = "" if text.endswith((".", "!", "?")) else "."
        super().__init__(f"{text}{stop} {self.advice}", task_id=task_id)
        self.status = status
        self.code = code
        self.type = type
        self.message = message
        self.retry_after = retry_after

    def for_another(self) -> Self:
        """Make the error of a request that is given up because this one was refused."""
        prefix = "given up, because an earlier request was refused: "
        return type(self)(
            prefix + self.message.removeprefix(prefix),
            status=self.status,
            code=self.code,
            type=self.type,
            retry_after=self.retry_after,
        )


class InvalidRequestError(APIError, ValueError):
    """The request breaks a rule; `status` is None if that was found before sending."""

    advice = "Nothing was charged; correct the request."

    field: str | None

    def __init__(self, message: str, *, field: str | None = None, **about: Any) -> None:
        super().__init__(message, **about)
        self.field = field


class AuthenticationError(APIError):
    """The key is wrong, disabled or deleted, or the account is banned."""

    advice = "Nothing was charged; check the key (sk-…) in the dashboard, API keys."


class PermissionDeniedError(APIError):
    """This machine's address is not in the key's allowlist."""

    advice = "Nothing was charged; add this machine's address to the key's allowlist."


class ModelNotFoundError(APIError):
    """The model does not exist or is inactive."""

    advice = "Nothing was charged; check the model's name."


class TaskNotFoundError(APIError):
    """The task does not exist, at least not for this key."""

    advice = "Looking costs nothing; check the task id and the key it was made with."


class BillingError(APIError):
    """
    Buying is over for now. Tasks already bought go on and can be collected.

    Attributes:
        retry_at: When the client will let a create pass again, to see whether the
            limit has cleared; until then it refuses creates without sending them.
    """

    advice = (
        "Nothing was charged by this request; no create is sent until this clears, "
        "what was bought is still collected."
    )

    retry_at: datetime | None = None


class InsufficientCreditsError(BillingError):
    """The balance is too low."""

    advice = (
        "Nothing was charged by this request; top up in the dashboard under Billing. "
        "What was bought is still collected."
    )


class SpendLimitError(BillingError):
    """
    The key's own hourly, daily or total spend limit is reached.

    It is not a `RateLimitError`: trying again does not help before the limit clears.
    """

    advice = (
        "Nothing was charged by this request; raise the key's spend limit or wait "
        "until it clears. What was bought is still collected."
    )


class RateLimitError(APIError):
    """The API went on refusing for longer than `RetryPolicy.patience` allows."""

    advice = "Nothing was charged; send it again later or allow more patience."


class InternalServerError(APIError):
    """The API broke while answering a request that costs nothing."""

    advice = "Looking costs nothing; ask again."


class UpstreamError(APIError):
    """
    The provider behind the API failed or refused the content (503).

    Documented as refunded. Prohibited content gives the same answer for ever, so it
    is not sent again unless `RetryPolicy.upstream_attempts` says so.
    """

    advice = (
        "The service documents a refund; it may be the content, the parameters or a "
        "provider that is down. Sending it again is a new purchase."
    )


class TaskFailedError(AIVideoError):
    """
    The generation itself failed; the service refunds failed tasks.

    Attributes:
        task: The failed task, with its error in ``task.error``.
    """

    task: Task

    def __init__(self, task: Task) -> None:
        reason = f"{task.error.code}: {task.error.message}" if task.error else "failed"
        super().__init__(
            f"Task {task.id} failed: {reason}. The service refunds failed tasks; "
            "submitting it again is a new purchase.",
            task_id=task.id,
        )
        self.task = task


class WaitTimeoutError(AIVideoError, TimeoutError):
    """
    The waiting ended before the task did.

    With a `task_id` the task goes on and ``client.wait(task_id)`` picks it up again
    at no cost. Without one the request was withdrawn before it was sent, or its id
    will be in ``client.unclaimed``; the text says which.
    """


class BudgetExceededError(AIVideoError):
    """
    The request could pass `max_credits`. Nothing was sent.

    Attributes:
        price: What it was expected to cost, in credits; None where that is not known,
            which is refused too.
    """

    price: Decimal | None

    def __init__(
        self,
        message: str,
        *,
        price: Decimal | None = None,
        task_id: str | None = None,
    ) -> None:
        super().__init__(message, task_id=task_id)
        self.price = price


class JournalError(AIVideoError):
    """
    The journal cannot be written or read, or what it holds forbids a purchase.

    Nothing is sent before its intent is on disk, so what raises this was not bought.
    What was bought before is kept, and written down as soon as that is possible.
    """


class DownloadError(AIVideoError):
    """A result could not be saved. It is not lost: call ``client.download`` again."""


class OutputExpiredError(DownloadError):
    """The result is no longer served, not even at a freshly fetched URL."""
