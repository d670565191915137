"""Which error belongs to which refusal of the API: the one table of codes."""

from __future__ import annotations

from aivideo_async.errors import (
    APIError,
    AuthenticationError,
    BillingError,
    InsufficientCreditsError,
    InternalServerError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitError,
    SpendLimitError,
    TaskNotFoundError,
    UpstreamError,
)

__all__ = ["api_error"]

_BY_CODE: dict[str, type[APIError]] = {
    "invalid_request": InvalidRequestError,
    "invalid_api_key": AuthenticationError,
    "insufficient_credits": InsufficientCreditsError,
    "ip_not_allowed": PermissionDeniedError,
    "model_not_found": ModelNotFoundError,
    "task_not_found": TaskNotFoundError,
    "rate_limit_exceeded": RateLimitError,
    "spend_limit_exceeded": SpendLimitError,
    "internal_error": InternalServerError,
    "upstream_error": UpstreamError,
}

_BY_STATUS: dict[int, type[APIError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    429: RateLimitError,
    503: UpstreamError,
}


def api_error(
    message: str,
    *,
    status: int,
    code: str | None = None,
    type: str | None = None,  # noqa: A002  (the API's own word)
    retry_after: float | None = None,
    task_id: str | None = None,
) -> APIError:
    """
    Build the error that belongs to an answer of the API.

    The documented code decides; the type and then the HTTP status are the fallback.

    Example:
        >>> api_error("slow down", status=429, code="rate_limit_exceeded")
        RateLimitError('429 rate_limit_exceeded: slow down. ...')
    """
    cls = _BY_CODE.get(code or "")
    if cls is None and type == "billing_error":
        cls = BillingError
    if cls is None:
        cls = _BY_STATUS.get(status)
    if cls is None:
        cls = InternalServerError if status >= 500 else APIError
    return cls(
        message,
        status=status,
        code=code,
        type=type,
        retry_after=retry_after,
        task_id=task_id,
    )
