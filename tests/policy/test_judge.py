"""The judge, row by row: what an exchange means for the money."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from aivideo_async import errors
from aivideo_async.models import Evidence, Fault
from aivideo_async.policy.judge import VerdictKind, judge
from tests.policy.answers import (
    ACCEPTED,
    BROKEN,
    CANCELLED,
    CERTIFICATE,
    HTML,
    REFUSED,
    TASK_ID,
    TIMEOUT,
    TOO_LARGE,
    UNCLEAN,
    envelope,
)

GOOD, NOT_SENT, REJECTED, RETRY_LATER, UNKNOWN = VerdictKind


# --- not sent -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "fatal"),
    [
        pytest.param(REFUSED, False, id="connection refused"),
        pytest.param(Fault(REFUSED.kind, "DNS"), False, id="no such host"),
        pytest.param(Fault(REFUSED.kind, "TLS 1.1 only"), False, id="handshake closed"),
        pytest.param(TIMEOUT, False, id="timeout while connecting"),
        pytest.param(CERTIFICATE, True, id="certificate or fingerprint"),
        pytest.param(UNCLEAN, False, id="stray answer on the pooled connection"),
        pytest.param(CANCELLED, False, id="cancelled before the first byte"),
        pytest.param(BROKEN, False, id="broken before the first byte"),
        pytest.param(None, False, id="withdrawn"),
    ],
)
def test_what_was_not_sent_was_not_charged(fault: Fault | None, fatal: bool):
    """It may be sent again, unless trying again would not mend it."""
    verdict = judge(False, None, b"", fault)
    assert (NOT_SENT, fatal) == (verdict.kind, verdict.fatal)
    assert type(verdict.error) is errors.NotSentError
    assert "nothing was charged" in str(verdict.error)
    advice = "check base_url" if fatal else "It is safe to send again."
    assert advice in str(verdict.error)
    assert str(fault or "withdrawn") in str(verdict.error)


def test_the_mark_outranks_the_answer():
    """An answer to what was never sent is somebody else's."""
    assert NOT_SENT is judge(False, 200, ACCEPTED, None).kind


# --- sent, and the answer is lost -----------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        pytest.param(None, b"", BROKEN, id="closed or reset, read or not"),
        pytest.param(None, b"", TIMEOUT, id="no answer"),
        pytest.param(None, b"HTTP/1.", BROKEN, id="half a head"),
        pytest.param(
            None, b"", Fault(BROKEN.kind, "status 99999"), id="malformed head"
        ),
        pytest.param(None, b"", CANCELLED, id="cancelled"),
        pytest.param(None, b"", CERTIFICATE, id="certificate, after the first byte"),
        pytest.param(None, b"", None, id="nothing at all"),
        pytest.param(200, b"", BROKEN, id="head, then reset"),
        pytest.param(200, b'{"code":200,"msg":"suc', BROKEN, id="cut before the id"),
        pytest.param(200, b'{"code":200,"msg":"suc', None, id="cut without an error"),
        pytest.param(200, b"x" * 5000, TOO_LARGE, id="too large"),
    ],
)
def test_a_lost_answer_is_unknown(status: int | None, body: bytes, fault: Fault | None):
    """Nobody can know whether it was charged."""
    verdict = judge(True, status, body, fault)
    assert (UNKNOWN, None) == (verdict.kind, verdict.task_id)


# --- sent, and answered with success --------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, ACCEPTED, id="documented"),
        pytest.param(201, ACCEPTED, id="201"),
        pytest.param(202, ACCEPTED, id="202"),
        pytest.param(299, ACCEPTED, id="299"),
        pytest.param(200, codecs.BOM_UTF8 + ACCEPTED, id="BOM"),
        pytest.param(200, b"\r\n " + ACCEPTED + b"\n", id="blanks around"),
        pytest.param(200, b'{"data":{"taskId":"%s"}}' % TASK_ID.encode(), id="no code"),
        pytest.param(
            200,
            b'{"data":{"x":[],"taskId":"%s"},"new":1,"code":200}' % TASK_ID.encode(),
            id="more fields, other order",
        ),
    ],
)
def test_success_with_one_good_id_is_accepted(status: int, body: bytes):
    """Any 2xx; the decoded answer is kept."""
    verdict = judge(True, status, body, None)
    assert (GOOD, TASK_ID, True) == (verdict.kind, verdict.task_id, verdict.confirmed)
    assert TASK_ID == verdict.reply["data"]["taskId"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty, as with 204"),
        pytest.param(HTML, id="HTML"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"%s"' % TASK_ID.encode(), id="a bare id"),
        pytest.param(b'{"code":200,"msg":"success"}', id="no data"),
        pytest.param(b'{"code":200,"data":null}', id="data null"),
        pytest.param(b'{"code":200,"data":"t-1"}', id="data in words"),
        pytest.param(b'{"code":200,"data":{}}', id="no id"),
        pytest.param(b'{"code":200,"data":{"taskId":null}}', id="id null"),
        pytest.param(b'{"code":200,"data":{"taskId":7}}', id="id a number"),
        pytest.param(b'{"code":200,"data":{"taskId":""}}', id="id empty"),
        pytest.param(b'{"code":200,"data":{"taskId":["t-1"]}}', id="id a list"),
        pytest.param(b'{"code":200,"data":{"taskId":"../t"}}', id="id a path"),
        pytest.param(
            b'{"code":200,"data":{"taskId":"%s"}}' % (b"x" * 129), id="id long"
        ),
        pytest.param(
            b'{"code":200,"data":{"task_id":"t-1"}}', id="id under another name"
        ),
        pytest.param(b'{"code":200,"taskId":"t-1"}', id="id elsewhere"),
        pytest.param(b'{"code":500,"data":{"taskId":"t-1"}}', id="code 500"),
        pytest.param(b'{"code":"200","data":{"taskId":"t-1"}}', id="code in words"),
        pytest.param(b'{"code":null,"data":{"taskId":"t-1"}}', id="code null"),
        pytest.param(b'{"code":true,"data":{"taskId":"t-1"}}', id="code true"),
        pytest.param(b'{"code":NaN,"data":{"taskId":"t-1"}}', id="code NaN"),
        pytest.param(b'{"code":200,"data":{"taskId":"a","taskId":"b"}}', id="two ids"),
        pytest.param(
            b'{"code":200,"data":{"taskId":"a","taskId":"a"}}', id="one id twice"
        ),
        pytest.param(ACCEPTED + ACCEPTED, id="two answers"),
        pytest.param(
            b'{"code":200,"code":500,"data":{"taskId":"a"}}', id="two different codes"
        ),
        pytest.param(b'{"code":%s}' % (b"2" * 5000), id="5,000 digits"),
        pytest.param(b'{"code":200,"data":' + b"[" * 200_000, id="200,000 levels"),
        pytest.param(b'{"code":200,"data":' + b'{"data":' * 100_000, id="deep objects"),
        pytest.param(ACCEPTED.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b"\x1f\x8b\x08\x00broken gzip", id="gzip"),
        pytest.param(b"\xff" * 100, id="noise"),
    ],
)
def test_success_without_one_good_id_is_unknown(body: bytes):
    """Perhaps paid; the evidence is kept."""
    verdict = judge(True, 200, body, None)
    assert UNKNOWN is verdict.kind
    assert verdict.evidence is not None
    assert 200 == verdict.evidence.status


@pytest.mark.parametrize("fault", [BROKEN, TIMEOUT, TOO_LARGE], ids=lambda f: f.kind)
def test_a_whole_answer_of_a_broken_exchange_is_to_be_confirmed(fault: Fault):
    """The id is there, but something was wrong: look before believing it."""
    verdict = judge(True, 200, ACCEPTED, fault)
    assert (GOOD, TASK_ID, False) == (verdict.kind, verdict.task_id, verdict.confirmed)


# --- sent, and answered with a refusal ------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind", "cls"),
    [
        (400, "invalid_request", "invalid_request_error", errors.InvalidRequestError),
        (401, "invalid_api_key", "authentication_error", errors.AuthenticationError),
        (402, "insufficient_credits", "billing_error", errors.InsufficientCreditsError),
        (403, "ip_not_allowed", "permission_error", errors.PermissionDeniedError),
        (404, "model_not_found", "invalid_request_error", errors.ModelNotFoundError),
        (429, "spend_limit_exceeded", "billing_error", errors.SpendLimitError),
        (503, "upstream_error", "upstream_error", errors.UpstreamError),
    ],
)
def test_a_documented_refusal_is_rejected(
    status: int, code: str, kind: str, cls: type[errors.APIError]
):
    """Never sent again by itself; the error says it in the API's words."""
    verdict = judge(True, status, envelope(code, kind, "Sorry."), None)
    error = verdict.error
    assert REJECTED is verdict.kind
    assert type(error) is cls
    assert (status, code, kind, "Sorry.") == (
        error.status,
        error.code,
        error.type,
        error.message,
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            envelope("rate_limit_exceeded", "rate_limit_error"), id="documented"
        ),
        pytest.param(HTML, id="HTML of a proxy"),
        pytest.param(b"", id="empty"),
    ],
)
@pytest.mark.parametrize("retry_after", [None, 7.5], ids=["", "Retry-After"])
def test_the_rate_limit_refuses_before_any_work(body: bytes, retry_after: float | None):
    """It is not a failure; it goes back into the queue."""
    verdict = judge(True, 429, body, None, retry_after=retry_after)
    assert RETRY_LATER is verdict.kind
    assert type(verdict.error) is errors.RateLimitError
    assert retry_after == verdict.error.retry_after


@pytest.mark.parametrize(
    ("code", "kind"),
    [("spend_limit_exceeded", "billing_error"), ("monthly_limit", "billing_error")],
)
def test_a_429_about_money_is_no_rate_limit(code: str, kind: str):
    """Or everybody would spin on an empty purse."""
    verdict = judge(True, 429, envelope(code, kind), None, retry_after=5.0)
    assert REJECTED is verdict.kind
    assert isinstance(verdict.error, errors.BillingError)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 411, 413, 415, 422, 451]
)
@pytest.mark.parametrize(
    "body",
    [HTML, b"", b"null", b'{"error":null}', b'{"error":[]}', b'{"message":"no"}'],
    ids=["HTML", "empty", "null", "no error", "a list", "another body"],
)
def test_a_4xx_in_other_words_is_rejected_all_the_same(status: int, body: bytes):
    """By a firewall, or an early 413: refused before it could be charged."""
    verdict = judge(True, status, body, None)
    assert REJECTED is verdict.kind
    assert isinstance(verdict.error, errors.APIError)
    assert (status, None) == (verdict.error.status, verdict.error.code)
    assert "without the API's error body" in verdict.error.message


@pytest.mark.parametrize(("status", "asks"), [(404, True), (403, False)])
def test_a_404_in_other_words_suggests_a_wrong_address(status: int, asks: bool):
    """Somebody else's server knows nothing of our paths."""
    error = judge(True, status, HTML, None).error
    assert asks == ("Is base_url right?" in str(error))


@pytest.mark.parametrize("status", [408, 409, 425, 499])
@pytest.mark.parametrize(
    "body",
    [HTML, envelope("rate_limit_exceeded"), envelope("invalid_request")],
    ids=["HTML", "rate limit", "invalid"],
)
def test_what_a_proxy_may_invent_after_the_work_is_unknown(status: int, body: bytes):
    """Timeouts, conflicts and hang-ups say nothing about the charge."""
    assert UNKNOWN is judge(True, status, body, None).kind


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        pytest.param(500, envelope("internal_error"), None, id="500 documented"),
        pytest.param(500, envelope("upstream_error"), None, id="500 upstream"),
        pytest.param(500, b"", None, id="500 empty"),
        pytest.param(502, HTML, None, id="502 HTML"),
        pytest.param(503, HTML, None, id="503 HTML"),
        pytest.param(503, b"", None, id="503 empty"),
        pytest.param(503, envelope("overloaded"), None, id="503 another code"),
        pytest.param(
            503, b'{"error":{"type":"upstream_error"}}', None, id="503 no code"
        ),
        pytest.param(503, b'{"error":"upstream_error"}', None, id="503 in words"),
        pytest.param(503, envelope("upstream_error"), BROKEN, id="503 that broke"),
        pytest.param(503, envelope("upstream_error")[:-2], None, id="503 cut off"),
        pytest.param(503, ACCEPTED, None, id="503 with an id"),
        pytest.param(504, HTML, None, id="504 HTML"),
        pytest.param(522, HTML, None, id="522 of a CDN"),
        pytest.param(599, envelope("upstream_error"), None, id="599"),
        pytest.param(600, envelope("upstream_error"), None, id="600"),
        pytest.param(101, b"", None, id="101"),
        pytest.param(199, ACCEPTED, None, id="199"),
        pytest.param(0, ACCEPTED, None, id="0"),
        pytest.param(-200, ACCEPTED, None, id="negative"),
        pytest.param(99999, ACCEPTED, None, id="99999"),
    ],
)
def test_every_other_status_is_unknown(status: int, body: bytes, fault: Fault | None):
    """The documents say nothing about the charge, so neither do we."""
    verdict = judge(True, status, body, fault)
    assert UNKNOWN is verdict.kind
    assert verdict.evidence is not None
    reason = f"HTTP {status} does not say whether the request was charged"
    assert reason == verdict.evidence.reason


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_never_followed(status: int):
    """Following it would send the request, or the key, twice."""
    verdict = judge(True, status, ACCEPTED, None)
    assert UNKNOWN is verdict.kind
    assert verdict.evidence is not None
    assert "is base_url right?" in verdict.evidence.reason


# --- what it says ---------------------------------------------------------------


def test_the_evidence_is_what_the_exchange_left_behind():
    """Status, the first 2 KiB made printable, the fault, and the reason."""
    verdict = judge(True, 502, b"<h1>\x1b[31mBad</h1>" + b"x" * 5000, TIMEOUT)
    expected = Evidence(
        status=502,
        body="<h1> [31mBad</h1>" + "x" * (2048 - 17),
        fault="timeout: no answer within 60 s",
        reason="HTTP 502 does not say whether the request was charged",
    )
    assert expected == verdict.evidence


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (None, b"", "no answer arrived"),
        (200, b"{", "the answer is not JSON"),
        (200, b"{}", "the answer holds no well-formed task id"),
    ],
    ids=["no answer", "no JSON", "no id"],
)
def test_the_evidence_gives_a_reason(status: int | None, body: bytes, reason: str):
    """In one sentence; without a fault that line is empty."""
    verdict = judge(True, status, body, None)
    assert verdict.evidence is not None
    assert verdict.evidence.reason.startswith(reason)
    assert "" == verdict.evidence.fault


@pytest.mark.parametrize(
    ("said", "message", "code"),
    [
        pytest.param(b'{"error":"no"}', "no", None, id="in words"),
        pytest.param(b'{"error":{}}', "no message.", None, id="nothing"),
        pytest.param(b'{"error":{"message":7,"code":7}}', "7", None, id="numbers"),
        pytest.param(b'{"error":{"message":null,"code":""}}', "no message.", None,
                     id="null"),
        pytest.param(b'{"error":{"message":"a\\u001b[31m","code":"x\\ny"}}', "a [31m",
                     "x y", id="control characters"),
        pytest.param(b'{"error":{"message":"%s","code":"%s"}}' % (b"m" * 600, b"c" * 200),
                     "m" * 500, "c" * 100, id="long"),
    ],
)  # fmt: skip
def test_the_words_of_a_refusal_are_made_safe(
    said: bytes, message: str, code: str | None
):
    """Printable, short, and never missing."""
    error = judge(True, 400, said, None).error
    assert isinstance(error, errors.InvalidRequestError)
    assert (message, code) == (error.message, error.code)


# --- salvage --------------------------------------------------------------------


def test_an_id_that_arrived_in_full_is_salvaged_from_a_cut_off_answer():
    """Cut at every byte: before the id's closing quote it is unknown, after it ours."""
    whole = ACCEPTED.index(TASK_ID.encode()) + len(TASK_ID) + 1
    for end in range(len(ACCEPTED)):
        verdict = judge(True, 200, ACCEPTED[:end], BROKEN)
        if end < whole:
            assert (UNKNOWN, None) == (verdict.kind, verdict.task_id)
        else:
            assert (GOOD, TASK_ID) == (verdict.kind, verdict.task_id)
            assert not verdict.confirmed


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(codecs.BOM_UTF8 + ACCEPTED[:-1], id="BOM"),
        pytest.param(b' \n{ "code" : 200 ,\n"data" : { "taskId" : "t-1" ', id="blanks"),
        pytest.param(
            b'{"code":200,"msg":"\xff","data":{"taskId":"t-1"', id="bad UTF-8"
        ),
        pytest.param(
            b'{"code":200,"msg":"a\nb","data":{"taskId":"t-1"}}', id="line end"
        ),
        pytest.param(
            b'{"code":200,"data":{"taskId":"t-1"},"cost":NaN}', id="NaN after it"
        ),
    ],
)
def test_a_broken_answer_in_the_documented_form_is_salvaged(body: bytes):
    """To be confirmed by a look; there is no decoded answer."""
    verdict = judge(True, 200, body, None)
    assert (GOOD, False, None) == (verdict.kind, verdict.confirmed, verdict.reply)
    assert verdict.task_id in {TASK_ID, "t-1"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b'{"code":500,"data":{"taskId":"t-1"', id="code 500"),
        pytest.param(200, b'{"code":2001,"data":{"taskId":"t-1"', id="code 2001"),
        pytest.param(200, b'{"data":{"taskId":"t-1"', id="no code"),
        pytest.param(200, b'{"msg":"","code":200,"data":{"taskId":"t-1"', id="other order"),
        pytest.param(200, b'{"code":200,"taskId":"t-1"', id="outside data"),
        pytest.param(200, b'{"code":200,"data":{"old":{},"taskId":"t-1"', id="not first"),
        pytest.param(200, b'{"code":200,"data":{"taskId":"a b"', id="bad id"),
        pytest.param(200, b'{"code":200,"data":{"taskId":"%s"' % (b"x" * 129), id="long"),
        pytest.param(200, b'x{"code":200,"data":{"taskId":"t-1"', id="not from the start"),
        pytest.param(200, b'{"code":200,"data":{"taskId":"a"},"b":{"taskId":"b"',
                     id="two ids"),
        pytest.param(200, b'{"code":200,"data":{"taskId":"a"},"b":{"taskId":',
                     id="half a second id"),
        pytest.param(400, ACCEPTED[:-1], id="400"),
        pytest.param(502, ACCEPTED[:-1], id="502"),
        pytest.param(302, ACCEPTED[:-1], id="302"),
        pytest.param(None, ACCEPTED[:-1], id="no status"),
    ],
)  # fmt: skip
def test_nothing_is_salvaged_from_anything_else(status: int | None, body: bytes):
    """A doubtful id would be somebody else's task."""
    verdict = judge(True, status, body, BROKEN)
    assert GOOD is not verdict.kind
    assert verdict.task_id is None


# --- requests that make no task -------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        pytest.param(b'{"credits": 4}', {"credits": 4}, id="an estimate"),
        pytest.param(b'{"code":500}', {"code": 500}, id="any code"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"", None, id="nothing, as with 204"),
    ],
)
def test_where_no_task_is_made_any_whole_answer_is_success(body: bytes, reply: Any):
    """As for `client.request`; there is nothing to be confirmed."""
    verdict = judge(True, 200, body, None, makes_task=False)
    assert (GOOD, reply, None) == (verdict.kind, verdict.reply, verdict.task_id)
    assert verdict.confirmed


def test_a_task_is_noticed_where_none_was_expected():
    """An id that was paid for is never dropped."""
    verdict = judge(True, 200, ACCEPTED, None, makes_task=False)
    assert (GOOD, TASK_ID) == (verdict.kind, verdict.task_id)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        pytest.param(200, b'{"credits": 4}', BROKEN, id="whole, but it broke"),
        pytest.param(204, b"", BROKEN, id="nothing, but it broke"),
        pytest.param(200, b" ", None, id="blank"),
        pytest.param(200, b'{"credits": ', None, id="cut off"),
        pytest.param(200, ACCEPTED[:-1], None, id="cut off after an id"),
        pytest.param(500, b"{}", None, id="500"),
        pytest.param(None, b"", TIMEOUT, id="no answer"),
    ],
)
def test_where_no_task_is_made_a_broken_answer_is_unknown(
    status: int | None, body: bytes, fault: Fault | None
):
    """It could have cost money all the same."""
    assert UNKNOWN is judge(True, status, body, fault, makes_task=False).kind
