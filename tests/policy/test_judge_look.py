"""Looks cost nothing: what cannot be read is simply asked again."""

from __future__ import annotations

from typing import Any

import pytest

from aivideo_async import errors
from aivideo_async.models import Fault
from aivideo_async.policy.judge import LookKind, judge_look
from tests.policy.answers import (
    BROKEN,
    CERTIFICATE,
    FAULTS,
    HTML,
    REFUSED,
    TIMEOUT,
    envelope,
)

OK, TRANSIENT, THROTTLED, FATAL = LookKind


@pytest.mark.parametrize(
    ("status", "body", "data"),
    [
        pytest.param(200, b'{"id":"t-1"}', {"id": "t-1"}, id="a task"),
        pytest.param(203, b"[]", [], id="another 2xx"),
        pytest.param(200, b"\xef\xbb\xbf{}", {}, id="BOM"),
        pytest.param(299, b"null", None, id="null"),
    ],
)
def test_a_whole_answer_is_read(status: int, body: bytes, data: Any):
    """Whatever it is; the caller knows what it asked for."""
    look = judge_look(True, status, body, None)
    assert (OK, data, None) == (look.kind, look.data, look.error)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
@pytest.mark.parametrize(
    ("status", "body"),
    [(None, b""), (200, b'{"id":"t-1"}'), (404, b""), (503, HTML)],
    ids=["no answer", "200", "404", "503"],
)
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "not sent"])
def test_a_broken_look_is_asked_again(
    sent: bool, status: int | None, body: bytes, fault: Fault
):
    """Whatever arrived of it; only a refused certificate is hopeless."""
    look = judge_look(sent, status, body, fault)
    cls = errors.NetworkError if sent else errors.NotSentError
    assert (FATAL if fault is CERTIFICATE else TRANSIENT) is look.kind
    assert type(look.error) is cls
    assert str(fault) in str(look.error)
    assert "costs nothing; ask again" in str(look.error)


def test_no_answer_at_all_is_asked_again():
    """Not even a fault is needed."""
    assert TRANSIENT is judge_look(True, None, b"", None).kind
    assert type(judge_look(False, None, b"", None).error) is errors.NotSentError


@pytest.mark.parametrize("body", [b"", HTML, b'{"id":', b'{"a":1,"a":2}', b"NaN"])
def test_a_success_that_cannot_be_read_is_asked_again(body: bytes):
    """The error keeps what came instead."""
    look = judge_look(True, 200, body, None)
    assert TRANSIENT is look.kind
    assert isinstance(look.error, errors.UnexpectedResponseError)
    assert (200, body.decode()) == (look.error.status, look.error.body)
    assert "It cost nothing" in str(look.error)


@pytest.mark.parametrize(
    ("status", "code", "kind", "cls", "verdict"),
    [
        (400, "invalid_request", "", errors.InvalidRequestError, FATAL),
        (401, "invalid_api_key", "", errors.AuthenticationError, FATAL),
        (402, "insufficient_credits", "", errors.InsufficientCreditsError, TRANSIENT),
        (403, "ip_not_allowed", "", errors.PermissionDeniedError, FATAL),
        (404, "task_not_found", "", errors.TaskNotFoundError, FATAL),
        (404, "model_not_found", "", errors.ModelNotFoundError, FATAL),
        (408, "timeout", "", errors.APIError, TRANSIENT),
        (409, "conflict", "", errors.APIError, FATAL),
        (425, "too_early", "", errors.APIError, TRANSIENT),
        (429, "rate_limit_exceeded", "", errors.RateLimitError, THROTTLED),
        (429, "spend_limit_exceeded", "", errors.SpendLimitError, TRANSIENT),
        (429, "cap", "billing_error", errors.BillingError, TRANSIENT),
        (500, "internal_error", "", errors.InternalServerError, TRANSIENT),
        (502, "bad_gateway", "", errors.InternalServerError, TRANSIENT),
        (503, "upstream_error", "", errors.UpstreamError, TRANSIENT),
        (503, "maintenance", "", errors.UpstreamError, TRANSIENT),
        (503, "rate_limit_exceeded", "", errors.RateLimitError, TRANSIENT),
        (504, "", "", errors.InternalServerError, TRANSIENT),
    ],
)
def test_a_refused_look_is_asked_again_if_that_may_help(
    status: int, code: str, kind: str, cls: type[errors.APIError], verdict: LookKind
):
    """The throttle has its own word; what is the caller's fault is final."""
    look = judge_look(True, status, envelope(code, kind, "No."), None)
    assert verdict is look.kind
    assert type(look.error) is cls
    assert status == look.error.status


@pytest.mark.parametrize(
    ("of_task", "cls"),
    [(True, errors.TaskNotFoundError), (False, errors.APIError)],
    ids=["a task", "something else"],
)
def test_a_404_in_other_words_means_what_was_looked_at(
    of_task: bool, cls: type[errors.APIError]
):
    """It is no task that is missing when none was asked for."""
    look = judge_look(True, 404, HTML, None, of_task=of_task)
    assert FATAL is look.kind
    assert type(look.error) is cls
    assert 404 == look.error.status


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_look_keeps_its_retry_after(status: int):
    """For whoever waits."""
    look = judge_look(True, status, b"", None, retry_after=7.0)
    assert isinstance(look.error, errors.APIError)
    assert 7.0 == look.error.retry_after


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399])
def test_a_redirected_look_is_a_wrong_address(status: int):
    """The key is not sent after it."""
    look = judge_look(True, status, HTML, None)
    assert FATAL is look.kind
    assert isinstance(look.error, errors.UnexpectedResponseError)
    assert "is base_url right?" in str(look.error)


@pytest.mark.parametrize("fault", [REFUSED, BROKEN, TIMEOUT], ids=lambda f: f.kind)
def test_a_fault_outranks_the_status(fault: Fault):
    """Half a 401 is no 401."""
    look = judge_look(True, 401, envelope("invalid_api_key"), fault)
    assert TRANSIENT is look.kind
