"""The judge is total: whatever comes back, its word keeps the promises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async import errors
from aivideo_async.models import Fault, FaultKind
from aivideo_async.models.strictjson import encode
from aivideo_async.models.tasks import is_task_id
from aivideo_async.policy.judge import LookKind, Verdict, VerdictKind, judge, judge_look
from tests.models.strategies import JSON
from tests.policy.answers import ACCEPTED, DOCUMENTED, envelope

DOCUMENTS = [ACCEPTED, *(envelope(code, kind) for _, code, kind in DOCUMENTED)]
STATUSES = (
    st.none()
    | st.sampled_from([200, 202, 301, 307, 400, 402, 404, 408, 409, 425, 429, 499])
    | st.sampled_from([500, 502, 503, 504])
    | st.integers()
)


def cut(body: bytes) -> st.SearchStrategy[bytes]:
    """Cut *body* anywhere, or nowhere."""
    return st.integers(0, len(body)).map(lambda end: body[:end])


BODIES = (
    st.binary()
    | st.sampled_from(DOCUMENTS)
    | st.sampled_from(DOCUMENTS).flatmap(cut)
    | JSON.map(encode)
    | st.fixed_dictionaries({"error": JSON}).map(encode)
    | st.fixed_dictionaries(
        {"code": st.just(200) | JSON, "data": st.fixed_dictionaries({"taskId": JSON})}
    ).map(encode)
)
FAULTS = st.none() | st.builds(Fault, st.sampled_from(FaultKind), st.text())
EXCHANGES = st.tuples(st.booleans(), STATUSES, BODIES, FAULTS)
AFTER = st.none() | st.floats(0, 86400)


@given(EXCHANGES, AFTER, st.booleans())
def test_the_judge_always_has_a_word(
    exchange: Any, retry_after: float | None, makes_task: bool
):
    """It never raises, and gives what belongs to its verdict and nothing else."""
    verdict = judge(*exchange, retry_after=retry_after, makes_task=makes_task)
    kind = verdict.kind
    refused = kind not in {VerdictKind.ACCEPTED, VerdictKind.UNKNOWN}
    assert (kind is VerdictKind.UNKNOWN) == (verdict.evidence is not None)
    assert refused == (verdict.error is not None)
    assert kind is VerdictKind.ACCEPTED or verdict.task_id is None
    assert not verdict.fatal or kind is VerdictKind.NOT_SENT


@given(EXCHANGES, st.booleans())
def test_not_sent_is_what_was_not_sent(exchange: Any, makes_task: bool):
    """The mark alone decides; only a refused certificate is fatal."""
    sent, _, _, fault = exchange
    verdict = judge(*exchange, makes_task=makes_task)
    assert sent == (verdict.kind is not VerdictKind.NOT_SENT)
    certificate = fault is not None and fault.kind is FaultKind.CERTIFICATE
    assert verdict.fatal == (not sent and certificate)


@given(EXCHANGES)
def test_accepted_is_a_2xx_with_a_good_id(exchange: Any):
    """The id stands in the answer; it is confirmed only if nothing was wrong."""
    _, status, body, fault = exchange
    verdict = judge(*exchange)
    if verdict.kind is VerdictKind.ACCEPTED:
        assert 200 <= status < 300
        assert verdict.task_id is not None
        assert is_task_id(verdict.task_id)
        assert b'"%s"' % verdict.task_id.encode() in body
        assert not (verdict.confirmed and fault)


@given(EXCHANGES)
def test_a_refusal_has_a_status_that_says_so(exchange: Any):
    """RETRY_LATER is a 429; REJECTED a 4xx, or the one documented 503."""
    _, status, body, fault = exchange
    verdict = judge(*exchange)
    if verdict.kind is VerdictKind.RETRY_LATER:
        assert 429 == status
        assert isinstance(verdict.error, errors.RateLimitError)
    if verdict.kind is VerdictKind.REJECTED:
        assert 400 <= status < 500 or (503 == status and fault is None)
        assert status != 503 or b"upstream_error" in body


@given(
    st.sampled_from([None, 408, 409, 425, 499]) | st.integers(300, 399), BODIES, FAULTS
)
def test_an_ambiguous_status_is_unknown(
    status: int | None, body: bytes, fault: Fault | None
):
    """Whatever the body says."""
    assert VerdictKind.UNKNOWN is judge(True, status, body, fault).kind


@given(
    st.integers(500, 599),
    BODIES | st.just(envelope("upstream_error")),
    st.builds(Fault, st.sampled_from(FaultKind)),
)
def test_a_broken_5xx_is_unknown(status: int, body: bytes, fault: Fault):
    """Not even the documented refund is believed then."""
    assert VerdictKind.UNKNOWN is judge(True, status, body, fault).kind


@given(EXCHANGES, AFTER)
def test_a_look_always_has_a_word(exchange: Any, retry_after: float | None):
    """It never raises; OK has the answer, everything else an error of ours."""
    look = judge_look(*exchange, retry_after=retry_after)
    assert (look.kind is LookKind.OK) == (look.error is None)
    assert look.data is None or look.kind is LookKind.OK


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_there_is_no_depth_that_breaks_the_judge(opening: bytes):
    """What can be decoded can be shown."""
    closing = b"]" if opening == b"[" else b"}"
    for depth in range(800, 1000):
        inner = opening * depth + b"1" + closing * depth
        body = b'{"error":{"message":%b}}' % inner
        assert isinstance(judge(True, 400, body, None), Verdict)
        assert LookKind.FATAL is judge_look(True, 400, body, None).kind
